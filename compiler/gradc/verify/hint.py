"""A hint: what kind of slip was made in a derivation by hand, and the correction in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: What goes wrong in derivations by hand.
Kind = Literal[
    "sign",
    "factor",
    "inner derivative",
    "exponent",
    "dropped term",
    "extra term",
    "mean",
    "transposed",
    "swapped",
    "index",
    "symmetric twice",
    "symmetric only",
    "wrong argument",
    "function",
    "log base",
    "degrees",
    "shape",
    "order of entries",
    "rounding",
    "domain",
]


@dataclass(frozen=True)
class Hint:
    """The smallest correction found that makes a derivation right."""

    kind: Kind
    text: str

    def within(self, place: str) -> Hint:
        """The same correction, of a part of the derivation."""
        return Hint(self.kind, f"{place}, {self.text}")
