"""Attributes and methods of arrays about what they are made of: complex parts, scalars, flags, views, and raw memory."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from gradc.ir.scalar import Scalar, apply, number
from gradc.ir.tensor import Tensor, compute
from gradc.trace.arrays.indexing import assign
from gradc.trace.arrays.storage import Region, axes, entry, read_only, whole
from gradc.trace.arrays.tracer import TracedArray, lift, wrap
from gradc.trace.context import dtype_error, located, shape_error, trace_error
from gradc.trace.elements.elementwise import as_dtype, astype
from gradc.trace.registry import METHODS, attribute, implements

# ---------------------------------------------------------------- complex parts


class ComplexPart(TracedArray):
    """``z.real`` or ``z.imag``: a view of a complex array, which writes go to."""

    __slots__ = ("_part", "_whole")

    def __init__(self, array: TracedArray, part: str) -> None:
        super().__init__(None, storage=array._storage, region=array.region(), immutable=array.immutable)
        self._whole, self._part = array, part

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype."""
        return np.empty(0, self._whole.dtype).real.dtype

    @property
    def tensor(self) -> Tensor:
        """The present content, as a node."""
        content = self._whole.tensor
        return compute(content.shape, apply(self._part, entry(content, axes(len(content.shape)))))

    def part(self, inner: Region) -> TracedArray:
        """A view of this array: writes to either are seen by both."""
        return ComplexPart(self._whole.part(inner), self._part)

    def write(self, inside: Scalar, value: Scalar) -> None:
        """``value`` (over this array's indices, of its dtype) where ``inside`` holds."""
        other = apply("imag" if self._part == "real" else "real", entry(self._whole.tensor, axes(self.ndim)))
        parts = (value, other) if self._part == "real" else (other, value)
        self._whole.write(inside, apply("complex", *parts))


def _part_of(name: str, val: Any) -> TracedArray:
    x = lift(val)
    if x.dtype.kind == "c":
        return wrap(ComplexPart(x, name).tensor) if x.immutable else ComplexPart(x, name)
    if name == "real":
        return x
    zeros = wrap(compute(x.extents, number(0, x.dtype)))
    return zeros if x.immutable else zeros.part(read_only(x.extents, axes(x.ndim)))


@attribute("real")
@implements(np.real)
def real(val: Any) -> TracedArray:
    """The real part: a view."""
    return _part_of("real", val)


@attribute("imag")
@implements(np.imag)
def imag(val: Any) -> TracedArray:
    """The imaginary part: a view; zeros that can't be written to, where the array is real."""
    return _part_of("imag", val)


def set_part(x: TracedArray, name: str, value: Any) -> None:
    """``x.real = value``, ``x.imag = value``."""
    if name == "imag" and x.dtype.kind != "c":
        raise TypeError("array does not have imaginary part to set")
    assign(_part_of(name, x), value)


# ---------------------------------------------------------------- numbers


@implements(method="item")
def item(x: TracedArray, *position: Any) -> TracedArray:
    """An entry as a Python number: the only one, the one of this number in row-major order, or the one at these indices."""
    if not position:
        if x.size != 1:
            raise shape_error("can only convert an array of size 1 to a Python scalar; use x.tolist() or an index")
        return python_number(x.reshape(()))
    place = position[0] if len(position) == 1 and isinstance(position[0], tuple) else position
    entries = x.reshape(-1) if len(place) == 1 else x
    if len(place) != entries.ndim:
        raise shape_error(f"incorrect number of indices for array of {x.ndim} axes: {len(place)}; give one for each")
    return python_number(entries[tuple(place)])


def python_number(x: TracedArray) -> TracedArray:
    """A number as Python has it: float32 becomes a float, of 64 bits."""
    kinds: dict[str, type] = {"f": float, "c": complex, "b": bool}
    return TracedArray(astype(x, kinds.get(x.dtype.kind, int)).tensor, weak=True)


def rounded(x: TracedArray, digits: int | None) -> Any:
    """``round(x)``: an int, or a float with so many decimals; arrays have no such method."""
    if x.extents:
        raise TypeError(located("type numpy.ndarray doesn't define __round__ method; use np.round(x, decimals)"))
    nearest: TracedArray = METHODS["round"](x, digits or 0)
    if digits is not None:
        return TracedArray(nearest.tensor, weak=x.weak, immutable=True)
    return TracedArray(astype(nearest, int).tensor, weak=True)


# ---------------------------------------------------------------- views and flags


@implements(method="view")
def view(x: TracedArray, dtype: Any = None, type: Any = None) -> TracedArray:
    """Another handle on the same storage."""
    if isinstance(dtype, builtin_type) and issubclass(dtype, np.ndarray):
        dtype, type = None, dtype
    if type not in (None, np.ndarray):
        raise trace_error(f"x.view({type.__name__}) can't be traced; compute with plain arrays, use np.asarray(x)")
    if dtype is not None and np.dtype(dtype) != x.dtype:
        raise trace_error("x.view(dtype) reads the bits in another way, which can't be traced; use x.astype(dtype)")
    return x.part(whole(x.extents)) if not x.immutable else x


#: `view` has a parameter called ``type``, as NumPy's has.
builtin_type = type


@implements(method="setflags")
def setflags(x: TracedArray, write: Any = None, align: Any = None, uic: Any = None) -> None:
    """Whether this handle can be written through."""
    if align is not None or uic is not None:
        raise trace_error("x.setflags(align=..., uic=...) can't be traced; give write= alone")
    if write is not None:
        region = x.region() or whole(x.extents)
        if write and not region.writable and not region.backward and region.shape:
            raise shape_error("cannot set WRITEABLE flag to True of this array; write to a copy, x.copy()")
        x.restrict(dataclasses.replace(region, writable=bool(write)))


@implements(method="to_device")
def to_device(x: TracedArray, device: Any, /, *, stream: Any = None) -> TracedArray:
    """The array where it is: the one device is the CPU."""
    if device != "cpu" or stream is not None:
        raise ValueError(f"the only supported device is 'cpu', without a stream; give 'cpu', not {device!r}")
    return view(x)


attribute("device")(lambda x: "cpu")


@implements(method="astype")
def astype_method(
    x: TracedArray, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: Any = True
) -> TracedArray:
    """The array in another dtype; with ``copy=False`` the array itself where it has that dtype."""
    target = as_dtype(dtype)
    if not np.can_cast(x.dtype, target, casting):  # type: ignore[arg-type]
        raise dtype_error(
            f"Cannot cast array data from {x.dtype!r} to {target!r} according to the rule {casting!r}; use casting='unsafe'"
        )
    return x if not copy and target == x.dtype and not x.weak else astype(x, target)


# ---------------------------------------------------------------- raw memory

_MEMORY = "where and how an array lies in memory is not known while the function is traced"

#: Attributes and methods that are refused, and what to do instead.
_REFUSED: dict[str, str] = {
    "base": f"x.base: {_MEMORY}; use the array that the view was made of",
    "strides": f"x.strides: {_MEMORY}; use slices, or np.lib.stride_tricks.sliding_window_view",
    "flags": f"x.flags: {_MEMORY}; kernels take any layout, so write the function without it",
    "data": f"x.data: {_MEMORY}; use the array itself",
    "ctypes": f"x.ctypes: {_MEMORY}; return the array and pass it to C outside the function",
}
_REFUSED_METHODS: dict[str, str] = {
    "byteswap": "reads the bits in another way, which can't be traced; call it outside the function",
    "getfield": "reads the bits in another way, which can't be traced; use x.astype(dtype)",
    "setfield": "writes bits, which can't be traced; use x[...] = value",
    "dump": "needs the array's value; return the array and save it outside the function",
    "dumps": "needs the array's value; return the array and pickle it outside the function",
    "tobytes": "needs the array's value; return the array and call tobytes outside the function",
    "tofile": "needs the array's value; return the array and save it outside the function",
}


def _refused(message: str) -> Any:
    def refuse(x: TracedArray) -> Any:
        raise trace_error(message)

    return refuse


def _refused_method(name: str, why: str) -> Any:
    def refuse(x: TracedArray, *args: Any, **kwargs: Any) -> Any:
        raise trace_error(f"x.{name}(...) {why}")

    return refuse


for _name, _message in _REFUSED.items():
    attribute(_name)(_refused(_message))
for _name, _message in _REFUSED_METHODS.items():
    implements(method=_name)(_refused_method(_name, _message))
