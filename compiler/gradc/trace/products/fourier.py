"""``np.fft``: one library call transforms pairs of real numbers, the rest is reading: padding, cropping, mirroring, scaling."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.ir.algebra import (
    conjunction,
    convert,
    difference,
    equal,
    floor_divide,
    guarded,
    less,
    less_equal,
    modulo,
    sum_of,
)
from gradc.ir.conjugates import imaginary_part, real_part
from gradc.ir.scalar import FLOAT64, DType, Scalar, apply, index, load, number
from gradc.ir.tensor import Extent, Tensor, compute, extent, extent_scalar, projection
from gradc.ops.extern import library_call
from gradc.trace.arrays.storage import entry
from gradc.trace.arrays.tracer import TracedArray, extent_of, known_value, lift, wrap
from gradc.trace.context import dtype_error, located, note_line
from gradc.trace.elements.elementwise import apply_ufunc, astype
from gradc.trace.movement.outputs import deliver
from gradc.trace.movement.shaping import normal_axis, transpose
from gradc.trace.registry import implements_named

#: norm -> what a transform and its inverse are divided by, as powers of the number of samples
_DIVISORS = {None: (0.0, 1.0), "backward": (0.0, 1.0), "ortho": (0.5, 0.5), "forward": (1.0, 0.0)}


def _floating(a: Any) -> TracedArray:
    """The samples, as floats or complex numbers."""
    x = lift(a)
    if x.dtype.kind in "biu":
        return astype(x, FLOAT64)
    if x.dtype.char not in "fdFD":
        raise dtype_error(f"np.fft of {x.dtype} can't be traced; convert with x.astype(float)")
    return x


def _divisor(norm: Any, inverse: bool) -> float:
    if norm not in _DIVISORS:
        raise ValueError(located(f'Invalid norm value {norm}; should be "backward","ortho" or "forward".'))
    return _DIVISORS[norm][inverse]


def _count(n: Any) -> Extent:
    """The number of samples that are transformed."""
    count = extent_of(n)
    if isinstance(count, int) and count < 1:
        raise ValueError(located(f"Invalid number of FFT data points ({count}) specified."))
    return count


def _last(x: TracedArray, axis: Any) -> tuple[TracedArray, int]:
    """An array whose last axis is the one that is transformed; and the place of that axis."""
    place = normal_axis(axis, x.ndim)
    return transpose(x, [*[k for k in range(x.ndim) if k != place], place]), place


def _back(x: Tensor, place: int) -> TracedArray:
    order = list(range(x.rank - 1))
    order.insert(place, x.rank - 1)
    return wrap(transpose(TracedArray(x), order).tensor)


def _transformed(name: str, operand: Tensor, **parameters: bool) -> Tensor:
    node = library_call(name, [operand], **parameters)
    note_line(node)
    return projection(node, 0)


def _fitted(x: TracedArray, count: Extent) -> Tensor:
    """The first ``count`` samples of each row, zeros behind those that there are."""
    *front, length = x.extents
    if count == length:
        return x.tensor
    every = [index(k) for k in range(x.ndim)]
    inside = less(every[-1], extent_scalar(length))
    return compute((*front, count), guarded(inside, entry(x.tensor, every)))


def _pairs(x: TracedArray, count: Extent) -> Tensor:
    """The first ``count`` samples of each row, zeros behind those that there are, as pairs."""
    *front, length = x.extents
    rank = x.ndim - 1
    here, part = index(rank), index(rank + 1)
    sample = entry(x.tensor, [*[index(k) for k in range(rank)], here])
    inside = [] if count == length else [less(here, extent_scalar(length))]
    if x.dtype.kind != "c":
        body = guarded(conjunction(equal(part, 0), *inside), sample)
    else:
        parts = [
            guarded(conjunction(equal(part, k), *inside), value)
            for k, value in enumerate((real_part(sample), imaginary_part(sample)))
        ]
        body = sum_of(*parts, flatten=False, dtype=parts[0].dtype)
    return compute((*front, count, 2), body)


def _scale(count: Extent, power: float, dtype: DType) -> Scalar | None:
    """What the sums are multiplied by; None for one."""
    if power == 0:
        return None
    if isinstance(count, int):
        return number(float(np.reciprocal(np.power(count, power, dtype=dtype))), dtype)
    size = convert(extent_scalar(count), dtype)
    return apply("div", number(1, dtype), size if power == 1 else apply("sqrt", size))


def _scaled(value: Scalar, scale: Scalar | None) -> Scalar:
    return value if scale is None else apply("mul", value, scale)


def _complex_rows(pairs: Tensor, kept: Extent, scale: Scalar | None) -> Tensor:
    """The first ``kept`` complex numbers of each row."""
    rank = pairs.rank - 1
    front = [index(k) for k in range(rank)]
    real, imaginary = (_scaled(load(pairs, [*front, number(part)]), scale) for part in (0, 1))
    return compute((*pairs.shape[: rank - 1], kept), apply("complex", real, imaginary))


def _samples(x: TracedArray, n: Any, axis: Any) -> Any:
    return x.shape[normal_axis(axis, x.ndim)] if n is None else n


def _half(count: Extent) -> Extent:
    """How many frequencies of real samples there are that say everything."""
    return extent(sum_of(floor_divide(extent_scalar(count), 2), 1))


def _complex_transform(
    x: TracedArray, n: Any, axis: Any, norm: Any, *, inverse: bool, half: bool = False
) -> TracedArray:
    power = _divisor(norm, inverse)
    count = _count(_samples(x, n, axis))
    rows, place = _last(x, axis)
    if half and isinstance(count, int):
        pairs = _transformed("rfft", _fitted(rows, count))
    else:
        pairs = _transformed("fft", _pairs(rows, count), inverse=inverse)
    return _back(_complex_rows(pairs, _half(count) if half else count, _scale(count, power, pairs.dtype)), place)


def _plain(name: str, *, inverse: bool) -> Callable[..., TracedArray]:
    def implementation(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> TracedArray:
        return deliver(out, _complex_transform(_floating(a), n, axis, norm, inverse=inverse))

    implementation.__name__ = name
    return implementation


fft = implements_named("numpy.fft.fft")(_plain("fft", inverse=False))
ifft = implements_named("numpy.fft.ifft")(_plain("ifft", inverse=True))


@implements_named("numpy.fft.rfft")
def rfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> TracedArray:
    """The frequencies of real samples, without those that are conjugates of others."""
    x = _floating(a)
    if x.dtype.kind == "c":
        raise TypeError(located("np.fft.rfft takes real samples; use np.fft.fft for complex ones"))
    return deliver(out, _complex_transform(x, n, axis, norm, inverse=False, half=True))


@implements_named("numpy.fft.irfft")
def irfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> TracedArray:
    """The real samples whose frequencies are these and their conjugates.

    >>> import gradc
    >>> shifted = gradc.jit(lambda x: np.fft.irfft(np.fft.rfft(x) * np.exp(-2j * np.pi * np.arange(3) / 4)))
    >>> shifted(np.array([1.0, 2.0, 3.0, 4.0])).round(9)
    array([4., 1., 2., 3.])
    """
    x = _floating(a)
    power = _divisor(norm, True)
    count = _count((x.shape[normal_axis(axis, x.ndim)] - 1) * 2 if n is None else n)
    rows, place = _last(x, axis)
    every = [index(k) for k in range(rows.ndim)]
    if isinstance(count, int):
        sums = _transformed("irfft", _pairs(rows, _half(count)), odd=bool(count % 2))
        value = load(sums, every)
    else:
        sums = _transformed("fft", _mirrored(rows, count), inverse=True)
        value = load(sums, [*every, number(0)])
    shape = (*rows.extents[:-1], count)
    return deliver(out, _back(compute(shape, _scaled(value, _scale(count, power, sums.dtype))), place))


def _mirrored(x: TracedArray, count: Extent) -> Tensor:
    """All ``count`` frequencies, from those up to half way: behind them their conjugates, backwards.

    The first has no imaginary part, nor has the one in the middle of an even number.
    """
    *front, length = x.extents
    rank = x.ndim - 1
    outer, here, part = [index(k) for k in range(rank)], index(rank), index(rank + 1)
    kept, size = extent_scalar(_half(count)), extent_scalar(count)
    behind = difference(size, here)
    terms: list[Scalar] = []
    for at, inside, sign in ((here, less(here, kept), 1), (behind, less_equal(kept, here), -1)):
        known = [inside, less(at, extent_scalar(length))]
        sample = entry(x.tensor, [*outer, at])
        terms.append(guarded(conjunction(equal(part, 0), *known), real_part(sample)))
        if x.dtype.kind == "c":
            inner = [apply("not_equal", here, number(0)), apply("not_equal", sum_of(here, here), size)]
            value = imaginary_part(sample) if sign == 1 else apply("neg", imaginary_part(sample))
            terms.append(guarded(conjunction(equal(part, 1), *inner, *known), value))
    return compute((*front, count, 2), sum_of(*terms, flatten=False, dtype=terms[0].dtype))


_OTHER_WAY = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def _reversed_norm(norm: Any) -> str:
    _divisor(norm, False)
    return _OTHER_WAY[norm]


@implements_named("numpy.fft.hfft")
def hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> TracedArray:
    """The real spectrum of samples of which the other half are conjugates."""
    return deliver(out, irfft(apply_ufunc(np.conjugate, [_floating(a)]), n, axis, _reversed_norm(norm)))


@implements_named("numpy.fft.ihfft")
def ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> TracedArray:
    """The half of the samples that have a real spectrum."""
    return deliver(out, apply_ufunc(np.conjugate, [rfft(a, n, axis, _reversed_norm(norm))]))


# ---------------------------------------------------------------- several axes


def _axes_and_sizes(x: TracedArray, s: Any, axes: Any, *, real_result: bool = False) -> tuple[list[Any], list[int]]:
    sizes: list[Any]
    chosen = axes if axes is not None else range(-(x.ndim if s is None else len(s)), 0)
    places = [operator.index(axis) for axis in chosen]
    for place in places:
        normal_axis(place, x.ndim)
    if s is None:
        sizes = [x.shape[place] for place in places]
        if real_result and sizes:
            sizes[-1] = (sizes[-1] - 1) * 2
    else:
        sizes = list(s)
        if len(sizes) != len(places):
            raise ValueError(located("Shape and axes have different lengths."))
        # -1 asks for as many as there are; None for what the transform of one axis takes by default
        sizes = [x.shape[p] if _is_minus_one(size) else size for p, size in zip(places, sizes, strict=True)]
    return sizes, places


def _is_minus_one(size: Any) -> bool:
    if isinstance(size, TracedArray):
        size = known_value(size)
    return isinstance(size, int | np.integer | np.ndarray) and bool(size == -1)


def _on_axes(x: TracedArray, sizes: Sequence[Any], places: Sequence[int], norm: Any, *, inverse: bool) -> TracedArray:
    for size, place in reversed(list(zip(sizes, places, strict=True))):
        x = _complex_transform(x, size, place, norm, inverse=inverse)
    return x


def _many(name: str, default_axes: tuple[int, int] | None, *, inverse: bool) -> Callable[..., TracedArray]:
    def implementation(
        a: Any, s: Any = None, axes: Any = default_axes, norm: Any = None, out: Any = None
    ) -> TracedArray:
        x = _floating(a)
        return deliver(out, _on_axes(x, *_axes_and_sizes(x, s, axes), norm, inverse=inverse))

    implementation.__name__ = name
    return implementation


def _many_from_real(name: str, default_axes: tuple[int, int] | None) -> Callable[..., TracedArray]:
    def implementation(
        a: Any, s: Any = None, axes: Any = default_axes, norm: Any = None, out: Any = None
    ) -> TracedArray:
        x = _floating(a)
        sizes, places = _axes_and_sizes(x, s, axes)
        x = rfft(x, sizes[-1], places[-1], norm)
        return deliver(out, _on_axes(x, sizes[:-1], places[:-1], norm, inverse=False))

    implementation.__name__ = name
    return implementation


def _many_to_real(name: str, default_axes: tuple[int, int] | None) -> Callable[..., TracedArray]:
    def implementation(
        a: Any, s: Any = None, axes: Any = default_axes, norm: Any = None, out: Any = None
    ) -> TracedArray:
        x = _floating(a)
        sizes, places = _axes_and_sizes(x, s, axes, real_result=True)
        for size, place in zip(sizes[:-1], places[:-1], strict=True):
            x = _complex_transform(x, size, place, norm, inverse=True)
        return deliver(out, irfft(x, sizes[-1], places[-1], norm))

    implementation.__name__ = name
    return implementation


_LAST_TWO = (-2, -1)
fftn = implements_named("numpy.fft.fftn")(_many("fftn", None, inverse=False))
ifftn = implements_named("numpy.fft.ifftn")(_many("ifftn", None, inverse=True))
fft2 = implements_named("numpy.fft.fft2")(_many("fft2", _LAST_TWO, inverse=False))
ifft2 = implements_named("numpy.fft.ifft2")(_many("ifft2", _LAST_TWO, inverse=True))
rfftn = implements_named("numpy.fft.rfftn")(_many_from_real("rfftn", None))
rfft2 = implements_named("numpy.fft.rfft2")(_many_from_real("rfft2", _LAST_TWO))
irfftn = implements_named("numpy.fft.irfftn")(_many_to_real("irfftn", None))
irfft2 = implements_named("numpy.fft.irfft2")(_many_to_real("irfft2", _LAST_TWO))


# ---------------------------------------------------------------- frequencies in order


def _shifted(x: Any, axes: Any, sign: int) -> TracedArray:
    array = lift(x)
    listed = range(array.ndim) if axes is None else axes if isinstance(axes, tuple | list) else (axes,)
    for axis in listed:
        array = _rolled_by_half(array, normal_axis(axis, array.ndim), sign)
    return array


def _rolled_by_half(x: TracedArray, place: int, sign: int) -> TracedArray:
    length = x.extents[place]
    if isinstance(length, int):
        rolled: Any = np.roll(x, sign * (length // 2), place)
        return lift(rolled)
    half = floor_divide(extent_scalar(length), 2)
    every: list[Scalar] = [index(k) for k in range(x.ndim)]
    moved = difference(every[place], half) if sign > 0 else sum_of(every[place], half)
    every[place] = modulo(moved, length)
    return wrap(compute(x.extents, entry(x.tensor, every)))


@implements_named("numpy.fft.fftshift")
def fftshift(x: Any, axes: Any = None) -> TracedArray:
    """The frequency zero in the middle."""
    return _shifted(x, axes, 1)


@implements_named("numpy.fft.ifftshift")
def ifftshift(x: Any, axes: Any = None) -> TracedArray:
    """The frequency zero in front again."""
    return _shifted(x, axes, -1)
