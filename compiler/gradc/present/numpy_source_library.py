"""Library calls by the names that NumPy has for them."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.errors import ArgumentError
from gradc.ir.tensor import Extern
from gradc.present.numpy_source_text import Term, Terms


def library_call(source: Extern, operands: Sequence[Term], position: int, terms: Terms) -> Term:
    """One result of a library call on these operands; `ArgumentError` where NumPy has no such function."""
    options = dict(source.parameters)
    functions = {"cholesky": "np.linalg.cholesky", "inv": "np.linalg.inv", "det": "np.linalg.det"}
    if source.name in functions:
        return terms.call(functions[source.name], *operands)
    if source.name == "solve":
        if source.operands[1].rank > 1 and source.operands[1].rank == source.operands[0].rank - 1:
            column = terms.subscript(operands[1], "..., None")
            return terms.subscript(terms.call("np.linalg.solve", operands[0], column), "..., 0")
        return terms.call("np.linalg.solve", *operands)
    if source.name == "sort":
        function = "np.argsort" if position else "np.sort"
        axis = options.get("axis", -1)
        chosen = "" if axis in (-1, source.operands[0].rank - 1) else f", axis={axis}"
        return terms.call(function, *operands, options=f'{chosen}, kind="stable"')
    if source.name in ("eigh", "svd", "slogdet"):
        extra = ", full_matrices=False" if source.name == "svd" and not options.get("full_matrices") else ""
        whole = terms.call(f"np.linalg.{source.name}", *operands, options=extra)
        return terms.subscript(whole, str(position))
    raise ArgumentError(f"the library call {source.name} has no NumPy source")
