"""One row of the NumPy surface: a call as users write it, and what it is called with."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

#: What is shown of a form, each a column of the table.
COLUMNS = ("value", "forward", "reverse", "second", "float32", "complex")


@dataclass(frozen=True)
class Form:
    """``function(*arguments)``, a use of the public functions that ``covers`` names (separated by blanks).

    Arguments that are float arrays or floats are differentiated; all others stay as they are. Inputs lie off kinks and poles.
    The function is a lambda, or a ``def`` where it needs statements: its source is the form's text.
    """

    covers: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    #: column -> why it isn't there; a column that is left out here must work
    lacks: dict[str, str] = field(default_factory=dict)
    #: how close values are to NumPy's, relative to the largest of the result
    tolerance: float = 1e-12
    #: how close derivatives are to differences of NumPy's values
    slope_tolerance: float = 1e-8
    #: compares the result with NumPy's where equality is not what is promised
    same: Callable[[Any, Any], None] | None = None

    @property
    def names(self) -> list[str]:
        """The public functions that the form is a use of."""
        return self.covers.split()

    @property
    def text(self) -> str:
        """The call, as the row has it."""
        return source_of(self.function)

    @property
    def inputs(self) -> str:
        """The shapes of the arguments, with the dtype where it isn't float64."""
        return ", ".join(_kind(argument) for argument in self.arguments)

    def __str__(self) -> str:
        return f"{self.names[0]}: {self.text} of {self.inputs}"


def _kind(argument: Any) -> str:
    if not hasattr(argument, "dtype"):
        return type(argument).__name__
    extents = "x".join(map(str, argument.shape)) or "scalar"
    return extents if argument.dtype == "float64" else f"{argument.dtype} {extents}"


def form(covers: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Form:
    """A row: ``form("np.sinc", lambda x: np.sinc(x), X)``."""
    return Form(covers, function, arguments, **options)


def source_of(function: Callable[..., Any]) -> str:
    """The body of a lambda, the statements of a ``def`` on one line, or the name of what has no source."""
    code = getattr(function, "__code__", None)
    if code is None:
        return str(getattr(function, "__name__", function))
    node = _node_of(code)
    if isinstance(node, ast.Lambda):
        return ast.unparse(node.body)
    return "; ".join(" ".join(ast.unparse(statement).split()) for statement in node.body)


def _node_of(code: Any) -> ast.Lambda | ast.FunctionDef:
    """The syntax that a code object was compiled from: of several lambdas on a line, the one around its instructions."""
    here = [node for node in _functions(code.co_filename) if _first_line(node) == code.co_firstlineno]
    if len(here) == 1:
        return here[0]
    columns = [(line, column) for line, _, column, _ in code.co_positions() if line is not None and column]
    start = max(columns)
    around = [node for node in here if isinstance(node, ast.Lambda) and _spans(node, start)]
    return max(around, key=lambda node: node.col_offset)


def _spans(node: ast.Lambda, place: tuple[int, int]) -> bool:
    first, last = (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
    return first <= place < last


def _first_line(node: ast.Lambda | ast.FunctionDef) -> int:
    decorators = getattr(node, "decorator_list", [])
    line: int = decorators[0].lineno if decorators else node.lineno
    return line


@lru_cache
def _functions(file: str) -> list[ast.Lambda | ast.FunctionDef]:
    tree = ast.parse(Path(file).read_text("utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Lambda | ast.FunctionDef)]
