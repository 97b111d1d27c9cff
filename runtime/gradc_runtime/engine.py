"""LLVM: text to object code, and object code to callable addresses.

One engine serves the process. LLVM parses and generates code without the GIL but one module at a time, so a lock guards
it. Object code is plain bytes, fit for a cache; a `Library` is object code that is linked into the process, and its
memory is freed with the last reference to it.

Code is made for the processor at hand. ``GRADC_TARGET`` names a lesser one, as LLVM does: ``x86-64-v3`` has vectors of 256
bits and multiply-adds, ``x86-64`` vectors of 128 bits and none. So one machine can show what another computes.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

#: Code generation levels of LLVM: 0 compiles two to six times faster and runs up to three times slower.
FAST_TO_COMPILE, NORMAL = 0, 1

#: Passes of LLVM that are left out: strength reduction of loops takes a sixth of the time, and our loops are not faster for
#: it. (Without ``disable-machine-licm`` it would take a quarter less, but loops would read each literal from memory.)
_PASSES_LEFT_OUT = ("disable-lsr",)

#: The environment variable that names a lesser processor.
TARGET_VARIABLE = "GRADC_TARGET"


class UnknownTarget(ValueError):
    """The processor that was asked for is not known, or can do what this machine can't."""


@dataclass(frozen=True)
class Host:
    """What the code generator may assume of the machine."""

    cpu: str
    features: str
    triple: str
    vector_bits: int
    has_fma: bool

    @property
    def vector_registers(self) -> int:
        """How many vectors the machine holds in registers."""
        return 32 if self.vector_bits == 512 or "aarch64" in self.triple else 16


@dataclass(frozen=True)
class _Level:
    """A processor as LLVM names it, and what tells that a machine can do as much."""

    vector_bits: int
    has_fma: bool
    needs: tuple[str, ...]


#: The levels that makers of x86 processors have agreed on.
_LEVELS = {
    "x86-64": _Level(128, False, ("sse2",)),
    "x86-64-v2": _Level(128, False, ("sse4.2", "popcnt")),
    "x86-64-v3": _Level(256, True, ("avx2", "fma", "bmi2", "f16c", "lzcnt", "movbe")),
    "x86-64-v4": _Level(512, True, ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")),
}


def _this_machine(llvm: Any) -> Host:
    features, triple = llvm.get_host_cpu_features(), llvm.get_process_triple()
    bits = 512 if features.get("avx512f") else 256 if features.get("avx2") else 128
    has_fma = bool(features.get("fma")) or "aarch64" in triple
    return Host(llvm.get_host_cpu_name(), features.flatten(), triple, bits, has_fma)


def _lesser(llvm: Any, name: str) -> Host:
    """The processor of that name, which this machine can do the work of."""
    level, triple = _LEVELS.get(name), llvm.get_process_triple()
    if level is None:
        raise UnknownTarget(f"{TARGET_VARIABLE} is one of {', '.join(_LEVELS)}, not {name!r}")
    features = llvm.get_host_cpu_features()
    missing = [feature for feature in level.needs if not features.get(feature)]
    if missing:
        raise UnknownTarget(f"{TARGET_VARIABLE} is {name}, but this machine has no {', '.join(missing)}")
    return Host(name, "", triple, level.vector_bits, level.has_fma)


#: What a module with arrays on the stack has in it.
_STACK = "= alloca ["


class Library:
    """Linked object code; `address` gives its entry points."""

    def __init__(self, tracker: Any) -> None:
        self._tracker = tracker

    def address(self, name: str) -> int:
        """The address of the exported symbol ``name``."""
        return int(self._tracker[name])


class Engine:
    """The process's one LLVM: see `engine`. For a ``host`` of another kind it compiles what can't be loaded here."""

    def __init__(self, host: Host | None = None) -> None:
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        if host is not None:
            llvm.initialize_all_targets()
            llvm.initialize_all_asmprinters()
        self._llvm = llvm
        self._chosen = host
        self._lock = threading.Lock()
        self._names = itertools.count()
        self._machines: dict[int, Any] = {}
        #: when code that somebody waited for was last compiled, in seconds of the monotonic clock
        self.last_used = 0.0
        if hasattr(os, "register_at_fork"):  # no thread is inside LLVM when the process is copied
            os.register_at_fork(
                before=self._lock.acquire, after_in_parent=self._lock.release, after_in_child=self._lock.release
            )

    @cached_property
    def host(self) -> Host:
        """The machine that code is made for."""
        if self._chosen is not None:
            return self._chosen
        name = os.environ.get(TARGET_VARIABLE, "")
        return _lesser(self._llvm, name) if name else _this_machine(self._llvm)

    def _target_machine(self, level: int) -> Any:
        host = self.host
        target = self._llvm.Target.from_triple(host.triple)
        return target.create_target_machine(
            cpu=host.cpu,
            features=host.features,
            opt=level,
            # constants and functions of one kernel are near each other, so instructions address them directly
            reloc="pic",
            codemodel="small",
            jit=True,
        )

    def _machine(self, level: int) -> Any:
        machine = self._machines.get(level)
        if machine is None:
            machine = self._machines[level] = self._target_machine(level)
        return machine

    @cached_property
    def _linker(self) -> Any:
        # this linker puts code and constants side by side; the other may put them too far apart for their code model
        return self._llvm.create_lljit_compiler(self._target_machine(NORMAL), use_jit_link=True)

    def compile(self, text: str, level: int = NORMAL, *, waited_for: bool = True) -> bytes:
        """The object code of a module of LLVM assembly; whether somebody waits for it is remembered."""
        if waited_for:
            self.last_used = time.monotonic()
        with self._lock, self._fewer_passes(level):
            machine = self._machine(level)
            code = bytes(machine.emit_object(self._prepared(text, machine)))
        if waited_for:
            self.last_used = time.monotonic()
        return code

    def assembly(self, text: str, level: int = NORMAL) -> str:
        """The machine's assembly of a module, for reading."""
        with self._lock, self._fewer_passes(level):
            machine = self._machine(level)
            return str(machine.emit_assembly(self._prepared(text, machine)))

    @contextmanager
    def _fewer_passes(self, level: int) -> Iterator[None]:
        """The options are LLVM's, and so the process's: others who generate code through llvmlite find them as they were."""
        options = () if level == FAST_TO_COMPILE else _PASSES_LEFT_OUT  # at that level the passes don't run anyway
        for option in options:
            self._llvm.set_option("", f"-{option}=true")
        try:
            yield
        finally:
            for option in options:
                self._llvm.set_option("", f"-{option}=false")

    def _prepared(self, text: str, machine: Any) -> Any:
        """The module; small arrays on the stack, which only loops and branches have, become registers."""
        module = self._parse(text, machine)
        if _STACK in text:
            passes = self._llvm.create_new_function_pass_manager()
            passes.add_sroa_pass()
            builder = self._llvm.create_pass_builder(machine, self._llvm.create_pipeline_tuning_options())
            for function in module.functions:
                if not function.is_declaration:
                    passes.run(function, builder)
        return module

    def _parse(self, text: str, machine: Any) -> Any:
        module = self._llvm.parse_assembly(text, context=self._llvm.create_context())
        module.triple = self.host.triple
        module.data_layout = str(machine.target_data)
        return module

    def load(self, object_code: bytes, exports: Sequence[str], symbols: Mapping[str, int] | None = None) -> Library:
        """Link object code; ``symbols`` are addresses it may call besides those of the process."""
        with self._lock:
            builder = self._llvm.JITLibraryBuilder()
            for name, address in (symbols or {}).items():
                builder.import_symbol(name, address)
            builder.add_object_img(object_code).add_current_process()
            for name in exports:
                builder.export_symbol(name)
            return Library(builder.link(self._linker, f"kernel_{next(self._names)}"))


_engine: Engine | None = None
_engine_lock = threading.Lock()


def engine() -> Engine:
    """The engine; LLVM is loaded on the first use."""
    global _engine
    if _engine is None:
        with _engine_lock:
            if _engine is None:
                _engine = Engine()
    return _engine
