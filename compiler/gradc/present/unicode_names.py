"""Python names in Unicode, for drawings and for the terminal: ``theta`` is θ, ``w1`` is w₁, ``x_hat`` is x̂."""

from __future__ import annotations

import re
import unicodedata

from gradc.present.symbols import GREEK

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307", "ddot": "\u0308"}
_SPELLINGS = {"lam": "lambda", "eps": "epsilon"}


def unicode_name(name: str) -> str:
    """The name with Greek letters, subscripts and accents.

    >>> unicode_name("theta"), unicode_name("w1"), unicode_name("w_10"), unicode_name("momentum")
    ('θ', 'w₁', 'w₁₀', 'momentum')
    """
    stem, *rest = [word for word in name.split("_") if word] or [name]
    digits = re.fullmatch(r"([^\W\d]+?)(\d+)", stem)
    subscript = ""
    if digits:
        stem, subscript = digits[1], digits[2].translate(_SUBSCRIPTS)
    letter = _letter(stem)
    for word in rest:
        if word in _ACCENTS and len(letter) == 1:
            letter = unicodedata.normalize("NFC", letter + _ACCENTS[word])
        elif word.isdigit():
            subscript += word.translate(_SUBSCRIPTS)
        else:
            subscript += f"_{word}"
    return letter + subscript


def _letter(word: str) -> str:
    word = _SPELLINGS.get(word, word)
    if word not in GREEK:
        return word
    case = "CAPITAL" if word[0].isupper() else "SMALL"
    spelled = {"lambda": "lamda", "Lambda": "lamda"}.get(word, word)
    return unicodedata.lookup(f"GREEK {case} LETTER {spelled.upper()}")
