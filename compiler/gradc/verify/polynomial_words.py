"""Polynomials of the normal form in words, for the conditions of a proof."""

from __future__ import annotations

from fractions import Fraction

from gradc.ir.scalar import Load
from gradc.verify.polynomial import Atom, Monomial, Polynomial
from gradc.verify.wording import scalar_words

_LONGEST = 60
_ELSEWHERE = "no divisor in it is 0 and no argument lies where two branches meet"


def nonzero(polynomial: Polynomial) -> str:
    """The condition that it is not 0: ``x != 0``; a general phrase where that would be long."""
    terms = list(polynomial.terms)
    if len(terms) == 1:
        terms_of_one = sorted({_atom_words(atom) for atom, _ in terms[0]})
        words = ", ".join(f"{name} != 0" for name in terms_of_one)
    else:
        words = f"{polynomial_words(polynomial)} != 0"
    return words if len(words) <= _LONGEST and "?" not in words else _ELSEWHERE


def above_zero_words(polynomial: Polynomial) -> str:
    """``x > 0``, ``x < 1`` for ``1 - x``; empty where that would be long."""
    constant = polynomial.terms.get((), Fraction(0))
    others = [(m, v) for m, v in polynomial.terms.items() if m]
    if len(others) == 1:
        ((monomial, value),) = others
        bound = -constant / value
        words = f"{_term_words(monomial, Fraction(1))} {'>' if value > 0 else '<'} {bound}"
    else:
        words = f"{polynomial_words(polynomial)} > 0"
    return words if len(words) <= _LONGEST and "?" not in words else ""


def polynomial_words(polynomial: Polynomial) -> str:
    """``x**2 + y``."""
    parts = [_term_words(monomial, value) for monomial, value in polynomial.terms.items()]
    text = " + ".join(sorted(parts, key=lambda part: (part.startswith("-"), not part[:1].isalpha(), part)))
    return text.replace("+ -", "- ") or "0"


def _term_words(monomial: Monomial, value: Fraction) -> str:
    factors = [_power_words(atom, exponent) for atom, exponent in monomial]
    if not factors:
        return str(value)
    text = "*".join(sorted(factors))
    return text if value == 1 else f"-{text}" if value == -1 else f"{value}*{text}"


def _power_words(atom: Atom, exponent: Fraction) -> str:
    if exponent == Fraction(1, 2):
        return f"sqrt({_atom_words(atom)})"
    words = _atom_words(atom)
    if exponent == 1:
        return f"({words})" if atom.kind == "base" else words
    power = str(exponent) if exponent.denominator == 1 and exponent > 0 else f"({exponent})"
    return f"{f'({words})' if atom.kind == 'base' else words}**{power}"


def _atom_words(atom: Atom) -> str:
    kind, parts = atom.kind, atom.parts
    if kind == "load":
        assert isinstance(parts[0], Load)
        return scalar_words(parts[0], 0) if _is_fixed(parts[0]) else getattr(parts[0].tensor, "name", "?")
    if kind in ("constant", "prime"):
        return str(parts[0])
    if kind == "scalar":
        return scalar_words(parts[0], 0)
    if kind == "base":
        return polynomial_words(parts[0])
    if kind in ("exp", "gt", "eq"):
        return f"exp({polynomial_words(parts[0])})" if kind == "exp" else "?"
    if kind == "function":
        return f"{parts[0]}({', '.join(polynomial_words(part) for part in parts[1:])})"
    return f"sum({polynomial_words(parts[2])})" if kind == "sum" else "?"


def _is_fixed(node: Load) -> bool:
    """Whether it is one entry, wherever one stands: then its indices are told."""
    from gradc.ir.walk import free_indices

    return bool(node.indices) and not free_indices(node)
