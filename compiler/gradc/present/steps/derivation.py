"""What a derivation is made of: steps of lines, each line a chain of equal expressions that was checked by numbers."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass, field

from gradc.present.steps.points import Check


@dataclass(frozen=True)
class Side:
    """One expression of a chain of equalities, as plain text and LaTeX."""

    plain: str
    latex: str


@dataclass(frozen=True)
class Line:
    """``sides[0] = sides[1] = ...``, the rule behind it, and how it was checked; a general statement has no check."""

    sides: tuple[Side, ...]
    rule: str = ""
    check: Check | None = field(default_factory=Check)
    #: the rule in LaTeX, where it is more than words
    rule_latex: str = ""

    @property
    def plain(self) -> str:
        """Plain text: one row for each expression after the first two."""
        left = self.sides[0].plain
        if len(self.sides) == 1:
            return left
        gap = "\n" + " " * len(left) + " = "
        return f"{left} = {gap.join(side.plain for side in self.sides[1:])}"

    @property
    def latex(self) -> str:
        """Rows of an ``aligned`` environment."""
        left = self.sides[0].latex
        if len(self.sides) == 1:
            return f"& {left}"
        return f"{left} &= " + _NEXT.join(side.latex for side in self.sides[1:])


@dataclass(frozen=True)
class Step:
    """One step: its title, its lines, and words that explain it."""

    title: str
    lines: tuple[Line, ...] = ()
    words: str = ""
    #: the words with their formulas in LaTeX, between dollars
    words_latex: str = ""

    @property
    def rule(self) -> str:
        """The rules used, in words."""
        return ", ".join(dict.fromkeys(rule for line in self.lines for rule in line.rule.split(", ") if rule))

    @property
    def checked(self) -> bool:
        """Whether every line was compared at one point at least, and held."""
        return all(line.check.holds for line in self.lines if line.check is not None)

    @property
    def points(self) -> int:
        """At how many points every line was compared."""
        return min((line.check.points for line in self.lines if line.check is not None), default=0)

    @property
    def plain(self) -> str:
        """Plain text without the title: the rule stands behind the line's first row."""
        rows: list[str] = [f"   {row}" for row in self.words.splitlines()]
        written = [line.plain.splitlines() for line in self.lines]
        width = min(max((len(block[0]) for block in written), default=0), _WIDEST)
        for line, block in zip(self.lines, written, strict=True):
            first = f"{block[0]:{width}}   [{line.rule}]" if line.rule else block[0]
            rows += [f"     {row}" for row in (first, *block[1:])]
        return "\n".join(rows)

    @property
    def latex(self) -> str:
        """LaTeX of the lines, aligned."""
        rows = [_with_rule(line) for line in self.lines]
        return r"\begin{aligned} " + r" \\[6pt] ".join(rows) + r" \end{aligned}" if rows else ""


_WIDEST = 56
_NEXT, _TEXT = r" \\[3pt] &= ", r"\text"


def _with_rule(line: Line) -> str:
    if not line.rule:
        return line.latex
    first, *rest = line.latex.split(_NEXT)
    return _NEXT.join([rf"{first} && {line.rule_latex or rf'{_TEXT}{{{line.rule}}}'}", *rest])


@dataclass(frozen=True)
class Derivation:
    """A derivative derived step by step; every line was checked by numbers before it was written.

    ``str(derivation)`` is plain text, `latex` LaTeX; in Jupyter it renders itself, each step folding. Iterating gives the
    steps.

    >>> import gradc
    >>> derivation = gradc.grad(lambda w, x, y: (w * x - y) ** 2).formula().steps()
    >>> len(derivation), derivation.checked
    (4, True)
    >>> print(derivation[-1].plain.strip())
    df/dw = 2*x*(w*x - y)
    """

    title: Side
    steps: tuple[Step, ...]

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, position: int) -> Step:
        return self.steps[position]

    @property
    def checked(self) -> bool:
        """Whether every step was checked."""
        return all(step.checked for step in self.steps)

    def __str__(self) -> str:
        parts = [self.title.plain, ""]
        for position, step in enumerate(self.steps, start=1):
            parts += [f"{position}. {step.title}", *([step.plain] if step.plain else []), ""]
        return "\n".join([*parts, self._checks()]).rstrip()

    def _checks(self) -> str:
        points = min((step.points for step in self.steps if step.points), default=0)
        if all(line.check is None for step in self.steps for line in step.lines):
            return ""
        if not self.checked:
            return (
                "Not every step could be checked by numbers: no point was found where all of it is defined and smooth."
            )
        return f"Every step was checked by numbers at {points} points."

    def latex(self) -> str:
        """LaTeX: a paragraph for each step, its lines displayed."""
        parts = [rf"\textbf{{{_words(self.title.plain, self.title.latex)}}}"]
        for position, step in enumerate(self.steps, start=1):
            parts.append(rf"\textbf{{{position}. {_escaped(step.title)}}}")
            parts += [step.words_latex or _escaped(step.words)] if step.words else []
            parts += [rf"\[ {step.latex} \]"] if step.lines else []
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        rows = [f"<p><b>{_words_html(self.title)}</b></p>"]
        last = len(self.steps)
        for position, step in enumerate(self.steps, start=1):
            rows.append(
                f"<details{' open' if position == last or position <= _OPEN else ''}>"
                f"<summary><b>{position}. {html.escape(step.title)}</b></summary>"
            )
            rows += [f"<p>{html.escape(row)}</p>" for row in (step.words_latex or step.words).splitlines()]
            rows += [f"<div>$$ {html.escape(step.latex)} $$</div>"] if step.lines else []
            rows.append("</details>")
        return "\n".join([*rows, f"<p><small>{html.escape(self._checks())}</small></p>"])

    def __repr__(self) -> str:
        return f"Derivation({self.title.plain!r}, {len(self.steps)} steps)"


#: Steps up to this one are unfolded in a notebook.
_OPEN = 9


def _words(plain: str, latex: str) -> str:
    return latex or _escaped(plain)


def _words_html(title: Side) -> str:
    return html.escape(title.latex or title.plain)


def _escaped(words: str) -> str:
    return "".join(f"\\{c}" if c in "_%&#$" else c for c in words)
