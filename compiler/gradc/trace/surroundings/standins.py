"""The traced copy of a function: the same code, with stand-ins for what it reaches by itself.

NumPy's protocols do not see ``np.array([x[0], y])``, ``np.zeros(n)``, ``len(x)`` or ``math.sin``; and an array in a global or a
closure must stay an input, not become a literal. So the function runs as a copy (`types.FunctionType` over the same code
object) whose globals, closure cells, defaults and builtins are stand-ins. NumPy itself is never touched.
"""

from __future__ import annotations

import copy
import functools
import inspect
import os
import sys
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

import numpy as np

from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.context import current_trace
from gradc.trace.elements.mathematics import total
from gradc.trace.movement.applying import Vectorized
from gradc.trace.specs import lies_by_rows, supported
from gradc.trace.staging import operators as staging_operators
from gradc.trace.staging.rewriting import OPERATORS
from gradc.trace.staging.source import staged_code
from gradc.trace.surroundings.access import Path, cell, content, default, item, keyword_default, known_path
from gradc.trace.surroundings.conditions import HasCode, HasKeys, HasLength, SameAs
from gradc.trace.surroundings.inheritance import above
from gradc.trace.surroundings.modules import (
    LIBRARY_FUNCTIONS,
    OBJECTS,
    NumpyFunction,
    is_random,
    module_stand_in,
    random_error,
    traced_builtins,
)
from gradc.trace.surroundings.objects import is_proxy, other_stand_in, rely_on_numbers
from gradc.trace.surroundings.paths import equal_to, identical, same_kind

_NUMPY = np.__path__[0]
_GRADC = sys.modules["gradc"].__path__[0]
_STDLIB = os.__file__.rpartition(os.sep)[0]
#: Values that are what they are: a trace that met one holds as long as it is equal.
IMMUTABLE = (str, bytes, bool, type(None), type(Ellipsis), range, slice, frozenset, np.dtype, np.bool_)

#: Containers with more entries than this are taken as they are, and the function is traced again on each call.
_LARGEST_CONTAINER = 2000
_CONTAINERS = (list, tuple, dict, OrderedDict, defaultdict, deque)


def static_leaf(value: Any, name: str) -> Any:
    """An argument that is not an array or a number, as traced code sees it: its attributes are captures too."""
    plain = isinstance(value, (*IMMUTABLE, int, float, complex, tuple, np.generic))
    return value if plain else stand_in(value, known_path(name, value))


def stand_in(value: Any, path: Path) -> Any:
    """What the traced code finds instead of ``value``."""
    if isinstance(value, TracedArray | NumpyFunction) or is_proxy(value):
        return value
    if isinstance(value, IMMUTABLE):
        return equal_to(value, path)
    if isinstance(value, int | float | complex | np.number | np.ndarray):
        return _captured(value, path)
    if isinstance(value, types.FunctionType):
        return _copied_once(value, path)
    if isinstance(value, types.MethodType):
        owner = stand_in(value.__self__, path.attribute("__self__"))
        return types.MethodType(stand_in(value.__func__, path.attribute("__func__")), owner)
    if isinstance(value, types.ModuleType):
        return module_stand_in(value, path, stand_in)
    if isinstance(value, functools.partial):
        return _partial(value, path)
    if id(value) in OBJECTS:
        identical(value, path)
        return OBJECTS[id(value)]
    if isinstance(value, np.vectorize):
        return _vectorized(value, path)
    if type(value) in _CONTAINERS or (isinstance(value, tuple) and hasattr(value, "_fields")):
        return _container(value, path)
    if type(value) is set:
        return equal_to(set(value), path)
    if is_random(value):
        return random_error(path.text)
    if hasattr(type(value), "__gradc_stand_in__"):
        same_kind(value, path)
        return value.__gradc_stand_in__(path, stand_in)
    return other_stand_in(value, path, stand_in)


def _captured(value: Any, path: Path) -> Any:
    """An array or number as an input, read at each call."""
    trace = current_trace()
    dtype = np.asarray(value).dtype
    if not supported(dtype) or isinstance(value, np.matrix | np.ma.MaskedArray):
        trace.volatile = True
        return value
    weak = not isinstance(value, np.ndarray | np.generic)
    tensor = trace.capture(path, value, weak)
    handle = TracedArray(tensor, weak=weak, immutable=not isinstance(value, np.ndarray))
    handle._storage.body = None  # it is from outside, also where it is first met inside a loop or branch
    handle.is_row_major = not isinstance(value, np.ndarray) or lies_by_rows(value)
    trace.handles.append((tensor, handle))
    return handle


def _partial(value: functools.partial[Any], path: Path) -> Any:
    same_kind(value, path)
    args = stand_in(value.args, path.attribute("args"))
    keywords = stand_in(value.keywords, path.attribute("keywords"))
    return functools.partial(stand_in(value.func, path.attribute("func")), *args, **keywords)


def _vectorized(value: np.vectorize, path: Path) -> Any:
    same_kind(value, path)
    function = stand_in(value.pyfunc, path.attribute("pyfunc"))
    return Vectorized(function, value.otypes or None, excluded=value.excluded, signature=value.signature)


def _container(value: Any, path: Path) -> Any:
    """A copy that holds the stand-ins of the entries."""
    trace = current_trace()
    if len(value) > _LARGEST_CONTAINER:
        trace.volatile = True
        return value
    kind = type(value)
    known = trace.copies.get(("container", id(value)))
    if known is not None:
        trace.rely_on(SameAs(path, known[2]), value)
        return known[0]
    if issubclass(kind, dict):
        keys = list(value)
        trace.rely_on(HasKeys(path, kind, keys), value)
        made: Any = copy.copy(value)
        made.clear()
        trace.copies["container", id(value)] = (made, value, path)
        made.update({key: stand_in(item, path.item(key)) for key, item in value.items()})
        return made
    trace.rely_on(HasLength(path, kind, len(value)), value)
    if kind in (list, deque):
        made = copy.copy(value)
        made.clear()
        trace.copies["container", id(value)] = (made, value, path)
        made.extend(stand_in(item, path.item(k)) for k, item in enumerate(value))
        return made
    items = [stand_in(item, path.item(k)) for k, item in enumerate(value)]
    if not hasattr(kind, "_fields"):
        return tuple(items)
    rely_on_numbers(kind)
    return kind(*items)


# ---------------------------------------------------------------- functions


class TracingGlobals(dict[str, Any]):
    """A module's globals as the traced copies see them: looked up in the real ones, as stand-ins."""

    def __init__(self, real: dict[str, Any]) -> None:
        super().__init__({"__builtins__": _builtins(), "__name__": real.get("__name__")})
        self.real = real
        self.path = known_path("globals", real)

    def __missing__(self, name: str) -> Any:
        real = self.real
        value = stand_in(real[name], Path(name, self.path, item, name))
        self[name] = value
        return value

    def __getitem__(self, name: str) -> Any:
        return dict.get(self, name, _ABSENT) if dict.__contains__(self, name) else self.__missing__(name)


_ABSENT = object()


@functools.cache
def _builtins() -> dict[str, Any]:
    """The builtins of traced code, and the operators that stand for control flow in rewritten code."""
    return traced_builtins() | {OPERATORS: staging_operators, "super": above, "sum": total}


def is_copy(function: Any) -> bool:
    """Whether ``function`` is a traced copy, or was made by one."""
    return isinstance(getattr(function, "__globals__", None), TracingGlobals)


def _library(function: types.FunctionType) -> str | None:
    """Whose code it is: numpy's, the standard library's, gradc's, or None for everybody else's."""
    file = function.__code__.co_filename
    if file.startswith(_NUMPY):
        return "numpy"
    if file.startswith(_GRADC):
        return "gradc"
    if file.startswith(("<frozen", _STDLIB)) and "site-packages" not in file:
        return "stdlib"
    return None


def _copied_once(function: types.FunctionType, path: Path) -> Any:
    if is_copy(function):
        return function
    trace = current_trace()
    replacement = LIBRARY_FUNCTIONS.get(((function.__module__ or "").split(".")[0], function.__name__))
    if replacement is not None:
        return identical(function, path) and replacement
    library = _library(function)
    if library == "numpy":
        return identical(function, path) and NumpyFunction.of(function)
    if library is not None and function.__closure__ is None:
        return identical(function, path)
    known = trace.copies.get(id(function))
    if known is not None:
        trace.rely_on(SameAs(path, known[2]), function)
        return known[0]
    _same_code(function, path)
    scope = function.__globals__ if library is not None else _tracing_globals(function)
    return _copied(function, scope, path)


def _copied(function: types.FunctionType, scope: dict[str, Any], path: Path) -> types.FunctionType:
    """The copy. It is known before its cells are filled: a function may reach itself through them."""
    trace = current_trace()
    names = function.__code__.co_freevars
    cells = [
        _cell(real, name, k, path) for k, (real, name) in enumerate(zip(function.__closure__ or (), names, strict=True))
    ]
    code = staged_code(function) if isinstance(scope, TracingGlobals) else function.__code__
    shared = dict(zip(names, (made for made, _ in cells), strict=True))
    twin = types.FunctionType(code, scope, function.__name__, None, tuple(shared[name] for name in code.co_freevars))
    trace.copies[id(function)] = (twin, function, path)
    twin.__qualname__, twin.__doc__, twin.__module__ = function.__qualname__, function.__doc__, function.__module__
    for _, fill in cells:
        fill()
    twin.__dict__.update({k: stand_in(v, path.attribute(k)) for k, v in function.__dict__.items()})
    _copy_defaults(function, twin, path)
    return twin


def _tracing_globals(function: types.FunctionType) -> TracingGlobals:
    trace = current_trace()
    key = ("globals", id(function.__globals__))
    scope: TracingGlobals | None = trace.copies.get(key)
    if scope is None:
        scope = trace.copies[key] = TracingGlobals(function.__globals__)
    _prefetch_class_bodies(function.__code__, scope)
    return scope


def _prefetch_class_bodies(code: types.CodeType, scope: TracingGlobals) -> None:
    """Class bodies look names up in the dict itself, past `TracingGlobals.__getitem__`: what they name is put there."""
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            if not inner.co_flags & inspect.CO_OPTIMIZED:
                for name in inner.co_names:
                    if name in scope.real:
                        scope[name]
            _prefetch_class_bodies(inner, scope)


def _same_code(function: types.FunctionType, path: Path) -> None:
    current_trace().rely_on(HasCode(path, function.__code__, function.__globals__), function)


def _cell(real: types.CellType, name: str, position: int, path: Path) -> tuple[types.CellType, Callable[[], None]]:
    """The stand-in of a closure cell, and how to fill it."""
    trace = current_trace()
    where = Path(f"cell {name} of {path.text}", path, cell, position)
    known = trace.copies.get(("cell", id(real)))
    if known is not None:
        trace.rely_on(SameAs(where, known[2]), real)
        return known[0], lambda: None
    made = types.CellType()
    trace.copies["cell", id(real)] = (made, real, where)

    def fill() -> None:
        try:
            value = real.cell_contents
        except ValueError:  # not bound yet
            return
        # super() needs the class itself
        made.cell_contents = value if name == "__class__" else stand_in(value, Path(name, where, content))

    return made, fill


def _copy_defaults(function: types.FunctionType, twin: types.FunctionType, path: Path) -> None:
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    if function.__defaults__:
        first = len(names) - len(function.__defaults__)
        twin.__defaults__ = tuple(
            stand_in(value, Path(names[first + k], path, default, k)) for k, value in enumerate(function.__defaults__)
        )
    if function.__kwdefaults__:
        twin.__kwdefaults__ = {
            name: stand_in(value, Path(name, path, keyword_default, name))
            for name, value in function.__kwdefaults__.items()
        }
