"""Patterns: sums of (bracket, coefficient) pairs, how they are recognised, written into consumers, and taken apart."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from itertools import product as cross_product

from gradc.ir.algebra import (
    conjunction,
    is_index_predicate,
    linear_terms,
    product_of,
    reindexed,
    substitute,
    sum_of,
)
from gradc.ir.scalar import (
    GUARDS,
    TRUE,
    Guard,
    Index,
    Load,
    Number,
    Scalar,
    is_apply,
)
from gradc.ir.tensor import Compute, Tensor
from gradc.ir.walk import loads_of, post_order

#: A product of bracketed sums is multiplied out only up to this many terms; beyond it the product is kept whole.
_MOST_TERMS = 512


@dataclass
class Term:
    """``[predicate] value``, over the axes of some iteration space."""

    predicate: Scalar
    value: Scalar


def is_bracket(predicate: Scalar) -> bool:
    """Whether it is an index equation that ties an axis to something; ``[i % 2 = 0]`` only selects."""
    if not is_index_predicate(predicate) or predicate.op.name != "equal":  # type: ignore[attr-defined]
        return False
    atoms = linear_terms(predicate.children[0])[0]
    return any(isinstance(f, Index) for atom in atoms for f in (atom.children if is_apply(atom, "prod") else (atom,)))


def conjuncts(predicate: Scalar) -> tuple[Scalar, ...]:
    """The parts of a conjunction."""
    if predicate is TRUE:
        return ()
    return predicate.children if is_apply(predicate, "and") else (predicate,)


def _bracketed_nodes(root: Scalar) -> set[Scalar]:
    """The nodes below ``root`` (through sums, products and guards only) that hold an index equation."""
    found: set[Scalar] = set()
    if not root.holds & GUARDS:
        return found
    for node in post_order([root], prune=lambda n: not _is_linear(n)):
        if isinstance(node, Guard):
            if node.body in found or any(is_bracket(p) for p in conjuncts(node.predicate)):
                found.add(node)
        elif _is_linear(node) and any(child in found for child in node.children):
            found.add(node)
    return found


def _is_linear(node: Scalar) -> bool:
    return isinstance(node, Guard) or is_apply(node, "sum") or is_apply(node, "prod")


_pattern_memo: weakref.WeakKeyDictionary[Tensor, bool] = weakref.WeakKeyDictionary()


def is_pattern(tensor: Tensor) -> bool:
    """Whether the tensor is a sum of (bracket, coefficient) pairs, to be written into its consumers."""
    if not isinstance(tensor, Compute) or tensor.reducer is not None or not tensor.body.holds & GUARDS:
        return False
    known = _pattern_memo.get(tensor)
    if known is None:
        known = tensor.body.dtype.kind in "fc" and tensor.body in _bracketed_nodes(tensor.body)
        _pattern_memo[tensor] = known
    return known


def is_view(tensor: Tensor) -> bool:
    """Whether the tensor only renames, selects or repeats entries of another, or is a literal."""
    return isinstance(tensor, Compute) and tensor.reducer is None and isinstance(tensor.body, Load | Number | Index)


def inline_patterns(root: Scalar) -> Scalar:
    """``root`` with loads of patterns and of views replaced by what they are."""
    while True:
        mapping: dict[Scalar, Scalar] = {
            item: reindexed(item.tensor.body, item.indices)  # type: ignore[attr-defined]
            for item in loads_of(root)
            if is_view(item.tensor) or is_pattern(item.tensor)
        }
        if not mapping:
            return root
        root = substitute(root, mapping)


def expand(root: Scalar) -> list[Term]:
    """``root`` as a sum of terms; products are multiplied out only where a factor holds brackets."""
    bracketed = _bracketed_nodes(root)
    memo: dict[Scalar, list[Term]] = {}
    for node in post_order([root], prune=lambda n: n not in bracketed):
        memo[node] = _expand_node(node, memo) if node in bracketed else [Term(TRUE, node)]
    return memo[root]


def _expand_node(node: Scalar, memo: dict[Scalar, list[Term]]) -> list[Term]:
    if isinstance(node, Guard):
        terms = memo[node.body] if node.body in memo else [Term(TRUE, node.body)]
        return [Term(conjunction(node.predicate, t.predicate), t.value) for t in terms]
    children = [memo.get(child, [Term(TRUE, child)]) for child in node.children]
    if is_apply(node, "sum"):
        plain = [t.value for terms in children for t in terms if t.predicate is TRUE]
        tied = [t for terms in children for t in terms if t.predicate is not TRUE]
        return tied + ([Term(TRUE, sum_of(*plain, flatten=False))] if plain else [])
    count = 1
    for terms in children:
        count *= len(terms)
    if count > _MOST_TERMS:
        return [Term(TRUE, node)]
    return [
        Term(conjunction(*[t.predicate for t in choice]), product_of(*[t.value for t in choice]))
        for choice in cross_product(*children)
    ]
