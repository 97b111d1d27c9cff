"""Which loops run on vectors, and how wide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gradc.ir.scalar import TRUE, Apply, Guard, Index, Load, Scalar, index
from gradc.ir.tensor import Extent, Tensor
from gradc.ir.walk import free_indices, loads_of, post_order
from gradc.lower.mathematics import is_inline
from gradc.lower.powers import small_power
from gradc.lower.text import Value
from gradc.lower.tree import Item, Nest, Statement, statements
from gradc.ops.loops import Loop

#: Plain additions per accumulator before a block's sum goes to a compensated total.
ADDITIONS = 32
#: Reducers whose result doesn't depend on the order, and sums, which may be reassociated.
_ACROSS_LANES = ("sum", "max", "min", "any", "all")
#: Ops of at least this cost call the C library.
_CALL_COST = 16
#: Bodies of more operations are not written once per row of a square.
LIGHTEST = 24
#: A body of more work is written once, masked: its code costs more to compile than masks cost to run.
WRITTEN_ONCE = 80.0
#: ... where registers are this wide: there masks are registers of their own, and cost next to nothing.
MASKED_BITS = 512


@dataclass(frozen=True)
class Ranged:
    """A loop over part of its axis, with the reductions it carries."""

    nest: Nest
    carried: list[Statement]
    scans: list[Statement]
    lower: Value
    upper: Value
    innermost: bool
    nonempty: bool = False
    #: predicates that are settled on this part
    facts: tuple[tuple[Scalar, bool], ...] = ()
    #: whether vectors are worth their code here
    main: bool = True
    #: how many iterations there are at least, chunks and blocks put together
    room: int = 0
    #: whether the first iteration's entry of a streamed result begins a vector's worth of memory
    aligned: bool = False


def vector_plan(ranged: Ranged, vector_bits: int) -> tuple[int, int]:
    """Lanes, and copies of the body per turn; (1, 1) for a loop that runs one by one.

    No copies: every vector is masked as the last one must be, and the body is written once only.
    """
    nest = ranged.nest
    if not ranged.innermost or not ranged.main:
        return 1, 1
    why_not, width, weight = _examined(nest)
    if why_not:
        return 1, 1
    lanes = vector_bits // (8 * width)
    extent = nest.extent
    if nest.whole and isinstance(extent, int) and lanes > 1 and extent % lanes == 0:
        return lanes, extent // lanes
    if isinstance(extent, int) and _is_short(extent, lanes):
        return 1, 1
    return lanes, _copies(extent, lanes, weight, bool(ranged.carried), vector_bits)


def obstacle(nest: Nest, vector_bits: int) -> str:
    """Why the iterations of an innermost loop run one by one; empty where nothing is in the way of vectors."""
    why_not, width, _ = _examined(nest)
    if not why_not and isinstance(nest.extent, int) and _is_short(nest.extent, vector_bits // (8 * width)):
        return "the loop is short"
    return why_not


def is_vector_code(nest: Nest) -> bool:
    """Whether nothing is in the way of vectors in an innermost loop."""
    return not _examined(nest)[0]


def _examined(nest: Nest) -> tuple[str, int, float]:
    """What is in the way of vectors; the bytes of the widest number; the work of an iteration."""
    if nest.descending:
        return "it runs backwards", 8, 0.0
    width, weight = 4, 0.0
    for statement, times in _repeated(nest.items):
        why_not = _order_matters(statement, nest)
        if why_not:
            return why_not, 8, 0.0
        for node in post_order([statement.body, statement.domain]):
            if isinstance(node, Load):
                width = max(width, node.dtype.itemsize)
            elif isinstance(node, Apply):
                if _is_library_call(node):
                    return f"{node.op.name} is a call of the C library", 8, 0.0
                weight += times * max(node.op.cost, 1.0)
                if node.dtype.kind == "f":
                    width = max(width, node.dtype.itemsize)
        width = max(width, statement.tensor.dtype.itemsize)
    return "", width, weight


def _is_short(extent: int, lanes: int) -> bool:
    return 2 * extent < lanes


def _copies(extent: Extent, lanes: int, weight: float, reduces: bool, vector_bits: int) -> int:
    """How many vectors per turn: enough to hide the latency of short bodies, few enough for the length of the loop."""
    copies = 1 if weight > 40 else 4 if reduces else 2
    if weight > WRITTEN_ONCE and vector_bits >= MASKED_BITS:
        return 0
    while isinstance(extent, int) and copies > 1 and extent < 2 * lanes * copies:
        copies //= 2
    return 0 if isinstance(extent, int) and extent < 2 * lanes and extent % lanes else copies


def may_go_back(ranged: Ranged, lanes: int, buffer_of: Callable[[Tensor], str]) -> bool:
    """Whether the last vector of the loop may begin earlier, among iterations that were done, and do them again.

    Nothing is added to memory, and nothing is written over what is read.
    """
    inside = list(statements(ranged.nest.items))
    if ranged.room < lanes or any(s.kind not in ("map", "reduce") for s in inside):
        return False
    written = {buffer_of(s.tensor): s.tensor for s in inside if s.stored}
    read = {tensor for s in inside for tensor in s.reads}
    return all(written.get(buffer_of(tensor), tensor) is tensor for tensor in read)


def is_strided(nest: Nest) -> bool:
    """Whether some lanes read or write apart from each other."""
    own = index(nest.depth)
    for statement in statements(nest.items):
        for place in _places(statement):
            for position, at in enumerate(place):
                if nest.depth in free_indices(at) and (at is not own or position != len(place) - 1):
                    return True
    return False


def transposed_loop(ranged: Ranged) -> Nest | None:
    """The only loop inside, where a light body walks along memory in this loop at one place and in that at another."""
    nest = ranged.nest
    inner = nest.items[0] if len(nest.items) == 1 else None
    if not isinstance(inner, Nest) or inner.unrolled or nest.descending or inner.descending or ranged.facts:
        return None
    inside = [item for item in inner.items if isinstance(item, Statement)]
    if len(inside) < len(inner.items) or any(s.kind != "map" or s.domain is not TRUE for s in inside):
        return None
    if sum(s.weight for s in inside) > LIGHTEST or any(isinstance(n, Guard) for s in inside for n in s.nodes):
        return None
    walks = {place[-1] for s in inside for place in _places(s) if place and nest.depth in free_indices(*place)}
    return inner if index(nest.depth) in walks and index(inner.depth) in walks else None


def _places(statement: Statement) -> list[tuple[Scalar, ...]]:
    """Where the statement reads and writes."""
    return [statement.target, *(item.indices for item in loads_of(statement.body, statement.domain))]


def _repeated(items: Sequence[Item], times: int = 1) -> Iterator[tuple[Statement, int]]:
    """The statements, with how often unrolled loops write them."""
    for item in items:
        if isinstance(item, Statement):
            yield item, times
        else:
            yield from _repeated(item.items, times * (item.extent if isinstance(item.extent, int) else 1))


def _order_matters(statement: Statement, nest: Nest) -> str:
    """Why a statement needs the iterations of the loop one after the other; empty where it does not."""
    reducer = statement.tensor.reducer
    if statement.kind == "scan":
        return f"a running {reducer} goes in order"
    if statement.kind == "product":
        return "a matrix product is called in it"
    if statement.kind == "library":
        return "what it calls takes one at a time"
    if statement.kind == "accumulate" and not _adds_along(statement, nest.depth):
        return "iterations may add to the same entry"
    carried = statement.kind == "reduce" and statement.first_reduce <= nest.depth
    return f"{reducer} goes in order" if carried and reducer not in _ACROSS_LANES else ""


def _adds_along(statement: Statement, depth: int) -> bool:
    """Whether the lanes of the loop at ``depth`` add to entries of their own, cleared before it."""
    cleared = statement.first_reduce <= depth
    return cleared and any(isinstance(place, Index) and place.position == depth for place in statement.target)


def _is_library_call(node: Apply) -> bool:
    """Calls of the C library take one number: around them vectors only add traffic."""
    lower = node.op.lower
    if isinstance(lower, Loop):
        return False  # it takes any number of operands
    if isinstance(lower, str):
        return lower.startswith("libm.") and not is_inline(lower.removeprefix("libm."), node.dtype)
    # what the rest calls (exp, log, log1p, pow) is inline together
    return node.op.cost >= _CALL_COST and small_power(node) is None and not is_inline("pow", node.dtype)


def block_length(lanes: int, copies: int) -> int:
    """Iterations whose plain partial sums are exact enough: each accumulator sees `ADDITIONS` of them."""
    return ADDITIONS * lanes * max(copies, 1)
