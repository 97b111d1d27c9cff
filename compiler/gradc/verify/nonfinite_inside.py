"""Inside loops, branches and kept calls: the sub-graph, and the step of a loop, in which a NaN or an infinity is made."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.evaluate import evaluate
from gradc.ir.tensor import Call, Cond, Extern, Graph, Input, Loop, MultiNode

Array = np.ndarray[Any, Any]
#: What evaluation raises where an operation has no result.
REFUSALS = (np.linalg.LinAlgError, IndexError)
#: Steps after which the search for the one to blame ends.
_MOST_STEPS = 100_000


@dataclass(frozen=True)
class Inside:
    """A sub-graph and the values of its inputs; ``words`` say which it is."""

    words: str
    graph: Graph
    values: Mapping[Input, Array]


def first_failing(node: MultiNode, operands: Sequence[Array]) -> Inside | None:
    """The sub-graph that makes what is not finite (or has no result) of finite operands; None where none is found."""
    if isinstance(node, Loop):
        return _step(node, operands)
    if isinstance(node, Cond):
        side = node.true_graph if bool(operands[0]) else node.false_graph
        return _failing("in the branch that is taken", side, operands[1:])
    if isinstance(node, Extern):
        return None
    assert isinstance(node, Call)
    return _failing("in the call", node.graph, operands)


def _step(node: Loop, operands: Sequence[Array]) -> Inside | None:
    first, second = node.state_count, node.state_count + node.sequence_count
    states, sequences, captured = operands[:first], operands[first:second], operands[second:]
    trip = len(sequences[0]) if sequences else node.trip if isinstance(node.trip, int) else _MOST_STEPS
    counted = node.condition is None
    steps = range(trip)[::-1] if node.reverse else range(trip) if counted else itertools.count()
    for step in itertools.islice(steps, _MOST_STEPS):
        count = np.asarray(step)
        if node.condition is not None and not bool(_values(node.condition, [count, *states, *captured])[0]):
            return None
        given = [count, *states, *[np.asarray(s[step]) for s in sequences], *captured]
        found = _failing(f"in step {step} of the loop", node.body, given)
        if found is not None:
            return found
        states = _values(node.body, given)[:first]
    return None


def _failing(words: str, graph: Graph, given: Sequence[Array]) -> Inside | None:
    try:
        fine = all(np.isfinite(v).all() for v in _values(graph, given) if v.dtype.kind in "fc")
    except REFUSALS:
        fine = False
    return None if fine else Inside(words, graph, dict(zip(graph.inputs, given, strict=True)))


def _values(graph: Graph, given: Sequence[Array]) -> list[Array]:
    with np.errstate(all="ignore"):
        return [np.asarray(value) for value in evaluate(graph, list(given))]
