"""Notation of matrices and vectors: products, transposes and entrywise operations in their simplest form."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import Any

from gradc.present import notation as n
from gradc.present.functions import row_of
from gradc.present.notation import Notation
from gradc.present.order import ordered_factors, ordered_product, ordered_sum

ONES = n.Ones()
#: Functions of arrays whose value is a number.
NUMBERS = frozenset({"tr", "det", "squared_norm", "norm", "frobenius", "frobenius_norm", "max", "min"})


def split_scale(node: Notation) -> tuple[Any, tuple[Notation, ...], tuple[Notation, ...], Notation | None]:
    """``2 c A / d`` as (2, (c,), (d,), A): the array factor of a scaled array is the last of its numerator."""
    if not isinstance(node, n.Product):
        return 1, (), (), node
    if not node.numerator or not is_array(node.numerator[-1]):
        return node.coefficient, node.numerator, node.denominator, None
    return node.coefficient, node.numerator[:-1], node.denominator, node.numerator[-1]


def is_array(node: Notation) -> bool:
    """Whether the piece stands for a vector or a matrix."""
    if isinstance(node, n.Name):
        return node.rank > 0
    if isinstance(node, n.Ones | n.Identity | n.Array | n.Transposed | n.Inverse | n.Hadamard | n.EntrywisePower):
        return True
    if isinstance(node, n.MatrixProduct):
        return not node.scalar
    if isinstance(node, n.Function):
        return node.name == "kron" or (node.name not in NUMBERS and any(map(is_array, node.arguments)))
    if isinstance(node, n.Bracket | n.Relation | n.Sum | n.Product | n.Root | n.Power | n.Logic):
        return any(map(is_array, node.parts))
    return False


def scaled_array(coefficient: Any, over: Sequence[Notation], under: Sequence[Notation], array: Notation) -> Notation:
    """A scalar multiple of an array, the array last; scales that meet are merged."""
    inner, inner_over, inner_under, core = split_scale(array)
    factors, divisors = [*over, *inner_over], [*under, *inner_under]
    if core is not None and divisors:
        core, divisors = softmaxed(core, divisors)
    scale = ordered_product(coefficient * inner, factors, divisors)
    if core is None:
        return scale
    if n.is_literal(scale, 1):
        return core
    if isinstance(scale, n.Product):
        return n.Product(scale.coefficient, (*scale.numerator, core), scale.denominator)
    if isinstance(scale, n.Literal) and isinstance(scale.value, int | float | Fraction):
        return n.Product(scale.value, (core,))
    return n.Product(1, (scale, core))


def softmaxed(array: Notation, divisors: Sequence[Notation]) -> tuple[Notation, list[Notation]]:
    """``exp(x) / (1' exp(x))`` as ``softmax(x)``, also inside products and diagonals."""
    left: list[Notation] = []
    for divisor in divisors:
        base, exponent = (divisor.base, divisor.exponent) if isinstance(divisor, n.Power) else (divisor, n.ONE)
        exponential = _summed_exponential(base)
        count = exponent.value if isinstance(exponent, n.Literal) else 0
        if exponential is None or not isinstance(count, int):
            left.append(divisor)
            continue
        array, count = _replaced(array, exponential, count)
        if count:
            left.append(base if count == 1 else n.Power(base, n.Literal(count)))
    return array, left


def softmaxed_number(number: Notation) -> Notation:
    """``v' exp(x) / (1' exp(x))`` as ``v' softmax(x)``."""
    if not isinstance(number, n.Product) or not number.denominator:
        return number
    under: Sequence[Notation] = number.denominator
    over: list[Notation] = []
    for factor in number.numerator:
        if isinstance(factor, n.MatrixProduct) and under and not _summed_exponential(factor):
            factor, under = softmaxed(factor, under)
        over.append(factor)
    return ordered_product(number.coefficient, over, under)


def _summed_exponential(node: Notation) -> Notation | None:
    """``exp(x)`` of ``1' exp(x)``."""
    if isinstance(node, n.MatrixProduct) and len(node.factors) == 2 and node.factors[0] == n.Transposed(ONES):
        vector = node.factors[1]
        if isinstance(vector, n.Function) and vector.name == "exp":
            return vector
    return None


def _replaced(array: Notation, exponential: Notation, count: int) -> tuple[Notation, int]:
    """At most ``count`` factors that are the exponential, replaced by its softmax."""
    if not count:
        return array, 0
    if array == exponential:
        assert isinstance(exponential, n.Function)
        return n.Function("softmax", exponential.arguments), count - 1
    if isinstance(array, n.MatrixProduct | n.Hadamard):
        factors = array.factors if isinstance(array, n.MatrixProduct) else array.numerator
        replaced: list[Notation] = []
        for factor in factors:
            item, count = _replaced(factor, exponential, count)
            replaced.append(item)
        if isinstance(array, n.MatrixProduct):
            return n.MatrixProduct(tuple(replaced), array.scalar), count
        return n.Hadamard(tuple(replaced), array.denominator), count
    if isinstance(array, n.Transposed):
        item, count = _replaced(array.base, exponential, count)
        return n.Transposed(item), count
    if isinstance(array, n.Function) and array.name == "diag":
        item, count = _replaced(array.arguments[0], exponential, count)
        return n.Function("diag", (item,)), count
    return array, count


def times_number(number: Notation, array: Notation) -> Notation:
    """The multiple of an array by a number; ``(1' x) 1`` is ``1 1' x``."""
    if n.is_literal(number, 0):
        return n.ZERO
    number = softmaxed_number(number)
    if isinstance(array, n.Ones):
        number, array = _sum_of_entries_outside(number)
    if isinstance(number, n.Product):
        return scaled_array(number.coefficient, number.numerator, number.denominator, array)
    if isinstance(number, n.Literal) and isinstance(number.value, int | float | Fraction):
        return scaled_array(number.value, (), (), array)
    return scaled_array(1, (number,), (), array)


def _sum_of_entries_outside(number: Notation) -> tuple[Notation, Notation]:
    """A number without its factor ``1' x``, and the vector ``1 1' x`` instead of ones."""
    parts = number.numerator if isinstance(number, n.Product) else (number,)
    for position, part in enumerate(parts):
        if isinstance(part, n.MatrixProduct) and part.factors[0] == n.Transposed(ONES):
            coefficient, under = (number.coefficient, number.denominator) if isinstance(number, n.Product) else (1, ())
            rest = n.product(coefficient, parts[:position] + parts[position + 1 :], under)
            return rest, n.MatrixProduct((ONES, *part.factors))
    return number, ONES


def transposed(node: Notation) -> Notation:
    """The transpose, pushed to the factors of a product."""
    if isinstance(node, n.Transposed):
        return node.base
    if isinstance(node, n.Identity) or not is_array(node):
        return node
    if isinstance(node, n.Function) and node.name == "diag":
        return node
    if isinstance(node, n.Power) and isinstance(node.base, n.Name | n.Transposed):
        return n.Power(transposed(node.base), node.exponent)
    if isinstance(node, n.Inverse):
        turned = transposed(node.base)
        simple = turned == node.base or isinstance(node.base, n.Name | n.Transposed)
        return n.Inverse(turned if simple else n.Transposed(node.base))
    if isinstance(node, n.MatrixProduct):
        return n.MatrixProduct(tuple(transposed(f) for f in reversed(node.factors)))
    if isinstance(node, n.Hadamard):
        turned = entrywise([transposed(f) for f in node.numerator], [transposed(f) for f in node.denominator])
        return turned if turned == node or transposes(turned) < transposes(node) else n.Transposed(node)
    if isinstance(node, n.Sum) and all(map(is_array, node.terms)):
        turned = ordered_sum([transposed(t) for t in node.terms])
        return turned if turned == node or transposes(turned) <= transposes(node) else n.Transposed(node)
    if isinstance(node, n.Product):
        coefficient, over, under, core = split_scale(node)
        if core is not None:
            return scaled_array(coefficient, over, under, transposed(core))
    return n.Transposed(node)


def multiplied(factors: Sequence[Notation], scalar: bool = False) -> Notation:
    """The matrix product, flat, with scalar multiples in front; ``scalar`` where it is a number."""
    coefficient: Any = 1
    over: list[Notation] = []
    under: list[Notation] = []
    flat: list[Notation] = []
    for factor in factors:
        c, o, u, core = split_scale(factor)
        coefficient, over, under = coefficient * c, [*over, *o], [*under, *u]
        if isinstance(core, n.MatrixProduct):
            flat.extend(core.factors)
        elif core is not None and not isinstance(core, n.Identity):
            flat.append(core)
    sign, flat = aligned(flat)
    coefficient = sign * coefficient
    flat = _powers(_cancelled(_row_softmaxed(flat))) or [n.Identity()]
    product = flat[0] if len(flat) == 1 else n.MatrixProduct(tuple(flat), scalar)
    if scalar:
        return ordered_product(coefficient, [*over, product], under)
    return scaled_array(coefficient, over, under, product)


def aligned(factors: Sequence[Notation], known: Collection[Notation] = ()) -> tuple[int, list[Notation]]:
    """Differences in the direction of the first of them (or of those that are known), and the sign that this costs:
    ``(x - y) (y - x)'`` is ``-(x - y) (x - y)'``.
    """
    sign = 1
    seen = set(known)
    result: list[Notation] = []
    for factor in factors:
        core = factor.base if isinstance(factor, n.Transposed) else factor
        if isinstance(core, n.Sum) and core not in seen:
            other = negative(core)
            if other in seen:
                sign, core = -sign, other
                factor = n.Transposed(core) if isinstance(factor, n.Transposed) else core
            seen.add(core)
        result.append(factor)
    return sign, result


def negative(total: n.Sum) -> Notation:
    """The sum with the opposite sign, term by term."""
    return ordered_sum([n.scaled(-1, t) for t in total.terms])


def _cancelled(factors: Sequence[Notation]) -> list[Notation]:
    """``A^-1 A`` left out, ``diag(v) 1`` as ``v``."""
    kept: list[Notation] = []
    for factor in factors:
        last = kept[-1] if kept else None
        if last is not None and (last == n.Inverse(factor) or factor == n.Inverse(last)):
            kept.pop()
        elif isinstance(factor, n.Ones) and isinstance(last, n.Function) and last.name == "diag":
            kept[-1] = last.arguments[0]
        elif last == n.Transposed(ONES) and isinstance(factor, n.Function) and factor.name == "diag":
            kept[-1] = transposed(factor.arguments[0])
        else:
            kept.append(factor)
    return kept


def _row_softmaxed(factors: list[Notation]) -> list[Notation]:
    """``diag(1 / (exp(Z) 1)) exp(Z)`` as the softmax of every row, also transposed and with further factors."""
    for position, factor in enumerate(factors):
        if not isinstance(factor, n.Function) or factor.name != "diag":
            continue
        coefficient, over, under, core = split_scale(factor.arguments[0])
        if not isinstance(core, n.Hadamard):
            continue
        before, after = factors[:position], factors[position + 1 :]
        denominator: list[Notation] = []
        for divisor in core.denominator:
            base, count = (
                (divisor.base, divisor.exponent) if isinstance(divisor, n.EntrywisePower) else (divisor, n.ONE)
            )
            exponential = _row_summed_exponential(base)
            left = count.value if isinstance(count, n.Literal) and isinstance(count.value, int) else 0
            if exponential is None or not left:
                denominator.append(divisor)
                continue
            softmax = n.Function("row_softmax", exponential.arguments)
            if left and after and after[0] == exponential:
                after, left = [softmax, *after[1:]], left - 1
            if left and before and before[-1] == n.Transposed(exponential):
                before, left = [*before[:-1], n.Transposed(softmax)], left - 1
            if left:
                denominator.append(_entrywise_power(base, left))
        if tuple(denominator) != core.denominator:
            vector = scaled_array(coefficient, over, under, entrywise(core.numerator, denominator))
            middle = [] if isinstance(vector, n.Ones) else [diagonal(vector)]
            return _row_softmaxed([*before, *middle, *after])
    return factors


def _row_summed_exponential(node: Notation) -> n.Function | None:
    """``exp(Z)`` of ``exp(Z) 1``."""
    if isinstance(node, n.MatrixProduct) and len(node.factors) == 2 and isinstance(node.factors[1], n.Ones):
        matrix = node.factors[0]
        if isinstance(matrix, n.Function) and matrix.name == "exp":
            return matrix
    return None


def _powers(factors: Sequence[Notation]) -> list[Notation]:
    """Equal matrices side by side as powers."""
    joined: list[Notation] = []
    for factor in factors:
        base, exponent = (factor.base, factor.exponent) if isinstance(factor, n.Power) else (factor, n.ONE)
        last = joined[-1] if joined else None
        last_base, last_exponent = (last.base, last.exponent) if isinstance(last, n.Power) else (last, n.ONE)
        named = base.base if isinstance(base, n.Transposed) else base
        same = base == last_base and isinstance(named, n.Name) and named.rank == 2
        if same and isinstance(exponent, n.Literal) and isinstance(last_exponent, n.Literal):
            total_exponent = n.Literal(exponent.value + last_exponent.value)  # type: ignore[operator]
            joined[-1] = n.Power(base, total_exponent)
        else:
            joined.append(factor)
    return joined


def inner(left: Notation, right: Notation) -> Notation:
    """The inner product of two vectors; a squared norm where they are equal."""
    if left == right and not isinstance(left, n.Ones):
        return n.Function("squared_norm", (left,))
    forward, backward = [transposed(left), right], [transposed(right), left]
    products = [multiplied(factors, scalar=True) for factors in (forward, backward)]
    return min(products, key=transposes)


def traced(matrix: Notation) -> Notation:
    """The trace, scales in front."""
    coefficient, over, under, core = split_scale(matrix)
    assert core is not None
    if isinstance(core, n.Transposed):
        core = core.base
    return _rescaled(coefficient, over, under, n.Function("tr", (core,)))


def transposes(node: Notation) -> int:
    """How many transposes are written; in the exponent of an inverse they take no room."""
    if isinstance(node, n.Inverse) and isinstance(node.base, n.Transposed):
        node = node.base.base
    return isinstance(node, n.Transposed) + sum(map(transposes, node.parts))


def total(vector: Notation) -> Notation:
    """The sum of the entries of a vector."""
    coefficient, over, under, core = split_scale(vector)
    if core is None:
        core = n.Literal(1)
    if isinstance(core, n.Function) and core.name == "diagonal":
        summed: Notation = n.Function("tr", core.arguments)
    elif isinstance(core, n.Hadamard) and not core.denominator and len(core.numerator) > 1:
        first, *rest = core.numerator
        summed = inner(first, entrywise(rest))
    elif isinstance(core, n.EntrywisePower | n.Power) and n.is_literal(core.exponent, 2):
        summed = n.Function("squared_norm", (core.base,))
    elif isinstance(core, n.Sum) and all(map(is_array, core.terms)) and any(map(_has_short_total, core.terms)):
        summed = ordered_sum([total(t) for t in core.terms])
    else:
        summed = multiplied([transposed(ONES), core], scalar=True)
    return _rescaled(coefficient, over, under, summed)


def _has_short_total(vector: Notation) -> bool:
    """Whether the sum of the entries is a trace or an inner product."""
    core = split_scale(vector)[3]
    return isinstance(core, n.Hadamard) or (isinstance(core, n.Function) and core.name == "diagonal")


def total_of_matrix(matrix: Notation) -> Notation:
    """The sum of all entries of a matrix: a trace where it is an entrywise product."""
    coefficient, over, under, core = split_scale(matrix)
    if isinstance(core, n.Hadamard) and not core.denominator and len(core.numerator) > 1:
        first, *rest = core.numerator
        second = entrywise(rest)
        if first == second:
            summed: Notation = n.Function("frobenius", (first,))
        elif isinstance(second, n.Transposed):
            summed = traced(multiplied([second.base, first]))
        else:
            summed = traced(multiplied([transposed(first), second]))
    elif isinstance(core, n.EntrywisePower) and n.is_literal(core.exponent, 2):
        summed = n.Function("frobenius", (core.base,))
    elif isinstance(core, n.Power) and isinstance(core.base, n.Function) and n.is_literal(core.exponent, 2):
        summed = n.Function("frobenius", (core.base,))  # a function that carries its powers, entrywise
    else:
        assert core is not None
        summed = multiplied([transposed(ONES), core, ONES], scalar=True)
    return _rescaled(coefficient, over, under, summed)


def _rescaled(coefficient: Any, over: Sequence[Notation], under: Sequence[Notation], value: Notation) -> Notation:
    if isinstance(value, n.Product):
        return ordered_product(coefficient * value.coefficient, [*over, *value.numerator], [*under, *value.denominator])
    return ordered_product(coefficient, [*over, value], under)


def entrywise(over: Sequence[Notation], under: Sequence[Notation] = ()) -> Notation:
    """The entrywise product and quotient of arrays of one shape, equal ones joined to powers."""
    coefficient: Any = 1
    scales: list[Notation] = []
    divisors: list[Notation] = []
    tops: dict[Notation, int] = {}
    bottoms: dict[Notation, int] = {}
    for factor, sign in [*((f, 1) for f in over), *((f, -1) for f in under)]:
        c, o, u, core = split_scale(factor)
        if sign > 0:
            coefficient, scales, divisors = coefficient * c, [*scales, *o], [*divisors, *u]
        else:
            coefficient, scales, divisors = Fraction(1) / c * coefficient, [*scales, *u], [*divisors, *o]
        above, below = (core.numerator, core.denominator) if isinstance(core, n.Hadamard) else ((core,), ())
        for parts, side in ((above, tops if sign > 0 else bottoms), (below, bottoms if sign > 0 else tops)):
            for part in parts:
                if part is not None and not isinstance(part, n.Ones):
                    side[part] = side.get(part, 0) + 1
    numerator, denominator = (
        tuple(
            ordered_factors([_entrywise_power(f, e) for f, e in sorted(side.items(), key=lambda t: transposes(t[0]))])
        )
        for side in (tops, bottoms)
    )
    if not denominator and len(numerator) == 1:
        array: Notation = numerator[0]
    elif not numerator and not denominator:
        array = ONES
    else:
        array = n.Hadamard(numerator, denominator)
    return scaled_array(coefficient, scales, divisors, array)


def _entrywise_power(base: Notation, exponent: int) -> Notation:
    return base if exponent == 1 else entrywise_power(base, n.Literal(exponent))


def entrywise_power(base: Notation, exponent: Notation) -> Notation:
    """Every entry to a power; a function that carries its powers is written so: ``tanh^2(x)``."""
    if isinstance(base, n.Function) and row_of(base.name).raised:
        return n.Power(base, exponent)
    return n.EntrywisePower(base, exponent)


def diagonal(vector: Notation) -> Notation:
    """The diagonal matrix of a vector."""
    coefficient, over, under, core = split_scale(vector)
    if core is None or isinstance(core, n.Ones):
        return scaled_array(coefficient, over, under, n.Identity())
    return scaled_array(coefficient, over, under, n.Function("diag", (core,)))
