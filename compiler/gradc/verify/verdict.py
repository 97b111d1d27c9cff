"""What a comparison found: `Verdict`, and the `Counterexample` of a refuted one."""

from __future__ import annotations

import html
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

Status = Literal["proved", "agrees", "refuted"]

_SHOWN_ENTRIES = 5
_SHOWN_DIGITS = 6


@dataclass(frozen=True)
class Counterexample:
    """A point where the two differ: the values there, and the entries (indices) that differ.

    ``output`` tells which of several results is meant (empty where there is one).
    """

    point: dict[str, Any]
    derived: Any
    hand: Any
    entries: tuple[tuple[int, ...], ...] = ()
    output: str = ""
    sides: tuple[str, str] = ("derived", "by hand")

    @property
    def total(self) -> int:
        """How many entries there are."""
        return int(np.size(self.derived))

    def __str__(self) -> str:
        lines = [f"at {shown_point(self.point)}:"]
        where = f" of {self.output}" if self.output else ""
        if np.ndim(self.derived) == 0 or np.shape(self.derived) != np.shape(self.hand):
            derived, hand = told_apart(self.derived, self.hand)
            lines += [f"    derived{where}: {derived}", f"    by hand{where}: {hand}"]
            return "\n".join(lines)
        lines[0] = f"{len(self.entries)} of {self.total} entries{where} differ {lines[0]}"
        for entry in self.entries[:_SHOWN_ENTRIES]:
            place = ", ".join(map(str, entry))
            derived, hand = told_apart(self.derived[entry], self.hand[entry])
            lines.append(f"    [{place}]  derived: {derived}  by hand: {hand}")
        if len(self.entries) > _SHOWN_ENTRIES:
            lines.append(f"    ... and {len(self.entries) - _SHOWN_ENTRIES} more")
        return "\n".join(lines)


@dataclass(frozen=True)
class Verdict:
    """The outcome of checking a hand derivation; truthy when it is right.

    ``status`` is ``"proved"`` (shown equal symbolically, ``certificate`` says how, ``conditions`` where), ``"agrees"``
    (equal at every one of ``points`` random points to ``digits`` digits, no proof found) or ``"refuted"``, with a
    ``counterexample`` and, where one is found, a ``hint``: the smallest correction that makes it right.

    >>> hint = "factor y is missing"
    >>> verdict = Verdict("refuted", claim="the derivative of f in x", hand="2*x", derived="2*x*y", hint=hint)
    >>> bool(verdict)
    False
    >>> print(verdict)
    refuted: the derivative of f in x is not 2*x
      it is 2*x*y
      hint: factor y is missing
    """

    status: Status
    claim: str = "the derivation"
    derived: str = ""
    hand: str = ""
    certificate: str = ""
    conditions: tuple[str, ...] = ()
    points: int = 0
    digits: int = 0
    counterexample: Counterexample | None = None
    hint: str = ""
    notes: tuple[str, ...] = ()
    derived_latex: str = field(default="", repr=False)
    hand_latex: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return self.status != "refuted"

    def explained(self, **changes: Any) -> Verdict:
        """The same verdict with other texts."""
        return replace(self, **changes)

    @property
    def reason(self) -> str:
        """How it is known."""
        if self.status == "proved":
            return self.certificate
        if self.status == "agrees":
            if self.certificate:
                return self.certificate
            plural = "s" if self.points != 1 else ""
            return f"equal at {self.points} random point{plural} to {self.digits} digits; a proof was not found"
        return ""

    def __str__(self) -> str:
        verb = "is not" if self.status == "refuted" else "is"
        lines = [f"{self.status}: {self.claim} {verb} {self.hand}" if self.hand else f"{self.status}: {self.claim}"]
        if self.status == "refuted" and self.derived:
            lines.append(f"  it is {self.derived}")
        if self.reason:
            lines.append(f"  {self.reason}")
        if self.conditions:
            lines.append(f"  provided that {', '.join(self.conditions)}")
        if self.counterexample is not None:
            lines += [f"  {line}" for line in str(self.counterexample).split("\n")]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        colour = {"proved": "#1a7f37", "agrees": "#9a6700", "refuted": "#cf222e"}[self.status]
        rows = [f'<b style="color:{colour}">{self.status}</b> {html.escape(self.claim)}']
        if self.derived or self.derived_latex:
            rows.append(f"derived: {_formula(self.derived_latex, self.derived)}")
        if self.hand or self.hand_latex:
            rows.append(f"by hand: {_formula(self.hand_latex, self.hand)}")
        rows += [html.escape(text) for text in (self.reason, *self.conditions) if text]
        if self.counterexample is not None:
            rows.append(f"<pre>{html.escape(str(self.counterexample))}</pre>")
        if self.hint:
            rows.append(f"<i>hint:</i> {html.escape(self.hint)}")
        rows += [html.escape(note) for note in self.notes]
        return "<div>" + "".join(f"<div>{row}</div>" for row in rows) + "</div>"

    def _repr_latex_(self) -> str | None:
        if not (self.derived_latex and self.hand_latex):
            return None
        relation = r"\ne" if self.status == "refuted" else "="
        return f"$\\displaystyle {self.derived_latex} {relation} {self.hand_latex}$"


def _formula(latex: str, text: str) -> str:
    return f"$\\displaystyle {html.escape(latex)}$" if latex else f"<code>{html.escape(text)}</code>"


def shown_point(point: dict[str, Any]) -> str:
    """``w = 1, x = 2``."""
    return ", ".join(f"{name} = {shown_value(value)}" for name, value in point.items()) or "every point"


def told_apart(left: Any, right: Any) -> tuple[str, str]:
    """Two values with as many digits as it takes to see that they differ."""
    for digits in (_SHOWN_DIGITS, 10, 17):
        texts = shown_value(left, digits), shown_value(right, digits)
        if texts[0] != texts[1]:
            break
    return texts


def shown_value(value: Any, digits: int = _SHOWN_DIGITS) -> str:
    """A number or a small array on one line, to a few digits."""
    array = np.asarray(value)
    if array.ndim == 0:
        return _shown_number(array.item(), digits)
    if array.size > 16:
        extents = " x ".join(map(str, array.shape))
        return f"an array of {extents}"
    return "[" + ", ".join(shown_value(item, digits) for item in array) + "]"


def _shown_number(number: Any, digits: int) -> str:
    if isinstance(number, bool | int):
        return str(number)
    if isinstance(number, complex):
        return f"{number:.{digits}g}"
    real = float(number)
    if real != real:
        return "undefined"
    if abs(real) < 1e6 and real == int(real):
        return str(int(real))
    return f"{real:.{digits}g}"
