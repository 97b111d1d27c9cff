"""Calls with a derivative rule of the user's own: the function and its rules are run once each, as sub-graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradc.ir.algebra import convert
from gradc.ir.intern import Node
from gradc.ir.rewrite import replace_tensors
from gradc.ir.scalar import index, load, number
from gradc.ir.tensor import Call, Graph, Input, Tensor, call, compute, projection
from gradc.ir.text import sub_graphs
from gradc.ir.walk import graph_order
from gradc.ops.custom import CustomRule, entered, is_own, own_policy
from gradc.trace.arrays.tracer import TracedArray, lift
from gradc.trace.closures import Body, Leaf, closed, handle, known_before, lifted_leaves, rebuilt, run
from gradc.trace.containers import flatten, unflatten
from gradc.trace.context import current_trace, shape_error, trace_error
from gradc.trace.control import results_of

Rule = Callable[..., Any]


class _Run:
    """The function and its rules on fresh inputs."""

    value: Body
    outside: frozenset[Node]

    def __init__(self, owner: object, name: str, args: Sequence[Any]) -> None:
        self.owner, self.name = owner, name
        self.given, self.tree, self.paths = lifted_leaves(list(args), "args")
        self.inputs = [Leaf.like(x, path).fresh() for x, path in zip(self.given, self.paths, strict=True)]

    def arguments(self, tensors: Sequence[Input]) -> Any:
        """The arguments, with handles on these tensors as their leaves."""
        return unflatten(self.tree, [handle(t, x.weak, x.immutable) for t, x in zip(tensors, self.given, strict=True)])

    def fresh(self, mark: str) -> list[Input]:
        """An input per leaf of the arguments, for what goes with it."""
        pairs = zip(self.given, self.paths, strict=True)
        return [Leaf(f"{path}_{mark}", x.extents, x.dtype, x.weak).fresh() for x, path in pairs]

    def body(self, function: Rule, arguments: Sequence[Any], inputs: Sequence[Input]) -> Body:
        """The function's results on these arguments."""
        with current_trace().body():
            return run(function, arguments, inputs)

    def called_by_its_own_rule(self, args: Sequence[Any], is_direct: bool) -> Any:
        """A call of the function while its rules are run: it will have the rule that is being made."""
        given, tree, _ = lifted_leaves(list(args), "args")
        same = tree == self.tree and all(
            (a.extents, a.dtype) == (b.extents, b.dtype) for a, b in zip(given, self.given, strict=False)
        )
        if not is_direct or not same:
            raise trace_error(
                f"the derivative rule of {self.name} calls {self.name} on arguments of other shapes, or by way of another "
                "function's rule; write out what it computes"
            )
        (graph,), captured = closed([(self.value.outputs, self.inputs)], self.outside, done=False)
        node = call(graph, [*[x.tensor for x in given], *captured], own_policy(len(self.inputs)))
        return rebuilt(self.value.tree, results_of(node), [leaf.weak for leaf in self.value.leaves])

    # ------------------------------------------------------------ rules

    def pushforward(self, rule: Rule, value: Body) -> tuple[list[Tensor], list[Input]]:
        """The tangents of the results, over the arguments and their tangents."""
        tangents = self.fresh("tangent")
        body = self.body(rule, [tuple(self.arguments(self.inputs)), tuple(self.arguments(tangents))], [])
        count = len(value.leaves)
        if len(body.leaves) != 2 * count:
            raise trace_error(
                f"the rule of {self.name} for forward mode returns (result, tangent), of {count} array(s) each; "
                f"it returns {len(body.leaves)} in all"
            )
        return self._checked(body.leaves[count:], value.leaves, "a tangent"), [*self.inputs, *tangents]

    def residuals(self, forward: Rule, value: Body) -> tuple[list[Tensor], Any]:
        """What the forward part of the rule keeps, over the arguments."""
        body = self.body(forward, self.arguments(self.inputs), [])
        children = body.tree.children() if body.tree.num_children == 2 else None
        if children is None or children[0].num_leaves != len(value.leaves):
            raise trace_error(f"the forward part of the rule of {self.name} returns a pair (result, residuals)")
        return [leaf.tensor for leaf in body.leaves[len(value.leaves) :]], children[1]

    def pullback(
        self, backward: Rule, value: Body, kept: Sequence[Tensor], tree: Any
    ) -> tuple[list[Tensor], list[Input]]:
        """The cotangents of the arguments, over the residuals and the cotangents of the results."""
        own = [Leaf(f"residual_{k}", t.shape, t.dtype, False).fresh() for k, t in enumerate(kept)]
        bars = [Leaf(f"cotangent_{k}", x.extents, x.dtype, x.weak).fresh() for k, x in enumerate(value.leaves)]
        handles = [handle(bar, x.weak, x.immutable) for bar, x in zip(bars, value.leaves, strict=True)]
        residuals = unflatten(tree, [handle(t, False, False) for t in own])
        body = self.body(backward, [residuals, unflatten(value.tree, handles)], [])
        found = _per_argument(body, self.tree, self.given)
        if found is None:
            raise trace_error(
                f"the backward part of the rule of {self.name} returns a tuple with a cotangent per argument, "
                f"{len(self.tree.children())} in all (None for none)"
            )
        return self._checked(found, self.given, "a cotangent"), [*own, *bars]

    def _checked(self, found: Sequence[TracedArray], like: Sequence[TracedArray], what: str) -> list[Tensor]:
        made: list[Tensor] = []
        for x, wanted in zip(found, like, strict=True):
            if x.extents != wanted.extents:
                raise shape_error(
                    f"the rule of {self.name} gives {what} of shape {x.extents} for shape {wanted.extents}"
                )
            every = [index(k) for k in range(x.ndim)]
            made.append(compute(x.extents, convert(load(x.tensor, every), wanted.dtype)))
        return made


def _per_argument(body: Body, tree: Any, given: Sequence[TracedArray]) -> list[TracedArray] | None:
    """A cotangent per leaf of the arguments: None stands for zeros all over an argument."""
    result = unflatten(body.tree, body.leaves)
    if not isinstance(result, tuple | list) or len(result) != len(tree.children()):
        return None
    found: list[TracedArray] = []
    position = 0
    for part, child in zip(result, tree.children(), strict=True):
        count = child.num_leaves
        own = given[position : position + count]
        position += count
        leaves = flatten(part)[0]
        if part is None:
            leaves = [TracedArray(compute(x.extents, number(0, x.dtype))) for x in own]
        if len(leaves) != count:
            return None
        found += [lift(leaf) for leaf in leaves]
    return found


def with_rule(
    owner: object, name: str, function: Rule, args: Sequence[Any], forward: Rule | None, pair: tuple[Rule, Rule] | None
) -> Any:
    """``function(*args)`` as a node that is differentiated by the rules of ``owner``."""
    trace = current_trace()
    for active in trace.rules:
        if active.owner is owner:
            return active.called_by_its_own_rule(args, active is trace.rules[-1])
    outside = known_before()
    work = _Run(owner, name, args)
    value = work.body(function, work.arguments(work.inputs), work.inputs)
    work.value, work.outside = value, outside
    groups: list[tuple[Sequence[Tensor], Sequence[Input]]] = [(value.outputs, work.inputs)]
    trace.rules.append(work)
    try:
        if forward is not None:
            groups.append(work.pushforward(forward, value))
        if pair is not None:
            kept, tree = work.residuals(pair[0], value)
            groups += [(kept, work.inputs), work.pullback(pair[1], value, kept, tree)]
    finally:
        trace.rules.pop()
    graphs, captured = closed(groups, outside)
    count = len(work.inputs)
    before = [count] * (len(graphs) - 1) + [0 if pair is not None else count]
    body, *rest = [_captured_after(graph, k, len(captured)) for graph, k in zip(graphs, before, strict=True)]
    items = body.inputs[count:]
    rest = [_with_all_captured(graph, body, items) for graph in rest]
    pushforward = rest.pop(0) if forward is not None else None
    residuals, pullback = rest or (None, None)
    node = call(
        body,
        [*[x.tensor for x in work.given], *captured],
        entered(CustomRule(name, count, pushforward, residuals, pullback)),
    )
    return rebuilt(value.tree, results_of(node), [leaf.weak for leaf in value.leaves])


def _with_all_captured(graph: Graph, body: Graph, captured: Sequence[Input]) -> Graph:
    """A rule's graph, in which the function's own calls are given all that the function and its rules capture."""
    mapping: dict[Tensor, Tensor] = {}
    for node in graph_order(graph.outputs):
        if any(_calls_itself(inner) for inner in sub_graphs(node) if not _is_itself(node)):
            raise trace_error(
                "a derivative rule calls its own function inside a loop or branch; write out what it computes"
            )
        if isinstance(node, Call) and _is_itself(node):
            missing = captured[len(node.operands) - (len(body.inputs) - len(captured)) :]
            whole = call(body, [*replace_tensors(node.operands, mapping), *missing], node.policy)
            mapping |= {projection(node, k): projection(whole, k) for k in range(len(node.results))}
    return Graph(graph.inputs, replace_tensors(graph.outputs, mapping))


def _is_itself(node: Node) -> bool:
    return isinstance(node, Call) and is_own(node.policy)


def _calls_itself(graph: Graph) -> bool:
    return any(_is_itself(node) or any(map(_calls_itself, sub_graphs(node))) for node in graph_order(graph.outputs))


def _captured_after(graph: Graph, arguments: int, captured: int) -> Graph:
    """The graph with what is captured, its last inputs, right behind the arguments."""
    if not captured:
        return graph
    own, taken = graph.inputs[:-captured], graph.inputs[-captured:]
    return Graph((*own[:arguments], *taken, *own[arguments:]), graph.outputs)
