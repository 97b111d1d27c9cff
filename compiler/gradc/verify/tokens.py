"""Text to tokens, for both notations of a formula."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gradc.verify.syntax import located
from gradc.verify.vocabulary import words

#: What people paste from documents, in ASCII spelling of the same meaning.
_TYPOGRAPHY = {
    "−": "-",
    "–": "-",
    "·": "*",
    "×": "*",
    "⋅": "*",
    "÷": "/",
    "²": "^2",
    "³": "^3",
    "π": " pi ",
    "√": " sqrt ",
    "∞": " inf ",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "ᵀ": "^T",
    "⊤": "T",
}

_PYTHON = re.compile(
    r"""(?P<space>\s+)
    |(?P<number>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<name>(?![²³π])[^\W\d](?:(?![²³π])\w)*)
    |(?P<op>\*\*|//|<=|>=|==|!=|->|\.\.\.|[-+*/%@^<>=()\[\],:.&|'])""",
    re.VERBOSE,
)

_LATEX = re.compile(
    r"""(?P<space>\s+|~|\\[,;:!>\ ]|%[^\n]*)
    |(?P<number>\d+\.?\d*|\.\d+)
    |(?P<command>\\(?:[A-Za-z]+|[\\|{}]))
    |(?P<name>[^\W\d_])
    |(?P<op><=|>=|==|!=|[-+*/^_=<>()\[\]{},:;&|'.!])""",
    re.VERBOSE,
)

#: Commands that only change the look.
_LOOKS = frozenset(
    rf"\{name}"
    for name in words(
        "displaystyle textstyle limits nolimits quad qquad big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl "
        "Biggr left right middle mathstrut strut nonumber"
    )
)


@dataclass(frozen=True)
class Token:
    """One token: ``kind`` is number, name, command, op or end."""

    kind: str
    text: str
    position: int


def python_tokens(text: str) -> list[Token]:
    """The tokens of Python notation.

    >>> [token.text for token in python_tokens("2*x^2")]
    ['2', '*', 'x', '^', '2', '']
    """
    return [*_scan(text, _PYTHON), Token("end", "", len(text))]


def latex_tokens(text: str) -> list[Token]:
    r"""The tokens of LaTeX notation; what only changes the look (``\left``, spaces, dollar signs) is dropped.

    >>> [token.text for token in latex_tokens(r"\left( x \right)^2")]
    ['(', 'x', ')', '^', '2', '']
    """
    stripped = text.rstrip()
    for opening, closing in ((r"\[", r"\]"), (r"\(", r"\)"), ("$$", "$$"), ("$", "$")):
        if stripped.lstrip().startswith(opening) and stripped.endswith(closing) and len(stripped) > len(opening):
            start = stripped.index(opening)
            text = " " * (start + len(opening)) + stripped[start + len(opening) : -len(closing)]
            break
    tokens = [token for token in _scan(text, _LATEX) if token.text not in _LOOKS]
    return [*tokens, Token("end", "", len(text))]


def _scan(text: str, pattern: re.Pattern[str]) -> Iterator[Token]:
    position = 0
    while position < len(text):
        match = pattern.match(text, position)
        if match is not None:
            kind = match.lastgroup or ""
            if kind != "space":
                yield Token(kind, match.group(), position)
            position = match.end()
        elif text[position] in _TYPOGRAPHY:
            for inner in _scan(_TYPOGRAPHY[text[position]], _PYTHON):
                yield Token(inner.kind, inner.text, position)
            position += 1
        else:
            raise located(f"{text[position]!r} has no meaning in a formula", text, position)
