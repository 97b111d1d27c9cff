"""A function taken apart: named intermediates, each defined by inputs and by the intermediates before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

from gradc.differentiate import gradient, identity_seed, jacobian_forward, jacobian_reverse
from gradc.ir.algebra import Substitution, conjunction, guarded, linear_terms, product_of, reindexed
from gradc.ir.rewrite import replace_tensors
from gradc.ir.scalar import Apply, Guard, Index, Scalar, index, is_apply, load, number
from gradc.ir.source import SourceLine
from gradc.ir.tensor import Compute, Graph, Input, Projection, Tensor, compute, input_tensor
from gradc.ir.walk import graph_order
from gradc.present.notation import Name
from gradc.present.steps.naming import Choice, atoms, names_for
from gradc.present.steps.points import Points
from gradc.present.steps.scribe import is_zero
from gradc.simplify.display import display

#: Functions whose derivative is written by the function itself.
_OWN_DERIVATIVES = frozenset({"exp", "exp2", "tanh", "sigmoid", "tan"})


def shown(tensor: Tensor) -> Tensor:
    """The display form of one tensor."""
    inputs = tuple(t for t in graph_order([tensor]) if isinstance(t, Input))
    return display(Graph(inputs, (tensor,))).outputs[0]


@dataclass(frozen=True)
class Partial:
    """The derivative of one part by one variable, of shape ``part.shape + variable.shape``.

    ``diagonal``, where the part's entries depend on the same entries of the variable alone, is the derivative of an entry
    by its own.
    """

    whole: Tensor
    diagonal: Tensor | None


class Part:
    """An intermediate (or the output): a name, a stand-in that others read, and a definition over stand-ins."""

    def __init__(self, name: Name, tensor: Tensor, definition: Tensor, stand_in: Input) -> None:
        self.name = name
        self.tensor = tensor
        self.definition = definition
        self.displayed = shown(definition)
        self.stand_in = stand_in
        self.partials: dict[Input, Partial] = {}


class Program:
    """The parts of a function in the order of evaluation, the output last, and the inputs it is differentiated by."""

    def __init__(
        self,
        graph: Graph,
        output: Tensor,
        wrt: Sequence[Input],
        names: Mapping[Tensor, Name],
        name: Name,
        lines: Set[SourceLine],
    ) -> None:
        whole = atoms(output)
        self.graph = Graph(graph.inputs, (whole,))
        self.wrt = tuple(wrt)
        self.symbols: dict[Tensor, Name] = dict(names)
        choice = Choice(whole, wrt, name.plain, lines)
        self.size = choice.size
        self.name = name
        self.names = names_for(choice, list(names.values()), name)
        self.named = choice.named
        self.parts: list[Part] = []
        #: stand-ins of parts that are not shown
        self.left_out: dict[Input, Tensor] = {}

    def take_apart(self, only: int = 0) -> None:
        """Make the parts with their local derivatives; ``only`` so many at either end where that is given, without."""
        (output,) = self.graph.outputs
        stand_ins: dict[Tensor, Tensor] = {}
        tensors = [*self.named, output]
        for position, tensor in enumerate(tensors):
            name = self.names.get(tensor, self.name)
            stand_in = input_tensor(f"the value of {name.plain}", tensor.shape, tensor.dtype)
            if only and only <= position < len(tensors) - only:
                self.symbols[stand_in] = name
                stand_ins[tensor] = stand_in
                self.left_out[stand_in] = tensor
                continue
            (definition,) = replace_tensors([tensor], stand_ins)
            part = Part(name, tensor, definition, stand_in)
            for variable in [] if only else self._variables(part):
                partial = _partial(part, variable, output)
                if not is_zero(partial.whole):
                    part.partials[variable] = partial
            self.parts.append(part)
            self.symbols[stand_in] = name
            stand_ins[tensor] = stand_in
        if not only:
            self._leave_out_unused()

    def _leave_out_unused(self) -> None:
        """Drop parts that the output does not depend on by any derivative."""
        needed: set[Input] = {self.output.stand_in}
        for part in reversed(self.parts):
            if part.stand_in in needed:
                needed.update(t for t in graph_order([part.displayed]) if isinstance(t, Input))
        self.left_out |= {part.stand_in: part.tensor for part in self.parts if part.stand_in not in needed}
        self.parts = [part for part in self.parts if part.stand_in in needed]

    def _variables(self, part: Part) -> list[Input]:
        known = {p.stand_in for p in self.parts} | set(self.wrt)
        return [t for t in graph_order([part.definition]) if isinstance(t, Input) and t in known]

    @property
    def output(self) -> Part:
        """The last part."""
        return self.parts[-1]

    @property
    def inner(self) -> list[Part]:
        """The named intermediates."""
        return self.parts[:-1]

    def consumers(self, variable: Input) -> list[Part]:
        """The parts that depend on a variable directly, and that the output depends on."""
        return [part for part in self.told if variable in part.partials]

    @cached_property
    def told(self) -> list[Part]:
        """The parts that the output depends on by some derivative: others only decide between cases."""
        reached = {self.output.stand_in}
        for part in reversed(self.parts):
            if part.stand_in in reached:
                reached.update(part.partials)
        return [part for part in self.parts if part.stand_in in reached]

    def points(self) -> Points:
        """Points where every part is defined, with the parts' values."""
        found = Points(Graph(self.graph.inputs, tuple(part.tensor for part in self.parts)))
        known = {part.stand_in: part.tensor for part in self.parts}
        read = {t for part in self.parts for t in graph_order([part.definition, part.displayed])}
        found.define(known | {s: t for s, t in self.left_out.items() if s in read})
        return found

    def derivatives(self, points: Points, variables: Sequence[Input]) -> dict[Input, Tensor]:
        """The output's derivative by each variable, from the whole function, apart from how its parts are named.

        The values are worked out once, and are known at the points from here on.
        """
        output = self.output.tensor
        own = {part.stand_in: part.tensor for part in self.parts}
        one = identity_seed(output.shape, output.dtype) if output.rank else compute((), number(1, output.dtype))
        targets = [own.get(v, v) for v in variables]
        found = gradient([output], [one], targets, seed_shape=output.shape)
        known = {
            v: input_tensor(f"the derivative by {self.symbols[v].plain}", t.shape, t.dtype)
            for v, t in zip(variables, found, strict=True)
        }
        points.define(dict(zip(known.values(), found, strict=True)))
        return dict(known)

    def substituted(self, tensor: Tensor) -> Tensor:
        """The tensor with every stand-in replaced by its displayed definition, down to the inputs; nothing simplified."""
        meaning: dict[Tensor, Tensor] = {}
        for part in self.inner:
            (meaning[part.stand_in],) = replace_tensors([_of_type(part.displayed, part.stand_in)], meaning)
        return replace_tensors([tensor], meaning)[0]


def _of_type(tensor: Tensor, like: Tensor) -> Tensor:
    """The tensor, unless its type differs from the one it replaces."""
    if tensor.shape != like.shape or tensor.dtype != like.dtype:
        raise ValueError(f"{tensor.dtype}{tensor.shape} is no {like.dtype}{like.shape}")
    return tensor


def _partial(part: Part, variable: Input, output: Tensor) -> Partial:
    if part.definition.rank == 0:
        one = compute((), number(1, part.definition.dtype))
        whole = shown(gradient([part.definition], [one], [variable])[0])
    elif isinstance(part.definition, Projection):  # a library call: what comes out counts, not what goes in
        whole = shown(jacobian_reverse(part.definition, variable))
    else:
        whole = shown(jacobian_forward(part.definition, variable))
    if part.tensor is not output:
        whole = in_terms_of_itself(whole, part)
    return Partial(whole, _diagonal(whole, part.definition.rank))


def in_terms_of_itself(jacobian: Tensor, part: Part) -> Tensor:
    """``exp(v)`` as z in the derivative of ``z = exp(v)``; the axes of the part come first."""
    value = part.displayed
    if not isinstance(jacobian, Compute) or not isinstance(value, Compute) or value.reducer or jacobian.reducer:
        return jacobian
    if not isinstance(value.body, Apply) or value.body.op.name not in _OWN_DERIVATIVES:
        return jacobian
    itself = load(part.stand_in, [index(k) for k in range(part.stand_in.rank)])
    return compute(jacobian.shape, Substitution({value.body: itself})(jacobian.body))


def _diagonal(jacobian: Tensor, rank: int) -> Tensor | None:
    """c with ``jacobian[i, j] = [i = j] c[i]``."""
    if not rank or jacobian.rank != 2 * rank or jacobian.shape[:rank] != jacobian.shape[rank:]:
        return None
    if not isinstance(jacobian, Compute) or jacobian.reducer is not None:
        return None
    body = jacobian.body
    rest: list[Scalar] = []
    if is_apply(body, "prod"):
        guards = [f for f in body.children if isinstance(f, Guard)]
        if len(guards) != 1:
            return None
        rest, body = [f for f in body.children if not isinstance(f, Guard)], guards[0]
    if not isinstance(body, Guard):
        return None
    conditions = list(body.predicate.children) if is_apply(body.predicate, "and") else [body.predicate]
    ties = {_tied(c) for c in conditions}
    if not all((k, rank + k) in ties for k in range(rank)):
        return None
    left = conjunction(*[c for c in conditions if (_tied(c) or (-1, -1))[1] - rank != (_tied(c) or (-1, -1))[0]])
    value = guarded(left, body.body)
    if rest:
        value = product_of(*rest, value)
    diagonal = [index(k) for k in range(rank)] * 2
    return compute(jacobian.shape[:rank], reindexed(value, diagonal))


def _tied(condition: Scalar) -> tuple[int, int] | None:
    """The axes that ``[i = j]`` makes equal."""
    if not isinstance(condition, Apply) or condition.op.name != "equal":
        return None
    indices = sorted(condition.free)
    pair = _index_atoms(condition)
    return (indices[0], indices[1]) if len(indices) == 2 and len(pair) == 2 else None


def _index_atoms(condition: Scalar) -> list[Index]:
    assert isinstance(condition, Apply)
    terms, literal = linear_terms(condition.args[0])
    if literal or sorted(terms.values()) != [-1, 1]:
        return []
    return [atom for atom in terms if isinstance(atom, Index)]
