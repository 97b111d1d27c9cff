"""Calls with a derivative rule of the user's own, in both modes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from gradc.differentiate.loops import Pullback, fresh_input, moved_axis, zeros
from gradc.errors import TraceError
from gradc.ir.rewrite import replace_tensors
from gradc.ir.tensor import Call, Extent, Graph, Input, Shape, Tensor, call, projection
from gradc.ir.walk import graph_order
from gradc.ops.custom import is_own, rule_of

#: `gradc.differentiate.batch.batch`
Batch = Callable[[Sequence[Tensor], Mapping[Tensor, Tensor], Extent], tuple[Tensor, ...]]


def pushed_through_rule(
    node: Call, tangents: Sequence[Tensor | None], directions: Shape, batch: Batch
) -> dict[int, Tensor]:
    """The tangents of the results by the rule."""
    rule = rule_of(node.policy)
    _refuse_captured(node, tangents, rule.name, rule.arguments)
    if rule.pushforward is None:
        raise TraceError(f"{rule.name} has a rule for reverse mode only; give it one for forward mode with .defjvp")
    given = [
        tangent or zeros((*operand.shape, *directions), operand)
        for tangent, operand in zip(tangents[: rule.arguments], node.operands, strict=False)
    ]
    leading = [_axes_first(t, operand.rank) for t, operand in zip(given, node.operands, strict=False)]
    found = _applied(rule.pushforward, node.policy, node.operands, leading, directions, batch)
    return {k: _axes_last(t, len(directions)) for k, t in enumerate(found)}


def pulled_through_rule(
    node: Call,
    cotangents: Mapping[int, Tensor],
    directions: Shape,
    wanted: Sequence[bool],
    batch: Batch,
    pull: Pullback,
) -> Iterator[tuple[Tensor, Tensor]]:
    """The arguments that are wanted, each with its cotangent by the rule."""
    rule = rule_of(node.policy)
    _refuse_captured(
        node, [t if w else None for t, w in zip(node.operands, wanted, strict=True)], rule.name, rule.arguments
    )
    given = [
        cotangents.get(k) or zeros((*directions, *r.shape), projection(node, k)) for k, r in enumerate(node.results)
    ]
    if rule.pullback is not None and rule.residuals is not None:
        inner: dict[Tensor, Tensor] = dict(zip(rule.residuals.inputs, node.operands, strict=True))
        kept = replace_tensors(_named(rule.residuals.outputs, node.policy), inner)
        found = _applied(
            rule.pullback, node.policy, [*node.operands[rule.arguments :], *kept], given, directions, batch
        )
    else:
        assert rule.pushforward is not None
        transposed = _transposed(rule.pushforward, len(node.operands), pull)
        found = _applied(transposed, node.policy, node.operands, given, directions, batch)
    for operand, cotangent, is_wanted in zip(node.operands, found, wanted, strict=False):
        if is_wanted:
            yield operand, cotangent


def _transposed(pushforward: Graph, count: int, pull: Pullback) -> Graph:
    """A tangent map, which is linear, turned round: from operands and cotangents of the results to those of the arguments."""
    operands, tangents = pushforward.inputs[:count], pushforward.inputs[count:]
    taken = {t.name for t in pushforward.inputs}
    bars = [fresh_input(t, "bar", t.shape, taken) for t in pushforward.outputs]
    found = pull(pushforward.outputs, bars, tangents, ())
    nowhere: dict[Tensor, Tensor] = {t: zeros(t.shape, t) for t in tangents}
    return Graph((*operands, *bars), replace_tensors(found, nowhere))


def _applied(
    graph: Graph, policy: str, fixed: Sequence[Tensor], moving: Sequence[Tensor], directions: Shape, batch: Batch
) -> tuple[Tensor, ...]:
    """The graph on operands and on tensors that have the directions as leading axes."""
    inputs: dict[Tensor, Tensor] = dict(zip(graph.inputs[: len(fixed)], fixed, strict=True))
    outputs = replace_tensors(_named(graph.outputs, policy), inputs)
    own: Sequence[Input] = graph.inputs[len(fixed) :]
    if not directions:
        return replace_tensors(outputs, dict(zip(own, moving, strict=True)))
    # from the innermost direction outwards: each is one more leading axis
    sources: list[Tensor] = list(own)
    for depth in reversed(range(len(directions))):
        extent = directions[depth]
        wide: list[Tensor] = []
        taken: set[str] = set()
        for source, whole in zip(sources, moving, strict=True):
            wide.append(whole if depth == 0 else fresh_input(source, f"along{depth}", (extent, *source.shape), taken))
        outputs = batch(outputs, dict(zip(sources, wide, strict=True)), extent)
        sources = wide
    return outputs


def _named(outputs: Sequence[Tensor], policy: str) -> tuple[Tensor, ...]:
    """A rule's outputs, in which calls of the function itself name its rule."""
    mapping: dict[Tensor, Tensor] = {}
    for node in graph_order(outputs):
        if isinstance(node, Call) and is_own(node.policy):
            named = call(node.graph, replace_tensors(node.operands, mapping), policy)
            mapping |= {projection(node, k): projection(named, k) for k in range(len(node.results))}
    return replace_tensors(outputs, mapping)


def _axes_first(tensor: Tensor, own_rank: int) -> Tensor:
    """The axes behind the tensor's own as leading axes."""
    for k in range(tensor.rank - own_rank):
        tensor = moved_axis(tensor, own_rank + k, k)
    return tensor


def _axes_last(tensor: Tensor, count: int) -> Tensor:
    for _ in range(count):
        tensor = moved_axis(tensor, 0, tensor.rank - 1)
    return tensor


def _refuse_captured(node: Call, moving: Sequence[Tensor | None], name: str, arguments: int) -> None:
    if any(t is not None for t in moving[arguments:]):
        raise TraceError(
            f"{name} reads a traced array from outside that is differentiated, which its rule knows nothing of; "
            "pass it as an argument"
        )
