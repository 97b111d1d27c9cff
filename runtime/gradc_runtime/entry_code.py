"""The machine code of calls: the entry that tries the plans of a callable, and the steps that plans are made of."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence

from gradc_runtime import entry_kernel_steps, entry_result_steps, entry_steps
from gradc_runtime.engine import Library, engine
from gradc_runtime.entry import CallableOffset, PlanOffset, at_fork, suspension_address
from gradc_runtime.entry_steps import DECLARED, SHARED
from gradc_runtime.entry_text import WORD, Field, Leaving, Step
from gradc_runtime.layout import call_symbols

#: The modules that have entered their steps in `gradc_runtime.entry_text.STEPS`.
STEP_MODULES = (entry_steps, entry_kernel_steps, entry_result_steps)

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
  %calls.at = getelementptr i8, ptr %plan, i64 {PlanOffset.CALLS}
  %calls = load i64, ptr %calls.at
  %calls.more = add i64 %calls, 1
  store i64 %calls.more, ptr %calls.at
  %result = call ptr @gradc_attempt(ptr %plan, ptr %args, i64 %count, ptr %names)
  %following = load ptr, ptr %plan
  %calls.after = load i64, ptr %calls.at
  %calls.less = sub i64 %calls.after, 1
  store i64 %calls.less, ptr %calls.at
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
  %built.top = load ptr, ptr %built.at
  %held.top = load ptr, ptr %held.at
  %no.parts = icmp eq ptr %built, %built.top
  br i1 %no.parts, label %parts.released, label %release.parts
release.parts:
  call void @gradc_release(ptr %built, ptr %built.top)
  br label %parts.released
parts.released:
  %none.held = icmp eq ptr %held, %held.top
  br i1 %none.held, label %end, label %release.held
release.held:
  call void @gradc_release(ptr %held, ptr %held.top)
  br label %end
end:
  ret ptr %result
}}

define internal void @gradc_release(ptr %first, ptr %top) #0 {{
entry:
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


#: Some steps in a row, by name.
Chunk = tuple[str, ...]


class CallCode:
    """The machine code of calls: the entry, and each chunk from its first use on."""

    def __init__(self) -> None:
        self.entry = 0
        self._libraries: list[Library] = []
        self._addresses: dict[Chunk, int] = {}

    def addresses(self, chunks: Iterable[Chunk]) -> Mapping[Chunk, int]:
        """The addresses of chunks, these among them."""
        with _lock:
            missing = [chunk for chunk in dict.fromkeys(chunks) if chunk not in self._addresses]
            if missing:
                self._compile(missing)
        return self._addresses

    def _compile(self, chunks: Sequence[Chunk]) -> None:
        written = {chunk: Step.of(chunk) for chunk in chunks}
        more = [] if self.entry else [_ENTRY]
        exports = [step.name for step in written.values()] + ["gradc_call"] * len(more)
        text = module_text(list(written.values()), more)
        symbols = {**call_symbols(), "gradc_suspended": suspension_address()}
        library = engine().load(engine().compile(text), exports, symbols)
        self._libraries.append(library)
        self._addresses.update({chunk: library.address(step.name) for chunk, step in written.items()})
        if more:
            self.entry = library.address("gradc_call")


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


_lock = threading.RLock()
at_fork(_lock._at_fork_reinit)  # type: ignore[attr-defined]

#: The one machine code of calls in the process.
call_code = CallCode()
