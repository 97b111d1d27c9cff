"""Ops that are ufuncs of SciPy: their machine code is the ufunc's own inner loop.

A row of such an op says how it is differentiated and written; what it computes is what SciPy computes. A ufunc with several
results is an op per result; they share one call. A ufunc that no row describes becomes an op of its name when it is first
met: its values are known, its derivatives are not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from gradc.ir.scalar import OPS, DType, Op, Scalar, Undefined, register
from gradc.ops.emit import Emitter, V
from gradc.ops.table import Partial
from gradc.ops.terms import Term

#: Where SciPy keeps all its special functions, those without a public name too.
MODULE = "scipy.special._ufuncs"
#: What a call costs, in units of an addition, where nothing else is said.
TYPICAL = 300.0


@dataclass(frozen=True)
class Loop:
    """The machine code of an op: one result of a ufunc's inner loop."""

    name: str
    #: how the function is called in source: ``jv``
    source: str
    module: str = MODULE
    outputs: int = 1
    output: int = 0

    @property
    def path(self) -> str:
        """Where the ufunc is found."""
        return f"{self.module}.{self.name}"

    def __call__(self, e: Emitter, *args: V) -> V:
        """The result for these operands, which keep their dtypes."""
        return e.loop(self, *args)

    @lru_cache(maxsize=512)  # noqa: B019 - rows live as long as the process
    def chosen(self, dtypes: tuple[DType, ...]) -> DType:
        """The dtype of the result for operands of several dtypes, as NumPy chooses the loop."""
        from gradc_runtime.ufuncs import loop_types, ufunc_at

        results = loop_types(ufunc_at(self.path), dtypes).partition("->")[2]
        return np.dtype(results[self.output])

    def of_arrays(self, np: Any, *args: Any) -> Any:
        """The result for arrays."""
        from gradc_runtime.ufuncs import ufunc_at

        with np.errstate(all="ignore"):
            results = ufunc_at(self.path)(*args)
        return results if self.outputs == 1 else results[self.output]


@dataclass(frozen=True)
class Row:
    """What a row of a special function says besides its name and its partial derivatives."""

    mpmath: str | Callable[..., Any] | None = None
    sympy: str | Callable[..., Any] | None = None
    latex: str | None = None
    #: per argument the interval that tests sample
    domain: tuple[tuple[float, float], ...] | None = None
    #: per argument ``d``, or ``l`` for an integer
    kinds: str = ""
    #: the relative error of SciPy's values in the domain, as far as tests ask
    accuracy: float = 1e-13
    cost: float = TYPICAL
    #: the ufunc, where the op is not called like it
    ufunc: str = ""
    source: str = ""
    #: code of our own, where it is better than the ufunc's
    lower: Any = None
    kink: str = ""
    outputs: int = 1
    output: int = 0


#: ``partials(y, *args)`` of terms: one per argument; a text names an argument in whose direction none is known.
Partials = Callable[..., Sequence[Term | str | None]]


def special(name: str, partials: Partials, arity: int = 1, **row: Any) -> Op:
    """Register a special function that is computed by SciPy's ufunc of that name."""
    return _registered(name, partials, arity, Row(**row))


def _registered(name: str, partials: Partials, arity: int, row: Row) -> Op:
    ufunc = row.ufunc or name
    source = row.source or ufunc.removeprefix("_")
    loop = Loop(ufunc, source, outputs=row.outputs, output=row.output)
    shown = source.partition("(")[0].rpartition(".")[2].strip("_")

    def checked(y: Scalar, *args: Scalar) -> Sequence[Partial]:
        found = partials(Term(y), *map(Term, args))
        return [Undefined(shown, p) if isinstance(p, str) else p.scalar if isinstance(p, Term) else p for p in found]

    return register(
        Op(
            name,
            arity,
            _result_of(loop),
            partials=checked,
            numpy=loop.of_arrays,
            mpmath=row.mpmath,
            sympy=row.sympy,
            latex=row.latex,
            lower=row.lower or loop,
            cost=row.cost,
            kink=row.kink,
            domain=row.domain,
            extra={
                "kinds": row.kinds or "d" * arity,
                "accuracy": row.accuracy,
                "by_partials": True,
                "takes_orders": True,
            },
        )
    )


def _result_of(loop: Loop) -> Callable[[Sequence[DType]], DType]:
    def result(dtypes: Sequence[DType]) -> DType:
        if dtypes[0].kind == "f" and len(set(dtypes)) == 1:
            return dtypes[0]
        return loop.chosen(tuple(dtypes))

    return result


# ---------------------------------------------------------------- ufuncs without a row

_lock = threading.Lock()


def rows_of(ufunc: np.ufunc, module: str, name: str) -> list[Op]:
    """The op of each result of a ufunc that a module has under that name; those that no row describes are made."""
    with _lock:
        known = _BY_LOOP.get((module, name)) or _find(module, name)
        if len(known) < ufunc.nout:
            known = _BY_LOOP[module, name] = [_unknown(ufunc, module, name, k) for k in range(ufunc.nout)]
    return known


_BY_LOOP: dict[tuple[str, str], list[Op]] = {}


def _find(module: str, name: str) -> list[Op]:
    found = [
        op for op in OPS.values() if isinstance(op.lower, Loop) and (op.lower.module, op.lower.name) == (module, name)
    ]
    found.sort(key=lambda op: op.lower.output)  # type: ignore[union-attr]
    _BY_LOOP[module, name] = found
    return found


def _unknown(ufunc: np.ufunc, module: str, name: str, output: int) -> Op:
    """A function that has values only."""
    op_name = name if ufunc.nout == 1 else f"{name}_{output}"
    loop = Loop(name, name, module, ufunc.nout, output)

    def partials(_: Scalar, *args: Scalar) -> Sequence[Partial]:
        return [Undefined(name, f"argument {k + 1}") for k in range(len(args))]

    return register(
        Op(
            op_name if op_name not in OPS else f"scipy_{op_name}",
            ufunc.nin,
            _result_of(loop),
            partials=partials,
            numpy=loop.of_arrays,
            lower=loop,
            cost=TYPICAL,
            extra={"by_partials": True, "takes_orders": True},
        )
    )
