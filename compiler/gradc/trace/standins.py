"""The traced copy of a function: the same code, with stand-ins for what it reaches by itself.

NumPy's protocols do not see ``np.array([x[0], y])``, ``np.zeros(n)``, ``len(x)`` or ``math.sin``; and an array in a global or a
closure must stay an input, not become a literal. So the function runs as a copy (`types.FunctionType` over the same code
object) whose globals, closure cells, defaults and builtins are stand-ins. NumPy itself is never touched.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.trace.context import current_trace, trace_error
from gradc.trace.modules import (
    LIBRARY_FUNCTIONS,
    NumpyFunction,
    is_random,
    module_stand_in,
    random_error,
    traced_builtins,
)
from gradc.trace.records import Reader, Root
from gradc.trace.specs import supported
from gradc.trace.tracer import TracedArray

_NUMPY = np.__path__[0]
_GRADC = sys.modules["gradc"].__path__[0]
_STDLIB = os.__file__.rpartition(os.sep)[0]
#: Values that are what they are: a trace that met one holds as long as it is equal.
IMMUTABLE = (str, bytes, bool, type(None), type(Ellipsis), range, slice, frozenset, np.dtype, np.bool_)

#: Containers with more entries than this are taken as they are, and the function is traced again on each call.
_LARGEST_CONTAINER = 2000


StandInOf = Callable[[Any, "Path"], Any]


@dataclass(frozen=True)
class Path:
    """How the function reaches a value: the user's words for it, and how to read it again."""

    text: str
    read: Reader

    def attribute(self, name: str) -> Path:
        """``path.name``."""
        return Path(f"{self.text}.{name}", lambda root, up=self.read: getattr(up(root), name))  # type: ignore[misc]

    def item(self, key: Any) -> Path:
        """``path[key]``."""
        return Path(f"{self.text}[{key!r}]", lambda root, up=self.read: up(root)[key])  # type: ignore[misc]


def static_leaf(value: Any, name: str) -> Any:
    """An argument that is not an array or a number, as traced code sees it: its attributes are captures too."""
    plain = isinstance(value, (*IMMUTABLE, int, float, complex, tuple, np.generic))
    return value if plain else stand_in(value, Path(name, lambda _: value))


def root_path(function: Any) -> Path:
    """The path of the traced function itself."""
    return Path(getattr(function, "__name__", "f"), lambda root: root)


def constant_path(function: Any) -> Path:
    """The path of a function that is met as it is, whatever the root."""
    return Path(getattr(function, "__name__", "f"), lambda _: function)


def stand_in(value: Any, path: Path) -> Any:
    """What the traced code finds instead of ``value``."""
    if isinstance(value, TracedArray | NumpyFunction | ObjectProxy):
        return value
    if isinstance(value, IMMUTABLE):
        return _equal_to(value, path)
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
    if type(value) in (list, tuple, dict) or (isinstance(value, tuple) and hasattr(value, "_fields")):
        return _container(value, path)
    if type(value) is set:
        return _equal_to(set(value), path)
    if is_random(value):
        return random_error(path.text)
    if hasattr(type(value), "__gradc_stand_in__"):
        _same_kind(value, path)
        return value.__gradc_stand_in__(path, stand_in)
    return _other(value, path)


def _equal_to(value: Any, path: Path) -> Any:
    kind, read = type(value), path.read

    def holds(root: Root) -> bool:
        present = read(root)
        return type(present) is kind and bool(present == value)

    current_trace().rely_on(path.text, holds, value)
    return value


def _identical(value: Any, path: Path) -> Any:
    read = path.read
    current_trace().rely_on(path.text, lambda root: read(root) is value, value)
    return value


def _same_kind(value: Any, path: Path) -> None:
    kind, read = type(value), path.read
    current_trace().rely_on(f"type({path.text})", lambda root: type(read(root)) is kind, value)


def _captured(value: Any, path: Path) -> Any:
    """An array or number as an input, read at each call."""
    trace = current_trace()
    dtype = np.asarray(value).dtype
    if not supported(dtype) or (isinstance(value, np.ndarray) and type(value) is not np.ndarray):
        trace.volatile = True
        return value
    weak = not isinstance(value, np.ndarray | np.generic)
    tensor = trace.capture(path.text, value, path.read, weak)
    return TracedArray(tensor, weak=weak, immutable=not isinstance(value, np.ndarray))


def _partial(value: functools.partial[Any], path: Path) -> Any:
    _same_kind(value, path)
    args = stand_in(value.args, path.attribute("args"))
    keywords = stand_in(value.keywords, path.attribute("keywords"))
    return functools.partial(stand_in(value.func, path.attribute("func")), *args, **keywords)


def _container(value: Any, path: Path) -> Any:
    """A copy that holds the stand-ins of the entries."""
    trace = current_trace()
    if len(value) > _LARGEST_CONTAINER:
        trace.volatile = True
        return value
    known = trace.copies.get(("container", path.text, id(value)))
    if known is not None:
        return known[0]
    read, kind = path.read, type(value)
    if kind is dict:
        keys = list(value)
        trace.rely_on(f"keys of {path.text}", lambda root: type(read(root)) is dict and list(read(root)) == keys, value)
        made: Any = {}
        trace.copies["container", path.text, id(value)] = (made, value)
        made.update({key: stand_in(item, path.item(key)) for key, item in value.items()})
        return made
    length = len(value)
    trace.rely_on(f"length of {path.text}", lambda root: type(read(root)) is kind and len(read(root)) == length, value)
    if kind is list:
        made = []
        trace.copies["container", path.text, id(value)] = (made, value)
        made.extend(stand_in(item, path.item(k)) for k, item in enumerate(value))
        return made
    items = [stand_in(item, path.item(k)) for k, item in enumerate(value)]
    return kind(*items) if hasattr(kind, "_fields") else tuple(items)


def _other(value: Any, path: Path) -> Any:
    kind = type(value)
    if isinstance(value, type) or kind.__module__ == "builtins" or callable(getattr(value, "__array_ufunc__", None)):
        return _identical(value, path)
    if isinstance(value, np.ufunc) or getattr(value, "__module__", "").split(".")[0] == "numpy":
        return _identical(value, path) and NumpyFunction.of(value)
    top = kind.__module__.split(".")[0]
    if top in sys.stdlib_module_names or top in ("numpy", "gradc", "optree", "gradc_runtime"):
        return _identical(value, path)
    return ObjectProxy.of(value, path)


# ---------------------------------------------------------------- functions


class TracingGlobals(dict[str, Any]):
    """A module's globals as the traced copies see them: looked up in the real ones, as stand-ins."""

    def __init__(self, real: dict[str, Any]) -> None:
        super().__init__({"__builtins__": traced_builtins(), "__name__": real.get("__name__")})
        self.real = real

    def __missing__(self, name: str) -> Any:
        real = self.real
        value = stand_in(real[name], Path(name, lambda _: real[name]))
        self[name] = value
        return value

    def __getitem__(self, name: str) -> Any:
        return dict.get(self, name, _ABSENT) if dict.__contains__(self, name) else self.__missing__(name)


_ABSENT = object()


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
        return _identical(function, path) and replacement
    library = _library(function)
    if library == "numpy":
        return _identical(function, path) and NumpyFunction.of(function)
    if library is not None and function.__closure__ is None:
        return _identical(function, path)
    known = trace.copies.get(id(function))
    if known is not None:
        copy, first = known[0], known[2]
        read, read_first = path.read, first.read
        trace.rely_on(f"{path.text} is {first.text}", lambda root: read(root) is read_first(root), function)
        return copy
    _same_code(function, path)
    scope: Any
    if library is None:
        scope = trace.copies.get(("globals", id(function.__globals__)))
        if scope is None:
            scope = trace.copies["globals", id(function.__globals__)] = TracingGlobals(function.__globals__)
        _prefetch_class_bodies(function.__code__, scope)
    else:
        scope = function.__globals__
    cells = function.__closure__
    names = function.__code__.co_freevars
    made_cells = None if cells is None else tuple(types.CellType() for _ in cells)
    copy = types.FunctionType(function.__code__, scope, function.__name__, None, made_cells)
    trace.copies[id(function)] = (copy, function, path)
    copy.__dict__.update(function.__dict__)
    copy.__qualname__, copy.__doc__ = function.__qualname__, function.__doc__
    if cells is not None:
        shared = tuple(_cell(c, n, k, path) for k, (c, n) in enumerate(zip(cells, names, strict=True)))
        copy = _with_cells(copy, shared)
        trace.copies[id(function)] = (copy, function, path)
    _copy_defaults(function, copy, path)
    return copy


def _prefetch_class_bodies(code: types.CodeType, scope: TracingGlobals) -> None:
    """Class bodies look names up in the dict itself, past `TracingGlobals.__getitem__`: what they name is put there."""
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            if not inner.co_flags & inspect.CO_OPTIMIZED:
                for name in inner.co_names:
                    if name in scope.real:
                        scope[name]
            _prefetch_class_bodies(inner, scope)


def _with_cells(copy: types.FunctionType, cells: tuple[types.CellType, ...]) -> types.FunctionType:
    final = types.FunctionType(copy.__code__, copy.__globals__, copy.__name__, None, cells)
    final.__dict__.update(copy.__dict__)
    final.__qualname__, final.__doc__ = copy.__qualname__, copy.__doc__
    return final


def _same_code(function: types.FunctionType, path: Path) -> None:
    code, scope, read = function.__code__, function.__globals__, path.read

    def holds(root: Root) -> bool:
        present = read(root)
        return getattr(present, "__code__", None) is code and present.__globals__ is scope

    current_trace().rely_on(f"code of {path.text}", holds, function)


def _cell(cell: types.CellType, name: str, position: int, path: Path) -> types.CellType:
    trace = current_trace()
    up = path.read

    def read_cell(root: Root) -> types.CellType:
        return up(root).__closure__[position]  # type: ignore[no-any-return]

    known = trace.copies.get(("cell", id(cell)))
    if known is not None:
        made, first = known[0], known[2]
        trace.rely_on(f"cell {name} of {path.text}", lambda root: read_cell(root) is first(root), cell)
        return made  # type: ignore[no-any-return]
    made = types.CellType()
    trace.copies["cell", id(cell)] = (made, cell, read_cell)
    try:
        content = cell.cell_contents
    except ValueError:  # not bound yet
        return made
    made.cell_contents = stand_in(content, Path(name, lambda root: read_cell(root).cell_contents))
    return made


def _copy_defaults(function: types.FunctionType, copy: types.FunctionType, path: Path) -> None:
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    if function.__defaults__:
        first = len(names) - len(function.__defaults__)
        up = path.read
        copy.__defaults__ = tuple(
            stand_in(value, Path(names[first + k], lambda root, k=k: up(root).__defaults__[k]))  # type: ignore[misc]
            for k, value in enumerate(function.__defaults__)
        )
    if function.__kwdefaults__:
        up = path.read
        copy.__kwdefaults__ = {
            name: stand_in(value, Path(name, lambda root, name=name: up(root).__kwdefaults__[name]))  # type: ignore[misc]
            for name, value in function.__kwdefaults__.items()
        }


# ---------------------------------------------------------------- objects


class ObjectProxy:
    """An object of the user's, whose attributes are found as stand-ins. What the trace sets on it stays with the trace."""

    __slots__ = ("_gradc_overlay", "_gradc_path", "_gradc_target")

    @staticmethod
    def of(target: Any, path: Path) -> Any:
        """The proxy of ``target``; its class has the special methods of the target's."""
        trace = current_trace()
        known = trace.copies.get(("object", id(target)))
        if known is not None:
            read, first = path.read, known[2].read
            trace.rely_on(f"{path.text} is {known[2].text}", lambda root: read(root) is first(root), target)
            return known[0]
        _same_kind(target, path)
        kind: Any = type(target)
        proxy: Any = object.__new__(_proxy_class(kind))
        object.__setattr__(proxy, "_gradc_target", target)
        object.__setattr__(proxy, "_gradc_path", path)
        object.__setattr__(proxy, "_gradc_overlay", {})
        trace.copies["object", id(target)] = (proxy, target, path)
        return proxy

    @property
    def __class__(self) -> Any:
        return type(object.__getattribute__(self, "_gradc_target"))

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise trace_error("the class of an object can't be changed while a function is traced")

    def __getattr__(self, name: str) -> Any:
        target = object.__getattribute__(self, "_gradc_target")
        overlay = object.__getattribute__(self, "_gradc_overlay")
        if name in overlay:
            return overlay[name]
        path: Path = object.__getattribute__(self, "_gradc_path")
        found = _class_attribute(type(target), name)
        if isinstance(found, property) and found.fget is not None:
            return _method_copy(found.fget, path, name)(self)
        if isinstance(found, types.FunctionType) and name not in getattr(target, "__dict__", {}):
            return types.MethodType(_method_copy(found, path, name), self)
        if isinstance(found, staticmethod):
            return _method_copy(found.__func__, path, name)
        if isinstance(found, classmethod):
            return types.MethodType(_method_copy(found.__func__, path, name), type(target))
        value = overlay[name] = stand_in(getattr(target, name), path.attribute(name))
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        object.__getattribute__(self, "_gradc_overlay")[name] = value


def _class_attribute(kind: type, name: str) -> Any:
    for base in kind.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return None


def _method_copy(function: Any, path: Path, name: str) -> Any:
    return stand_in(function, Path(f"{path.text}.{name}", lambda _: function))


def _forwarded(name: str) -> Callable[..., Any]:
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        target = object.__getattribute__(self, "_gradc_target")
        path = object.__getattribute__(self, "_gradc_path")
        function = _class_attribute(type(target), name)
        if isinstance(function, types.FunctionType):
            return _method_copy(function, path, name)(self, *args, **kwargs)
        return getattr(target, name)(*args, **kwargs)

    return forward


_NOT_FORWARDED = frozenset(
    "__new__ __init__ __class__ __dict__ __weakref__ __getattribute__ __getattr__ __setattr__ __delattr__ __slots__ __doc__ "
    "__module__ __init_subclass__ __subclasshook__ __del__ __reduce__ __reduce_ex__ __sizeof__ __dir__ __orig_bases__ "
    "__annotations__ __abstractmethods__ __static_attributes__ __firstlineno__ __parameters__ __match_args__".split()
)


@functools.cache
def _proxy_class(kind: type) -> type:
    names = {n for base in kind.__mro__[:-1] for n in vars(base) if n.startswith("__") and n.endswith("__")}
    members = {n: _forwarded(n) for n in names - _NOT_FORWARDED if callable(_class_attribute(kind, n))}
    return type(f"Traced{kind.__name__}", (ObjectProxy,), {"__slots__": (), **members})
