"""One derivation by hand, right and with slips: the row of the data in this folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

#: What goes wrong in derivations by hand. A slip that can be read in two ways names both, with a bar between.
KINDS = (
    "inner derivative",
    "sign",
    "factor",
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
)

#: Where the arguments lie for the numerical check of a row.
DOMAINS = ("above one", "positive", "unit", "positive definite")


@dataclass(frozen=True)
class Slip:
    """A wrong derivation and the kinds it may be called by."""

    kinds: tuple[str, ...]
    wrong: str


@dataclass(frozen=True)
class Derivation:
    """A function, the argument it is differentiated in, its derivative by hand, and wrong ones.

    ``shapes`` gives the extents of array arguments, names or numbers; every other argument is a number.
    """

    name: str
    function: str
    wrt: str
    hand: str
    slips: tuple[Slip, ...]
    shapes: dict[str, tuple[str | int, ...]]
    within: str

    @property
    def is_held_out(self) -> bool:
        """Whether the function belongs to the half that no hint was written for: decided by its name."""
        return crc32(self.name.encode()) % 2 == 1


def derivation(
    name: str,
    function: str,
    wrt: str,
    hand: str,
    slips: Sequence[tuple[str, str]],
    *,
    shapes: str = "",
    within: str = "",
) -> Derivation:
    """A row: slips are pairs of a kind (or several, ``"sign|factor"``) and the wrong derivation; shapes ``"A:mn x:3"``."""
    extents = dict(part.split(":") for part in shapes.split())
    return Derivation(
        name,
        function,
        wrt,
        hand,
        tuple(Slip(tuple(kind.split("|")), wrong) for kind, wrong in slips),
        {name: tuple(int(c) if c.isdigit() else c for c in letters) for name, letters in extents.items()},
        within,
    )
