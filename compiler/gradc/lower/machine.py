"""Operations on values as LLVM instructions: the `Emitter` of `gradc.ops.emit`, for one lane or many."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gradc.ir.scalar import BOOL, INT64, DType
from gradc.lower import mathematics
from gradc.lower.integer_routines import COMMON_DIVISOR, POWER
from gradc.lower.loop_calls import LoopCalls
from gradc.lower.packed_code import packed
from gradc.lower.readiness import Readiness
from gradc.lower.straight import RoutineCall
from gradc.lower.text import FunctionBuilder, Scope, Value, intrinsic_suffix, literal, llvm_type
from gradc.ops.loops import Loop

_FLOAT_RELATIONS = {
    "less": "olt",
    "less_equal": "ole",
    "greater": "ogt",
    "greater_equal": "oge",
    "equal": "oeq",
    "not_equal": "une",
}
_INTEGER_RELATIONS = {
    "less": "lt",
    "less_equal": "le",
    "greater": "gt",
    "greater_equal": "ge",
    "equal": "eq",
    "not_equal": "ne",
}


class Machine:
    """Emits operations into a function; operands may be one value or a vector, and are brought to a common form."""

    def __init__(self, builder: FunctionBuilder, has_fma: bool = False) -> None:
        self.builder = builder
        #: whether the target multiplies and adds in one instruction
        self.has_fma = has_fma
        #: the width of the target's vectors
        self.vector_bits = 128
        #: how many lanes the enclosing vector loop has
        self.lanes = 1
        self._vectors: dict[Any, Value] = {}
        self._operations: dict[tuple[str, DType, int], Value] = {}
        self._formulas: dict[Any, tuple[list[Value], set[int]]] = {}
        self._loops = LoopCalls(builder)
        self.ready = Readiness()

    # ------------------------------------------------------------ forms

    def vector(self, value: Value) -> Value:
        """``value`` with one number per lane."""
        if value.lanes > 1 or self.lanes == 1:
            return value
        key = (value.text, value.dtype, value.step, self.lanes)
        known = self._vectors.get(key)
        if known is None:
            known = self._splat(value.lane_zero)
            if value.step is not None:
                known = self.add(known, self._multiples(value.step))
            self.builder.remember(self._vectors, key, known, known.depth)
        return known

    def _splat(self, value: Value) -> Value:
        kind = llvm_type(value.dtype, self.lanes)
        if value.literal is not None:
            return Value(
                f"splat ({value.type} {value.text})", value.dtype, value.depth, self.lanes, literal=value.literal
            )
        first = self.builder.instruction(f"insertelement {kind} poison, {value.type} {value.text}, i32 0", value.depth)
        mask = f"<{self.lanes} x i32> zeroinitializer"
        name = self.builder.instruction(f"shufflevector {kind} {first}, {kind} poison, {mask}", value.depth)
        return Value(name, value.dtype, value.depth, self.lanes)

    def _multiples(self, step: Value) -> Value:
        if isinstance(step.literal, int):
            elements = ", ".join(f"i64 {step.literal * lane}" for lane in range(self.lanes))
            return Value(f"<{elements}>", INT64, 0, self.lanes)
        lanes = ", ".join(f"i64 {lane}" for lane in range(self.lanes))
        return self.multiply(Value(f"<{lanes}>", INT64, 0, self.lanes), self._splat(step))

    def _alike(self, *values: Value) -> tuple[Value, ...]:
        if any(v.lanes > 1 or v.step is not None for v in values):
            return tuple(self.vector(v) for v in values)
        return values

    def extract(self, value: Value, lane: int) -> Value:
        """One lane of a vector."""
        if value.lanes == 1:
            return value
        if value.literal is not None:
            return literal(value.literal, value.dtype)
        name = self.builder.instruction(f"extractelement {value.type} {value.text}, i32 {lane}", value.depth)
        return Value(name, value.dtype, value.depth)

    def _operation(self, text: str, dtype: DType, *values: Value, depth: int | None = None) -> Value:
        """``text`` with {0}, {1}, ... replaced by the operands and {t} by their type; the same operation is written once."""
        depth = max([v.depth for v in values], default=0) if depth is None else depth
        filled = text.format(*[v.text for v in values], t=values[0].type)
        key = (filled, dtype, depth)
        known = self._operations.get(key)
        if known is None:
            known = Value(self.builder.instruction(filled, depth), dtype, depth, values[0].lanes)
            self.builder.remember(self._operations, key, known, depth)
            self.ready.note(known.text, filled, values)
        return known

    # ------------------------------------------------------------ arithmetic

    def constant(self, number: float, like: Value) -> Value:
        """A literal of the dtype of ``like``."""
        return literal(number, like.dtype)

    def kind(self, x: Value) -> str:
        """NumPy's kind letter."""
        return x.dtype.kind

    def add(self, a: Value, b: Value) -> Value:
        """``a + b``; of bools: or."""
        if a.dtype == BOOL:
            return self.either(a, b)
        if a.dtype == INT64 and a.lanes == b.lanes == 1:
            total = self.builder.add_integers(a.lane_zero, b.lane_zero)
            steps = [s for s in (a.step, b.step) if s is not None]
            return self._stepped(total, steps[0] if len(steps) == 1 else self.add(*steps) if steps else None)
        return self._arithmetic("fadd", "add", a, b)

    def subtract(self, a: Value, b: Value) -> Value:
        """``a - b``."""
        if a.dtype == INT64 and a.lanes == b.lanes == 1 and a.step is None and b.step is None:
            return self.builder.subtract_integers(a, b)
        return self._arithmetic("fsub", "sub", a, b)

    def multiply(self, a: Value, b: Value) -> Value:
        """``a * b``; of bools: and."""
        if a.dtype == BOOL:
            return self.both(a, b)
        if a.dtype == INT64 and a.lanes == b.lanes == 1 and (a.step is None or b.step is None):
            product = self.builder.multiply_integers(a.lane_zero, b.lane_zero)
            if a.step is not None:
                return self._stepped(product, self.builder.multiply_integers(a.step, b))
            return self._stepped(product, None if b.step is None else self.builder.multiply_integers(b.step, a))
        return self._arithmetic("fmul", "mul", a, b)

    @staticmethod
    def _stepped(value: Value, step: Value | None) -> Value:
        if step is None or step.literal == 0:
            return value
        return Value(value.text, value.dtype, max(value.depth, step.depth), value.lanes, None, step)

    def divide(self, a: Value, b: Value) -> Value:
        """``a / b`` of floats."""
        return self._arithmetic("fdiv", "sdiv", a, b)

    def _arithmetic(self, floating: str, integral: str, a: Value, b: Value) -> Value:
        a, b = self._alike(a, b)
        name = floating if a.dtype.kind == "f" else integral
        return self._operation(f"{name} {{t}} {{0}}, {{1}}", a.dtype, a, b)

    def fused_multiply_add(self, a: Value, b: Value, c: Value) -> Value:
        """``a * b + c`` rounded once."""
        return self.call("llvm.fma", a, b, c)

    def negate(self, a: Value) -> Value:
        """``-a``."""
        if a.dtype.kind == "f":
            (a,) = self._alike(a)
            return self._operation("fneg {t} {0}", a.dtype, a)
        return self.multiply(a, literal(-1, a.dtype)) if a.dtype == INT64 else self.subtract(literal(0, a.dtype), a)

    def floor_divide(self, a: Value, b: Value) -> Value:
        """NumPy's ``a // b``: towards minus infinity; integers divided by zero give 0."""
        if a.dtype.kind == "f":
            return self._float_division(a, b)[0]
        if isinstance(a.literal, int) and isinstance(b.literal, int) and b.literal:
            return literal(a.literal // b.literal, a.dtype)
        return self._integer_division(a, b)[0]

    def modulo(self, a: Value, b: Value) -> Value:
        """NumPy's ``a % b``: the sign of b."""
        if a.dtype.kind == "f":
            return self._float_division(a, b)[1]
        if isinstance(a.literal, int) and isinstance(b.literal, int) and b.literal:
            return literal(a.literal % b.literal, a.dtype)
        return self._integer_division(a, b)[1]

    def _integer_division(self, a: Value, b: Value) -> tuple[Value, Value]:
        a, b = self._alike(a, b)
        zero, one = literal(0, a.dtype), literal(1, a.dtype)
        if a.dtype.kind != "i":
            safe = self.select(self.compare("equal", b, zero), one, b)
            whole = self._operation("udiv {t} {0}, {1}", a.dtype, a, safe)
            rest = self._operation("urem {t} {0}, {1}", a.dtype, a, safe)
            by_zero = self.compare("equal", b, zero)
            return self.select(by_zero, zero, whole), self.select(by_zero, zero, rest)
        if isinstance(b.literal, int) and b.literal > 0:
            truncated = self._operation("sdiv {t} {0}, {1}", a.dtype, a, b)
            left = self.subtract(a, self.multiply(truncated, b))
            below = self.compare("less", left, zero)
            return (
                self.select(below, self.subtract(truncated, one), truncated),
                self.select(below, self.add(left, b), left),
            )
        by_zero = self.compare("equal", b, zero)
        flips = self.compare("equal", b, literal(-1, a.dtype))  # the smallest integer by -1 would trap
        safe = self.select(self.either(by_zero, flips), one, b)
        truncated = self._operation("sdiv {t} {0}, {1}", a.dtype, a, safe)
        left = self.subtract(a, self.multiply(truncated, safe))
        crossed = self.compare("less", self._operation("xor {t} {0}, {1}", a.dtype, left, safe), zero)
        crossed = self.both(crossed, self.compare("not_equal", left, zero))
        whole = self.select(crossed, self.subtract(truncated, one), truncated)
        whole = self.select(flips, self.subtract(zero, a), whole)
        rest = self.select(crossed, self.add(left, safe), left)
        return self.select(by_zero, zero, whole), self.select(self.either(by_zero, flips), zero, rest)

    def _float_division(self, a: Value, b: Value) -> tuple[Value, Value]:
        a, b = self._alike(a, b)
        zero, one, half = (literal(v, a.dtype) for v in (0.0, 1.0, 0.5))
        left = self._operation("frem {t} {0}, {1}", a.dtype, a, b)
        exact = self.divide(self.subtract(a, left), b)
        has_rest = self.compare("not_equal", left, zero)
        crossed = self.both(has_rest, self._differs(self.compare("less", left, zero), self.compare("less", b, zero)))
        rest = self.select(crossed, self.add(left, b), left)
        rest = self.select(has_rest, rest, self.call("llvm.copysign", zero, b))
        exact = self.select(crossed, self.subtract(exact, one), exact)
        floor = self.call("llvm.floor", exact)
        floor = self.select(self.compare("greater", self.subtract(exact, floor), half), self.add(floor, one), floor)
        quotient = self.divide(a, b)
        whole = self.select(self.compare("equal", exact, zero), self.call("llvm.copysign", zero, quotient), floor)
        return self.select(self.compare("equal", b, zero), quotient, whole), rest

    def integer_power(self, base: Value, exponent: Value) -> Value:
        """``base ** exponent`` by squaring."""
        self.builder.module.helper("gradc_ipow", POWER)
        wide = self.convert(base, INT64), self.convert(exponent, INT64)
        return self.convert(self._per_lane("gradc_ipow", INT64, *wide), base.dtype)

    def width(self, x: Value) -> int:
        """How many bits a number has."""
        return 8 * x.dtype.itemsize

    def bits(self, instruction: str, a: Value, b: Value) -> Value:
        """``and``, ``or``, ``xor``, ``shl``, ``ashr`` or ``lshr``, as LLVM has them."""
        a, b = self._alike(a, b)
        return self._operation(f"{instruction} {{t}} {{0}}, {{1}}", a.dtype, a, b)

    def common_divisor(self, a: Value, b: Value) -> Value:
        """The largest number that divides two sizes, by Euclid's algorithm."""
        self.builder.module.helper("gradc_gcd", COMMON_DIVISOR)
        unsigned = np.dtype(f"u{a.dtype.itemsize}")  # the size of the smallest signed number is one
        wide = [self.convert(self.convert(x, unsigned), INT64) for x in self._alike(a, b)]
        return self.convert(self._per_lane("gradc_gcd", INT64, *wide), a.dtype)

    # ------------------------------------------------------------ comparison and selection

    def compare(self, relation: str, a: Value, b: Value) -> Value:
        """A comparison; false for NaN but for ``not_equal``."""
        a, b = self._alike(a, b)
        if a.dtype.kind == "f":
            return self._operation(f"fcmp {_FLOAT_RELATIONS[relation]} {{t}} {{0}}, {{1}}", BOOL, a, b)
        name = _INTEGER_RELATIONS[relation]
        if isinstance(a.literal, int) and isinstance(b.literal, int) and a.dtype == b.dtype == INT64 and a.lanes == 1:
            return literal(bool(getattr(a.literal, f"__{name}__")(b.literal)), BOOL)
        if name not in ("eq", "ne"):
            name = ("s" if a.dtype.kind == "i" else "u") + name
        return self._operation(f"icmp {name} {{t}} {{0}}, {{1}}", BOOL, a, b)

    def is_nan(self, a: Value) -> Value:
        """Whether a is NaN."""
        if a.dtype.kind != "f":
            return literal(False, BOOL)
        (a,) = self._alike(a)
        return self._operation("fcmp uno {t} {0}, {0}", BOOL, a)

    def sign_bit(self, a: Value) -> Value:
        """Whether the sign is minus, of zeros and NaN too."""
        if a.dtype.kind != "f":
            return self.compare("less", a, literal(0, a.dtype))
        (a,) = self._alike(a)
        bits = np.dtype(f"i{a.dtype.itemsize}")
        cast = self._operation(f"bitcast {{t}} {{0}} to {llvm_type(bits, a.lanes)}", bits, a)
        return self.compare("less", cast, literal(0, bits))

    def both(self, p: Value, q: Value) -> Value:
        """``p and q``."""
        for x, y in ((p, q), (q, p)):
            if x.literal is not None:
                return y if x.literal else x
        p, q = self._alike(p, q)
        return self._operation("and {t} {0}, {1}", BOOL, p, q)

    def either(self, p: Value, q: Value) -> Value:
        """``p or q``."""
        for x, y in ((p, q), (q, p)):
            if x.literal is not None:
                return x if x.literal else y
        p, q = self._alike(p, q)
        return self._operation("or {t} {0}, {1}", BOOL, p, q)

    def _differs(self, p: Value, q: Value) -> Value:
        p, q = self._alike(p, q)
        return self._operation("xor {t} {0}, {1}", BOOL, p, q)

    def complement(self, p: Value) -> Value:
        """``not p``."""
        if p.literal is not None:
            return literal(not p.literal, BOOL)
        return self._differs(p, literal(True, BOOL))

    def select(self, p: Value, a: Value, b: Value) -> Value:
        """``a`` where p, else ``b``."""
        if p.literal is not None:
            return a if p.literal else b
        if a.text == b.text and a.step is b.step:
            return a
        p, a, b = self._alike(p, a, b)
        return self._operation(f"select {p.type} {{0}}, {a.type} {{1}}, {a.type} {{2}}", a.dtype, p, a, b)

    # ------------------------------------------------------------ calls and conversions

    def call(self, name: str, *args: Value) -> Value:
        """An intrinsic, ``llvm.sqrt``, or an elementary function, ``libm.sin``: code of ours, or a call of the C library."""
        args = self._alike(*args)
        dtype = args[0].dtype
        family, function = name.split(".", 1)
        own = self.own(function, *args) if family == "libm" else None
        if own is not None:
            return own
        if name in ("libm.sin", "libm.cos") and args[0].lanes == 1:
            name = f"llvm.{function}"  # LLVM makes one call of both
        elif family == "libm":
            return self._per_lane(function + ("f" if dtype.itemsize == 4 else ""), dtype, *args)
        kind, full = args[0].type, f"{name}.{intrinsic_suffix(dtype, args[0].lanes)}"
        self.builder.module.declare(full, kind, [kind] * len(args))
        operands = ", ".join(f"{kind} {{{k}}}" for k in range(len(args)))
        return self._operation(f"call {kind} @{full}({operands})", dtype, *args)

    def own(self, name: str, *args: Value) -> Value | None:
        """A function of `mathematics`, if it is one; what its family shares is computed once per operand."""
        if not self.has_fma or not mathematics.is_inline(name, args[0].dtype):
            return None
        args = self._alike(*args)
        if args[0].lanes == 1:
            return self._routine(name, args)
        function = mathematics.FUNCTIONS[name]
        if function.before is not None:
            args += tuple(self._formula(function.before, args[:1], position) for position in range(2))
        return self._formula(function.family, args, function.position)

    def _routine(self, name: str, args: tuple[Value, ...]) -> Value:
        dtype, kind = args[0].dtype, args[0].type
        routine = mathematics.routine(name, len(args), dtype.itemsize)
        self.builder.module.helper(routine.name, routine.text)
        for declaration in routine.declarations:
            self.builder.module.declare(*declaration)
        operands = ", ".join(f"{kind} {{{k}}}" for k in range(len(args)))
        result = self._operation(f"call {routine.kind} @{routine.name}({operands})", dtype, *args)
        scope = self.builder.scopes[result.depth]
        scope.calls[result.text] = RoutineCall(name, tuple(arg.text for arg in args), dtype.itemsize)
        scope.arrange = self._join_lanes
        if routine.position is None:
            return result
        return self._operation(f"extractelement {routine.kind} {{0}}, i32 {routine.position}", dtype, result)

    def _join_lanes(self, scope: Scope) -> None:
        """Make vectors of a scope's calls for one lane."""
        scope.lines[:] = packed(scope.lines, scope.calls, self.builder.places, self.builder, self.vector_bits)

    def _formula(self, definition: mathematics.Definition, args: tuple[Value, ...], position: int) -> Value:
        first = args[0]
        key = (definition, first.dtype, first.lanes, *[arg.text for arg in args])
        known = self._formulas.get(key)
        if known is None:
            depth = max(arg.depth for arg in args)
            template = mathematics.template(definition, len(args), first.dtype.itemsize, first.lanes, self.vector_bits)
            registers, taken = self.builder.paste(template, [arg.text for arg in args], depth)
            known = [Value(register, first.dtype, depth, first.lanes) for register in registers], taken
            for register in registers:
                self.ready.note(register, "call", args)
            self.builder.remember(self._formulas, key, known, depth)
        results, taken = known
        taken.add(position)
        return results[position]

    def loop(self, loop: Loop, *args: Value) -> Value:
        """One result of a ufunc's inner loop."""
        return self._loops.results(self, loop, self._alike(*args))[loop.output]

    def _per_lane(self, function: str, dtype: DType, *args: Value) -> Value:
        kind = llvm_type(dtype)
        if not function.startswith("gradc_"):
            self.builder.module.declare(function, kind, [kind] * len(args))
        operands = ", ".join(f"{kind} {{{k}}}" for k in range(len(args)))
        call = f"call {kind} @{function}({operands})"
        if args[0].lanes == 1:
            return self._operation(call, dtype, *args)
        lanes = args[0].lanes
        result = Value("poison", dtype, 0, lanes)
        for lane in range(lanes):
            one = self._operation(call, dtype, *[self.extract(arg, lane) for arg in args])
            depth = max(result.depth, one.depth)
            text = f"insertelement {result.type} {result.text}, {one.type} {one.text}, i32 {lane}"
            result = Value(self.builder.instruction(text, depth), dtype, depth, lanes)
        return result

    def convert(self, value: Value, dtype: DType) -> Value:
        """NumPy's ``astype``."""
        source = value.dtype
        if source == dtype:
            return value
        if value.literal is not None and value.lanes == 1 and (dtype.kind == "f" or source.kind in "bi"):
            return literal(value.literal, dtype)
        (value,) = self._alike(value)
        if dtype == BOOL:
            return self.compare("not_equal", value, literal(0, source))
        if llvm_type(source) == llvm_type(dtype):
            return replace(value, dtype=dtype)
        if source.kind == "f" and dtype.kind == "u":
            return self._to_unsigned(value, dtype)
        cast = _cast_name(source, dtype)
        return self._operation(f"{cast} {{t}} {{0}} to {llvm_type(dtype, value.lanes)}", dtype, value)

    def _to_unsigned(self, value: Value, dtype: DType) -> Value:
        """A float as an unsigned integer by way of signed ones, so that a negative one wraps around."""
        signed = np.dtype(np.int64 if dtype.itemsize >= 4 else np.int32)
        if dtype.itemsize < 8:
            return self.convert(self.convert(value, signed), dtype)
        half = literal(2.0**63, value.dtype)
        above = self.compare("greater_equal", value, half)
        low = self.convert(self.select(above, self.subtract(value, half), value), signed)
        high = self.bits("xor", low, literal(-(2**63), signed))
        return self.convert(self.select(above, high, low), dtype)


def _cast_name(source: DType, target: DType) -> str:
    if target.kind == "f":
        if source.kind == "f":
            return "fpext" if target.itemsize > source.itemsize else "fptrunc"
        return "sitofp" if source.kind == "i" else "uitofp"
    if source.kind == "f":
        return "fptosi"
    if target.itemsize < source.itemsize:
        return "trunc"
    return "sext" if source.kind == "i" else "zext"
