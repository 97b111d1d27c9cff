"""The checker: what every pass must keep true of a graph.

`check` raises an `InternalError` that shows the offending node and the user's lines that made it. It reports what is
certainly wrong; whether a guarded or gathering load stays in range is known only at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction

from gradc.errors import InternalError
from gradc.ir.algebra import difference, linear_terms, product_of, sum_of
from gradc.ir.bounds import never_positive
from gradc.ir.intern import Node
from gradc.ir.scalar import (
    INT64,
    TRUE,
    Apply,
    Guard,
    Index,
    Load,
    NamedConstant,
    Number,
    Scalar,
    Size,
    is_apply,
    number,
)
from gradc.ir.source import lines_of
from gradc.ir.tape import tape_names
from gradc.ir.tensor import (
    Call,
    Compute,
    Cond,
    Extent,
    Graph,
    Input,
    Loop,
    MultiNode,
    ResultType,
    Shape,
    Tensor,
    extent_scalar,
)
from gradc.ir.text import definition_text, inner_graphs
from gradc.ir.walk import graph_order, loads_of, post_order

_BOOLEAN_ARGUMENTS = frozenset({"and", "or", "not"})
_LOGICAL_REDUCERS = frozenset({"any", "all"})
_LONGEST_SHOWN = 2000


class _Fault(Exception):
    """What is wrong with the node at hand."""


def check(graph: Graph) -> Graph:
    """Give back ``graph`` if it is well formed, else raise an `InternalError` that names the node."""
    sizes = _sizes_in(e for t in graph.inputs for e in t.shape) | set(tape_names(graph))
    for inner in inner_graphs(graph):
        _check_inputs(inner)
        known = frozenset(inner.inputs)
        for node in graph_order(inner.outputs):
            try:
                _check_node(node, known, sizes)
            except _Fault as fault:
                raise InternalError(_report(node, str(fault))) from None
    return graph


def _report(node: Node, why: str) -> str:
    text = definition_text(node)
    shown = text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + " ..."
    lines = lines_of(node) if isinstance(node, Tensor) else ()
    return "\n".join([f"malformed graph: {why}", f"  {shown}", *(f"  made by {line}" for line in lines)])


def _check_inputs(graph: Graph) -> None:
    seen: dict[str, Input] = {}
    for node in graph.inputs:
        if node.name in seen:
            raise InternalError(_report(node, f"two inputs are called {node.name!r}"))
        seen[node.name] = node


def _sizes_in(extents: Iterable[Extent]) -> frozenset[str]:
    scalars = [e for e in extents if isinstance(e, Scalar)]
    return frozenset(node.name for node in post_order(scalars) if isinstance(node, Size))


def _check_node(node: Node, inputs: frozenset[Input], sizes: frozenset[str]) -> None:
    if isinstance(node, Tensor):
        _check_extents(node.shape, sizes)
    if isinstance(node, Input):
        if node not in inputs:
            raise _Fault(f"the graph reads {node.name!r}, which is not among its inputs")
    elif isinstance(node, Compute):
        _check_compute(node, sizes)
    elif isinstance(node, MultiNode):
        for result in node.results:
            _check_extents(result.shape, sizes)
        for kind, rule in _MULTI_RULES.items():
            if isinstance(node, kind):
                rule(node)


def _check_extents(extents: Sequence[Extent], sizes: frozenset[str]) -> None:
    for extent in extents:
        if isinstance(extent, int):
            if extent < 0:
                raise _Fault(f"an extent is {extent}")
            continue
        if extent.dtype.kind not in "iu":
            raise _Fault(f"the extent {extent!r} is {extent.dtype}, not an integer")
        for part in post_order([extent]):
            if isinstance(part, Index | Load):
                raise _Fault(f"the extent {extent!r} depends on {part!r}")
            _check_size(part, sizes)


def _check_size(scalar: Scalar, sizes: frozenset[str]) -> None:
    if isinstance(scalar, Size) and scalar.name not in sizes:
        raise _Fault(f"no input's shape defines the size {scalar.name!r}")


# ---------------------------------------------------------------- comprehensions


def _check_compute(node: Compute, sizes: frozenset[str]) -> None:
    _check_extents(node.reduce_extents, sizes)
    if node.domain.dtype.kind != "b":
        raise _Fault(f"the domain {node.domain!r} is {node.domain.dtype}, not bool")
    if node.reducer in ("argmax", "argmin") and len(node.reduce_extents) != 1:
        raise _Fault(f"{node.reducer} reduces one axis, not {len(node.reduce_extents)}")
    if node.reducer in _LOGICAL_REDUCERS and node.body.dtype.kind != "b":
        raise _Fault(f"{node.reducer} reduces bools, not {node.body.dtype}")
    if node.reducer in ("sum", "prod") and node.body.dtype.kind == "b":
        raise _Fault(f"{node.reducer} reduces numbers, not bools; convert the body")
    axes = len(node.extents)
    for scalar in post_order([node.domain, node.body]):
        if isinstance(scalar, Index) and not 0 <= scalar.position < axes:
            raise _Fault(f"axis {scalar.position} is outside the iteration space, which has {axes}")
        _check_size(scalar, sizes)
        _check_scalar(scalar)
    _check_ranges(node)


def _check_scalar(scalar: Scalar) -> None:
    if isinstance(scalar, Number):
        if not _fits(scalar):
            raise _Fault(f"the literal {scalar.value!r} can't be {scalar.dtype}")
    elif isinstance(scalar, Load):
        _check_load(scalar)
    elif isinstance(scalar, Guard):
        if scalar.predicate.dtype.kind != "b":
            raise _Fault(f"the predicate {scalar.predicate!r} is {scalar.predicate.dtype}, not bool")
    elif isinstance(scalar, Apply):
        _check_apply(scalar)


def _fits(literal: Number) -> bool:
    value, kind = literal.value, literal.dtype.kind
    if isinstance(value, bool):
        return kind == "b"
    if isinstance(value, int):
        return kind in "iufc"
    if isinstance(value, Fraction | float | NamedConstant):
        return kind in "fc"
    return kind == "c"


def _check_load(scalar: Load) -> None:
    if len(scalar.indices) != scalar.tensor.rank:
        raise _Fault(f"{scalar!r} has {len(scalar.indices)} indices, the tensor {scalar.tensor.rank} axes")
    for position, expression in enumerate(scalar.indices):
        if expression.dtype.kind not in "iu":
            raise _Fault(f"index {position} of {scalar!r} is {expression.dtype}, not an integer")


def _check_apply(scalar: Apply) -> None:
    name, dtypes = scalar.op.name, [arg.dtype for arg in scalar.args]
    if scalar.op.arity is not None and len(dtypes) != scalar.op.arity:
        raise _Fault(f"{name} takes {scalar.op.arity} arguments, not {len(dtypes)}")
    if name == "convert":
        return
    if name in _BOOLEAN_ARGUMENTS:
        same = all(dtype.kind == "b" for dtype in dtypes)
    elif name == "where":
        same = dtypes[0].kind == "b" and dtypes[1] == dtypes[2]
    elif name == "power":
        same = dtypes[0] == dtypes[1] or isinstance(scalar.args[1], Number)
    else:
        alike = [d for d in dtypes if d.kind != "i"] if scalar.op.extra.get("takes_orders") else dtypes
        same = all(dtype == alike[0] for dtype in alike)
    if not same:
        raise _Fault(f"{name} is applied to {', '.join(map(str, dtypes))}; convert its arguments first")
    expected = scalar.op.result_dtype(dtypes)
    if scalar.dtype != expected:
        raise _Fault(f"{name} of {', '.join(map(str, dtypes))} is {expected}, not {scalar.dtype}")


# ---------------------------------------------------------------- ranges


def _check_ranges(node: Compute) -> None:
    """Unguarded affine loads are in range at every corner of the iteration space."""
    extents = node.extents
    if any(e == 0 for e in extents if isinstance(e, int)):
        return
    for scalar in _always_evaluated(node):
        if isinstance(scalar, Load):
            for expression, extent in zip(scalar.indices, scalar.tensor.shape, strict=True):
                _check_range(scalar, expression, extent, extents)


def _always_evaluated(node: Compute) -> Iterator[Scalar]:
    """The scalars that are evaluated at every point: those not under a guard or a domain."""
    roots = [node.body] if node.domain is TRUE else [node.domain]
    seen: set[Scalar] = set()
    while roots:
        guards: list[Scalar] = []
        for scalar in post_order(roots, prune=lambda s: _is_selective(s) or s in seen):
            if scalar not in seen:
                seen.add(scalar)
                yield scalar
                if isinstance(scalar, Guard):
                    guards.append(scalar.predicate)
                elif _is_selective(scalar):
                    guards.extend(part for part in scalar.children if not loads_of(part))
        roots = guards


def _is_selective(scalar: Scalar) -> bool:
    """Whether it evaluates some of its operands only at some points; the parts of a connective guard each other."""
    return isinstance(scalar, Guard) or is_apply(scalar, "and") or is_apply(scalar, "or")


def _check_range(scalar: Load, expression: Scalar, extent: Extent, extents: Sequence[Extent]) -> None:
    if isinstance(expression, Index) and extents[expression.position] == extent:
        return  # by far the most frequent
    if isinstance(expression, Number) and isinstance(extent, int) and 0 <= int(expression.value) < extent:  # type: ignore[arg-type]
        return
    lowest, highest = _corner(expression, False, extents), _corner(expression, True, extents)
    if lowest is None or highest is None:
        return
    if never_positive(sum_of(lowest, 1), ()):
        raise _Fault(f"{scalar!r} reads at {lowest!r}, before the beginning of the axis")
    if never_positive(difference(extent_scalar(extent), highest), ()):
        raise _Fault(f"{scalar!r} reads at {highest!r}, past the end of the axis of extent {extent}")


def _corner(expression: Scalar, upper: bool, extents: Sequence[Extent]) -> Scalar | None:
    """The largest (or least) value of an affine expression over the box; it is attained. None when not affine."""
    if expression.dtype != INT64:
        return None
    terms, literal = linear_terms(expression)
    parts: list[Scalar] = [number(literal)]
    for atom, coefficient in terms.items():
        value = _atom_corner(atom, (coefficient > 0) == upper, extents)
        if value is None:
            return None
        parts.append(product_of(number(coefficient), value))
    return sum_of(*parts)


def _atom_corner(atom: Scalar, upper: bool, extents: Sequence[Extent]) -> Scalar | None:
    if isinstance(atom, Size):
        return atom
    if isinstance(atom, Index):
        return sum_of(extent_scalar(extents[atom.position]), -1) if upper else number(0)
    if is_apply(atom, "prod"):  # an axis times its stride
        axes = [f for f in atom.children if isinstance(f, Index)]
        if len(axes) > 1 or not all(isinstance(f, Index | Size) for f in atom.children):
            return None
        corners = [_atom_corner(f, upper, extents) for f in atom.children]
        return product_of(*[c for c in corners if c is not None])
    return None


# ---------------------------------------------------------------- nodes with sub-graphs


def _types(tensors: Iterable[Tensor | ResultType]) -> list[ResultType]:
    return [ResultType(t.shape, t.dtype) for t in tensors]


def _expect(what: str, have: Iterable[Tensor | ResultType], want: Iterable[Tensor | ResultType]) -> None:
    given, needed = _types(have), _types(want)
    if len(given) != len(needed):
        raise _Fault(f"{what}: {len(given)} where {len(needed)} are needed")
    for position, (g, n) in enumerate(zip(given, needed, strict=True)):
        if g != n:
            raise _Fault(f"{what}: number {position} is {g.dtype}{list(g.shape)}, not {n.dtype}{list(n.shape)}")


def _check_loop(node: MultiNode) -> None:
    assert isinstance(node, Loop)
    first, second = node.state_count, node.state_count + node.sequence_count
    states, captured = node.operands[:first], node.operands[second:]
    slices: list[ResultType] = []
    for sequence in node.operands[first:second]:
        if not sequence.shape or sequence.shape[0] != node.trip:
            raise _Fault(f"a sequence of shape {list(sequence.shape)} can't be read {node.trip} times")
        slices.append(ResultType(sequence.shape[1:], sequence.dtype))
    step = ResultType((), INT64)
    _expect("the loop body's inputs", node.body.inputs, [step, *states, *slices, *captured])
    _expect("the loop body's next states", node.body.outputs[:first], states)
    if node.trip is None and node.condition is None:
        raise _Fault("a loop has a trip count or a condition")
    if node.trip is None and len(node.body.outputs) != first:
        raise _Fault("stacked results need a trip count")
    if node.condition is not None and (slices or node.reverse):
        raise _Fault("a loop with a condition has no sequences and can't be reversed")
    if node.condition is not None:
        _expect("the condition's inputs", node.condition.inputs, [step, *states, *captured])
        _expect_flag("the condition", node.condition.outputs)


def _expect_flag(what: str, tensors: Sequence[Tensor]) -> None:
    if len(tensors) != 1 or tensors[0].dtype.kind != "b" or tensors[0].shape != ():
        raise _Fault(f"{what} is not one bool")


def _check_cond(node: MultiNode) -> None:
    assert isinstance(node, Cond)
    _expect_flag("the predicate", node.operands[:1])
    for name, branch in (("true", node.true_graph), ("false", node.false_graph)):
        _expect(f"the {name} branch's inputs", branch.inputs, node.operands[1:])
        _expect(f"the {name} branch's outputs", branch.outputs, node.results)


def _check_call(node: MultiNode) -> None:
    assert isinstance(node, Call)
    _expect("the called graph's inputs", node.graph.inputs, node.operands)


_MULTI_RULES: dict[type[MultiNode], Callable[[MultiNode], None]] = {
    Loop: _check_loop,
    Cond: _check_cond,
    Call: _check_call,
}

__all__ = ["Shape", "check"]
