r"""A formula given as text, or as a SymPy expression, as an ordinary function of its parameters.

>>> import numpy as np
>>> f = function_from_text("2*(w*x - y)*x", ["w", "x", "y"])
>>> f(3.0, 2.0, 2.0)
16.0
>>> function_from_text(r"\frac{\sin x}{x}", ["x"])(1.0) == np.sin(1.0)
np.True_
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from gradc.errors import ParseError
from gradc.ir.scalar import Size
from gradc.verify.latex_notation import parse_latex
from gradc.verify.python_notation import parse_python
from gradc.verify.syntax import Syntax, evaluate_syntax, names_in

_LONGEST_TEXT = 100_000
_LONGEST_NAME = 60


def parse_formula(text: str, parameters: Collection[str] | None = None, notation: str = "auto") -> Syntax:
    """The tree of a formula in Python or LaTeX notation.

    ``notation`` is ``"python"``, ``"latex"`` or ``"auto"``: a backslash or a brace makes it LaTeX. With ``parameters``
    None every unknown name is taken for a parameter.
    """
    if len(text) > _LONGEST_TEXT:
        raise ParseError(f"a formula of {len(text):,} characters; at most {_LONGEST_TEXT:,} are read")
    if notation not in ("auto", "python", "latex"):
        raise ParseError(f"unknown notation {notation!r}: python, latex or auto")
    if notation == "auto":
        notation = "latex" if "\\" in text or "{" in text else "python"
    return (parse_latex if notation == "latex" else parse_python)(text, parameters)


class FormulaFunction:
    """A formula as a function: callable with values, arrays or traced arrays for its parameters.

    ``text`` is the formula, ``__signature__`` carries the names of the parameters.
    """

    def __init__(self, parameters: Sequence[str], compute: Callable[[Mapping[str, Any]], Any], text: str) -> None:
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        self.parameters = tuple(parameters)
        self.text = text
        self.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in parameters])
        self.__name__ = text if len(text) <= _LONGEST_NAME else "formula"
        self.__doc__ = text
        self._compute = compute

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._compute(self.__signature__.bind(*args, **kwargs).arguments)

    def __repr__(self) -> str:
        return f"<formula {self.text} of {', '.join(self.parameters)}>"

    def __gradc_stand_in__(self, path: Any, stand_in: Any) -> FormulaFunction:
        """A formula captures nothing: the traced function is the formula itself."""
        return self


def function_from_text(
    text: str, parameters: Sequence[str] | None = None, notation: str = "auto", extents: Collection[str] = ()
) -> FormulaFunction:
    """The function of ``parameters`` (by default of the formula's own names, sorted) that the text describes.

    ``extents`` are names of sizes that the formula may use beside the parameters: those of its arguments' axes.
    """
    known = None if parameters is None else [*parameters, *(name for name in extents if name not in parameters)]
    tree = parse_formula(text, known, notation)
    names = sorted(names_in(tree)) if parameters is None else list(parameters)
    return FormulaFunction(names, lambda values: evaluate_syntax(tree, {**_sizes(values), **values}, text), text)


def _sizes(values: Mapping[str, Any]) -> dict[str, Any]:
    """The named extents of traced arrays, with their values in the trace."""
    found: dict[str, Any] = {}
    for value in values.values():
        for extent, length in zip(getattr(value, "extents", ()), getattr(value, "shape", ()), strict=False):
            if isinstance(extent, Size):
                found[extent.name] = length
    return found


def functions_from_texts(
    texts: Sequence[str], parameters: Sequence[str], extents: Collection[str] = ()
) -> FormulaFunction:
    """One function whose results are those of several formulas."""
    parts = [function_from_text(text, parameters, extents=extents) for text in texts]
    return FormulaFunction(parameters, lambda values: tuple(part(**values) for part in parts), ", ".join(texts))


def function_from_sympy(expression: Any, parameters: Sequence[str], extents: Collection[str] = ()) -> FormulaFunction:
    """The function of ``parameters`` that a SymPy expression or matrix describes; it takes traced arrays.

    ``x0`` or ``x_0`` is entry 0 of a parameter x when there is no parameter of that name, as SymPy formulas write it.
    """
    from gradc.trace.sympy_graphs.nodes import described
    from gradc.verify.sympy_expression import sympy_function

    several = isinstance(expression, list | tuple)
    text = ", ".join(described(item) for item in expression) if several else described(expression)
    compute = sympy_function(expression, [*parameters, *(name for name in extents if name not in parameters)])
    return FormulaFunction(parameters, lambda values: compute({**_sizes(values), **values}), text)
