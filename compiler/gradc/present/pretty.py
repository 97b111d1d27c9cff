"""Notation in two dimensions for a terminal: fractions with bars, raised exponents, roots, big operators, matrices.

A piece is a `Block`: lines of equal width, one of which is its baseline. The layout is that of Knuth's and Plass' boxes,
on a grid of characters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from gradc.present import notation as n
from gradc.present.notation import Notation
from gradc.present.page import Page, plain_steps
from gradc.present.plain import PlainWriter
from gradc.present.unicode_names import unicode_name
from gradc.present.writer import Binding, numerator_and_denominator


@dataclass(frozen=True)
class Block:
    """Lines of one width; ``base`` is the number of the line on which neighbours align."""

    lines: tuple[str, ...]
    base: int = 0
    binding: Binding = Binding.ATOM

    @property
    def width(self) -> int:
        """Characters in a line."""
        return len(self.lines[0])

    @property
    def height(self) -> int:
        """Lines."""
        return len(self.lines)

    def bound(self, binding: Binding) -> Block:
        """The same block as a piece that binds so."""
        return Block(self.lines, self.base, binding)

    def __str__(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines)


def text(line: str, binding: Binding = Binding.ATOM) -> Block:
    """A block of one line."""
    return Block((line,), 0, binding)


def beside(*blocks: Block) -> Block:
    """Blocks side by side, on one baseline."""
    above = max(b.base for b in blocks)
    below = max(b.height - b.base for b in blocks)
    rows = []
    for row in range(-above, below):
        rows.append("".join(_line(b, row) for b in blocks))
    return Block(tuple(rows), above)


def _line(block: Block, row: int) -> str:
    """A line counted from the baseline, blank beyond the block."""
    position = block.base + row
    return block.lines[position] if 0 <= position < block.height else " " * block.width


def above(*blocks: Block, base: int) -> Block:
    """Blocks one above the other, centred; the baseline is line ``base``."""
    width = max(b.width for b in blocks)
    return Block(tuple(line.center(width) for b in blocks for line in b.lines), base)


def over(numerator: Block, denominator: Block) -> Block:
    """A fraction."""
    bar = "─" * (max(numerator.width, denominator.width) + 2)
    return above(numerator, text(bar), denominator, base=numerator.height).bound(Binding.PRODUCT)


def raised(base: Block, exponent: Block) -> Block:
    """A power: the exponent stands above and to the right."""
    lines = [" " * base.width + line for line in exponent.lines]
    lines += [line + " " * exponent.width for line in base.lines]
    return Block(tuple(lines), exponent.height + base.base, Binding.POWER)


def lowered(base: Block, subscript: Block) -> Block:
    """A subscript: below and to the right."""
    lines = [line + " " * subscript.width for line in base.lines]
    lines += [" " * base.width + line for line in subscript.lines]
    return Block(tuple(lines), base.base)


_FENCES = {
    "(": ("(", "⎛", "⎜", "⎝"),
    ")": (")", "⎞", "⎟", "⎠"),
    "[": ("[", "⎡", "⎢", "⎣"),
    "]": ("]", "⎤", "⎥", "⎦"),
    "|": ("|", "│", "│", "│"),
    "‖": ("‖", "‖", "‖", "‖"),
    "": ("", "", "", ""),
}


def fenced(inner: Block, left: str = "(", right: str = ")") -> Block:
    """The block in growing parentheses."""
    return beside(_fence(left, inner), inner, _fence(right, inner))


def _fence(sign: str, inner: Block) -> Block:
    alone, top, middle, bottom = _FENCES[sign]
    if inner.height == 1 or not sign:
        return text(alone)
    return Block((top, *[middle] * (inner.height - 2), bottom), inner.base)


_BRACE = ("⎧", "⎪", "⎨", "⎩")
_BIG = {"sum": ("___", "╲  ", "╱  ", "‾‾‾"), "prod": ("┬─┬", "│ │")}
_RELATIONS = {
    "less": "<",
    "less_equal": "≤",
    "greater": ">",
    "greater_equal": "≥",
    "equal": "=",
    "not_equal": "≠",
    "in": "∈",
}
_LOGIC = {"and": " ∧ ", "or": " ∨ "}
_SPELLED = {"sigmoid": "σ", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "maximum": "max", "minimum": "min"}
_AROUND = {"abs": ("|", "|"), "norm": ("‖", "‖")}
_SQUARED = {"squared_norm": ("‖", "‖"), "frobenius": ("‖", "‖")}


#: A taller exponent of e is an argument of exp.
_TALLEST_EXPONENT = 5
_SUBSCRIPTS = dict(zip("0123456789aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))


#: No letter for T: that is the transpose.
_SUPERSCRIPTS = dict(zip("0123456789+-(),tksjlrimn", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾’ᵗᵏˢʲˡʳⁱᵐⁿ", strict=True))


class PrettyWriter:
    """Writes blocks by a table from kinds of notation to methods."""

    rows: dict[type[Notation], Callable[..., Block]]

    def write(self, node: Notation) -> Block:
        """The piece as a block."""
        return self.rows[type(node)](self, node)

    def enclosed(self, node: Notation, at_least: Binding) -> Block:
        """The piece, in parentheses where it binds less."""
        block = self.write(node)
        return block if block.binding >= at_least else fenced(block)

    # ------------------------------------------------------------ atoms

    def _literal(self, node: n.Literal) -> Block:
        value = node.value
        if isinstance(value, Fraction):
            fraction = over(text(str(abs(value.numerator))), text(str(value.denominator)))
            return beside(text("-"), fraction).bound(Binding.SUM) if value < 0 else fraction
        plain = PlainWriter().write(node)
        return text({"pi": "π"}.get(plain.text, plain.text), plain.binding)

    def _name(self, node: n.Name) -> Block:
        return text(unicode_name(node.plain))

    def _stepped(self, node: n.Stepped) -> Block:
        if not node.raised:
            return self._entry(n.Entry(node.stem, node.steps))
        base = self._name(node.stem)
        steps = beside(*_separated([self.write(step) for step in node.steps], ","))
        plain = f"({steps.lines[0].replace(' ', '')})"
        if steps.height == 1 and all(c in _SUPERSCRIPTS for c in plain):
            return text(base.lines[0] + "".join(_SUPERSCRIPTS[c] for c in plain), Binding.ATOM)
        return raised(base, fenced(steps))

    def _trajectory(self, node: n.Trajectory) -> Block:
        return self._stepped(replace(node.state, steps=(*node.state.steps, n.Name(":", ":"))))

    def _entry(self, node: n.Entry) -> Block:
        if isinstance(node.base, n.Stepped) and not node.base.raised:
            return self._entry(n.Entry(node.base.stem, (*node.base.steps, *node.indices)))
        base = self.enclosed(node.base, Binding.ATOM)
        letters = [self.write(i) for i in node.indices]
        small = "".join(_subscript(block) or "?" for block in letters)
        if "?" not in small:
            return Block(tuple(_beside_base(base, row, small) for row in range(base.height)), base.base)
        return lowered(base, beside(*_separated(letters, ",")))

    # ------------------------------------------------------------ arithmetic

    def _sum(self, node: n.Sum) -> Block:
        pieces: list[Block] = []
        for term in node.terms:
            negative, positive = n.split_sign(term)
            sign = " - " if negative else " + "
            pieces.append(text(sign if pieces else "-" if negative else ""))
            pieces.append(self.enclosed(positive, Binding.BIG))
        return beside(*pieces).bound(Binding.SUM)

    def _product(self, node: n.Product) -> Block:
        negative, positive = n.split_sign(node)
        if negative:
            return beside(text("-"), self.enclosed(positive, Binding.BIG)).bound(Binding.SUM)
        number, under = numerator_and_denominator(node.coefficient)
        top = [n.Literal(number)] if number != 1 or not node.numerator else []
        bottom: list[Notation] = [n.Literal(under)] if under != 1 else []
        bottom += node.denominator
        numerator = self._side_by_side([*top, *node.numerator], alone=bool(bottom))
        if not bottom:
            return numerator
        return over(numerator, self._side_by_side(bottom, alone=True))

    def _side_by_side(self, factors: Sequence[Notation], alone: bool = False) -> Block:
        if alone and len(factors) == 1:
            return self.write(factors[0])
        pieces: list[Block] = []
        for position, factor in enumerate(factors):
            last = position == len(factors) - 1
            pieces.append(self.enclosed(factor, Binding.BIG if last else Binding.PRODUCT))
        return beside(*_separated(pieces, "⋅")).bound(Binding.PRODUCT)

    def _power(self, node: n.Power) -> Block:
        return raised(self.enclosed(node.base, Binding.ATOM), self._exponent(node.exponent))

    def _exponent(self, node: Notation) -> Block:
        if isinstance(node, n.Literal) and isinstance(node.value, Fraction):
            return text(f"{node.value.numerator}/{node.value.denominator}")
        return self.write(node)

    def _root(self, node: n.Root) -> Block:
        inner = self.write(node.base)
        if node.degree != 2:
            base = inner if inner.binding >= Binding.ATOM else fenced(inner)
            return raised(base, text(f"1/{node.degree}"))
        if inner.height == 1 and inner.width == 1:
            return beside(text("√"), inner)
        height = inner.height
        lines = [" " * height + "_" * inner.width]
        for row, line in enumerate(inner.lines):
            slope = height - 1 - row
            lines.append(" " * slope + ("╲╱" if row == height - 1 else " ╱") + " " * row + line)
        width = max(map(len, lines))
        return Block(
            tuple(line.ljust(width) if k else line.rjust(width) for k, line in enumerate(lines)), inner.base + 1
        )

    # ------------------------------------------------------------ functions and big operators

    def _function(self, node: n.Function) -> Block:
        if node.name == "exp":
            exponent = self.write(node.arguments[0])
            if exponent.height <= _TALLEST_EXPONENT:
                return raised(text("e"), exponent)
        if node.name in _AROUND:
            return fenced(self.write(node.arguments[0]), *_AROUND[node.name])
        if node.name in _SQUARED:
            return raised(fenced(self.write(node.arguments[0]), *_SQUARED[node.name]), text("2"))
        if node.name == "kron":
            left, right = (self.enclosed(a, Binding.POWER) for a in node.arguments)
            return beside(left, text(" ⊗ "), right).bound(Binding.PRODUCT)
        inner = beside(*_separated([self.write(a) for a in node.arguments], ", "))
        return beside(text(_SPELLED.get(node.name, node.name)), fenced(inner))

    def _reduction(self, node: n.Reduction) -> Block:
        letters = beside(*_separated([self.write(letter) for letter in node.letters], ","))
        body = self.enclosed(node.body, Binding.BIG)
        lower = letters
        if node.condition is not None:
            lower = self.write(node.condition)
        upper = text("")
        if node.last and len(node.letters) == 1:
            lower, upper = beside(letters, text("=0")), self.write(node.last[0])
        sign = Block(_BIG[node.kind], 2 if node.kind == "sum" else 1) if node.kind in _BIG else text(node.kind)
        head = [upper] if upper.width else []
        stack = above(*head, sign, lower, base=sum(b.height for b in head) + sign.base)
        return beside(stack, text(" "), body).bound(Binding.BIG)

    # ------------------------------------------------------------ conditions

    def _relation(self, node: n.Relation) -> Block:
        sign = text(f" {_RELATIONS[node.name]} ")
        return beside(self.write(node.left), sign, self.write(node.right)).bound(Binding.RELATION)

    def _logic(self, node: n.Logic) -> Block:
        if node.name == "not":
            return beside(text("¬"), fenced(self.write(node.arguments[0])))
        parts = [self.write(a) for a in node.arguments]
        return beside(*_separated(parts, _LOGIC[node.name])).bound(Binding.RELATION)

    def _bracket(self, node: n.Bracket) -> Block:
        return fenced(self.write(node.condition), "[", "]")

    def _cases(self, node: n.Cases) -> Block:
        values = [self.write(value) for value in node.values]
        ends = [beside(text("  for "), self.write(c)) for c in node.conditions]
        ends += [text("  otherwise")] * (len(values) - len(ends))
        width = max(v.width for v in values)
        rows = [beside(_padded(v, width), end) for v, end in zip(values, ends, strict=True)]
        lines = [line for row in rows for line in row.lines]
        wide = max(map(len, lines))
        lines = [line.ljust(wide) for line in lines]
        return _braced(lines).bound(Binding.PRODUCT)

    # ------------------------------------------------------------ arrays and matrices

    def _array(self, node: n.Array) -> Block:
        rows = [[self.write(entry) for entry in row] for row in node.rows]
        widths = [max(row[k].width for row in rows) for k in range(len(rows[0]))]
        tall = any(cell.height > 1 for row in rows for cell in row)
        lines: list[str] = []
        for row in rows:
            cells = [_centred(cell, width) for cell, width in zip(row, widths, strict=True)]
            joined = beside(*_separated(cells, "  "))
            lines += [" " * joined.width, *joined.lines] if lines and tall else joined.lines
        return (
            fenced(Block(tuple(lines), len(lines) // 2), "[", "]")
            if len(lines) > 1
            else fenced(text(lines[0]), "[", "]")
        )

    def _matrix_product(self, node: n.MatrixProduct) -> Block:
        parts = [self.enclosed(f, Binding.POWER) for f in node.factors]
        return beside(*_separated(parts, "⋅")).bound(Binding.PRODUCT)

    def _transposed(self, node: n.Transposed) -> Block:
        return raised(self.enclosed(node.base, Binding.ATOM), text("T"))

    def _inverse(self, node: n.Inverse) -> Block:
        turned = isinstance(node.base, n.Transposed)
        base = node.base.base if isinstance(node.base, n.Transposed) else node.base
        return raised(self.enclosed(base, Binding.ATOM), text("-T" if turned else "-1"))

    def _hadamard(self, node: n.Hadamard) -> Block:
        parts = [self.enclosed(f, Binding.NEGATIVE) for f in node.numerator] or [text("1")]
        block = beside(*_separated(parts, " ∘ "))
        for factor in node.denominator:
            block = beside(block, text(" ⊘ "), self.enclosed(factor, Binding.NEGATIVE))
        return block.bound(Binding.PRODUCT)

    def _entrywise_power(self, node: n.EntrywisePower) -> Block:
        return raised(self.enclosed(node.base, Binding.ATOM), beside(text("∘"), self._exponent(node.exponent)))

    def _ones(self, node: n.Ones) -> Block:
        return text("𝟏")

    def _identity(self, node: n.Identity) -> Block:
        return text("I")

    def _ellipsis(self, node: n.Ellipsis) -> Block:
        return text(f"... ({node.words})")


PrettyWriter.rows = {
    n.Literal: PrettyWriter._literal,
    n.Name: PrettyWriter._name,
    n.Stepped: PrettyWriter._stepped,
    n.Trajectory: PrettyWriter._trajectory,
    n.Entry: PrettyWriter._entry,
    n.Sum: PrettyWriter._sum,
    n.Product: PrettyWriter._product,
    n.Power: PrettyWriter._power,
    n.Root: PrettyWriter._root,
    n.Function: PrettyWriter._function,
    n.Reduction: PrettyWriter._reduction,
    n.Relation: PrettyWriter._relation,
    n.Logic: PrettyWriter._logic,
    n.Bracket: PrettyWriter._bracket,
    n.Cases: PrettyWriter._cases,
    n.Array: PrettyWriter._array,
    n.MatrixProduct: PrettyWriter._matrix_product,
    n.Transposed: PrettyWriter._transposed,
    n.Inverse: PrettyWriter._inverse,
    n.Hadamard: PrettyWriter._hadamard,
    n.EntrywisePower: PrettyWriter._entrywise_power,
    n.Ones: PrettyWriter._ones,
    n.Identity: PrettyWriter._identity,
    n.Ellipsis: PrettyWriter._ellipsis,
}


def _separated(blocks: Sequence[Block], sign: str) -> list[Block]:
    pieces: list[Block] = []
    for block in blocks:
        pieces += [text(sign), block] if pieces else [block]
    return pieces


def _subscript(block: Block) -> str | None:
    """A digit or letter that Unicode has as a subscript."""
    return _SUBSCRIPTS.get(block.lines[0]) if block.height == 1 else None


def _beside_base(block: Block, row: int, ending: str) -> str:
    return block.lines[row] + (ending if row == block.base else " " * len(ending))


def _padded(block: Block, width: int) -> Block:
    return Block(tuple(line.ljust(width) for line in block.lines), block.base)


def _centred(block: Block, width: int) -> Block:
    return Block(tuple(line.center(width) for line in block.lines), block.base)


def _braced(lines: Sequence[str]) -> Block:
    """Lines behind a curly brace."""
    top, bar, tip, bottom = _BRACE
    if len(lines) == 2:
        lines = [lines[0], " " * len(lines[0]), lines[1]]
    middle = len(lines) // 2
    signs = [top, *[bar] * (len(lines) - 2), bottom]
    signs[middle] = tip
    return Block(tuple(sign + " " + line for sign, line in zip(signs, lines, strict=True)), middle)


def pretty_page(page: Page, names: Sequence[str], columns: int = 100) -> str:
    """A page: a main line for each output (with the name where there are several), then the definitions.

    A sum wider than ``columns`` goes on below, with its signs in front.
    """
    blocks = []
    for line, name in zip(page.lines, names, strict=True):
        left = text(f"{line.plain_lhs(name)} = " if len(page.lines) > 1 else "")
        blocks += _broken(left, line.value, columns)
    if page.definitions:
        blocks.append(text("where"))
    for definition in page.definitions:
        left = beside(text("  "), PrettyWriter().write(definition.name), text(" = "))
        rows = _broken(left, definition.value, columns)
        blocks += [*rows[:-1], beside(rows[-1], text(plain_steps(definition.steps, PlainWriter().text)))]
    if page.left_out:
        blocks.append(text(f"  ... and {page.left_out} more left out"))
    tall = any(block.height > 1 for block in blocks)
    return ("\n\n" if tall else "\n").join(map(str, blocks))


def _broken(left: Block, value: Notation, columns: int) -> list[Block]:
    """``left`` and the value beside it, a long sum in several rows."""
    write = PrettyWriter().write
    whole = beside(left, write(value))
    if whole.width <= columns or not isinstance(value, n.Sum):
        return [whole]
    rows: list[list[Notation]] = [[]]
    for term in value.terms:
        if rows[-1] and left.width + write(n.Sum((*rows[-1], term))).width + 2 > columns:
            rows.append([])
        rows[-1].append(term)
    blocks = []
    for position, terms in enumerate(rows):
        block = write(n.Sum(tuple(terms)))
        indent = left if position == 0 else text(" " * left.width)
        sign = "+ " if position and not n.split_sign(terms[0])[0] else ""
        blocks.append(beside(indent, text(sign), block))
    return blocks
