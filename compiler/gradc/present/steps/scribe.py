"""Writing tensors as expressions: entry by entry or whole, as plain text and LaTeX at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gradc.ir.scalar import Number, Scalar, Size, is_number
from gradc.ir.tensor import Compute, Tensor
from gradc.ir.walk import post_order
from gradc.present import notation as n
from gradc.present.index_form import IndexForm
from gradc.present.latex import LatexWriter
from gradc.present.matrix_form import MatrixForm, NoMatrixFormError
from gradc.present.notation import Name, Notation
from gradc.present.page import printed_length
from gradc.present.plain import PlainWriter
from gradc.present.steps.derivation import Side
from gradc.present.symbols import fresh_letters
from gradc.present.writer import Binding

Indices = tuple[Notation, ...]


@dataclass(frozen=True)
class Factor:
    """A factor of a printed product, with parentheses where it needs them; ``one`` where it may be left out."""

    side: Side
    one: bool = False


class Scribe:
    """Writes what a derivation shows. ``names`` are the symbols of inputs, intermediates and what stands in for them."""

    def __init__(self, names: Mapping[Tensor, Name], extents: Sequence[Tensor]) -> None:
        self.names: dict[Tensor, Notation] = dict(names)
        sizes = [
            node.name
            for t in extents
            for e in t.shape
            if isinstance(e, Scalar)
            for node in post_order([e])
            if isinstance(node, Size)
        ]
        self._letters = fresh_letters([*[name.plain for name in names.values()], *sizes])
        self._plain, self._latex = PlainWriter(), LatexWriter(names.values())

    def letters(self, count: int, skip: int = 0) -> Indices:
        """Index letters, some left out at the front."""
        return IndexForm(self.names, self._letters).letters(count + skip)[skip:]

    def entry(self, tensor: Tensor, indices: Indices, beside: Indices = ()) -> Notation:
        """The entry of a tensor, written out; its own sums use no letter of what stands beside it."""
        taken = {letter.latex for letter in beside if isinstance(letter, Name)}
        letters = [letter for letter in self._letters if letter not in taken]
        return IndexForm(self.names, letters, self.whole).output(tensor, indices)

    def whole(self, tensor: Tensor) -> Notation | None:
        """The tensor in matrix notation, where it has one."""
        try:
            return MatrixForm(self.names).output(tensor)
        except NoMatrixFormError:
            return None

    def shorter(self, tensor: Tensor) -> tuple[Notation, Indices]:
        """The tensor whole or by its entry, whichever is shorter, and the letters of the entry."""
        letters = self.letters(tensor.rank)
        entry, whole = self.entry(tensor, letters), self.whole(tensor)
        if (
            whole is not None
            and not has_ones(whole)
            and (printed_length(whole) <= printed_length(entry) or not tensor.rank)
        ):
            return (entry, ()) if not tensor.rank and printed_length(entry) < printed_length(whole) else (whole, ())
        return entry, letters

    # ------------------------------------------------------------ texts

    def side(self, notation: Notation) -> Side:
        """The piece as text."""
        return Side(self._plain.text(notation), self._latex.text(notation))

    def factor(self, notation: Notation) -> Factor:
        """The piece as a factor."""
        negative, _ = n.split_sign(notation)
        least = Binding.ATOM if negative else Binding.PRODUCT
        if isinstance(notation, n.Relation | n.Cases):
            least = Binding.ATOM
        side = Side(self._plain.enclosed(notation, least).text, self._latex.enclosed(notation, least).text)
        return Factor(side, n.is_literal(notation, 1))

    def named(self, name: Name, indices: Indices) -> Side:
        """A symbol with its indices."""
        return self.side(n.Entry(name, indices) if indices else name)


def has_ones(notation: Notation) -> bool:
    """Whether a vector of ones stands for a broadcast: then the entry is easier to read."""
    pending = [notation]
    while pending:
        item = pending.pop()
        if isinstance(item, n.Ones):
            return True
        pending.extend(item.parts)
    return False


def product_of(factors: Sequence[Factor]) -> Side:
    """Factors with dots between them."""
    shown = [f.side for f in factors if not f.one] or [Side("1", "1")]
    if len(shown) == 1 and shown[0].plain.startswith("(-"):
        inner = shown[0].latex.removeprefix(r"\left").removesuffix(r"\right)")
        return Side(shown[0].plain[1:-1], inner[1:] if inner != shown[0].latex else inner[1:-1])
    return Side(" * ".join(s.plain for s in shown), r" \cdot ".join(s.latex for s in shown))


def summed(side: Side, letters: Indices) -> Side:
    """A sum over index letters."""
    if not letters:
        return side
    plain = ", ".join(letter.plain for letter in letters if isinstance(letter, Name))
    latex = ",".join(letter.latex for letter in letters if isinstance(letter, Name))
    return Side(f"sum({side.plain} for {plain})", rf"\sum_{{{latex}}} {side.latex}")


def added(sides: Sequence[Side]) -> Side:
    """Terms added."""
    plain, latex = sides[0].plain, sides[0].latex
    for side in sides[1:]:
        minus = side.plain.startswith("-")
        plain += f" - {side.plain[1:]}" if minus else f" + {side.plain}"
        latex += f" - {side.latex[1:]}" if minus and side.latex.startswith("-") else f" + {side.latex}"
    return Side(plain, latex)


def quotient(above: Side, below: Sequence[Side], held: Sequence[Side] = (), straight: bool = False) -> Side:
    """``d above / d below``; ``held`` are the variables that stay fixed in a partial derivative.

    ``straight`` writes the d of functions of one variable.
    """
    sign = "d" if straight and not held else r"\partial"
    order = f"^{{{len(below)}}}" if len(below) > 1 else ""
    if order and len(set(below)) == 1:
        bottom = f"{sign} {below[0].latex}{order}"
        plain = f"d^{len(below)}{above.plain}/d{below[0].plain}^{len(below)}"
    else:
        bottom = " ".join(f"{sign} {b.latex}" for b in below)
        power = f"^{len(below)}" if order else ""
        plain = f"d{power}{above.plain}/" + "".join(f"d{b.plain}" for b in below)
    latex = rf"\frac{{{sign}{order} {above.latex}}}{{{bottom}}}"
    if held:
        plain += f"|{','.join(h.plain for h in held)}"
        latex = rf"\left.{latex}\right|_{{{', '.join(h.latex for h in held)}}}"
    return Side(plain, latex)


def is_straight(side: Side) -> bool:
    """Whether a derivative is written with the d of functions of one variable."""
    return side.latex.startswith(r"\frac{d")


def operator(of: Side, below: Side, straight: bool = False) -> Side:
    """``d(...)/d below``: the derivative of an expression."""
    sign = "d" if straight else r"\partial"
    inner = of.plain[1:-1] if of.plain.startswith("(") and of.plain.endswith(")") else of.plain
    return Side(f"d({inner})/d{below.plain}", rf"\frac{{{sign}}}{{{sign} {below.latex}}} {of.latex}")


def entry_of(side: Side, letters: Indices) -> Side:
    """An entry of what a text names."""
    names = [letter for letter in letters if isinstance(letter, Name)]
    if not names:
        return side
    plain, latex = ", ".join(name.plain for name in names), "".join(name.latex for name in names)
    return Side(f"({side.plain})[{plain}]", rf"\left({side.latex}\right)_{{{latex}}}")


def is_zero(tensor: Tensor) -> bool:
    """Whether a displayed tensor is literally zero."""
    return isinstance(tensor, Compute) and isinstance(tensor.body, Number) and is_number(tensor.body, 0)
