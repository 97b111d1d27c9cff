"""`Formula`: the display form of a graph, as LaTeX, plain text and SymPy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from gradc.differentiate import jacobian_forward
from gradc.errors import ArgumentError, InternalError
from gradc.ir.conjugates import has_complex_numbers
from gradc.ir.tensor import Graph, Tensor
from gradc.ir.text import sub_graphs
from gradc.ir.walk import graph_order
from gradc.present.conditions import written_conditions
from gradc.present.cutting import near
from gradc.present.latex import LatexWriter
from gradc.present.notation import Name, Notation
from gradc.present.origin import Origin
from gradc.present.page import Layout, NotationName, Page
from gradc.present.plain import PlainWriter
from gradc.present.recurring import recurrences
from gradc.present.symbols import symbols_of
from gradc.present.unfolding import Unfolded, unfolded
from gradc.simplify import simplify
from gradc.simplify.display import display, display_with_conditions

if TYPE_CHECKING:
    from gradc.present.drawing import Drawing
    from gradc.present.kinks import Kinks
    from gradc.present.steps import Derivation
    from gradc.present.steps.loops import Telling


class Formula:
    """A derived expression, one per output of the graph.

    ``str(formula)`` is plain text, `latex` LaTeX, `sympy` a SymPy expression; in Jupyter it renders itself. With
    several outputs, ``formula[k]`` (or ``formula["name"]``) is the formula of one of them. A big formula has a main
    line, a block of definitions, and says what it leaves out. A loop is a recurrence among the definitions: what it carries
    at step t, and in a derivative its adjoint, from the last step back; a branch is a choice between cases.

    >>> import numpy as np
    >>> import gradc
    >>> print(gradc.grad(lambda a: gradc.fori_loop(0, 9, lambda t, y: np.sin(a * y), 1.0)).formula())
    sum(y[t]*y_bar[t + 1]*cos(a*y[t]) for t in range(9))
    where
        y[0] = 1
        y[t + 1] = sin(a*y[t])  for t = 0, ..., 8
        y_bar[9] = 1
        y_bar[t] = a*y_bar[t + 1]*cos(a*y[t])  for t = 8, ..., 0
    """

    def __init__(
        self,
        graph: Graph,
        input_names: Sequence[str],
        output_names: Sequence[str],
        lhs: Sequence[str],
        origin: Origin | None = None,
    ) -> None:
        self._graph = graph
        self._input_names = tuple(input_names)
        self._output_names = tuple(output_names)
        self._lhs = tuple(lhs)
        self._origin = origin
        self._pages: dict[NotationName, Page] = {}

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
        origin = self._origin.of(key) if self._origin is not None else None
        return Formula(one, self._input_names, (self._output_names[key],), (self._lhs[key],), origin)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the outputs."""
        return self._output_names

    @property
    def lhs(self) -> tuple[str, ...]:
        """The left-hand sides in LaTeX."""
        return self._lhs

    @cached_property
    def graph_ir(self) -> Graph:
        """The display form of the whole graph."""
        return display(self._graph)

    @cached_property
    def conditions(self) -> tuple[str, ...]:
        """What must hold besides for the formula to be the derivative: where the print has cancelled or joined something.

        >>> import numpy as np
        >>> import gradc
        >>> formula = gradc.grad(lambda x: np.arctan(1 / x)).formula()
        >>> print(formula, formula.conditions)
        -1/(x**2 + 1) ('x != 0',)
        """
        write = PlainWriter().text
        return tuple(write(condition) for condition in self._conditions)

    @cached_property
    def conditions_latex(self) -> tuple[str, ...]:
        r"""The conditions in LaTeX: ``x \ne 0``."""
        write = LatexWriter(self._symbols).text
        return tuple(write(condition) for condition in self._conditions)

    @cached_property
    def _conditions(self) -> tuple[Notation, ...]:
        functions, labels = (self._origin.functions, self._origin.labels) if self._origin else ((), ())
        wrt = [path for _, paths in labels for path in paths]
        form, lost, long = display_with_conditions(self._graph, functions, wrt)
        return written_conditions(form, lost, self._symbols, long)

    # ------------------------------------------------------------ prints

    def latex(self, notation: NotationName = "auto", lhs: bool = False, bold: bool = False) -> str:
        """LaTeX of the right-hand side, in matrix or index notation; ``auto`` picks the shorter.

        ``lhs`` adds the left-hand side; ``bold`` writes vectors and matrices in bold.

        A matrix differentiated by a matrix is four-dimensional: by its entries, or, in matrix notation, the derivative
        of vec by vec (columns stacked), as Kronecker products where it has that form.
        """
        return self._page(notation).latex(self._lhs if lhs else None, bold)

    def sympy(self) -> Any:
        """SymPy: an expression for a number, a Matrix of entries for an array; a tuple for several outputs."""
        from gradc.present.sympy_form import sympy_outputs

        results = sympy_outputs(self.graph_ir, [leaf.plain for leaf in self._symbols])
        return results[0] if len(results) == 1 else tuple(results)

    def steps(
        self, mode: Literal["reverse", "forward"] = "reverse", detail: Literal["brief", "normal", "full"] = "normal"
    ) -> Derivation:
        """The derivation, step by step as a person writes it, every line checked by numbers before it is shown.

        ``mode`` tells it from the output back (``"reverse"``) or from a small change of the input on (``"forward"``).
        ``detail="brief"`` keeps the parts, the chain rule and the result; ``"full"`` adds what the rules say in general.

        >>> import gradc
        >>> print(gradc.grad(lambda x: 1 / (1 + x**2)).formula().steps(detail="brief"))
        df/dx step by step (reverse mode)
        <BLANKLINE>
        1. Name the parts
             u = x**2 + 1
             f = 1/u
        <BLANKLINE>
        2. Multiply along the path
             df/dx = df/du * du/dx   [chain rule]
                   = (-1/u**2) * 2*x
                   = -2*x/u**2
        <BLANKLINE>
        3. Substitute back and simplify
             df/dx = -2*x/(x**2 + 1)**2
        <BLANKLINE>
        Every step was checked by numbers at 3 points.
        """
        from gradc.present.steps import Result, Side, derivation_of

        if mode not in ("reverse", "forward"):
            raise ArgumentError(f"mode is 'reverse' or 'forward', not {mode!r}")
        if detail not in ("brief", "normal", "full"):
            raise ArgumentError(f"detail is 'brief', 'normal' or 'full', not {detail!r}")
        if self._origin is None:
            raise ArgumentError("this formula was made from a graph alone; steps() needs the function behind it")
        self._check_real("steps()")
        if any(sub_graphs(node) for graph in self._graphs for node in graph_order(graph.outputs)):
            return self._steps_of_loops(mode)
        symbols: dict[Tensor, Name] = dict(zip(self._graph.inputs, self._symbols, strict=True))
        results = []
        for position, one in enumerate(self if len(self) > 1 else (self,)):
            (line,) = one._page("auto").lines
            left = Side(line.plain_lhs(one._output_names[0]), line.latex_lhs(one._lhs[0]))
            printed = Side(str(one), one.latex())
            results.append(Result(one._graph, left, printed, symbols, self._origin.of(position)))
        return derivation_of(results, mode, detail)

    @property
    def _graphs(self) -> tuple[Graph, ...]:
        return (self._graph, *(self._origin.functions if self._origin is not None else ()))

    def _check_real(self, what: str) -> None:
        """Refuse complex numbers, which change in two directions."""
        if any(map(has_complex_numbers, self._graphs)):
            raise ArgumentError(
                f"{what} tells about functions of real numbers; write the function of real and imaginary parts, "
                "or use formula() for the derivative itself"
            )

    def _steps_of_loops(self, mode: Literal["reverse", "forward"]) -> Derivation:
        """The derivation of a function with loops: its recurrences, and those of its derivatives."""
        from gradc.present.steps.loops import check_first_derivatives, tell_loops
        from gradc.present.steps.points import WrongStepError

        assert self._origin is not None
        labels, functions = self._origin.labels, self._origin.functions or (self._graph,)
        check_first_derivatives(labels, functions)
        (function,) = functions
        value = formula_of(function, output_names=[self._origin.name])
        is_value = all(kind in ("", "value") for kind, _ in labels)
        paths = [] if is_value else [wrt for _, (wrt,) in labels]
        inputs = [next(t for t in (*function.inputs, *self._graph.inputs) if t.name == path) for path in paths]
        derived = self
        if mode == "forward" and not is_value:
            by = tuple(jacobian_forward(function.outputs[0], t) for t in inputs)
            graph = simplify(Graph(function.inputs, by))
            derived = Formula(graph, [t.name for t in function.inputs], self._output_names, self._lhs, self._origin)
        try:
            return tell_loops(value._telling(), None if is_value else derived._telling(), inputs, mode)
        except WrongStepError as error:
            raise InternalError(f"a step of the derivation does not hold: {error}") from error

    def _telling(self) -> Telling:
        """What a derivation tells of this formula."""
        from gradc.present.steps.derivation import Side
        from gradc.present.steps.loops import Telling

        left = tuple(Side(*names) for names in zip(self._output_names, self._lhs, strict=True))
        shown = recurrences(self._unfolded, display(self._unfolded.graph))
        return Telling(self._graph, shown, self._page("auto"), left)

    def numpy(self) -> str:
        """NumPy source: ``import numpy as np`` and one ``def`` with the user's parameter names.

        It computes what the kernel computes, from the same simplified form, for any size of the named extents. Numbers
        that the function took from its surroundings are keyword parameters with their present value; arrays, parameters
        without default.

        >>> import gradc
        >>> loss = lambda w, X, y: ((X @ w - y) ** 2).sum()
        >>> specs = gradc.vector("n"), gradc.matrix("m", "n"), gradc.vector("m")
        >>> print(gradc.grad(loss).formula(*specs).numpy())
        import numpy as np
        <BLANKLINE>
        <BLANKLINE>
        def f_gradient(w, X, y):
            return X.T @ (2 * (X @ w - y))
        <BLANKLINE>
        """
        from gradc.present.numpy_source import numpy_source
        from gradc.present.signature import signature_of

        signature = signature_of(self._graph, self._input_names, self._origin, self._output_names)
        return numpy_source(self._graph, signature)

    def c(self) -> str:
        """A self-contained C99 function: row-major pointers, named extents as ``size_t`` parameters, plain loops.

        The results are written into the last parameters, ``out`` or, with several outputs, ``out_0``, ``out_1``, ...

        >>> import gradc
        >>> source = gradc.grad(lambda x: (x**2).sum()).formula(gradc.vector("n")).c()
        >>> print(source[source.index("void") :])
        void f_gradient(size_t n, const double *x, double *out) {
            for (size_t i = 0; i < n; i++) {
                out[i] = 2.0 * x[i];
            }
        }
        <BLANKLINE>
        """
        from gradc.present.c_source import c_source
        from gradc.present.signature import signature_of

        signature = signature_of(self._graph, self._input_names, self._origin, self._output_names)
        formula = str(self) if self._is_short else ""
        return c_source(self._graph, signature, formula)

    def kinks(self) -> Kinks:
        """Where the function is not differentiable: the one-sided derivatives there, and which one is used.

        The derivatives are those of the one operation that has the kink; the chain rule multiplies them by the rest.

        >>> import numpy as np
        >>> import gradc
        >>> print(gradc.grad(lambda x: np.abs(x - 1) + np.maximum(x, 0)).formula().kinks())
        where  of             left  right  used  convention
        x = 1  abs(x - 1)     -1    1      0     the mean of the one-sided values
        x = 0  maximum(x, 0)  0     1      1/2   shared equally on ties
        """
        from gradc.present.kinks import Kinks, kinks_of

        self._check_real("kinks()")
        functions = self._origin.functions if self._origin is not None else (self._graph,)
        asked = {path for _, paths in self._origin.labels for path in paths} if self._origin is not None else set()
        data = self._origin.data if self._origin is not None else {}
        lines = self._origin.lines if self._origin is not None else {}
        found = []
        for graph in functions:
            names = [t.name for t in graph.inputs]
            wrt = [name for name in names if (name in asked if asked else name not in data)]
            found.append(kinks_of(graph, symbols_of(names, [t.rank for t in graph.inputs]), wrt, lines))
        return Kinks(dict.fromkeys(kink for kinks in found for kink in kinks))

    def graph(
        self, at: Any = None, *, adjoints: bool | None = None, of: Literal["function", "formula"] = "function"
    ) -> Drawing:
        """A drawing of the function behind the formula, one node an operation, as textbooks draw backpropagation.

        Parameters
        ----------
        at
            A point: a dict by name, a tuple in the order of the arguments, or the value of the only argument. Then the
            value of every node stands above it.
        adjoints
            Whether the derivative of the result in every node stands below (by default it does for a derivative's
            formula).
        of
            ``"function"`` as the user wrote it, or ``"formula"``: the derived expression.

        Returns
        -------
        A `Drawing`: SVG that shows itself in Jupyter; ``.save(path)`` writes a file.

        >>> import gradc
        >>> gradc.grad(lambda w, x, y: (w * x - y) ** 2).formula().graph(at=(3.0, 2.0, 2.0))
        <Drawing of 6 nodes; .save('graph.svg') writes it>

        """
        from gradc.present.drawing import draw
        from gradc.present.origin import point

        if of not in ("function", "formula"):
            raise ArgumentError(f"of is 'function' or 'formula', not {of!r}")
        origin = self._origin if of == "function" else None
        graph = self.graph_ir if origin is None else origin.functions[0]
        names = [t.name for t in graph.inputs] if origin is not None else self._input_names
        count = len(graph.outputs)
        outputs = [origin.name] if origin is not None and count == 1 else list(self._output_names)[:count]
        outputs += [f"{outputs[0]}[{k}]" for k in range(len(outputs), count)]
        if adjoints is None:
            adjoints = origin is not None and any(kind not in ("", "value") for kind, _ in origin.labels)
        data = {} if self._origin is None else self._origin.data
        lines = {} if origin is None else origin.lines
        return draw(
            graph, names, outputs, at=None if at is None else point(at, names, data), adjoints=adjoints, lines=lines
        )

    def pretty(self, notation: NotationName = "auto") -> str:
        """The formula in two dimensions, for a terminal: fractions with bars, raised exponents, roots, big operators.

        >>> import gradc
        >>> print(gradc.grad(lambda x: 1 / (1 + x**2)).formula().pretty())
            2⋅x
        -───────────
                  2
          ⎛ 2    ⎞
          ⎝x  + 1⎠
        """
        from gradc.present.pretty import pretty_page

        return pretty_page(self._page(notation), self._output_names)

    @property
    def _is_short(self) -> bool:
        """Whether the formula fits in a comment."""
        return len(str(self)) <= 400

    def __str__(self) -> str:
        return self._page("auto").plain(self._output_names)

    def __repr__(self) -> str:
        return f"Formula({str(self)!r})"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex(lhs=True)}$"

    # ------------------------------------------------------------ layout

    @cached_property
    def _unfolded(self) -> Unfolded:
        return unfolded(self._graph)

    @cached_property
    def _symbols(self) -> list[Name]:
        return symbols_of(self._input_names, [t.rank for t in self._graph.inputs])

    def _page(self, notation: NotationName) -> Page:
        if notation not in ("auto", "matrix", "index"):
            raise ArgumentError(f"notation is 'auto', 'matrix' or 'index', not {notation!r}")
        if notation not in self._pages:
            graph, further = near(self._unfolded.graph)
            plain = not further and self._unfolded.graph is self._graph
            shown = recurrences(self._unfolded, self.graph_ir if plain else display(graph))
            self._pages[notation] = Layout(shown, self._symbols, further, notation, self._origin).page()
        return self._pages[notation]


def formula_of(
    graph: Graph,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    lhs: Sequence[str] | None = None,
    origin: Origin | None = None,
) -> Formula:
    """The formula of a graph.

    ``input_names`` are the paths of the inputs (``x``, ``params["w1"]``; by default their own names), ``output_names``
    name the outputs (by default ``f``, or ``f[0]``, ``f[1]``, ...), ``lhs`` are LaTeX left-hand sides (by default the
    names). ``origin`` tells which function it was derived from, for what tells or draws the derivation.
    """
    inputs = list(input_names) if input_names is not None else [t.name for t in graph.inputs]
    count = len(graph.outputs)
    outputs = list(output_names or (["f"] if count == 1 else [f"f[{k}]" for k in range(count)]))
    if len(inputs) != len(graph.inputs) or len(outputs) != count:
        raise ArgumentError("a formula takes one name for every input and every output")
    left = list(lhs) if lhs is not None else [s.latex for s in symbols_of(outputs, [t.rank for t in graph.outputs])]
    return Formula(graph, inputs, outputs, left, origin)
