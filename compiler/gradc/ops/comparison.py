"""Comparisons, connectives and selection. Comparisons have no derivative; ``where`` passes it through the branch taken."""

from __future__ import annotations

from gradc.ir.algebra import guarded, negation
from gradc.ir.scalar import Op, register
from gradc.ops import emit
from gradc.ops.table import boolean, one, promoted

for _name, _latex in (
    ("less", "<"),
    ("less_equal", r"\le"),
    ("greater", ">"),
    ("greater_equal", r"\ge"),
    ("equal", "="),
    ("not_equal", r"\ne"),
):
    register(Op(_name, 2, boolean, None, f"numpy.{_name}", latex=_latex, lower=emit.comparison(_name), cost=1))

register(Op("and", None, boolean, None, "numpy.logical_and", cost=1, commutative=True))
register(Op("or", None, boolean, None, "numpy.logical_or", cost=1, commutative=True))
register(Op("not", 1, boolean, None, "numpy.logical_not", cost=1))

register(
    Op(
        "where",
        3,
        lambda dtypes: promoted(dtypes[1:]),
        lambda y, p, a, b: (None, guarded(p, one(y)), guarded(negation(p), one(y))),
        "numpy.where",
        lower="select",
        cost=1,
    )
)
