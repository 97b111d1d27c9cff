"""Solving the brackets of a term: unit coefficients first, then mixed radix, digits, and strides.

``a = m k + l`` with 0 <= l < m gives ``k = a // m``, ``l = a % m``, also where k and l are digits themselves, as in
``a = m (i % p) + i // p``; ``i // m = a`` and ``i % m = b`` give ``i = m a + b``; ``c k = e`` gives ``k = e // c`` where c
divides e. Range and divisibility guards are added where the extents do not imply them. Only injective affine systems are
solved, with one exception: a summed axis of which the brackets fix some digits goes over the others, axes of their own:
``sum_i [i // 3 = a] f(i)`` is ``sum_{r < 3} f(3 a + r)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from gradc.ir.algebra import (
    Reindexing,
    conjunction,
    equal,
    floor_divide,
    is_index_predicate,
    linear_terms,
    modulo,
    product_of,
    sum_of,
)
from gradc.ir.bounds import decide, never_positive, tidy_indices
from gradc.ir.scalar import (
    TRUE,
    Apply,
    Index,
    Scalar,
    index,
    is_apply,
    number,
)
from gradc.ir.tensor import Extent, extent_scalar
from gradc.ir.walk import free_indices, loads_of
from gradc.simplify.digit_chains import digit_chain, digits_of, extent_of, in_range, not_above, whole_chain
from gradc.simplify.patterns import Term, conjuncts, is_bracket


@dataclass
class System:
    """A term with its axes, while its brackets are being solved."""

    extents: dict[int, Extent]
    output_rank: int
    term: Term
    alive: list[int] = field(default_factory=list)
    positions: dict[int, Scalar] = field(default_factory=dict)
    """What the solved axes are, over the living ones."""
    outputs_only: bool = False
    """Whether the brackets that hold a reduce axis are left alone."""

    def box(self) -> list[Extent]:
        """The extents in order."""
        return [self.extents[k] for k in range(len(self.extents))]

    def brackets(self) -> list[Apply]:
        """The index equations that are still to be solved."""
        if self.outputs_only:
            found = [p for p in conjuncts(self.term.predicate) if is_bracket(p)]
            found = [p for p in found if max(free_indices(p), default=0) < self.output_rank]
        else:
            found = [
                p
                for p in conjuncts(self.term.predicate)
                if is_bracket(p) or _ties_digits(p) or _selects_digit(p, self.output_rank)
            ]
        return found  # type: ignore[return-value]

    def fresh_axis(self, extent: Scalar) -> int:
        """One more summed axis."""
        axis = len(self.extents)
        self.extents[axis] = extent_of(extent)
        self.alive.append(axis)
        return axis

    def replace(self, solved: dict[int, Scalar], used: Sequence[Scalar], extra: Sequence[Scalar] = ()) -> None:
        """Substitute the solved axes, drop the brackets used, and add the guards that the extents do not imply."""
        rewrite = Reindexing(solved)
        rest = [p for p in conjuncts(self.term.predicate) if p not in used]
        ranges = [p for k, value in solved.items() for p in in_range(value, self.extents[k])]
        self.alive = [k for k in self.alive if k not in solved]
        self.positions = {k: rewrite(value) for k, value in (self.positions | solved).items()}
        box = self.box()
        guards = [decide(p, box) for p in (*ranges, *extra)]
        predicate = conjunction(*[rewrite(p) for p in rest], *guards)
        self.term = Term(tidy_indices(predicate, box), tidy_indices(rewrite(self.term.value), box))


def _ties_digits(predicate: Scalar) -> bool:
    """Whether it is an equation of one axis' digit with another's, ``i // 8 = j % 8``."""
    if not is_index_predicate(predicate) or not is_apply(predicate, "equal"):
        return False
    return len(free_indices(predicate)) > 1 and not loads_of(predicate)


def _selects_digit(predicate: Scalar, output_rank: int) -> bool:
    """Whether it fixes a digit of a summed axis, ``i % 4 = 0``: a stride."""
    if not is_index_predicate(predicate) or not is_apply(predicate, "equal") or loads_of(predicate):
        return False
    axes = free_indices(predicate)
    return len(axes) == 1 and min(axes) >= output_rank


def _linear_in(bracket: Apply, axes: Sequence[int]) -> tuple[dict[int, int], Scalar] | None:
    """The bracket ``e = 0`` as coefficients of the axes and the rest, where the axes occur linearly only."""
    terms, literal = linear_terms(bracket.args[0])
    coefficients: dict[int, int] = {}
    rest: list[Scalar] = [number(literal)]
    for atom, coefficient in terms.items():
        if isinstance(atom, Index) and atom.position in axes:
            coefficients[atom.position] = coefficient
        else:
            rest.append(product_of(number(coefficient), atom))
    remainder = sum_of(*rest)
    coefficients = {k: c for k, c in coefficients.items() if k not in free_indices(remainder)}
    return (coefficients, remainder) if coefficients else None


def _solve_unit(system: System, axes: Sequence[int]) -> bool:
    for bracket in system.brackets():
        found = _linear_in(bracket, axes)
        if found is None:
            continue
        coefficients, _ = found
        several = len(coefficients) > 1
        for axis in sorted(coefficients, key=lambda k: (_length(system.extents[k]), k), reverse=True):
            coefficient = coefficients[axis]
            if abs(coefficient) != 1 or (several and _is_digit(axis, bracket, system, axes)):
                continue
            rest = sum_of(bracket.args[0], product_of(number(-coefficient), index(axis)))
            system.replace({axis: product_of(number(-coefficient), rest)}, [bracket])
            return True
    return False


def _length(extent: Extent) -> float:
    """For comparing: of two axes in ``a = i + k``, a signal's and a filter's, the longer one is to go."""
    return float(extent) if isinstance(extent, int) else inf


def _is_digit(axis: int, bracket: Apply, system: System, axes: Sequence[int]) -> bool:
    """Whether the bracket is a mixed-radix equation in which the axis is a digit: better solved as one."""
    return _radix_order(bracket, system, axes) is not None


def _radix_terms(bracket: Apply, axes: Sequence[int]) -> tuple[list[tuple[int, Scalar]], Scalar] | None:
    """The bracket as ``sum weight * axis - rest = 0``, weights possibly holding sizes; of one sign they are positive."""
    terms, literal = linear_terms(bracket.args[0])
    digits: list[tuple[int, Scalar]] = []
    rest: list[Scalar] = [number(literal)]
    for atom, coefficient in terms.items():
        factors = atom.children if is_apply(atom, "prod") else (atom,)
        here = [f for f in factors if isinstance(f, Index) and f.position in axes]
        others = [f for f in factors if f not in here]
        if len(here) == 1 and not free_indices(*others):
            digits.append((here[0].position, product_of(number(coefficient), *others)))
        else:
            rest.append(product_of(number(coefficient), atom))
    remainder = sum_of(*rest)
    if not digits or free_indices(remainder) & {k for k, _ in digits}:
        return None
    if all(_is_negative(weight) for _, weight in digits):
        return [(k, product_of(-1, w)) for k, w in digits], remainder
    return digits, product_of(-1, remainder)


def _is_negative(weight: Scalar) -> bool:
    return never_positive(sum_of(weight, 1), ())


def _radix_order(bracket: Apply, system: System, axes: Sequence[int]) -> list[tuple[int, Scalar]] | None:
    """The digits and the sizes of their weights, highest first, where each weight covers all the lower digits."""
    if len(bracket.free.intersection(axes)) < 2:
        return None
    found = _radix_terms(bracket, axes)
    if found is None or len(found[0]) < 2:
        return None
    remaining = [(k, product_of(-1, w) if _is_negative(w) else w) for k, w in found[0]]
    ordered: list[tuple[int, Scalar]] = []
    reach: Scalar = number(1)  # one more than what the digits so far can add up to
    while remaining:
        candidates = [
            (k, w) for k, w in remaining if never_positive(sum_of(reach, product_of(-1, w)), ()) and not loads_of(w)
        ]
        lowest = next((c for c in candidates if all(not_above(c[1], w) for _, w in remaining)), None)
        if lowest is None:
            return None
        remaining.remove(lowest)
        ordered.append(lowest)
        reach = sum_of(product_of(lowest[1], sum_of(extent_scalar(system.extents[lowest[0]]), -1)), reach)
    return ordered[::-1]


def _solve_radix(system: System, axes: Sequence[int]) -> bool:
    for bracket in system.brackets():
        ordered = _radix_order(bracket, system, axes)
        if ordered is None:
            continue
        found = _radix_terms(bracket, axes)
        assert found is not None
        # an axis that counts down is counted from its other end: -w k = w (n - 1 - k) - w (n - 1)
        last = {k: sum_of(extent_scalar(system.extents[k]), -1) for k, w in found[0] if _is_negative(w)}
        value = sum_of(found[1], *[product_of(weight, last[k]) for k, weight in ordered if k in last])
        solved: dict[int, Scalar] = {}
        extra = []
        for axis, weight in ordered:
            digit = floor_divide(value, weight)
            solved[axis] = sum_of(last[axis], product_of(-1, digit)) if axis in last else digit
            value = modulo(value, weight)
        extra.append(equal(value, 0))
        system.replace(solved, [bracket], extra)
        return True
    return False


def _solve_strided(system: System, axes: Sequence[int]) -> bool:
    """``c k = e`` with c > 1: ``k = e // c`` where c divides e."""
    for bracket in system.brackets():
        found = _radix_terms(bracket, axes)
        if found is None or len(found[0]) != 1:
            continue
        (axis, weight), rest = found[0][0], found[1]
        if loads_of(weight) or not never_positive(sum_of(1, product_of(-1, weight)), ()):
            continue
        system.replace({axis: floor_divide(rest, weight)}, [bracket], [equal(modulo(rest, weight), 0)])
        return True
    return False


def _solve_mixed(system: System, axes: Sequence[int]) -> bool:
    """``m (i % p) + i // p = a`` as two equations of one digit each, where each weight covers what is below it."""
    for bracket in system.brackets():
        parts = _digit_terms(bracket, system, axes)
        if parts is None:
            continue
        digits, value = parts
        equations: list[Scalar] = []
        for position, (atom, weight, radix) in enumerate(digits):
            digit = floor_divide(value, weight)
            equations.append(equal(atom, digit))
            if position == 0:
                equations.extend(in_range(digit, extent_of(radix)))
            value = modulo(value, weight)
        equations.append(equal(value, 0))
        system.replace({}, [bracket], equations)
        return True
    return False


def _digit_terms(
    bracket: Apply, system: System, axes: Sequence[int]
) -> tuple[list[tuple[Scalar, Scalar, Scalar]], Scalar] | None:
    """The bracket as ``sum weight * digit = value``: digits of axes with their radices, the highest weight first."""
    terms, literal = linear_terms(bracket.args[0])
    digits: list[tuple[Scalar, int, Scalar]] = []
    rest: list[Scalar] = [number(literal)]
    for atom, coefficient in terms.items():
        radix = _radix_of(atom, system, axes)
        if radix is None:
            rest.append(product_of(number(coefficient), atom))
        else:
            digits.append((atom, coefficient, radix))
    value = sum_of(*rest)
    if len(digits) < 2 or all(isinstance(atom, Index) for atom, _, _ in digits):
        return None
    if free_indices(value) & free_indices(*[atom for atom, _, _ in digits]) or loads_of(value):
        return None
    if all(coefficient < 0 for _, coefficient, _ in digits):
        digits = [(atom, -coefficient, radix) for atom, coefficient, radix in digits]
    else:
        value = product_of(-1, value)
    digits.sort(key=lambda digit: -digit[1])
    reach: Scalar = number(1)
    for _, weight, radix in reversed(digits):
        if weight < 1 or not not_above(reach, number(weight)):
            return None
        reach = sum_of(product_of(number(weight), sum_of(radix, -1)), reach)
    return [(atom, number(weight), radix) for atom, weight, radix in digits], value


def _radix_of(atom: Scalar, system: System, axes: Sequence[int]) -> Scalar | None:
    """How many values a digit of one of the axes has; None for what is no digit."""
    if isinstance(atom, Index):
        return extent_scalar(system.extents[atom.position]) if atom.position in axes else None
    if is_apply(atom, "mod"):
        inner, radix = atom.children
        plain = inner.children[0] if is_apply(inner, "floordiv") else inner
        return radix if isinstance(plain, Index) and plain.position in axes and not free_indices(radix) else None
    if is_apply(atom, "floordiv"):
        inner, weight = atom.children
        if isinstance(inner, Index) and inner.position in axes and not free_indices(weight):
            length = extent_scalar(system.extents[inner.position])
            return sum_of(floor_divide(sum_of(length, -1), weight), 1)
    return None


def _solve_digits(system: System, axes: Sequence[int]) -> bool:
    """``i // 12 = a``, ``i // 4 % 3 = b`` and ``i % 4 = c`` together: ``i = 12 a + 4 b + c``."""
    for axis in axes:
        digits = {
            digit.weight: digit
            for bracket in system.brackets()
            for digit in digits_of(bracket, index(axis))
            if axis not in free_indices(digit.value)
        }
        chain, free = digit_chain(digits, extent_scalar(system.extents[axis]))
        if not chain or (free and axis < system.output_rank):
            continue
        terms = [product_of(d.weight, d.value) for d in chain]
        terms += [product_of(weight, index(system.fresh_axis(radix))) for weight, radix in free]
        ranges = [p for d in chain if d.radix is not None for p in in_range(d.value, extent_of(d.radix))]
        ranges += [d.condition for d in chain if d.condition is not TRUE]
        system.replace({axis: sum_of(*terms)}, [d.bracket for d in chain], ranges)
        return True
    return False


def _solve_joined(system: System, axes: Sequence[int]) -> bool:
    """``e // m = a`` and ``e % m = b`` of one expression together: ``e = m a + b``, an equation without divisions."""
    brackets = system.brackets()
    for target in _divided(brackets, axes):
        digits = {digit.weight: digit for bracket in brackets for digit in digits_of(bracket, target)}
        chain = whole_chain(digits, target, system.box())
        if chain:
            total = sum_of(*[product_of(d.weight, d.value) for d in chain])
            ranges = [p for d in chain if d.radix is not None for p in in_range(d.value, extent_of(d.radix))]
            ranges += [d.condition for d in chain if d.condition is not TRUE]
            system.replace({}, [d.bracket for d in chain], [equal(target, total), *ranges])
            return True
    return False


def _divided(brackets: Sequence[Apply], axes: Sequence[int]) -> list[Scalar]:
    """The expressions over several terms, or with a factor, that the brackets have quotients or remainders of."""
    found: dict[Scalar, None] = {}
    for bracket in brackets:
        for atom in linear_terms(bracket.args[0])[0]:
            target = atom
            while is_apply(target, "mod") or is_apply(target, "floordiv"):
                target = target.children[0]
            if target is not atom and not isinstance(target, Index) and free_indices(target) & set(axes):
                found[target] = None
    return [target for target in found if not loads_of(target)]


def solve(system: System, axes_of: Sequence[int]) -> None:
    """Solve the system's brackets for as many of the axes as possible."""
    for _ in range(64):
        axes = [k for k in system.alive if k in axes_of]
        if not axes or not system.brackets():
            return
        if not (
            _solve_joined(system, axes)
            or _solve_radix(system, axes)
            or _solve_unit(system, axes)
            or _solve_mixed(system, axes)
            or _solve_digits(system, axes)
            or _solve_strided(system, axes)
        ):
            return
