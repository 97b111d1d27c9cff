"""Routines: functions of a module beside the kernel's own, with arguments of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradc.ir.scalar import INT64, DType
from gradc.lower.module import Module
from gradc.lower.text import FunctionBuilder, Value, literal, llvm_type
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
        body = "\n".join(["entry:", *self.scopes[0].lines, "  ret void"])
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
        kind = llvm_type(dtype, lanes)
        if mask is None:
            text = f"load {kind}, ptr {where}, align {dtype.itemsize}"
        else:
            suffix = f"v{lanes}f{8 * dtype.itemsize}.p0"
            self.module.declare(f"llvm.masked.load.{suffix}", kind, ["ptr", f"<{lanes} x i1>", kind])
            arguments = f"ptr align {dtype.itemsize} {where}, {mask}, {kind} zeroinitializer"
            text = f"call {kind} @llvm.masked.load.{suffix}({arguments})"
        return Value(self.instruction(text, self.depth), dtype, self.depth, lanes)

    def store_vector(self, value: Value, where: str, mask: str | None = None) -> None:
        """Store a vector, or the lanes of it that the mask has."""
        size = value.dtype.itemsize
        if mask is None:
            self.line(f"store {value.type} {value.text}, ptr {where}, align {size}")
            return
        suffix = f"v{value.lanes}f{8 * size}.p0"
        types = [value.type, "ptr", f"<{value.lanes} x i1>"]
        self.module.declare(f"llvm.masked.store.{suffix}", "void", types)
        self.line(f"call void @llvm.masked.store.{suffix}({value.type} {value.text}, ptr align {size} {where}, {mask})")

    def scatter(self, value: Value, where: str, stride: Value, mask: str | None) -> None:
        """Store the lanes (of the mask) ``stride`` entries apart."""
        if stride.literal == 1:
            self.store_vector(value, where, mask)
            return
        lanes = value.lanes
        suffix = f"v{lanes}f{8 * value.dtype.itemsize}.v{lanes}p0"
        types = [value.type, f"<{lanes} x ptr>", f"<{lanes} x i1>"]
        self.module.declare(f"llvm.masked.scatter.{suffix}", "void", types)
        pointers, every = self._pointers(where, value.dtype, stride, lanes), mask or self._all(lanes)
        arguments = f"{value.type} {value.text}, {pointers}, {every}"
        self.line(f"call void @llvm.masked.scatter.{suffix}({arguments})")

    def gather(self, where: str, dtype: DType, stride: Value, lanes: int, mask: str | None) -> Value:
        """The entries ``stride`` apart; zero outside the mask."""
        if stride.literal == 1:
            return self.load_vector(where, dtype, lanes, mask)
        kind = llvm_type(dtype, lanes)
        suffix = f"v{lanes}f{8 * dtype.itemsize}.v{lanes}p0"
        types = [f"<{lanes} x ptr>", f"<{lanes} x i1>", kind]
        self.module.declare(f"llvm.masked.gather.{suffix}", kind, types)
        pointers, every = self._pointers(where, dtype, stride, lanes), mask or self._all(lanes)
        text = f"call {kind} @llvm.masked.gather.{suffix}({pointers}, {every}, {kind} zeroinitializer)"
        return Value(self.instruction(text, self.depth), dtype, self.depth, lanes)

    def _pointers(self, where: str, dtype: DType, stride: Value, lanes: int) -> str:
        numbers = f"<{', '.join(f'i64 {k}' for k in range(lanes))}>"
        wide = self.splat(stride, lanes)
        offsets = self.instruction(f"mul <{lanes} x i64> {wide.text}, {numbers}", stride.depth)
        text = f"getelementptr {llvm_type(dtype)}, ptr {where}, <{lanes} x i64> {offsets}"
        return f"<{lanes} x ptr> align {dtype.itemsize} {self.instruction(text, self.depth)}"

    @staticmethod
    def _all(lanes: int) -> str:
        return f"<{lanes} x i1> <{', '.join(['i1 true'] * lanes)}>"

    def panel(self, dtype: DType, count: int) -> str:
        """Room on the stack for ``count`` numbers; asking again gives the same."""
        if self._panel is None:
            self._panel = self.instruction(f"alloca [{count} x {llvm_type(dtype)}], align 64", 0)
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
        result = list(rows)
        half = len(rows) // 2
        while half:
            for k in range(len(rows)):
                if not k & half:
                    result[k], result[k | half] = self._exchanged(result[k], result[k | half], half)
            half //= 2
        return result

    def sums_of(self, rows: Sequence[Value]) -> Value:
        """The vector of the sums of the lanes of as many vectors as it has lanes."""
        result = list(rows)
        half = len(rows) // 2
        while half:
            pairs = [self._exchanged(result[k], result[k + half], half) for k in range(half)]
            result = [self.add(a, b) for a, b in pairs]
            half //= 2
        return result[0]

    def _exchanged(self, upper: Value, lower: Value, half: int) -> tuple[Value, Value]:
        """The lanes that the bit ``half`` numbers, of the upper vector, in exchange for the others of the lower."""
        lanes = range(upper.lanes)
        kept = [upper.lanes + (lane ^ half) if lane & half else lane for lane in lanes]
        moved = [upper.lanes + lane if lane & half else lane | half for lane in lanes]
        return self.shuffled(upper, lower, kept), self.shuffled(upper, lower, moved)

    def inserted(self, vector: Value, number: Value, lane: int) -> Value:
        """The vector with another number in a lane."""
        text = f"insertelement {vector.type} {vector.text}, {number.type} {number.text}, i32 {lane}"
        return Value(self.instruction(text, self.depth), vector.dtype, self.depth, vector.lanes)

    def multiply_add(self, a: Value, b: Value, c: Value) -> Value:
        """``a * b + c``, rounded once where the machine can."""
        if not self._has_fma:
            return self.add(self.multiply(a, b), c)
        name = f"llvm.fma.v{a.lanes}f{8 * a.dtype.itemsize}"
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
