"""What the writers of notation share: a text with its binding strength, and the split of products into fractions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction

from gradc.ir.scalar import NumberValue
from gradc.present.notation import Notation


class Binding(IntEnum):
    """How strongly the outermost operation of a text binds."""

    RELATION = 0
    SUM = 1
    BIG = 2
    PRODUCT = 3
    NEGATIVE = 4
    POWER = 5
    ATOM = 6


@dataclass(frozen=True)
class Text:
    """A written piece: ``tall`` pieces need growing parentheses in LaTeX."""

    text: str
    binding: Binding = Binding.ATOM
    tall: bool = False


class Writer:
    """Writes notation by a table from kinds of notation to methods."""

    rows: dict[type[Notation], Callable[..., Text]]

    def text(self, node: Notation) -> str:
        """The piece as text."""
        return self.write(node).text

    def write(self, node: Notation) -> Text:
        """The piece as text with its binding."""
        return self.rows[type(node)](self, node)

    def enclosed(self, node: Notation, at_least: Binding) -> Text:
        """The piece, in parentheses where it binds less than ``at_least``."""
        written = self.write(node)
        return written if written.binding >= at_least else self.parenthesised(written)

    def parenthesised(self, written: Text) -> Text:
        """The text in parentheses."""
        return Text(f"({written.text})", Binding.ATOM, written.tall)


def numerator_and_denominator(coefficient: NumberValue) -> tuple[NumberValue, int]:
    """A rational coefficient over a common bar."""
    if isinstance(coefficient, Fraction):
        return coefficient.numerator, coefficient.denominator
    return coefficient, 1


def decimal(value: float) -> str:
    """A float as a person writes it: 0.1, 1.5e-07 as it is, nan and inf by name."""
    text = repr(value)
    return text.removesuffix(".0")
