"""A body arranged for print in pieces: products by the axes of their factors, sums of products opened.

``W[i, k] g[k] (1 - h[k]**2)`` becomes ``W[i, k] (g[k] (1 - h[k]**2))``: the factors over k are one vector, which may have
a name of its own. A sum of many terms that has some of them factored out shows all of its terms alike.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradc.ir.rewrite import as_it_is
from gradc.ir.scalar import Index, Load, Scalar, apply, index, is_apply, load
from gradc.ir.walk import post_order

#: An inner sum of more terms is multiplied out where the outer one is long, too; no sum gets longer than the second.
_LONG_SUM = 6
_LONGEST_SUM = 64


class Arrangement:
    """Bodies arranged; ``groups`` are products made here, ``vectors`` what is a factor of its own over some axes."""

    def __init__(self) -> None:
        self.groups: set[Scalar] = set()
        self.vectors: set[Scalar] = set()

    def __call__(self, root: Scalar, reduced: bool) -> Scalar:
        """The body; ``reduced`` says whether it is summed."""
        memo: dict[Scalar, Scalar] = {}
        for node in post_order([root]):
            children = [memo[c] for c in node.children]
            if node.dtype.kind not in "fc" or not children:
                memo[node] = node
            elif is_apply(node, "sum"):
                memo[node] = apply("sum", *_opened(children))
            elif is_apply(node, "prod"):
                memo[node] = self._by_axes(children, reduced and node is root)
            else:
                memo[node] = as_it_is(node, children)
        return memo[root]

    def _by_axes(self, factors: Sequence[Scalar], reduced: bool) -> Scalar:
        over: dict[frozenset[int], list[Scalar]] = {}
        for factor in factors:
            over.setdefault(factor.free, []).append(factor)
        alone = over.pop(frozenset(), [])
        if len(over) < 2 and not (reduced and over):
            return apply("prod", *factors)
        parts: list[Scalar] = []
        for together in over.values():
            part = together[0] if len(together) == 1 else apply("prod", *together)
            if len(together) > 1:
                self.groups.add(part)
            if not isinstance(part, Load):
                self.vectors.add(part)
            parts.append(part)
        whole = [*alone, *parts]
        return whole[0] if len(whole) == 1 else apply("prod", *whole)


def _opened(terms: Sequence[Scalar]) -> list[Scalar]:
    """``a (b + c) + d`` as ``a b + a c + d`` where there are many terms on either side."""
    if len(terms) <= _LONG_SUM:
        return list(terms)
    opened: list[Scalar] = []
    for position, term in enumerate(terms):
        inner = [f for f in term.children if is_apply(f, "sum")] if is_apply(term, "prod") else []
        room = _LONGEST_SUM - len(opened) - (len(terms) - position)
        if len(inner) != 1 or not _LONG_SUM < len(inner[0].children) <= room:
            opened.append(term)
            continue
        outer = [f for f in term.children if f is not inner[0]]
        for part in inner[0].children:
            opened.append(apply("prod", *outer, *(part.children if is_apply(part, "prod") else (part,))))
    return opened


def axes_of(scalar: Scalar) -> list[int]:
    """The axes of the array that an expression is, in the order in which most of what it reads has them."""
    axes = sorted(scalar.free)
    if len(axes) != 2:
        return axes
    first, second = (index(a) for a in axes)
    read = [s.children for s in post_order([scalar]) if isinstance(s, Load)]
    both = [indices for indices in read if first in indices and second in indices]
    forward = sum(indices.index(first) < indices.index(second) for indices in both)
    if 2 * forward != len(both):
        return axes if 2 * forward > len(both) else axes[::-1]
    return min(axes, axes[::-1], key=lambda order: _over(scalar, order).digest)


def canonical(scalar: Scalar) -> Scalar:
    """The expression over the indices 0, 1, ..., its operands in one order: the same for an array wherever it is read."""
    return _over(scalar, axes_of(scalar)) if scalar.free else scalar


def _over(scalar: Scalar, axes: Sequence[int]) -> Scalar:
    places = {axis: index(k) for k, axis in enumerate(axes)}
    memo: dict[Scalar, Scalar] = {}
    for node in post_order([scalar]):
        if isinstance(node, Index):
            memo[node] = places[node.position]
        elif isinstance(node, Load):
            memo[node] = load(node.tensor, [memo[c] for c in node.children])
        elif not node.children:
            memo[node] = node
        else:
            children = [memo[c] for c in node.children]
            if is_apply(node, "sum") or is_apply(node, "prod"):
                children = sorted(_flat(node, children), key=lambda child: child.digest)
            memo[node] = as_it_is(node, children)
    return memo[scalar]


def _flat(node: Scalar, children: Sequence[Scalar]) -> list[Scalar]:
    name = "sum" if is_apply(node, "sum") else "prod"
    return [part for child in children for part in (child.children if is_apply(child, name) else (child,))]
