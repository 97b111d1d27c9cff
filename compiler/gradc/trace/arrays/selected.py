"""``x[mask]`` where the mask is computed from the arguments: how many entries it has is not known while tracing.

What can be said of such a selection without its size is said: elementwise operations, reductions, products that sum it up,
and assigning it back through the same mask. The axes of the mask stay in the place of the one axis that they select along;
entries that are not selected are never evaluated. ``np.nonzero(mask)`` is such a selection of the indices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.ir.algebra import guarded, less_equal
from gradc.ir.scalar import apply, index, number
from gradc.ir.tensor import compute
from gradc.trace.arrays.storage import axes, entry
from gradc.trace.arrays.tracer import TracedArray, constant_array, known_value, lift, wrap
from gradc.trace.context import located, trace_error
from gradc.trace.elements.elementwise import apply_ufunc, astype, where
from gradc.trace.reducing import reductions
from gradc.trace.registry import FUNCTIONS, METHODS, implements

_UNKNOWN = (
    "the number of true entries of the mask is not known while the function is traced; use np.where(mask, x, 0), "
    "or np.where(mask, x, np.nan) with np.nanmedian and its kind"
)

#: Functions of a selection that are reductions of its entries.
_REDUCTIONS = frozenset(
    "sum prod mean var std max min amax amin any all count_nonzero ptp nansum nanmean norm average".split()
)
#: Functions (and methods) that act entry by entry on their first argument.
_ELEMENTWISE = frozenset(
    "where clip round around nan_to_num sinc real imag isclose zeros_like ones_like full_like copy astype conj conjugate "
    "i0 angle real_if_close".split()
)


class Selection(np.lib.mixins.NDArrayOperatorsMixin):
    """Entries of ``values`` where ``mask`` is true; the mask's axes are followed by ``after`` more.

    ``place`` is the axis of the mask whose indices they are, where the selection came from ``np.nonzero(mask)``.
    """

    def __init__(self, values: TracedArray, mask: TracedArray, after: int = 0, place: int | None = None) -> None:
        self.values, self.after, self.place = TracedArray(values.tensor), after, place
        self.mask = TracedArray(mask.tensor)
        self._made = located(f"x[mask] as an array: {_UNKNOWN}")

    @property
    def before(self) -> int:
        """How many axes come before the mask's."""
        return self.values.ndim - self.mask.ndim - self.after

    @property
    def spread(self) -> TracedArray:
        """The mask in the shape of the values, up to broadcasting."""
        spread: TracedArray = self.mask.reshape(self.mask.shape + (1,) * self.after)
        return spread

    def like(self, values: TracedArray, after: int | None = None) -> Selection:
        """Other values under the same mask."""
        return Selection(values, self.mask, self.after if after is None else after)

    @property
    def filled(self) -> TracedArray:
        """The values, and zero where nothing is selected."""
        filled: TracedArray = where(self.spread, self.values, lift(np.zeros((), self.dtype)[()]))
        return filled

    # ------------------------------------------------------------ attributes

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the entries."""
        return self.values.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.before + 1 + self.after

    @property
    def shape(self) -> tuple[Any, ...]:
        """The shape; the number of selected entries is a traced integer."""
        whole = self.values.shape
        return (*whole[: self.before], self._count(), *whole[len(whole) - self.after :])

    def _count(self) -> TracedArray:
        return TracedArray(reductions.sum_(self.mask).tensor, weak=True)

    @property
    def size(self) -> Any:
        """The number of entries, a traced integer."""
        size: Any = self._count()
        for k, length in enumerate(self.values.shape):
            if not self.before <= k < self.values.ndim - self.after:
                size = size * length
        return size

    def __len__(self) -> int:
        raise trace_error(f"len(x[mask]) as a Python int: {_UNKNOWN}; x[mask].size is a number to compute with")

    def traced_length(self) -> Any:
        """``len()`` as a number to compute with."""
        return self.shape[0]

    @property
    def T(self) -> Selection:
        """The axes in reverse order."""
        if self.mask.ndim != 1:
            raise trace_error(f"x[mask].T: {_UNKNOWN}")
        return Selection(self.values.T, self.mask, self.before)

    # ------------------------------------------------------------ NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if ufunc is np.matmul and method == "__call__" and not kwargs:
            return product(*inputs)
        target = kwargs.pop("out", (None,))[0]
        if method != "__call__" or kwargs:
            raise trace_error(f"np.{ufunc.__name__}.{method} of x[mask]: {_UNKNOWN}")
        results = apply_ufunc(ufunc, [self.operand(x) for x in inputs])
        if target is self:
            self.values = astype_of(results, self.dtype, ufunc)
            return self
        if target is not None:
            raise trace_error(f"out= of x[mask]: {_UNKNOWN}")
        return self.like(results, max([x.after for x in inputs if isinstance(x, Selection)]))

    def operand(self, value: Any) -> Any:
        """Another operand, so that its axes meet those of the values."""
        if isinstance(value, Selection):
            if value.mask.tensor is not self.mask.tensor:
                raise trace_error(f"two selections by different masks can't be combined: {_UNKNOWN}")
            if value.after != self.after:
                raise trace_error(f"selected entries against another axis can't be combined: {_UNKNOWN}")
            return value.values
        if isinstance(value, bool | int | float | complex):
            return value
        array = lift(value)
        if array.ndim <= self.after:
            return array
        split = array.ndim - self.after
        if array.extents[split - 1] != 1:
            raise trace_error(f"a selection can't be combined with an array of shape {array.extents}: {_UNKNOWN}")
        shape = array.shape
        return array.reshape(shape[: split - 1] + (1,) * self.mask.ndim + shape[split:])

    def __array_function__(self, function: Any, types: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        name = function.__name__
        if name in _REDUCTIONS and args[0] is self:
            return self.reduced(name, *args[1:], **kwargs)
        if name in _ELEMENTWISE:
            given = [self.operand(a) if isinstance(a, Selection | TracedArray | np.ndarray) else a for a in args]
            return self.like(FUNCTIONS[function](*given, **kwargs))
        if name in ("dot", "vdot", "inner", "matmul") and len(args) == 2 and not kwargs:
            return product(*args)
        if name in ("size", "ndim", "shape") and len(args) == 1:
            return getattr(self, name)
        raise trace_error(f"np.{name} of x[mask]: {_UNKNOWN}")

    # ------------------------------------------------------------ reductions

    def reduced(self, name: str, axis: Any = None, **options: Any) -> Any:
        """A reduction over selected entries: over all axes, the selected one, or others."""
        name = {"amax": "max", "amin": "min"}.get(name, name)
        if "keepdims" in options or "where" in options or "out" in options:
            raise trace_error(f"np.{name} of x[mask] with keepdims=, where= or out=: {_UNKNOWN}")
        listed = range(self.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        wanted = {_axis(k, self.ndim) for k in listed}
        inside = tuple(range(self.before, self.before + self.mask.ndim))
        places = tuple(
            p
            for k in sorted(wanted)
            for p in (inside if k == self.before else (k if k < self.before else k + self.mask.ndim - 1,))
        )
        if self.before not in wanted:
            remaining = sum(k > self.before for k in range(self.ndim) if k not in wanted)
            return self.like(METHODS[name](self.values, axis=places, **options), remaining)
        return _REDUCED.get(name, _plain(name))(self, places, **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in _REDUCTIONS and hasattr(np.ndarray, name):
            return lambda *args, **options: self.reduced(name, *args, **options)
        if name in ("real", "imag"):
            return self.like(getattr(self.values, name))
        if name in _ELEMENTWISE and hasattr(np.ndarray, name):
            return lambda *args, **options: self.like(getattr(self.values, name)(*args, **options))
        if name in ("ravel", "flatten") and self.ndim == 1:
            return lambda: self.like(self.values.copy())
        if name == "dot":
            return lambda other: product(self, other)
        raise trace_error(f"x[mask].{name}: {_UNKNOWN}")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise trace_error(self._made)

    def __iter__(self) -> Any:
        raise trace_error(f"iteration over x[mask]: {_UNKNOWN}")

    # ------------------------------------------------------------ indexing

    def _inner_key(self, key: Any) -> tuple[tuple[Any, ...], int]:
        """A basic key that leaves the selected axis whole, as a key of the values; how many axes it leaves after it."""
        items = list(key) if isinstance(key, tuple) else [key]
        if any(not isinstance(k, int | slice | None | type(Ellipsis)) for k in items):
            raise trace_error(f"x[mask][...] with arrays: {_UNKNOWN}")
        used = sum(k is not None and k is not Ellipsis for k in items)
        position = items.index(Ellipsis) if Ellipsis in items else len(items)
        items[position : position + 1] = [slice(None)] * (self.ndim - used)
        result: list[Any] = []
        axis, after = 0, 0
        for item in items:
            if item is not None and axis == self.before:
                if item != slice(None):
                    raise trace_error(f"x[mask][{item}]: {_UNKNOWN}")
                result += [slice(None)] * self.mask.ndim
            else:
                result.append(item)
                after += axis > self.before and not isinstance(item, int)
            axis += item is not None
        return tuple(result), after

    def __getitem__(self, key: Any) -> Selection:
        if isinstance(key, Selection) and key.dtype.kind == "b" and key.values.ndim == self.mask.ndim:
            if key.mask.tensor is not self.mask.tensor:
                raise trace_error(f"x[mask][other]: {_UNKNOWN}")
            return Selection(self.values, apply_ufunc(np.logical_and, [self.mask, key.filled]), self.after)
        inner, after = self._inner_key(key)
        return self.like(self.values[inner], after)

    def __setitem__(self, key: Any, value: Any) -> None:
        inner, after = self._inner_key(key)
        self.values[inner] = self.like(self.values[inner], after).operand(value)


def _axis(axis: int, ndim: int) -> int:
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis % ndim


def astype_of(result: TracedArray, dtype: np.dtype[Any], ufunc: np.ufunc) -> TracedArray:
    """The result of an operation in place, in the dtype of its target."""
    if not np.can_cast(result.dtype, dtype, "same_kind"):
        raise TypeError(located(f"cannot cast ufunc '{ufunc.__name__}' output from {result.dtype} to {dtype}"))
    return astype(result, dtype)


# ---------------------------------------------------------------- reductions


def _plain(name: str) -> Callable[..., TracedArray]:
    def reduce(chosen: Selection, places: tuple[int, ...], **options: Any) -> TracedArray:
        implementation = METHODS.get(name) or FUNCTIONS[getattr(np, name)]
        return implementation(chosen.values, axis=places, where=chosen.spread, **options)  # type: ignore[no-any-return]

    return reduce


def _extremum(name: str, lowest: bool) -> Callable[..., TracedArray]:
    def reduce(chosen: Selection, places: tuple[int, ...]) -> TracedArray:
        dtype = reductions.ordered(chosen.values, f"np.{name}").dtype
        if dtype.kind == "f":
            start: Any = -np.inf if lowest else np.inf
        else:
            start = 0 if dtype.kind == "b" else np.iinfo(dtype).min if lowest else np.iinfo(dtype).max
        result = METHODS[name](chosen.values, axis=places, where=chosen.spread, initial=dtype.type(start))
        return _nonempty(result, chosen.mask)

    return reduce


def _nonempty(result: TracedArray, mask: TracedArray) -> TracedArray:
    """``result`` where anything is selected; else evaluating it is an IndexError."""
    beyond = where(reductions.any_(mask), 0, 1)
    here = apply("position", entry(beyond.tensor, ()), number(1), number(0))
    found = entry(result.tensor, axes(result.ndim))
    return wrap(compute(result.extents, apply("where", less_equal(0, here), found, number(0, result.dtype))))


def _count(chosen: Selection, places: tuple[int, ...]) -> TracedArray:
    return reductions.sum_(apply_ufunc(np.not_equal, [chosen.values, 0]), axis=places, where=chosen.spread)


def _norm(chosen: Selection, places: tuple[int, ...], ord: Any = None) -> TracedArray:
    if ord not in (None, 2) or (ord == 2 and len(places) != chosen.mask.ndim):
        raise trace_error(f"np.linalg.norm(x[mask], ord={ord}): {_UNKNOWN}")
    squares = apply_ufunc(np.square, [apply_ufunc(np.absolute, [chosen.values])])
    return apply_ufunc(np.sqrt, [reductions.sum_(squares, axis=places, where=chosen.spread)])


def _average(chosen: Selection, places: tuple[int, ...], weights: Any = None) -> TracedArray:
    if weights is None:
        return _plain("mean")(chosen, places)
    factors = lift(chosen.operand(weights))
    weighed = apply_ufunc(np.multiply, [chosen.values, factors])
    if factors.extents != chosen.values.extents:
        raise trace_error(
            "np.average of x[mask] takes weights of the same shape; use np.average(x[mask], weights=w[mask])"
        )
    sums = [reductions.sum_(part, axis=places, where=chosen.spread) for part in (weighed, factors)]
    return apply_ufunc(np.divide, sums)


_REDUCED: dict[str, Callable[..., TracedArray]] = {
    "max": _extremum("max", lowest=True),
    "min": _extremum("min", lowest=False),
    "ptp": lambda chosen, places: _REDUCED["max"](chosen, places) - _REDUCED["min"](chosen, places),
    "count_nonzero": _count,
    "norm": _norm,
    "average": _average,
}


def product(left: Any, right: Any) -> Any:
    """``a @ b`` where the selected axis is summed over, or is no part of the sum."""
    for chosen in (left, right):
        if isinstance(chosen, Selection) and chosen.mask.ndim != 1:
            raise trace_error(f"products with x[mask] of a mask with several axes: {_UNKNOWN}")
    if isinstance(left, Selection) and isinstance(right, Selection):
        same = left.mask.tensor is right.mask.tensor
        summed = right.before == max(0, right.ndim - 2)
        if not same or left.after or not summed or (right.ndim > 2 and right.before != right.ndim - 2):
            raise trace_error(f"this product of two selections: {_UNKNOWN}")
        return FUNCTIONS[np.matmul](left.filled, right.filled) if np.matmul in FUNCTIONS else left.filled @ right.filled
    if isinstance(left, Selection):
        if not left.after:
            raise trace_error(f"x[mask] @ y, where y has as many rows: {_UNKNOWN}")
        other = lift(right)
        return left.like(left.values @ other, left.after - (other.ndim == 1))
    if not right.before:
        raise trace_error(f"y @ x[mask], where y has as many columns: {_UNKNOWN}")
    other = lift(left)
    return right.like(other @ right.values)


# ---------------------------------------------------------------- the indices of a mask


def nonzero_indices(condition: TracedArray) -> tuple[Any, ...]:
    """``np.nonzero(condition)``: arrays where its content is known, else selections of indices."""
    known = known_value(condition)
    if known is not None:
        return tuple(TracedArray(constant_array(found).tensor) for found in np.nonzero(known))
    mask = condition if condition.dtype.kind == "b" else apply_ufunc(np.not_equal, [condition, 0])
    return tuple(Selection(wrap(compute(mask.extents, index(k))), mask, 0, place=k) for k in range(max(mask.ndim, 1)))


@implements(np.nonzero, method="nonzero")
def nonzero(a: Any) -> tuple[Any, ...]:
    """The indices of the entries that are not zero."""
    x = lift(a)
    if not x.ndim:
        raise ValueError(located("Calling nonzero on 0d arrays is not allowed. Use np.atleast_1d(scalar).nonzero()"))
    return nonzero_indices(x)


@implements(np.flatnonzero)
def flatnonzero(a: Any) -> Any:
    """The indices of the entries that are not zero, in the flattened array."""
    return nonzero_indices(lift(a).reshape(-1))[0]


def gathered(x: TracedArray, key: Any) -> Selection | None:
    """``x[rows, columns]`` where the index arrays are selections under one mask; None for all other keys."""
    items = key if isinstance(key, tuple) else (key,)
    chosen = selection_among(items)
    if chosen is None or chosen.dtype.kind == "b":
        return None
    if isinstance(items[0], slice) or any(i is None or i is Ellipsis or isinstance(i, TracedArray) for i in items):
        raise trace_error(f"x[:, indices] with indices of a mask's entries: {_UNKNOWN}")
    for item in items:
        if isinstance(item, Selection) and (item.mask.tensor is not chosen.mask.tensor or item.after):
            raise trace_error(f"indices under different masks: {_UNKNOWN}")
    values = x[tuple(item.filled if isinstance(item, Selection) else item for item in items)]
    return Selection(values, chosen.mask, values.ndim - chosen.mask.ndim)


def selection_among(values: Sequence[Any]) -> Selection | None:
    """The first argument that is a selection."""
    return next((value for value in values if isinstance(value, Selection)), None)


def selecting(values: TracedArray, mask: TracedArray, position: int) -> Selection:
    """``x[:, mask]``: the entries where the mask, whose axes begin at ``position``, is true."""
    after = values.ndim - position - mask.ndim
    spread = mask.reshape(mask.shape + (1,) * after)
    everything = axes(values.ndim)
    inside = entry(spread.tensor, spread_indices(spread, values))
    chosen = compute(values.extents, guarded(inside, entry(values.tensor, everything)))
    return Selection(wrap(chosen), mask, after)


def spread_indices(spread: TracedArray, values: TracedArray) -> tuple[Any, ...]:
    """Where the entries of a spread mask are found from the indices of the values."""
    first = values.ndim - spread.ndim
    return tuple(number(0) if e == 1 else i for e, i in zip(spread.extents, axes(values.ndim)[first:], strict=True))
