"""``float``, ``int``, ``complex`` and ``type`` as traced code sees them: of traced numbers they give what NumPy's would.

``float(loss)`` is the loss as a Python float, whose value is known when the compiled function runs. The stand-ins are classes,
so that they serve as dtypes (NumPy takes a class by its attribute ``dtype``), in isinstance and as annotations.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradc.ir.scalar import FLOAT64
from gradc.trace.arrays.tracer import TracedArray, known_value, lift
from gradc.trace.context import located, trace_error
from gradc.trace.elements.elementwise import apply_ufunc, astype, elementwise, truth


class _StandsForType(type):
    """The class of a stand-in: it equals the type it stands for, and has its instances."""

    stands_for: type

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.stands_for)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, cls.stands_for)

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is cls.stands_for

    def __hash__(cls) -> int:
        return hash(cls.stands_for)

    def __repr__(cls) -> str:
        return repr(cls.stands_for)


class TracedFloat(float, metaclass=_StandsForType):
    """``float``."""

    stands_for = float
    dtype = np.dtype(float)

    def __new__(cls, value: Any = 0.0, /) -> Any:
        """The number as a Python float."""
        return _number(value, float, "f") if isinstance(value, TracedArray) else float(value)


class TracedInt(int, metaclass=_StandsForType):
    """``int``."""

    stands_for = int
    dtype = np.dtype(int)

    def __new__(cls, value: Any = 0, /, *base: Any, **keyword: Any) -> Any:
        """The number as a Python int, towards zero: a known one where its value settles a size."""
        if not isinstance(value, TracedArray):
            return int(value, *base, **keyword)
        return int(known_value(value)) if known_value(value) is not None else _number(value, int, "iu")  # type: ignore[arg-type]


class TracedComplex(complex, metaclass=_StandsForType):
    """``complex``."""

    stands_for = complex
    dtype = np.dtype(complex)

    def __new__(cls, real: Any = 0.0, imag: Any = None) -> Any:
        """The number as a Python complex, or that of two real parts."""
        given = [real] if imag is None else [real, imag]
        if not any(isinstance(part, TracedArray) for part in given):
            return complex(*given)
        if imag is None:
            return _number(lift(real), complex, "c")
        if any(lift(part).dtype.kind == "c" for part in given):
            whole, turned = (_number(lift(part), complex, "c") for part in given)
            return whole + turned * 1j
        return elementwise("complex", [_number(lift(part), float, "f") for part in given], [FLOAT64] * 2, weak=True)


class TracedBool(int, metaclass=_StandsForType):
    """``bool``."""

    stands_for = bool
    dtype = np.dtype(bool)

    def __new__(cls, value: Any = False, /) -> Any:
        """Whether the number is not zero."""
        if not isinstance(value, TracedArray) or (value.extents and value.size != 1) or known_value(value) is not None:
            return bool(value)
        return TracedArray(truth(value.reshape(()) if value.extents else value).tensor, weak=True)


def _number(value: TracedArray, kind: type, kinds: str) -> TracedArray:
    if value.extents:
        if value.size != 1:
            raise TypeError(located("only 0-dimensional arrays can be converted to Python scalars; use x.astype(...)"))
        raise TypeError(
            located(f"only 0-dimensional arrays can be converted to Python scalars; use {kind.__name__}(x[0])")
        )
    if value.dtype.kind == "c" and kind is not complex:
        raise TypeError(located(f"{kind.__name__}() of a complex number drops its imaginary part; use x.real"))
    whole = apply_ufunc(np.trunc, [value]) if kind is int and value.dtype.kind == "f" else value
    result = whole if whole.dtype == np.dtype(kind) else astype(whole, kind)
    return TracedArray(result.tensor, weak=True)


#: The types that traced code finds stand-ins for, under their names among the builtins.
STAND_INS: dict[type, type] = {float: TracedFloat, int: TracedInt, complex: TracedComplex, bool: TracedBool}
for _real, _made in STAND_INS.items():
    _made.__name__ = _made.__qualname__ = _real.__name__
    _made.__module__ = "builtins"


def real_type(kind: Any) -> Any:
    """The type that a stand-in stands for."""
    if kind is type_of:
        return type
    return kind.stands_for if isinstance(kind, _StandsForType) else kind


def type_when_run(value: TracedArray) -> type:
    """The type that the value will have when the function runs."""
    if value.weak:
        return {"f": float, "i": int, "c": complex, "b": bool}[value.dtype.kind]
    kind: type = value.dtype.type
    return kind if value.immutable else np.ndarray


class _TypeOf:
    """``type``: of one argument its type, of three a new class."""

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        if len(args) != 1 or keywords:
            return type(*args, **keywords)
        kind = type_when_run(args[0]) if isinstance(args[0], TracedArray) else type(args[0])
        return STAND_INS.get(kind, kind)

    def __getattr__(self, name: str) -> Any:
        return getattr(type, name)

    def __getitem__(self, item: Any) -> Any:
        return type[item]

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (type,)


type_of = _TypeOf()


def has_attribute(value: Any, name: str, /) -> bool:
    """``hasattr``: of traced arrays, whether NumPy's have it."""
    return hasattr(type_when_run(value), name) if isinstance(value, TracedArray) else hasattr(value, name)


def ordered(iterable: Any, /, *, key: Any = None, reverse: bool = False) -> list[Any]:
    """``sorted``: traced numbers by a sort of the compiled function."""
    items = list(iterable)
    if not any(isinstance(item, TracedArray) for item in items):
        return sorted(items, key=key, reverse=reverse)
    if key is not None or any(isinstance(item, TracedArray) and item.extents for item in items):
        raise trace_error(
            "sorted() of traced arrays, or with key=, can't be traced; use np.sort and np.argsort on one array"
        )
    from gradc.trace.movement.joining import stacked
    from gradc.trace.surface import call_function

    weak = all(item.weak if isinstance(item, TracedArray) else not isinstance(item, np.generic) for item in items)
    together = call_function(np.sort, [stacked(items)], {})
    places = range(len(items))
    return [
        TracedArray(together[k].tensor, weak=weak, immutable=True) for k in (reversed(places) if reverse else places)
    ]
