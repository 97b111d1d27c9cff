"""Calls without a Python frame: objects that are called through a pointer of their own, served by machine code.

An instance of a subclass of `FastCallable` is an ordinary Python object with two more words: the address that the
interpreter calls, and the address of its newest `Plan`. A plan says in small steps (`gradc_runtime.entry_steps`) what
the arguments must be, where the kernel finds its data, and what the result is made of. One entry, compiled once per process,
tries the plans newest first; where none fits, ``__call__`` serves the call in Python and may add a plan.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from gradc_runtime.engine import Library, engine
from gradc_runtime.entry_steps import DECLARED, SHARED, STEPS
from gradc_runtime.entry_text import WORD, Field, Leaving, Step
from gradc_runtime.layout import HAS_VECTORCALL, ObjectOffset, call_symbols, calls_are_possible


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
    OWNER = 8
    #: bytes of memory of a call, and the offsets in it of the lists of `Field.HELD` and `Field.BUILT`
    BYTES = 16
    HELD = 24
    BUILT = 32
    STEPS = 40


# ---------------------------------------------------------------- traces


#: The number of traces under way in any thread; while it is not 0, Python serves all calls.
_suspended = ctypes.c_int64(0)
_suspension = threading.Lock()


class Suspension:
    """A context in which no call is served by machine code, in any thread."""

    def __enter__(self) -> None:
        with _suspension:
            _suspended.value += 1

    def __exit__(self, *_: object) -> None:
        with _suspension:
            _suspended.value -= 1


suspended_calls = Suspension()


# ---------------------------------------------------------------- the machine code


_ENTRY = f"""
@gradc_suspended = external global i64

define ptr @gradc_call(ptr %callable, ptr %args, i64 %flagged, ptr %names) #0 {{
entry:
  %suspended = load i64, ptr @gradc_suspended
  %busy = icmp ne i64 %suspended, 0
  br i1 %busy, label %python, label %start
start:
  %count = and i64 %flagged, {(1 << 63) - 1}
  %first.at = getelementptr i8, ptr %callable, i64 {CallableOffset.PLANS}
  %first = load ptr, ptr %first.at
  br label %loop
loop:
  %plan = phi ptr [%first, %start], [%following, %differs]
  %none = icmp eq ptr %plan, null
  br i1 %none, label %python, label %try
try:
  %owner.at = getelementptr i8, ptr %plan, i64 {PlanOffset.OWNER}
  %owner = load ptr, ptr %owner.at
  call void @Py_IncRef(ptr %owner)
  %result = call ptr @gradc_attempt(ptr %plan, ptr %args, i64 %count, ptr %names)
  %following = load ptr, ptr %plan
  call void @Py_DecRef(ptr %owner)
  %reason = ptrtoint ptr %result to i64
  switch i64 %reason, label %served [i64 {Leaving.DIFFERS.value}, label %differs i64 {Leaving.PYTHON.value}, label %python]
differs:
  br label %loop
served:
  %last.at = getelementptr i8, ptr %callable, i64 {CallableOffset.LAST}
  store ptr %plan, ptr %last.at
  ret ptr %result
python:
  %plain = and i64 %flagged, {(1 << 63) - 1}
  %thread = call ptr @PyThreadState_Get()
  %answer = call ptr @_PyObject_MakeTpCall(ptr %thread, ptr %callable, ptr %args, i64 %plain, ptr %names)
  ret ptr %answer
}}

define internal ptr @gradc_attempt(ptr %plan, ptr %args, i64 %count, ptr %names) #0 {{
entry:
  %bytes.at = getelementptr i8, ptr %plan, i64 {PlanOffset.BYTES}
  %bytes = load i64, ptr %bytes.at
  %call = alloca i8, i64 %bytes, align 64
  %count.at = getelementptr i8, ptr %call, i64 {Field.COUNT}
  %names.at = getelementptr i8, ptr %call, i64 {Field.NAMES}
  %held.at = getelementptr i8, ptr %call, i64 {Field.HELD}
  %built.at = getelementptr i8, ptr %call, i64 {Field.BUILT}
  %held.offset.at = getelementptr i8, ptr %plan, i64 {PlanOffset.HELD}
  %held.offset = load i64, ptr %held.offset.at
  %held = getelementptr i8, ptr %call, i64 %held.offset
  %built.offset.at = getelementptr i8, ptr %plan, i64 {PlanOffset.BUILT}
  %built.offset = load i64, ptr %built.offset.at
  %built = getelementptr i8, ptr %call, i64 %built.offset
  store ptr %args, ptr %call
  store i64 %count, ptr %count.at
  store ptr %names, ptr %names.at
  store ptr %held, ptr %held.at
  store ptr %built, ptr %built.at
  %step = getelementptr i8, ptr %plan, i64 {PlanOffset.STEPS}
  %code = load ptr, ptr %step
  %result = call ptr %code(ptr %step, ptr %call, ptr null)
  call void @gradc_release(ptr %built, ptr %built.at)
  call void @gradc_release(ptr %held, ptr %held.at)
  ret ptr %result
}}

define internal void @gradc_release(ptr %first, ptr %top.at) #0 {{
entry:
  %top = load ptr, ptr %top.at
  br label %loop
loop:
  %at = phi ptr [%first, %entry], [%next, %one]
  %done = icmp eq ptr %at, %top
  br i1 %done, label %end, label %one
one:
  %object = load ptr, ptr %at
  call void @Py_DecRef(ptr %object)
  %next = getelementptr i8, ptr %at, i64 {WORD}
  br label %loop
end:
  ret void
}}
"""


#: Compiled with the entry; the others when the first plan needs one of them.
_COMMON = frozenset(
    """
    positional named argument keyword constant same of_type hold keep number array_of_rank_0 array_of_rank_1 array_of_rank_2
    dict_item cell_content function_code apart new_array set_slot set_address run succeeded build_float build_scalar
    build_kept build_tuple finish
    """.split()
)


class CallCode:
    """The machine code of calls: the entry, and the steps."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._libraries: list[Library] = []
        self._steps: dict[str, int] = {}
        self._compile(sorted(_COMMON), [_ENTRY])
        self.entry = self._libraries[0].address("gradc_call")

    def step(self, name: str) -> int:
        """The address of a step."""
        if name not in self._steps:
            with self._lock:
                if name not in self._steps:
                    self._compile([other for other in STEPS if other not in _COMMON], [])
        return self._steps[name]

    def _compile(self, names: Sequence[str], more: Sequence[str]) -> None:
        steps = {name: Step(f"gradc_step_{name}") for name in names}
        for name, step in steps.items():
            STEPS[name](step)
        exports = [step.name for step in steps.values()] + (["gradc_call"] if more else [])
        text = module_text(list(steps.values()), more)
        symbols = {**call_symbols(), "gradc_suspended": ctypes.addressof(_suspended)}
        library = engine().load(engine().compile(text), exports, symbols)
        self._libraries.append(library)
        self._steps.update({name: library.address(step.name) for name, step in steps.items()})


def module_text(steps: Sequence[Step], more: Sequence[str] = ()) -> str:
    """A module of these steps and functions, with all that they call."""
    called: dict[str, str] = {}
    for step in steps:
        called.update(step.called)
    functions = [*more, *[SHARED[name] for name in called if name in SHARED], *map(str, steps)]
    outside = {name: text for name, text in called.items() if name not in SHARED}
    for text in functions:
        outside.update({name: declaration for name, declaration in DECLARED.items() if f"@{name}(" in text})
    return "\n".join([*outside.values(), *functions, "attributes #0 = { nounwind }"])


_code: CallCode | None = None
_code_lock = threading.Lock()


def call_code() -> CallCode:
    """The machine code of calls, compiled at the first use."""
    global _code
    if _code is None:
        with _code_lock:
            if _code is None:
                _code = CallCode()
    return _code


# ---------------------------------------------------------------- plans


class Plan:
    """How machine code serves calls of one form. Made by `gradc_runtime.entry_plan.PlanWriter`."""

    __slots__ = ("_kept", "_words", "address", "tag")

    def __init__(self, words: Sequence[int], kept: Sequence[Any], tag: Any) -> None:
        self._words = (ctypes.c_uint64 * len(words))(*[word & (1 << 64) - 1 for word in words])
        self._kept = tuple(kept)
        self.address = ctypes.addressof(self._words)
        #: what the maker knows it by
        self.tag = tag
        self._words[PlanOffset.OWNER // WORD] = id(self)

    def precede(self, address: int) -> None:
        """The plan at ``address`` (0: none) is tried next."""
        self._words[PlanOffset.NEXT // WORD] = address


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
            self._set_word(CallableOffset.ENTRY, call_code().entry)
            if len(plans) > PLANS_KEPT:
                plans[-2].precede(0)
                if plans[-1].address == self._word(CallableOffset.LAST):
                    self._set_word(CallableOffset.LAST, 0)
                plans.pop()

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
