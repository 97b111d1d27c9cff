"""Sums of products as matrix algebra: a network of axes read as products, traces and diagonal matrices.

The factors are vectors at the axes of the network and matrices along its edges. Summed axes that hang together form a
component; a component that touches no output axis is a number, one that touches one is a vector, one that touches two
a matrix.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from gradc.present import matrix_algebra as m
from gradc.present import notation as n
from gradc.present.index_form import times
from gradc.present.matrix_sums import scaled
from gradc.present.notation import Notation
from gradc.present.row_softmax import with_row_softmax

Axes = tuple[int, ...]


class Contraction:
    """The sum over ``reduced`` axes of the product of factors; each factor is an array with its axes."""

    def __init__(self, factors: Sequence[tuple[Notation, Axes]], reduced: Axes) -> None:
        self._reduced = set(reduced)
        self._numbers = [f for f, axes in factors if not axes]
        self._vectors: dict[int, list[Notation]] = {}
        edges: dict[Axes, list[tuple[Notation, Axes]]] = {}
        for notation, axes in factors:
            if len(axes) == 1:
                self._vectors.setdefault(axes[0], []).append(notation)
            elif len(axes) == 2:
                edges.setdefault((min(axes), max(axes)), []).append((notation, axes))
        self._matrices = {key: _along(key, parts) for key, parts in edges.items()}

    def result(self) -> tuple[Notation, Axes] | None:
        """The contraction with its axes, or None where it is no matrix expression."""
        outputs = sorted({a for key in self._matrices for a in key} | set(self._vectors))
        outputs = [a for a in outputs if a not in self._reduced]
        if len(outputs) > 2:
            return None
        vectors: dict[int, list[Notation]] = {a: self._vectors.get(a, []) for a in outputs}
        pair = (outputs[0], outputs[1]) if len(outputs) == 2 else None
        matrices = [self._matrices[pair]] if pair is not None and pair in self._matrices else []
        for component in self._components():
            touched = sorted({b for a in component for b in self._neighbours(a)} - self._reduced)
            if len(touched) == 2:
                matrix = self._path(component, touched[0], touched[1])
                if matrix is None:
                    return None
                matrices.append(matrix)
            elif touched:
                vector = self._hanging(component, touched[0])
                if vector is None:
                    return None
                vectors[touched[0]].append(vector)
            else:
                value = self._number(component)
                if value is None:
                    return None
                self._numbers.append(value)
        return self._assembled(outputs, vectors, matrices)

    # ------------------------------------------------------------ the network

    def _neighbours(self, axis: int) -> list[int]:
        return [b if a == axis else a for a, b in self._matrices if axis in (a, b)]

    def _matrix(self, rows: int, columns: int) -> Notation:
        if rows < columns:
            return self._matrices[rows, columns]
        return m.transposed(self._matrices[columns, rows])

    def _components(self) -> list[list[int]]:
        """Summed axes that hang together, not through output axes."""
        rest = sorted(self._reduced)
        components = []
        while rest:
            component, pending = [], [rest[0]]
            while pending:
                axis = pending.pop()
                if axis in component or axis not in self._reduced:
                    continue
                component.append(axis)
                pending.extend(self._neighbours(axis))
            components.append(component)
            rest = [a for a in rest if a not in component]
        return components

    def _is_tree(self, component: list[int]) -> bool:
        edges = [key for key in self._matrices if key[0] in component and key[1] in component]
        return len(edges) == len(component) - 1

    def _folded(self, axis: int, parent: int | None, component: list[int]) -> list[Notation]:
        """The vectors at ``axis``: its own, and every branch away from ``parent`` carried to it."""
        vectors = list(self._vectors.get(axis, []))
        for other in self._neighbours(axis):
            if other == parent or other not in component:
                continue
            below = self._folded(other, axis, component)
            vectors.append(m.multiplied([self._matrix(axis, other), m.entrywise(below) if below else m.ONES]))
        return vectors

    def _hanging(self, component: list[int], output: int) -> Notation | None:
        """A component at one output axis: a vector."""
        doors = [a for a in component if output in self._neighbours(a)]
        if len(doors) != 1 or not self._is_tree(component):
            return None
        vectors = self._folded(doors[0], output, component)
        return m.multiplied([self._matrix(output, doors[0]), m.entrywise(vectors) if vectors else m.ONES])

    def _path(self, component: list[int], first: int, last: int) -> Notation | None:
        """A component between two output axes: a product of matrices, with diagonal ones for the vectors on the way."""
        if not self._is_tree(component):
            return None
        doors = [[a for a in component if end in self._neighbours(a)] for end in (first, last)]
        if len(doors[0]) != 1 or len(doors[1]) != 1:
            return None
        path = self._way(doors[0][0], doors[1][0], component)
        factors = [self._matrix(first, path[0])]
        for position, axis in enumerate(path):
            following = path[position + 1] if position + 1 < len(path) else last
            branches = [a for a in component if a not in path]
            hanging = list(self._vectors.get(axis, []))
            for other in self._neighbours(axis):
                if other in branches:
                    below = self._folded(other, axis, branches)
                    hanging.append(m.multiplied([self._matrix(axis, other), m.entrywise(below) if below else m.ONES]))
            if hanging:
                factors.append(m.diagonal(m.entrywise(hanging)))
            factors.append(self._matrix(axis, following))
        return m.multiplied(factors)

    def _way(self, start: int, goal: int, component: list[int]) -> list[int]:
        ways = [[start]]
        while ways:
            way = ways.pop()
            if way[-1] == goal:
                return way
            ways.extend([*way, a] for a in self._neighbours(way[-1]) if a in component and a not in way)
        raise AssertionError("the component is connected")

    def _number(self, component: list[int]) -> Notation | None:
        """A component that touches no output: a number."""
        if len(component) == 1:
            vectors = self._vectors.get(component[0], [])
            return m.total(m.entrywise(vectors)) if vectors else None
        if not self._is_tree(component):
            return self._trace(component)
        if len(component) == 2 and not any(a in self._vectors for a in component):
            return m.total_of_matrix(self._matrix(min(component), max(component)))
        root = next((a for a in component if a in self._vectors and len(self._neighbours(a)) == 1), component[0])
        own = self._vectors.get(root, [])
        vectors = self._folded(root, None, component)
        rest = vectors[len(own) :]
        if own and rest:
            return m.inner(m.entrywise(own), m.entrywise(rest))
        return m.total(m.entrywise(vectors))

    def _trace(self, component: list[int]) -> Notation | None:
        """A cycle: the trace of the product around it."""
        if any(a in self._vectors for a in component) or any(len(self._neighbours(a)) != 2 for a in component):
            return None
        cycle = [component[0]]
        while len(cycle) < len(component):
            following = [a for a in self._neighbours(cycle[-1]) if a not in cycle]
            if not following:
                return None
            cycle.append(following[0])
        ring = [*cycle, cycle[0]]
        return m.traced(m.multiplied([self._matrix(a, b) for a, b in itertools.pairwise(ring)]))

    # ------------------------------------------------------------ the result

    def _assembled(
        self, outputs: list[int], vectors: dict[int, list[Notation]], matrices: list[Notation]
    ) -> tuple[Notation, Axes]:
        scale = times(*self._numbers)
        joined = {a: m.entrywise(parts) for a, parts in vectors.items() if parts}
        if matrices:
            return scaled(scale, _between(joined, outputs, _joined(matrices))), (outputs[0], outputs[1])
        if len(joined) == 2:
            outer = m.multiplied([joined[outputs[0]], m.transposed(joined[outputs[1]])])
            return scaled(scale, outer), (outputs[0], outputs[1])
        if joined:
            ((axis, vector),) = joined.items()
            return scaled(scale, vector), (axis,)
        return scale, ()


def _along(key: Axes, parts: Sequence[tuple[Notation, Axes]]) -> Notation:
    """The entrywise product of matrices, in the orientation of most of them."""
    turned = [axes != key for _, axes in parts]
    most = 2 * sum(turned) > len(parts)
    joined = _joined([p if t == most else m.transposed(p) for (p, _), t in zip(parts, turned, strict=True)])
    return m.transposed(joined) if most else joined


def _joined(parts: Sequence[Notation]) -> Notation:
    """Matrices over the same axes, entrywise; with the identity, a diagonal matrix stays one."""
    if any(isinstance(p, n.Identity) for p in parts):
        rest = [p for p in parts if not isinstance(p, n.Identity)]
        if not rest:
            return n.Identity()
        return n.Hadamard((n.Identity(), m.entrywise(rest)))
    return with_row_softmax(m.entrywise(parts))


def _between(vectors: dict[int, Notation], outputs: list[int], matrix: Notation) -> Notation:
    """``diag(u) A diag(v)``."""
    rows, columns = (vectors.get(a) for a in outputs)
    if isinstance(matrix, n.Identity) and (rows is not None or columns is not None):
        return m.diagonal(m.entrywise([v for v in (rows, columns) if v is not None]))
    factors = [m.diagonal(rows)] if rows is not None else []
    factors.append(matrix)
    if columns is not None:
        factors.append(m.diagonal(columns))
    return m.multiplied(factors) if len(factors) > 1 else matrix
