"""The table of library calls: one row holds what an `Extern` of that name means to differentiation and to lowering.

A derivative rule is written with graph builders only: contractions of stored tensors, and further library calls. So the
derivatives differentiate again, batch by their leading axes and take any number of *directions* at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradc.ir.algebra import convert, guarded, product_of, sum_of
from gradc.ir.rewrite import replace_tensors
from gradc.ir.scalar import Scalar, index, load
from gradc.ir.tensor import Extent, Extern, Graph, Projection, ResultType, Shape, Tensor, compute, extern, projection
from gradc.ir.walk import graph_order


@dataclass(frozen=True)
class Factor:
    """A tensor and a letter for each of its axes behind the batch (and beside the directions)."""

    tensor: Tensor
    letters: str
    #: whether it has the axes of the directions
    moves: bool = False


@dataclass(frozen=True)
class Setting:
    """What a rule is applied to: a call, and the axes that come before or behind those of its matrices.

    A tangent has the axes ``batch + own + directions``, a cotangent ``directions + batch + own``.
    """

    node: Extern
    #: how many leading axes of the operands are batch axes
    batch: Shape
    directions: Shape
    cotangents: bool

    def result(self, position: int, letters: str) -> Factor:
        """A result of the call itself."""
        return Factor(projection(self.node, position), letters)

    def operand(self, position: int, letters: str) -> Factor:
        """An operand of the call."""
        return Factor(self.node.operands[position], letters)

    def own_rank(self, tensor: Tensor) -> int:
        """The axes of an operand or result that are no batch axes."""
        return tensor.rank - len(self.batch)

    def contracted(
        self,
        letters: str,
        *factors: Factor,
        coefficient: int = 1,
        where: Callable[[Mapping[str, Scalar]], Scalar] | None = None,
    ) -> Factor:
        """The sum of the product of the factors over the letters that the result hasn't; 0 where ``where`` fails.

        The result moves where a factor does.
        """
        moves = any(factor.moves for factor in factors)
        extents: dict[str, Extent] = {}
        for factor in factors:
            extents |= dict(zip(factor.letters, self._own_shape(factor), strict=True))
        summed = [letter for letter in extents if letter not in letters]
        own = tuple(extents[letter] for letter in letters)
        shape = self.shape(own, moves)
        names = self._names(letters, moves)
        place = {name: index(k) for k, name in enumerate([*names, *summed])}
        body = product_of(
            coefficient,
            *[load(f.tensor, [place[name] for name in self._names(f.letters, f.moves)]) for f in factors],
            flatten=False,
            dtype=self.dtype,
        )
        body = convert(body, self.dtype)
        if where is not None:
            body = guarded(where(place), body)
        reduce = [extents[letter] for letter in summed]
        return Factor(compute(shape, body, reduce_extents=reduce, reducer="sum" if reduce else None), letters, moves)

    def added(self, left: Factor, right: Factor | None) -> Factor:
        """The sum of two factors over the same letters; one that doesn't move counts in every direction."""
        if right is None:
            return left
        moves = left.moves or right.moves
        names = self._names(left.letters, moves)
        place = {name: index(k) for k, name in enumerate(names)}
        terms = [load(f.tensor, [place[n] for n in self._names(f.letters, f.moves)]) for f in (left, right)]
        shape = self.shape(self._own_shape(left), moves)
        return Factor(compute(shape, sum_of(*terms, dtype=self.dtype)), left.letters, moves)

    def moving(self, tensor: Tensor, letters: str) -> Factor:
        """A tangent or cotangent."""
        return Factor(tensor, letters, moves=True)

    def shape(self, own: Shape, moves: bool) -> Shape:
        """The shape of a tensor with these axes of its own."""
        if not moves:
            return (*self.batch, *own)
        return (*self.directions, *self.batch, *own) if self.cotangents else (*self.batch, *own, *self.directions)

    @property
    def dtype(self) -> Any:
        """The dtype of the results."""
        return self.node.results[-1].dtype

    def _own_shape(self, factor: Factor) -> Shape:
        start = len(self.batch) + (len(self.directions) if factor.moves and self.cotangents else 0)
        return factor.tensor.shape[start : start + len(factor.letters)]

    def _names(self, letters: str, moves: bool) -> list[str]:
        batch = [f"batch {k}" for k in range(len(self.batch))]
        directions = [f"direction {k}" for k in range(len(self.directions))] if moves else []
        return [*directions, *batch, *letters] if self.cotangents else [*batch, *letters, *directions]


#: The tangent of each result, given that of each operand; None is one that doesn't move.
TangentRule = Callable[[Setting, Sequence[Tensor | None]], Sequence[Tensor | None]]
#: What each operand's cotangent gets, given that of each result.
CotangentRule = Callable[[Setting, Sequence[Tensor | None]], Sequence[Tensor | None]]


#: The results over one more leading axis, given the operands that have it (None: one that hasn't); None where nothing is
#: gained over the call on operands that all have it.
BatchRule = Callable[[Extern, Sequence[Tensor | None], Extent], Sequence[Tensor] | None]


@dataclass(frozen=True)
class Library:
    """One row: what is known of a library call."""

    name: str
    #: the axes of the first operand that are no batch axes
    core: int
    #: shapes and dtypes of the results, from the operands
    results: Callable[[Sequence[Tensor], Mapping[str, Any]], tuple[ResultType, ...]]
    tangent: TangentRule | None = None
    cotangent: CotangentRule | None = None
    batched: BatchRule | None = None
    #: the one result by other calls, as a person reads and writes it; None for a call that has a name of its own
    meaning: Callable[..., Tensor] | None = None

    def batch_of(self, operands: Sequence[Tensor]) -> Shape:
        """The batch axes of a call with these operands."""
        return operands[0].shape[: operands[0].rank - self.core]


LIBRARY: dict[str, Library] = {}


def enter(row: Library) -> Library:
    """Enter a row in the table; a name is entered once."""
    if row.name in LIBRARY:
        raise ValueError(f"the library call {row.name!r} is already in the table")
    LIBRARY[row.name] = row
    return row


def library_call(name: str, operands: Sequence[Tensor], **parameters: str | int | bool) -> Extern:
    """A call by name, its results as the table says.

    >>> import numpy as np
    >>> import gradc.ops
    >>> from gradc.ir.tensor import input_tensor
    >>> library_call("slogdet", [input_tensor("A", (5, 3, 3), np.float64)]).results[0].shape
    (5,)
    """
    results = LIBRARY[name].results(operands, parameters)
    return extern(name, operands, results, tuple(parameters.items()))


def called(name: str, *operands: Tensor, position: int = 0, **parameters: str | int | bool) -> Tensor:
    """One result of a call."""
    return projection(library_call(name, operands, **parameters), position)


def spelled_out(graph: Graph) -> Graph:
    """The graph with every call that has a meaning by other calls written so: for reading, and for source."""
    meanings = _meanings(graph)
    while meanings:  # an operand of a call may hold further calls
        graph = Graph(graph.inputs, replace_tensors(graph.outputs, meanings))
        meanings = _meanings(graph)
    return graph


def _meanings(graph: Graph) -> dict[Tensor, Tensor]:
    found: dict[Tensor, Tensor] = {}
    for node in graph_order(graph.outputs):
        row = (
            LIBRARY.get(node.source.name) if isinstance(node, Projection) and isinstance(node.source, Extern) else None
        )
        if row is not None and row.meaning is not None:
            assert isinstance(node, Projection)
            found[node] = row.meaning(*node.source.operands)
    return found
