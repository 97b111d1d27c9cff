"""Scalar expressions as machine code: each unique node once, in the outermost scope that has what it needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from typing import Any

from gradc.errors import CompileError
from gradc.ir.algebra import conjunction, disjunction, negation
from gradc.ir.scalar import (
    BOOL,
    FALSE,
    INT64,
    TRUE,
    Apply,
    Guard,
    Index,
    Load,
    NamedConstant,
    Number,
    Scalar,
    Size,
    is_apply,
)
from gradc.ir.tensor import Extent, Tensor, extent_scalar
from gradc.ir.walk import has_loads
from gradc.lower.algebraic import AlgebraicEmitter, bases_of
from gradc.lower.flatten import Along, flattened
from gradc.lower.memory import VectorisationRefused, varies
from gradc.lower.monomials import Token
from gradc.lower.powers import factors, small_power
from gradc.lower.safety import is_harmless, risky_loads
from gradc.lower.text import FunctionBuilder, Value, literal
from gradc.ops.loops import Loop
from gradc.ops.table import promoted


class ExpressionEmitter(AlgebraicEmitter):
    """Evaluates scalars, given the loops that are open and where tensors are stored."""

    def __init__(
        self,
        builder: FunctionBuilder,
        sizes: dict[str, Value],
        status_slot: int,
        vector_bits: int = 128,
        has_fma: bool = False,
    ) -> None:
        super().__init__(builder, has_fma)
        self.vector_bits = vector_bits
        self.sizes = sizes
        self.status_slot = status_slot
        #: per loop variable: the running index, and its extent
        self.indices: list[Value] = []
        self.extents: list[Extent] = []
        self._elements: dict[Any, Value] = {}
        self._facts: dict[Scalar, tuple[bool, int]] = {}
        self._safe: dict[Any, bool] = {}
        self._flats: dict[Load, tuple[Along, ...] | None] = {}

    # ------------------------------------------------------------ what is known

    def keep_element(self, tensor: Tensor, indices: Sequence[Value], value: Value) -> None:
        """Loads of this entry are this register, as long as the innermost scope is open."""
        key = (tensor, tuple(i.text for i in indices), self.lanes)
        depth = self.builder.depth
        if self._facts:  # a literal, perhaps, but only where the facts hold
            value = replace(value, depth=depth)
        self.builder.remember(self._elements, key, value, depth)

    @contextmanager
    def assuming(self, predicates: Sequence[tuple[Scalar, bool]]) -> Iterator[None]:
        """Within the innermost scope, these predicates are known."""
        facts: dict[Scalar, tuple[bool, int]] = {}
        for predicate, holds in predicates:
            facts[predicate] = (holds, self.builder.depth)
            facts[negation(predicate)] = (not holds, self.builder.depth)
        added = {p: f for p, f in facts.items() if p not in self._facts}
        self._facts.update(added)
        try:
            yield
        finally:
            for predicate in added:
                del self._facts[predicate]

    @contextmanager
    def axis(self, depth: int, position: Value, extent: Extent) -> Iterator[None]:
        """Within, the loop at ``depth`` is at ``position``."""
        assert len(self.indices) == depth, "loops open in order of depth"
        self.indices.append(position)
        self.extents.append(extent)
        try:
            yield
        finally:
            self.indices.pop()
            self.extents.pop()

    @contextmanager
    def forgetting(self, depth: int) -> Iterator[None]:
        """At the end, forget the values that depend on the loop at ``depth``: it is unrolled, without a scope of its own."""
        outer, self._log = self._log, []
        try:
            yield
        finally:
            log, self._log = self._log, outer
            for entry in log:
                if self._depends_on(entry, depth):
                    if isinstance(entry, Scalar):
                        self._values.pop(entry, None)
                    else:
                        self._tokens.pop(entry, None)
                elif outer is not None:
                    outer.append(entry)

    def _depends_on(self, entry: Scalar | Token, depth: int) -> bool:
        parts = [entry] if isinstance(entry, Scalar) else bases_of(entry)
        return any(depth in part.free for part in parts)

    def depends_from(self, scalar: Scalar, depth: int) -> bool:
        """Whether a scalar depends on the loop at ``depth`` or on one inside it."""
        return any(axis >= depth for axis in scalar.free)

    @contextmanager
    def vectorised(self, lanes: int) -> Iterator[None]:
        """Within, the innermost loop has this many lanes."""
        outer, self.lanes = self.lanes, lanes
        try:
            yield
        finally:
            self.lanes = outer

    def without_facts(self, predicate: Scalar) -> Scalar:
        """What is left to test of a predicate."""
        return self._known(predicate)[0]

    # ------------------------------------------------------------ evaluation

    def value(self, root: Scalar) -> Value:
        """The value of a scalar; each node below it is emitted once."""
        known = self._values
        stack = [root]
        while stack:
            node = stack[-1]
            if node in known:
                stack.pop()
                continue
            needs = self._needs(node)
            waiting = [child for child in needs if child not in known]
            if waiting:
                stack.extend(reversed(waiting))
                continue
            stack.pop()
            result = self._emit(node)
            rests_on = self._rests_on((*node.children, *needs))
            if rests_on > result.depth:
                result = replace(result, depth=rests_on)
            self.builder.remember(known, node, result, result.depth)
            if self._log is not None:
                self._log.append(node)
        return known[root]

    def _rests_on(self, operands: Sequence[Scalar]) -> int:
        """The innermost scope whose facts made literals of operands: what is made of them holds only there, too."""
        depth = 0
        for operand in operands:
            value = self._values.get(operand)
            if value is not None and value.literal is not None and value.depth > depth:
                depth = value.depth
        return depth

    def extent(self, extent: Extent) -> Value:
        """An extent as an int64."""
        return self.value(extent_scalar(extent))

    def _needs(self, node: Scalar) -> Sequence[Scalar]:
        if isinstance(node, Guard):
            return self._guard_needs(node)
        if isinstance(node, Load):
            flat = self._flat(node)
            return node.indices if flat is None else [position for position, _ in flat]
        if node in self.fused:
            return self.fused[node].operands
        if isinstance(node, Apply):
            name = node.op.name
            if name in ("and", "or"):
                return [p for p in node.args if self.is_safe(p)]
            if name == "prod":
                return [b for b, _ in factors(node)]
            if name in ("power", "pow") and small_power(node) is not None:
                return node.args[:1]
            if name == "sum":
                return self._sum_needs(node)
        return node.children

    def _emit(self, node: Scalar) -> Value:
        if isinstance(node, Number):
            return self._number(node)
        if isinstance(node, Index):
            return self.indices[node.position]
        if isinstance(node, Size):
            return self.sizes[node.name]
        if isinstance(node, Load):
            return self._load(node)
        if isinstance(node, Guard):
            return self._guard(node)
        assert isinstance(node, Apply)
        if node in self.fused:
            return self._emit_fused(self.fused[node], node)
        special = getattr(self, f"_emit_{node.op.name}", None)
        if special is not None:
            return special(node)  # type: ignore[no-any-return]
        return self._row(node)

    def _number(self, node: Number) -> Value:
        value = node.value
        if isinstance(value, NamedConstant):
            value = value.value
        if node.dtype.kind == "f":
            return literal(_nearest_float(value), node.dtype)
        return literal(value, node.dtype)  # type: ignore[arg-type]

    def _row(self, node: Apply) -> Value:
        """An op by the ``lower`` field of its row."""
        lower = node.op.lower
        name = node.op.name
        dtypes = [arg.dtype for arg in node.args]
        if name == "where":
            arguments = [self._values[node.args[0]], *[self._as(arg, node) for arg in node.args[1:]]]
        elif isinstance(lower, Loop):
            arguments = [self._values[arg] for arg in node.args]
        elif node.dtype == BOOL:
            common = promoted(dtypes)
            arguments = [self.convert(self._values[arg], common) for arg in node.args]
        elif name in ("abs", "sign", "floor", "ceil", "trunc", "rint"):
            arguments = [self._values[arg] for arg in node.args]
        else:
            arguments = [self._as(arg, node) for arg in node.args]
        if isinstance(lower, Loop):
            return self.convert(lower(self, *arguments), node.dtype)
        if callable(lower):
            return lower(self, *arguments)  # type: ignore[no-any-return]
        if lower is None:
            raise CompileError(f"the operation {name} has no machine code; its row in gradc.ops needs a 'lower'")
        if "." in lower:
            return self.call(lower, *arguments)
        return getattr(self, lower)(*arguments)  # type: ignore[no-any-return]

    def _emit_convert(self, node: Apply) -> Value:
        return self.convert(self._values[node.args[0]], node.dtype)

    def _emit_not(self, node: Apply) -> Value:
        return self.complement(self.convert(self._values[node.args[0]], BOOL))

    def _emit_or(self, node: Apply) -> Value:
        """Parts that may not run on their own are tested only where the safe ones fail."""
        result = literal(False, BOOL)
        unsafe = self._by_risk([arg for arg in node.args if not self.is_safe(arg)])
        for arg in node.args:
            if arg not in unsafe:
                result = self.either(result, self.convert(self._values[arg], BOOL))
        for arg in unsafe:
            if result.literal is None:
                result = self.guarded_value(self.complement(result), arg, literal(True, BOOL))[0]
            elif not result.literal:
                result = self.convert(self.value(arg), BOOL)
        return result

    def _emit_and(self, node: Apply) -> Value:
        """Parts that may not run on their own are tested only where the safe ones hold."""
        result = literal(True, BOOL)
        unsafe: list[Scalar] = []
        for arg in node.args:
            if self.is_safe(arg):
                result = self.both(result, self.convert(self._values[arg], BOOL))
            else:
                unsafe.append(arg)
        for arg in self._by_risk(unsafe):
            result = self._chained(result, arg)
        return result

    def _by_risk(self, parts: Sequence[Scalar]) -> list[Scalar]:
        """Parts that read where others may forbid it come after those."""
        return sorted(parts, key=lambda part: risky_loads(part, tuple(self.extents)))

    def _chained(self, sofar: Value, predicate: Scalar) -> Value:
        if sofar.literal is not None:
            return self.value(predicate) if sofar.literal else sofar
        return self.guarded_value(sofar, predicate, literal(False, BOOL))[0]

    # ------------------------------------------------------------ guards

    def _known(self, predicate: Scalar) -> tuple[Scalar, int]:
        """What is left of a predicate after the facts, and the scope on which that rests."""
        if not self._facts:
            return predicate, 0
        if is_apply(predicate, "or"):
            return self._known_alternative(predicate)
        depth, rest = 0, []
        for part in predicate.children if is_apply(predicate, "and") else (predicate,):
            fact = self._facts.get(part)
            if fact is None:
                rest.append(part)
                continue
            depth = max(depth, fact[1])
            if not fact[0]:
                return FALSE, depth
        return conjunction(*rest) if depth else predicate, depth

    def _known_alternative(self, predicate: Scalar) -> tuple[Scalar, int]:
        """What is left of a disjunction: one part that holds is enough."""
        depth, rest = 0, []
        for part in predicate.children:
            left, rests_on = self._known(part)
            if left is TRUE:
                return TRUE, rests_on
            depth = max(depth, rests_on)
            if left is not FALSE:
                rest.append(left)
        return disjunction(*rest) if depth else predicate, depth

    def _guard_needs(self, node: Guard) -> Sequence[Scalar]:
        predicate, _ = self._known(node.predicate)
        if predicate is FALSE:
            return ()
        if predicate is TRUE:
            return (node.body,)
        return (predicate, node.body) if self.is_safe(node.body) else (predicate,)

    def _guard(self, node: Guard) -> Value:
        predicate, rests_on = self._known(node.predicate)
        zero = literal(0, node.dtype)
        if predicate is FALSE:
            result = zero
        elif predicate is TRUE:
            result = self._values[node.body]
        else:
            holds = self.convert(self._values[predicate], BOOL)
            if node.body in self._values:
                result = self.select(holds, self._values[node.body], zero)
            else:
                result = self.guarded_value(holds, node.body, zero)[0]
        return replace(result, depth=max(result.depth, rests_on))

    def guarded_value(self, holds: Value, body: Scalar, otherwise: Value) -> list[Value]:
        """The body, evaluated only where the predicate holds."""
        if holds.literal is not None:
            return [self.value(body) if holds.literal else otherwise]
        if holds.lanes > 1 or holds.step is not None:
            raise VectorisationRefused
        wide = self.vector if self.lanes > 1 else lambda value: value
        return self.builder.branch(holds, lambda: [wide(self.value(body))], [wide(otherwise)])

    def is_safe(self, scalar: Scalar, extents: tuple[Extent, ...] | None = None) -> bool:
        """Whether evaluating the scalar is harmless anywhere in the loops: every load is shown to be in range."""
        if isinstance(scalar, Number | Index | Size):
            return True
        extents = tuple(self.extents) if extents is None else extents
        key = (scalar, extents)
        known = self._safe.get(key)
        if known is None:
            known = self._safe[key] = is_harmless(scalar, extents)
        return known

    # ------------------------------------------------------------ loads

    def _flat(self, node: Load) -> tuple[Along, ...] | None:
        """A load of a whole buffer by joined axes."""
        if node not in self._flats:
            storage = self._storage.get(node.tensor)
            whole = storage is not None and None not in storage.strides
            gathered = any(_is_gathered(position) for position in node.indices)
            self._flats[node] = flattened(node) if whole and not gathered else None
        return self._flats[node]

    def _load_flat(self, node: Load, flat: tuple[Along, ...]) -> Value:
        strides = self._storage[node.tensor].strides
        offset = literal(0, INT64)
        for position, axis in flat:
            stride = strides[axis]
            assert stride is not None
            offset = self.add(offset, self.multiply(self.convert(self._values[position], INT64), stride))
        return self._read_at(node, self._storage[node.tensor].pointer, offset)

    def _read_at(self, node: Load, pointer: Value, offset: Value) -> Value:
        depth = max(self.builder.barrier, offset.depth, pointer.depth, self.written_depth(pointer))
        return self.read(pointer, offset, node.dtype, depth)

    def _load(self, node: Load) -> Value:
        flat = self._flat(node)
        if flat is not None:
            return self._load_flat(node, flat)
        indices = [self.convert(self._values[i], INT64) for i in node.indices]
        key = (node.tensor, tuple(i.text for i in indices), self.lanes if any(varies(i) for i in indices) else 1)
        known = self._elements.get(key) or self._elements.get((*key[:2], self.lanes))
        if known is not None:
            return known
        indices = [
            self._checked(value, self.extent(extent), literal(axis, INT64))
            if _is_gathered(place) and not is_position(place, extent)
            else value
            for axis, (value, place, extent) in enumerate(zip(indices, node.indices, node.tensor.shape, strict=True))
        ]
        pointer, offset = self.address(node.tensor, indices)
        value = self._read_at(node, pointer, offset)
        self.builder.remember(self._elements, key, value, value.depth)
        return value

    def _emit_position(self, node: Apply) -> Value:
        """Where an index points, as NumPy counts, after the test that NumPy would make."""
        given, extent, axis = (self.convert(self._values[child], INT64) for child in node.args)
        behind = self.compare("less", given, literal(0, INT64))
        return self._checked(self.select(behind, self.add(given, extent), given), extent, axis, given)

    def _checked(self, position: Value, extent: Value, axis: Value, given: Value | None = None) -> Value:
        """A gathered index, after the test that NumPy would make; ``given`` is the index as it is told."""
        if varies(position):
            return self._checked_lanes(self.vector(position), extent, axis, self.vector(given or position))
        depth = max(self.builder.barrier, position.depth, extent.depth)
        outside = Value(self.builder.instruction(f"icmp uge i64 {position.text}, {extent.text}", depth), BOOL, depth)
        self.builder.fail(outside, [given or position, extent, axis], 1, self.status_slot, depth)
        return position

    def _checked_lanes(self, position: Value, extent: Value, axis: Value, given: Value) -> Value:
        """Gathered indices, one per lane: the first that is out of range is told."""
        builder, wide = self.builder, self.vector(extent)
        depth = max(builder.barrier, position.depth, wide.depth)
        key = ("checked", position.text, extent.text)
        if key not in self._elements:
            text = f"icmp uge {position.type} {position.text}, {wide.text}"
            outside = Value(builder.instruction(text, depth), BOOL, depth, self.lanes)
            if self.active is not None:
                outside = self.both(outside, self.active)
                depth = max(depth, self.active.depth)
            bits = builder.instruction(f"bitcast {outside.type} {outside.text} to i{self.lanes}", depth)
            some = Value(builder.instruction(f"icmp ne i{self.lanes} {bits}, 0", depth), BOOL, depth)
            lane, which = builder.fresh("lane"), builder.fresh("which")
            builder.module.declare(f"llvm.cttz.i{self.lanes}", f"i{self.lanes}", [f"i{self.lanes}", "i1 immarg"])
            first = [
                f"  %{lane} = call i{self.lanes} @llvm.cttz.i{self.lanes}(i{self.lanes} {bits}, i1 true)",
                f"  %{which} = extractelement {given.type} {given.text}, i{self.lanes} %{lane}",
            ]
            told = [Value(f"%{which}", INT64, depth), extent, axis]
            builder.fail(some, told, 1, self.status_slot, depth, before=first)
            builder.remember(self._elements, key, position, depth)
        return position


def is_position(place: Scalar, extent: Extent) -> bool:
    """Whether an index is in range of the extent because evaluating it tests that."""
    return is_apply(place, "position") and place.children[1] is extent_scalar(extent)


def _is_gathered(position: Scalar) -> bool:
    return has_loads(position)


def _nearest_float(value: Any) -> float:
    return value.numerator / value.denominator if isinstance(value, Fraction) else float(value)
