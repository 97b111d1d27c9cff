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
    if source.name == "argsort":
        return terms.call("np.argsort", *operands, options=', kind="stable"', hint="order")
    if source.name == "searchsorted" and source.operands[0].rank == 1:
        return terms.call("np.searchsorted", *operands, options=f', side="{options["side"]}"', hint="place")
    if source.name == "fft":
        function = 'np.fft.ifft({0}, norm="forward")' if options["inverse"] else "np.fft.fft({0})"
        return _as_pairs(terms.make(function, [_complex(operands[0], terms)], hint="frequencies"), terms)
    if source.name == "rfft":
        return _as_pairs(terms.call("np.fft.rfft", *operands, hint="frequencies"), terms)
    if source.name == "irfft":
        count = source.results[0].shape[-1]
        return terms.call("np.fft.irfft", _complex(operands[0], terms), options=f', n={count}, norm="forward"')
    if source.name in ("eigh", "svd", "slogdet"):
        extra = ", full_matrices=False" if source.name == "svd" and not options.get("full_matrices") else ""
        whole = terms.call(f"np.linalg.{source.name}", *operands, options=extra)
        return terms.subscript(whole, str(position))
    raise ArgumentError(f"the library call {source.name} has no NumPy source")


def _complex(pairs: Term, terms: Terms) -> Term:
    """Pairs of real numbers as complex ones."""
    real, imaginary = (terms.subscript(pairs, f"..., {part}") for part in (0, 1))
    return terms.binary("+", real, terms.binary("*", terms.atom("1j"), imaginary))


def _as_pairs(whole: Term, terms: Terms) -> Term:
    """Complex numbers as pairs of real ones."""
    parts = [terms.attribute(whole, name) for name in ("real", "imag")]
    return terms.make("np.stack([{0}, {1}], axis=-1)", parts, hint="pairs")
