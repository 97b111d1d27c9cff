"""Stand-ins for modules and builtins: NumPy's functions that its protocols don't dispatch, math, random, len, max."""

from __future__ import annotations

import builtins
import cmath
import functools
import importlib
import math
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.ir.scalar import EULER_GAMMA, PI, E, NamedConstant, number
from gradc.ir.tensor import compute
from gradc.trace import surface
from gradc.trace.arrays.attributes import python_number
from gradc.trace.arrays.builtin_types import STAND_INS, has_attribute, ordered, real_type, type_of, type_when_run
from gradc.trace.arrays.filtered import Filtered, unfiltered
from gradc.trace.arrays.selected import Selection, selection_among
from gradc.trace.arrays.tracer import TracedArray, extent_value, known_value, lift
from gradc.trace.context import current_body, current_trace, trace_error
from gradc.trace.elements import mathematics, special_functions
from gradc.trace.elements.elementwise import where
from gradc.trace.elements.ufunc_methods import UFUNC_METHODS
from gradc.trace.environment import never_traced
from gradc.trace.movement import applying, index_tricks, joining, shaping
from gradc.trace.products import polynomial_objects
from gradc.trace.reducing import reductions
from gradc.trace.registry import FUNCTIONS

#: These give traced arrays whatever their arguments: the function may write traced numbers into them.
_CREATORS: frozenset[Any] = frozenset(
    {
        np.zeros, np.ones, np.full, np.empty, np.zeros_like, np.ones_like, np.full_like, np.empty_like, np.array,
        np.asarray, np.asanyarray, np.ascontiguousarray, np.copy, np.arange, np.linspace, np.identity, np.eye, np.tri,
        np.asfortranarray, np.asarray_chkfinite, np.fromiter, np.fromfunction, np.indices, np.broadcast_shapes,
    }
)  # fmt: skip
#: What these read may be another thing at the next call.
_READERS = frozenset({"load", "loadtxt", "genfromtxt", "fromfile", "fromregex", "memmap"})

#: Functions of other libraries that convert their arguments to arrays, and what stands for them: by package and name.
LIBRARY_FUNCTIONS: dict[tuple[str, str], Callable[..., Any]] = special_functions.FUNCTIONS

StandIn = Callable[[Any, Any], Any]


def _holds(value: Any, kind: Any) -> bool:
    """Whether a value of this kind is among nested lists."""
    if isinstance(value, kind):
        return True
    if isinstance(value, list | tuple):
        return any(_holds(item, kind) for item in value)
    return isinstance(value, dict) and any(_holds(item, kind) for item in value.values())


_TAKE_GENERATORS = (np.sum, np.fromiter)


class NumpyFunction:
    """A NumPy function as the traced code sees it."""

    __slots__ = ("function",)

    def __init__(self, function: Any) -> None:
        self.function = function

    @staticmethod
    @functools.cache
    def of(function: Any) -> Any:
        """The stand-in of a NumPy function; classes and other objects stay what they are."""
        if id(function) in OBJECTS:
            return OBJECTS[id(function)]
        if isinstance(function, type) or not callable(function):
            return function
        return NumpyFunction(function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        function = self.function
        args = tuple(self._given(arg) for arg in args)
        refusal = never_traced(function)
        if refusal is not None:
            raise refusal
        if selection_among(args) is not None and function in FUNCTIONS:
            return surface.call_function(function, args, kwargs)
        if function in _CREATORS and not _holds(args, str):
            return FUNCTIONS[function](*args, **kwargs)
        if _holds(args, TracedArray) or _holds(kwargs, TracedArray):
            if isinstance(function, np.ufunc):
                return surface.call_ufunc(function, "__call__", args, kwargs)
            return surface.call_function(function, args, kwargs)
        if _holds(args, np.ndarray) or function.__name__ in _READERS:
            current_trace().volatile = True
        return surface.known_result(function(*args, **kwargs))

    def _given(self, arg: Any) -> Any:
        """An argument; of generators NumPy's functions take the entries only where they say so."""
        return unfiltered(arg) if isinstance(arg, Filtered) or self.function in _TAKE_GENERATORS else arg

    def __getattr__(self, name: str) -> Any:
        if isinstance(self.function, np.ufunc) and name in UFUNC_METHODS:
            return functools.partial(_ufunc_method, self.function, name)
        return getattr(self.function, name)

    def __repr__(self) -> str:
        return repr(self.function)


def _ufunc_method(ufunc: np.ufunc, name: str, *args: Any, **kwargs: Any) -> Any:
    """``np.add.reduce(...)``, also of lists that hold traced numbers."""
    if _holds(args, TracedArray) or _holds(kwargs, TracedArray):
        return surface.call_ufunc(ufunc, name, args, kwargs)
    if _holds(args, np.ndarray):
        current_trace().volatile = True
    return surface.known_result(getattr(ufunc, name)(*args, **kwargs))


#: Classes and objects of NumPy's that are used like functions, by identity, and what stands for them.
OBJECTS: dict[int, Any] = {
    id(np.r_): index_tricks.r_,
    id(np.c_): index_tricks.c_,
    id(np.mgrid): index_tricks.mgrid,
    id(np.ogrid): index_tricks.ogrid,
    id(np.vectorize): applying.Vectorized,
    id(np.ndenumerate): applying.ndenumerate,
    id(np.nditer): applying.nditer,
    id(np.broadcast): shaping.Broadcast,
    id(np.poly1d): polynomial_objects.TracedPolynomial,
}


# ---------------------------------------------------------------- modules


def named_constant(constant: NamedConstant) -> TracedArray:
    """``np.pi`` that stays pi."""
    return TracedArray(compute((), number(constant)), weak=True)


_CONSTANTS = {"pi": PI, "e": E, "euler_gamma": EULER_GAMMA}


class StandInModule(types.ModuleType):
    """A module whose attributes are found through ``resolve``."""

    def __init__(self, real: types.ModuleType, resolve: Callable[[str, Any], Any]) -> None:
        super().__init__(real.__name__)
        self.__dict__.update(_real=real, _resolve=resolve)

    def __getattr__(self, name: str) -> Any:
        value = self.__dict__["_resolve"](name, getattr(self.__dict__["_real"], name))
        self.__dict__[name] = value
        return value


def _numpy_attribute(name: str, value: Any) -> Any:
    if name in _CONSTANTS and isinstance(value, float):
        return named_constant(_CONSTANTS[name])
    if isinstance(value, types.ModuleType):
        return _random_module(value) if value.__name__ == "numpy.random" else _numpy_module(value)
    return NumpyFunction.of(value)


@functools.cache
def _numpy_module(module: types.ModuleType) -> StandInModule:
    return StandInModule(module, _numpy_attribute)


def _math_function(module: str, function: Callable[..., Any]) -> Callable[..., Any]:
    name = function.__name__

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        given = [_known_number(unfiltered(a)) for a in args]
        options = {key: _known_number(value) for key, value in kwargs.items()}
        if _holds(given, TracedArray | Selection) or _holds(options, TracedArray):
            return mathematics.traced_function(module, name, tuple(given), options)
        return function(*given, **options)

    return checked


def _known_number(value: Any) -> Any:
    """The number that a traced one is known to be; others as they are."""
    if isinstance(value, list | tuple):
        return type(value)(_known_number(item) for item in value)
    if not isinstance(value, TracedArray):
        return value
    if value.extents:
        return value
    known = known_value(value)
    return value if known is None else known.item()


@functools.cache
def _math_module(module: types.ModuleType) -> StandInModule:
    def resolve(name: str, value: Any) -> Any:
        if name in _CONSTANTS and isinstance(value, float):
            return named_constant(_CONSTANTS[name])
        return _math_function(module.__name__, value) if callable(value) else value

    return StandInModule(module, resolve)


def _random_function(name: str) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise trace_error(
            f"{name} inside a traced function would be drawn once and frozen into the compiled code; "
            "draw outside and pass the numbers in as an argument"
        )

    return refuse


@functools.cache
def _random_module(module: types.ModuleType) -> StandInModule:
    prefix = module.__name__.replace("numpy.", "np.")
    return StandInModule(module, lambda name, value: _random_function(f"{prefix}.{name}"))


def is_random(value: Any) -> bool:
    """Whether ``value`` draws random numbers."""
    if type(value).__module__.split(".")[0] not in ("random", "numpy"):
        return False
    for module, kinds in (("random", ("Random",)), ("numpy.random", ("Generator", "RandomState"))):
        loaded = sys.modules.get(module)  # loading it takes long, and without it nothing is of its kinds
        if loaded is not None and isinstance(value, tuple(getattr(loaded, kind) for kind in kinds)):
            return True
    return False


class _RandomObject:
    def __init__(self, name: str) -> None:
        self.__dict__["_name"] = name

    def __getattr__(self, name: str) -> Any:
        return _random_function(f"{self.__dict__['_name']}.{name}")


def random_error(name: str) -> Any:
    """A stand-in for a random generator, whose every method is an error that says what to do."""
    return _RandomObject(name)


def module_stand_in(module: types.ModuleType, path: Any, stand_in: StandIn) -> Any:
    """The stand-in of a module: NumPy, math and random have their own; the attributes of others are found as stand-ins."""
    if isinstance(module, StandInModule):
        return module
    top = module.__name__.split(".")[0]
    if module.__name__.startswith("numpy.random"):
        return _random_module(np.random)  # which is loaded, if there is such a module
    if top == "numpy":
        return _numpy_module(module)
    if module in (math, cmath):
        return _math_module(module)
    if module.__name__ == "random":
        return _random_module(module)
    if top in sys.stdlib_module_names or top in ("gradc", "gradc_runtime", "optree"):
        return module
    return StandInModule(module, lambda name, value: stand_in(value, path.attribute(name)))


# ---------------------------------------------------------------- builtins


def _length(value: Any) -> Any:
    if isinstance(value, TracedArray) and value.extents:
        extent = value.extents[0]
        return extent if isinstance(extent, int) else extent_value(extent)
    return value.traced_length() if isinstance(value, Selection | Filtered) else len(value)


def _greatest(real: Callable[..., Any], greater: bool) -> Callable[..., Any]:
    """``max``/``min`` of traced numbers: the first wins a tie, as in Python."""

    @functools.wraps(real)
    def choose(*args: Any, **kwargs: Any) -> Any:
        given = unfiltered(args[0]) if len(args) == 1 else None
        if isinstance(given, Selection) and not kwargs:
            return python_number(given.reduced("max" if greater else "min"))
        items: Sequence[Any] = list(given) if given is not None else args
        if kwargs.get("key") is not None or not any(isinstance(item, TracedArray) for item in items):
            return real(items if len(args) == 1 else iter(items), **kwargs)
        best = lift(items[0])
        for item in items[1:]:
            other = lift(item)
            if best.extents or other.extents:
                name = "maximum" if greater else "minimum"
                raise trace_error(f"{real.__name__}() of arrays has no single truth value; use np.{name}")
            weak = best.weak and other.weak
            best = TracedArray(
                where(other > best if greater else other < best, other, best).tensor, weak=weak, immutable=True
            )
        return best

    return choose


def _logical(real: Callable[..., Any], reduction: Callable[..., TracedArray]) -> Callable[..., Any]:
    """``any``/``all`` of traced entries."""

    @functools.wraps(real)
    def reduce(iterable: Any) -> Any:
        given = unfiltered(iterable)
        if isinstance(given, Selection):
            return given.reduced(real.__name__)
        items = list(given)
        if not any(isinstance(item, TracedArray) for item in items):
            return real(items)
        return reduction(joining.stacked(items))

    return reduce


def _is_instance(value: Any, kinds: Any) -> bool:
    listed = tuple(real_type(kind) for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
    if not isinstance(value, TracedArray):
        return isinstance(value, listed if isinstance(kinds, tuple) else listed[0])
    for kind in listed:
        if isinstance(kind, types.UnionType | tuple):
            if _is_instance(value, getattr(kind, "__args__", kind)):
                return True
        elif isinstance(kind, type) and issubclass(type_when_run(value), kind):
            return True
    return False


def _imported(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
    scope = globals.real if hasattr(globals, "real") else globals
    module = importlib.__import__(name, scope, locals, fromlist, level)
    from gradc.trace.surroundings.access import known_path
    from gradc.trace.surroundings.standins import stand_in

    return stand_in(module, known_path(module.__name__, module))


def _next(iterator: Any, *otherwise: Any) -> Any:
    """``next``: not inside a branch or loop that is run once for all of its trips."""
    if current_body() is not None:
        raise trace_error(
            "next() inside a branch or loop that is traced as a whole would go on once for all trips; go over the values "
            "with a `for` statement, or index them"
        )
    return next(iterator, *otherwise)


@functools.cache
def traced_builtins() -> dict[str, Any]:
    """The builtins as traced code sees them."""
    return vars(builtins) | {
        "len": _length,
        "next": _next,
        "max": _greatest(max, True),
        "min": _greatest(min, False),
        "isinstance": _is_instance,
        "hasattr": has_attribute,
        "sorted": ordered,
        "type": type_of,
        **{kind.__name__: stands for kind, stands in STAND_INS.items()},
        "any": _logical(any, reductions.any_),
        "all": _logical(all, reductions.all_),
        "__import__": _imported,
    }
