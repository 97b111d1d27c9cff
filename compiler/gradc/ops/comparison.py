"""Comparisons, connectives and selection. ``where`` passes the derivative through the branch taken."""

from __future__ import annotations

import operator

from gradc.ir.algebra import guarded, negation
from gradc.ir.scalar import Op, register
from gradc.ops import emit, forms
from gradc.ops.table import boolean, one, promoted

_RELATIONS = {
    "less": ("<", operator.lt, "Lt"),
    "less_equal": (r"\le", operator.le, "Le"),
    "greater": (">", operator.gt, "Gt"),
    "greater_equal": (r"\ge", operator.ge, "Ge"),
    "equal": ("=", operator.eq, "Eq"),
    "not_equal": (r"\ne", operator.ne, "Ne"),
}
for _name, (_latex, _relation, _sympy) in _RELATIONS.items():
    register(
        Op(
            _name,
            2,
            boolean,
            None,
            f"numpy.{_name}",
            lambda mp, a, b, relation=_relation: relation(a, b),
            _sympy,
            latex=_latex,
            lower=emit.comparison(_name),
            cost=1,
        )
    )

register(
    Op("and", None, boolean, None, forms.n_ary("logical_and"), lambda mp, *p: all(p), "And", cost=1, commutative=True)
)
register(
    Op("or", None, boolean, None, forms.n_ary("logical_or"), lambda mp, *p: any(p), "Or", cost=1, commutative=True)
)
register(
    Op("not", 1, boolean, None, "numpy.logical_not", lambda mp, p: not p, lambda s, p: s.Not(s.sympify(p)), cost=1)
)

register(
    Op(
        "where",
        3,
        lambda dtypes: promoted(dtypes[1:]),
        lambda y, p, a, b: (None, guarded(p, one(y)), guarded(negation(p), one(y))),
        "numpy.where",
        lambda mp, p, a, b: a if p else b,
        lambda s, p, a, b: s.Piecewise((a, p), (b, True)),
        lower="select",
        cost=1,
    )
)
