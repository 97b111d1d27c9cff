"""What the adjoint of a loop's body reads of the forward run: as little as possible, and only the entries that it reads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import prod

from gradc.ir.intern import Node
from gradc.ir.rewrite import replace_tensors
from gradc.ir.scalar import Apply, Load, Number, Scalar, index, load
from gradc.ir.tensor import Compute, MultiNode, Tensor, compute
from gradc.ir.walk import depending, graph_order, loads_of, operands_of, post_order

#: A value of at most this cost per entry is computed again rather than stored at every step.
_LIGHT = 6.0
#: A reduction over at least so many entries is stored even where it could be computed again.
_HEAVY = 16


def residuals(adjoints: Sequence[Tensor], bars: set[Tensor], states: Collection[Tensor]) -> list[Tensor]:
    """What an adjoint reads of the forward run: tensors that depend on states (or what counts as such) and on no cotangent.

    The sweep can have everything else: the step number, sequences, captured tensors. What is light to compute from others
    is computed again.
    """
    carried, swept = depending(adjoints, states), depending(adjoints, bars)
    found: dict[Tensor, None] = {}
    seen: set[Node] = set()
    pending: list[Node] = list(reversed(adjoints))
    while pending:
        node = pending.pop()
        if node in seen or node not in carried:
            continue
        seen.add(node)
        if isinstance(node, Tensor) and node not in swept and not _is_light(node):
            found[node] = None
            continue
        pending.extend(reversed(operands_of(node)))
    return list(found)


def heavy(adjoints: Sequence[Tensor], sequences: Collection[Tensor]) -> list[Tensor]:
    """Reductions of what comes in at each step that cost much more than reading their result."""
    moving = depending(adjoints, sequences)
    return [n for n in graph_order(adjoints) if n in moving and isinstance(n, Compute) and _work(n) >= _HEAVY]


def _work(node: Compute) -> float:
    return prod(float(e) if isinstance(e, int) else _ANY for e in node.reduce_extents)


def _is_light(tensor: Tensor) -> bool:
    """Whether computing an entry again costs about as much as storing and reading it, and reads no more."""
    if not isinstance(tensor, Compute) or tensor.reducer is not None or len(operands_of(tensor)) > 1:
        return False
    return sum(node.op.cost for node in post_order([tensor.body]) if isinstance(node, Apply)) <= _LIGHT


def narrowed(adjoints: Sequence[Tensor], kept: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], list[Tensor]]:
    """The adjoints with residuals of which they read few entries replaced by those entries; and all residuals.

    An index that is the same all over a read (``y[t - 1]``, ``w[k, :]``) picks a part; a residual of which every read picks
    one is kept in parts. Where these are many, they are joined along the axes that literal numbers pick (``u[k, 1]``,
    ``u[k, 2]``, ... in ``u[k, :]``).
    """
    reads: dict[Tensor, dict[_Picked, None]] = {t: {} for t in kept}
    whole = set(adjoints)
    for node in _readers(adjoints, reads):
        if isinstance(node, Compute):
            for item in loads_of(node.body, node.domain):
                if item.tensor in reads:
                    reads[item.tensor][_picked(item.indices)] = None
        elif isinstance(node, MultiNode):
            whole.update(node.operands)
    parts: dict[Tensor, dict[_Picked, Tensor]] = {}
    for tensor, picks in reads.items():
        own = None if tensor in whole else _parts(tensor, list(picks))
        if own is not None:
            parts[tensor] = own
    if not parts:
        return tuple(adjoints), list(kept)

    def entry(item: Load, indices: Sequence[Scalar]) -> Scalar | None:
        if item.tensor not in parts:
            return None
        own = parts[item.tensor]
        picked = next((p for p in (_picked(item.indices), _joined(_picked(item.indices))) if p in own), None)
        if picked is None:  # below what is kept, where nobody looks
            return None
        fixed = {axis for axis, _ in picked}
        return load(own[picked], [place for axis, place in enumerate(indices) if axis not in fixed])

    left = [t for t in kept if t not in parts]
    adjoints = replace_tensors(adjoints, {t: t for t in left}, entry)
    return adjoints, [*left, *[part for own in parts.values() for part in own.values()]]


def _readers(adjoints: Sequence[Tensor], kept: Collection[Tensor]) -> list[Node]:
    """The nodes below the adjoints, down to what is kept."""
    seen: dict[Node, None] = {}
    pending: list[Node] = list(adjoints)
    while pending:
        node = pending.pop()
        if node not in seen and node not in kept:
            seen[node] = None
            pending.extend(operands_of(node))
    return list(seen)


#: (axis, index) for the axes that an index free of axes picks an entry of
_Picked = tuple[tuple[int, Scalar], ...]
#: A residual that is read at more places is kept whole.
_MOST_PARTS = 8


def _picked(indices: Sequence[Scalar]) -> _Picked:
    return tuple((axis, place) for axis, place in enumerate(indices) if not place.free)


def _joined(picked: _Picked) -> _Picked:
    """What is picked, with all entries along the axes where a literal number picks one."""
    return tuple((axis, place) for axis, place in picked if not isinstance(place, Number))


def _parts(tensor: Tensor, picks: Sequence[_Picked]) -> dict[_Picked, Tensor] | None:
    """The parts of a tensor that these picks together read, if they are few and smaller than the tensor."""
    for chosen in (picks, list(dict.fromkeys(map(_joined, picks)))):
        if chosen and all(chosen) and len(chosen) <= _MOST_PARTS:
            own = {picked: _part(tensor, picked) for picked in chosen}
            if sum(map(_entries, own.values())) < _entries(tensor):
                return own
    return None


def _entries(tensor: Tensor) -> float:
    return prod(float(e) if isinstance(e, int) else _ANY for e in tensor.shape)


#: What a symbolic extent counts as.
_ANY = 1e6


def _part(tensor: Tensor, picked: _Picked) -> Tensor:
    fixed = dict(picked)
    free = [axis for axis in range(tensor.rank) if axis not in fixed]
    places = {axis: index(k) for k, axis in enumerate(free)}
    return compute([tensor.shape[a] for a in free], load(tensor, [{**places, **fixed}[a] for a in range(tensor.rank)]))
