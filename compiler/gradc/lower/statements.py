"""A Compute as a statement of the loop tree: which kind it is, and in which order its axes become loops."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod

from gradc.errors import CompileError
from gradc.ir.algebra import Substitution, conjunction, from_linear, is_index_predicate, linear_terms
from gradc.ir.scalar import TRUE, Guard, Index, Scalar, index, is_apply, is_number, number
from gradc.ir.tensor import Compute
from gradc.ir.walk import free_indices, loads_of, post_order
from gradc.lower.contractions import as_matrix_product
from gradc.lower.text import is_lowerable
from gradc.lower.tree import Statement

#: Results of at most this many entries are accumulated in registers, entry by entry.
SMALL_RESULT = 16
#: ... unless their bodies together have more nodes than this.
LARGEST_EXPANSION = 1000
_SCANNED = ("sum", "prod", "max", "min")


def statements_of(tensor: Compute) -> list[Statement]:
    """How ``tensor`` is computed: one statement, or one per entry of a small result of a long reduction."""
    for dtype in (tensor.dtype, tensor.body.dtype):
        if not is_lowerable(dtype):
            raise CompileError(f"arrays of {dtype} are not lowered to machine code yet; use float64 or float32")
    if tensor.reducer is None:
        return [_in_order(tensor, "map", range(tensor.rank))]
    special = _running(tensor) or _scatter(tensor) or _blas(tensor)
    if special is not None:
        return [special]
    if _is_small_result(tensor):
        return _entry_by_entry(tensor)
    order, kind = _preferred_order(tensor)
    return [_in_order(tensor, kind, order)]


def _in_order(tensor: Compute, kind: str, order: Sequence[int]) -> Statement:
    """The statement whose loop at depth d runs over axis ``order[d]``."""
    depth_of = {axis: depth for depth, axis in enumerate(order)}
    renaming: dict[Scalar, Scalar] = {index(axis): index(depth) for axis, depth in depth_of.items() if axis != depth}
    rename = Substitution(renaming) if renaming else None
    reduces = [depth for axis, depth in depth_of.items() if axis >= tensor.rank]
    return Statement(
        tensor,
        kind,
        tuple(tensor.extents[axis] for axis in order),
        tuple(index(depth_of[axis]) for axis in range(tensor.rank)),
        rename(tensor.body) if rename else tensor.body,
        rename(tensor.domain) if rename else tensor.domain,
        min(reduces, default=len(order)),
    )


def _blas(tensor: Compute) -> Statement | None:
    product_ = as_matrix_product(tensor)
    if product_ is None:
        return None
    count = len(product_.batch)
    return Statement(
        tensor,
        "blas",
        tensor.shape[:count],
        tuple(index(axis) if axis < count else number(0) for axis in range(tensor.rank)),
        tensor.body,
        TRUE,
        count,
        product=product_,
    )


# ---------------------------------------------------------------- small results


def _is_small_result(tensor: Compute) -> bool:
    """A few accumulators in registers beat a loop around, or inside, a long reduction."""
    if not tensor.rank or not all(isinstance(e, int) for e in tensor.shape):
        return False
    entries = prod(e for e in tensor.shape if isinstance(e, int))
    long = any(not isinstance(e, int) or e > SMALL_RESULT for e in tensor.reduce_extents)
    return 0 < entries <= SMALL_RESULT and long and len(post_order([tensor.body])) * entries <= LARGEST_EXPANSION


def _entry_by_entry(tensor: Compute) -> list[Statement]:
    ranges = [range(e) for e in tensor.shape if isinstance(e, int)]
    result = []
    for entry in product(*ranges):
        renaming: dict[Scalar, Scalar] = {index(axis): number(position) for axis, position in enumerate(entry)}
        renaming |= {index(tensor.rank + k): index(k) for k in range(len(tensor.reduce_extents))}
        rename = Substitution(renaming)
        target = tuple(number(position) for position in entry)
        body, domain = rename(tensor.body), rename(tensor.domain)
        result.append(Statement(tensor, "reduce", tensor.reduce_extents, target, body, domain, 0))
    return result


# ---------------------------------------------------------------- the order of loops


def _preferred_order(tensor: Compute) -> tuple[list[int], str]:
    """Output axes around reduce axes; a sum whose entries lie along its last output axis has that innermost instead."""
    axes = list(range(len(tensor.extents)))
    if tensor.reducer != "sum" or not tensor.rank:
        return axes, "reduce"
    inner, last = axes[-1], tensor.rank - 1
    if all(isinstance(e, int) and e <= SMALL_RESULT for e in (tensor.shape[last], *tensor.reduce_extents)):
        return axes, "reduce"  # unrolled: all in registers
    if _contiguity(tensor, inner) >= 0 or _contiguity(tensor, last) <= 0:
        return axes, "reduce"
    return [*axes[:last], *axes[tensor.rank :], last], "accumulate"


def _contiguity(tensor: Compute, axis: int) -> int:
    """How many loads a loop over the axis walks along; -1 where it strides through any."""
    along = 0
    position = index(axis)
    for item in loads_of(tensor.body):
        for place, at in enumerate(item.indices):
            if position in post_order([at]):
                if place != len(item.indices) - 1 or at is not position:
                    return -1
                along += 1
    return along


# ---------------------------------------------------------------- scatter


def _scatter(tensor: Compute) -> Statement | None:
    """``sum_i [a = idx[i]] v[i]``: an output axis that a bracket fixes by a gather becomes the place to add to."""
    if tensor.reducer != "sum" or not isinstance(tensor.body, Guard):
        return None
    predicate, body = tensor.body.predicate, tensor.body.body
    solved: dict[int, Scalar] = {}
    rest: list[Scalar] = []
    for part in predicate.children if is_apply(predicate, "and") else (predicate,):
        found = _solved_axis(part, tensor.rank, solved)
        if found is None:
            rest.append(part)
        else:
            solved[found[0]] = found[1]
    if not solved:
        return None
    order = [*range(tensor.rank, len(tensor.extents)), *(a for a in range(tensor.rank) if a not in solved)]
    substitution: dict[Scalar, Scalar] = {index(a): e for a, e in solved.items()}
    fill = Substitution(substitution)
    rename = Substitution({index(a): index(d) for d, a in enumerate(order)})
    target = tuple(rename(solved.get(a, index(a))) for a in range(tensor.rank))
    return Statement(
        tensor,
        "accumulate",
        tuple(tensor.extents[a] for a in order),
        target,
        rename(fill(body)),
        rename(conjunction(fill(tensor.domain), *map(fill, rest))),
        0,
        guarded=True,
    )


def _solved_axis(predicate: Scalar, rank: int, solved: dict[int, Scalar]) -> tuple[int, Scalar] | None:
    """``a = e`` from ``a - e = 0`` where e gathers and holds no output axis."""
    if not is_index_predicate(predicate) or not is_apply(predicate, "equal"):
        return None
    terms, shift = linear_terms(predicate.children[0])
    own = [atom for atom in terms if isinstance(atom, Index) and atom.position < rank]
    if len(own) != 1 or abs(terms[own[0]]) != 1 or own[0].position in solved:
        return None
    others = {atom: c for atom, c in terms.items() if atom is not own[0]}
    if min(free_indices(*others), default=-1) < rank or not loads_of(*others):
        return None
    sign = -terms[own[0]]
    return own[0].position, from_linear({atom: sign * c for atom, c in others.items()}, sign * shift)


# ---------------------------------------------------------------- running reductions


def _running(tensor: Compute) -> Statement | None:
    """A reduction over ``k <= i``, ``k < i``, ``k >= i`` or ``k > i`` of a body without i: one running value."""
    if tensor.reducer not in _SCANNED or len(tensor.reduce_extents) != 1 or not is_apply(tensor.domain, "less_equal"):
        return None
    expression, zero = tensor.domain.children
    terms, shift = linear_terms(expression)
    k = tensor.rank
    if not is_number(zero, 0) or len(terms) != 2 or not all(isinstance(atom, Index) for atom in terms):
        return None
    coefficients = {atom.position: c for atom, c in terms.items()}  # type: ignore[attr-defined]
    axis = next((a for a in coefficients if a != k), None)
    if axis is None or k not in coefficients or coefficients[k] + coefficients[axis] != 0 or abs(coefficients[k]) != 1:
        return None
    if shift not in (0, 1) or axis in free_indices(tensor.body) or tensor.shape[axis] != tensor.reduce_extents[0]:
        return None
    outer = [a for a in range(tensor.rank) if a != axis]
    depth_of = {a: d for d, a in enumerate([*outer, axis])}
    renaming: dict[Scalar, Scalar] = {index(a): index(d) for a, d in depth_of.items()}
    rename = Substitution(renaming | {index(k): index(tensor.rank - 1)})
    return Statement(
        tensor,
        "scan",
        tuple(tensor.shape[a] for a in [*outer, axis]),
        tuple(index(depth_of[a]) for a in range(tensor.rank)),
        rename(tensor.body),
        TRUE,
        tensor.rank - 1,
        inclusive=shift == 0,
        descending=coefficients[k] < 0,
    )
