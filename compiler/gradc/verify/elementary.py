"""Elementary functions of polynomials in normal form: exponentials, logarithms, sines, powers, maxima, case by case."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradc.verify.function_rules import FUNCTION_RULES, ODD_FUNCTIONS, RULE_NAMES
from gradc.verify.polynomial import (
    IMAGINARY,
    ONE,
    ZERO,
    Arithmetic,
    Atom,
    Monomial,
    Polynomial,
    Unsupported,
    atom_polynomial,
    common_monomial,
    factored,
    leading,
    number_polynomial,
)

#: Functions are taken case by case where at most so many brackets stand in their arguments.
_MOST_CASES = 3
_EULER = "sin^2 + cos^2 = 1, sines and cosines of sums and multiples (cos u + i sin u = e^(iu))"


class Elementary(Arithmetic):
    """Arithmetic with functions.

    ``rotations`` takes sines and cosines apart into exponentials, which proves every trigonometric identity but doubles
    the terms with each of them.
    """

    def __init__(self, steps: int = 400_000, seconds: float = 5.0, rotations: bool = False) -> None:
        super().__init__(steps, seconds)
        self.rotations = rotations

    def function(self, name: str, args: Sequence[Polynomial]) -> Polynomial:
        """An op of the table applied to polynomials."""
        rule = FUNCTION_RULES.get(name)
        if rule is not None:
            if name in RULE_NAMES:
                self.rules[RULE_NAMES[name]] = None
            return rule(self, *args)
        if name in ("sum", "add"):
            return self.add(*args)
        if name in ("prod", "mul", "and"):
            return self.multiply(*args)
        if name in ODD_FUNCTIONS:
            return self.odd_function(name, args[0])
        split = self._by_cases(name, args)
        if split is not None:
            return split
        free = frozenset[int]().union(*[arg.free for arg in args])
        return atom_polynomial(Atom("function", name, *args, free=free, depth=max(arg.depth for arg in args)))

    def exponential(self, exponent: Polynomial, kind: str = "exp") -> Polynomial:
        """``e**exponent`` (or ``e**(i exponent)``), a factor for each of its terms."""
        split = self._by_cases(kind, [exponent])
        if split is not None:
            return split
        if len(exponent.terms) > 1 and kind == "exp":
            self.rules["exp(a + b) = exp(a) exp(b)"] = None
        return self.multiply(*[self._exponential_factor(m, value, kind) for m, value in exponent.terms.items()])

    def _exponential_factor(self, monomial: Monomial, value: Fraction, kind: str) -> Polynomial:
        atom = monomial[0][0] if len(monomial) == 1 and monomial[0][1] == 1 else None
        if atom is not None and atom.kind == "function" and kind == "exp" and atom.parts[0] == "log":
            self.rules["exp(log x) = x"] = None
            return self._power_of_modulus(atom.parts[1], value)
        if atom is not None and atom.kind == "function" and kind == "expi" and value.denominator == 1:
            turned = self._rotation(atom.parts[0], atom.parts[1], value > 0)
            if turned is not None:
                self.rules[f"sin and cos of {atom.parts[0]}"] = None
                return self.power(turned, abs(value))
        inner = Polynomial({monomial: Fraction(1)})
        factor = Atom(kind, inner, free=inner.free, depth=inner.depth)
        return self.combine({factor: value})

    def _power_of_modulus(self, base: Polynomial, exponent: Fraction) -> Polynomial:
        """``|base| ** exponent``."""
        if exponent % 2 == 0 or self.is_known_positive(base):
            return self.power(base, exponent)
        opposite = self.scale(base, -1)
        if self.is_known_positive(opposite):
            return self.power(opposite, exponent)
        return self.power(self.multiply(base, base), exponent / 2)

    def _rotation(self, name: str, x: Polynomial, forward: bool) -> Polynomial | None:
        """``e^{i u}`` (``e^{-i u}`` where not ``forward``) for an inverse function u of x."""
        turn = self.scale(atom_polynomial(IMAGINARY), 1 if forward else -1)
        square = self.multiply(x, x)
        if name == "arctan":
            return self.multiply(
                self.add(ONE, self.multiply(turn, x)), self.power(self.add(ONE, square), Fraction(-1, 2))
            )
        if name == "arcsin":
            return self.add(self.power(self.subtract(ONE, square), Fraction(1, 2)), self.multiply(turn, x))
        return None

    def _by_cases(self, name: str, args: Sequence[Polynomial]) -> Polynomial | None:
        """``f([p] a + [not p] b)`` as ``[p] f(a) + [not p] f(b)``; None where no bracket stands in the arguments."""
        atoms = {a for arg in args for monomial in arg.terms for a, _ in monomial if a.kind == "gt"}
        if not 0 < len(atoms) <= _MOST_CASES:
            return None
        chosen = min(atoms, key=lambda atom: atom.digest)
        bracket = atom_polynomial(chosen)
        inside = self.function(name, [self._decided(arg, chosen, True) for arg in args])
        outside = self.function(name, [self._decided(arg, chosen, False) for arg in args])
        self.rules["functions of a case distinction are taken case by case"] = None
        return self.add(self.multiply(bracket, inside), self.multiply(self.subtract(ONE, bracket), outside))

    def _decided(self, polynomial: Polynomial, bracket: Atom, holds: bool) -> Polynomial:
        """The polynomial where the bracket is 1, or where it is 0."""
        parts = []
        for monomial, value in polynomial.terms.items():
            rest = {atom: e for atom, e in monomial if atom != bracket}
            if holds or len(rest) == len(monomial):
                parts.append(self.scale(self.combine(rest), value))
        return self.add(*parts) if parts else ZERO

    def logarithm(self, argument: Polynomial) -> Polynomial:
        """The logarithm: ``log|p|`` for each factor p; that is the same wherever the logarithm is defined."""
        if not argument:
            raise Unsupported("log(0)")
        split = self._by_cases("log", [argument])
        if split is not None:
            return split
        single = len(argument.terms) == 1
        common = dict(next(iter(argument.terms))) if single else common_monomial(argument)
        if any(atom.kind in ("gt", "eq", "predicate") for atom in common):
            raise Unsupported("the logarithm of a bracket")
        inverse = self.combine({atom: -e for atom, e in common.items()})
        rest = self.multiply(argument, inverse)
        value = rest.terms[leading(rest)]
        rest = self.scale(rest, 1 / value)
        parts = [self.scale(self._log_of_atom(atom), e) for atom, e in common.items()]
        parts.append(self._log_of_number(abs(value)))
        if rest.constant() != 1:
            parts.append(self._log_of_base(rest))
        if len(parts) > 2 or any(e != 1 for e in common.values()):
            self.rules["log(a b) = log a + log b, log(a^k) = k log a"] = None
        return self.add(*parts)

    def _log_of_base(self, base: Polynomial) -> Polynomial:
        split = self.factored_out(base)
        if split is not None:
            return self.add(*[self.logarithm(factor) for factor in split])
        return atom_polynomial(Atom("function", "log", base, free=base.free, depth=base.depth))

    def _log_of_atom(self, atom: Atom) -> Polynomial:
        if atom.kind in ("i", "expi"):  # of modulus 1
            return ZERO
        if atom.kind == "exp":
            return atom.parts[0]  # type: ignore[no-any-return]
        if atom.kind == "prime":
            return self._log_of_number(Fraction(atom.parts[0]))
        return self._log_of_base(atom.parts[0] if atom.kind == "base" else atom_polynomial(atom))

    def _log_of_number(self, value: Fraction) -> Polynomial:
        parts = [ZERO]
        for prime, exponent in factored(value).items():
            parts.append(self.scale(atom_polynomial(Atom("function", "log", number_polynomial(prime))), exponent))
        return self.add(*parts)

    def sine(self, angle: Polynomial) -> Polynomial:
        """The sine, which is odd; as rotations ``(e^{iu} - e^{-iu}) / 2i``."""
        if not self.rotations:
            return self._odd_or_even("sin", angle, -1)
        self.rules[_EULER] = None
        forward, backward = self.exponential(angle, "expi"), self.exponential(self.scale(angle, -1), "expi")
        return self.scale(self.multiply(atom_polynomial(IMAGINARY), self.subtract(backward, forward)), Fraction(1, 2))

    def cosine(self, angle: Polynomial) -> Polynomial:
        """The cosine, which is even; as rotations ``(e^{iu} + e^{-iu}) / 2``."""
        if not self.rotations:
            return self._odd_or_even("cos", angle, 1)
        self.rules[_EULER] = None
        forward, backward = self.exponential(angle, "expi"), self.exponential(self.scale(angle, -1), "expi")
        return self.scale(self.add(forward, backward), Fraction(1, 2))

    def odd_function(self, name: str, argument: Polynomial) -> Polynomial:
        """A function with ``f(-x) = -f(x)``, of x with a positive leading coefficient."""
        return self._odd_or_even(name, argument, -1)

    def _odd_or_even(self, name: str, angle: Polynomial, parity: int) -> Polynomial:
        if not angle:
            return ZERO if parity < 0 else ONE
        split = self._by_cases(name, [angle])
        if split is not None:
            return split
        negative = angle.terms[leading(angle)] < 0
        angle = self.scale(angle, -1) if negative else angle
        atom = Atom("function", name, angle, free=angle.free, depth=angle.depth)
        return self.scale(atom_polynomial(atom), parity if negative else 1)

    def quotient(self, upper: Polynomial, lower: Polynomial) -> Polynomial:
        """``upper / lower``."""
        return self.multiply(upper, self.power(lower, Fraction(-1)))

    def general_power(self, base: Polynomial, exponent: Polynomial) -> Polynomial:
        """``base ** exponent``: rational powers as such, others by the exponential."""
        value = exponent.constant()
        if value is not None:
            return self.power(base, value)
        return self.exponential(self.multiply(exponent, self.logarithm(base)))

    def larger(self, left: Polynomial, right: Polynomial) -> Polynomial:
        """``max(left, right)``: half the sum and half the distance."""
        distance = self.absolute(self.subtract(left, right))
        return self.scale(self.add(left, right, distance), Fraction(1, 2))
