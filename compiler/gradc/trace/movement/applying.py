"""A function of the user's applied to slices, entries or indices: it is called for each of them, and the results are joined."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gradc.errors import TraceError
from gradc.ir.tensor import Extent, Tensor
from gradc.trace.arrays.tracer import TracedArray, lift, literal_value
from gradc.trace.context import current_trace, shape_error, trace_error
from gradc.trace.elements.elementwise import astype, broadcast_shapes
from gradc.trace.movement.joining import stacked
from gradc.trace.movement.ranges import indices
from gradc.trace.movement.shaping import broadcast_to, expand_dims, moveaxis, normal_axis, reshape
from gradc.trace.registry import implements

#: Outputs of a graph with one more, leading axis, as some of its inputs have it.
Batching = Callable[[Sequence[Tensor], Mapping[Tensor, Tensor], Extent], tuple[Tensor, ...]]
_rules: list[Batching] = []
#: A function that can't be called once for all is called at most this often: each call adds its own operations.
_MOST_CALLS = 1024
_FEW_CALLS = 64


def batch_with(rules: Batching) -> None:
    """Take these rules of batching, which are of a room that tracing does not know."""
    _rules[:] = [rules]


def _mapped(
    function: Callable[..., Any], arrays: Sequence[TracedArray], shape: tuple[Any, ...], what: str
) -> tuple[list[TracedArray], bool]:
    """The function over the leading axes of the arrays, and whether it returned a tuple: each result with these axes.

    It is called once, for all entries; where that needs a value, or a few known entries differ (and may be branched on),
    for each entry.
    """
    count = math.prod(shape)
    flat = [reshape(x, (count, *x.shape[len(shape) :])) for x in arrays]
    known = [literal_value(x) for x in flat]
    differ = any(value is not None and value.size and (value != value.flat[0]).any() for value in known)
    few = isinstance(flat[0].extents[0], int) and flat[0].extents[0] <= _FEW_CALLS
    if not _rules or all(value is not None for value in known) or (differ and few):
        results, several = _called_for_each(function, flat, what)
    else:
        try:
            results, several = _called_once(function, flat)
        except TraceError:
            if not isinstance(flat[0].extents[0], int) or flat[0].extents[0] > _MOST_CALLS:
                raise
            results, several = _called_for_each(function, flat, what)
    return [reshape(result, (*shape, *result.shape[1:])) for result in results], several


def _called_once(function: Callable[..., Any], arrays: Sequence[TracedArray]) -> tuple[list[TracedArray], bool]:
    """One call on entries that stand for all of them."""
    trace = current_trace()
    inputs = [trace.argument("an entry", x.extents[1:], x.dtype) for x in arrays]
    trace.local.update(inputs)
    outcome = function(*[TracedArray(tensor, immutable=not tensor.shape) for tensor in inputs])
    several = isinstance(outcome, tuple)
    outputs = [lift(result).tensor for result in (outcome if several else (outcome,))]
    batched: dict[Tensor, Tensor] = dict(zip(inputs, [x.tensor for x in arrays], strict=True))
    return [TracedArray(t) for t in _rules[0](outputs, batched, arrays[0].extents[0])], several


def _called_for_each(
    function: Callable[..., Any], arrays: Sequence[TracedArray], what: str
) -> tuple[list[TracedArray], bool]:
    count = operator.index(arrays[0].shape[0])
    if count > _MOST_CALLS:
        raise trace_error(
            f"{what} would call the function {count} times while tracing; write it with operations on whole arrays"
        )
    outcomes = [function(*[x[k] for x in arrays]) for k in range(count)]
    several = isinstance(outcomes[0], tuple)
    columns = list(zip(*outcomes, strict=True)) if several else [outcomes]
    return [_of_first_dtype([lift(result) for result in column]) for column in columns], several


def _of_first_dtype(column: Sequence[TracedArray]) -> TracedArray:
    """The results of the calls as one array: NumPy makes it of the dtype of the first."""
    return stacked([astype(result, column[0].dtype) for result in column])


# ---------------------------------------------------------------- along axes


@implements(np.apply_along_axis)
def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any) -> TracedArray:
    """A function of vectors applied to each vector along an axis."""
    x = lift(arr)
    place = normal_axis(axis, x.ndim)
    last = moveaxis(x, place, -1)
    if any(e == 0 for e in last.extents[:-1]):
        raise shape_error("Cannot apply_along_axis when any iteration dimensions are 0")
    leading = last.shape[:-1]
    results, _ = _mapped(lambda v: _as_array(func1d(v, *args, **kwargs)), [last], leading, "np.apply_along_axis")
    result = results[0]
    added = result.ndim - (last.ndim - 1)
    source = list(range(last.ndim - 1, result.ndim))
    return moveaxis(result, source, list(range(place, place + added)))


def _as_array(result: Any) -> TracedArray:
    """What a function of vectors returned, a list too."""
    return lift(list(result) if isinstance(result, tuple) else result)


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

        def called(*values: Any) -> Any:
            given = list(args)
            for k, value in zip(names, values, strict=False):
                given[k] = value
            return self.pyfunc(*given, **kwargs | dict(zip(keys, values[len(names) :], strict=True)))

        if any(e == 0 for e in shape):
            raise shape_error("cannot call `vectorize` on size 0 inputs unless `otypes` is set")
        columns, several = _mapped(called, spread, spread[0].shape[: len(shape)], "np.vectorize")
        if results is not None and several != (results > 1):
            raise trace_error(
                f"the function returned a {'tuple' if several else 'single result'}; write its signature so"
            )
        if self.otypes is not None:
            columns = [astype(column, np.dtype(kind)) for column, kind in zip(columns, self.otypes, strict=True)]
        return tuple(columns) if several else columns[0]


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
