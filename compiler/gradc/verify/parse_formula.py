r"""A formula given as text, or as a SymPy expression, as an ordinary function of its parameters.

>>> import numpy as np
>>> f = function_from_text("2*(w*x - y)*x", ["w", "x", "y"])
>>> f(3.0, 2.0, 2.0)
16.0
>>> function_from_text(r"\frac{\sin x}{x}", ["x"])(1.0) == np.sin(1.0)
np.True_
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from gradc.errors import ParseError
from gradc.verify.latex_notation import parse_latex
from gradc.verify.python_notation import parse_python
from gradc.verify.syntax import Syntax, evaluate_syntax, names_in

_LONGEST_TEXT = 100_000


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


def function_from_text(
    text: str, parameters: Sequence[str] | None = None, notation: str = "auto"
) -> Callable[..., Any]:
    """The function of ``parameters`` (by default of the formula's own names, sorted) that the text describes.

    Its ``__signature__`` carries the parameters' names.
    """
    tree = parse_formula(text, parameters, notation)
    names = sorted(names_in(tree)) if parameters is None else list(parameters)

    def formula(*args: Any) -> Any:
        return evaluate_syntax(tree, dict(zip(names, args, strict=True)), text)

    return _described(formula, names, text)


def function_from_sympy(expression: Any, parameters: Sequence[str]) -> Callable[..., Any]:
    """The function of ``parameters`` that a SymPy expression or matrix describes.

    ``x0`` or ``x_0`` is entry 0 of a parameter x when there is no parameter of that name, as `sympy` formulas write it.
    """
    from gradc.verify.sympy_expression import sympy_function

    return _described(sympy_function(expression, parameters), parameters, str(expression))


def _described(function: Callable[..., Any], parameters: Sequence[str], text: str) -> Callable[..., Any]:
    import inspect

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(name, kind) for name in parameters])
    function.__signature__ = signature  # type: ignore[attr-defined]
    function.__doc__ = text
    function.__name__ = "formula"
    return function
