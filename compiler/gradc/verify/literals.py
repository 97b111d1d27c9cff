"""Float literals read as the numbers they were written for: 0.1 is one tenth, 0.3333333333333333 a third, 6.283... is 2 pi.

A derivation is about real numbers, a program holds the doubles nearest to them. Without this reading ``3 * 0.1`` and ``0.3``
would count as different functions, since as doubles they differ in the last digit. A rational is only read into the double
nearest to it; multiples of pi, roots and logarithms, and decimals that arithmetic has blurred (0.30000000000000004), into
doubles within two units of the last place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from gradc.ir.algebra import Substitution, power_of, product_of
from gradc.ir.scalar import PI, Apply, DType, E, Guard, Load, Number, NumberValue, Scalar, apply, guard, load, number
from gradc.ir.tensor import Compute, Graph, Tensor, compute
from gradc.ir.walk import graph_order, loads_of, post_order

_LARGEST_DENOMINATOR = 1000
_LARGEST_UNIT_DENOMINATOR = 360
#: A decimal of at most this many digits was typed as such.
_TYPED_DIGITS = 12
_LARGEST_INTEGER = 2.0**53


def exact_literals(graph: Graph) -> Graph:
    """The graph with every float literal replaced by the exact number it stands for; literals in sub-graphs stay."""
    return map_bodies(graph, lambda node: exact_literal(node) if isinstance(node, Number) else None)


def map_bodies(graph: Graph, replace: Callable[[Scalar], Scalar | None]) -> Graph:
    """The graph with leaves of its bodies replaced where ``replace`` gives something."""
    forms: dict[Tensor, Tensor] = {}
    for node in graph_order(graph.outputs):
        if not isinstance(node, Compute):
            continue
        roots = [node.body, node.domain]
        mapping: dict[Scalar, Scalar] = {}
        for scalar in post_order(roots):
            replacement = None if scalar.children else replace(scalar)
            if replacement is not None and replacement is not scalar:
                mapping[scalar] = replacement
        moved = {item.tensor: forms[item.tensor] for item in loads_of(*roots) if item.tensor in forms}
        rewritten = _Rewrite(mapping, moved)
        forms[node] = compute(
            node.shape,
            rewritten(node.body),
            reduce_extents=node.reduce_extents,
            reducer=node.reducer,
            domain=rewritten(node.domain),
        )
    return Graph(graph.inputs, tuple(forms.get(output, output) for output in graph.outputs))


class _Rewrite(Substitution):
    """A substitution that also moves loads to the rewritten tensors, and changes nothing else."""

    def __init__(self, mapping: dict[Scalar, Scalar], moved: dict[Tensor, Tensor]) -> None:
        super().__init__(mapping)
        self._moved = moved

    def __call__(self, root: Scalar) -> Scalar:
        memo = self._memo
        for node in post_order([root], prune=memo.__contains__):
            if node in memo:
                continue
            children = [memo[child] for child in node.children]
            if isinstance(node, Load):
                memo[node] = load(self._moved.get(node.tensor, node.tensor), children)
            elif all(a is b for a, b in zip(children, node.children, strict=True)):
                memo[node] = node
            elif isinstance(node, Guard):
                memo[node] = guard(children[0], children[1])
            else:
                assert isinstance(node, Apply)
                memo[node] = apply(node.op, *children, dtype=node.dtype)
        return memo[root]


def exact_literal(literal: Number) -> Scalar:
    """The literal as an exact number, or as it is where it is none of the usual ones."""
    if not isinstance(literal.value, float) or literal.dtype.kind != "f" or not math.isfinite(literal.value):
        return literal
    reading = exact_reading(literal.value)
    return literal if reading is None else _as_scalar(reading, literal.dtype)


@dataclass(frozen=True)
class Unit:
    """An irrational number that literals are multiples of: its value, and how it is built."""

    name: str
    value: float
    build: Callable[[DType], Scalar]


def _root(name: str, base: NumberValue, exponent: Fraction | int, value: float) -> Unit:
    return Unit(name, value, lambda dtype: power_of(number(base, dtype), number(exponent, dtype)))


_HALF = Fraction(1, 2)
_UNITS = (
    _root("pi", PI, 1, math.pi),
    _root("1/pi", PI, -1, 1 / math.pi),
    _root("sqrt(2)", 2, _HALF, math.sqrt(2)),
    _root("sqrt(3)", 3, _HALF, math.sqrt(3)),
    _root("sqrt(5)", 5, _HALF, math.sqrt(5)),
    _root("sqrt(pi)", PI, _HALF, math.sqrt(math.pi)),
    _root("1/sqrt(pi)", PI, -_HALF, 1 / math.sqrt(math.pi)),
    Unit(
        "sqrt(2*pi)",
        math.sqrt(2 * math.pi),
        lambda dtype: product_of(power_of(number(2, dtype), _HALF), power_of(number(PI, dtype), _HALF)),
    ),
    Unit(
        "1/sqrt(2*pi)",
        1 / math.sqrt(2 * math.pi),
        lambda dtype: product_of(power_of(number(2, dtype), -_HALF), power_of(number(PI, dtype), -_HALF)),
    ),
    Unit("log(2)", math.log(2), lambda dtype: apply("log", number(2, dtype))),
    Unit("log(10)", math.log(10), lambda dtype: apply("log", number(10, dtype))),
    Unit("1/log(2)", 1 / math.log(2), lambda dtype: power_of(apply("log", number(2, dtype)), -1)),
    Unit("1/log(10)", 1 / math.log(10), lambda dtype: power_of(apply("log", number(10, dtype)), -1)),
    _root("e", E, 1, math.e),
)

Reading = tuple[Fraction, Unit | None]


@lru_cache(maxsize=4096)
def exact_reading(value: float) -> Reading | None:
    """``value`` as a rational times a unit (None is 1), or None where it is none of the usual numbers.

    >>> exact_reading(0.1)
    (Fraction(1, 10), None)
    >>> factor, unit = exact_reading(2 * math.pi)
    >>> factor, unit.name
    (Fraction(2, 1), 'pi')
    """
    if abs(value) >= _LARGEST_INTEGER:
        return Fraction(repr(value)), None
    small = Fraction(value).limit_denominator(_LARGEST_DENOMINATOR)
    if small and float(small) == value:
        return small, None
    if _digits(value) <= _TYPED_DIGITS:
        return Fraction(repr(value)), None
    for unit in _UNITS:
        multiple = Fraction(value / unit.value).limit_denominator(_LARGEST_UNIT_DENOMINATOR)
        if multiple and abs(multiple) <= _LARGEST_DENOMINATOR:
            exact = multiple.numerator * unit.value / multiple.denominator
            if abs(exact - value) <= 2 * math.ulp(value):
                return multiple, unit
    blurred = float(f"{value:.15g}")
    if _digits(blurred) <= _TYPED_DIGITS and abs(blurred - value) <= 2 * math.ulp(value):
        return Fraction(repr(blurred)), None
    return None


def _digits(value: float) -> int:
    return len(f"{abs(value)!r}".split("e")[0].replace(".", "").strip("0"))


def _as_scalar(reading: Reading, dtype: DType) -> Scalar:
    factor, unit = reading
    rational = number(factor, dtype)
    return rational if unit is None else product_of(rational, unit.build(dtype))


def has_inexact_literal(*graphs: Graph) -> bool:
    """Whether a float literal is left that has no exact reading: then results are only good to double precision."""
    for graph in graphs:
        for node in graph_order(graph.outputs):
            if isinstance(node, Compute):
                for scalar in post_order([node.body, node.domain]):
                    if isinstance(scalar, Number) and isinstance(scalar.value, float) and math.isfinite(scalar.value):
                        return True
    return False
