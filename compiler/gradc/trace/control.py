"""Structured control flow in traced code: `scan`, `fori_loop`, `while_loop`, `cond` and `checkpoint` as nodes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.ir.scalar import INT64, DType
from gradc.ir.tensor import (
    Extent,
    Input,
    MultiNode,
    Tensor,
    call,
    compute,
    cond,
    extent_scalar,
    loop,
    projection,
)
from gradc.trace.arrays.tracer import TracedArray, extent_of, lift, size_expression
from gradc.trace.closures import Body, Leaf, closed, handle, known_before, lifted_leaves, rebuilt, run
from gradc.trace.containers import unflatten
from gradc.trace.context import current_trace, dtype_error, note_line, shape_error, trace_error
from gradc.trace.elements.elementwise import array_dtype, astype, truth
from gradc.trace.parameter_names import leaf_names, parameter_name


def results_of(node: MultiNode) -> list[Tensor]:
    """The results of a node, made by the user's line that runs."""
    made: list[Tensor] = [projection(node, k) for k in range(len(node.results))]
    for tensor in made:
        note_line(tensor)
    return made


# ---------------------------------------------------------------- loops


class _Carry:
    """What a loop carries: leaves of fixed shapes, whose dtypes Python numbers give way in."""

    def __init__(self, value: Any, function: Callable[..., Any], position: int) -> None:
        """What the function's argument number ``position`` begins with."""
        self.start, self.tree, paths = lifted_leaves(value, "init")
        names = leaf_names(function, position, self.tree, "init")
        self.leaves = [Leaf.like(*entry) for entry in zip(self.start, paths, names, strict=True)]

    def fresh(self) -> tuple[list[Input], Any]:
        """Inputs for the leaves, and the container of handles on them."""
        inputs = [leaf.fresh() for leaf in self.leaves]
        handles = [
            handle(item, leaf.weak, x.immutable) for item, leaf, x in zip(inputs, self.leaves, self.start, strict=True)
        ]
        return inputs, unflatten(self.tree, handles)

    def takes(self, tree: Any, leaves: Sequence[TracedArray], what: str) -> bool:
        """Whether the next carry is what this one is; where dtypes are wider, the leaves are widened and it is False."""
        if tree != self.tree:
            raise trace_error(
                f"{what} returns a carry of the structure {tree}, but it is given {self.tree}; return the same"
            )
        same = True
        for k, (leaf, after) in enumerate(zip(self.leaves, leaves, strict=True)):
            if after.extents != leaf.shape:
                raise shape_error(
                    f"{what} makes {leaf.path} of shape {after.extents} from one of shape {leaf.shape}; "
                    "what a loop carries keeps its shape"
                )
            dtype = self._common(leaf, after, what)
            weak = leaf.weak and after.weak
            if (dtype, weak) != (leaf.dtype, leaf.weak):
                self.leaves[k] = Leaf(leaf.path, leaf.shape, dtype, weak, leaf.name)
                same = False
        return same

    def _common(self, leaf: Leaf, after: TracedArray, what: str) -> DType:
        if leaf.weak and after.weak:
            return np.result_type(leaf.dtype, after.dtype)
        if leaf.weak or after.weak:
            return _strong(leaf, after)
        if after.dtype != leaf.dtype:
            raise dtype_error(
                f"{what} makes {leaf.path} {after.dtype} from {leaf.dtype}; what a loop carries keeps its dtype: "
                f"begin with {leaf.path}.astype({str(after.dtype)!r})"
            )
        return leaf.dtype

    def operands(self) -> list[Tensor]:
        """What the loop begins with."""
        return [_as(x, leaf.dtype) for x, leaf in zip(self.start, self.leaves, strict=True)]

    def converted(self, leaves: Sequence[TracedArray]) -> list[Tensor]:
        """The next carry."""
        return [_as(x, leaf.dtype) for x, leaf in zip(leaves, self.leaves, strict=True)]


def _strong(leaf: Leaf, after: TracedArray) -> DType:
    """The dtype where one of the two is a Python number, which gives way."""
    weak, strong = (leaf.dtype, after.dtype) if leaf.weak else (after.dtype, leaf.dtype)
    return np.result_type(strong, {"b": False, "i": 0, "f": 0.0, "c": 0j}[weak.kind])


def _as(x: TracedArray, dtype: DType) -> Tensor:
    if x.dtype == dtype:
        return x.tensor
    if x.weak or np.can_cast(x.dtype, dtype, "same_kind"):
        return astype(x, dtype).tensor
    raise dtype_error(f"{x.dtype} can't be carried as {dtype}; convert it with astype")


def _size(value: Extent) -> Any:
    return value if isinstance(value, int) else TracedArray(compute((), extent_scalar(value)), weak=True)


def scan(
    function: Callable[..., Any], init: Any, xs: Any, length: Any, reverse: bool, *, what: str = "scan's function"
) -> tuple[Any, Any]:
    """``carry, y = function(carry, x)`` for each x, as one node."""
    sequences, x_tree, paths = lifted_leaves(xs, "xs")
    trip = _trip(sequences, paths, length)
    names = leaf_names(function, 1, x_tree, "xs")
    return _scanned(function, _Carry(init, function, 0), (sequences, x_tree, paths, names), trip, reverse, what)


def _scanned(
    function: Callable[..., Any],
    carry: _Carry,
    given_xs: tuple[Sequence[TracedArray], Any, Sequence[str], Sequence[str]],
    trip: Extent,
    reverse: bool,
    what: str,
    *,
    counted: bool = False,
) -> tuple[Any, Any]:
    """The node of a scan. Where it is ``counted``, the function is given the number of the step instead of a slice."""
    sequences, x_tree, paths, names = given_xs
    function = _pair(function, what)
    while True:
        outside = known_before()
        counter = current_trace().argument("i" if counted else "step", (), INT64)
        slices = [
            Leaf(path, x.extents[1:], x.dtype, False, name)
            for x, path, name in zip(sequences, paths, names, strict=True)
        ]
        with current_trace().body():
            states, given = carry.fresh()
            items = [leaf.fresh() for leaf in slices]
            x = unflatten(x_tree, [handle(item, False, False) for item in items])
            x = TracedArray(counter, weak=True) if counted else x
            body = run(function, [given, x], [counter, *states, *items])
        carry_tree, y_tree = body.tree.children()
        after, ys = body.leaves[: carry_tree.num_leaves], body.leaves[carry_tree.num_leaves :]
        if carry.takes(carry_tree, after, what):
            break
    outputs = [*carry.converted(after), *[y.tensor for y in ys]]
    (graph,), captured = closed([(outputs, body.inputs)], outside)
    node = loop(
        graph,
        trip=trip,
        init=carry.operands(),
        sequences=[s.tensor for s in sequences],
        captured=captured,
        reverse=reverse,
    )
    made = results_of(node)
    final = rebuilt(carry.tree, made[: len(states)], [leaf.weak for leaf in carry.leaves])
    return final, rebuilt(y_tree, made[len(states) :], [False] * len(ys))


def collected(function: Callable[[Any, Any], tuple[Any, Any]], trips: int, init: Any) -> tuple[Any, Any]:
    """``carry, y = function(carry, k)`` for each k in range(trips), as one node: the last carry, and the ys stacked."""
    nothing = (*lifted_leaves(None, "xs"), ())
    return _scanned(function, _Carry(init, function, 0), nothing, trips, False, "the loop's body", counted=True)


def _pair(function: Callable[..., Any], what: str) -> Callable[..., Any]:
    def checked(*arguments: Any) -> Any:
        result = function(*arguments)
        if not isinstance(result, tuple) or len(result) != 2:
            raise trace_error(
                f"{what} returns a pair (carry, y), not {type(result).__name__}; return None for a missing y"
            )
        return result

    return checked


def steps_of(xs: Any, length: Any) -> Any:
    """How many steps a scan takes; a named size, which is known for each call, is a number then."""
    sequences, _, paths = lifted_leaves(xs, "xs")
    return _size(_trip(sequences, paths, length))


def _trip(sequences: Sequence[TracedArray], paths: Sequence[str], length: Any) -> Extent:
    found: list[tuple[Extent, str]] = []
    for x, path in zip(sequences, paths, strict=True):
        if not x.extents:
            raise shape_error(f"scan goes over the first axis of {path}, which has none")
        found.append((x.extents[0], path))
    if length is not None:
        found.append((extent_of(length, "length"), "length"))
    if not found:
        raise trace_error("scan needs xs, or length= to say how many steps it takes")
    trip, name = found[0]
    for other, path in found[1:]:
        if other != trip:
            raise shape_error(f"scan takes {trip} steps over {name}, but {other} over {path}")
    return trip


def fori_loop(lower: Any, upper: Any, function: Callable[..., Any], init: Any) -> Any:
    """``for i in range(lower, upper): x = function(i, x)``, as one node."""
    first, last = _bound("lower", lower), _bound("upper", upper)
    if first is None or last is None:
        return _dynamic_for(lower, upper, function, init)
    begin, end = (lift(_size(v)) for v in (first, last))
    length = max(last - first, 0) if isinstance(first, int) and isinstance(last, int) else end - begin
    return _counted(function, begin, length, init)


def _counted(function: Callable[..., Any], begin: TracedArray, length: Any, init: Any) -> Any:
    carry = _Carry(init, function, 1)
    letter = parameter_name(function, 0, "i")
    while True:
        outside = known_before()
        counter = current_trace().argument(letter, (), INT64)
        with current_trace().body():
            states, given = carry.fresh()
            step = TracedArray(counter, weak=True)
            position = step if begin.tensor is lift(0).tensor else step + begin
            body = run(function, [position, given], [counter, *states])
        if carry.takes(body.tree, body.leaves, "fori_loop's body"):
            break
    (graph,), captured = closed([(carry.converted(body.leaves), body.inputs)], outside)
    node = loop(graph, trip=extent_of(length, "the trips"), init=carry.operands(), captured=captured)
    return rebuilt(carry.tree, results_of(node), [leaf.weak for leaf in carry.leaves])


def _bound(name: str, value: Any) -> Extent | None:
    """A bound that is known while tracing, or an expression over named sizes; None for one that is computed."""
    if isinstance(value, TracedArray):
        if value.extents or value.dtype.kind not in "iu":
            raise dtype_error(
                f"fori_loop goes from one integer to another: {name} is {value.dtype} of shape {value.shape}; "
                f"use {name}.astype(int)"
            )
        return size_expression(value.tensor)
    try:
        return operator.index(value)
    except TypeError:
        raise dtype_error(
            f"fori_loop goes from one integer to another: {name} is {value!r:.80}; use int(...)"
        ) from None


def _dynamic_for(lower: Any, upper: Any, function: Callable[..., Any], init: Any) -> Any:
    end = lift(upper)

    def going(state: Any) -> Any:
        return state[0] < end

    def step(state: Any) -> Any:
        return state[0] + 1, function(state[0], state[1])

    return while_loop(going, step, (lift(lower), init))[1]


def while_loop(condition: Callable[..., Any], function: Callable[..., Any], init: Any) -> Any:
    """``while condition(x): x = function(x)``, as one node."""
    carry = _Carry(init, function, 0)
    while True:
        outside = known_before()
        counter = current_trace().argument("step", (), INT64)
        with current_trace().body():
            states, given = carry.fresh()
            body = run(function, [given], [counter, *states])
        if carry.takes(body.tree, body.leaves, "while_loop's body"):
            break
    count = current_trace().argument("step", (), INT64)
    with current_trace().body():
        tested, given = carry.fresh()
        test = run(condition, [given], [count, *tested])
    flags = [truth(flag).tensor for flag in test.leaves]
    if len(flags) != 1 or flags[0].shape:
        raise shape_error("while_loop's condition returns one truth value")
    groups = [(carry.converted(body.leaves), body.inputs), (flags, test.inputs)]
    (graph, going), captured = closed(groups, outside)
    node = loop(graph, trip=None, init=carry.operands(), captured=captured, condition=going)
    return rebuilt(carry.tree, results_of(node), [leaf.weak for leaf in carry.leaves])


# ---------------------------------------------------------------- branches


def branch(
    predicate: TracedArray, on_true: Callable[..., Any], on_false: Callable[..., Any], operands: Sequence[Any]
) -> Any:
    """``on_true(*operands) if predicate else on_false(*operands)``, as one node."""
    if predicate.extents:
        raise shape_error(f"cond takes one truth value, not an array of shape {predicate.extents}; use np.where")
    flag = truth(predicate)
    outside = known_before()
    bodies = []
    given, tree, paths = lifted_leaves(list(operands), "operands")
    inputs = [Leaf.like(x, path).fresh() for x, path in zip(given, paths, strict=True)]
    for function in (on_true, on_false):
        with current_trace().body():
            handles = [handle(item, x.weak, x.immutable) for item, x in zip(inputs, given, strict=True)]
            bodies.append(run(function, unflatten(tree, handles), inputs))
    _same_structure(*bodies)
    outputs, weak = agreed(bodies[0].leaves, bodies[1].leaves)
    graphs, captured = closed([(found, inputs) for found in outputs], outside)
    node = cond(flag.tensor, graphs[0], graphs[1], [*[x.tensor for x in given], *captured])
    return rebuilt(bodies[0].tree, results_of(node), weak)


def _same_structure(left: Body, right: Body) -> None:
    if left.tree != right.tree:
        raise trace_error(
            f"the branches of a cond return different structures, {left.tree} and {right.tree}; return the same"
        )
    for a, b in zip(left.leaves, right.leaves, strict=True):
        if a.extents != b.extents:
            raise shape_error(
                f"the branches of a cond return different shapes, {a.extents} and {b.extents}; return the same"
            )


def agreed(left: Sequence[TracedArray], right: Sequence[TracedArray]) -> tuple[list[list[Tensor]], list[bool]]:
    """The outputs of both branches, of common dtypes."""
    outputs: list[list[Tensor]] = [[], []]
    weak: list[bool] = []
    for a, b in zip(left, right, strict=True):
        weak.append(a.weak and b.weak)
        dtype = array_dtype([a, b]) if a.weak == b.weak else _strong(Leaf.like(a, ""), b)
        outputs[0].append(_as(a, dtype))
        outputs[1].append(_as(b, dtype))
    return outputs, weak


def checkpointed(function: Callable[..., Any], args: Sequence[Any]) -> Any:
    """``function(*args)`` as a node that is computed again in reverse mode."""
    outside = known_before()
    given, tree, paths = lifted_leaves(list(args), "args")
    inputs = [Leaf.like(x, path).fresh() for x, path in zip(given, paths, strict=True)]
    with current_trace().body():
        handles = [handle(item, x.weak, x.immutable) for item, x in zip(inputs, given, strict=True)]
        body = run(function, unflatten(tree, handles), inputs)
    (graph,), captured = closed([(body.outputs, inputs)], outside)
    node = call(graph, [*[x.tensor for x in given], *captured], "checkpoint")
    return rebuilt(body.tree, results_of(node), [leaf.weak for leaf in body.leaves])
