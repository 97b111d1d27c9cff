"""LLVM assembly text: values, scopes and structured control flow.

A function is written as nested scopes: a loop body, the part before a loop, the taken side of a branch. A value knows the
depth of the scope that holds it, so an operation goes to the outermost scope where its operands exist: loop-invariant
code leaves its loops by construction. The text of a scope joins its parent's when it closes, which is why code may
still be added to a parent while a child is open.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from gradc.ir.scalar import BOOL, INT64, DType
from gradc.lower.module import Module, Template, needed_lines
from gradc.lower.straight import Place, RoutineCall

_TYPES = {
    "f8": "double",
    "f4": "float",
    "i8": "i64",
    "i4": "i32",
    "i2": "i16",
    "i1": "i8",
    "u8": "i64",
    "u4": "i32",
    "u2": "i16",
    "u1": "i8",
    "b1": "i1",
}


@lru_cache(maxsize=256)
def llvm_type(dtype: DType, lanes: int = 1) -> str:
    """The type of a register of ``dtype``."""
    name = _TYPES[dtype.str[1:]]
    return name if lanes == 1 else f"<{lanes} x {name}>"


def memory_type(dtype: DType, lanes: int = 1) -> str:
    """The type of ``dtype`` in memory: a bool is a byte there."""
    name = "i8" if dtype == BOOL else _TYPES[dtype.str[1:]]
    return name if lanes == 1 else f"<{lanes} x {name}>"


def intrinsic_suffix(dtype: DType, lanes: int = 1) -> str:
    """How LLVM's intrinsics name a type, of memory where that differs."""
    letter = "f" if dtype.kind == "f" else "i"
    return ("" if lanes == 1 else f"v{lanes}") + f"{letter}{dtype.itemsize * 8}"


def is_lowerable(dtype: DType) -> bool:
    """Whether there are registers of ``dtype``."""
    return dtype.str[1:] in _TYPES


@dataclass(slots=True, unsafe_hash=True)
class Value:
    """A register or a literal. It is never changed; only, a kernel has thousands, and frozen ones take long to make.

    ``depth`` is the scope that holds it. ``lanes`` > 1 is a vector. An integer with ``step`` stands for the lanes
    ``text + step * lane`` without spending a vector on them: how addresses stay scalar in vector code.
    """

    text: str
    dtype: DType
    depth: int = 0
    lanes: int = 1
    literal: int | float | bool | None = None
    step: Value | None = None

    @property
    def type(self) -> str:
        """The LLVM type."""
        return llvm_type(self.dtype, self.lanes)

    @property
    def lane_zero(self) -> Value:
        """The value without its step."""
        if self.step is None:
            return self
        if self.text.isdecimal():
            return literal(int(self.text), self.dtype)
        return Value(self.text, self.dtype, self.depth, self.lanes, self.literal)


def literal(value: float, dtype: DType) -> Value:
    """The literal ``value`` of ``dtype``."""
    if dtype.kind == "f":
        bits = struct.unpack("<Q", struct.pack("<d", float(dtype.type(value))))[0]
        return Value(f"0x{bits:016X}", dtype, literal=float(value))
    if dtype == BOOL:
        return Value("true" if value else "false", dtype, literal=bool(value))
    return _integer(int(value), dtype)


@lru_cache(maxsize=1024)
def _integer(value: int, dtype: DType) -> Value:
    return Value(str(value), dtype, literal=value)


ZERO = literal(0, INT64)
ONE = literal(1, INT64)


@dataclass
class Scope:
    """A stretch of code under construction."""

    depth: int
    label: str
    conditional: bool
    lines: list[str] = field(default_factory=list)
    #: entries of memo tables that end with this scope
    remembered: list[tuple[dict[Any, Any], Any]] = field(default_factory=list)
    #: what completes the scope's text before it ends
    closing: list[Callable[[], None]] = field(default_factory=list)
    #: the calls of elementary functions for one lane in it, by their results
    calls: dict[str, RoutineCall] = field(default_factory=dict)
    #: what is done with its lines at the end, if there are such calls
    arrange: Callable[[Scope], None] | None = None

    def complete(self) -> None:
        """Let those who wait for the end of the scope write their code."""
        for action in self.closing:
            action()
        if self.arrange is not None:
            self.arrange(self)


class FunctionBuilder:
    """One function: ``i32 @name(ptr %frame)``, perhaps with further parameters, returning a status."""

    def __init__(self, module: Module, name: str, attributes: str = "", parameters: str = "ptr %frame") -> None:
        self.module = module
        self.name = name
        self._attributes = attributes
        self._parameters = parameters
        #: where a failure is explained: the frame, or memory that only this call writes to
        self.explanation = "%frame"
        self._count = 0
        #: blocks out of the way, each with the depth of the scope that leads there
        self._cold: list[tuple[int, list[str]]] = []
        #: sums of integers: the operand without its literal, and the literal
        self._shifted: dict[str, tuple[Value, int]] = {}
        self._integers: dict[tuple[str, str, str], Value] = {}
        #: the entries that addresses point to
        self.places: dict[str, Place] = {}
        self.scopes = [Scope(0, "entry", conditional=False)]
        #: what makes room on the stack
        self._stack: list[str] = []

    # ------------------------------------------------------------ names, lines, scopes

    def fresh(self, prefix: str = "v") -> str:
        """A new register or label, without its sigil."""
        self._count += 1
        return f"{prefix}{self._count}"

    @property
    def depth(self) -> int:
        """The depth of the innermost scope."""
        return len(self.scopes) - 1

    @property
    def barrier(self) -> int:
        """The depth above which nothing may go that must not run where the program would not run it."""
        for scope in reversed(self.scopes):
            if scope.conditional:
                return scope.depth
        return 0

    def instruction(self, text: str, depth: int) -> str:
        """Add ``%new = text`` to the scope at ``depth``; the register."""
        self._count += 1
        name = f"%v{self._count}"
        self.scopes[depth].lines.append(f"  {name} = {text}")
        return name

    def on_stack(self, kind: str) -> str:
        """The address of room on the stack for a value of this type, which may say how it is aligned.

        It is made where the function begins, before any jump: only of such room does LLVM make registers.
        """
        name = f"%{self.fresh()}"
        self._stack.append(f"  {name} = alloca {kind}")
        return name

    def line(self, text: str) -> None:
        """Add a line without a result to the innermost scope."""
        self.scopes[-1].lines.append(f"  {text}")

    def copy_bytes(self, target: str, source: str, size: Value) -> None:
        """Copy so many bytes between addresses, in the innermost scope."""
        self.module.declare("llvm.memcpy.p0.p0.i64", "void", ["ptr", "ptr", "i64", "i1 immarg"])
        self.line(f"call void @llvm.memcpy.p0.p0.i64(ptr {target}, ptr {source}, i64 {size.text}, i1 false)")

    def open(self, prefix: str, conditional: bool) -> Scope:
        """Begin a scope in a block of its own."""
        scope = Scope(len(self.scopes), self.fresh(prefix), conditional)
        scope.lines.append(f"{scope.label}:")
        self.scopes.append(scope)
        return scope

    def close(self) -> Scope:
        """End the innermost scope; its text is the caller's to place."""
        self.scopes[-1].complete()
        scope = self.scopes.pop()
        for table, key in scope.remembered:
            table.pop(key, None)
        return scope

    def remember(self, table: dict[Any, Any], key: Any, value: Any, depth: int) -> None:
        """Enter ``table[key] = value`` for as long as the scope at ``depth`` is open."""
        table[key] = value
        self.scopes[depth].remembered.append((table, key))

    def checkpoint(self) -> tuple[int, int]:
        """A point to roll back to."""
        return self.depth, len(self._cold)

    def roll_back(self, checkpoint: tuple[int, int]) -> None:
        """Drop the scopes that were opened since; what went to outer scopes stays, and is sound."""
        depth, cold = checkpoint
        while self.depth > depth:
            self.close()
        self._cold[cold:] = [entry for entry in self._cold[cold:] if entry[0] <= depth]

    def _begin_block(self, scope: Scope, label: str) -> None:
        scope.lines.append(f"{label}:")
        scope.label = label

    # ------------------------------------------------------------ structured control flow

    def branch(self, predicate: Value, taken: Callable[[], Sequence[Value]], otherwise: Sequence[Value]) -> list[Value]:
        """``taken()`` where the predicate holds, else the values of ``otherwise`` (literals or registers)."""
        scope = self.open("then", conditional=True)
        first = scope.label
        results = list(taken())
        scope = self.close()
        parent = self.scopes[-1]
        merge = self.fresh("merge")
        parent.lines.append(f"  br i1 {predicate.text}, label %{first}, label %{merge}")
        before = parent.label
        parent.lines.extend(scope.lines)
        parent.lines.append(f"  br label %{merge}")
        self._begin_block(parent, merge)
        return [
            self._phi([(result, scope.label), (default, before)])
            for result, default in zip(results, otherwise, strict=True)
        ]

    def _phi(self, incoming: Sequence[tuple[Value, str]]) -> Value:
        first = incoming[0][0]
        sources = ", ".join(f"[ {value.text}, %{label} ]" for value, label in incoming)
        name = self.instruction(f"phi {first.type} {sources}", self.depth)
        return Value(name, first.dtype, self.depth, first.lanes)

    def loop(
        self,
        lower: Value,
        upper: Value,
        carried: Sequence[Value],
        body: Callable[[Value, list[Value]], Sequence[Value]],
        *,
        step: int = 1,
        nonempty: bool = False,
        descending: bool = False,
    ) -> list[Value]:
        """``for i in range(lower, upper, step): carried = body(i, carried)``; the final carried values.

        ``upper - lower`` is a multiple of ``step``. Descending runs the same indices from the last to the first.
        """
        if isinstance(lower.literal, int) and isinstance(upper.literal, int):
            if lower.literal >= upper.literal:
                return list(carried)
            nonempty = True
        before = self.open("before", conditional=not nonempty)
        entry_label = before.label
        inside = self.open("loop", conditional=False)
        body_label = inside.label
        counter = Value("%" + self.fresh("i"), INT64, inside.depth)
        phis = [Value("%" + self.fresh("c"), v.dtype, inside.depth, v.lanes) for v in carried]
        index = counter
        if descending:  # i' = lower + upper - 1 - i
            mirror = self.add_integers(self.add_integers(lower, upper), literal(-1, INT64))
            index = self.subtract_integers(mirror, counter)
        finals = list(body(index, phis))
        following = self.instruction(f"add nsw i64 {counter.text}, {step}", self.depth)
        more = self.instruction(f"icmp slt i64 {following}, {upper.text}", self.depth)
        inside = self.close()
        before = self.close()
        parent = self.scopes[-1]
        exit_label = self.fresh("exit")
        if nonempty:
            parent.lines.append(f"  br label %{entry_label}")
        else:
            check = self.instruction(f"icmp slt i64 {lower.text}, {upper.text}", self.depth)
            parent.lines.append(f"  br i1 {check}, label %{entry_label}, label %{exit_label}")
        came_from = parent.label
        head = [inside.lines[0]]
        head.append(f"  {counter.text} = phi i64 [ {lower.text}, %{before.label} ], [ {following}, %{inside.label} ]")
        for phi, first, last in zip(phis, carried, finals, strict=True):
            sources = f"[ {first.text}, %{before.label} ], [ {last.text}, %{inside.label} ]"
            head.append(f"  {phi.text} = phi {phi.type} {sources}")
        parent.lines += [*before.lines, f"  br label %{body_label}", *head, *inside.lines[1:]]
        parent.lines.append(f"  br i1 {more}, label %{body_label}, label %{exit_label}")
        self._begin_block(parent, exit_label)
        if nonempty:
            return [Value(v.text, v.dtype, self.depth, v.lanes, None, v.step) for v in finals]
        return [
            self._phi([(last, inside.label), (first, came_from)]) for first, last in zip(carried, finals, strict=True)
        ]

    def repeat_while(self, condition: Callable[[], Value], body: Callable[[], None]) -> None:
        """``while condition(): body()``; what they leave behind is in memory."""
        before = self.open("before", conditional=False)
        entry_label = before.label
        head = self.open("while", conditional=False)
        head_label = head.label
        going = condition()
        inside = self.open("do", conditional=True)
        body_label = inside.label
        body()
        inside, head, before = self.close(), self.close(), self.close()
        parent = self.scopes[-1]
        exit_label = self.fresh("exit")
        parent.lines += [f"  br label %{entry_label}", *before.lines, f"  br label %{head_label}", *head.lines]
        parent.lines.append(f"  br i1 {going.text}, label %{body_label}, label %{exit_label}")
        parent.lines += [*inside.lines, f"  br label %{head_label}"]
        self._begin_block(parent, exit_label)

    def paste(self, template: Template, operands: Sequence[str], depth: int) -> tuple[tuple[str, ...], set[int]]:
        """Add recorded code to the scope at ``depth``; the registers of its results.

        The caller notes in the set which results it takes; what only the others need is left out.
        """
        scope = self.scopes[depth]
        unique, label = self.fresh(""), scope.label
        for declaration in template.declarations:
            self.module.declare(*declaration)
        for helper in template.helpers:
            self.module.helper(*helper)

        def filled(text: str) -> str:
            text = text.replace("#", unique).replace("?L", "%" + label)
            for position, operand in enumerate(operands):
                text = text.replace(f"?{position}", operand)
            return text

        taken: set[int] = set()
        place = len(scope.lines)
        scope.lines.append("")

        def complete() -> None:
            scope.lines[place] = filled(needed_lines(template, frozenset(taken)))

        scope.closing.append(complete)
        if template.cold:
            self._cold.append((depth, [filled(template.cold)]))
        if template.label is not None:
            scope.label = filled(template.label)
        return tuple(filled(result) for result in template.results), taken

    def fail(
        self,
        predicate: Value,
        explanation: Sequence[Value],
        status: int | str,
        slot: int,
        depth: int,
        before: Sequence[str] = (),
    ) -> None:
        """Return ``status`` where the predicate holds, with up to four numbers that explain it in the frame.

        The lines of ``before`` compute what only the explanation needs.
        """
        cold, fine = self.fresh("cold"), self.fresh("fine")
        scope = self.scopes[depth]
        scope.lines.append(f"  br i1 {predicate.text}, label %{cold}, label %{fine}")
        block = [f"{cold}:", *before]
        for position, value in enumerate(explanation):
            address = self.fresh("e")
            block.append(f"  %{address} = getelementptr i64, ptr {self.explanation}, i64 {slot + position}")
            block.append(f"  store i64 {value.text}, ptr %{address}")
        self._cold.append((depth, [*block, f"  ret i32 {status}"]))
        self._begin_block(scope, fine)

    # ------------------------------------------------------------ integers

    def add_integers(self, a: Value, b: Value) -> Value:
        """``a + b`` of int64."""
        if isinstance(a.literal, int) and isinstance(b.literal, int):
            return literal(a.literal + b.literal, INT64)
        if a.literal == 0:
            return b
        if b.literal == 0:
            return a
        (left, here), (right, there) = self.split_offset(a), self.split_offset(b)
        if right.literal == 0:
            return self.add_shift(left, here + there)
        if left.literal == 0:
            return self.add_shift(right, here + there)
        return self.add_shift(self._integer_operation("add", left, right), here + there)

    def split_offset(self, value: Value) -> tuple[Value, int]:
        """An integer as a register and a literal to add."""
        if isinstance(value.literal, int):
            return ZERO, value.literal
        return self._shifted.get(value.text, (value.lane_zero, 0))

    def add_shift(self, value: Value, shift: int) -> Value:
        """``value + shift``; the literals of sums stay apart, so that neighbouring entries share an address."""
        if not shift:
            return value
        if isinstance(value.literal, int):
            return literal(value.literal + shift, INT64)
        result = self._integer_operation("add", value, literal(shift, INT64))
        self._shifted[result.text] = value, shift
        return result

    def noted_shift(self, total: Value, value: Value, shift: int) -> Value:
        """``total``, of which it is remembered that it is ``value + shift`` in each lane."""
        self._shifted[total.text] = value, shift
        return total

    def _integer_operation(self, name: str, a: Value, b: Value) -> Value:
        """An operation of int64, once per scope."""
        key = (name, a.text, b.text)
        known = self._integers.get(key)
        if known is None:
            depth = max(a.depth, b.depth)
            known = Value(self.instruction(f"{name} i64 {a.text}, {b.text}", depth), INT64, depth)
            self.remember(self._integers, key, known, depth)
        return known

    def subtract_integers(self, a: Value, b: Value) -> Value:
        """``a - b`` of int64."""
        if isinstance(b.literal, int):
            return self.add_integers(a, literal(-b.literal, INT64))
        return self._integer_operation("sub", a, b)

    def multiply_integers(self, a: Value, b: Value) -> Value:
        """``a * b`` of int64."""
        if isinstance(a.literal, int) and isinstance(b.literal, int):
            return literal(a.literal * b.literal, INT64)
        for x, y in ((a, b), (b, a)):
            if x.literal == 1:
                return y
            if x.literal == 0:
                return ZERO
            root, shift = self.split_offset(y)
            if shift and isinstance(x.literal, int):
                return self.add_shift(self._integer_operation("mul", root, x), shift * x.literal)
        return self._integer_operation("mul", a, b)

    def rounded_down(self, value: Value, multiple: int) -> Value:
        """The largest multiple of a power of two that is at most ``value``."""
        if isinstance(value.literal, int):
            return literal(value.literal - value.literal % multiple, INT64)
        return Value(self.instruction(f"and i64 {value.text}, {-multiple}", value.depth), INT64, value.depth)

    def minimum_integers(self, a: Value, b: Value) -> Value:
        """The smaller of two int64."""
        return self._extremum_integers(a, b, "smin", min)

    def maximum_integers(self, a: Value, b: Value) -> Value:
        """The larger of two int64."""
        return self._extremum_integers(a, b, "smax", max)

    def _extremum_integers(self, a: Value, b: Value, name: str, fold: Callable[[int, int], int]) -> Value:
        if isinstance(a.literal, int) and isinstance(b.literal, int):
            return literal(fold(a.literal, b.literal), INT64)
        depth = max(a.depth, b.depth)
        self.module.declare(f"llvm.{name}.i64", "i64", ["i64", "i64"])
        return Value(self.instruction(f"call i64 @llvm.{name}.i64(i64 {a.text}, i64 {b.text})", depth), INT64, depth)

    # ------------------------------------------------------------ the end

    @property
    def beginning(self) -> list[str]:
        """The lines before the first scope's."""
        return ["entry:", *self._stack]

    def finish(self) -> None:
        """Close the function and give it to the module."""
        scope = self.scopes[0]
        scope.complete()
        scope.lines.append("  ret i32 0")
        cold = [line for _, block in self._cold for line in block]
        body = "\n".join([*self.beginning, *scope.lines, *cold])
        self.module.functions.append(f"define i32 @{self.name}({self._parameters}) {self._attributes}{{\n{body}\n}}")
