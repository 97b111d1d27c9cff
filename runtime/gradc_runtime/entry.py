"""Calls without a Python frame: objects that are called through a pointer of their own, served by machine code.

An instance of a subclass of `FastCallable` is an ordinary Python object with two more words: the address that the
interpreter calls, and the address of its newest `Plan`. A plan says in small steps (`gradc_runtime.entry_steps`) what
the arguments must be, where the kernel finds its data, and what the result is made of. One entry, compiled once per process,
tries the plans newest first; where none fits, ``__call__`` serves the call in Python and may add a plan.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from gradc_runtime.layout import HAS_VECTORCALL, ObjectOffset, calls_are_possible


class CallableOffset:
    """Offsets in a `FastCallable`."""

    ENTRY = 16
    PLANS = 24
    #: the plan that served the last call
    LAST = 32
    END = 40


class PlanOffset:
    """Offsets in the memory of a plan."""

    NEXT = 0
    #: how many calls are running it
    CALLS = 8
    #: bytes of memory of a call, and the offsets in it of its lists of references and of parts of the result
    BYTES = 16
    HELD = 24
    BUILT = 32
    STEPS = 40


# ---------------------------------------------------------------- traces


#: The number of traces under way in any thread; while it is not 0, Python serves all calls.
_suspended = ctypes.c_int64(0)


def at_fork(renew: Callable[[], None]) -> None:
    """Call this in forked children: a lock that another thread held would stay locked for ever."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)


def suspension_address() -> int:
    """Where the number of traces is."""
    return ctypes.addressof(_suspended)


class Suspension:
    """A context in which no call is served by machine code, in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread = threading.local()
        at_fork(self._forked)

    def __enter__(self) -> None:
        self._thread.depth = getattr(self._thread, "depth", 0) + 1
        with self._lock:
            _suspended.value += 1

    def __exit__(self, *_: object) -> None:
        self._thread.depth -= 1
        with self._lock:
            _suspended.value -= 1

    def _forked(self) -> None:
        """Of all threads only this one goes on in the child."""
        self._lock = threading.Lock()
        _suspended.value = getattr(self._thread, "depth", 0)


suspended_calls = Suspension()


# ---------------------------------------------------------------- plans


class Plan:
    """How machine code serves calls of one form. Made by `gradc_runtime.entry_plan.PlanWriter`."""

    __slots__ = ("_kept", "_words", "address", "entry", "tag")

    def __init__(self, entry: int, words: Sequence[int], kept: Sequence[Any], tag: Any) -> None:
        self._words = (ctypes.c_uint64 * len(words))(*[word & (1 << 64) - 1 for word in words])
        self._kept = tuple(kept)
        #: the address of the machine code that runs plans
        self.entry = entry
        self.address = ctypes.addressof(self._words)
        #: what the maker knows it by
        self.tag = tag

    @property
    def is_running(self) -> bool:
        """Whether a call is under way, in any thread."""
        return bool(self._words[PlanOffset.CALLS // 8])

    def precede(self, address: int) -> None:
        """The plan at ``address`` (0: none) is tried next."""
        self._words[PlanOffset.NEXT // 8] = address


# ---------------------------------------------------------------- callables


class _Slot(ctypes.Structure):
    _fields_ = (("slot", ctypes.c_int), ("content", ctypes.c_void_p))


class _Spec(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("size", ctypes.c_int),
        ("item_size", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.POINTER(_Slot)),
    )


class _Member(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("kind", ctypes.c_int),
        ("offset", ctypes.c_ssize_t),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_TP_CALL, _TP_MEMBERS = 50, 72
_SSIZE, _READONLY = 19, 1
_DEFAULT, _BASETYPE = 1 << 18, 1 << 10


@cache
def _plain_base() -> Any:
    """The class of objects with room for the two words, where the layout allows it; elsewhere `object`."""
    if not calls_are_possible():
        return object
    api = ctypes.pythonapi
    members = (_Member * 2)(_Member(b"__vectorcalloffset__", _SSIZE, CallableOffset.ENTRY, _READONLY, None))
    call = ctypes.cast(api.PyVectorcall_Call, ctypes.c_void_p).value
    slots = (_Slot * 3)(_Slot(_TP_MEMBERS, ctypes.addressof(members)), _Slot(_TP_CALL, call), _Slot(0, None))
    flags = _DEFAULT | _BASETYPE | HAS_VECTORCALL
    spec = _Spec(b"gradc_runtime.entry.CallableBase", CallableOffset.END, 0, flags, slots)
    _kept_alive.extend((members, slots, spec))
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p)(("PyType_FromSpec", api))
    return make(ctypes.addressof(spec))


_kept_alive: list[Any] = []

if TYPE_CHECKING:
    _Base = object
else:
    _Base = _plain_base()

#: Plans of one callable; the oldest go.
PLANS_KEPT = 8


class FastCallable(_Base):
    """A base of classes with ``__call__`` whose instances may get plans."""

    __slots__ = ("_plans",)
    _plans: list[Plan]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if calls_are_possible():
            # a class with __call__ loses the flag; an instance without plans has no entry and is called as ever
            flags = ctypes.c_uint64.from_address(id(cls) + ObjectOffset.CLASS_FLAGS)
            flags.value |= HAS_VECTORCALL

    def add_plan(self, plan: Plan) -> None:
        """Calls that fit the plan are served by machine code from now on."""
        with _plan_lock:
            plans: list[Plan] = getattr(self, "_plans", [])
            plan.precede(plans[0].address if plans else 0)
            plans.insert(0, plan)
            self._plans = plans
            self._set_word(CallableOffset.PLANS, plan.address)
            self._set_word(CallableOffset.ENTRY, plan.entry)
            if len(plans) > PLANS_KEPT:
                self._drop(plans[PLANS_KEPT:])

    def _drop(self, old: Sequence[Plan]) -> None:
        """Try these plans no more; those that are running live on until plans are dropped the next time."""
        plans = self._plans
        plans[PLANS_KEPT - 1].precede(0)
        if self._word(CallableOffset.LAST) in [plan.address for plan in old]:
            self._set_word(CallableOffset.LAST, 0)
        plans[PLANS_KEPT:] = [plan for plan in old if plan.is_running]

    def last_plan(self) -> Plan | None:
        """The plan that served the last call, if it is still there; forgotten by `forget_last_plan`."""
        plans: list[Plan] = getattr(self, "_plans", [])
        last = self._word(CallableOffset.LAST) if plans else 0
        return next((plan for plan in plans if plan.address == last), None)

    def forget_last_plan(self) -> None:
        """The last call was served by Python."""
        if getattr(self, "_plans", None):
            self._set_word(CallableOffset.LAST, 0)

    def _word(self, offset: int) -> int:
        return ctypes.c_uint64.from_address(id(self) + offset).value

    def _set_word(self, offset: int, value: int) -> None:
        ctypes.c_uint64.from_address(id(self) + offset).value = value


_plan_lock = threading.RLock()
at_fork(_plan_lock._at_fork_reinit)  # type: ignore[attr-defined]
