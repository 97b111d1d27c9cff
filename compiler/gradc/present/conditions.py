"""The conditions of a formula, written."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.ir.scalar import Scalar, Size
from gradc.ir.tensor import Graph, Tensor
from gradc.ir.walk import free_indices, post_order
from gradc.present.index_form import IndexForm
from gradc.present.matrix_form import MatrixForm, NoMatrixFormError
from gradc.present.notation import Ellipsis, Name, Notation
from gradc.present.symbols import fresh_letters


def written_conditions(
    graph: Graph, conditions: Sequence[Sequence[Scalar]], symbols: Sequence[Name], long: int = 0
) -> tuple[Notation, ...]:
    """The conditions of all outputs as notation, each once; entries have the letters of their formula.

    ``long`` says how many are left out.
    """
    extents = [e for t in graph.inputs for e in t.shape if isinstance(e, Scalar)]
    sizes = [s.name for s in post_order(extents) if isinstance(s, Size)]
    letters = fresh_letters([name.plain for name in symbols] + sizes)
    names: dict[Tensor, Notation] = dict(zip(graph.inputs, symbols, strict=False))
    matrices = MatrixForm(names)

    def whole(tensor: Tensor) -> Notation | None:
        """The result of a library call, with its operands: ``det(X)``."""
        try:
            return matrices.tensor(tensor)
        except NoMatrixFormError:
            return None

    form = IndexForm(names, letters, whole)
    written: dict[Notation, None] = {}
    for listed in conditions:
        for predicate in listed:
            count = max((k + 1 for k in free_indices(predicate)), default=0)
            written[form.condition(predicate, form.letters(count))] = None
    if long:
        written[Ellipsis(f"{long} more on longer expressions")] = None
    return tuple(written)
