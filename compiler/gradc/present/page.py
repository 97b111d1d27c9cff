"""A formula laid out: its main lines, and definitions of the intermediates that they name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gradc.ir.algebra import is_index_predicate
from gradc.ir.scalar import Apply, Guard, Scalar, Size, load
from gradc.ir.tensor import Compute, Graph, Input, Tensor, compute
from gradc.ir.walk import free_indices, graph_order, loads_of, post_order
from gradc.present import notation as n
from gradc.present.functions import IDENTITIES
from gradc.present.index_form import IndexForm
from gradc.present.latex import LatexWriter
from gradc.present.matrix_form import MatrixForm, NoMatrixFormError
from gradc.present.notation import Name, Notation
from gradc.present.origin import Origin
from gradc.present.piece_names import PieceNames
from gradc.present.pieces import LARGEST_WHERE, Pieces, split
from gradc.present.plain import PlainWriter
from gradc.present.recurring import Recurrences
from gradc.present.sweep_names import SweepNames
from gradc.present.sweep_rows import Definition, Steps, SweepRows
from gradc.present.symbols import fresh_letters, in_bold, symbol
from gradc.present.unfolding import steps_below
from gradc.simplify.display import display
from gradc.simplify.display_search import Search

NotationName = Literal["auto", "matrix", "index"]

#: Arrays of at most this many entries, each with a formula of its own, are printed entry by entry.
_LARGEST_ENTRYWISE = 9
#: A page with loops defines this many more.
_MORE_FOR_LOOPS = 16
#: A sum of more printed symbols is broken into several rows.
_LONGEST_ROW = 85


@dataclass(frozen=True)
class Line:
    """What one output is; ``indices`` are the letters of an entry in index notation.

    A ``vectorised`` derivative of a matrix by a matrix is the matrix of vec by vec.
    """

    value: Notation
    indices: tuple[Name, ...] = ()
    vectorised: bool = False

    def latex_lhs(self, name: str) -> str:
        """The left-hand side, of an entry where it is one."""
        if self.vectorised:
            return _vectorised_lhs(name)
        if not self.indices:
            return name
        letters = "".join(i.latex for i in self.indices)
        return rf"\left({name}\right)_{{{letters}}}" if len(name) > 1 else f"{name}_{{{letters}}}"

    def plain_lhs(self, name: str) -> str:
        """The same in plain text."""
        return f"{name}[{', '.join(i.plain for i in self.indices)}]" if self.indices else name


def _vectorised_lhs(name: str) -> str:
    r"""``\frac{\partial f}{\partial X}`` as the derivative of vec f by vec X."""
    first = re.fullmatch(r"\\frac\{\\partial (.+)\}\{\\partial ([^{}^]+)\}", name)
    if first:
        above, below = rf"\partial \operatorname{{vec}}({first[1]})", rf"\partial \operatorname{{vec}}({first[2]})^\top"
        return rf"\frac{{{above}}}{{{below}}}"
    second = re.fullmatch(r"\\frac\{(\\partial\^\{2\} .+)\}\{\\partial ([^{}^]+)\^\{2\}\}", name)
    if second:
        vec = rf"\operatorname{{vec}}({second[2]})"
        return rf"\frac{{{second[1]}}}{{\partial {vec} \, \partial {vec}^\top}}"
    return rf"\operatorname{{vec}}\left({name}\right)"


@dataclass(frozen=True)
class Page:
    """What is printed: one main line per output, definitions, and how many intermediates are left out."""

    lines: tuple[Line, ...]
    definitions: tuple[Definition, ...] = ()
    left_out: int = 0
    symbols: tuple[Name, ...] = ()

    def latex(self, lhs: Sequence[str] | None, bold: bool = False) -> str:
        """LaTeX: one line alone, or several lines aligned at their equals signs; arrays in bold if that is wanted."""
        write = LatexWriter(self.symbols, bold).text
        lhs = [self._bold_variables(name) for name in lhs] if lhs and bold else lhs
        lines = [write(line.value) for line in self.lines]
        left = [line.latex_lhs(name) for line, name in zip(self.lines, lhs or (), strict=False)]
        short = printed_length(self.lines[0].value) <= _LONGEST_ROW or not isinstance(self.lines[0].value, n.Sum)
        identities = self._identities() if lhs else []
        if len(lines) == 1 and short and not self.definitions and not self.left_out:
            return r", \qquad ".join([f"{left[0]} = {lines[0]}", *identities]) if lhs else lines[0]
        broken = [_broken(line.value, write) for line in self.lines]
        rows = [f"{name} &= {line}" for name, line in zip(left, broken, strict=True)] if lhs else []
        rows = rows or [f"& {line}" for line in broken]
        for position, definition in enumerate(self.definitions):
            where = r"\text{where} \quad " if position == 0 else ""
            steps = "" if definition.steps is None else rf", \quad {steps_latex(definition.steps, write)}"
            rows.append(f"{where}{write(definition.name)} &= {_broken(definition.value, write)}{steps}")
        for position, identity in enumerate(identities):
            where = "" if position or self.definitions else r"\text{where} \quad "
            rows.append(where + identity.replace("=", "&=", 1))
        if self.left_out:
            rows.append(rf"& \text{{{self._rest()}}}")
        return r"\begin{aligned} " + r" \\ ".join(rows) + r" \end{aligned}"

    def _bold_variables(self, name: str) -> str:
        r"""``\frac{\partial f}{\partial x}`` with the arrays among its variables in bold."""
        for array in (entry.latex for entry in self.symbols if entry.rank):
            for before in (r"\partial ", "d "):
                for after in "} ^":
                    name = name.replace(f"{before}{array}{after}", f"{before}{in_bold(array)}{after}")
        return name

    def _identities(self) -> list[str]:
        """What the functions are that have a name of their own here and none in NumPy: ``sigma(x) = 1/(1 + exp(-x))``."""
        trees = [*[line.value for line in self.lines], *[d.value for d in self.definitions]]
        named = {part.name for tree in trees for part in n.walk(tree) if isinstance(part, n.Function)}
        write = LatexWriter(self.symbols).function_name
        return [f"{write(name)}{identity}" for name, identity in IDENTITIES.items() if name in named]

    def plain(self, names: Sequence[str]) -> str:
        """Plain text."""
        write = PlainWriter().text
        lines = [write(line.value) for line in self.lines]
        if len(lines) > 1:
            left = [line.plain_lhs(name) for line, name in zip(self.lines, names, strict=True)]
            width = max(map(len, left))
            lines = [f"{name:{width}} = {line}" for name, line in zip(left, lines, strict=True)]
        if self.definitions:
            lines.append("where")
        lines += [f"    {write(d.name)} = {write(d.value)}{plain_steps(d.steps, write)}" for d in self.definitions]
        if self.left_out:
            lines.append(f"    {self._rest()}")
        return "\n".join(lines)

    def _rest(self) -> str:
        more = "more intermediates" if self.left_out > 1 else "more intermediate"
        return f"... and {self.left_out} {more} left out"


def steps_latex(steps: Steps, write: Callable[[Notation], str]) -> str:
    r"""``t = 0, \dots, T - 1``, and how long it goes on."""
    listed = ", ".join(r"\dots" if step is None else write(step) for step in steps.listed)
    numbers = f"{write(steps.letter)} = {listed}"
    if steps.until is None:
        return numbers
    return rf"{numbers} \text{{ until }} {write(steps.until)} \text{{ at }} {write(steps.letter)} = {write(steps.last)}"


def plain_steps(steps: Steps | None, write: Callable[[Notation], str]) -> str:
    """``  for t = 0, ..., T - 1``; nothing where there are no steps."""
    if steps is None:
        return ""
    listed = ", ".join("..." if step is None else write(step) for step in steps.listed)
    until = "" if steps.until is None else f" until {write(steps.until)} at {write(steps.letter)} = {write(steps.last)}"
    return f"  for {write(steps.letter)} = {listed}{until}"


def _broken(tree: Notation, write: Callable[[Notation], str]) -> str:
    """LaTeX of a right-hand side; a long sum is broken before its plus and minus signs."""
    if not isinstance(tree, n.Sum) or printed_length(tree) <= _LONGEST_ROW:
        return write(tree)
    rows: list[str] = []
    pending: list[Notation] = []
    for term in tree.terms:
        if pending and printed_length(n.Sum((*pending, term))) > _LONGEST_ROW:
            rows.append(_continued(pending, write, first=not rows))
            pending = []
        pending.append(term)
    rows.append(_continued(pending, write, first=not rows))
    return r" \\ & \quad ".join(rows)


def _continued(terms: Sequence[Notation], write: Callable[[Notation], str], first: bool) -> str:
    text = write(n.Sum(tuple(terms)))
    return text if first or text.startswith("-") else f"+ {text}"


class Layout:
    """Lays out the display form of a graph, its loops as recurrences; ``further`` stand for what is not shown."""

    def __init__(
        self,
        recurrences: Recurrences,
        symbols: Sequence[Name],
        further: Sequence[Input],
        notation: NotationName,
        origin: Origin | None = None,
    ) -> None:
        graph = self._graph = recurrences.graph
        naming = PieceNames(origin)
        self._pieces = split(graph, further, naming.named)
        self._recurrences = recurrences.over(self._pieces.outputs)
        self._notation = notation
        self._search = Search()
        named = [*symbols, *map(symbol, _extent_names(graph))]
        self._sweep_names = SweepNames(self._recurrences, named)
        names: dict[Tensor, Notation] = dict(zip(graph.inputs, symbols, strict=False))
        names |= self._sweep_names.names
        named += [name for name in self._sweep_names.names.values() if isinstance(name, Name)]
        names |= self._at_their_steps(naming.names(self._pieces, named))
        names |= {t: n.Ellipsis(words) for t, words in self._pieces.ellipses.items()}
        taken = [name.plain for name in names.values() if isinstance(name, Name)]
        letters = fresh_letters(taken + _extent_names(graph))
        self._names = names
        self._matrix_form = MatrixForm(names)
        self._index_form = IndexForm(names, letters, self._whole)
        self._mixed_form = IndexForm(names, letters, self._whole, products=True)

    def page(self) -> Page:
        """The page."""
        named = [t for t in self._pieces.named if isinstance(t, Compute)]
        rows = SweepRows(self._recurrences, self._sweep_names, self._definitions(named), self._written, self._condition)
        defined = [*rows.rows(), *self._definitions(named)(self._recurrences.outputs)]
        if not self._recurrences.sweeps:
            defined = [self._definition(t, self._polished(t)) for t in named[:LARGEST_WHERE]]
        lines = tuple(self._made(rows, t) or self._line(self._polished(t)) for t in self._recurrences.outputs)
        definitions = tuple(defined[: LARGEST_WHERE + _MORE_FOR_LOOPS * bool(self._recurrences.sweeps)])
        of_loops = len(defined) - len(named) if self._recurrences.sweeps else 0
        symbols = tuple(name for name in self._names.values() if isinstance(name, Name))
        return Page(lines, definitions, len(self._pieces.named) + of_loops - len(definitions), symbols)

    def _at_their_steps(self, names: Mapping[Tensor, Name]) -> dict[Tensor, Name]:
        """The names of intermediates; those of the steps of a loop with the numbers of the steps."""
        sweeps = self._recurrences.sweeps
        steps = steps_below(self._pieces.outputs, sweeps) if sweeps else {}
        found: dict[Tensor, Name] = {}
        for tensor, name in names.items():
            places = tuple(self._sweep_names.letters[step] for step in steps.get(tensor, ()))
            found[tensor] = n.Stepped(name.latex, name.plain, name.rank, steps=places) if places else name
        return found

    def _definitions(self, named: Sequence[Tensor]) -> Callable[[Sequence[Tensor]], Iterator[Definition]]:
        """Gives the definitions of the named intermediates below some tensors, each once."""
        pending = set(named)

        def below(roots: Sequence[Tensor]) -> Iterator[Definition]:
            for tensor in graph_order(roots):
                if tensor in pending:
                    pending.discard(tensor)
                    yield self._definition(tensor, self._polished(tensor))

        return below

    def _made(self, rows: SweepRows, output: Tensor) -> Line | None:
        """The line of an output that a loop makes step by step."""
        found = rows.line(output)
        return None if found is None else Line(*found)

    def _written(self, tensor: Tensor, by_entries: bool) -> tuple[Notation, tuple[Name, ...]]:
        """A tensor in the notation that is shorter, with the letters of its entry where it is by entries."""
        shown = self._polished(tensor)
        if by_entries:
            letters = self._index_form.letters(shown.rank)
            return self._index_form.output(shown, letters), letters
        matrix = self._matrix(shown)
        value = self._chosen(matrix, shown)
        return value, () if value is matrix else self._index_form.letters(shown.rank)

    def _condition(self, tensor: Tensor) -> Notation:
        """A truth value as a condition."""
        if isinstance(tensor, Compute) and tensor.reducer is None:
            return self._index_form.condition(tensor.body, ())
        return self._index_form.output(tensor, ())  # of a batch: whether any of its loops goes on

    def _line(self, output: Tensor) -> Line:
        matrix = self._matrix(output)
        if self._notation == "matrix" and output.rank == 4:
            matrix = self._vectorised(output)
            if matrix is not None:
                return Line(matrix, vectorised=True)
        if matrix is None and not self._pieces.named and _differs_by_entry(output):
            return Line(self._entries(output))
        value = self._chosen(matrix, output)
        return Line(value, () if value is matrix else self._index_form.letters(output.rank))

    def _polished(self, tensor: Tensor) -> Tensor:
        """A piece in its shortest form: what was too long as a whole is short where its parts have names."""
        pieces = self._pieces
        if not isinstance(tensor, Compute) or tensor.extents or not pieces.named:
            return tensor
        known = {*self._graph.inputs, *pieces.named}
        if any(item.tensor not in known for item in loads_of(tensor.body)):
            return tensor
        return compute((), self._search.polished(tensor.body))

    def _definition(self, tensor: Tensor, shown: Tensor) -> Definition:
        matrix = self._matrix(shown)
        value = self._chosen(matrix, shown)
        name = self._names[tensor]
        if tensor.rank and value is not matrix:
            name = n.Entry(name, self._index_form.letters(tensor.rank))
        return Definition(name, value)

    def _whole(self, tensor: Tensor) -> Notation | None:
        try:
            return self._matrix_form.tensor(tensor)
        except NoMatrixFormError:
            return None

    def _matrix(self, tensor: Tensor) -> Notation | None:
        if self._notation == "index":
            return None
        try:
            return self._matrix_form.output(tensor)
        except NoMatrixFormError:
            return None

    def _vectorised(self, tensor: Tensor) -> Notation | None:
        try:
            return self._matrix_form.vectorised(tensor)
        except NoMatrixFormError:
            return None

    def _chosen(self, matrix: Notation | None, tensor: Tensor) -> Notation:
        """The notation that was asked for; the shorter one by default, and index notation where there is no other."""
        if matrix is not None and self._notation == "matrix":
            return matrix
        entry = self._index_form.output(tensor, self._index_form.letters(tensor.rank))
        if matrix is None:
            mixed = self._mixed_form.output(tensor, self._mixed_form.letters(tensor.rank))
            wanted = self._notation == "matrix" or printed_length(mixed) < printed_length(entry)
            return mixed if wanted and self._notation != "index" else entry
        return matrix if printed_length(matrix) <= printed_length(entry) else entry

    def _entries(self, output: Tensor) -> Notation:
        """A small array whose entries have different formulas, as a column or as rows."""
        shape = [int(e) for e in output.shape if isinstance(e, int)]
        positions = list(np.ndindex(*shape))
        singles = [compute((), load(output, position)) for position in positions]
        shown = display(Graph(self._graph.inputs, tuple(singles)))
        written = [self._index_form.output(t, ()) for t in shown.outputs]
        columns = shape[1] if len(shape) == 2 else 1
        return n.Array(tuple(tuple(written[k : k + columns]) for k in range(0, len(written), columns)))


def _extent_names(graph: Graph) -> list[str]:
    extents = [e for t in graph.inputs for e in t.shape if isinstance(e, Scalar)]
    return [node.name for node in post_order(extents) if isinstance(node, Size)]


def _differs_by_entry(output: Tensor) -> bool:
    """Whether a small array has conditions on its own indices: ``[i = 0] ... + [i = 1] ...``."""
    if not isinstance(output, Compute) or output.rank not in (1, 2):
        return False
    shape = [e for e in output.shape if isinstance(e, int)]
    if len(shape) < output.rank or int(np.prod(shape)) > _LARGEST_ENTRYWISE:
        return False
    return any(_about_one_entry(s, output.rank) for s in post_order([output.body, output.domain]))


def _about_one_entry(scalar: Scalar, rank: int) -> bool:
    if isinstance(scalar, Guard) or not isinstance(scalar, Apply):
        return False
    positional = is_index_predicate(scalar) or scalar.op.name in ("floordiv", "mod")
    return positional and bool(free_indices(scalar)) and all(k < rank for k in free_indices(scalar))


def printed_length(tree: Notation) -> int:
    """How many symbols a reader sees: commands and words count little, braces and spaces not at all."""
    text = re.sub(r"\\operatorname\{[a-z]+\}", "##", LatexWriter().text(tree))
    text = re.sub(r"\\(?:left|right|mathrm|mathbf|operatorname)(?![a-z])", "", text)
    return len(re.sub(r"[{}_^ ]", "", re.sub(r"\\(?:[a-zA-Z]+|\|)", "#", text)))


__all__ = ["Definition", "Layout", "NotationName", "Page", "Pieces", "printed_length"]
