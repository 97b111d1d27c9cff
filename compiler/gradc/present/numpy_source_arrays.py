"""Comprehensions as NumPy calls: reductions, running sums, scatters, boxes that are filled."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from gradc.errors import ArgumentError
from gradc.ir.algebra import (
    difference,
    substitute,
    sum_of,
)
from gradc.ir.scalar import Guard, Number, Scalar, index, is_apply, is_number, number
from gradc.ir.tensor import (
    Call,
    Compute,
    Cond,
    Constant,
    Extent,
    Extern,
    Graph,
    Input,
    Loop,
    MultiNode,
    Projection,
    Tensor,
    extent_scalar,
)
from gradc.ir.walk import graph_order
from gradc.present.numpy_source_contractions import Contractions
from gradc.present.numpy_source_library import library_call
from gradc.present.numpy_source_loads import unwrapped
from gradc.present.numpy_source_reading import (
    are_disjoint,
    axes_text,
    index_guard,
    nested,
    prefix_order,
    scatter_target,
    shifted_range,
    single_point,
)
from gradc.present.numpy_source_scalars import Bodies
from gradc.present.numpy_source_spaces import Space, conjuncts, diagonal, whole_space, within
from gradc.present.numpy_source_structured import BranchText, LoopText
from gradc.present.numpy_source_text import Statements, Term, Terms, Value

#: Literal arrays of more entries are not written into the source.
_LARGEST_LITERAL = 256
#: Arrays of more entries are filled rather than listed.
_LARGEST_LISTED = 16
_REDUCERS = {
    "sum": "np.sum", "prod": "np.prod", "max": "np.max", "min": "np.min",
    "argmax": "np.argmax", "argmin": "np.argmin", "any": "np.any", "all": "np.all",
}  # fmt: skip
_NEUTRAL = {"sum": "0", "prod": "1", "max": "-np.inf", "min": "np.inf", "any": "False", "all": "True"}


class Arrays:
    """The tensors of a graph as terms."""

    def __init__(self, terms: Terms, size: Callable[[str], str]) -> None:
        self._terms = terms
        self._values: dict[Tensor, Value] = {}
        self._results: dict[MultiNode, list[Term]] = {}
        self._bodies = Bodies(terms, self._values.__getitem__, size)
        self._contractions = Contractions(terms, self._bodies, self._values)

    def add(self, graph: Graph, inputs: Sequence[Term]) -> list[Term]:
        """The outputs of a graph whose inputs are these terms."""
        for tensor, term in zip(graph.inputs, inputs, strict=True):
            self._values[tensor] = Value(term, tuple(range(tensor.rank)))
        for node in graph_order(graph.outputs):
            if isinstance(node, Tensor):
                if node not in self._values:
                    self._values[node] = self._tensor(node)
            elif isinstance(node, Call):
                self._call(node)
        return [self._finished(tensor) for tensor in graph.outputs]

    def _finished(self, tensor: Tensor) -> Term:
        """The array of full rank with its axes in order."""
        value = self._values[tensor]
        value = self._bodies.reordered(value, sorted(value.axes))
        if len(value.axes) == tensor.rank:
            return value.term
        space = whole_space(tensor.shape)
        shape = self._shape(tensor.shape)
        if not value.axes:
            number = value.term
            if not number.parts and number.template.lstrip("-").isdigit() and tensor.dtype.kind == "f":
                number = self._terms.atom(f"{number.template}.0")
            return self._terms.call("np.full", shape, number)
        return self._terms.call("np.broadcast_to", self._bodies.aligned(value, space.order), shape)

    def _shape(self, extents: Sequence[Extent]) -> Term:
        parts = [self._bodies.value(extent_scalar(e), whole_space(())).term for e in extents]
        if len(parts) == 1:
            return parts[0]
        holes = ", ".join(f"{{{k}}}" for k in range(len(parts)))
        return self._terms.make(f"({holes})", parts)

    def _call(self, node: Call) -> None:
        inner = Arrays(self._terms, self._bodies.size)
        for position, term in enumerate(inner.add(node.graph, [self._finished(t) for t in node.operands])):
            from gradc.ir.tensor import projection

            result = projection(node, position)
            self._values[result] = Value(term, tuple(range(result.rank)))

    def _tensor(self, node: Tensor) -> Value:
        axes = tuple(range(node.rank))
        if isinstance(node, Constant):
            if node.value.size > _LARGEST_LITERAL:
                raise ArgumentError(
                    f"a literal array of {node.value.size} entries has no place in source; pass it as an argument"
                )
            text = np.array2string(node.value, separator=", ", threshold=_LARGEST_LITERAL + 1, floatmode="unique")
            return Value(self._terms.atom(f"np.array({' '.join(text.split())})"), axes)
        if isinstance(node, Compute):
            return self._compute(node)
        if isinstance(node, Projection) and isinstance(node.source, Loop | Cond):
            return Value(self._structured(node.source)[node.position], axes)
        if isinstance(node, Projection):
            return Value(self._library_call(node.source, node.position), axes)
        assert isinstance(node, Input)
        raise ArgumentError(f"the input {node.name} belongs to another graph")

    def _library_call(self, source: MultiNode, position: int) -> Term:
        assert isinstance(source, Extern)
        return library_call(source, [self._finished(t) for t in source.operands], position, self._terms)

    def _structured(self, node: Loop | Cond) -> list[Term]:
        """The results of a loop or branch, which has statements of its own."""
        if node not in self._results:
            parts = [self._finished(t) for t in node.operands]
            if isinstance(node, Loop) and node.condition is None:
                assert node.trip is not None
                parts.insert(0, self._bodies.value(extent_scalar(node.trip), whole_space(())).term)
            text = LoopText(node, self._inner) if isinstance(node, Loop) else BranchText(node, self._inner)
            self._results[node] = self._terms.results(text, parts, len(node.results))
        return self._results[node]

    def _inner(self, terms: Terms) -> Arrays:
        """The writer of a sub-graph."""
        return Arrays(terms, self._bodies.size)

    def shape_text(self, extents: Sequence[Extent], statements: Statements) -> str:
        """Extents as source: ``n, 3``."""
        parts = [self._bodies.value(extent_scalar(e), whole_space(())).term for e in extents]
        return ", ".join(statements.compute(parts))

    # ------------------------------------------------------------ comprehensions

    def _compute(self, node: Compute) -> Value:
        space = whole_space(node.extents)
        if node.reducer is None:
            return self._elementwise(node, space)
        predicates = list(conjuncts(node.domain))
        body = node.body
        if node.reducer == "sum" and isinstance(body, Guard):
            predicates += conjuncts(body.predicate)
            body = body.body
        reduced = tuple(range(node.rank, len(node.extents)))
        for attempt in (self._running, self._scattered):
            found = attempt(node, body, predicates, space)
            if found is not None:
                return found
        box = within(space, predicates)
        if box is None:
            return self._masked(node, body, predicates, space)
        if any(box.intervals[k] != space.intervals[k] for k in range(node.rank)):
            return self._masked(node, body, predicates, space)
        return self._reduced(node.reducer, body, box, reduced)

    def _masked(self, node: Compute, body: Scalar, predicates: Sequence[Scalar], space: Space) -> Value:
        """A reduction over the entries that a mask chooses."""
        assert node.reducer is not None
        masked = Space(space.intervals, space.order, masked=True)
        parts = [self._bodies.value(p, masked) for p in predicates]
        arguments, axes = self._bodies.broadcast([*parts, self._bodies.value(body, masked)], space)
        mask = arguments[0]
        for part in arguments[1:-1]:
            mask = self._terms.binary("&", mask, part)
        if node.reducer in ("argmax", "argmin"):
            raise ArgumentError(f"{node.reducer} over part of an axis has no NumPy source")
        if node.reducer == "sum" and is_number(body, 1):
            chosen = Value(mask, axes)
            if set(range(node.rank, len(node.extents))) == set(axes):
                return Value(self._terms.call("np.count_nonzero", mask, hint="count"), ())
            return self._reduction("sum", chosen, range(node.rank, len(node.extents)), space)
        neutral = self._terms.atom(_NEUTRAL[node.reducer])
        chosen = Value(self._bodies.where(mask, arguments[-1], neutral), axes)
        return self._reduction(node.reducer, chosen, range(node.rank, len(node.extents)), space)

    # ------------------------------------------------------------ without a reducer

    def _elementwise(self, node: Compute, space: Space) -> Value:
        terms = node.body.children if is_apply(node.body, "sum") else (node.body,)
        guarded = [t for t in terms if index_guard(t) is not None]
        if not guarded or node.rank == 0:
            order = self._contractions.order([node.body], space)
            return self._bodies.value(node.body, space.arranged(order))
        plain = [t for t in terms if index_guard(t) is None]
        start: Value | None = None
        if plain:
            whole = plain[0] if len(plain) == 1 else sum_of(*plain, flatten=False, dtype=node.dtype)
            start = self._bodies.value(whole, space)
        boxes: list[tuple[Space, Scalar]] = []
        for term in guarded:
            found = index_guard(term)
            assert found is not None
            predicates, body = found
            on_diagonal = self._diagonal(node, predicates, body, space)
            if on_diagonal is not None:
                start = self._plus(start, on_diagonal, space)
                continue
            box = within(space, predicates)
            if box is None:
                start = self._plus(start, self._bodies.value(term, space), space)
            else:
                boxes.append((box, body))
        return self._filled(node, start, boxes, space) if boxes else start  # type: ignore[return-value]

    def _plus(self, left: Value | None, right: Value, space: Space) -> Value:
        if left is None:
            return right
        arguments, axes = self._bodies.broadcast([left, right], space)
        return Value(self._bodies.plus(*arguments), axes)

    def _diagonal(self, node: Compute, predicates: Sequence[Scalar], body: Scalar, space: Space) -> Value | None:
        """``[j = i + c] body`` of a square matrix."""
        found = diagonal(predicates[0]) if len(predicates) == 1 and node.rank == 2 else None
        if found is None or node.shape[0] != node.shape[1] or not isinstance(found[2], Number):
            return None
        first, second, offset = found
        assert isinstance(offset, Number)
        shift = int(offset.value)  # type: ignore[arg-type]
        if shift and not isinstance(node.shape[0], int):
            return None
        one = within(space, shifted_range(index(first), shift, node.shape[0]))
        if one is None:
            return None
        moved = substitute(body, {index(second): sum_of(index(first), shift)})
        entries = self._bodies.value(moved, one)
        extent = self._bodies.value(extent_scalar(node.shape[0]), space).term
        if entries.axes:
            options = f", {shift}" if shift else ""
            return Value(self._terms.call("np.diag", entries.term, options=options, hint="diagonal"), (0, 1))
        eye = self._terms.call("np.eye", extent, options=f", k={shift}" if shift else "")
        if is_number(moved, 1):
            return Value(eye, (0, 1))
        return Value(self._terms.binary("*", entries.term, eye), (0, 1))

    def _listed(
        self, node: Compute, start: Value | None, boxes: Sequence[tuple[Space, Scalar]], space: Space
    ) -> Value | None:
        """A small array of fixed extents, entry by entry."""
        if not all(isinstance(e, int) for e in node.shape) or math.prod(node.shape) > _LARGEST_LISTED:  # type: ignore[arg-type]
            return None
        entries: dict[tuple[int, ...], Term] = {}
        for box, body in boxes:
            point = single_point(box)
            if point is None:
                return None
            body = substitute(body, {index(k): number(i) for k, i in enumerate(point)})
            term = self._bodies.value(body, space).term
            entries[point] = self._bodies.plus(entries[point], term) if point in entries else term
        if start is not None and start.axes:
            return None
        nothing = start.term if start is not None else self._terms.atom("0")
        if start is not None:
            entries = {point: self._bodies.plus(start.term, term) for point, term in entries.items()}
        points = list(np.ndindex(*node.shape))  # type: ignore[arg-type]
        if len(entries) * 3 < len(points):
            return None
        holes = np.array([f"{{{k}}}" for k in range(len(points))], object).reshape(node.shape)  # type: ignore[arg-type]
        text = ", ".join(nested(row) for row in holes)
        term = self._terms.make(f"np.array([{text}])", [entries.get(p, nothing) for p in points], hint="result")
        return Value(term, tuple(range(node.rank)))

    def _filled(self, node: Compute, start: Value | None, boxes: Sequence[tuple[Space, Scalar]], space: Space) -> Value:
        """Boxes added to zeros (or to what holds everywhere), one after the other."""
        listed = self._listed(node, start, boxes, space)
        if listed is not None:
            return listed
        shape = self._shape(node.shape)
        parts: list[Term] = [shape]
        lines: list[str] = []
        dtype = "" if node.dtype == np.float64 else f", {'int' if node.dtype.kind == 'i' else 'bool'}"
        if start is None:
            lines.append(f"{{out}} = np.zeros({{0}}{dtype})")
        else:
            full = self._bodies.aligned(start, space.order)
            missing = len(start.axes) < node.rank
            parts.append(full)
            lines.append("{out} = np.array(np.broadcast_to({1}, {0}))" if missing else "{out} = np.array({1})")
        disjoint = start is None and len(boxes) > 1 and are_disjoint([b for b, _ in boxes])
        for box, body in boxes:
            value = self._bodies.value(body, box)
            where, more = self._box(node, box, len(parts))
            parts += more
            sign = "=" if disjoint or (start is None and box is boxes[0][0]) else "+="
            parts.append(self._bodies.aligned(value, space.order))
            lines.append(f"{{out}}[{where}] {sign} {{{len(parts) - 1}}}")
        term = self._terms.make(
            f"block {lines}".replace("{", "{{").replace("}", "}}"), parts, block=lines, hint="result"
        )
        return Value(term, tuple(range(node.rank)))

    def _box(self, node: Compute, box: Space, first: int) -> tuple[str, list[Term]]:
        entries: list[str] = []
        parts: list[Term] = []
        for extent, interval in zip(node.shape, box.intervals, strict=True):
            own: list[Term] = []
            entry = self._bodies.loads.slice_of(
                (0, 1, extent_scalar(0)), extent_scalar(extent), own, Space((interval,), (0,))
            )
            for k in range(len(own), 0, -1):
                entry = entry.replace(f"{{{k}}}", f"{{{first + len(parts) + k - 1}}}")
            parts += own
            entries.append(entry)
        while len(entries) > 1 and entries[-1] == ":":
            entries.pop()
        return ", ".join(entries), parts

    # ------------------------------------------------------------ running sums and scatters

    def _running(self, node: Compute, body: Scalar, predicates: Sequence[Scalar], space: Space) -> Value | None:
        """``sum over k <= i`` of what doesn't depend on i."""
        names = {
            "sum": "np.cumsum",
            "prod": "np.cumprod",
            "max": "np.maximum.accumulate",
            "min": "np.minimum.accumulate",
        }
        if node.reducer not in names or len(node.reduce_extents) != 1 or len(predicates) != 1:
            return None
        found = prefix_order(predicates[0], node.rank)
        if found is None or found[0] in body.free:
            return None
        axis, backwards, strict = found
        if node.shape[axis] != node.reduce_extents[0] or (strict and node.rank > 1):
            return None
        if strict and node.reducer not in ("sum", "prod"):
            return None
        entries = self._bodies.value(body, space)
        if node.rank not in entries.axes:
            return None
        place = entries.axes.index(node.rank)
        axes = tuple(axis if a == node.rank else a for a in entries.axes)
        flip = "::-1" if place == 0 else ", ".join([":"] * place + ["::-1"])
        options = f", axis={place}" if len(axes) > 1 or ".accumulate" in names[node.reducer] else ""
        term = entries.term
        if strict:
            part = self._terms.subscript(term, ":0:-1" if backwards else ":-1")
            run = self._terms.call(names[node.reducer], part)
            neutral = self._terms.atom("1.0" if node.reducer == "prod" else "0.0")
            if backwards:
                flipped = self._terms.subscript(run, "::-1")
                return Value(self._terms.call("np.append", flipped, neutral, hint="after"), axes)
            return Value(self._terms.call("np.append", neutral, run, hint="before"), axes)
        if backwards:
            term = self._terms.subscript(term, flip)
        term = self._terms.call(names[node.reducer], term, options=options)
        return Value(self._terms.subscript(term, flip) if backwards else term, axes)

    def _scattered(self, node: Compute, body: Scalar, predicates: Sequence[Scalar], space: Space) -> Value | None:
        """``sum_k [i = f(k)] v(k)`` adds v(k) to entry f(k)."""
        if node.reducer != "sum" or not predicates:
            return None
        targets: dict[int, Scalar] = {}
        for predicate in predicates:
            found = scatter_target(predicate, node.rank)
            if found is None or found[0] in targets:
                return None
            targets[found[0]] = found[1]
        axes = sorted(targets)
        if axes != list(range(len(axes))) or any(a in body.free for a in axes):
            return None
        if any(min(t.free, default=-1) < node.rank for t in targets.values()):
            return None
        reduced = list(range(node.rank, len(node.extents)))
        rest = list(range(len(axes), node.rank))
        order = space.arranged((*axes, *reduced, *rest))
        bodies = self._bodies
        places = [bodies.value(unwrapped(targets[a]), order) for a in axes]
        value = bodies.value(body, order)
        if any(k not in {a for p in places for a in p.axes} for k in reduced):
            return None
        positions, _ = bodies.broadcast(places, order.arranged(reduced))
        entries = ", ".join(f"{{{k + 1}}}" for k in range(len(positions)))
        target = f"({entries})" if len(positions) > 1 else entries
        amount = bodies.aligned(value, (*reduced, *rest)) if value.axes else value.term
        line = f"np.add.at({{out}}, {target}, {{{len(positions) + 1}}})"
        lines = ["{out} = np.zeros({0})", line]
        key = f"scatter {lines}".replace("{", "{{").replace("}", "}}")
        term = self._terms.make(key, [self._shape(node.shape), *positions, amount], block=lines, hint="scattered")
        return Value(term, tuple(range(node.rank)))

    # ------------------------------------------------------------ reductions

    def _reduced(self, reducer: str, body: Scalar, box: Space, reduced: tuple[int, ...]) -> Value:
        if reducer == "sum":
            found = self._contractions.sum_of_products(body, box, reduced)
            if found is not None:
                return found
        space = box.arranged(self._contractions.order([body], box))
        value = self._bodies.value(body, space)
        return self._reduction(reducer, value, reduced, space)

    def _reduction(self, reducer: str, value: Value, reduced: Sequence[int], space: Space) -> Value:
        present = [axis for axis in reduced if axis in value.axes]
        absent = [axis for axis in reduced if axis not in value.axes]
        term = value.term
        if present:
            places = [value.axes.index(axis) for axis in present]
            options = "" if len(places) == len(value.axes) else f", axis={axes_text(places)}"
            term = self._terms.call(_REDUCERS[reducer], term, options=options)
        for axis in absent if reducer in ("sum", "prod") else ():
            interval = space.intervals[axis]
            if is_number(difference(interval.high, interval.low), 1):
                continue
            count = self._bodies.value(difference(interval.high, interval.low), space).term
            term = self._terms.binary(
                "*" if reducer == "sum" else "**", *((count, term) if reducer == "sum" else (term, count))
            )
        if reducer in ("argmax", "argmin") and absent:
            term = self._terms.atom("0")
        return Value(term, tuple(a for a in value.axes if a not in reduced))
