"""What the steps of a loop make, recognised where it is read: the value after a step, and sums over the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gradc.ir.algebra import Substitution, difference
from gradc.ir.intern import Node
from gradc.ir.rewrite import as_it_is
from gradc.ir.scalar import TRUE, Apply, Guard, Load, Scalar, apply, index, is_apply, is_number, load, number
from gradc.ir.tensor import Compute, Graph, Input, Tensor, compute
from gradc.ir.walk import graph_order, post_order
from gradc.present.arranging import axes_of, canonical
from gradc.present.unfolding import Stack, State, Sweep, Unfolded


@dataclass(frozen=True)
class Total:
    """A state that each step adds to (or multiplies), and nothing else reads: a sum (or product) over the steps."""

    kind: str
    state: State
    increment: Tensor


@dataclass(frozen=True)
class Recurrences:
    """The outputs of a formula and the sweeps that they are made of; ``totals`` belong to the sweep of the same number."""

    graph: Graph
    count: int
    sweeps: tuple[Sweep, ...]
    totals: tuple[tuple[Total, ...], ...]

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The formula's own."""
        return self.graph.outputs[: self.count]

    def over(self, outputs: Sequence[Tensor]) -> Recurrences:
        """The same with the outputs, and the roots of the sweeps, in another form."""
        graph = Graph(self.graph.inputs, tuple(outputs))
        sweeps, totals, place = [], [], self.count
        for sweep, own in zip(self.sweeps, self.totals, strict=True):
            found = outputs[place : place + len(sweep.roots)]
            sweeps.append(sweep.over(found))
            place += len(sweep.roots)
            following = dict(zip((t.state.before for t in own), outputs[place:], strict=False))
            totals.append(tuple(replace(t, increment=following[t.state.before]) for t in own))
            place += len(own)
        return Recurrences(graph, self.count, tuple(sweeps), tuple(totals))


def recurrences(unfolded: Unfolded, shown: Graph) -> Recurrences:
    """The display form of an unfolded graph with what steps make read by its name, and sums over the steps found.

    The increments of the totals are the last outputs, sweep by sweep; a total is no state of its sweep any more.
    """
    outputs = _folded(unfolded, shown)
    sweeps = _alive(outputs[: unfolded.count], unfolded.over(outputs))
    totals: list[tuple[Total, ...]] = []
    for position, sweep in enumerate(sweeps):
        found = [total for state in sweep.states if (total := _total(state, sweep, sweeps)) is not None]
        gone = {total.state.before for total in found}
        placed = {total: stack for total in found if (stack := _placed(total, sweep)) is not None}
        states = tuple(s for s in sweep.states if s.before not in gone)
        sweeps[position] = replace(sweep, states=states, stacks=(*sweep.stacks, *placed.values()))
        totals.append(tuple(total for total in found if total not in placed))
    everything = list(outputs[: unfolded.count])
    for sweep, own in zip(sweeps, totals, strict=True):
        everything += [*sweep.roots, *[total.increment for total in own]]
    return Recurrences(Graph(shown.inputs, tuple(everything)), unfolded.count, tuple(sweeps), tuple(totals))


def _alive(outputs: Sequence[Tensor], sweeps: Sequence[Sweep]) -> list[Sweep]:
    """The sweeps with the states and stacks that the outputs are made of."""
    makers: dict[Tensor, tuple[Tensor, ...]] = {}
    ends = {sweep.trip: sweep.condition for sweep in sweeps if sweep.condition is not None}
    for sweep in sweeps:
        ending = ends.get(sweep.trip, sweep.condition)  # as many steps as another loop takes until its condition holds
        going = () if ending is None else (ending,)
        for s in sweep.states:
            makers |= dict.fromkeys((s.before, s.after, s.final), (s.start, s.following, *going))
        makers |= {s.whole: (s.value, *going) for s in sweep.stacks}
    alive: set[Node] = set()
    pending: list[Tensor] = list(outputs)
    while pending:
        fresh = [n for n in graph_order(pending) if n not in alive]
        alive.update(fresh)
        pending = [t for n in fresh if isinstance(n, Input) for t in makers.get(n, ())]
    kept: list[Sweep] = []
    for sweep in sweeps:
        states = tuple(s for s in sweep.states if not alive.isdisjoint((s.before, s.after, s.final)))
        stacks = tuple(s for s in sweep.stacks if s.whole in alive)
        if states or stacks:
            kept.append(replace(sweep, states=states, stacks=stacks))
    return kept


# ---------------------------------------------------------------- values after a step


def _folded(unfolded: Unfolded, shown: Graph) -> tuple[Tensor, ...]:
    """The outputs with every expression that is the value of a state after a step read as that."""
    if not unfolded.sweeps:
        return shown.outputs
    sweeps = unfolded.over(shown.outputs)
    folding = _Folding()
    for sweep in sweeps:
        own = {sweep.step, *[s.before for s in sweep.states]}  # what reads none of them may stand outside the loop, too
        states = [s for s in sweep.states if isinstance(s.following, Compute) and own & set(graph_order([s.following]))]
        for state in sorted(states, key=lambda s: _weight(s.following)):
            folding.learn(state)
    conditions = {sweep.condition for sweep in sweeps}  # asked before the step
    return tuple(t if t in conditions else folding(t) for t in shown.outputs)


def _weight(tensor: Tensor) -> int:
    nodes = [t for t in graph_order([tensor]) if isinstance(t, Compute)]
    return sum(len(post_order([t.body])) for t in nodes)


class _Folding:
    """Rewrites tensors; a root is compared with what was learned before it, so that no two values name each other."""

    def __init__(self) -> None:
        self._known: dict[Scalar, tuple[Input, list[int]]] = {}
        self._operations: set[object] = set()
        self._whole: dict[Tensor, Input] = {}
        self._roots: dict[Tensor, Tensor] = {}

    def learn(self, state: State) -> None:
        """Know the value of a state after a step from here on."""
        root = state.following
        assert isinstance(root, Compute)
        if root in self._roots:
            return
        self._roots[root] = self._rewritten(root)
        self._whole[root] = state.after
        if root.reducer is None and isinstance(root.body, Apply) and len(root.body.free) == root.rank:
            self._known[canonical(root.body)] = (state.after, axes_of(root.body))
            self._operations.add(root.body.op)

    def __call__(self, root: Tensor) -> Tensor:
        """A root with all that is known read by its name."""
        if root in self._roots:
            return self._roots[root]
        return self._rewritten(root)

    def _rewritten(self, root: Tensor) -> Tensor:
        memo: dict[Tensor, Tensor] = {}
        for node in graph_order([root]):
            if not isinstance(node, Tensor):
                continue
            if node in self._whole and node is not root:
                memo[node] = self._whole[node]
            elif isinstance(node, Compute):
                memo[node] = self._body(node, memo)
            else:
                memo[node] = node
        return memo[root]

    def _body(self, node: Compute, memo: dict[Tensor, Tensor]) -> Compute:
        replaced: dict[Scalar, Scalar] = {}
        for scalar in post_order([node.body, node.domain]):
            found = self._found(scalar)
            if found is not None:
                replaced[scalar] = found
            elif isinstance(scalar, Load):
                replaced[scalar] = load(memo[scalar.tensor], [replaced[i] for i in scalar.indices])
            elif any(replaced[c] is not c for c in scalar.children):
                replaced[scalar] = as_it_is(scalar, [replaced[c] for c in scalar.children])
            else:
                replaced[scalar] = scalar
        if replaced[node.body] is node.body and replaced[node.domain] is node.domain:
            return node
        return compute(
            node.shape,
            replaced[node.body],
            reduce_extents=node.reduce_extents,
            reducer=node.reducer,
            domain=replaced[node.domain],
        )

    def _found(self, scalar: Scalar) -> Scalar | None:
        if not isinstance(scalar, Apply) or scalar.op not in self._operations:
            return None
        known = self._known.get(canonical(scalar))
        if known is None:
            return None
        after, axes = known
        places = dict(zip(axes, axes_of(scalar), strict=True))
        return load(after, [index(places[k]) for k in range(after.rank)])


# ---------------------------------------------------------------- sums over the steps


def _total(state: State, sweep: Sweep, sweeps: Sequence[Sweep]) -> Total | None:
    """The state as a sum or product over the steps; None where a step does something else with it, or somebody reads it."""
    root = state.following
    if sweep.condition is not None or not isinstance(root, Compute) or root.reducer is not None:
        return None
    own = load(state.before, [index(k) for k in range(root.rank)])
    body = root.body
    if not isinstance(body, Apply) or body.op.name not in ("sum", "prod") or list(body.args).count(own) != 1:
        return None
    rest = [part for part in body.args if part is not own]
    increment = compute(root.shape, rest[0] if len(rest) == 1 else apply(body.op, *rest))
    hidden = {state.before, state.after}
    others = [r for each in sweeps for r in each.roots if r is not root]
    if any(node in hidden for node in graph_order([increment, *others])):
        return None
    return Total(body.op.name, state, increment)


def _placed(total: Total, sweep: Sweep) -> Stack | None:
    """A sum to which step t adds to the entries ``[t, ...]`` alone, as the array of what the steps make."""
    final, increment = total.state.final, total.increment
    assert isinstance(increment, Compute)
    if total.kind != "sum" or not is_neutral(total) or not final.rank or final.shape[0] != sweep.trip:
        return None
    place = difference(index(0), load(sweep.step))
    same = [s for s in post_order([increment.body]) if is_apply(s, "equal") and _is_zero_of(s, place)]
    if len(same) != 1 or not _vanishes(increment.body, same[0]) or increment.reducer is not None:
        return None
    moved: dict[Scalar, Scalar] = {index(k): index(k - 1) for k in range(1, final.rank)}
    value = Substitution({**moved, same[0]: TRUE, index(0): load(sweep.step)})(increment.body)
    return Stack(total.state.stem, final, compute(final.shape[1:], value))


def _is_zero_of(predicate: Scalar, gap: Scalar) -> bool:
    left, right = predicate.children
    return difference(left, right) in (gap, difference(number(0), gap))


def _vanishes(scalar: Scalar, predicate: Scalar) -> bool:
    """Whether a body is visibly 0 where a condition does not hold."""
    if isinstance(scalar, Guard):
        asked = scalar.predicate.children if is_apply(scalar.predicate, "and") else (scalar.predicate,)
        return predicate in asked or _vanishes(scalar.body, predicate)
    if is_apply(scalar, "where"):
        return all(_vanishes(branch, predicate) for branch in scalar.children[1:])
    if is_apply(scalar, "prod"):
        return any(_vanishes(factor, predicate) for factor in scalar.children)
    if is_apply(scalar, "sum"):
        return all(_vanishes(term, predicate) for term in scalar.children)
    return is_number(scalar, 0)


def is_neutral(total: Total) -> bool:
    """Whether the total begins with what adds nothing: 0, or 1 for a product."""
    start = total.state.start
    return isinstance(start, Compute) and is_number(start.body, 0 if total.kind == "sum" else 1)
