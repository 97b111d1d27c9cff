"""Inlining: comprehensions without a reduction become part of what reads them.

Views (a body that is one load), literals and bodies of a few cheap operations always; others only into their single
reader, when that evaluates them no more often than they have entries. What several readers share stays a node: fusion
computes it once in the loop of its readers. Nothing is inlined into a matrix product, but for views.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gradc.ir.algebra import linear_terms, reindexed
from gradc.ir.bounds import tidy_indices
from gradc.ir.scalar import DIVISIONS, Apply, Guard, Index, Load, Number, Scalar, index, is_apply, load
from gradc.ir.tensor import Compute, Graph, Tensor
from gradc.ir.walk import free_indices, loads_of, operands_of, post_order
from gradc.lower.contractions import is_matrix_product
from gradc.lower.rewrite import rewritten, with_body

#: The summed cost of a body that may be computed again by each reader.
CHEAP = 3.0
#: The summed cost of a body that is worth a buffer to compute it once.
COSTLY = 16.0
#: A body doesn't grow beyond this many nodes by inlining.
LARGEST_BODY = 400


@dataclass
class _Uses:
    """Who reads a tensor, and at which indices."""

    readers: dict[Compute, set[tuple[Scalar, ...]]] = field(default_factory=dict)


def inline(graph: Graph, tensors: Sequence[Tensor]) -> Graph:
    """The graph with comprehensions inlined where that costs nothing."""
    candidates = {t for t in tensors if isinstance(t, Compute) and t.rank and t.reducer is None}
    uses = _uses_of(tensors, candidates)
    outputs = set(graph.outputs)
    replaced: dict[Tensor, Tensor] = {}
    open_: dict[Tensor, Compute] = {}
    for tensor in tensors:
        if not isinstance(tensor, Compute):
            replaced[tensor] = tensor
            continue
        new = _rewritten(tensor, replaced, open_)
        replaced[tensor] = new
        literal = new.reducer is None and isinstance(new.body, Number)
        if literal or (tensor in candidates and _may_inline(new, uses.get(tensor, _Uses()), tensor in outputs)):
            open_[tensor] = new
    results = tuple(replaced[t] for t in graph.outputs)
    return graph if results == graph.outputs else Graph(graph.inputs, results)


def _uses_of(tensors: Sequence[Tensor], candidates: set[Compute]) -> dict[Tensor, _Uses]:
    uses: dict[Tensor, _Uses] = {}
    for tensor in tensors:
        if isinstance(tensor, Compute) and any(t in candidates for t in operands_of(tensor)):
            for item in loads_of(tensor.body, tensor.domain):
                uses.setdefault(item.tensor, _Uses()).readers.setdefault(tensor, set()).add(item.indices)
    return uses


def _may_inline(new: Compute, uses: _Uses, is_output: bool) -> bool:
    if new.reducer is not None:
        return False
    if is_view(new.body):
        return True
    if any(is_matrix_product(reader) for reader in uses.readers):
        return False
    nodes = post_order([new.body])
    if len(nodes) > LARGEST_BODY:
        return False
    if sum(n.op.cost for n in nodes if isinstance(n, Apply) and n.dtype.kind in "fc") <= CHEAP and not _has_guard(
        nodes
    ):
        return True
    if is_output or len(uses.readers) != 1:
        return False
    ((reader, indices),) = uses.readers.items()
    return len(indices) == 1 and _covers(next(iter(indices)), reader)


def _has_guard(nodes: Sequence[Scalar]) -> bool:
    return any(isinstance(node, Guard) for node in nodes)


def _covers(indices: Sequence[Scalar], reader: Compute) -> bool:
    """Whether the reader visits each entry once: its indices are its axes, each once, perhaps shifted."""
    seen: list[int] = []
    for position in indices:
        axes = [
            atom.position for atom, c in linear_terms(position)[0].items() if isinstance(atom, Index) and abs(c) == 1
        ]
        if len(axes) != 1 or any(isinstance(n, Load) or is_apply(n, "mod") for n in post_order([position])):
            return False
        seen += axes
    return sorted(seen) == list(range(len(reader.extents)))


def is_view(body: Scalar) -> bool:
    """A body that only says where to look, or a literal."""
    return isinstance(body, Load | Number | Index)


def _rewritten(tensor: Compute, replaced: dict[Tensor, Tensor], open_: dict[Tensor, Compute]) -> Compute:
    """The comprehension over the rewritten tensors, with the open ones' bodies in place of their loads."""
    operands = [t for t in operands_of(tensor) if isinstance(t, Tensor)]
    if all(replaced[t] is t and t not in open_ for t in operands):
        return tensor
    grew = False

    def rule(node: Scalar, children: Sequence[Scalar]) -> Scalar | None:
        nonlocal grew
        if not isinstance(node, Load):
            return None
        source = open_.get(node.tensor)
        if source is None or not _fits(source, tensor):
            return load(replaced[node.tensor], children)
        grew = True
        return reindexed(source.body, children)

    new = rewritten(tensor, rule)
    if grew and _has_divisions(new.body):
        new = with_body(new, tidy_indices(new.body, new.extents), new.domain)
    return new


def _fits(body: Compute, reader: Compute) -> bool:
    """Whether an open body may go into this reader: a matrix product stays one."""
    if not is_matrix_product(reader) or isinstance(body.body, Number):
        return True
    return (
        isinstance(body.body, Load)
        and sorted(free_indices(*body.body.indices)) == list(range(body.rank))
        and all(isinstance(position, Index) for position in body.body.indices)
    )


def reuse(graph: Graph, tensors: Sequence[Tensor]) -> Graph:
    """Costly subexpressions that are the body of another comprehension read its result instead."""
    known: dict[Scalar, Compute] = {}
    for tensor in tensors:
        if isinstance(tensor, Compute) and tensor.reducer is None and tensor.rank and _is_costly(tensor.body):
            known.setdefault(tensor.body, tensor)
    if not known:
        return graph
    replaced: dict[Tensor, Tensor] = {}
    seen: set[Tensor] = set()
    for tensor in tensors:
        replaced[tensor] = tensor
        if isinstance(tensor, Compute):
            replaced[tensor] = _reading(tensor, replaced, known, seen)
            seen.add(tensor)
    results = tuple(replaced[t] for t in graph.outputs)
    return graph if results == graph.outputs else Graph(graph.inputs, results)


def _is_costly(body: Scalar) -> bool:
    return isinstance(body, Apply) and sum(n.op.cost for n in post_order([body]) if isinstance(n, Apply)) >= COSTLY


def _reading(
    tensor: Compute, replaced: dict[Tensor, Tensor], known: dict[Scalar, Compute], seen: set[Tensor]
) -> Compute:
    def rule(node: Scalar, children: Sequence[Scalar]) -> Scalar | None:
        source = known.get(node)
        if source is not None and source in seen and tensor.extents[: source.rank] == source.shape:
            return load(replaced[source], [index(k) for k in range(source.rank)])
        return load(replaced[node.tensor], children) if isinstance(node, Load) else None

    return rewritten(tensor, rule)


def _has_divisions(body: Scalar) -> bool:
    return bool(body.holds & DIVISIONS)
