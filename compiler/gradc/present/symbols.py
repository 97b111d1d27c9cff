r"""From Python names to mathematical symbols: ``theta`` to \theta, ``w1`` to w_1, ``x_hat`` to \\hat{x}."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gradc.present.notation import Name

GREEK = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "pi",
        "rho",
        "sigma",
        "tau",
        "upsilon",
        "phi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Xi",
        "Pi",
        "Sigma",
        "Upsilon",
        "Phi",
        "Psi",
        "Omega",
    ]
)
_SPELLINGS = {"lam": r"\lambda", "lambda": r"\lambda", "eps": r"\epsilon", "ell": r"\ell", "nabla": r"\nabla"}
#: Subscripts that are written as functions: ``alpha_max``.
_OPERATORS = frozenset({"max", "min", "inf", "sup"})
_ACCENTS = {
    "hat": r"\hat",
    "bar": r"\bar",
    "tilde": r"\tilde",
    "dot": r"\dot",
    "ddot": r"\ddot",
    "vec": r"\vec",
}
_SUFFIXES = {"prime": "'", "star": "^{*}", "inv": "^{-1}"}


def symbol(name: str, rank: int = 0) -> Name:
    r"""The symbol for a Python name.

    >>> print(symbol("theta").latex, symbol("w1").latex, symbol("x_hat").latex, symbol("w_in").latex)
    \theta w_1 \hat{x} w_{\mathrm{in}}
    """
    quotient = re.fullmatch(r"d([^\W\d_]\w*)_d([^\W\d_]\w*)", name)
    if quotient:
        top, bottom = (symbol(part).latex for part in quotient.groups())
        return Name(rf"\frac{{\partial {top}}}{{\partial {bottom}}}", name, rank)
    stem, accents, suffixes, subscripts = _taken_apart(name)
    latex = _word(stem) if subscripts or stem not in _OPERATORS else rf"\mathrm{{{stem}}}"
    for accent in accents:
        latex = f"{_ACCENTS[accent]}{{{latex}}}"
    latex += "".join(_SUFFIXES[s] for s in suffixes)
    if subscripts:
        text = ",".join(_word(s) for s in subscripts)
        latex += f"_{text}" if len(text) == 1 else f"_{{{text}}}"
    return Name(latex, name, rank)


def _taken_apart(name: str) -> tuple[str, list[str], list[str], list[str]]:
    words = [w for w in name.split("_") if w] or [name]
    stem, accents, suffixes, subscripts = words[0], [], [], []
    digits = re.fullmatch(r"([^\W\d]+?)(\d+)", stem)
    if digits and (len(digits[1]) == 1 or digits[1] in GREEK or digits[1] in _SPELLINGS):
        stem, subscripts = digits[1], [digits[2]]
    elif not digits:
        for accent in _ACCENTS:  # xhat, ybar
            if stem.endswith(accent) and len(stem) == len(accent) + 1:
                stem, accents = stem[0], [accent]
    for word in words[1:]:
        if word in _ACCENTS:
            accents.append(word)
        elif word in _SUFFIXES:
            suffixes.append(word)
        else:
            subscripts.append(word)
    return stem, accents, suffixes, subscripts


def _word(word: str) -> str:
    if word in _SPELLINGS:
        return _SPELLINGS[word]
    if word in GREEK:
        return "\\" + word
    if len(word) == 1 or word.isdigit():
        return word
    if word in _OPERATORS:
        return "\\" + word
    return rf"\mathrm{{{word}}}"


def in_bold(latex: str) -> str:
    r"""A symbol in bold, its subscripts as they are: \mathbf{w}_1, \hat{\mathbf{x}}, \boldsymbol{\theta}.

    >>> print(in_bold("w_1"), in_bold(r"\hat{x}"), in_bold(r"\theta"), in_bold(r"\mathrm{data}"))
    \mathbf{w}_1 \hat{\mathbf{x}} \boldsymbol{\theta} \mathbf{data}
    """
    accents = "|".join(_ACCENTS)
    parts = re.fullmatch(rf"((?:\\(?:{accents})\{{)*)(\\mathrm\{{\w+\}}|\\[A-Za-z]+|[A-Za-z])(.*)", latex, re.DOTALL)
    if parts is None:
        return latex
    before, stem, after = parts.groups()
    if stem.startswith(r"\mathrm"):
        stem = stem.replace(r"\mathrm", r"\mathbf")
    else:
        stem = rf"\boldsymbol{{{stem}}}" if stem.startswith("\\") else rf"\mathbf{{{stem}}}"
    return before + stem + after


def leaf_name(path: str) -> str:
    """The last name of an argument's path: ``params["w1"]`` is w1, ``layers[0]`` is layers_0, ``p.mass`` is mass."""
    numbered = re.fullmatch(r"(?P<stem>.*?)\[(?P<index>\d+)\]", path)
    if numbered:
        return f"{leaf_name(numbered['stem'])}_{numbered['index']}"
    keyed = re.fullmatch(r""".*\[["'](?P<key>[^"']*)["']\]""", path)
    last = keyed["key"] if keyed else path.rsplit(".", 1)[-1]
    return re.sub(r"\W+", "_", last).strip("_") or "x"


def symbols_of(paths: Sequence[str], ranks: Sequence[int]) -> list[Name]:
    """A distinct symbol for every path: its leaf name where that is unambiguous, else the whole path."""
    leaves = [leaf_name(p) for p in paths]
    chosen: list[Name] = []
    for path, leaf, rank in zip(paths, leaves, ranks, strict=True):
        whole = re.sub(r"\W+", "_", path).strip("_")
        chosen.append(symbol(leaf if leaves.count(leaf) == 1 else whole, rank))
    spelled = [name.latex for name in chosen]
    return [name if spelled.count(name.latex) == 1 else _upright(name) for name in chosen]


def _upright(name: Name) -> Name:
    """The name as it stands, where two names would give one symbol: ``x1`` and ``x_1``."""
    escaped = name.plain.replace("_", r"\_")
    return Name(rf"\mathrm{{{escaped}}}", name.plain, name.rank)


def fresh_letters(taken: Iterable[str]) -> list[str]:
    """Index letters that no symbol uses, best first."""
    used = set(taken)
    letters = [c for c in "ijklmpqrstuvabcdefgh" if c not in used]
    return letters + [f"i_{k}" for k in range(1, 40)]
