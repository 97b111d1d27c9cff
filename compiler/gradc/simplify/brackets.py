"""Bracket elimination: a summed axis that an Iverson bracket fixes is substituted away.

The one simplification that turns the general derivative rules into what a person writes (*Concrete Mathematics*, 2.4):
``sum_k [k = e] f(k)`` is ``[0 <= e < n] f(e)``. The system of brackets of a term is solved unit coefficients first, then as
mixed radix (``a = m k + l`` with 0 <= l < m gives ``k = a // m``, ``l = a % m``), then with a divisibility guard.

A term whose *output* axes stay tied by a bracket is a pattern times a coefficient: ``[b = i] cos(x[i])``. Coefficients are
stored in nodes of their own over the axes that are left, so that composing patterns merges terms instead of multiplying them.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product as cross_product

from gradc.ir.algebra import (
    Substitution,
    conjunction,
    equal,
    floor_divide,
    guarded,
    is_index_predicate,
    less,
    less_equal,
    linear_terms,
    modulo,
    product_of,
    reindexed,
    substitute,
    sum_of,
)
from gradc.ir.bounds import decide, never_positive, tidy_indices
from gradc.ir.scalar import (
    FALSE,
    TRUE,
    Apply,
    Guard,
    Index,
    Load,
    Number,
    Scalar,
    index,
    is_apply,
    is_number,
    load,
    number,
)
from gradc.ir.tensor import Compute, Extent, Shape, Tensor, compute, extent_scalar
from gradc.ir.walk import free_indices, loads_of, post_order

#: A product of bracketed sums is multiplied out only up to this many terms; beyond it the product is kept whole.
_MOST_TERMS = 512
#: A coefficient of at most this many loads and no function is written inside its pattern.
_SIMPLE_LOADS = 3


@dataclass
class Term:
    """``[predicate] value``, over the axes of some iteration space."""

    predicate: Scalar
    value: Scalar


# ---------------------------------------------------------------- finding brackets


def is_bracket(predicate: Scalar) -> bool:
    """Whether it is an index equation that ties an axis to something; ``[i % 2 = 0]`` only selects."""
    if not is_index_predicate(predicate) or predicate.op.name != "equal":  # type: ignore[attr-defined]
        return False
    atoms = linear_terms(predicate.children[0])[0]
    return any(isinstance(f, Index) for atom in atoms for f in (atom.children if is_apply(atom, "prod") else (atom,)))


def _conjuncts(predicate: Scalar) -> tuple[Scalar, ...]:
    if predicate is TRUE:
        return ()
    return predicate.children if is_apply(predicate, "and") else (predicate,)


def _bracketed_nodes(root: Scalar) -> set[Scalar]:
    """The nodes below ``root`` (through sums, products and guards only) that hold an index equation."""
    found: set[Scalar] = set()
    for node in post_order([root], prune=lambda n: not _is_linear(n)):
        if isinstance(node, Guard):
            if node.body in found or any(is_bracket(p) for p in _conjuncts(node.predicate)):
                found.add(node)
        elif _is_linear(node) and any(child in found for child in node.children):
            found.add(node)
    return found


def _is_linear(node: Scalar) -> bool:
    return isinstance(node, Guard) or is_apply(node, "sum") or is_apply(node, "prod")


_pattern_memo: weakref.WeakKeyDictionary[Tensor, bool] = weakref.WeakKeyDictionary()


def is_pattern(tensor: Tensor) -> bool:
    """Whether the tensor is a sum of (bracket, coefficient) pairs, to be written into its consumers."""
    known = _pattern_memo.get(tensor)
    if known is None:
        known = (
            isinstance(tensor, Compute)
            and tensor.reducer is None
            and tensor.body.dtype.kind in "fc"
            and tensor.body in _bracketed_nodes(tensor.body)
        )
        _pattern_memo[tensor] = known
    return known


def is_view(tensor: Tensor) -> bool:
    """Whether the tensor only renames, selects or repeats entries of another, or is a literal."""
    return isinstance(tensor, Compute) and tensor.reducer is None and isinstance(tensor.body, Load | Number | Index)


def inline_patterns(root: Scalar) -> Scalar:
    """``root`` with loads of patterns and of views replaced by what they are."""
    while True:
        mapping: dict[Scalar, Scalar] = {
            item: reindexed(item.tensor.body, item.indices)  # type: ignore[attr-defined]
            for item in loads_of(root)
            if is_view(item.tensor) or is_pattern(item.tensor)
        }
        if not mapping:
            return root
        root = substitute(root, mapping)


def expand(root: Scalar) -> list[Term]:
    """``root`` as a sum of terms; products are multiplied out only where a factor holds brackets."""
    bracketed = _bracketed_nodes(root)
    memo: dict[Scalar, list[Term]] = {}
    for node in post_order([root], prune=lambda n: n not in bracketed):
        memo[node] = _expand_node(node, memo) if node in bracketed else [Term(TRUE, node)]
    return memo[root]


def _expand_node(node: Scalar, memo: dict[Scalar, list[Term]]) -> list[Term]:
    if isinstance(node, Guard):
        terms = memo[node.body] if node.body in memo else [Term(TRUE, node.body)]
        return [Term(conjunction(node.predicate, t.predicate), t.value) for t in terms]
    children = [memo.get(child, [Term(TRUE, child)]) for child in node.children]
    if is_apply(node, "sum"):
        plain = [t.value for terms in children for t in terms if t.predicate is TRUE]
        tied = [t for terms in children for t in terms if t.predicate is not TRUE]
        return tied + ([Term(TRUE, sum_of(*plain, flatten=False))] if plain else [])
    count = 1
    for terms in children:
        count *= len(terms)
    if count > _MOST_TERMS:
        return [Term(TRUE, node)]
    return [
        Term(conjunction(*[t.predicate for t in choice]), product_of(*[t.value for t in choice]))
        for choice in cross_product(*children)
    ]


# ---------------------------------------------------------------- solving


@dataclass
class _System:
    """A term with its axes, while its brackets are being solved."""

    extents: dict[int, Extent]
    output_rank: int
    term: Term
    alive: list[int] = field(default_factory=list)
    outputs_only: bool = False
    """Whether the brackets that hold a reduce axis are left alone."""

    def box(self) -> list[Extent]:
        return [self.extents[k] for k in range(len(self.extents))]

    def brackets(self) -> list[Apply]:
        found = [p for p in _conjuncts(self.term.predicate) if is_bracket(p)]
        if self.outputs_only:
            found = [p for p in found if max(free_indices(p), default=0) < self.output_rank]
        return found  # type: ignore[return-value]

    def replace(self, solved: dict[int, Scalar], used: Sequence[Scalar], extra: Sequence[Scalar] = ()) -> None:
        """Substitute the solved axes, drop the brackets used, and add the guards that the extents do not imply."""
        mapping: dict[Scalar, Scalar] = {index(k): value for k, value in solved.items()}
        rewrite = Substitution(mapping)
        rest = [p for p in _conjuncts(self.term.predicate) if p not in used]
        ranges = [p for k, value in solved.items() for p in in_range(value, self.extents[k])]
        self.alive = [k for k in self.alive if k not in solved]
        box = self.box()
        guards = [decide(p, box) for p in (*ranges, *extra)]
        predicate = conjunction(*[rewrite(p) for p in rest], *guards)
        self.term = Term(tidy_indices(predicate, box), tidy_indices(rewrite(self.term.value), box))


def in_range(value: Scalar, extent: Extent) -> list[Scalar]:
    """``0 <= value < extent``. An index read from an array was checked where it was first used."""
    if loads_of(value):
        return []
    return [less_equal(0, value), less(value, extent_scalar(extent))]


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


def _solve_unit(system: _System, axes: Sequence[int]) -> bool:
    for bracket in system.brackets():
        found = _linear_in(bracket, axes)
        if found is None:
            continue
        coefficients, _ = found
        several = len(coefficients) > 1
        for axis in sorted(coefficients, reverse=True):
            coefficient = coefficients[axis]
            if abs(coefficient) != 1 or (several and _is_digit(axis, bracket, system, axes)):
                continue
            rest = sum_of(bracket.args[0], product_of(number(-coefficient), index(axis)))
            system.replace({axis: product_of(number(-coefficient), rest)}, [bracket])
            return True
    return False


def _is_digit(axis: int, bracket: Apply, system: _System, axes: Sequence[int]) -> bool:
    """Whether the bracket is a mixed-radix equation in which the axis is a digit: better solved as one."""
    return _radix_order(bracket, system, axes) is not None


def _radix_terms(bracket: Apply, axes: Sequence[int]) -> tuple[list[tuple[int, Scalar]], Scalar] | None:
    """The bracket as ``sum weight * axis - rest = 0``, weights possibly holding sizes, all of one sign."""
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


def _radix_order(bracket: Apply, system: _System, axes: Sequence[int]) -> list[tuple[int, Scalar]] | None:
    """The digits, highest weight first, where each weight covers all the lower digits."""
    found = _radix_terms(bracket, axes)
    if found is None or len(found[0]) < 2:
        return None
    remaining, ordered = list(found[0]), []
    reach: Scalar = number(1)  # one more than what the digits so far can add up to
    while remaining:
        candidates = [
            (k, w) for k, w in remaining if never_positive(sum_of(reach, product_of(-1, w)), ()) and not loads_of(w)
        ]
        lowest = next((c for c in candidates if all(_not_above(c[1], w) for _, w in remaining)), None)
        if lowest is None:
            return None
        remaining.remove(lowest)
        ordered.append(lowest)
        reach = sum_of(product_of(lowest[1], sum_of(extent_scalar(system.extents[lowest[0]]), -1)), reach)
    return ordered[::-1]


def _not_above(left: Scalar, right: Scalar) -> bool:
    return never_positive(sum_of(left, product_of(-1, right)), ())


def _solve_radix(system: _System, axes: Sequence[int]) -> bool:
    for bracket in system.brackets():
        ordered = _radix_order(bracket, system, axes)
        if ordered is None:
            continue
        found = _radix_terms(bracket, axes)
        assert found is not None
        value = found[1]
        solved: dict[int, Scalar] = {}
        extra = []
        for axis, weight in ordered:
            solved[axis] = floor_divide(value, weight)
            value = modulo(value, weight)
        extra.append(equal(value, 0))
        system.replace(solved, [bracket], extra)
        return True
    return False


def _solve_strided(system: _System, axes: Sequence[int]) -> bool:
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


@dataclass(frozen=True)
class _Digit:
    """``(axis // weight) % radix = value``; the top digit has no radix."""

    weight: Scalar
    radix: Scalar | None
    value: Scalar
    bracket: Apply


def _solve_digits(system: _System, axes: Sequence[int]) -> bool:
    """``i // 12 = a``, ``i // 4 % 3 = b`` and ``i % 4 = c`` together: ``i = 12 a + 4 b + c``."""
    for axis in axes:
        digits = {
            digit.weight: digit
            for bracket in system.brackets()
            for digit in _digits_of(bracket, index(axis))
            if axis not in free_indices(digit.value)
        }
        chain = _digit_chain(digits, extent_scalar(system.extents[axis]))
        if not chain:
            continue
        value = sum_of(*[product_of(d.weight, d.value) for d in chain])
        ranges = [p for d in chain if d.radix is not None for p in in_range(d.value, _extent_of(d.radix))]
        system.replace({axis: value}, [d.bracket for d in chain], ranges)
        return True
    return False


def _digit_chain(digits: dict[Scalar, _Digit], extent: Scalar) -> list[_Digit]:
    """The digits from weight 1 upwards, where they determine the whole index; else nothing."""
    chain: list[_Digit] = []
    weight: Scalar = number(1)
    while weight in digits and len(chain) < len(digits):
        digit = digits[weight]
        chain.append(digit)
        if digit.radix is None:
            return chain
        weight = product_of(weight, digit.radix)
        if _not_above(extent, weight):
            return chain
    return []


def _digits_of(bracket: Apply, target: Scalar) -> list[_Digit]:
    """The ways to read the bracket as an equation for one digit of the target."""
    found = []
    terms, _ = linear_terms(bracket.args[0])
    for atom, coefficient in terms.items():
        shape = _digit_shape(atom, target)
        if shape is not None and abs(coefficient) == 1:
            rest = sum_of(bracket.args[0], product_of(number(-coefficient), atom))
            found.append(_Digit(shape[0], shape[1], product_of(number(-coefficient), rest), bracket))
    return found


def _digit_shape(atom: Scalar, target: Scalar) -> tuple[Scalar, Scalar | None] | None:
    """(weight, radix) where the atom is ``target // weight % radix``, either part being optional."""
    radix: Scalar | None = None
    if is_apply(atom, "mod"):
        atom, radix = atom.children
    if is_apply(atom, "floordiv") and atom.children[0] is target:
        return atom.children[1], radix
    return (number(1), radix) if atom is target and radix is not None else None


def _extent_of(scalar: Scalar) -> Extent:
    return scalar.value if isinstance(scalar, Number) else scalar  # type: ignore[return-value]


def _solve(system: _System, axes_of: Sequence[int]) -> None:
    for _ in range(64):
        axes = [k for k in system.alive if k in axes_of]
        if not axes:
            return
        if not (
            _solve_radix(system, axes)
            or _solve_unit(system, axes)
            or _solve_digits(system, axes)
            or _solve_strided(system, axes)
        ):
            return


# ---------------------------------------------------------------- assembling


def summed(shape: Shape, reduce_extents: Sequence[Extent], body: Scalar, domain: Scalar = TRUE) -> Scalar:
    """The scalar over the output axes that equals the sum over the reduce axes of ``[domain] body``.

    Brackets are eliminated, invariant factors pulled out, coefficients of patterns stored; what is left to sum is loaded
    from Compute nodes of its own.
    """
    rank = len(shape)
    extents = dict(enumerate((*shape, *reduce_extents)))
    box = list(extents.values())
    root = tidy_indices(inline_patterns(guarded(domain, body)), box)
    patterns: dict[Scalar, list[Scalar]] = {}
    for term in expand(root):
        system = _System(extents, rank, term, alive=list(extents))
        _solve(system, range(rank, len(extents)))
        tie, coefficient = _split_pattern(system)
        if not is_number(coefficient, 0):
            patterns.setdefault(tie, []).append(coefficient)
    return sum_of(
        *[guarded(tie, _stored(tie, sum_of(*parts), shape)) for tie, parts in patterns.items()], dtype=body.dtype
    )


def _split_pattern(system: _System) -> tuple[Scalar, Scalar]:
    """The brackets left on output axes, and the coefficient over the output axes they leave free."""
    outputs = range(system.output_rank)
    system.outputs_only = True  # a bracket such as [a = k // 2] still selects what is summed
    ties = system.brackets()
    if not ties:
        return TRUE, _reduced(system, list(outputs))
    tie = conjunction(*ties)
    _solve(system, outputs)
    free_outputs = [k for k in system.alive if k < system.output_rank]
    # what could not be solved for an axis stays inside the coefficient as a guard
    return tie, _reduced(system, free_outputs)


def _reduced(system: _System, outputs: list[int]) -> Scalar:
    """The sum of the system's term over its living reduce axes, as a scalar over output positions."""
    predicate, value = decide(system.term.predicate, system.box()), system.term.value
    reduce_axes = [k for k in system.alive if k >= system.output_rank]
    if predicate is FALSE or is_number(value, 0):
        return number(0, value.dtype)
    used = free_indices(predicate, value)
    idle = [extent_scalar(system.extents[k]) for k in reduce_axes if k not in used]
    summed_axes = [k for k in reduce_axes if k in used]
    scale = product_of(*idle) if idle else number(1)
    if not summed_axes:
        return product_of(scale, guarded(predicate, value), dtype=value.dtype)
    outer, inner = _split_factors(value, set(summed_axes))
    node, axes = _sum_node(system, outputs, summed_axes, predicate, inner)
    guard_outside = conjunction(*[p for p in _conjuncts(predicate) if not free_indices(p) & set(summed_axes)])
    total = load(node, [index(k) for k in axes])
    if is_number(outer, 1):
        return product_of(scale, total, dtype=value.dtype)
    return guarded(guard_outside, product_of(scale, outer, total, dtype=value.dtype))


def _split_factors(value: Scalar, summed_axes: set[int]) -> tuple[Scalar, Scalar]:
    """The value as (factors that no summed axis enters, the others)."""
    if not is_apply(value, "prod"):
        return number(1, value.dtype), value
    invariant = [f for f in value.children if not free_indices(f) & summed_axes]
    variant = [f for f in value.children if free_indices(f) & summed_axes]
    return product_of(*invariant, flatten=False, dtype=value.dtype), product_of(
        *variant, flatten=False, dtype=value.dtype
    )


def _sum_node(
    system: _System, outputs: list[int], summed_axes: list[int], predicate: Scalar, value: Scalar
) -> tuple[Compute, list[int]]:
    """The Compute that sums ``[predicate] value``, over just the output axes it depends on."""
    used = free_indices(predicate, value)
    axes = [k for k in outputs if k in used]
    positions = {k: index(position) for position, k in enumerate([*axes, *summed_axes])}
    rewrite = Substitution({index(k): p for k, p in positions.items()})
    node = compute(
        [system.extents[k] for k in axes],
        rewrite(value),
        reduce_extents=[system.extents[k] for k in summed_axes],
        reducer="sum",
        domain=rewrite(predicate),
    )
    return node, axes


def _stored(tie: Scalar, coefficient: Scalar, shape: Shape) -> Scalar:
    """The coefficient itself where it is simple, else a load of the node that holds it."""
    if tie is TRUE or _is_simple(coefficient):
        return coefficient
    axes = sorted(free_indices(coefficient))
    rewrite = Substitution({index(k): index(position) for position, k in enumerate(axes)})
    node = compute([shape[k] for k in axes], rewrite(coefficient))
    return load(node, [index(k) for k in axes])


def _is_simple(scalar: Scalar) -> bool:
    if isinstance(scalar, Number | Load):
        return True
    if not is_apply(scalar, "prod"):
        return False
    loads = [f for f in scalar.children if isinstance(f, Load)]
    return len(loads) <= _SIMPLE_LOADS and all(isinstance(f, Load | Number) for f in scalar.children)
