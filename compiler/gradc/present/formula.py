"""`Formula`: the display form of a graph, as LaTeX, plain text and SymPy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Literal

from gradc.errors import ArgumentError
from gradc.ir.tensor import Graph, Tensor
from gradc.present.index_form import IndexForm
from gradc.present.latex import LatexWriter
from gradc.present.matrix_form import MatrixForm, NoMatrixFormError
from gradc.present.notation import Name, Notation
from gradc.present.plain import PlainWriter
from gradc.present.symbols import fresh_letters, symbols_of
from gradc.simplify.display import display

NotationName = Literal["auto", "matrix", "index"]


class Formula:
    """A derived expression, one per output of the graph.

    ``str(formula)`` is plain text, `latex` LaTeX, `sympy` a SymPy expression; in Jupyter it renders itself. With
    several outputs, ``formula[k]`` (or ``formula["name"]``) is the formula of one of them.
    """

    def __init__(
        self, graph: Graph, input_names: Sequence[str], output_names: Sequence[str], lhs: Sequence[str]
    ) -> None:
        self._graph = graph
        self._input_names = tuple(input_names)
        self._output_names = tuple(output_names)
        self._lhs = tuple(lhs)

    # ------------------------------------------------------------ parts

    def __len__(self) -> int:
        return len(self._graph.outputs)

    def __iter__(self) -> Iterator[Formula]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, key: int | str) -> Formula:
        """The formula of one output, by position or name."""
        if isinstance(key, str):
            if key not in self._output_names:
                raise ArgumentError(f"no output is called {key!r}; there are {', '.join(self._output_names)}")
            key = self._output_names.index(key)
        one = Graph(self._graph.inputs, (self._graph.outputs[key],))
        return Formula(one, self._input_names, (self._output_names[key],), (self._lhs[key],))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the outputs."""
        return self._output_names

    @cached_property
    def graph_ir(self) -> Graph:
        """The display form that is printed."""
        return display(self._graph)

    # ------------------------------------------------------------ prints

    def latex(self, notation: NotationName = "auto", lhs: bool = False) -> str:
        """LaTeX of the right-hand side, in matrix or index notation; ``auto`` picks the shorter."""
        lines = [LatexWriter().text(tree) for tree in self._trees(notation)]
        if lhs:
            lines = [f"{left} = {line}" for left, line in zip(self._lhs, lines, strict=True)]
        if len(lines) == 1:
            return lines[0]
        rows = [line.replace(" = ", " &= ", 1) if lhs else f"& {line}" for line in lines]
        return r"\begin{aligned} " + r" \\ ".join(rows) + r" \end{aligned}"

    def sympy(self) -> Any:
        """SymPy: an expression for a number, a Matrix of entries for an array; a tuple for several outputs."""
        from gradc.present.sympy_form import sympy_outputs

        results = sympy_outputs(self.graph_ir, [leaf.plain for leaf in self._symbols])
        return results[0] if len(results) == 1 else tuple(results)

    def __str__(self) -> str:
        lines = [PlainWriter().text(tree) for tree in self._trees("auto")]
        if len(lines) == 1:
            return lines[0]
        return "\n".join(f"{name} = {line}" for name, line in zip(self._output_names, lines, strict=True))

    def __repr__(self) -> str:
        return f"Formula({str(self)!r})"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex(lhs=True)}$"

    # ------------------------------------------------------------ notation

    @cached_property
    def _symbols(self) -> list[Name]:
        return symbols_of(self._input_names, [t.rank for t in self._graph.inputs])

    def _trees(self, notation: NotationName) -> list[Notation]:
        if notation not in ("auto", "matrix", "index"):
            raise ArgumentError(f"notation is 'auto', 'matrix' or 'index', not {notation!r}")
        names: dict[Tensor, Notation] = dict(zip(self.graph_ir.inputs, self._symbols, strict=True))
        letters = fresh_letters(name.plain for name in self._symbols)
        index_form, matrix_form = IndexForm(names, letters), MatrixForm(names)
        return [_tree(t, notation, index_form, matrix_form) for t in self.graph_ir.outputs]


def _tree(output: Tensor, notation: NotationName, index_form: IndexForm, matrix_form: MatrixForm) -> Notation:
    """The notation that was asked for; index notation where there is no matrix notation."""
    matrix: Notation | None = None
    if notation != "index":
        try:
            matrix = matrix_form.output(output)
        except NoMatrixFormError:
            matrix = None
    if matrix is not None and notation == "matrix":
        return matrix
    entry = index_form.output(output, index_form.letters(output.rank))
    if matrix is None:
        return entry
    return matrix if _printed_length(matrix) <= _printed_length(entry) else entry


def _printed_length(tree: Notation) -> int:
    """How many symbols a reader sees: commands count as one, braces and spaces not at all."""
    text = re.sub(r"\\(?:left|right|mathrm|mathbf|operatorname|[ ,;])", "", LatexWriter().text(tree))
    return len(re.sub(r"[{}_^ ]", "", re.sub(r"\\[a-zA-Z]+", "#", text)))


def formula_of(
    graph: Graph,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    lhs: Sequence[str] | None = None,
) -> Formula:
    """The formula of a graph.

    ``input_names`` are the paths of the inputs (``x``, ``params["w1"]``; by default their own names), ``output_names``
    name the outputs (by default ``f``, or ``f[0]``, ``f[1]``, ...), ``lhs`` are LaTeX left-hand sides (by default the
    names).
    """
    inputs = list(input_names) if input_names is not None else [t.name for t in graph.inputs]
    count = len(graph.outputs)
    outputs = list(output_names or (["f"] if count == 1 else [f"f[{k}]" for k in range(count)]))
    if len(inputs) != len(graph.inputs) or len(outputs) != count:
        raise ArgumentError("a formula takes one name for every input and every output")
    left = list(lhs) if lhs is not None else [s.latex for s in symbols_of(outputs, [t.rank for t in graph.outputs])]
    return Formula(graph, inputs, outputs, left)
