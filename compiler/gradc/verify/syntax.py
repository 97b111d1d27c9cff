"""The syntax tree of a formula given as text, and its meaning: a NumPy computation on whatever values the names have.

Both notations (Python and LaTeX) parse to this tree. A tree is evaluated on tracers, so broadcasting, dtypes and
shapes come from tracing and nowhere else; nothing is ever handed to `eval`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.errors import GradcError, ParseError
from gradc.verify import open_extents
from gradc.verify.indexed import Indexed, Mask, elementwise, product, reduced
from gradc.verify.indexed import entry as indexed_entry
from gradc.verify.indexed import result as indexed_result
from gradc.verify.open_extents import Ones, Open
from gradc.verify.vocabulary import CONSTANTS, call, power


@dataclass(frozen=True, eq=False)
class Syntax:
    """A node of the tree; ``position`` is where it stands in the text."""

    position: int

    @property
    def children(self) -> tuple[Syntax, ...]:
        """The operands, in the order in which `combine` takes their values."""
        return self._children()

    def combine(self, values: list[Any], names: Mapping[str, Any]) -> Any:
        """The value of this node, given those of its children and of the names."""
        return self._value(values, names)

    def _children(self) -> tuple[Syntax, ...]:
        return ()

    def _value(self, values: list[Any], names: Mapping[str, Any]) -> Any:
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Literal(Syntax):
    """A number, ``True``, ``None`` or ``...``."""

    value: Any

    def _value(self, values: list[Any], names: Mapping[str, Any]) -> Any:
        return self.value


@dataclass(frozen=True, eq=False)
class Name(Syntax):
    """A parameter or a constant; parameters win."""

    name: str

    def _value(self, values: list[Any], names: Mapping[str, Any]) -> Any:
        return names[self.name] if self.name in names else CONSTANTS[self.name]


_CONDITIONS = ("<", "<=", ">", ">=", "==", "!=", "and", "or", "not")


@dataclass(frozen=True, eq=False)
class Operation(Syntax):
    """An operator of the table below."""

    operator: str
    operands: tuple[Syntax, ...]

    def _children(self) -> tuple[Syntax, ...]:
        return self.operands

    def _value(self, values: list[Any], names: Mapping[str, Any]) -> Any:
        if any(isinstance(value, Indexed | Mask) for value in values):
            if self.operator in _PRODUCTS:
                return product(*values)
            return elementwise(OPERATORS[_ENTRYWISE.get(self.operator, self.operator)], values)
        return OPERATORS[self.operator](*values)


@dataclass(frozen=True, eq=False)
class Application(Syntax):
    """A function of the vocabulary applied to arguments."""

    function: str
    arguments: tuple[Syntax, ...]
    keywords: tuple[tuple[str, Syntax], ...] = ()

    def _children(self) -> tuple[Syntax, ...]:
        return self.arguments + tuple(value for _, value in self.keywords)

    def _value(self, values: list[Any], names: Mapping[str, Any]) -> Any:
        positional = [unwrapped(value) for value in values[: len(self.arguments)]]
        keywords = dict(zip([key for key, _ in self.keywords], values[len(self.arguments) :], strict=True))
        if any(isinstance(value, Indexed) for value in positional):
            return elementwise(lambda *arrays: call(self.function, *arrays, **keywords), positional)
        return call(self.function, *positional, **keywords)


@dataclass(frozen=True, eq=False)
class Group(Syntax):
    """``[a, b]`` or ``(a, b)``: an array of its items, or a tuple of results at the top of a formula."""

    items: tuple[Syntax, ...]
    bracket: str

    def _children(self) -> tuple[Syntax, ...]:
        return self.items

    def _value(self, values: list[Any], names: Mapping[str, Any]) -> Any:
        return list(values) if self.bracket == "[" else tuple(values)


def iverson(position: int, items: Sequence[Syntax]) -> Syntax | None:
    """``[x > 0]``: 1 where the only item, a condition, holds, else 0. None for other items: a list."""
    if len(items) != 1 or not isinstance(items[0], Operation) or items[0].operator not in _CONDITIONS:
        return None
    return Operation(position, "*", (items[0], Literal(position, 1.0)))


@dataclass(frozen=True, eq=False)
class Slice(Syntax):
    """``start:stop:step`` inside an index."""

    parts: tuple[Syntax, Syntax, Syntax]

    def _children(self) -> tuple[Syntax, ...]:
        return self.parts

    def _value(self, values: list[Any], names: Mapping[str, Any]) -> Any:
        return slice(*values)


@dataclass(frozen=True, eq=False)
class Entries(Syntax):
    """``A_{ij}``: an array with letters for its axes."""

    base: Syntax
    letters: tuple[str, ...]

    def _children(self) -> tuple[Syntax, ...]:
        return (self.base,)

    def _value(self, values: list[Any], names: Mapping[str, Any]) -> Any:
        return indexed_entry(values[0], self.letters)


@dataclass(frozen=True, eq=False)
class Bracket(Syntax):
    """``[i = j]``, the bracket of two indices."""

    mask: Mask

    def _value(self, values: list[Any], names: Mapping[str, Any]) -> Any:
        return self.mask


@dataclass(frozen=True, eq=False)
class Reduction(Syntax):
    """A sum, product, maximum or minimum over letters."""

    kind: str
    letters: tuple[str, ...]
    body: Syntax

    def _children(self) -> tuple[Syntax, ...]:
        return (self.body,)

    def _value(self, values: list[Any], names: Mapping[str, Any]) -> Any:
        return reduced(self.kind, self.letters, values[0])


@dataclass(frozen=True)
class Row:
    r"""A vector that matrix notation transposed: ``x^\top``. NumPy has no row vectors, matrix notation does."""

    vector: Any


def unwrapped(value: Any) -> Any:
    """A row vector as NumPy holds it, anything else as it is."""
    return value.vector if isinstance(value, Row) else value


def transposed(value: Any) -> Any:
    """``value^T`` in matrix notation: a vector becomes a row."""
    if isinstance(value, Row):
        return value.vector
    if isinstance(value, Open):
        return Row(value) if isinstance(value, Ones) else open_extents.transpose(value)
    rank = np.ndim(value)
    return Row(value) if rank == 1 else value if rank == 0 else np.swapaxes(value, -1, -2)


def matrix_product(left: Any, right: Any) -> Any:
    """Juxtaposition in matrix notation: scalars scale, columns and rows multiply as matrices do."""
    if isinstance(unwrapped(left), Open) or isinstance(unwrapped(right), Open):
        return _open_product(left, right)
    if isinstance(left, Row):
        if np.ndim(unwrapped(right)) == 0:
            return Row(left.vector * right)
        if isinstance(right, Row):
            raise ParseError("two row vectors don't multiply; write x^\\top y, or \\odot for the entrywise product")
        product = np.matmul(left.vector, right)
        return product if np.ndim(right) == 1 else Row(product)
    if isinstance(right, Row):
        rank = np.ndim(left)
        return Row(left * right.vector) if rank == 0 else np.multiply(left[..., None], right.vector)
    if np.ndim(left) == 0 or np.ndim(right) == 0:
        return left * right
    if np.ndim(left) == 1 and np.ndim(right) == 1:
        raise ParseError("two column vectors don't multiply; write x^\\top y, x y^\\top, or \\odot entrywise")
    return np.matmul(left, right)


def _open_product(left: Any, right: Any) -> Any:
    if isinstance(left, Row):
        if isinstance(right, Row):
            raise ParseError("two row vectors don't multiply")
        if not isinstance(right, Open) and np.ndim(right) == 0:
            return Row(open_extents.scaled(left.vector, right))
        product_ = open_extents.dotted(left.vector, right)
        whole = isinstance(product_, Open) or np.ndim(product_) > 0
        return Row(product_) if whole else product_
    if isinstance(right, Row):
        if not isinstance(left, Open) and np.ndim(left) == 0:
            return Row(open_extents.scaled(right.vector, left))
        return open_extents.outer(left, right.vector)
    if not isinstance(left, Open) and np.ndim(left) == 0:
        return open_extents.scaled(right, left)
    return open_extents.applied(left, right)


def inner_product(left: Any, right: Any) -> Any:
    r"""``left \cdot right``: the inner product of two vectors, else a product as by juxtaposition."""
    if not isinstance(left, Row) and not isinstance(right, Row) and np.ndim(left) == np.ndim(right) == 1:
        return np.matmul(left, right)
    return matrix_product(left, right)


def matrix_power(base: Any, exponent: Any) -> Any:
    """A power in matrix notation: a square matrix to a whole power is a product of matrices."""
    if isinstance(base, Row) or np.ndim(base) < 2:
        return _rowwise(power)(base, exponent)
    if exponent == -1:
        return np.linalg.inv(base)
    if not isinstance(exponent, int) or not 1 <= exponent <= 64:
        raise ParseError("a matrix takes a whole power; write \\odot products for the entrywise one")
    result = base
    for _ in range(exponent - 1):
        result = np.matmul(result, base)
    return result


def _rowwise(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function on rows gives a row."""

    def applied(*values: Any) -> Any:
        plain = [np.stack(v) if isinstance(v, list) else unwrapped(v) for v in values]
        is_open = any(isinstance(value, Open) for value in plain)
        result = _open_operation(function, plain) if is_open else function(*plain)
        return Row(result) if any(isinstance(value, Row) for value in values) else result

    return applied


def _open_operation(function: Callable[..., Any], values: list[Any]) -> Any:
    if function in (operator.neg, operator.pos):
        return values[0].scaled(function(1))
    left, right = values
    if function is operator.add:
        return open_extents.total(left, right)
    if function is operator.sub:
        return open_extents.total(left, open_extents.scaled(right, -1))
    return open_extents.entrywise(function, left, right)


def entry(base: Any, *indices: Any) -> Any:
    """``base[indices]``."""
    return unwrapped(base)[indices[0] if len(indices) == 1 else tuple(indices)]


def _real_power(base: Any, exponent: Any) -> Any:
    result = power(base, exponent)
    if isinstance(result, complex) and not isinstance(base, complex):
        raise ValueError("a negative number has no real power with a fractional exponent")
    if isinstance(result, int) and result.bit_length() > _MOST_BITS:
        raise ValueError("the number is too large")
    return result


#: Of a whole number that a float can hold.
_MOST_BITS = 1023

OPERATORS: dict[str, Callable[..., Any]] = {
    "+": _rowwise(operator.add),
    "-": _rowwise(operator.sub),
    "*": _rowwise(operator.mul),
    "/": _rowwise(operator.truediv),
    "//": _rowwise(operator.floordiv),
    "%": _rowwise(operator.mod),
    "@": _rowwise(operator.matmul),
    "**": _rowwise(_real_power),
    "negate": _rowwise(operator.neg),
    "plus": _rowwise(operator.pos),
    "<": _rowwise(operator.lt),
    "<=": _rowwise(operator.le),
    ">": _rowwise(operator.gt),
    ">=": _rowwise(operator.ge),
    "==": _rowwise(operator.eq),
    "!=": _rowwise(operator.ne),
    "and": _rowwise(np.logical_and),
    "or": _rowwise(np.logical_or),
    "not": _rowwise(np.logical_not),
    "where": _rowwise(np.where),
    "entry": entry,
    "transpose": transposed,
    "juxtapose": matrix_product,
    "inner": inner_product,
    "matrix power": matrix_power,
}


#: Operators of matrix notation that act entry by entry on indexed values.
_PRODUCTS = frozenset(("juxtapose", "inner", "*", "@"))
_ENTRYWISE = {"matrix power": "**"}


def post_order(root: Syntax) -> Iterator[Syntax]:
    """The nodes of a tree, children first; iterative, so that long sums don't overflow the stack."""
    stack: list[tuple[Syntax, bool]] = [(root, False)]
    while stack:
        node, entered = stack.pop()
        if entered or not node.children:
            yield node
        else:
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(node.children))


def evaluate_syntax(root: Syntax, names: Mapping[str, Any], text: str = "") -> Any:
    """The value of the tree, names taking the given values; an error points at the place in the text.

    >>> tree = Operation(1, "*", (Literal(0, 2), Name(2, "x")))
    >>> evaluate_syntax(tree, {"x": np.arange(3)})
    array([0, 2, 4])
    """
    values: list[Any] = []
    for node in post_order(root):
        count = len(node.children)
        operands = values[len(values) - count :]
        del values[len(values) - count :]
        try:
            values.append(node.combine(operands, names))
        except ParseError as problem:
            raise located(str(problem), text, node.position) from None
        except GradcError as problem:  # the place in the text says more than the line that evaluates it
            raise type(problem)(str(located(_first_part(problem), text, node.position))) from problem
        except (TypeError, ValueError, IndexError, ZeroDivisionError, AttributeError) as problem:
            raise located(f"this can't be computed: {_first_part(problem)}", text, node.position) from problem
    try:
        return _result(values[0], names)
    except ParseError as problem:
        raise located(str(problem), text, 0) from None


def _first_part(problem: Exception) -> str:
    """The message without the line of code that tracing adds."""
    return str(problem).split("\n  in ")[0]


def _result(value: Any, names: Mapping[str, Any]) -> Any:
    """A list stands for an array of its items, a row for its vector; a tuple stays a tuple."""
    if isinstance(value, tuple):
        return tuple(_result(item, names) for item in value)
    if isinstance(value, list):
        return np.stack([_result(item, names) for item in value])
    plain = unwrapped(indexed_result(value))
    if isinstance(plain, Open):
        arrays = [item for item in names.values() if np.ndim(item) > 0]
        return open_extents.closed(plain, arrays[0] if arrays else 0)
    return plain


def names_in(root: Syntax) -> list[str]:
    """The names in the tree, constants left out, in the order of their first appearance."""
    names = (node.name for node in post_order(root) if isinstance(node, Name))
    return [name for name in dict.fromkeys(names) if name not in CONSTANTS]


def located(message: str, text: str, position: int) -> ParseError:
    """The error with the text and a caret under the position."""
    if not text:
        return ParseError(message)
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[start : end if end >= 0 else len(text)]
    window = max(0, position - start - 60)
    shown = line[window : window + 120]
    return ParseError(f"{message}\n    {shown}\n    {' ' * (position - start - window)}^")
