"""What one core of the machine can do at most: operations a second, and bytes a second from each level of memory.

Measured when it is first asked for, once in a process: some 50 ms, by machine code of the engine's own.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from gradc_runtime.engine import Engine, Host, Library, engine

#: What is assumed of caches that the system doesn't tell the size of.
_USUAL_BYTES = {"L1": 32 << 10, "L2": 512 << 10, "L3": 16 << 20}
_NAMES = {"L1": "SC_LEVEL1_DCACHE_SIZE", "L2": "SC_LEVEL2_CACHE_SIZE", "L3": "SC_LEVEL3_CACHE_SIZE"}
#: The bytes that memory is measured with: more than the last cache holds, within these limits.
_LEAST_BYTES, _MOST_BYTES = 32 << 20, 192 << 20
#: Chains of operations that don't wait for each other, as many as hide the latency, and vectors that one turn reads.
_CHAINS, _READS = 12, 8
_ROUNDS = 5
#: Work of a round: about a millisecond.
_TURNS, _ROUND_BYTES = 1 << 16, 16 << 20


@dataclass(frozen=True)
class Level:
    """A cache, or memory."""

    name: str
    #: what it holds; 0 for memory
    capacity: int
    #: bytes a second, read, or read and written together: the larger of the two
    rate: float


@dataclass(frozen=True)
class Peaks:
    """The roofs of the roofline, for one core."""

    #: the processor, as the code generator names it
    cpu: str
    vector_bits: int
    #: additions and multiplications of float64 a second, each of a fused pair counted
    flops: float
    #: from the nearest to the farthest
    levels: tuple[Level, ...]

    def rate_of(self, itemsize: int, lanes: int | None = None) -> float:
        """Operations a second on floats of ``itemsize`` bytes, on whole vectors or on ``lanes`` numbers at a time."""
        whole = self.vector_bits // (8 * itemsize)
        share = 1.0 if lanes is None else min(lanes, whole) / whole
        return self.flops * 8 / itemsize * share

    def level_of(self, size: int | float) -> Level:
        """The nearest level that holds so many bytes."""
        return next((level for level in self.levels if size <= level.capacity), self.levels[-1])


@cache
def peaks() -> Peaks:
    """The peaks of this machine.

    >>> measured = peaks()
    >>> measured.flops > 0, [level.name for level in measured.levels]
    (True, ['L1', 'L2', 'L3', 'memory'])
    """
    host, library = engine().host, _compiled(engine())
    capacities = _cache_sizes()
    sizes = {name: min(capacity // 2, _LEAST_BYTES) for name, capacity in capacities.items()}
    sizes["memory"] = min(max(3 * capacities["L3"], _LEAST_BYTES), _MOST_BYTES)
    block = np.ones(max(sizes.values()) // 8)
    levels = tuple(
        Level(name, capacities.get(name, 0), _bandwidth(library, block, size, host)) for name, size in sizes.items()
    )
    return Peaks(host.cpu, host.vector_bits, _operations(library, host), levels)


def _cache_sizes() -> dict[str, int]:
    """The bytes of the caches: each is larger than the one before."""
    sizes: dict[str, int] = {}
    for level, usual in _USUAL_BYTES.items():
        try:
            told = os.sysconf(_NAMES[level])
        except (AttributeError, OSError, ValueError):
            told = 0
        sizes[level] = max(told if told > 0 else usual, 2 * max(sizes.values(), default=0))
    return sizes


# ---------------------------------------------------------------- measuring


def _rate(work: float, run: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(_ROUNDS):
        start = time.perf_counter_ns()
        run()
        best = min(best, max(time.perf_counter_ns() - start, 1) * 1e-9)
    return work / best


def _operations(library: Library, host: Host) -> float:
    chains = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_double, ctypes.c_int64)(
        library.address("gradc_chains")
    )
    lanes = host.vector_bits // 64
    return _rate(2.0 * _CHAINS * lanes * _TURNS, lambda: chains(0.999, 0.001, _TURNS))


def _bandwidth(library: Library, block: np.ndarray, size: int, host: Host) -> float:
    """Of so many bytes at the block's beginning: reading all, or copying one half to the other."""
    read = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(
        library.address("gradc_read")
    )
    copy = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(
        library.address("gradc_copy")
    )
    grain = _READS * host.vector_bits // 8
    half = size // 2 // grain * grain
    turns = max(_ROUND_BYTES // size, 1)
    first, second = block.ctypes.data, block.ctypes.data + half
    work = 2.0 * half * turns
    return max(
        _rate(work, lambda: read(first, 2 * half // 8, turns)),
        _rate(work, lambda: copy(first, second, half // 8, turns)),
    )


# ---------------------------------------------------------------- machine code


def _compiled(llvm: Engine) -> Library:
    text = module_text(llvm.host.vector_bits // 64, has_fma=llvm.host.has_fma)
    return llvm.load(llvm.compile(text), ["gradc_chains", "gradc_read", "gradc_copy"])


def module_text(lanes: int, *, has_fma: bool) -> str:
    """The loops that are measured, of so many lanes of float64."""
    kind = f"<{lanes} x double>"
    fma = f"declare {kind} @llvm.fma.v{lanes}f64({kind}, {kind}, {kind})\n" if has_fma else ""
    attributes = 'attributes #0 = { nounwind "prefer-vector-width"="512" }\n'
    return "\n".join([_chains_text(kind, lanes, has_fma), _read_text(kind, lanes), _copy_text(kind, lanes)]) + (
        f"\n{fma}{attributes}"
    )


def _chains_text(kind: str, lanes: int, has_fma: bool) -> str:
    """``sums = sums * a + b`` over and over."""
    lines = [f"define double @gradc_chains(double %a, double %b, i64 %turns) #0 {{\nentry:\n  {_splats(kind)}"]
    lines.append("  br label %loop\nloop:\n  %i = phi i64 [ 0, %entry ], [ %next, %loop ]")
    chains = range(_CHAINS)
    lines += [f"  %x{k} = phi {kind} [ %wide.b, %entry ], [ %y{k}, %loop ]" for k in chains]
    for k in chains:
        if has_fma:
            lines.append(f"  %y{k} = call {kind} @llvm.fma.v{lanes}f64({kind} %x{k}, {kind} %wide.a, {kind} %wide.b)")
        else:
            lines += [f"  %z{k} = fmul {kind} %x{k}, %wide.a", f"  %y{k} = fadd {kind} %z{k}, %wide.b"]
    lines.append("  %next = add i64 %i, 1\n  %more = icmp slt i64 %next, %turns")
    lines.append("  br i1 %more, label %loop, label %done\ndone:")
    return "\n".join([*lines, *_total(kind, "y", _CHAINS)])


def _splats(kind: str) -> str:
    lanes = kind.split(" ")[0][1:]
    return "\n  ".join(
        f"%one.{name} = insertelement {kind} poison, double %{name}, i32 0\n"
        f"  %wide.{name} = shufflevector {kind} %one.{name}, {kind} poison, <{lanes} x i32> zeroinitializer"
        for name in "ab"
    )


def _total(kind: str, name: str, count: int) -> list[str]:
    """The first lane of the sum of the vectors, so that none of them is computed in vain."""
    lines = [f"  %t0 = fadd {kind} %{name}0, %{name}0"]
    lines += [f"  %t{k} = fadd {kind} %t{k - 1}, %{name}{k}" for k in range(1, count)]
    return [*lines, f"  %result = extractelement {kind} %t{count - 1}, i32 0", "  ret double %result\n}"]


def _read_text(kind: str, lanes: int) -> str:
    sums = range(_READS)
    phis = "\n".join(f"  %s{k} = phi {kind} [ %r{k}, %outer ], [ %y{k}, %loop ]" for k in sums)
    outer = "\n".join(f"  %r{k} = phi {kind} [ zeroinitializer, %entry ], [ %y{k}, %turned ]" for k in sums)
    steps = "\n".join(
        f"  %p{k} = getelementptr {kind}, ptr %base, i64 {k}\n  %v{k} = load {kind}, ptr %p{k}, align 8\n"
        f"  %y{k} = fadd {kind} %s{k}, %v{k}"
        for k in sums
    )
    head = "define double @gradc_read(ptr %from, i64 %count, i64 %turns) #0 {"
    return "\n".join([_turning(head, outer, phis, "%from", steps, lanes), *_total(kind, "y", _READS)])


def _copy_text(kind: str, lanes: int) -> str:
    steps = "\n".join(
        f"  %p{k} = getelementptr {kind}, ptr %base, i64 {k}\n  %v{k} = load {kind}, ptr %p{k}, align 8"
        for k in range(_READS)
    )
    stores = "\n".join(
        f"  %q{k} = getelementptr {kind}, ptr %target, i64 {k}\n  store {kind} %v{k}, ptr %q{k}, align 8"
        for k in range(_READS)
    )
    head = "define void @gradc_copy(ptr %from, ptr %to, i64 %count, i64 %turns) #0 {"
    target = "  %target = getelementptr double, ptr %to, i64 %i"
    return _turning(head, "", "", "%from", f"{target}\n{steps}\n{stores}", lanes) + "\n  ret void\n}"


def _turning(head: str, outer: str, phis: str, base: str, steps: str, lanes: int) -> str:
    """``turns`` times over ``count`` numbers, as many at a time as the steps take."""
    lines = [head, "entry:\n  br label %outer", "outer:\n  %turn = phi i64 [ 0, %entry ], [ %turn.next, %turned ]"]
    lines += [outer, "  br label %loop", "loop:\n  %i = phi i64 [ 0, %outer ], [ %next, %loop ]", phis]
    lines += [f"  %base = getelementptr double, ptr {base}, i64 %i", steps, f"  %next = add i64 %i, {_READS * lanes}"]
    lines += ["  %more = icmp slt i64 %next, %count", "  br i1 %more, label %loop, label %turned"]
    lines += ["turned:\n  %turn.next = add i64 %turn, 1", "  %again = icmp slt i64 %turn.next, %turns"]
    return "\n".join([*filter(None, lines), "  br i1 %again, label %outer, label %done\ndone:"])
