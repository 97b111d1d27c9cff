"""`Formula.kinks`: where a function is not differentiable, its one-sided derivatives there, and the one that is used."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from html import escape

import numpy as np

from gradc.differentiate.partials import local_derivatives, one_of
from gradc.evaluate import evaluate
from gradc.ir.algebra import Substitution, convert, difference, split_coefficient
from gradc.ir.intern import Node
from gradc.ir.scalar import Apply, Load, Number, Scalar, Size, index, is_apply, is_number, load, number
from gradc.ir.source import SourceLine, lines_of, record_line
from gradc.ir.tensor import Compute, Graph, Input, Projection, Shape, Tensor, compute, input_tensor
from gradc.ir.walk import graph_order, loads_of, operands_of, post_order
from gradc.ops.kinks import Site, Slope, sites_of
from gradc.present.index_form import IndexForm
from gradc.present.latex import LatexWriter
from gradc.present.matrix_form import MatrixForm, NoMatrixFormError
from gradc.present.notation import Name, Notation, Relation
from gradc.present.plain import PlainWriter
from gradc.present.recurring import Recurrences
from gradc.present.sweep_names import SweepNames
from gradc.present.symbols import fresh_letters
from gradc.present.unfolding import Sweep, Unfolded, unfolded
from gradc.simplify.display import display
from gradc.simplify.display_domain import visibly_positive
from gradc.simplify.inline import inline_producers

#: Operands whose print has more symbols are not written out.
LONGEST = 40
#: How near to the bound a slope is looked at that has no value there.
_NEAR = 1e-100


_TITLES = ("where", "of", "left", "right", "used")


@dataclass(frozen=True)
class Written:
    """The same in plain text and in LaTeX."""

    plain: str
    latex: str

    def __str__(self) -> str:
        return self.plain


@dataclass(frozen=True)
class Kink:
    """One place: ``operation`` is not differentiable in ``variable`` ``where`` this equation holds.

    ``left`` and ``right`` are the operation's one-sided derivatives in the variable, ``used`` is what the derivative has
    there instead, by the ``convention``. ``line`` is the user's. Operands that are too long to write are ``u``, ``v``, ``w``.
    """

    operation: Written
    variable: Written
    where: Written
    left: Written
    right: Written
    used: Written
    convention: str
    line: str = field(default="", compare=False)

    def __str__(self) -> str:
        sides = f"{self.left} from the left, {self.right} from the right"
        return f"{self.operation} where {self.where}: {sides}, {self.used} is used: {self.convention}"

    @property
    def latex(self) -> str:
        """The row in LaTeX."""
        return (
            rf"{self.operation.latex} \text{{ where }} {self.where.latex}\text{{: }} "
            rf"{{{self.left.latex}}} \text{{ from the left, }} {{{self.right.latex}}} \text{{ from the right, }} "
            rf"{{{self.used.latex}}} \text{{ is used}}"
        )


class Kinks(tuple[Kink, ...]):
    """The kinks of a function; ``print`` shows a table. Empty where it is differentiable all over its domain."""

    __slots__ = ()

    def __str__(self) -> str:
        if not self:
            return "differentiable wherever it is defined"
        rows: list[tuple[str, ...]] = [(*_TITLES, "convention")]
        rows += [(*(str(part) for part in _cells(kink)), kink.convention) for kink in self]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )

    @property
    def latex(self) -> str:
        """The table in LaTeX."""
        heads = " & ".join(rf"\text{{{title}}}" for title in _TITLES)
        rows = [" & ".join(part.latex for part in _cells(kink)) for kink in self]
        return "".join([r"\begin{array}{llccc}", heads, r" \\ \hline ", r" \\ ".join(rows), r"\end{array}"])

    def _repr_html_(self) -> str:
        heads = "".join(f"<th>{title}</th>" for title in (*_TITLES, "convention"))
        rows = [
            "".join(f"<td>${part.latex}$</td>" for part in _cells(kink)) + f"<td>{escape(kink.convention)}</td>"
            for kink in self
        ]
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table><tr>{heads}</tr>{body}</table>" if self else f"<p>{self}</p>"


def _cells(kink: Kink) -> tuple[Written, ...]:
    return kink.where, kink.operation, kink.left, kink.right, kink.used


def kinks_of(
    graph: Graph, symbols: Sequence[Name], wrt: Sequence[str], lines: Mapping[Node, SourceLine] | None = None
) -> Kinks:
    """The kinks of a function as it was written, in the inputs of these names; ``lines`` are the user's behind its nodes.

    Those inside a loop are at its values at a step: ``y[t] = 0``. Where the number of steps changes is not among them.
    """
    for node, line in (lines or {}).items():  # other functions may have made equal nodes since
        record_line(node, line)
    form = unfolded(graph)
    names = _names(form, graph, symbols)
    outputs = inline_producers(form.graph.outputs)
    sweeps = form.over(outputs)
    conditions = {sweep.condition for sweep in sweeps}
    order = graph_order([t for t in outputs if t not in conditions])
    moving = _moving(order, {t for t in graph.inputs if t.dtype.kind == "f" and t.name in wrt}, sweeps)
    lengths = _lengths(order)
    memo: dict[tuple[Scalar, Shape], Scalar] = {}
    found: dict[Kink, None] = {}
    for node in order:
        if isinstance(node, Compute) and node in moving:
            writer = _Writer(form.graph, names, node, lengths, memo)
            found.update(dict.fromkeys(_kinks_in(node, moving, writer)))
    return Kinks(found)


def _names(form: Unfolded, graph: Graph, symbols: Sequence[Name]) -> dict[Tensor, Notation]:
    """The symbols of the inputs and of the values of loops."""
    sweeps = Recurrences(form.graph, form.count, form.sweeps, tuple(() for _ in form.sweeps))
    return {**dict(zip(graph.inputs, symbols, strict=True)), **SweepNames(sweeps, symbols).names}


def _moving(order: Sequence[Node], inputs: set[Input], sweeps: Sequence[Sweep]) -> set[Node]:
    """What changes with the inputs: of the values of loops, those that anything that changes goes into."""
    moving: set[Node] = set(inputs)
    count = 0
    while count != len(moving):
        count = len(moving)
        for node in order:
            if any(operand in moving for operand in operands_of(node)):
                moving.add(node)
        for sweep in sweeps:
            for s in sweep.states:
                if not moving.isdisjoint((s.start, s.following)):
                    moving.update((s.before, s.after, s.final))
            moving.update(s.whole for s in sweep.stacks if s.value in moving)
    return moving


def _lengths(order: Sequence[Node]) -> dict[Node, int]:
    """About how many symbols the print of each tensor and of each part of its body has, all that it reads written out."""
    lengths: dict[Node, int] = {}
    for node in order:
        if not isinstance(node, Compute):
            lengths[node] = 1 + sum(lengths[operand] for operand in operands_of(node))
            continue
        for scalar in post_order([node.body, node.domain]):
            inner = lengths[scalar.tensor] if isinstance(scalar, Load) else 0
            lengths[scalar] = min(1 + inner + sum(lengths[child] for child in scalar.children), 2 * LONGEST)
        lengths[node] = lengths[node.body]
    return lengths


def _kinks_in(node: Compute, moving: set[Node], writer: _Writer) -> Iterator[Kink]:
    def moves(scalar: Scalar) -> bool:
        return any(item.tensor in moving and item.dtype.kind == "f" for item in loads_of(scalar))

    for scalar in post_order([node.body]):
        if not isinstance(scalar, Apply):
            continue
        if is_apply(scalar, "root") and moves(scalar):
            yield writer.norm(scalar)
        sites = _of_choice(scalar, moves) if is_apply(scalar, "where") else sites_of(scalar)
        for site in sites:
            if moves(site.u) or moves(site.bound):
                kink = writer.kink(scalar, site if moves(site.u) else _turned(site))
                if kink is not None:
                    yield kink
    if node.reducer in ("max", "min") and moves(node.body):
        yield writer.extremum(node)
    for read, place in _sorted_reads(node, moving).values():
        yield writer.order(read, place)


def _sorted_reads(node: Compute, moving: set[Node]) -> dict[Tensor, tuple[Load, Load]]:
    """What is read through a permutation that changes with the inputs, and the entry that says where: one of each."""
    found: dict[Tensor, tuple[Load, Load]] = {}
    for read in loads_of(node.body):
        for place in loads_of(*read.indices):
            tensor = place.tensor
            is_permutation = isinstance(tensor, Projection) and tensor.source.results[tensor.position].below is not None
            if is_permutation and read.dtype.kind == "f" and read.tensor in moving and tensor in moving:
                found.setdefault(tensor, (read, place))
    return found


def _turned(site: Site) -> Site:
    """The site with the sides exchanged, where only the bound moves: from its own left is from the right."""
    return Site(site.bound, site.u, site.right, site.left, site.used, site.convention, site.every)


def _of_choice(node: Apply, moves: Callable[[Scalar], bool]) -> Iterator[Site]:
    """Where a condition changes from one branch to the other."""
    predicate, then, other = node.args
    for part in post_order([predicate]):
        if not isinstance(part, Apply) or part.op.name not in _SIDES or part.args[0].dtype.kind != "f":
            continue
        below, at = _SIDES[part.op.name]
        u, bound = part.args
        if not moves(u):
            u, bound, below = bound, u, not below
        alone = isinstance(u, Load) and not any(is_apply(p, "not") for p in post_order([predicate]))
        slopes = [
            _slope(branch, u, bound, is_below) if alone else None
            for branch, is_below in ((then, below), (other, not below))
        ]
        left, right = slopes if below else slopes[::-1]
        used = slopes[0] if at else slopes[1]
        which = "the branch that the condition picks" if alone else "that of the branch that the condition picks"
        yield Site(u, bound, left, right, used, which)


#: relation -> whether it holds below the bound, and whether at it
_SIDES = {
    "less": (True, False),
    "less_equal": (True, True),
    "greater": (False, False),
    "greater_equal": (False, True),
}


def _slope(branch: Scalar, u: Scalar, bound: Scalar, is_below: bool) -> Slope:
    """The derivative of a branch in ``u``, where that is ``bound``; near it, where it has no value there."""
    found = dict(local_derivatives(branch, one_of(branch), lambda item: item is u)).get(u)  # type: ignore[call-overload]
    if found is None:
        return 0
    slope = Substitution({u: bound})(found)
    if loads_of(slope) or slope.free or not isinstance(bound, Number):
        return slope
    value = _number(slope)
    if math.isfinite(value):
        return slope if value != round(value) else round(value)
    near = _number(bound) + (-_NEAR if is_below else _NEAR)
    value = _number(Substitution({u: number(near, u.dtype)})(found))
    return math.copysign(math.inf, value) if abs(value) > 1 / math.sqrt(_NEAR) else None


def _number(scalar: Scalar) -> float:
    return float(evaluate(Graph((), (compute((), scalar),)), [])[0])


def _whole(tensor: Tensor, names: Mapping[Tensor, Notation]) -> Notation | None:
    try:
        return MatrixForm(names).tensor(tensor)
    except NoMatrixFormError:
        return None


class _Writer:
    """Writes what is in the body of one comprehension, by entries."""

    def __init__(
        self,
        graph: Graph,
        names: Mapping[Tensor, Notation],
        node: Compute,
        lengths: Mapping[Node, int],
        memo: dict[tuple[Scalar, Shape], Scalar],
    ) -> None:
        self._memo = memo
        self._lengths = lengths
        self._line = next((str(line) for line in lines_of(node)[-1:]), "")
        sizes = [s.name for e in node.extents if isinstance(e, Scalar) for s in post_order([e]) if isinstance(s, Size)]
        letters = fresh_letters([name.plain for name in names.values() if isinstance(name, Name)] + sizes)
        self._stand_ins = [input_tensor(name, (), np.float64) for name in ("u", "v", "w")]
        names = {**names, **{stand_in: Name(stand_in.name, stand_in.name) for stand_in in self._stand_ins}}
        self._form = IndexForm(names, letters, lambda tensor: _whole(tensor, names))
        self._graph, self._node = graph, node
        self._letters = self._form.letters(len(node.extents))

    def kink(self, node: Apply, site: Site) -> Kink | None:
        """The row of a site; None where the equation visibly has no solution."""
        shortened = self._shortened([site.u, site.bound, *node.args])
        short = shortened(node)
        assert isinstance(short, Apply)
        node, site = short, replace(site, u=shortened(site.u), bound=shortened(site.bound))
        gap = self._displayed(difference(site.u, site.bound))
        if not site.every and (visibly_positive(gap) or visibly_positive(difference(number(0, gap.dtype), gap))):
            return None
        if not site.every and isinstance(gap, Number):
            return None
        return Kink(
            self._written(node),
            self._written(site.u),
            self._multiples(site) if site.every else self._equation(site.u, site.bound),
            self._slope(site.left),
            self._slope(site.right),
            self._slope(site.used),
            site.convention,
            self._line,
        )

    def _shortened(self, parts: Sequence[Scalar]) -> Substitution:
        """Puts ``u``, ``v``, ``w`` for those of the parts that are too long to write."""
        long = [part for part in dict.fromkeys(parts) if self._length(part) > LONGEST and part.dtype.kind == "f"]
        return Substitution(
            {part: convert(load(name, ()), part.dtype) for part, name in zip(long, self._stand_ins, strict=False)}
        )

    def _length(self, part: Scalar) -> int:
        if part not in self._lengths and isinstance(part, Load):
            return self._lengths[part.tensor]
        return self._lengths.get(part, 0)

    def norm(self, node: Apply) -> Kink:
        """The row of a norm: along every line through 0 it is the absolute value."""
        short = self._shortened(node.args)(node)
        assert isinstance(short, Apply)
        node = short
        (squares,) = node.args
        return Kink(
            self._written(node),
            self._written(squares),
            self._equation(squares, number(0, node.dtype)),
            self._slope(-1),
            self._slope(1),
            self._slope(0),
            "one-sided along every line through 0; of its subgradients the least",
            self._line,
        )

    def extremum(self, node: Compute) -> Kink:
        """The row of a maximum or minimum over an axis."""
        own = [index(k) for k in range(node.rank)]
        (entry, value) = (self._written(self._shortened([part])(part)) for part in (node.body, load(node, own)))
        left, right = (0, 1) if node.reducer == "max" else (1, 0)
        return Kink(
            value,
            entry,
            Written(f"two {entry.plain} equal {value.plain}", rf"\text{{two }} {entry.latex} = {value.latex}"),
            self._slope(left),
            self._slope(right),
            Written("1/k", r"\tfrac{1}{k}"),
            "shared equally by the k entries that tie",
            self._line,
        )

    def order(self, read: Load, place: Load) -> Kink:
        """The row of an entry that is read by its place in the order."""
        assert isinstance(place.tensor, Projection)
        (keys,) = place.tensor.source.operands
        front = [self._form.scalar(position, self._letters) for position in place.indices[:-1]]
        notation = self._form.entry(keys, (*front, *self._form.letters(1, self._letters)))
        entry = Written(PlainWriter().text(notation), LatexWriter().text(notation))
        return Kink(
            self._written(self._shortened([read])(read)),
            entry,
            Written(f"two {entry.plain} are equal", rf"\text{{two }} {entry.latex} \text{{ are equal}}"),
            Written("0 or 1", r"0 \text{ or } 1"),
            Written("1 or 0", r"1 \text{ or } 0"),
            Written("0 or 1", r"0 \text{ or } 1"),
            "equal entries keep their order",
            self._line,
        )

    def _multiples(self, site: Site) -> Written:
        u, bound = self._written(site.u), self._written(site.bound)
        if isinstance(site.bound, Number) and site.bound.value == 1:
            return Written(f"{u.plain} is an integer", rf"{u.latex} \in \mathbb{{Z}}")
        return Written(f"{u.plain} is a multiple of {bound.plain}", rf"{u.latex} \in {bound.latex} \, \mathbb{{Z}}")

    def _equation(self, u: Scalar, bound: Scalar) -> Written:
        """``u = bound`` with the numbers on the right."""
        left, right = self._displayed(u), self._displayed(bound)
        if isinstance(right, Number) and is_apply(left, "sum") and isinstance(left.children[0], Number):
            constant = left.children[0]
            left, right = self._displayed(difference(left, constant)), self._displayed(difference(right, constant))
        elif is_number(right, 0) and is_apply(left, "sum") and len(left.children) == 2:
            positive = [term for term in left.children if split_coefficient(term)[0] != -1]
            if len(positive) == 1:
                right = self._displayed(difference(positive[0], left))
                left = positive[0]
        written = Relation("equal", *[self._form.scalar(side, self._letters) for side in (left, right)])
        plain = PlainWriter().text(written)
        return Written(plain.replace(" == ", " = "), LatexWriter().text(written))

    def _slope(self, slope: Slope) -> Written:
        if slope is None:
            return Written("-", r"\text{--}")
        if isinstance(slope, Scalar):
            return self._written(slope)
        if slope in (float("inf"), -float("inf")):
            sign = "-" if slope < 0 else ""
            return Written(f"{sign}inf", rf"{sign}\infty")
        return self._written(number(Fraction(slope)))

    def _written(self, scalar: Scalar) -> Written:
        notation: Notation = self._form.scalar(self._displayed(scalar), self._letters)
        return Written(PlainWriter().text(notation), LatexWriter().text(notation))

    def _displayed(self, scalar: Scalar) -> Scalar:
        """A part of the body as display writes it."""
        key = (scalar, self._node.extents)
        if key not in self._memo:
            (form,) = display(Graph(self._graph.inputs, (compute(self._node.extents, scalar),))).outputs
            assert isinstance(form, Compute)
            self._memo[key] = form.body
        return self._memo[key]
