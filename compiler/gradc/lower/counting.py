"""The operations and bytes of a loop tree, group by group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from math import prod
from weakref import WeakKeyDictionary

from gradc.ir.scalar import Apply, Number, Scalar, Size, is_apply, is_number
from gradc.ir.tensor import Compute, Extent, Loop, Tensor
from gradc.ir.walk import free_indices
from gradc.lower.calls import operations_of
from gradc.lower.cost import ASSUMED_EXTENT, STRAIGHT, Cost, Group
from gradc.lower.describe import head_of, names_of
from gradc.lower.fuse import Lifetimes
from gradc.lower.library import CallStatement
from gradc.lower.powers import small_power
from gradc.lower.products import uses_blas
from gradc.lower.subprograms import Follower, StructuredStatement
from gradc.lower.symmetry import is_symmetric
from gradc.lower.tree import Item, Nest, Statement, statements
from gradc.lower.vectors import is_strided, obstacle

#: Ops of at least this cost are polynomials and tables; for float32 they are shorter by this factor.
_FUNCTION, _SINGLE = 15.0, 0.6
#: Statements that do all that a loop would.
_WHOLE = ("product", "library")
#: What a division and a square root count as.
_DIVISION, _ROOT = 4.0, 5.0


def total_flops(functions: Sequence[Sequence[Item]]) -> tuple[float, float]:
    """The floating-point operations of a call: all of them, and those outside of products."""
    counted = [_Operations(items) for items in functions]
    total = sum(operations.flops for operations in counted)
    return total, total - sum(operations.in_products for operations in counted)


def structured_operations(statement: StructuredStatement) -> float:
    """The floating-point operations of a loop, a branch (both sides count) or a kept call."""
    steps = _assumed(statement.node.trip) if isinstance(statement.node, Loop) and statement.node.trip is not None else 1
    return steps * step_operations(statement)


def step_operations(statement: StructuredStatement) -> float:
    """The floating-point operations of all its sub-graphs, once each; of a block where it runs in blocks."""
    known = _step_operations.get(statement)
    if known is None:
        programs = statement.programs if statement.blocks is None else (statement.blocks.program,)
        known = _step_operations[statement] = sum(total_flops([program.items])[0] for program in programs)
    return known


#: What is asked for again at every place that a loop is looked at from.
_step_operations: WeakKeyDictionary[StructuredStatement, float] = WeakKeyDictionary()


def cost_of(
    outputs: Sequence[Tensor],
    functions: Sequence[Sequence[Item]],
    needs: Lifetimes,
    workspace: Extent,
    sizes: Sequence[str],
    vector_bits: int,
) -> Cost:
    """What a call costs; the code of the functions must have been written."""
    names = names_of(functions, outputs)
    groups = tuple(_group(part, names, needs, vector_bits) for items in functions for part in _parts(items))
    kernels = sum(_is_kernel(item) for items in functions for item in items)
    return Cost(
        flops=sum(group.flops for group in groups),
        bytes_moved=sum(group.bytes_moved for group in groups),
        kernels=kernels or 1,
        workspace_bytes=_assumed(workspace),
        groups=groups,
        assumed=tuple(sizes),
    )


def _is_kernel(item: Item) -> bool:
    return isinstance(item, Nest) or (item.kind in _WHOLE and not isinstance(item, Follower))


def _parts(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Each loop and each product on its own; what has no loop together."""
    for straight, part in groupby(items, _is_straight):
        if straight:
            yield list(part)
        else:
            yield from ([item] for item in part if not isinstance(item, Follower))


def _is_straight(item: Item) -> bool:
    return item.unrolled if isinstance(item, Nest) else item.kind not in _WHOLE


def _group(part: list[Item], names: dict[Tensor, str], needs: Lifetimes, vector_bits: int) -> Group:
    inside = list(statements(part))
    operations = _Operations(part)
    traffic = _Traffic(inside, needs)
    made = dict.fromkeys(s.tensor for s in inside if s.tensor in needs.stored)
    itemsize = max((s.tensor.dtype.itemsize for s in inside if s.tensor.dtype.kind == "f"), default=8)
    code = _code_of(operations.main, itemsize, vector_bits)
    (first, *_) = part
    return Group(
        head=STRAIGHT if _is_straight(first) else _head(first, operations.main),
        results=tuple(names[tensor] for tensor in made),
        flops=operations.flops,
        bytes_read=float(traffic.read),
        bytes_written=float(traffic.written),
        itemsize=itemsize,
        lanes=code.lanes,
        obstacle=code.obstacle,
        strided=code.strided,
        shared=isinstance(first, Nest) and first.shared,
    )


def _head(item: Item, main: Item | None) -> str:
    """What the part is, and the product that most of its work is in."""
    if not isinstance(main, Statement) or isinstance(main, StructuredStatement):
        return head_of(item)
    product = head_of(main) + (" by BLAS" if uses_blas(main) else "")
    return product if main is item else f"{head_of(item)}, {product}"


@dataclass(frozen=True)
class _Code:
    lanes: int
    obstacle: str
    strided: bool = False


def _code_of(main: Item | None, itemsize: int, vector_bits: int) -> _Code:
    """How the part runs that most of the work is in."""
    if isinstance(main, StructuredStatement) and main.blocks is not None:
        return _Code(vector_bits // (8 * itemsize), "")
    if isinstance(main, StructuredStatement):
        return _Code(1, "each step needs the one before" if isinstance(main.node, Loop) else "it has no loop")
    if isinstance(main, Statement):
        return _Code(vector_bits // (8 * itemsize), "")
    if main is None:
        return _Code(1, "it has no loop")
    if main.lanes > 1:
        return _Code(main.lanes, "", is_strided(main))
    if any(isinstance(item, Nest) and not item.unrolled for item in main.items):
        return _Code(1, "another loop is in it")
    return _Code(1, obstacle(main, vector_bits) or "lanes can't read or write what it does")


# ---------------------------------------------------------------- operations


@dataclass
class _Scope:
    """A loop, or what is around all loops: what one iteration of it computes, once for all that use it."""

    times: int
    known: set[Scalar] = field(default_factory=set)
    work: float = 0.0


class _Operations:
    """The operations of some items: what doesn't depend on a loop's index is computed outside it."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.flops = 0.0
        self.in_products = 0.0
        #: the loop, without the loops in it, or the product that most of the work is in
        self.main: Item | None = None
        self._most = 0.0
        self._walk(items, [_Scope(1)])

    def _walk(self, items: Sequence[Item], scopes: list[_Scope]) -> None:
        for item in items:
            if isinstance(item, Nest):
                scope = _Scope(scopes[-1].times * _assumed(item.extent))
                self._walk(item.items, [*scopes, scope])
                if item.unrolled:
                    scopes[-1].work += scope.work
                else:
                    self._note(item, scope.work)
            elif item.product is not None:
                self._product(item)
            elif isinstance(item, CallStatement):
                self._call(item)
            elif isinstance(item, StructuredStatement):
                self._structured(item, scopes[-1].times)
            else:
                self._statement(item, scopes)

    def _note(self, item: Item, work: float) -> None:
        if work > self._most:
            self.main, self._most = item, work

    def _statement(self, statement: Statement, scopes: list[_Scope]) -> None:
        for node in statement.nodes:
            if not isinstance(node, Apply) or node.dtype.kind != "f":
                continue
            scope = scopes[min(max(node.free, default=-1) + 1, len(scopes) - 1)]
            if node not in scope.known:
                scope.known.add(node)
                self._add(_operations_of(node), scope)
        own = scopes[-1]
        own.work += own.times  # it moves something
        if statement.tensor.reducer is not None and statement.tensor.dtype.kind == "f":
            self._add(1, own)

    def _add(self, count: float, scope: _Scope) -> None:
        self.flops += count * scope.times
        scope.work += count * scope.times

    def _product(self, statement: Statement) -> None:
        product = statement.product
        assert product is not None
        work = 2.0 * prod(map(_assumed, statement.tensor.extents))
        if is_symmetric(statement) or product.below is not None or product.above is not None:
            work /= 2
        self.flops += work
        self.in_products += work
        self._note(statement, work)

    def _structured(self, statement: StructuredStatement, times: int) -> None:
        work = times * structured_operations(statement)
        self.flops += work
        self._note(statement, work)

    def _call(self, statement: CallStatement) -> None:
        work = operations_of(statement, _assumed)
        self.flops += work
        self.in_products += work
        self._note(statement, work)


def _operations_of(node: Apply) -> float:
    exponent = small_power(node)
    if exponent is not None:
        return _power_operations(exponent)
    if node.op.name not in ("sum", "prod"):
        is_short = node.dtype.itemsize == 4 and node.op.cost >= _FUNCTION
        return node.op.cost * (_SINGLE if is_short else 1.0)
    subtracted = is_apply(node, "prod") and is_number(node.args[0], -1)
    return float(len(node.args) - 1 - subtracted)


def _power_operations(exponent: Fraction) -> float:
    """Squarings and multiplications, a root, a division."""
    whole = abs(exponent.numerator // exponent.denominator)
    multiplications = max(whole.bit_length() + whole.bit_count() - 2, 0)
    return multiplications + _ROOT * (exponent.denominator == 2) + _DIVISION * (exponent < 0)


# ---------------------------------------------------------------- bytes


class _Traffic:
    """What a group reads and writes, each buffer counted once."""

    def __init__(self, inside: Sequence[Statement], needs: Lifetimes) -> None:
        self._needs = needs
        self._own: dict[Tensor, Statement] = {s.tensor: s for s in inside if s.kind == "map"}
        read: dict[Tensor, int] = {}
        written: dict[Tensor, int] = {}
        for statement in inside:
            for tensor, places in statement.reads.items():
                for place in places:
                    read[tensor] = read.get(tensor, 0) + self._entries(statement, tensor, place)
            if statement.tensor in needs.stored:
                is_whole = statement.kind in _WHOLE
                touched = self._size(statement.tensor) if is_whole else _touched(statement, statement.target)
                written[statement.tensor] = written.get(statement.tensor, 0) + touched
        self.read = sum(min(count, self._size(t)) * t.dtype.itemsize for t, count in read.items())
        self.written = sum(min(count, self._size(t)) * t.dtype.itemsize for t, count in written.items())

    def _size(self, tensor: Tensor) -> int:
        kept = self._needs.kept_axes.get(tensor, range(tensor.rank))
        return prod(_assumed(tensor.shape[axis]) for axis in kept)

    def _entries(self, statement: Statement, tensor: Tensor, place: tuple[Scalar, ...]) -> int:
        """How many entries a read touches; none of what is in a register."""
        if isinstance(tensor, Compute) and tensor not in self._needs.stored:
            return 0
        if statement.kind in _WHOLE:
            return self._size(tensor)
        maker = self._own.get(tensor)
        return 0 if maker is not None and maker.target == place else _touched(statement, place)


def _touched(statement: Statement, place: Sequence[Scalar]) -> int:
    """How many entries have such indices, at most: one for each state of the loops that they depend on."""
    free = free_indices(*place) if place else frozenset[int]()
    return prod(_assumed(statement.extents[depth]) for depth in free)


def _assumed(extent: Extent) -> int:
    if isinstance(extent, int):
        return extent
    if isinstance(extent, Size):
        return ASSUMED_EXTENT
    values = [_assumed(part) for part in extent.children]
    if isinstance(extent, Number):
        return int(extent.value)  # type: ignore[arg-type]
    assert isinstance(extent, Apply)
    name = extent.op.name
    if name == "sum":
        return sum(values)
    if name in ("minimum", "maximum"):
        return min(values) if name == "minimum" else max(values)
    if name == "floordiv":
        return values[0] // max(values[1], 1)
    if name == "power":
        return int(values[0] ** values[1])
    return values[0] % max(values[1], 1) if name == "mod" else prod(values)
