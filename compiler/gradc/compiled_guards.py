"""What a trace relied on and what it captured, as steps of a plan.

A path is followed by identity: each thing on the way to a captured value must be the very object that it was when the plan was
made. Where it is another, Python checks the conditions themselves, and a new plan may be made. Functions, modules and classes
on the way are kept alive by the plan; containers and the user's objects are not (they may hold large arrays): their address
is compared, which another object may have taken over since, and so their class is checked as well.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from gradc.trace.surroundings import access
from gradc.trace.surroundings.access import Path
from gradc.trace.surroundings.conditions import (
    Condition,
    Equals,
    HasCode,
    HasContent,
    HasKeys,
    HasLength,
    HasType,
    Is,
    SameAs,
    Satisfies,
)
from gradc_runtime.entry import FastCallable
from gradc_runtime.entry_plan import NoPlan, PlanWriter

_NUMBERS = (int, float, complex, np.number, np.bool_)
#: Objects that a plan keeps alive: small, or alive as long as the function itself.
_KEPT = (
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    types.ModuleType,
    types.CellType,
    functools.partial,
    np.ufunc,
    np.dtype,
    FastCallable,
    type,
    str,
    bytes,
    types.NoneType,
    types.EllipsisType,
    range,
    *_NUMBERS,
)
#: Attributes that stay what they are as long as their owner exists.
_FIXED_ATTRIBUTES = {
    types.MethodType: ("__self__", "__func__"),
    functools.partial: ("func", "args", "keywords"),
}
#: Content of these types changes only by replacing the object.
_IMMUTABLE_MODULES = ("fractions", "decimal", "datetime")


class Guards:
    """Writes the checks of one plan; each thing on a path is checked once."""

    def __init__(self, writer: PlanWriter, function: Any) -> None:
        self._writer = writer
        self._function = function
        self._known: dict[tuple[int, Any, Any], Any] = {}
        self._alive: list[Any] = []

    # ------------------------------------------------------------ conditions

    def condition(self, condition: Condition) -> None:
        """Check a condition; by calling it, where no steps can tell."""
        try:
            if self._is_settled(condition):
                return
        except NoPlan:
            pass
        holds = functools.partial(condition.holds, self._function)
        self._writer.step("satisfied", self._writer.refer(holds))

    def _is_settled(self, condition: Condition) -> bool:
        """Write the steps that imply the condition, if there are any."""
        writer = self._writer
        match condition:
            case Satisfies():
                if not condition.by_identity:
                    return False
                writer.refer(self.object_at(condition.path))
            case Equals() | HasContent():
                value = condition.path.read(self._function)
                if not _is_immutable(value):
                    return False
                writer.refer(self.object_at(condition.path))
            case Is():
                writer.refer(self.object_at(condition.path))
            case SameAs():
                self.object_at(condition.path)
                self.object_at(condition.other)
            case HasType():
                self._constant(self.object_at(condition.path))
                writer.step("of_type", writer.refer(condition.kind))
            case HasCode():
                function = self._address(self.object_at(condition.path))
                writer.step("has_code", function, writer.refer(condition.code))
            case HasLength():
                if condition.kind is not list and not issubclass(condition.kind, tuple):
                    return False
                self._constant(self.object_at(condition.path))
                writer.step("sized", condition.length)
            case HasKeys():
                if condition.kind is not dict or not all(type(key) in (str, int) for key in condition.keys):
                    return False
                self._constant(self.object_at(condition.path))
                count = len(condition.keys)
                writer.step("dict_entries", count, writer.room(8 * count), *[writer.refer(k) for k in condition.keys])
            case _:
                return False
        return True

    # ------------------------------------------------------------ paths

    def found(self, path: Path) -> tuple[Any, bool]:
        """The value at a path as it is at present, and whether others may take it away during a call.

        The plan finds whatever is there at a call.
        """
        if path.up is None:
            value = path.read(self._function)
            self._writer.step("constant", self._writer.refer(value))
            return value, False
        owner = self.object_at(path.up)
        value = self._access(path)(owner, path.key)
        if self._is_fixed(owner, path):
            self._constant(value)
            self._writer.refer(value)
            return value, False
        self._find(owner, path, value)
        return value, path.access is not access.attribute  # an attribute is found with a reference of its own

    def object_at(self, path: Path) -> Any:
        """The object at a path; the plan goes on only where it is still the same one."""
        if path.up is None:
            value = path.read(self._function)
            self._writer.refer(value)
            return value
        owner = self.object_at(path.up)
        key = (id(owner), path.access, path.key)
        try:
            if key in self._known:
                return self._known[key]
        except TypeError:  # a key that can't be hashed
            raise NoPlan from None
        value = self._access(path)(owner, path.key)
        self._alive.append(value)
        if self._is_fixed(owner, path):
            if isinstance(owner, FastCallable | types.MethodType | functools.partial):
                self._writer.refer(value)
        elif value is not self._access(path)(owner, path.key):
            raise NoPlan  # made anew each time
        else:
            self._find(owner, path, value)
            self._expect(value)
        self._known[key] = value
        return value

    def _expect(self, value: Any) -> None:
        """The object found is this one."""
        writer = self._writer
        writer.step("same", id(value))
        if isinstance(value, _KEPT):
            writer.refer(value)
        else:
            writer.step("of_type", writer.refer(type(value)))
            writer.step("hold")

    @staticmethod
    def _access(path: Path) -> Callable[[Any, Any], Any]:
        assert path.access is not None
        return path.access

    @staticmethod
    def _is_fixed(owner: Any, path: Path) -> bool:
        """Whether the owner will always have the same object there."""
        if path.access is access.cell:
            return True
        if path.access is not access.attribute:
            return False
        if isinstance(owner, FastCallable):
            return bool(path.key == "function")
        return path.key in _FIXED_ATTRIBUTES.get(type(owner), ())

    def _constant(self, value: Any) -> None:
        self._writer.step("constant", id(value))

    def _address(self, value: Any) -> int:
        if not isinstance(value, types.FunctionType):
            raise NoPlan
        return id(value)

    # ------------------------------------------------------------ accesses

    def _find(self, owner: Any, path: Path, value: Any) -> None:
        """Find what is at the last step of a path; its owner has been checked."""
        writer, key = self._writer, path.key
        if path.access is access.item:
            self._find_item(owner, key)
        elif path.access is access.attribute:
            writer.step("attribute", id(owner), writer.refer(key))
        elif path.access is access.content:
            writer.step("cell_content", id(owner))
        elif path.access is access.default:
            writer.step("function_defaults", self._address(owner))
            writer.step("same", writer.refer(owner.__defaults__))
            self._constant(value)
        elif path.access is access.keyword_default:
            writer.step("function_keyword_defaults", self._address(owner))
            writer.step("same", writer.refer(owner.__kwdefaults__))
            writer.step("dict_item", id(owner.__kwdefaults__), writer.refer(key))
        elif path.access in (access.method, access.member):
            self._find_in_class(owner, path, value)
        else:
            raise NoPlan

    def _find_item(self, owner: Any, key: Any) -> None:
        writer, kind = self._writer, type(owner)
        if isinstance(owner, dict) and kind.__getitem__ is dict.__getitem__ and type(key) in (str, int):
            writer.step("dict_item", id(owner), writer.refer(key))
        elif isinstance(key, int) and key >= 0 and kind is list:
            writer.step("list_item", id(owner), key)
        elif isinstance(key, int) and key >= 0 and isinstance(owner, tuple) and kind.__getitem__ is tuple.__getitem__:
            writer.step("tuple_item", id(owner), key)
        else:
            raise NoPlan

    def _find_in_class(self, owner: Any, path: Path, value: Any) -> None:
        """What a class holds; a method is found as the function inside."""
        writer = self._writer
        kind = owner if isinstance(owner, type) else type(owner)
        if path.access is access.member and not isinstance(owner, type):
            raise NoPlan
        if kind is not owner:
            self._constant(owner)
            writer.step("of_type", writer.refer(kind))
        inside = access.class_attribute(kind, path.key)
        if inside is None:
            raise NoPlan
        if kind is not owner and access.is_shadowed(inside, path.key):
            writer.step("attribute", id(owner), writer.refer(path.key))
            if not isinstance(inside, staticmethod):
                writer.step("of_type", writer.refer(types.MethodType))
                writer.step("method_function")
            return
        writer.step("class_attribute", writer.refer(kind), writer.refer(path.key))
        writer.step("same", writer.refer(inside))
        self._constant(value)


def _is_immutable(value: Any) -> bool:
    """Whether an object's content can't change, so that its identity tells."""
    return (
        isinstance(value, (*_NUMBERS, str, bytes, range, np.dtype, types.NoneType, types.EllipsisType))
        or type(value).__module__ in _IMMUTABLE_MODULES
    )
