"""Routines: functions of a module beside the kernel's own, with arguments of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradc.ir.scalar import INT64, DType
from gradc.lower.masked import read_lanes, write_lanes
from gradc.lower.module import Module
from gradc.lower.squares import exchanged, transposed
from gradc.lower.text import FunctionBuilder, Value, intrinsic_suffix, literal, llvm_type
from gradc.lower.tiling import Run
from gradc_runtime.engine import Host


class Routine(FunctionBuilder):
    """``void @name(arguments)``, written with vectors of any number of lanes."""

    def __init__(self, module: Module, name: str, arguments: Sequence[tuple[str, str]], host: Host) -> None:
        super().__init__(module, name)
        self._arguments = arguments
        self._has_fma = host.has_fma
        self._masks: dict[object, str] = {}
        self._panel: str | None = None

    def finished(self) -> str:
        """The text of the function."""
        body = "\n".join([*self.beginning, *self.scopes[0].lines, "  ret void"])
        arguments = ", ".join(f"{kind} {'noalias ' * (kind == 'ptr')}%{name}" for kind, name in self._arguments)
        return f"define internal void @{self.name}({arguments}) #0 {{\n{body}\n}}"

    def run(self, run: Run, body: Callable[[Value, list[Value]], Sequence[Value]]) -> None:
        """The body for each start of the run."""
        if isinstance(run.lower.literal, int) and isinstance(run.upper.literal, int):
            if run.upper.literal == run.lower.literal + run.size:
                body(run.lower, [])
                return
        self.loop(run.lower, run.upper, [], body, step=run.size)

    # ------------------------------------------------------------ integers

    def quotient(self, value: Value, divisor: int) -> Value:
        """``value // divisor`` of something that isn't negative."""
        if isinstance(value.literal, int):
            return literal(value.literal // divisor, INT64)
        return Value(self.instruction(f"udiv i64 {value.text}, {divisor}", value.depth), INT64, value.depth)

    def rounded_up(self, value: Value, multiple: int) -> Value:
        """The least multiple that isn't less than a value, which isn't negative."""
        whole = self.quotient(self.add_integers(value, literal(multiple - 1, INT64)), multiple)
        return self.multiply_integers(whole, literal(multiple, INT64))

    # ------------------------------------------------------------ memory

    def entry(self, base: str, dtype: DType, offset: Value) -> str:
        """The address of an entry."""
        if offset.literal == 0:
            return base
        return self.instruction(f"getelementptr {llvm_type(dtype)}, ptr {base}, i64 {offset.text}", self.depth)

    def load(self, where: str, dtype: DType) -> Value:
        """One number."""
        text = f"load {llvm_type(dtype)}, ptr {where}, align {dtype.itemsize}"
        return Value(self.instruction(text, self.depth), dtype, self.depth)

    def mask_of(self, count: Value, lanes: int) -> str:
        """The first ``count`` lanes; written in the outermost scope."""
        kind = f"<{lanes} x i1>"
        if isinstance(count.literal, int):
            return f"{kind} <{', '.join(f'i1 {str(k < count.literal).lower()}' for k in range(lanes))}>"
        key = (count.text, lanes)
        if key not in self._masks:
            numbers = f"<{', '.join(f'i64 {k}' for k in range(lanes))}>"
            wide = self.splat(count, lanes)
            text = f"icmp ult <{lanes} x i64> {numbers}, {wide.text}"
            self._masks[key] = f"{kind} {self.instruction(text, count.depth)}"
        return self._masks[key]

    def load_vector(self, where: str, dtype: DType, lanes: int, mask: str | None) -> Value:
        """A vector; the lanes outside the mask are zero and their memory is not touched."""
        if mask is None:
            text = f"load {llvm_type(dtype, lanes)}, ptr {where}, align {dtype.itemsize}"
            name = self.instruction(text, self.depth)
        else:
            name = read_lanes(self, where, dtype, lanes, mask, self.depth)
        return Value(name, dtype, self.depth, lanes)

    def store_vector(self, value: Value, where: str, mask: str | None = None) -> None:
        """Store a vector, or the lanes of it that the mask has."""
        if mask is None:
            self.line(f"store {value.type} {value.text}, ptr {where}, align {value.dtype.itemsize}")
        else:
            write_lanes(self, where, value, value.text, mask)

    def scatter(self, value: Value, where: str, stride: Value, mask: str | None) -> None:
        """Store the lanes (of the mask) ``stride`` entries apart."""
        if stride.literal == 1:
            self.store_vector(value, where, mask)
            return
        pointers = self._pointers(where, value.dtype, stride, value.lanes)
        write_lanes(self, pointers, value, value.text, mask or self._all(value.lanes), apart=True)

    def gather(self, where: str, dtype: DType, stride: Value, lanes: int, mask: str | None) -> Value:
        """The entries ``stride`` apart; zero outside the mask."""
        if stride.literal == 1:
            return self.load_vector(where, dtype, lanes, mask)
        pointers, every = self._pointers(where, dtype, stride, lanes), mask or self._all(lanes)
        name = read_lanes(self, pointers, dtype, lanes, every, self.depth, apart=True)
        return Value(name, dtype, self.depth, lanes)

    def _pointers(self, where: str, dtype: DType, stride: Value, lanes: int) -> str:
        numbers = f"<{', '.join(f'i64 {k}' for k in range(lanes))}>"
        wide = self.splat(stride, lanes)
        offsets = self.instruction(f"mul <{lanes} x i64> {wide.text}, {numbers}", stride.depth)
        text = f"getelementptr {llvm_type(dtype)}, ptr {where}, <{lanes} x i64> {offsets}"
        return self.instruction(text, self.depth)

    @staticmethod
    def _all(lanes: int) -> str:
        return f"<{lanes} x i1> <{', '.join(['i1 true'] * lanes)}>"

    def panel(self, dtype: DType, count: int) -> str:
        """Room on the stack for ``count`` numbers; asking again gives the same."""
        if self._panel is None:
            self._panel = self.on_stack(f"[{count} x {llvm_type(dtype)}], align 64")
        return self._panel

    # ------------------------------------------------------------ vectors

    def vector_zero(self, dtype: DType, lanes: int) -> Value:
        """Zeros."""
        return Value("zeroinitializer", dtype, 0, lanes)

    def splat(self, value: Value, lanes: int) -> Value:
        """The number in each lane."""
        kind = llvm_type(value.dtype, lanes)
        depth = value.depth
        one = self.instruction(f"insertelement {kind} poison, {value.type} {value.text}, i32 0", depth)
        text = f"shufflevector {kind} {one}, {kind} poison, <{lanes} x i32> zeroinitializer"
        return Value(self.instruction(text, depth), value.dtype, depth, lanes)

    def shuffled(self, a: Value, b: Value, lanes: Sequence[int]) -> Value:
        """The chosen lanes of two vectors, numbered one after the other."""
        mask = ", ".join(f"i32 {lane}" for lane in lanes)
        text = f"shufflevector {a.type} {a.text}, {a.type} {b.text}, <{len(lanes)} x i32> <{mask}>"
        return Value(self.instruction(text, self.depth), a.dtype, self.depth, len(lanes))

    def transposed(self, rows: Sequence[Value]) -> list[Value]:
        """A square of vectors with rows and columns exchanged: blocks of half the size change places, then of a quarter."""
        halves = [1 << bit for bit in reversed(range((len(rows) - 1).bit_length()))]
        return transposed(rows, halves, self.shuffled)

    def sums_of(self, rows: Sequence[Value]) -> Value:
        """The vector of the sums of the lanes of as many vectors as it has lanes."""
        result = list(rows)
        half = len(rows) // 2
        while half:
            pairs = [exchanged(result[k], result[k + half], len(rows), half, self.shuffled) for k in range(half)]
            result = [self.add(a, b) for a, b in pairs]
            half //= 2
        return result[0]

    def multiply_add(self, a: Value, b: Value, c: Value) -> Value:
        """``a * b + c``, rounded once where the machine can."""
        if not self._has_fma:
            return self.add(self.multiply(a, b), c)
        name = f"llvm.fma.{intrinsic_suffix(a.dtype, a.lanes)}"
        self.module.declare(name, a.type, [a.type] * 3)
        arguments = ", ".join(f"{a.type} {v.text}" for v in (a, b, c))
        return Value(self.instruction(f"call {a.type} @{name}({arguments})", self.depth), a.dtype, self.depth, a.lanes)

    def multiply(self, a: Value, b: Value) -> Value:
        """``a * b``."""
        return self._binary("fmul", a, b)

    def add(self, a: Value, b: Value) -> Value:
        """``a + b``."""
        return self._binary("fadd", a, b)

    def _binary(self, name: str, a: Value, b: Value) -> Value:
        text = f"{name} {a.type} {a.text}, {b.text}"
        return Value(self.instruction(text, self.depth), a.dtype, self.depth, a.lanes)
