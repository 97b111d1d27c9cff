"""Reverse mode: one rule over `Compute`.

A load ``A[e(i, k)]`` in ``T[i] = sum_k body`` contributes ``sum_{i,k} Tbar[i] (d body / d A[e]) [a = e(i, k)]`` to the
adjoint of A, and bracket elimination turns that into what a person writes. Cotangents may carry leading *seed* axes (one
per direction), so a reverse-mode Jacobian is the same sweep with a bracket as its seed.

An adjoint is a value together with its *support*, the predicate outside of which it is strongly zero. Local derivatives are
multiplied inside the support, so a ``where`` around a singular function has a finite derivative where it is masked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradc.differentiate.partials import (
    local_differentials,
    may_be_singular,
    multiply,
    one_of,
    support_of,
    telling_line,
    where_reached,
)
from gradc.differentiate.reducers import exclusive_product, is_selection, selection_weight, split_products
from gradc.differentiate.running import Running, running
from gradc.differentiate.running import cotangent as cotangent_of_running
from gradc.differentiate.several import pulled_back
from gradc.errors import TraceError
from gradc.ir.algebra import Reindexing, conjunction, convert, disjunction, equal, guarded, less, sum_of
from gradc.ir.build import as_tensor
from gradc.ir.intern import Node
from gradc.ir.scalar import TRUE, Guard, Index, Load, Number, Scalar, index, is_apply, is_number, load, number
from gradc.ir.source import carry_lines, lines_of
from gradc.ir.tensor import Compute, MultiNode, Projection, Shape, Tensor, compute, extent_scalar
from gradc.ir.walk import graph_order, loads_of, operands_of
from gradc.simplify.brackets import summed
from gradc.simplify.patterns import is_pattern


@dataclass
class _Adjoint:
    """An adjoint over (seed axes, axes of the tensor): a value, and where it is not strongly zero."""

    value: Scalar
    support: Scalar


def gradient(
    outputs: Sequence[Tensor], cotangents: Sequence[Tensor], wrt: Sequence[Tensor], seed_shape: Shape = ()
) -> tuple[Tensor, ...]:
    """The cotangent of each ``wrt``: the pullback of ``outputs`` applied to ``cotangents``.

    The cotangent c of a tensor T stands for ``sum Re(c dT)``, so that of a complex z is ``d/dx - i d/dy`` of it.

    Parameters
    ----------
    outputs, wrt
        Tensors of one graph.
    cotangents
        One per output, of shape ``seed_shape + output.shape``.

    Returns
    -------
    One tensor per ``wrt``, of shape ``seed_shape + wrt.shape``; zeros where the outputs do not depend on it.

    """
    sweep = _Sweep(outputs, wrt, seed_shape)
    for output, cotangent in zip(outputs, cotangents, strict=True):
        every = [index(k) for k in range(len(seed_shape) + output.rank)]
        sweep.contribute(output, convert(load(cotangent, every), output.dtype))
    return sweep.run()


class _Sweep:
    """The state of one reverse sweep: contributions to adjoints, collected per tensor."""

    def __init__(self, outputs: Sequence[Tensor], wrt: Sequence[Tensor], seed_shape: Shape) -> None:
        self._wrt = list(wrt)
        self._seed_shape = seed_shape
        self._order = graph_order(outputs)
        self._active = self._active_nodes()
        self._contributions: dict[Tensor, list[Scalar]] = {}
        self._several: dict[MultiNode, dict[int, Tensor]] = {}

    def _active_nodes(self) -> set[Node]:
        """The floating tensors that depend on ``wrt``."""
        active: set[Node] = {t for t in self._wrt if t.dtype.kind in "fc"}
        for node in self._order:
            if node not in active and any(operand in active for operand in operands_of(node)):
                if not isinstance(node, Tensor) or node.dtype.kind in "fc":
                    active.add(node)
        return active

    def contribute(self, tensor: Tensor, contribution: Scalar) -> None:
        """Add a contribution, a scalar over (seed axes, axes of the tensor)."""
        if tensor in self._active and not is_number(contribution, 0):
            self._contributions.setdefault(tensor, []).append(contribution)

    def run(self) -> tuple[Tensor, ...]:
        """Pull everything back, last node first."""
        targets = set(self._wrt)
        results: dict[Tensor, Tensor] = {}
        for node in reversed(self._order):
            if isinstance(node, MultiNode):
                self._pull_back_several(node)
            if not isinstance(node, Tensor) or node not in self._active:
                continue
            parts = self._contributions.pop(node, [])
            if not parts:
                continue
            adjoint = self._collect(node, parts)
            if node in targets:
                results[node] = as_tensor(self._seed_shape + node.shape, adjoint.value)
            if isinstance(node, Compute):
                self._pull_back(node, adjoint)
            elif isinstance(node, Projection):
                cotangent = as_tensor(self._seed_shape + node.shape, adjoint.value)
                self._several.setdefault(node.source, {})[node.position] = cotangent
        return tuple(results.get(t) or self._zeros(t) for t in self._wrt)

    def _zeros(self, tensor: Tensor) -> Tensor:
        return compute(self._seed_shape + tensor.shape, number(0, tensor.dtype))

    def _collect(self, tensor: Tensor, parts: list[Scalar]) -> _Adjoint:
        """The sum of the contributions, stored in a node of its own unless it is simple or a pattern."""
        support = disjunction(*[support_of(part) for part in parts])
        total = sum_of(*parts, flatten=len(parts) < 64, dtype=tensor.dtype)
        if _is_light(total):
            return _Adjoint(total, support)
        node = compute(self._seed_shape + tensor.shape, total)
        if is_pattern(node):
            return _Adjoint(total, TRUE)
        carry_lines(tensor, node)
        return _Adjoint(load(node, [index(k) for k in range(node.rank)]), support)

    def _pull_back_several(self, node: MultiNode) -> None:
        """Contribute to the operands of a node with several results, whose cotangents are all known by then."""
        cotangents = self._several.pop(node, None)
        if cotangents:
            wanted = [operand in self._active for operand in node.operands]
            for operand, cotangent in pulled_back(node, cotangents, self._seed_shape, wanted, gradient):
                carry_lines(node, cotangent)
                self.contribute(operand, load(cotangent, [index(k) for k in range(cotangent.rank)]))

    def _pull_back(self, node: Compute, adjoint: _Adjoint) -> None:
        if node.reducer in (None, "sum"):
            self._pull_back_body(node, adjoint, one_of(node.body))
        elif (progress := running(node)) is not None:
            self._pull_back_running(progress, adjoint)
        elif node.reducer == "prod":
            self._pull_back_product(node, adjoint)
        elif is_selection(node):
            weight = self._shifted(node)(selection_weight(node))
            self._pull_back_body(node, adjoint, weight, seed_is_shifted=True)
        else:
            raise TraceError(_unsupported(node))

    def _pull_back_running(self, progress: Running, adjoint: _Adjoint) -> None:
        """By way of the entries in order, which are not in the sweep's order."""
        bar = as_tensor(self._seed_shape + progress.node.shape, adjoint.value)
        returned = cotangent_of_running(progress, bar, len(self._seed_shape))
        carry_lines(progress.node, returned)
        given = _Adjoint(load(returned, [index(k) for k in range(returned.rank)]), TRUE)
        self._pull_back_body(progress.entries, given, one_of(progress.entries.body))

    def _pull_back_product(self, node: Compute, adjoint: _Adjoint) -> None:
        nested = split_products(node)
        if nested is node:
            weight = self._shifted(node)(exclusive_product(node))
            self._pull_back_body(node, adjoint, weight, seed_is_shifted=True)
            return
        # several reduce axes: one at a time. The inner product is not in the sweep's order, so it is finished here.
        inner = nested.body.tensor  # type: ignore[attr-defined]
        waiting = self._contributions.pop(inner, [])
        self._active.add(inner)
        self._pull_back_product(nested, adjoint)
        parts = self._contributions.pop(inner, [])
        if waiting:
            self._contributions[inner] = waiting
        if parts:
            self._pull_back_product(inner, self._collect(inner, parts))

    def _shifted(self, node: Compute) -> Reindexing:
        """Moves the node's indices behind the seed axes."""
        seeds = len(self._seed_shape)
        return Reindexing({k: index(k + seeds) for k in range(len(node.extents))})

    def _pull_back_body(self, node: Compute, adjoint: _Adjoint, seed: Scalar, seed_is_shifted: bool = False) -> None:
        """Contribute ``Tbar * seed * (d body / d load)`` for each load of the body."""
        shift = self._shifted(node)
        domain = shift(node.domain)
        bar = multiply(adjoint.value, seed if seed_is_shifted else shift(seed))
        body = shift(node.body)
        reached = where_reached(body) if any(loads_of(*item.indices) for item in loads_of(body)) else {}
        with telling_line(node):
            differentials = local_differentials(body, one_of(body), lambda item: item.tensor in self._active)
        for item, found in differentials:
            guard = conjunction(adjoint.support, domain) if any(map(may_be_singular, found.parts)) else domain
            if loads_of(*item.indices):  # its bracket reads them, and only here they are in range
                guard = conjunction(guard, reached[item])
            self._contribute_load(node, item, found.pulled_back(bar, item.dtype), guard)

    def _contribute_load(self, node: Compute, item: Load, partial: Scalar, predicate: Scalar) -> None:
        """``sum over the node's axes of partial [a = indices of the load]``, over (seed axes, axes a)."""
        seeds, rank = len(self._seed_shape), item.tensor.rank
        if not rank and not node.extents:  # numbers: nothing to sum, nothing to solve
            self.contribute(item.tensor, convert(guarded(predicate, partial), item.tensor.dtype))
            return
        shape = self._seed_shape + item.tensor.shape
        plain, guards = self._plain_axes(node, item)
        left = [k for k in range(len(node.extents)) if k not in plain]
        places = {**plain, **{k: seeds + rank + position for position, k in enumerate(left)}}
        move = Reindexing({seeds + k: index(place) for k, place in places.items()})
        brackets = [equal(index(seeds + a), move(e)) for a, e in enumerate(item.indices)]
        body = guarded(conjunction(move(predicate), *guards, *brackets), move(partial))
        contribution = summed(shape, [node.extents[k] for k in left], convert(body, item.tensor.dtype))
        self.contribute(item.tensor, contribution)

    def _plain_axes(self, node: Compute, item: Load) -> tuple[dict[int, int], list[Scalar]]:
        """The node's axes that the load reads as they are, ``[a = i]``: the commonest brackets, solved on sight.

        Each maps to the axis of the loaded tensor that takes its place; the guards say where that leaves its extent.
        """
        seeds = len(self._seed_shape)
        places: dict[int, int] = {}
        guards: list[Scalar] = []
        for axis, position in enumerate(item.indices):
            if not isinstance(position, Index) or position.position < seeds or position.position - seeds in places:
                continue
            inner = position.position - seeds
            places[inner] = seeds + axis
            if node.extents[inner] != item.tensor.shape[axis]:
                guards.append(less(index(seeds + axis), extent_scalar(node.extents[inner])))
        return places, guards


def _is_light(value: Scalar) -> bool:
    """Whether a value may be repeated instead of stored: a literal, a load, or a literal times a load."""
    if isinstance(value, Guard):
        return _is_light(value.body) and isinstance(value.predicate, Number)
    if isinstance(value, Number | Load):
        return True
    return is_apply(value, "prod") and all(isinstance(f, Number | Load) for f in value.children)


def _unsupported(node: Compute) -> str:
    where = "".join(f"\n  at {line}" for line in lines_of(node)[-1:])
    what = f"the reducer {node.reducer!r}"
    return f"{what} has no reverse-mode derivative yet{where}"
