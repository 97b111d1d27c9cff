"""A function of the user's applied to slices, entries or indices: it is called for each of them, and the results are joined."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gradc.trace.context import shape_error, trace_error
from gradc.trace.elementwise import astype, broadcast_shapes
from gradc.trace.joining import stacked
from gradc.trace.ranges import indices
from gradc.trace.registry import implements
from gradc.trace.shaping import broadcast_to, expand_dims, moveaxis, normal_axis, reshape
from gradc.trace.tracer import TracedArray, lift

#: A function is called at most this often: each call adds its own operations to the compiled code.
_MOST_CALLS = 4096


def _each(shape: Sequence[Any], what: str) -> list[tuple[int, ...]]:
    """The positions of the calls."""
    extents = [operator.index(e) for e in shape]
    if math.prod(extents) > _MOST_CALLS:
        raise trace_error(
            f"{what} would call the function {math.prod(extents)} times while tracing; "
            "write it with operations on whole arrays, or use gradc.vmap"
        )
    return list(np.ndindex(*extents))


def _grid(entries: Sequence[Any], shape: Sequence[Any]) -> TracedArray:
    """Results of equal shapes over a grid of calls, whose axes come first."""
    lifted = [lift(e) for e in entries]
    return reshape(stacked(lifted), (*shape, *lifted[0].shape))


# ---------------------------------------------------------------- along axes


@implements(np.apply_along_axis)
def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any) -> TracedArray:
    """A function of vectors applied to each vector along an axis."""
    x = lift(arr)
    place = normal_axis(axis, x.ndim)
    last = moveaxis(x, place, -1)
    positions = _each(last.shape[:-1], "np.apply_along_axis")
    if not positions:
        raise shape_error("Cannot apply_along_axis when any iteration dimensions are 0")
    result = _grid([func1d(last[position], *args, **kwargs) for position in positions], last.shape[:-1])
    added = result.ndim - (last.ndim - 1)
    source = list(range(last.ndim - 1, result.ndim))
    return moveaxis(result, source, list(range(place, place + added)))


@implements(np.apply_over_axes)
def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> TracedArray:
    """A reduction applied over several axes, one after the other; the axes stay, with extent 1."""
    result = lift(a)
    for axis in axes if isinstance(axes, tuple | list) else (axes,):
        place = normal_axis(axis, lift(a).ndim)
        reduced = lift(func(result, place))
        if reduced.ndim != result.ndim:
            reduced = expand_dims(reduced, place)
            if reduced.ndim != result.ndim:
                raise shape_error("function is not returning an array of the correct shape")
        result = reduced
    return result


@implements(np.fromfunction)
def fromfunction(
    function: Callable[..., Any], shape: Any, *, dtype: Any = float, like: Any = None, **kwargs: Any
) -> Any:
    """A function of the arrays of indices."""
    return function(*indices(shape, dtype), **kwargs)


# ---------------------------------------------------------------- entry by entry


class Vectorized:
    """``np.vectorize``: the function is called for each entry, or with a signature for each core array."""

    def __init__(
        self,
        pyfunc: Any = None,
        otypes: Any = None,
        doc: str | None = None,
        excluded: Any = None,
        cache: bool = False,
        signature: str | None = None,
    ) -> None:
        self.pyfunc, self.excluded, self.signature = pyfunc, set(excluded or ()), signature
        self.otypes = list(otypes) if otypes is not None else None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.pyfunc is None:  # used as a decorator with options
            return Vectorized(args[0], self.otypes, None, self.excluded, False, self.signature)
        if not args and not kwargs:
            raise trace_error("a vectorized function needs an argument; pass an array or a number")
        names = [k for k in range(len(args)) if k not in self.excluded]
        keys = [k for k in kwargs if k not in self.excluded]
        arrays = [lift(args[k]) for k in names] + [lift(kwargs[k]) for k in keys]
        cores, results = _signature(self.signature, len(arrays))
        loops = [x.extents[: x.ndim - len(core)] for x, core in zip(arrays, cores, strict=True)]
        _check_cores(arrays, cores)
        shape = broadcast_shapes(*loops)
        spread = [
            broadcast_to(x, (*shape, *x.shape[x.ndim - len(core) :])) for x, core in zip(arrays, cores, strict=True)
        ]

        def called(position: tuple[int, ...]) -> Any:
            values = [x[position] if position else _entry(x) for x in spread]
            given = list(args)
            for k, value in zip(names, values, strict=False):
                given[k] = value
            return self.pyfunc(*given, **kwargs | dict(zip(keys, values[len(names) :], strict=True)))

        positions = _each(spread[0].shape[: len(shape)], "np.vectorize")
        if not positions:
            raise shape_error("cannot call `vectorize` on size 0 inputs unless `otypes` is set")
        outcomes = [called(position) for position in positions]
        return self._joined(outcomes, [operator.index(e) for e in spread[0].shape[: len(shape)]], results)

    def _joined(self, outcomes: Sequence[Any], shape: Sequence[int], results: int | None) -> Any:
        several = isinstance(outcomes[0], tuple) if results is None else results > 1
        columns = list(zip(*outcomes, strict=True)) if several else [outcomes]
        grids = [_grid(column, shape) for column in columns]
        if self.otypes is not None:
            grids = [astype(grid, np.dtype(kind)) for grid, kind in zip(grids, self.otypes, strict=True)]
        return tuple(grids) if several else grids[0]


def _entry(x: TracedArray) -> Any:
    return x[()] if not x.ndim else x


def _signature(signature: str | None, count: int) -> tuple[list[list[str]], int | None]:
    """The core axes of each argument, and how many results there are (None: as many as the function returns)."""
    if signature is None:
        return [[]] * count, None
    left, arrow, right = signature.replace(" ", "").partition("->")
    cores = [[name for name in part.split(",") if name] for part in left.strip("()").split("),(")]
    if not arrow or len(cores) != count:
        raise trace_error(
            f"the signature {signature!r} is of {len(cores)} arguments, not of {count}; write '(n),(n)->()'"
        )
    return cores, right.count("(")


def _check_cores(arrays: Sequence[TracedArray], cores: Sequence[Sequence[str]]) -> None:
    sizes: dict[str, Any] = {}
    for x, core in zip(arrays, cores, strict=True):
        if x.ndim < len(core):
            raise shape_error(
                f"{x.ndim}-dimensional argument does not have enough dimensions for all core dimensions {core}"
            )
        for name, extent in zip(core, x.extents[x.ndim - len(core) :], strict=True):
            if sizes.setdefault(name, extent) != extent:
                raise shape_error(f"inconsistent size for core dimension {name!r}: {extent} and {sizes[name]}")


def nditer(*args: Any, **kwargs: Any) -> Any:
    """Not traceable: it hands out parts of memory."""
    raise trace_error("np.nditer walks through memory, which can't be traced; use np.ndenumerate(x) or `for row in x`")


def ndenumerate(arr: Any) -> Iterator[tuple[tuple[int, ...], Any]]:
    """The positions of an array's entries, with the entries."""
    x = lift(arr)
    return ((position, x[position]) for position in np.ndindex(*[operator.index(e) for e in x.shape]))
