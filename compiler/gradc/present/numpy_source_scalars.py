"""Bodies of comprehensions as whole-array expressions that broadcast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.ir.algebra import from_linear, is_index_predicate, linear_terms, negated, power_of
from gradc.ir.scalar import (
    Apply,
    Guard,
    Index,
    Load,
    NamedConstant,
    Number,
    Op,
    Scalar,
    Size,
    is_apply,
    is_number,
    number,
)
from gradc.ir.walk import post_order
from gradc.ops.loops import Loop
from gradc.present.numpy_source_loads import Loads
from gradc.present.numpy_source_spaces import Space
from gradc.present.numpy_source_text import PRODUCT, SUM, Term, Terms, Value

if TYPE_CHECKING:
    from gradc.ir.tensor import Tensor

FALSE = number(False)

_SIGNS = {
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=",
    "add": "+", "sub": "-", "mul": "*", "div": "/", "floordiv": "//", "mod": "%", "and": "&", "or": "|",
}  # fmt: skip
_FUNCTIONS = {
    "abs": "np.abs", "not": "np.logical_not", "root": "np.sqrt", "conj": "np.conj",
    "sigmoid": "expit", "erf": "erf", "erfc": "erfc",
}  # fmt: skip
#: Functions of scipy.special that the source imports by name.
SPECIAL = ("expit", "erf", "erfc")
#: How the source calls the others.
SPECIAL_MODULE = "scipy.special."
#: Functions of scipy.special that have machine code of our own.
_PRODUCTS_WITH_LOGARITHMS = ("xlogy", "xlog1py")


class Bodies:
    """Scalar expressions over spaces as terms."""

    def __init__(self, terms: Terms, tensor: Callable[[Tensor], Value], size: Callable[[str], str]) -> None:
        self.terms = terms
        self.size = size
        self.loads = Loads(self, tensor)
        self._memo: dict[tuple[Scalar, Space], Value] = {}

    def value(self, root: Scalar, space: Space) -> Value:
        """The scalar over the whole space at once; it has the axes that it depends on, in the space's order."""
        for node in post_order([root], prune=lambda s: (s, space) in self._memo or isinstance(s, Load)):
            if (node, space) not in self._memo:
                self._memo[node, space] = self._node(node, space)
        return self._memo[root, space]

    def aligned(self, value: Value, axes: Sequence[int]) -> Term:
        """The term with ``None`` where it lacks one of the axes, so that it broadcasts."""
        present = [axis in value.axes for axis in axes]
        if not any(present):
            return value.term
        first = present.index(True)
        if all(present[first:]):
            return value.term
        entries = ", ".join(":" if p else "None" for p in present[first:])
        return self.terms.subscript(value.term, entries)

    def reordered(self, value: Value, axes: Sequence[int]) -> Value:
        """The same axes in another order."""
        if value.axes == tuple(axes):
            return value
        if len(axes) == 2:
            if value.term.template == "{0}.T":
                return Value(value.term.parts[0], tuple(axes))
            return Value(self.terms.attribute(value.term, "T"), tuple(axes))
        order = ", ".join(str(value.axes.index(axis)) for axis in axes)
        return Value(self.terms.call("np.transpose", value.term, options=f", ({order})"), tuple(axes))

    def broadcast(self, values: Sequence[Value], space: Space) -> tuple[list[Term], tuple[int, ...]]:
        """Terms that broadcast against each other, and the axes of the result."""
        axes = tuple(axis for axis in space.order if any(axis in v.axes for v in values))
        return [self.aligned(v, axes) for v in values], axes

    # ------------------------------------------------------------ nodes

    def _node(self, node: Scalar, space: Space) -> Value:
        if isinstance(node, Number):
            return Value(self.terms.atom(literal(node.value)), ())
        if isinstance(node, Size):
            return Value(self.terms.atom(self.size(node.name)), ())
        if isinstance(node, Index):
            interval = space.intervals[node.position]
            low, high = (self.value(bound, space).term for bound in (interval.low, interval.high))
            bounds = (high,) if is_number(interval.low, 0) else (low, high)
            return Value(self.terms.call("np.arange", *bounds, hint="indices"), (node.position,))
        if isinstance(node, Load):
            return self.loads.load(node, space)
        if isinstance(node, Guard):
            masked = Space(space.intervals, space.order, masked=True)
            body = self.value(node.body, masked)
            (condition, chosen), axes = self.broadcast([self.value(node.predicate, space), body], space)
            return Value(self.where(condition, chosen, self.terms.atom("0")), axes)
        assert isinstance(node, Apply)
        return self._apply(node, space)

    def where(self, condition: Term, chosen: Term, other: Term) -> Term:
        """``np.where``."""
        if condition.template == "True":
            return chosen
        return self.terms.call("np.where", condition, chosen, other, hint="where")

    def _apply(self, node: Apply, space: Space) -> Value:
        name = node.op.name
        if name == "stop_gradient":
            return self.value(node.args[0], space)
        if name == "position":  # a negative index counts from the end
            arguments, axes = self.broadcast([self.value(a, space) for a in node.args[:2]], space)
            return Value(self.terms.binary("%", *arguments), axes)
        if is_index_predicate(node):
            return self._balanced(node, space)
        if name == "sum":
            return self._sum(node, space)
        if name == "prod":
            return self._product(node, space)
        values = [self.value(argument, space) for argument in node.args]
        if name == "where" and node.dtype.kind == "b" and node.args[2] in (node.args[0], FALSE):  # a and b
            arguments, axes = self.broadcast(values[:2], space)
            return Value(self.terms.binary("&", *arguments), axes)
        if name in ("power", "pow"):
            return self._power(node, values, space)
        if name == "convert":
            return self._convert(node, values[0])
        arguments, axes = self.broadcast(values, space)
        if name == "where" and _keeps_finite(node):
            return Value(self.terms.call("np.where", *arguments, hint="shift"), axes)
        if isinstance(node.op.lower, Loop) or node.op.name in _PRODUCTS_WITH_LOGARITHMS:
            return Value(self._special(node.op, arguments), axes)
        return Value(self._operation(name, arguments), axes)

    def _special(self, op: Op, arguments: list[Term]) -> Term:
        """A call of scipy.special, perhaps of one of its results."""
        loop = op.lower if isinstance(op.lower, Loop) else None
        source = op.name if loop is None else loop.source
        if "{0}" in source:
            return self.terms.make(SPECIAL_MODULE + source, arguments)
        called = self.terms.call(SPECIAL_MODULE + source, *arguments)
        return called if loop is None or loop.outputs == 1 else self.terms.subscript(called, str(loop.output))

    def _balanced(self, node: Apply, space: Space) -> Value:
        """``i + 1 <= j`` for ``i - j + 1 <= 0``."""
        terms, constant = linear_terms(node.args[0])
        left = from_linear({a: c for a, c in terms.items() if c > 0}, max(constant, 0))
        right = from_linear({a: -c for a, c in terms.items() if c < 0}, max(-constant, 0))
        arguments, axes = self.broadcast([self.value(left, space), self.value(right, space)], space)
        return Value(self.terms.binary(_SIGNS[node.op.name], *arguments), axes)

    def _operation(self, name: str, arguments: list[Term]) -> Term:
        terms = self.terms
        if name == "mul":
            return self._multiplied(arguments)
        if name in _SIGNS:
            result = arguments[0]
            for argument in arguments[1:]:
                result = terms.binary(_SIGNS[name], result, argument)
            return result
        if name == "neg":
            return self.negative(arguments[0])
        if name == "complex":
            return terms.binary("+", arguments[0], terms.binary("*", terms.atom("1j"), arguments[1]))
        if name == "softplus":
            return terms.call("np.logaddexp", terms.atom("0"), arguments[0], hint="softplus")
        return terms.call(_FUNCTIONS.get(name, f"np.{name}"), *arguments)

    def negative(self, term: Term) -> Term:
        """``-term``."""
        if term.template == "-{0}":
            return term.parts[0]
        return self.terms.make("-{0}", (term,), SUM, (PRODUCT,), hint="negative")

    def plus(self, left: Term, right: Term) -> Term:
        """``left + right``, a difference where one is negative."""
        if right.template == "-{0}":
            return self.terms.binary("-", left, right.parts[0])
        if left.template == "-{0}":
            return self.terms.binary("-", right, left.parts[0])
        return self.terms.binary("+", left, right)

    def _convert(self, node: Apply, value: Value) -> Value:
        before, after = node.args[0].dtype, node.dtype
        if before == after or (after.kind in "fc" and before.kind in "iuf" and after.itemsize == 8):
            return value
        dtype = _DTYPES.get(after.name, f"np.{after.name}")
        return Value(self.terms.call("np.asarray", value.term, options=f", {dtype}"), value.axes)

    # ------------------------------------------------------------ sums, products, powers

    def _sum(self, node: Apply, space: Space) -> Value:
        """Positive terms first, by degree, literals last."""
        degrees = {term: _degree(term) if node.dtype.kind in "fc" else 0 for term in node.args}
        ordered = sorted(node.args, key=lambda term: (isinstance(term, Number), -degrees[term]))
        arguments, axes = self.broadcast([self.value(term, space) for term in ordered], space)
        pairs = sorted(zip(arguments, ordered, strict=True), key=lambda pair: _is_negative(*pair))
        if (
            isinstance(ordered[-1], Number)
            and _is_negative(*pairs[-1])
            and not _is_negative(arguments[-1], ordered[-1])
        ):
            pairs.insert(0, pairs.pop(next(k for k, pair in enumerate(pairs) if pair[1] is ordered[-1])))  # 1 - x
        result = pairs[0][0]
        for argument, term in pairs[1:]:
            if isinstance(term, Number) and _is_negative(argument, term):
                result = self.terms.binary("-", result, self.value(negated(term), space).term)
            else:
                result = self.plus(result, argument)
        return Value(result, axes)

    def _product(self, node: Apply, space: Space) -> Value:
        upper: list[Scalar] = []
        lower: list[Scalar] = []
        coefficient: Fraction | None = None
        for factor in node.args:
            inverse = _inverse(factor)
            if inverse is not None:
                lower.append(inverse)
            elif isinstance(factor, Number) and isinstance(factor.value, int | Fraction):
                coefficient = Fraction(factor.value)
            else:
                upper.append(factor)
        upper.sort(key=lambda factor: (bool(factor.free), not isinstance(factor, Load)))
        return self.quotient(
            [self.value(f, space) for f in upper], [self.value(f, space) for f in lower], coefficient, space
        )

    def quotient(
        self, upper: Sequence[Value], lower: Sequence[Value], coefficient: Fraction | None, space: Space
    ) -> Value:
        """``coefficient * upper / lower``: scalars are multiplied first."""
        above, below = sorted(upper, key=lambda v: len(v.axes)), sorted(lower, key=lambda v: len(v.axes))
        factor = coefficient if coefficient is not None else Fraction(1)
        for place, value in enumerate(above):
            if value.term.template == "-{0}":
                factor = -factor
                value = above[place] = Value(value.term.parts[0], value.axes)
            if value.term.template == "{0} / {1}" and value.term.parts[0].template == "1":
                below.append(Value(value.term.parts[1], value.axes))
                above[place] = Value(value.term.parts[0], ())
        above = [value for value in above if value.term.template != "1"]
        arguments, axes = self.broadcast([*above, *below], space)
        magnitude = abs(factor)
        tops, bottoms = arguments[: len(above)], arguments[len(above) :]
        if magnitude.numerator != 1 or not tops:
            tops = [self.terms.atom(str(magnitude.numerator)), *tops]
        if magnitude.denominator != 1:
            bottoms = [self.terms.atom(str(magnitude.denominator)), *bottoms]
        result = self._multiplied(tops)
        if bottoms:
            result = self.terms.binary("/", result, self._multiplied(bottoms))
        return Value(self.negative(result) if factor < 0 else result, axes)

    def _multiplied(self, factors: Sequence[Term]) -> Term:
        bare = [f.parts[0] if f.template == "-{0}" else f for f in factors]
        if sum(f.template == "-{0}" for f in factors) % 2:
            return self.negative(self._multiplied(bare))
        result = bare[0]
        for factor in bare[1:]:
            if factor is result and factor.parts:
                result = self.positive_power(factor, 2)
            else:
                result = self.terms.binary("*", result, factor)
        return result

    def _power(self, node: Apply, values: list[Value], space: Space) -> Value:
        exponent = node.args[1]
        known = exponent.value if isinstance(exponent, Number) else None
        if isinstance(known, int | Fraction) and not isinstance(known, bool):
            if known < 0:
                inverse = self.positive_power(values[0].term, -known)
                return Value(self.terms.binary("/", self.terms.atom("1"), inverse), values[0].axes)
            return Value(self.positive_power(values[0].term, known), values[0].axes)
        arguments, axes = self.broadcast(values, space)
        return Value(self.terms.binary("**", *arguments), axes)

    def positive_power(self, base: Term, exponent: int | Fraction) -> Term:
        """``base**exponent``, a root as such."""
        if exponent == 1:
            return base
        if exponent == Fraction(1, 2):
            return self.terms.call("np.sqrt", base)
        return self.terms.binary("**", base, self.terms.atom(literal(exponent)))


_DTYPES = {
    "float64": "float", "int64": "int", "bool": "bool", "float32": "np.float32", "complex128": "complex",
    "complex64": "np.complex64",
}  # fmt: skip


def literal(value: Any) -> str:
    """A number as source."""
    if isinstance(value, NamedConstant):
        return f"np.{value.name}"
    if isinstance(value, Fraction):
        decimal = float(value)
        return repr(decimal) if len(repr(decimal)) <= 8 else f"({value.numerator} / {value.denominator})"
    if isinstance(value, float) and not np.isfinite(value):
        return {"inf": "np.inf", "-inf": "-np.inf", "nan": "np.nan"}[str(value)]
    return repr(value)


def _degree(term: Scalar) -> Fraction:
    """The degree of a monomial: that of any other function counts as one."""
    degree = Fraction(0)
    for factor in term.children if is_apply(term, "prod") or is_apply(term, "mul") else (term,):
        exponent = factor.children[1] if is_apply(factor, "power") or is_apply(factor, "pow") else None
        if isinstance(exponent, Number) and isinstance(exponent.value, int | Fraction):
            degree += exponent.value
        elif not isinstance(factor, Number):
            degree += 1
    return degree


def _is_negative(printed: Term, term: Scalar) -> bool:
    """Whether a term of a sum is written with a minus."""
    if isinstance(term, Number):
        return isinstance(term.value, int | float | Fraction) and term.value < 0
    return printed.template == "-{0}"


def _inverse(factor: Scalar) -> Scalar | None:
    """What is divided by, where the factor is a power with a negative exponent."""
    if is_apply(factor, "power") or is_apply(factor, "pow"):
        base, exponent = factor.children
        if isinstance(exponent, Number) and isinstance(exponent.value, int | Fraction) and exponent.value < 0:
            return power_of(base, -exponent.value)
    return None


def _keeps_finite(node: Apply) -> bool:
    """Whether it is ``where(isfinite(m), m, 0)``: what a sum of exponentials is shifted by, infinite terms or not."""
    condition, chosen, other = node.args
    return is_apply(condition, "isfinite") and condition.children[0] is chosen and is_number(other, 0)
