"""The tensor graph: what a program is.

================  =====================================================================================
`Input`           a buffer (or number) the caller gives
`Constant`        a literal array
`Compute`         ``T[i,j] = reducer over those k where domain(i,j,k) of body(i,j,k)``
`Projection`      one result of a node with several results:
`Loop`            scan, fori and while over a sub-graph
`Cond`            one of two sub-graphs
`Extern`          a library call: cholesky, solve, eigh, svd, sort, fft
`Call`            a sub-graph kept whole: custom derivative, stop_gradient, checkpoint
================  =====================================================================================

Extents are ints or integer scalars over named sizes (``n``, ``n - 1``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from gradc.ir.intern import Node, digest_of, find, intern
from gradc.ir.scalar import INT64, TRUE, DType, Number, Scalar, number

Extent = int | Scalar
Shape = tuple[Extent, ...]

#: reducer name -> the value that counts outside the domain, by kind of number; argmax/argmin reduce pairs.
REDUCERS = ("sum", "prod", "max", "min", "argmax", "argmin", "any", "all")


def extent(value: Extent) -> Extent:
    """The normal spelling of an extent: an int wherever it is one."""
    if isinstance(value, Number):
        return int(value.value)  # type: ignore[arg-type]
    return value if isinstance(value, Scalar) else int(value)


def extent_scalar(value: Extent) -> Scalar:
    """The extent as an integer scalar."""
    return value if isinstance(value, Scalar) else number(int(value))


def _shape_bits(shape: Shape) -> bytes:
    return b",".join(b"%d" % e if isinstance(e, int) else e.digest for e in shape)


class Tensor(Node):
    """A node with one array result: immutable, hash-consed, with a shape and a dtype."""

    __slots__ = ("dtype", "shape")
    dtype: DType
    shape: Shape

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __repr__(self) -> str:
        from gradc.ir.text import tensor_text

        return tensor_text(self)


class Input(Tensor):
    """A buffer the caller gives. ``differentiable`` inputs are the parameters; others are data or captures."""

    __slots__ = ("name",)
    name: str


class Constant(Tensor):
    """A literal array, read-only. (A literal number is a Compute with a `Number` body.)"""

    __slots__ = ("value",)
    value: np.ndarray


class Compute(Tensor):
    """A tensor comprehension.

    ``body`` and ``domain`` use `Index` 0..rank-1 for the output axes and rank.. for the reduce axes. Without a reducer
    there are no reduce axes and the domain is true. argmax and argmin reduce exactly one axis and give its int64 index.
    """

    __slots__ = ("body", "domain", "operands", "reduce_extents", "reducer")
    operands: tuple[Tensor, ...] | None
    reduce_extents: Shape
    domain: Scalar
    reducer: str | None
    body: Scalar

    @property
    def extents(self) -> Shape:
        """Extents of the whole iteration space: output axes, then reduce axes."""
        return self.shape + self.reduce_extents


class Projection(Tensor):
    """Result number ``position`` of a node with several results."""

    __slots__ = ("position", "source")
    source: MultiNode
    position: int


@dataclass(frozen=True)
class ResultType:
    """Shape and dtype of one result; of integers that are known to be positions, how many positions there are."""

    shape: Shape
    dtype: DType
    below: Extent | None = None


class MultiNode(Node):
    """A node with several results, taken by `Projection`."""

    __slots__ = ("operands", "results")
    operands: tuple[Tensor, ...]
    results: tuple[ResultType, ...]

    def __repr__(self) -> str:
        from gradc.ir.text import multi_text

        return multi_text(self)


class Loop(MultiNode):
    """``state = init; for t in range(trip) [while condition(state)]: state, y[t] = body(t, state, xs[t], captured)``.

    The body's inputs are: the step number t (int64, rank 0), each state, a slice of each sequence, each captured tensor;
    its outputs: each next state, then each y. The results are the final states, then the stacked ys. A ``reverse`` loop
    takes t from trip - 1 down to 0. A ``while`` has no sequences, and a condition graph with inputs (t, states, captured) and
    one bool output. Its ``trip`` is None, or where there are ys the rows of a tape (`gradc.ir.tape`): more steps than that
    are an error of whoever runs it, and the rows beyond the last step are not to be read.
    """

    __slots__ = ("body", "captured_count", "condition", "reverse", "sequence_count", "state_count", "trip")
    body: Graph
    condition: Graph | None
    trip: Extent | None
    reverse: bool
    state_count: int
    sequence_count: int
    captured_count: int


class Cond(MultiNode):
    """``true_graph(*operands[1:]) if operands[0] else false_graph(*operands[1:])``."""

    __slots__ = ("false_graph", "true_graph")
    true_graph: Graph
    false_graph: Graph


class Extern(MultiNode):
    """A library call by name, with its static parameters."""

    __slots__ = ("name", "parameters")
    name: str
    parameters: tuple[tuple[str, str | int | bool], ...]


class Call(MultiNode):
    """A sub-graph kept whole. ``policy`` is 'stop_gradient', 'checkpoint' or 'custom:<name>'; ``tag`` tells copies apart."""

    __slots__ = ("graph", "policy", "tag")
    graph: Graph
    policy: str
    tag: str


@dataclass(frozen=True)
class Graph:
    """A program: its inputs in call order and its outputs."""

    inputs: tuple[Input, ...]
    outputs: tuple[Tensor, ...]

    @cached_property
    def digest(self) -> bytes:
        """The content digest of the program."""
        return digest_of(b"graph", *[t.digest for t in self.inputs], b"->", *[t.digest for t in self.outputs])

    def __str__(self) -> str:
        from gradc.ir.text import graph_text

        return graph_text(self)


TensorT = TypeVar("TensorT", bound=Tensor)


def _tensor(kind: type[TensorT], shape: Shape, dtype: DType, digest: bytes) -> TensorT:
    """A fresh node of a kind, but for the fields that are the kind's own."""
    node = object.__new__(kind)
    node.shape, node.dtype, node.digest = shape, dtype, digest
    return node


def _exact_shape(shape: Sequence[Extent]) -> Shape:
    return tuple([e if type(e) is int else extent(e) for e in shape])


def input_tensor(name: str, shape: Sequence[Extent], dtype: DType | type | str) -> Input:
    """The input called ``name``."""
    exact_shape, exact_dtype = _exact_shape(shape), np.dtype(dtype)
    key = (Input, name, exact_shape, exact_dtype)
    node: Input | None = find(key)
    if node is None:
        digest = digest_of(b"input", name.encode(), _shape_bits(exact_shape), exact_dtype.str.encode())
        node = _tensor(Input, exact_shape, exact_dtype, digest)
        node.name = name
        node = intern(key, node)
    return node


def constant(value: np.ndarray) -> Constant:
    """A literal array; the content is copied and frozen, and keyed by dtype, shape and bits."""
    frozen = np.array(value, dtype=value.dtype.newbyteorder("="), order="C", copy=True)
    frozen.flags.writeable = False
    content = digest_of(frozen.tobytes())
    key = (Constant, frozen.dtype, frozen.shape, content)
    node: Constant | None = find(key)
    if node is None:
        digest = digest_of(b"constant", frozen.dtype.str.encode(), _shape_bits(frozen.shape), content)
        node = _tensor(Constant, frozen.shape, frozen.dtype, digest)
        node.value = frozen
        node = intern(key, node)
    return node


def compute(
    shape: Sequence[Extent],
    body: Scalar,
    *,
    reduce_extents: Sequence[Extent] = (),
    reducer: str | None = None,
    domain: Scalar = TRUE,
) -> Compute:
    """The comprehension with this body, exactly as given: construction only infers the dtype."""
    exact_shape, exact_reduce = _exact_shape(shape), _exact_shape(reduce_extents)
    key = (Compute, exact_shape, body, exact_reduce, reducer, domain)
    node: Compute | None = find(key)
    if node is not None:
        return node
    if reducer is None and (exact_reduce or domain is not TRUE):
        raise ValueError("a Compute without a reducer has neither reduce axes nor a domain; use a Guard in the body")
    if reducer is not None and reducer not in REDUCERS:
        raise ValueError(f"unknown reducer {reducer!r}; one of {', '.join(REDUCERS)}")
    digest = digest_of(
        b"compute",
        _shape_bits(exact_shape),
        _shape_bits(exact_reduce),
        (reducer or "").encode(),
        domain.digest,
        body.digest,
    )
    node = _tensor(Compute, exact_shape, INT64 if reducer in ("argmax", "argmin") else body.dtype, digest)
    node.reduce_extents, node.reducer, node.domain, node.body = exact_reduce, reducer, domain, body
    node.operands = None  # filled by `walk.operands_of` when it is first asked for
    return intern(key, node)


def projection(source: MultiNode, position: int) -> Projection:
    """Result number ``position`` of ``source``."""
    key = (Projection, source, position)
    node: Projection | None = find(key)
    if node is None:
        result = source.results[position]
        digest = digest_of(b"projection", source.digest, b"%d" % position)
        node = _tensor(Projection, result.shape, result.dtype, digest)
        node.source, node.position = source, position
        node = intern(key, node)
    return node


def _result_bits(results: Sequence[ResultType]) -> bytes:
    return b";".join(_shape_bits(r.shape) + r.dtype.str.encode() for r in results)


def loop(
    body: Graph,
    *,
    trip: Extent | None,
    init: Sequence[Tensor],
    sequences: Sequence[Tensor] = (),
    captured: Sequence[Tensor] = (),
    condition: Graph | None = None,
    reverse: bool = False,
) -> Loop:
    """A structured loop; see `Loop` for the layout of the body's inputs and outputs."""
    operands = (*init, *sequences, *captured)
    states = tuple(ResultType(t.shape, t.dtype) for t in init)
    stacked = tuple(ResultType((trip if trip is not None else 0, *t.shape), t.dtype) for t in body.outputs[len(init) :])
    trip_bits = b"while" if trip is None else _shape_bits((trip,))
    counts = b"%d,%d,%d" % (len(init), len(sequences), len(captured))
    digest = digest_of(
        b"reverse loop" if reverse else b"loop",
        body.digest,
        condition.digest if condition else b"",
        trip_bits,
        counts,
        *[t.digest for t in operands],
    )

    node = object.__new__(Loop)
    node.body, node.condition, node.trip, node.reverse = body, condition, trip, reverse
    node.state_count, node.sequence_count, node.captured_count = len(init), len(sequences), len(captured)
    node.operands, node.results = operands, states + stacked
    node.digest = digest
    return intern(digest, node)


def cond(predicate: Tensor, true_graph: Graph, false_graph: Graph, operands: Sequence[Tensor]) -> Cond:
    """A branch; both graphs take the operands and give the same result types."""
    results = tuple(ResultType(t.shape, t.dtype) for t in true_graph.outputs)
    digest = digest_of(b"cond", predicate.digest, true_graph.digest, false_graph.digest, *[t.digest for t in operands])

    node = object.__new__(Cond)
    node.true_graph, node.false_graph = true_graph, false_graph
    node.operands, node.results = (predicate, *operands), results
    node.digest = digest
    return intern(digest, node)


def extern(
    name: str,
    operands: Sequence[Tensor],
    results: Sequence[ResultType],
    parameters: Sequence[tuple[str, str | int | bool]] = (),
) -> Extern:
    """A library call."""
    exact = tuple(sorted(parameters))
    digest = digest_of(
        b"extern", name.encode(), repr(exact).encode(), _result_bits(results), *[t.digest for t in operands]
    )

    node = object.__new__(Extern)
    node.name, node.parameters = name, exact
    node.operands, node.results = tuple(operands), tuple(results)
    node.digest = digest
    return intern(digest, node)


def call(graph: Graph, operands: Sequence[Tensor], policy: str, tag: str = "") -> Call:
    """A call of a sub-graph that stays whole."""
    results = tuple(ResultType(t.shape, t.dtype) for t in graph.outputs)
    digest = digest_of(b"call", graph.digest, policy.encode(), tag.encode(), *[t.digest for t in operands])

    node = object.__new__(Call)
    node.graph, node.policy, node.tag = graph, policy, tag
    node.operands, node.results = tuple(operands), results
    node.digest = digest
    return intern(digest, node)
