"""Where a graph is defined: what must be above 0 for its logarithms, roots and inverse functions, read off symbolically.

Only what is evaluated at every point counts: nothing inside a guard or a branch of a case distinction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from gradc.ir.scalar import TRUE, Apply, Guard, Index, Load, Number, Scalar
from gradc.ir.tensor import Compute, Input, Tensor
from gradc.verify.normal_form import NormalForm
from gradc.verify.polynomial import ONE, Polynomial, TooLarge, Unsupported
from gradc.verify.polynomial_words import above_zero_words, polynomial_words
from gradc.verify.signs import never_negative

_SELECTIVE = frozenset(("where", "and", "or"))


@dataclass(frozen=True)
class Requirement:
    """``polynomial > 0`` (or its closure), in words where it is worth saying."""

    polynomial: Polynomial
    words: str = ""


Reader = Callable[[NormalForm, Sequence[Polynomial]], list[Requirement]]


def _above(shift: int = 0) -> Reader:
    def read(form: NormalForm, args: Sequence[Polynomial]) -> list[Requirement]:
        polynomial = form.oriented(form.subtract(args[0], form.scale(ONE, shift)))
        return [Requirement(polynomial, above_zero_words(polynomial))]

    return read


def _inside_one(form: NormalForm, args: Sequence[Polynomial]) -> list[Requirement]:
    x = args[0]
    sides = [form.subtract(ONE, x), form.add(ONE, x), form.subtract(ONE, form.multiply(x, x))]
    lower, upper, both = (form.oriented(side) for side in sides)
    words = polynomial_words(x)
    return [Requirement(lower), Requirement(upper), Requirement(both, "" if "?" in words else f"-1 < {words} < 1")]


#: What an op asks of its argument.
_READERS: dict[str, Reader] = {
    **dict.fromkeys(("log", "log2", "log10", "sqrt", "root"), _above()),
    "log1p": _above(-1),
    "arccosh": _above(1),
    **dict.fromkeys(("arcsin", "arccos", "arctanh"), _inside_one),
}


def requirements(outputs: Iterable[Tensor], form: NormalForm) -> list[Requirement]:
    """What must be above 0 for the outputs to be defined; what the form can't hold is left out."""
    found: dict[bytes, Requirement] = {}
    for scalar in _always_evaluated(outputs):
        try:
            for requirement in _read(scalar, form):
                if requirement.polynomial and requirement.polynomial.constant() is None:
                    known = found.get(requirement.polynomial.digest)
                    if known is None or not known.words:
                        found[requirement.polynomial.digest] = requirement
        except (TooLarge, Unsupported, RecursionError):
            continue
    return list(found.values())


def _read(scalar: Apply, form: NormalForm) -> list[Requirement]:
    name = scalar.op.name
    if name in ("pow", "power"):
        exponent = scalar.args[1]
        if isinstance(exponent, Number) and isinstance(exponent.value, int | Fraction | float):
            value = Fraction(exponent.value) if exponent.value == exponent.value else Fraction(0)
            if value.denominator == 1:
                return []
        name = "log"
    reader = _READERS.get(name)
    return [] if reader is None else reader(form, [form.scalar(argument) for argument in scalar.args[:1]])


def _always_evaluated(outputs: Iterable[Tensor]) -> Iterator[Apply]:
    """The applications that are evaluated at every point."""
    waiting = [output for output in outputs if isinstance(output, Compute)]
    seen: set[Tensor] = set(waiting)
    while waiting:
        node = waiting.pop()
        if node.reducer is not None and node.domain is not TRUE:
            continue
        scalars = _unguarded(node.body)
        for scalar in scalars:
            if isinstance(scalar, Apply):
                yield scalar
        for load in (s for s in scalars if isinstance(s, Load)):
            if isinstance(load.tensor, Compute) and load.tensor not in seen:
                seen.add(load.tensor)
                waiting.append(load.tensor)


def _unguarded(root: Scalar) -> list[Scalar]:
    stack, seen = [root], {root}
    while stack:
        node = stack.pop()
        if isinstance(node, Load):
            continue
        children = node.children
        if isinstance(node, Guard) or (isinstance(node, Apply) and node.op.name in _SELECTIVE):
            children = children[:1]
        for child in children:
            if child not in seen:
                seen.add(child)
                stack.append(child)
    return list(seen)


def has_domain(outputs: Iterable[Tensor]) -> bool:
    """Whether some operation asks for anything."""
    return any(s.op.name in _READERS or s.op.name in ("pow", "power") for s in _always_evaluated(outputs))


@dataclass(frozen=True)
class Facts:
    """What is above 0: whole inputs, and polynomials."""

    inputs: frozenset[Tensor] = frozenset()
    polynomials: tuple[Polynomial, ...] = ()

    def form(self, symmetric: Iterable[Tensor] = (), seconds: float = 5.0, **options: bool) -> NormalForm:
        """A normal form that knows these."""
        form = NormalForm(seconds=seconds, symmetric=frozenset(symmetric), positive=self.inputs, **options)
        form.assume(self.polynomials)
        return form

    def joined(self, found: Iterable[Requirement]) -> Facts:
        """These and what the requirements say."""
        inputs, polynomials = set(self.inputs), {p.digest: p for p in self.polynomials}
        for requirement in found:
            whole = _whole_input(requirement.polynomial)
            if whole is not None:
                inputs.add(whole)
            elif not requirement.polynomial.free:
                polynomials[requirement.polynomial.digest] = requirement.polynomial
        return Facts(frozenset(inputs), tuple(polynomials.values()))


def _whole_input(polynomial: Polynomial) -> Tensor | None:
    """The input of which every entry is above 0, where the polynomial says that."""
    if len(polynomial.terms) != 1:
        return None
    ((monomial, value),) = polynomial.terms.items()
    others = [(atom, e) for atom, e in monomial if not atom.positive]
    if value < 0 or len(others) != 1 or others[0][0].kind != "load" or others[0][1].numerator % 2 == 0:
        return None
    node = others[0][0].parts[0]
    positions = [i.position for i in node.indices if isinstance(i, Index)]
    whole = len(positions) == len(set(positions)) == node.tensor.rank
    return node.tensor if isinstance(node.tensor, Input) and whole else None


def unimplied(found: Iterable[Requirement], form: NormalForm) -> list[Requirement]:
    """The requirements that do not follow from what the form knows."""
    return [r for r in found if not (never_negative(r.polynomial) or form.is_known_positive(r.polynomial))]
