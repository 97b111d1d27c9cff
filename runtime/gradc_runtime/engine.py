"""LLVM: text to object code, and object code to callable addresses.

One engine serves the process. LLVM parses and generates code without the GIL but one module at a time, so a lock guards
it. Object code is plain bytes, fit for a cache; a `Library` is object code that is linked into the process, and its
memory is freed with the last reference to it.
"""

from __future__ import annotations

import itertools
import threading
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


@dataclass(frozen=True)
class Host:
    """What the code generator may assume of this machine."""

    cpu: str
    features: str
    triple: str
    vector_bits: int
    has_fma: bool

    @property
    def vector_registers(self) -> int:
        """How many vectors the machine holds in registers."""
        return 32 if self.vector_bits == 512 or "aarch64" in self.triple else 16


class Library:
    """Linked object code; `address` gives its entry points."""

    def __init__(self, tracker: Any) -> None:
        self._tracker = tracker

    def address(self, name: str) -> int:
        """The address of the exported symbol ``name``."""
        return int(self._tracker[name])


class Engine:
    """The process's one LLVM: see `engine`."""

    def __init__(self) -> None:
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self._llvm = llvm
        self._lock = threading.Lock()
        self._names = itertools.count()
        self._machines: dict[int, Any] = {}

    @cached_property
    def host(self) -> Host:
        """The machine at hand."""
        features = self._llvm.get_host_cpu_features()
        bits = 512 if features.get("avx512f") else 256 if features.get("avx2") else 128
        return Host(
            cpu=self._llvm.get_host_cpu_name(),
            features=features.flatten(),
            triple=self._llvm.get_process_triple(),
            vector_bits=bits,
            has_fma=bool(features.get("fma")) or "aarch64" in self._llvm.get_process_triple(),
        )

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
        return self._llvm.create_lljit_compiler(self._target_machine(NORMAL))

    def compile(self, text: str, level: int = NORMAL) -> bytes:
        """The object code of a module of LLVM assembly."""
        with self._lock, self._fewer_passes(level):
            machine = self._machine(level)
            return bytes(machine.emit_object(self._parse(text, machine)))

    def assembly(self, text: str, level: int = NORMAL) -> str:
        """The machine's assembly of a module, for reading."""
        with self._lock, self._fewer_passes(level):
            machine = self._machine(level)
            return str(machine.emit_assembly(self._parse(text, machine)))

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
