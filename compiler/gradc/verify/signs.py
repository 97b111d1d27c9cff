"""What is plain to see of a polynomial: that it is never negative, never 0, or that its zeros are rare."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from gradc.ir.scalar import Size

if TYPE_CHECKING:
    from gradc.verify.atoms import Atom, Polynomial

_POSITIVE = frozenset(("exp", "prime", "constant"))
_COMPLEX = frozenset(("i", "expi"))
_SMOOTH = frozenset(("load", "scalar", "constant", "prime", "i"))
_SMOOTH_FUNCTIONS = frozenset(("log", "sin", "cos", "arctan", "arcsin", "arccos", "erf", "erfc", "arcsinh"))


def never_negative(polynomial: Polynomial) -> bool:
    """Whether it is plain that it is at least 0: a sum of squares, roots, exponentials with positive coefficients."""
    return all(
        value > 0 and all(_factor_never_negative(atom, exponent) for atom, exponent in monomial)
        for monomial, value in polynomial.terms.items()
    )


def always_positive(polynomial: Polynomial) -> bool:
    """Whether it is plain that it is above 0."""
    some_positive = any(all(is_positive_atom(atom) for atom, _ in monomial) for monomial in polynomial.terms)
    return some_positive and never_negative(polynomial)


def _factor_never_negative(atom: Atom, exponent: Fraction) -> bool:
    if is_positive_atom(atom):
        return True
    if exponent.denominator % 2 == 0:  # a root
        return atom.kind not in _COMPLEX
    if exponent.numerator % 2 == 0:
        return atom.kind not in _COMPLEX
    if atom.kind == "sum":
        return never_negative(atom.parts[2])
    return atom.kind in ("gt", "eq", "predicate")


def is_positive_atom(atom: Atom) -> bool:
    """Whether it is plain, or known, that the atom is above 0."""
    if atom.positive:
        return True
    if atom.kind == "sum":
        return always_positive(atom.parts[2])
    return atom.kind in _POSITIVE or (atom.kind == "scalar" and isinstance(atom.parts[0], Size))


def is_nonnegative_atom(atom: Atom) -> bool:
    """Whether it is plain, or known, that the atom is at least 0: a sum of squares is, and what is positive."""
    return is_positive_atom(atom) or (atom.kind == "sum" and never_negative(atom.parts[2]))


def rarely_holds(atom: Atom) -> bool:
    """Whether it is 0 but on a set of measure 0: the bracket ``[p = 0]`` of an analytic p, or a sum of such terms."""
    if atom.kind == "eq":
        return _is_analytic(atom.parts[0])
    if atom.kind == "sum":
        return all(any(rarely_holds(a) for a, _ in monomial) for monomial in atom.parts[2].terms)
    return False


def _is_analytic(polynomial: Polynomial) -> bool:
    """Whether it is analytic where it is defined, so that its zeros are rare. Anything in branches is not."""
    return all(_is_analytic_atom(atom) for monomial in polynomial.terms for atom, _ in monomial)


def _is_analytic_atom(atom: Atom) -> bool:
    if atom.kind in ("exp", "expi", "base"):
        return _is_analytic(atom.parts[0])
    if atom.kind == "sum":
        return _is_analytic(atom.parts[2])
    if atom.kind == "function":
        return atom.parts[0] in _SMOOTH_FUNCTIONS and all(_is_analytic(part) for part in atom.parts[1:])
    return atom.kind in _SMOOTH
