"""What the steps of a loop compute without its state, computed for all steps at once.

What depends on the slices of sequences, on the number of the step and on captured tensors alone is a comprehension with one
more axis, in front: elementary functions of a scalar at each step become vectors, products with each slice become one product.
The loop is given the results as sequences; what it would only stack is not in it at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from gradc.ir.algebra import Substitution, negated, substitute, sum_of
from gradc.ir.bounds import never_positive
from gradc.ir.intern import Node
from gradc.ir.rewrite import replace_tensors
from gradc.ir.scalar import Apply, Scalar, index, is_apply, load
from gradc.ir.tensor import Compute, Extent, Input, Tensor, compute, input_tensor
from gradc.ir.walk import graph_order, loads_of, operands_of, post_order

#: An operation of at least this cost is a function of many instructions.
_FUNCTION = 10.0
#: Functions of more entries per step fill vectors anyway.
_NARROW = 32
#: A reduction over at least so many entries is better done for all steps together.
_REDUCTION = 16
#: Loops of fewer steps gain nothing; what is kept for all steps has no more entries than this, or than the sequences have.
_FEWEST, _LARGEST = 4, float(1 << 20)
#: What a symbolic extent counts as.
_ANY = 1000.0


@dataclass
class Stepwise:
    """The outputs of a body, with what was taken out of it."""

    outputs: tuple[Tensor, ...]
    #: further sequences of the body, and what they are
    given: dict[Input, Tensor] = field(default_factory=dict)
    #: outputs that are known for all steps, by their number
    known: dict[int, Tensor] = field(default_factory=dict)


def stepwise(
    outputs: Sequence[Tensor],
    stacked: Sequence[int],
    counter: Input,
    sequences: Mapping[Tensor, Tensor],
    captured: Mapping[Tensor, Tensor],
    trip: Extent,
) -> Stepwise:
    """The outputs of a loop's body without what is better computed for all steps at once; ``stacked`` ones may be that."""
    found = _Steps(counter, sequences, captured, trip)
    order = graph_order(outputs)
    found.classify(order)
    same = {k: sequences[outputs[k]] for k in stacked if outputs[k] in sequences}
    same |= {k: _repeated(captured[outputs[k]], trip) for k in stacked if outputs[k] in captured}
    if _length(trip) < _FEWEST or not found.moving:
        return Stepwise(tuple(outputs), known=same)
    ready = [k for k in stacked if outputs[k] in found.moving and found.fits(outputs[k], beside=outputs[k])]
    known = same | {k: found.over_steps(outputs[k]) for k in ready}
    kept = [t for k, t in enumerate(outputs) if k not in known]
    taken = [t for t in (*order, *sequences, *captured, counter) if isinstance(t, Input)]
    names = {t.name for t in taken}
    replaced: dict[Tensor, Tensor] = {}
    given: dict[Input, Tensor] = {}
    for tensor in found.edge(kept):
        if found.is_worth_it(tensor):
            name = f"at_step_{len(given)}"
            while name in names:
                name += "_"
            item = input_tensor(name, tensor.shape, tensor.dtype)
            replaced[tensor], given[item] = item, found.over_steps(tensor)
    return Stepwise(replace_tensors(outputs, replaced), given, known)


def _repeated(tensor: Tensor, trip: Extent) -> Tensor:
    """The tensor once per step."""
    return compute((trip, *tensor.shape), load(tensor, [index(k + 1) for k in range(tensor.rank)]))


@dataclass
class _Steps:
    counter: Input
    sequences: Mapping[Tensor, Tensor]
    captured: Mapping[Tensor, Tensor]
    trip: Extent
    #: what changes from step to step and can be computed for all of them, and what doesn't change
    moving: set[Node] = field(default_factory=set)
    steady: set[Node] = field(default_factory=set)
    _images: dict[Tensor, Tensor] = field(default_factory=dict)

    def classify(self, order: Sequence[Node]) -> None:
        self.steady |= set(self.captured)
        inputs = {self.counter, *self.sequences}
        for node in order:
            if not isinstance(node, Compute):
                continue
            operands = operands_of(node)
            if all(operand in self.steady for operand in operands):
                self.steady.add(node)
            elif all(operand in self.steady or operand in self.moving or operand in inputs for operand in operands):
                self.moving.add(node)

    def edge(self, outputs: Sequence[Tensor]) -> list[Compute]:
        """What of it the rest of the body reads."""
        order = graph_order(outputs)
        read = {operand for node in order if node not in self.moving for operand in operands_of(node)} | set(outputs)
        return [node for node in order if node in self.moving and node in read and isinstance(node, Compute)]

    def _below(self, tensor: Tensor) -> list[Compute]:
        return [n for n in graph_order([tensor]) if n in self.moving and isinstance(n, Compute)]

    def is_worth_it(self, tensor: Compute) -> bool:
        """Whether there is more to gain than it costs to keep the results."""
        heavy = [node for node in self._below(tensor) if _is_product(node) or _is_function(node)]
        return bool(heavy) and _entries(tensor) <= 4 * max(map(_entries, heavy)) and self.fits(tensor)

    def fits(self, tensor: Tensor, beside: Tensor | None = None) -> bool:
        """Whether nothing that is kept for all steps is large, beside what is kept anyway."""
        length = _length(self.trip)
        given = max((_entries(t) for t in self.sequences), default=1.0)
        most = max(_LARGEST, length * given)
        return all(length * _entries(node) <= most for node in self._below(tensor) if node is not beside)

    def over_steps(self, tensor: Tensor) -> Tensor:
        """The tensor for all steps."""
        for node in self._below(tensor):
            if node not in self._images:
                self._images[node] = self._with_steps(node)
        return self._images[tensor]

    def _with_steps(self, node: Compute) -> Compute:
        shift = Substitution({index(k): index(k + 1) for k in range(len(node.extents))})
        for item in loads_of(node.body, node.domain):
            tensor = item.tensor
            places = [shift(at) for at in item.indices]
            if tensor is self.counter:
                shift.put(item, index(0))
            elif tensor in self.sequences or tensor in self.moving:
                source = self.sequences[tensor] if tensor in self.sequences else self._images[tensor]
                shift.put(item, load(source, [index(0), *places]))
            else:
                (source,) = replace_tensors([tensor], self.captured)
                shift.put(item, load(source, places))
        shape = (self.trip, *node.shape)
        extents = (*shape, *node.reduce_extents)
        body, domain = (_within(shift(scalar), extents) for scalar in (node.body, node.domain))
        return compute(shape, body, reduce_extents=node.reduce_extents, reducer=node.reducer, domain=domain)


def _within(scalar: Scalar, extents: Sequence[Extent]) -> Scalar:
    """The scalar without the tests of indices that are in range: that of a step is known for all steps."""
    tested = [node for node in post_order([scalar]) if is_apply(node, "position")]
    inside = {
        node: node.children[0]
        for node in tested
        if never_positive(negated(node.children[0]), extents)
        and never_positive(sum_of(node.children[0], negated(node.children[1]), 1), extents)
    }
    return substitute(scalar, inside) if inside else scalar


def _is_product(node: Compute) -> bool:
    return prod(map(_length, node.reduce_extents), start=1.0) >= _REDUCTION and len(operands_of(node)) > 1


def _is_function(node: Compute) -> bool:
    if _entries(node) > _NARROW:
        return False
    return any(isinstance(n, Apply) and n.op.cost >= _FUNCTION and n.dtype.kind == "f" for n in post_order([node.body]))


def _entries(tensor: Tensor) -> float:
    return prod(map(_length, tensor.shape), start=1.0)


def _length(extent: Extent) -> float:
    return float(extent) if isinstance(extent, int) else _ANY
