"""Notation: the small tree between a graph and its print. The same tree is written as LaTeX and as plain text.

The index form (`index_form`) and the matrix form (`matrix_form`) of a graph make these trees; `order` puts terms and
factors in the order a person would; `latex` and `plain` write them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction

from gradc.ir.scalar import NamedConstant, NumberValue


@dataclass(frozen=True)
class Notation:
    """A piece of mathematical notation."""

    @property
    def parts(self) -> Iterator[Notation]:
        """The pieces directly inside."""
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, Notation):
                yield value
            elif isinstance(value, tuple):
                yield from (v for v in value if isinstance(v, Notation))


@dataclass(frozen=True)
class Literal(Notation):
    """A number."""

    value: NumberValue


@dataclass(frozen=True)
class Name(Notation):
    """A symbol, spelled for LaTeX and for plain text.

    ``rank`` is that of the tensor it names; ``integer`` marks index letters and extents.
    """

    latex: str
    plain: str
    rank: int = 0
    integer: bool = False

    @property
    def subscripted(self) -> bool:
        """Whether the symbol carries a subscript of its own."""
        return "_" in self.latex


@dataclass(frozen=True)
class Stepped(Name):
    """A symbol at a step of a loop: ``h^{(t)}``, or, where it is no state but an array over the steps, ``x_t``.

    ``latex``, ``plain`` and ``rank`` are those of the symbol; ``steps`` the numbers of the steps, of outer loops first.
    """

    steps: tuple[Notation, ...] = ()
    raised: bool = True

    @property
    def stem(self) -> Name:
        """The symbol alone."""
        return Name(self.latex, self.plain, self.rank, self.integer)


@dataclass(frozen=True)
class Trajectory(Notation):
    """The values of a state at all steps as an array: its entry ``k`` is the state at step ``k + shift``."""

    state: Stepped
    shift: int

    def at(self, step: Notation) -> Stepped:
        """The state at one step."""
        return replace(self.state, steps=(*self.state.steps, shifted(step, self.shift)))


def shifted(step: Notation, shift: int) -> Notation:
    """``step + shift``."""
    terms = step.terms if isinstance(step, Sum) else (step,)
    total = shift + sum(t.value for t in terms if isinstance(t, Literal) and isinstance(t.value, int))
    others = tuple(t for t in terms if not (isinstance(t, Literal) and isinstance(t.value, int)))
    if not others:
        return Literal(total)
    summed = (*others, Literal(total)) if total else others
    return Sum(summed) if len(summed) > 1 else summed[0]


@dataclass(frozen=True)
class Entry(Notation):
    """``base[indices]``."""

    base: Notation
    indices: tuple[Notation, ...]


@dataclass(frozen=True)
class Sum(Notation):
    """Terms added, in the order of print."""

    terms: tuple[Notation, ...]


@dataclass(frozen=True)
class Product(Notation):
    """``coefficient * numerator / denominator``, factors in the order of print."""

    coefficient: NumberValue
    numerator: tuple[Notation, ...]
    denominator: tuple[Notation, ...] = ()


@dataclass(frozen=True)
class Power(Notation):
    """``base ** exponent``."""

    base: Notation
    exponent: Notation


@dataclass(frozen=True)
class Root(Notation):
    """The positive root of this degree."""

    base: Notation
    degree: int


@dataclass(frozen=True)
class Function(Notation):
    """The function of this name (a row of `gradc.present.functions`) applied."""

    name: str
    arguments: tuple[Notation, ...]


@dataclass(frozen=True)
class Reduction(Notation):
    """A big operator over index letters; ``last`` and ``stops`` give their ranges where those are shown."""

    kind: str
    letters: tuple[Name, ...]
    last: tuple[Notation, ...]
    stops: tuple[Notation, ...]
    condition: Notation | None
    body: Notation


@dataclass(frozen=True)
class Relation(Notation):
    """A comparison."""

    name: str
    left: Notation
    right: Notation


@dataclass(frozen=True)
class Logic(Notation):
    """``and``, ``or`` or ``not`` of conditions."""

    name: str
    arguments: tuple[Notation, ...]


@dataclass(frozen=True)
class Bracket(Notation):
    """Iverson's bracket: 1 where the condition holds, else 0."""

    condition: Notation


@dataclass(frozen=True)
class Cases(Notation):
    """Values with their conditions; the last condition may be missing: otherwise."""

    values: tuple[Notation, ...]
    conditions: tuple[Notation, ...]


@dataclass(frozen=True)
class Array(Notation):
    """Entries in a column, or rows of entries."""

    rows: tuple[tuple[Notation, ...], ...]

    @property
    def parts(self) -> Iterator[Notation]:
        """The entries."""
        for row in self.rows:
            yield from row


@dataclass(frozen=True)
class MatrixProduct(Notation):
    """Matrices and vectors multiplied; ``scalar`` where the product is a number."""

    factors: tuple[Notation, ...]
    scalar: bool = False


@dataclass(frozen=True)
class Transposed(Notation):
    """The transpose."""

    base: Notation


@dataclass(frozen=True)
class Inverse(Notation):
    """The inverse of a matrix; the inverse of a transpose is written with one exponent."""

    base: Notation


@dataclass(frozen=True)
class Hadamard(Notation):
    """Entrywise product and quotient."""

    numerator: tuple[Notation, ...]
    denominator: tuple[Notation, ...] = ()


@dataclass(frozen=True)
class EntrywisePower(Notation):
    """Every entry to a power."""

    base: Notation
    exponent: Notation


@dataclass(frozen=True)
class Ones(Notation):
    """A vector of ones."""


@dataclass(frozen=True)
class Identity(Notation):
    """The identity matrix."""


@dataclass(frozen=True)
class Ellipsis(Notation):
    """Something left out, said in words."""

    words: str


_OPPOSITES = {
    "less": "greater_equal",
    "less_equal": "greater",
    "greater": "less_equal",
    "greater_equal": "less",
    "equal": "not_equal",
    "not_equal": "equal",
}


def opposite(condition: Notation) -> Notation:
    """The condition that holds where this one does not."""
    if isinstance(condition, Relation) and condition.name in _OPPOSITES:
        return Relation(_OPPOSITES[condition.name], condition.left, condition.right)
    if isinstance(condition, Logic) and condition.name in ("and", "or"):
        return Logic("or" if condition.name == "and" else "and", tuple(map(opposite, condition.arguments)))
    return condition.arguments[0] if isinstance(condition, Logic) else Logic("not", (condition,))


ZERO, ONE = Literal(0), Literal(1)


def is_literal(node: Notation, value: int | None = None) -> bool:
    """Whether the piece is a number (this one)."""
    return isinstance(node, Literal) and (value is None or node.value == value)


def split_sign(node: Notation) -> tuple[bool, Notation]:
    """``-3 x`` as (True, 3 x)."""
    if isinstance(node, Literal) and _negative(node.value):
        return True, Literal(-node.value)  # type: ignore[operator]
    if isinstance(node, Product) and _negative(node.coefficient):
        return True, product(-node.coefficient, node.numerator, node.denominator)  # type: ignore[operator]
    return False, node


def _negative(value: NumberValue) -> bool:
    return isinstance(value, int | float | Fraction) and value < 0


def product(
    coefficient: NumberValue, numerator: tuple[Notation, ...], denominator: tuple[Notation, ...] = ()
) -> Notation:
    """The product, or its only factor."""
    if coefficient == 1 and not denominator and len(numerator) == 1:
        return numerator[0]
    if not numerator and not denominator:
        return Literal(coefficient)
    return Product(coefficient, numerator, denominator)


def scaled(coefficient: NumberValue, node: Notation) -> Notation:
    """``coefficient * node``."""
    if isinstance(node, Literal) and not isinstance(node.value, NamedConstant):
        return Literal(coefficient * node.value)  # type: ignore[operator]
    if isinstance(node, Product):
        return product(coefficient * node.coefficient, node.numerator, node.denominator)  # type: ignore[operator]
    return product(coefficient, (node,))


def size(node: Notation) -> int:
    """How many pieces a tree has."""
    total, pending = 0, [node]
    while pending:
        item = pending.pop()
        total += 1
        pending.extend(item.parts)
    return total


def walk(node: Notation) -> Iterator[Notation]:
    """All pieces of a tree."""
    pending = [node]
    while pending:
        item = pending.pop()
        yield item
        pending.extend(item.parts)
