"""Objects and classes of the user's, as traced code sees them: attributes are found as stand-ins, methods as traced copies."""

from __future__ import annotations

import abc
import enum
import functools
import inspect
import os
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from gradc.trace.context import current_trace
from gradc.trace.surroundings.access import (
    Path,
    class_attribute,
    content,
    item,
    known_path,
    member,
    method,
    plain_function,
)
from gradc.trace.surroundings.conditions import SameAs, Satisfies
from gradc.trace.surroundings.modules import NumpyFunction
from gradc.trace.surroundings.paths import StandInOf, equal_to, identical, same_kind

#: Standard classes that are nothing but attributes.
_NAMESPACES = frozenset({("types", "SimpleNamespace"), ("argparse", "Namespace")})
#: Standard objects that hold no numbers that a function computes with.
_HARMLESS = frozenset(
    {("logging", "Logger"), ("logging", "RootLogger"), ("types", "GenericAlias"), ("types", "UnionType")}
)
#: What a function of NumPy's may be: a ufunc, one that dispatches, or one written in C.
_NUMPY_FUNCTIONS = (np.ufunc, type(np.sum), types.BuiltinFunctionType)
_OWN = frozenset({"numpy", "gradc", "gradc_runtime", "optree", "scipy"})


def other_stand_in(value: Any, path: Path, stand_in: StandInOf) -> Any:
    """The stand-in of an object that is neither array, number, function nor plain container.

    What can't be followed attribute by attribute is handed over as it is, and the trace is not used again: slow, but never
    a stale number.
    """
    if isinstance(value, type):
        return _class_stand_in(value, path, stand_in)
    kind: Any = type(value)
    if isinstance(value, _NUMPY_FUNCTIONS) and (isinstance(value, np.ufunc) or _module_of(value) == "numpy"):
        return identical(value, path) and NumpyFunction.of(value)
    name = (kind.__module__, kind.__name__)
    if isinstance(value, enum.Enum) or name in _HARMLESS or kind is object:
        return identical(value, path)
    if isinstance(value, types.BuiltinFunctionType) and isinstance(value.__self__, types.ModuleType | types.NoneType):
        return identical(value, path)
    if name in _NAMESPACES or is_users(kind):
        return ObjectProxy.of(value, path, stand_in)
    if kind.__module__ in ("fractions", "decimal", "datetime"):
        return equal_to(value, path)
    current_trace().volatile = True
    return value


def _module_of(value: Any) -> str:
    return (getattr(value, "__module__", None) or "").split(".")[0]


@functools.cache
def is_users(kind: type) -> bool:
    """Whether a class is written in Python by the user: not the standard library's, an installed package's, or C code's."""
    for base in kind.__mro__[:-1]:
        top = base.__module__.split(".")[0]
        if top in sys.stdlib_module_names and base.__module__ not in ("abc", "typing", "collections.abc"):
            return False
        if top in _OWN or "site-packages" in (getattr(sys.modules.get(base.__module__), "__file__", None) or ""):
            return False
    return True


# ---------------------------------------------------------------- instances


def is_proxy(value: Any) -> bool:
    """Whether ``value`` already stands for an object or a class."""
    return issubclass(type(value), ObjectProxy | ClassProxy)


class ObjectProxy:
    """An object of the user's. What the trace sets on it stays with the trace, in the proxy's own ``__dict__``."""

    @staticmethod
    def of(target: Any, path: Path, stand_in: StandInOf) -> Any:
        """The proxy of ``target``; its class has the special methods of the target's."""
        trace = current_trace()
        known = trace.copies.get(("object", id(target)))
        if known is not None:
            trace.rely_on(SameAs(path, known[2]), target)
            return known[0]
        same_kind(target, path)
        proxy = ObjectProxy.around(target, path, stand_in)
        trace.copies["object", id(target)] = (proxy, target, path)
        return proxy

    @staticmethod
    def around(target: Any, path: Path, stand_in: StandInOf) -> Any:
        """A new proxy."""
        kind: Any = type(target)
        if _reaches_class(kind):  # self.__class__(...) makes a plain instance
            rely_on_numbers(kind)
        proxy: Any = object.__new__(_proxy_class(kind))
        proxy.__dict__["__gradc__"] = (target, path, stand_in)
        return proxy

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """``type(self)(...)`` in a method makes another object of the class."""
        kind: type = cls.__dict__["__gradc_class__"]
        return _class_stand_in(kind, known_path(kind.__name__, kind), _stand_in())(*args, **kwargs)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # isinstance sees the target's class
        return type(object.__getattribute__(self, "__dict__")["__gradc__"][0])

    def __getattr__(self, name: str) -> Any:
        target, path, stand_in = object.__getattribute__(self, "__dict__")["__gradc__"]
        found = class_attribute(type(target), name)
        own = name in getattr(target, "__dict__", {})
        if isinstance(found, property) and found.fget is not None:
            return method_copy(type(target), name, path, stand_in)(self)
        if isinstance(found, types.FunctionType) and not own:
            return types.MethodType(method_copy(type(target), name, path, stand_in), self)
        if isinstance(found, staticmethod) and not own:
            return method_copy(type(target), name, path, stand_in)
        if isinstance(found, classmethod) and not own:
            owner = _class_stand_in(type(target), path.attribute("__class__"), stand_in)
            return types.MethodType(method_copy(type(target), name, path, stand_in), owner)
        try:
            value = getattr(target, name)
        except AttributeError:
            current_trace().rely_on(Satisfies(path, f"no {name} in", lambda owner: not hasattr(owner, name)), target)
            raise
        value = self.__dict__[name] = stand_in(value, path.attribute(name))
        return value


def method_copy(kind: type, name: str, path: Path, stand_in: StandInOf) -> Any:
    """The traced copy of the function behind a method or property."""
    return stand_in(plain_function(class_attribute(kind, name)), Path(f"{path.text}.{name}", path, method, name))


def _forwarded(name: str) -> Callable[..., Any]:
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        target, path, stand_in = self.__dict__["__gradc__"]
        if isinstance(class_attribute(type(target), name), types.FunctionType):
            return method_copy(type(target), name, path, stand_in)(self, *args, **kwargs)
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
    members = {n: _forwarded(n) for n in names - _NOT_FORWARDED if callable(class_attribute(kind, n))}
    return type(f"Traced{kind.__name__}", (ObjectProxy,), {"__gradc_class__": kind, **members})


def _stand_in() -> StandInOf:
    from gradc.trace.surroundings.standins import stand_in

    return stand_in


# ---------------------------------------------------------------- classes


class ClassProxy:
    """A class of the user's: its attributes are found as stand-ins; calling it makes an `ObjectProxy` where that can be."""

    def __init__(self, target: type, path: Path, stand_in: StandInOf) -> None:
        self.__dict__["__gradc__"] = (target, path, stand_in)

    def __getattr__(self, name: str) -> Any:
        target, path, stand_in = self.__dict__["__gradc__"]
        found = class_attribute(target, name)
        if isinstance(found, types.FunctionType | staticmethod):
            return method_copy(target, name, path, stand_in)
        if isinstance(found, classmethod):
            return types.MethodType(method_copy(target, name, path, stand_in), self)
        value = getattr(target, name)
        if name.startswith("__"):
            return value
        value = self.__dict__[name] = stand_in(value, path.attribute(name))
        return value

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        target, path, stand_in = self.__dict__["__gradc__"]
        if not _is_plain(target):
            rely_on_numbers(target)
            return target(*args, **kwargs)
        blank = target.__new__(target)
        proxy = ObjectProxy.around(blank, known_path(f"{path.text}()", blank), stand_in)
        if class_attribute(target, "__init__") is not object.__init__:
            method_copy(target, "__init__", path, stand_in)(proxy, *args, **kwargs)
        elif args or kwargs:
            raise TypeError(f"{target.__name__}() takes no arguments")
        return proxy

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, self.__dict__["__gradc__"][0])

    def __subclasscheck__(self, kind: type) -> bool:
        return issubclass(kind, self.__dict__["__gradc__"][0])

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        target = self.__dict__["__gradc__"][0]
        rely_on_numbers(target)
        return (target,)

    def __getitem__(self, key: Any) -> Any:
        return self.__dict__["__gradc__"][0][key]


@functools.cache
def _reaches_class(kind: type) -> bool:
    """Whether a method takes ``self.__class__``."""
    functions = [plain_function(value) for base in kind.__mro__[:-1] for value in vars(base).values()]
    codes = [f.__code__ for f in functions if isinstance(f, types.FunctionType) and _is_watched(f)]
    return any("__class__" in _names_in(code) for code in codes)


def _is_plain(kind: type) -> bool:
    """Whether objects of a class are nothing but what ``__init__`` sets: then even those made while tracing are followed."""
    if type(kind) not in (type, abc.ABCMeta) or inspect.isabstract(kind) or hasattr(kind, "__dataclass_fields__"):
        return False
    defaults = {
        "__new__": object.__new__,
        "__setattr__": object.__setattr__,
        "__getattribute__": object.__getattribute__,
    }
    return all(class_attribute(kind, n) is default for n, default in defaults.items()) and not hasattr(
        kind, "__getattr__"
    )


def _class_stand_in(kind: type, path: Path, stand_in: StandInOf) -> Any:
    if not is_users(kind) or issubclass(kind, BaseException | enum.Enum):
        return identical(kind, path)
    trace = current_trace()
    known = trace.copies.get(("class", id(kind)))
    if known is None:
        known = trace.copies["class", id(kind)] = (ClassProxy(kind, path, stand_in), kind)
    identical(kind, path)
    return known[0]


# ---------------------------------------------------------------- code that runs as it is


def rely_on_numbers(kind: type) -> None:
    """Watch what the methods of a class read from globals and closures: those of its instances that the trace makes run as
    they are.
    """
    pending: list[Any] = []
    for base in kind.__mro__[:-1]:
        if base.__module__ == "builtins":
            continue
        for name, value in vars(base).items():
            function = plain_function(value)
            if isinstance(function, types.FunctionType):
                pending.append(function)
            elif not name.startswith("_"):
                _watch(value, Path(f"{base.__name__}.{name}", known_path(base.__name__, base), member, name))
    seen: set[int] = set()
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, types.FunctionType) and _is_watched(value):
            pending.extend(_watched(value))


_STDLIB = os.__file__.rpartition(os.sep)[0]


def _is_watched(function: types.FunctionType) -> bool:
    """Whether a function is the user's: not a library's, and not one that `dataclasses` wrote."""
    file = function.__code__.co_filename
    if file.startswith(_STDLIB) and "site-packages" not in file:
        return False
    if file == "<string>" and function.__name__.startswith("__"):
        return False
    return _module_of(function) not in sys.stdlib_module_names and _module_of(function) not in _OWN


def _watched(function: types.FunctionType) -> list[Any]:
    """Watch the numbers that a function reads, and list the functions that it may call."""
    scope = function.__globals__
    scope_path = known_path("globals", scope)
    found: list[Any] = [
        _watch(scope[name], Path(name, scope_path, item, name))
        for name in sorted(_names_in(function.__code__))
        if name in scope
    ]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:
            continue
        found.append(_watch(value, Path(name, known_path(f"cell {name}", cell), content)))
    return found


_WITHOUT_NUMBERS = (
    types.ModuleType,
    types.BuiltinFunctionType,
    types.NoneType,
    np.ufunc,
)


def _watch(value: Any, path: Path) -> Any:
    trace = current_trace()
    if isinstance(value, int | float | complex | str | np.generic):
        equal_to(value, path)
    elif isinstance(value, types.FunctionType | type):
        identical(value, path)
    elif not isinstance(value, _WITHOUT_NUMBERS) and not hasattr(type(value), "__get__"):
        trace.volatile = True
    return value


def _names_in(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for inner in code.co_consts:
        if inspect.iscode(inner):
            names |= _names_in(inner)
    return names
