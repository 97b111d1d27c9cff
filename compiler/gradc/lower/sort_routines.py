"""Routines that sort and search.

A number is compared by its *key*, an unsigned integer with the same order: floats have their bits flipped so that they
count upwards, NaN is the largest key, and -0.0 has the key of 0.0.

A short row is sorted by counting, for each key, how many come before it: nothing depends on how the keys lie, and lanes
count side by side. A longer one is sorted by its digits, bytes from the last to the first; each pass puts (key, position)
in the order of one digit and keeps the order it finds among equals, and a pass where all digits agree is left out. So the
time grows with the length of the row, and equal keys stay in order.
"""

from __future__ import annotations

from gradc.ir.scalar import BOOL, INT64, DType
from gradc.lower.masked import read_lanes
from gradc.lower.module import Module
from gradc.lower.routine import Routine
from gradc.lower.text import ONE, ZERO, Value, literal, memory_type
from gradc_runtime.engine import Host

#: Rows of int64, of the length of a row, that sorting one row needs: two arrays of (key, position).
SCRATCH_ROWS = 4
#: Rows of at most so many keys are sorted by counting.
SHORT = 96
#: Bytes of a digit's counters, and how many values a digit has.
_DIGIT_BITS, _DIGIT_VALUES = 8, 256
_PAIR_BYTES = 16


def argsort_routine(module: Module, dtype: DType, host: Host) -> str:
    """The name of ``void name(keys, n, order, scratch)``, which is added to the module once."""
    name = f"gradc_argsort_{dtype.str[1:]}"
    if not module.has_helper(name):
        module.helper(name, _Argsort(module, name, dtype, host).text())
    return name


def searchsorted_routine(module: Module, dtype: DType, side: str, host: Host) -> str:
    """The name of ``void name(edges, n, values, m, places)``, which is added to the module once."""
    name = f"gradc_searchsorted_{side}_{dtype.str[1:]}"
    if not module.has_helper(name):
        module.helper(name, _Search(module, name, dtype, side, host).text())
    return name


def _register(r: Routine, text: str) -> Value:
    return Value(r.instruction(text, r.depth), INT64, r.depth)


def _flag(r: Routine, text: str) -> Value:
    return Value(r.instruction(text, r.depth), BOOL, r.depth)


def _loaded(r: Routine, where: str) -> Value:
    return _register(r, f"load i64, ptr {where}, align 8")


def _stored(r: Routine, value: Value, where: str) -> None:
    r.line(f"store i64 {value.text}, ptr {where}, align 8")


def _place(r: Routine, base: str, position: Value, size: int = 8) -> str:
    """The address of an entry of so many bytes."""
    return r.instruction(f"getelementptr [{size} x i8], ptr {base}, i64 {position.text}", r.depth)


def _key_at(r: Routine, base: str, position: Value, dtype: DType) -> Value:
    """The key of an entry of an array."""
    where = _place(r, base, position, dtype.itemsize)
    text = r.instruction(f"load {memory_type(dtype)}, ptr {where}, align {dtype.itemsize}", r.depth)
    return _key(r, text, dtype, 1)


def _key(r: Routine, value: str, dtype: DType, lanes: int) -> Value:
    """The key of a number, or of one in each lane, as it lies in memory: 64 bits."""
    kind, bits = memory_type(dtype, lanes), 8 * dtype.itemsize
    word = _vector(f"i{bits}", lanes)
    top = -(1 << (bits - 1))

    def each(number: int) -> str:
        """The same literal in every lane."""
        return str(number) if lanes == 1 else f"<{', '.join([f'i{bits} {number}'] * lanes)}>"

    def instruction(text: str) -> str:
        return r.instruction(text, r.depth)

    if dtype.kind == "f":
        positive = instruction(f"fadd {kind} {value}, {'0.0' if lanes == 1 else 'zeroinitializer'}")  # -0.0 becomes 0.0
        raw = instruction(f"bitcast {kind} {positive} to {word}")
        sign = instruction(f"ashr {word} {raw}, {each(bits - 1)}")
        flipped = instruction(f"or {word} {sign}, {each(top)}")
        key = instruction(f"xor {word} {raw}, {flipped}")
        nan = instruction(f"fcmp uno {kind} {value}, {value}")
        key = instruction(f"select {_vector('i1', lanes)} {nan}, {word} {each(-1)}, {word} {key}")
    else:
        key = instruction(f"xor {word} {value}, {each(top if dtype.kind == 'i' else 0)}")
    if bits < 64:
        key = instruction(f"zext {word} {key} to {_vector('i64', lanes)}")
    return Value(key, INT64, r.depth, lanes)


def _vector(kind: str, lanes: int) -> str:
    return kind if lanes == 1 else f"<{lanes} x {kind}>"


class _Argsort:
    """Writes ``void name(keys, n, order, scratch)``."""

    def __init__(self, module: Module, name: str, dtype: DType, host: Host) -> None:
        arguments = [("ptr", "keys"), ("i64", "n"), ("ptr", "order"), ("ptr", "scratch")]
        self.r = Routine(module, name, arguments, host)
        self.dtype = dtype
        self.lanes = host.vector_bits // 64
        self.n = Value("%n", INT64)

    def text(self) -> str:
        """The routine."""
        r = self.r
        short = _flag(r, f"icmp sle i64 %n, {SHORT}")
        long = _flag(r, f"icmp sgt i64 %n, {SHORT}")
        r.branch(short, self._by_counting, [])
        r.branch(long, self._by_digits, [])
        return r.finished()

    # ------------------------------------------------------------ short rows

    def _by_counting(self) -> list[Value]:
        r, lanes = self.r, self.lanes
        keys = r.on_stack(f"[{SHORT} x i64], align 64")
        whole = r.rounded_up(self.n, lanes)

        def copy(k: Value, _: list[Value]) -> list[Value]:
            _stored(r, _key_at(r, "%keys", k, self.dtype), _place(r, keys, k))
            return []

        def pad(k: Value, _: list[Value]) -> list[Value]:
            _stored(r, literal(-1, INT64), _place(r, keys, k))  # as large as any, and behind all
            return []

        r.loop(ZERO, self.n, [], copy)
        r.loop(self.n, whole, [], pad)

        def rank(i: Value, _: list[Value]) -> list[Value]:
            own = _loaded(r, _place(r, keys, i))
            key, here = r.splat(own, lanes), r.splat(i, lanes)

            def count(j: Value, counted: list[Value]) -> list[Value]:
                return [self._counted(counted[0], keys, j, key, here)]

            (total,) = r.loop(ZERO, whole, [r.vector_zero(INT64, lanes)], count, step=lanes, nonempty=True)
            _stored(r, i, _place(r, "%order", self._sum(total)))
            return []

        r.loop(ZERO, self.n, [], rank)
        return []

    def _counted(self, counted: Value, keys: str, j: Value, key: Value, here: Value) -> Value:
        """The lanes' counts and one more for each key from number j on that comes before ``key``, which is at ``here``."""
        r, lanes = self.r, self.lanes
        kind = f"<{lanes} x i64>"
        others = r.instruction(f"load {kind}, ptr {_place(r, keys, j)}, align 64", r.depth)
        numbers = f"<{', '.join(f'i64 {k}' for k in range(lanes))}>"
        places = r.instruction(f"add {kind} {r.splat(j, lanes).text}, {numbers}", r.depth)
        less = r.instruction(f"icmp ult {kind} {others}, {key.text}", r.depth)
        same = r.instruction(f"icmp eq {kind} {others}, {key.text}", r.depth)
        earlier = r.instruction(f"icmp ult {kind} {places}, {here.text}", r.depth)
        tied = r.instruction(f"and <{lanes} x i1> {same}, {earlier}", r.depth)
        before = r.instruction(f"or <{lanes} x i1> {less}, {tied}", r.depth)
        ones = r.instruction(f"zext <{lanes} x i1> {before} to {kind}", r.depth)
        return Value(r.instruction(f"add {kind} {counted.text}, {ones}", r.depth), INT64, r.depth, lanes)

    def _sum(self, counts: Value) -> Value:
        name = f"llvm.vector.reduce.add.v{self.lanes}i64"
        self.r.module.declare(name, "i64", [counts.type])
        return _register(self.r, f"call i64 @{name}({counts.type} {counts.text})")

    # ------------------------------------------------------------ long rows

    def _by_digits(self) -> list[Value]:
        r, digits = self.r, self.dtype.itemsize
        counters = r.on_stack(f"[{digits * _DIGIT_VALUES} x i64], align 64")
        r.module.declare("llvm.memset.p0.i64", "void", ["ptr", "i8", "i64", "i1 immarg"])
        r.line(f"call void @llvm.memset.p0.i64(ptr {counters}, i8 0, i64 {8 * digits * _DIGIT_VALUES}, i1 false)")

        def begin(i: Value, _: list[Value]) -> list[Value]:
            key = _key_at(r, "%keys", i, self.dtype)
            self._put_pair(i, key, i)
            for digit in range(digits):
                row = literal(digit * _DIGIT_VALUES, INT64)
                where = _place(r, counters, r.add_integers(self._digit(key, literal(digit, INT64)), row))
                _stored(r, r.add_integers(_loaded(r, where), ONE), where)
            return []

        r.loop(ZERO, self.n, [], begin)

        def one_digit(digit: Value, source: list[Value]) -> list[Value]:
            row = _place(r, counters, r.multiply_integers(digit, literal(_DIGIT_VALUES, INT64)))
            first = self._digit(self._pair(source[0])[0], digit)
            alike = _loaded(r, _place(r, row, first))
            differ = _flag(r, f"icmp ne i64 {alike.text}, %n")
            return r.branch(differ, lambda: [self._pass(digit, row, source[0])], source)

        (source,) = r.loop(ZERO, literal(digits, INT64), [ZERO], one_digit)

        def finish(i: Value, _: list[Value]) -> list[Value]:
            _stored(r, self._pair(r.add_integers(source, i))[1], _place(r, "%order", i))
            return []

        r.loop(ZERO, self.n, [], finish)
        return []

    def _digit(self, key: Value, digit: Value) -> Value:
        r = self.r
        if digit.literal == 0:
            return _register(r, f"and i64 {key.text}, {_DIGIT_VALUES - 1}")
        shift = r.multiply_integers(digit, literal(_DIGIT_BITS, INT64))
        moved = _register(r, f"lshr i64 {key.text}, {shift.text}")
        return _register(r, f"and i64 {moved.text}, {_DIGIT_VALUES - 1}")

    def _pair(self, position: Value) -> tuple[Value, Value]:
        """The key and the position that are kept in one place of the scratch."""
        where = _place(self.r, "%scratch", position, _PAIR_BYTES)
        return _loaded(self.r, where), _loaded(self.r, _place(self.r, where, ONE))

    def _put_pair(self, position: Value, key: Value, number: Value) -> None:
        where = _place(self.r, "%scratch", position, _PAIR_BYTES)
        _stored(self.r, key, where)
        _stored(self.r, number, _place(self.r, where, ONE))

    def _pass(self, digit: Value, row: str, source: Value) -> Value:
        """The pairs from number ``source`` of the scratch on, in the order of one digit, in its other half: where that is."""
        r = self.r
        target = r.subtract_integers(self.n, source)

        def begin(value: Value, sofar: list[Value]) -> list[Value]:
            where = _place(r, row, value)
            count = _loaded(r, where)
            _stored(r, sofar[0], where)
            return [r.add_integers(sofar[0], count)]

        r.loop(ZERO, literal(_DIGIT_VALUES, INT64), [target], begin)

        def move(i: Value, _: list[Value]) -> list[Value]:
            key, number = self._pair(r.add_integers(source, i))
            where = _place(r, row, self._digit(key, digit))
            place = _loaded(r, where)
            self._put_pair(place, key, number)
            _stored(r, r.add_integers(place, ONE), where)
            return []

        r.loop(ZERO, self.n, [], move)
        return target


class _Search:
    """Writes ``void name(edges, n, values, m, places)``: every value takes the same number of halvings, lanes side by side."""

    def __init__(self, module: Module, name: str, dtype: DType, side: str, host: Host) -> None:
        arguments = [("ptr", "edges"), ("i64", "n"), ("ptr", "values"), ("i64", "m"), ("ptr", "places")]
        self.r = Routine(module, name, arguments, host)
        self.dtype, self.lanes = dtype, host.vector_bits // 64
        self.before = "ult" if side == "left" else "ule"
        self.kind = f"<{self.lanes} x i64>"

    def text(self) -> str:
        """The routine; among no edges every place is 0."""
        r = self.r
        count = Value("%m", INT64)
        some, none = _flag(r, "icmp sgt i64 %n, 0"), _flag(r, "icmp sle i64 %n, 0")
        r.branch(some, lambda: self._all(count), [])
        r.module.declare("llvm.memset.p0.i64", "void", ["ptr", "i8", "i64", "i1 immarg"])
        size = r.multiply_integers(count, literal(8, INT64))

        def clear() -> list[Value]:
            r.line(f"call void @llvm.memset.p0.i64(ptr %places, i8 0, i64 {size.text}, i1 false)")
            return []

        r.branch(none, clear, [])
        return r.finished()

    def _all(self, count: Value) -> list[Value]:
        r = self.r
        whole = r.rounded_down(count, self.lanes)
        left = r.subtract_integers(count, whole)
        r.module.declare("llvm.ctlz.i64", "i64", ["i64", "i1 immarg"])
        last = r.add_integers(Value("%n", INT64), literal(-1, INT64))
        zeros = _register(r, f"call i64 @llvm.ctlz.i64(i64 {last.text}, i1 false)")
        halvings = r.subtract_integers(literal(64, INT64), zeros)

        def group(first: Value, _: list[Value]) -> list[Value]:
            self._group(first, halvings, None)
            return []

        def rest() -> list[Value]:
            self._group(whole, halvings, r.mask_of(left, self.lanes))
            return []

        r.loop(ZERO, whole, [], group, step=self.lanes)
        r.branch(_flag(r, f"icmp sgt i64 {left.text}, 0"), rest, [])
        return []

    def _group(self, first: Value, halvings: Value, mask: str | None) -> None:
        """The places of the values (of the mask) from one on."""
        r, lanes = self.r, self.lanes
        where = _place(r, "%values", first, self.dtype.itemsize)
        if mask is None:
            kind = memory_type(self.dtype, lanes)
            values = r.instruction(f"load {kind}, ptr {where}, align {self.dtype.itemsize}", r.depth)
        else:
            values = read_lanes(r, where, self.dtype, lanes, mask, r.depth)
        keys = _key(r, values, self.dtype, lanes)

        def halve(_: Value, state: list[Value]) -> list[Value]:
            starts, length = state
            half = _register(r, f"lshr i64 {length.text}, 1")
            probe = self._plus(starts, r.splat(r.add_integers(half, literal(-1, INT64)), lanes))
            moved = self._passed(probe, keys, r.splat(half, lanes))
            return [self._plus(starts, moved), r.subtract_integers(length, half)]

        zeros = r.vector_zero(INT64, lanes)
        starts, _ = r.loop(ZERO, halvings, [zeros, Value("%n", INT64)], halve)
        places = self._plus(starts, self._passed(starts, keys, r.splat(ONE, lanes)))
        r.store_vector(places, _place(r, "%places", first), mask)

    def _plus(self, a: Value, b: Value) -> Value:
        return Value(
            self.r.instruction(f"add {self.kind} {a.text}, {b.text}", self.r.depth), INT64, self.r.depth, self.lanes
        )

    def _passed(self, probe: Value, keys: Value, distance: Value) -> Value:
        """How far to go, for each lane: so far if its value belongs behind the edge that is probed, else not at all."""
        r, lanes = self.r, self.lanes
        pointers = r.instruction(
            f"getelementptr {memory_type(self.dtype)}, ptr %edges, {self.kind} {probe.text}", r.depth
        )
        every = f"<{lanes} x i1> <{', '.join(['i1 true'] * lanes)}>"
        edges = _key(r, read_lanes(r, pointers, self.dtype, lanes, every, r.depth, apart=True), self.dtype, lanes)
        behind = r.instruction(f"icmp {self.before} {self.kind} {edges.text}, {keys.text}", r.depth)
        text = f"select <{lanes} x i1> {behind}, {self.kind} {distance.text}, {self.kind} zeroinitializer"
        return Value(r.instruction(text, r.depth), INT64, r.depth, lanes)
