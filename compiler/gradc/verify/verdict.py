"""What a comparison found: `Verdict`, and the `Counterexample` of a refuted one."""

from __future__ import annotations

import html
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from gradc.verify.hint import Hint

Status = Literal["proved", "agrees", "refuted"]

_SHOWN_ENTRIES = 5
_SHOWN_DIGITS = 6
_SHOWN_RULES = 3


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
        first, second = self.sides
        width = max(len(first), len(second))
        lines = [f"at {shown_point(self.point)}:"]
        where = f" of {self.output}" if self.output else ""
        if np.ndim(self.derived) == 0 or np.shape(self.derived) != np.shape(self.hand):
            derived, hand = told_apart(self.derived, self.hand)
            lines += [f"    {first:<{width}}{where}: {derived}", f"    {second:<{width}}{where}: {hand}"]
            return "\n".join(lines)
        lines[0] = f"{len(self.entries)} of {self.total} entries{where} differ {lines[0]}"
        for entry in self.entries[:_SHOWN_ENTRIES]:
            place = ", ".join(map(str, entry))
            derived, hand = told_apart(self.derived[entry], self.hand[entry])
            lines.append(f"    [{place}]  {first}: {derived}  {second}: {hand}")
        if len(self.entries) > _SHOWN_ENTRIES:
            lines.append(f"    ... and {len(self.entries) - _SHOWN_ENTRIES} more")
        return "\n".join(lines)


@dataclass(frozen=True)
class Certificate:
    """How a proof went: its ``method``, the ``rules`` that were used, the ``conditions`` they need.

    ``domain`` says where the function itself is defined, as far as that was read off its formula. The text is all of it.
    """

    method: str
    rules: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    domain: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [self.method]
        if self.rules:
            lines.append("rules used:")
            lines += [f"  {rule}" for rule in self.rules]
        if self.domain:
            lines.append(f"where the function is defined: {', '.join(self.domain)}")
        if self.conditions:
            lines.append(f"provided that {', '.join(self.conditions)}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Verdict:
    """The outcome of checking a hand derivation; truthy when it is right.

    ``status`` is ``"proved"`` (shown equal symbolically: the `Certificate` says how, ``conditions`` under which, and
    ``domain`` where), ``"agrees"`` (equal at every one of ``points`` random points to ``digits`` digits, no proof found;
    ``domain`` says where the points were) or ``"refuted"``, with the simplest ``counterexample`` that was found, a ``hint``
    (the smallest correction that makes it right) and, where it is right on a part of the domain, ``domain`` saying where.

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
    certificate: Certificate | None = None
    conditions: tuple[str, ...] = ()
    domain: tuple[str, ...] = ()
    points: int = 0
    digits: int = 0
    counterexample: Counterexample | None = None
    hint: str = ""
    hint_kind: str = ""
    notes: tuple[str, ...] = ()
    sides: tuple[str, str] = ("derived", "by hand")
    derived_latex: str = field(default="", repr=False)
    hand_latex: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return self.status != "refuted"

    def explained(self, **changes: Any) -> Verdict:
        """The same verdict with other texts."""
        return replace(self, **changes)

    def hinted(self, hint: Hint | None) -> Verdict:
        """The same verdict with a hint, in words and by kind (``"sign"``, ``"inner derivative"``...)."""
        return self if hint is None else replace(self, hint=hint.text, hint_kind=hint.kind)

    @property
    def reason(self) -> str:
        """How it is known."""
        if self.status == "proved" and self.certificate is not None:
            return self.certificate.method
        if self.status != "agrees":
            return ""
        where = f" with {', '.join(self.domain)}" if self.domain else ""
        if self.points == 1:
            return f"equal at this one point, to {self.digits} digits"
        return f"equal at {self.points} random points{where} to {self.digits} digits; a proof was not found"

    @property
    def where(self) -> str:
        """On what part of the domain it is known to hold, in words."""
        if not self.domain or self.status == "agrees":
            return ""
        text = ", ".join(self.domain)
        return f"for {text}, where the function is defined" if self.status == "proved" else f"it is right for {text}"

    def __str__(self) -> str:
        lines = [f"{self.status}: {self._statement}"]
        if self.status == "refuted" and self.derived:
            lines.append(f"  it is {self.derived}")
        lines += [f"  {text}" for text in (self.reason, self._rules, self.where) if text]
        if self.conditions:
            lines.append(f"  provided that {', '.join(self.conditions)}")
        if self.counterexample is not None:
            lines += [f"  {line}" for line in str(self.counterexample).split("\n")]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    @property
    def _statement(self) -> str:
        verb = "is not" if self.status == "refuted" else "is"
        return f"{self.claim} {verb} {self.hand}" if self.hand else self.claim

    @property
    def _rules(self) -> str:
        rules = self.certificate.rules if self.certificate is not None else ()
        shown = "; ".join(rules[:_SHOWN_RULES])
        return f"by {shown}{'; ...' if len(rules) > _SHOWN_RULES else ''}" if rules else ""

    def _repr_html_(self) -> str:
        colour = {"proved": "#1a7f37", "agrees": "#9a6700", "refuted": "#cf222e"}[self.status]
        rows = [f'<b style="color:{colour}">{self.status}</b> {html.escape(self._statement)}']
        for side, latex, text in zip(
            self.sides, (self.derived_latex, self.hand_latex), (self.derived, self.hand), strict=True
        ):
            if latex or text:
                rows.append(f"{side}: {_formula(latex, text)}")
        provided = f"provided that {', '.join(self.conditions)}" if self.conditions else ""
        rows += [html.escape(text) for text in (self.reason, self._rules, self.where, provided) if text]
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
