"""What each operation of the table is on complex numbers, given as their parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from gradc.errors import CompileError
from gradc.ir.algebra import convert, product_of, sum_of
from gradc.ir.conjugates import real_dtype
from gradc.ir.scalar import Apply, Number, Scalar, apply
from gradc.lower import complex_arithmetic as arithmetic
from gradc.lower.complex_arithmetic import LARGEST_EXPONENT, Parts, as_parts, choose
from gradc.lower.complex_functions import FUNCTIONS, absolute, general_power, reciprocal_square_root, square_root
from gradc.ops.table import promoted

Operand = Parts | Scalar


class NotInParts(CompileError):
    """Something is done with complex numbers that has no expression in their real and imaginary parts."""


def operation(node: Apply, args: Sequence[Operand]) -> Operand:
    """The operation of ``node``, which gives or takes complex numbers, on operands in parts."""
    name = node.op.name
    own = _SPECIAL.get(name)
    if own is not None:
        return own(node, args)
    common = real_dtype(promoted([node.dtype] if node.dtype.kind == "c" else [arg.dtype for arg in node.args]))
    parts = [as_parts(arg, common) for arg in args]
    rule = _RULES.get(name)
    if rule is None:
        raise NotInParts(f"{name} of complex numbers")
    result = rule(*parts)
    return result if isinstance(result, Parts) or result.dtype == node.dtype else convert(result, node.dtype)


def _extremum(relation: str) -> Callable[[Parts, Parts], Parts]:
    """The one of two that comes first in NumPy's order, or a NaN."""

    def rule(a: Parts, b: Parts) -> Parts:
        first = apply("or", arithmetic.ordered(relation, a, b), arithmetic.of_either("isnan", a))
        return Parts(choose(first, a.re, b.re), choose(first, a.im, b.im))

    return rule


#: op -> its rule for operands in parts
_RULES: dict[str, Callable[..., Operand]] = {
    **FUNCTIONS,
    "add": arithmetic.add,
    "sub": arithmetic.subtract,
    "mul": arithmetic.multiply,
    "div": arithmetic.divide,
    "conj": arithmetic.conjugate,
    "sum": lambda *terms: arithmetic.total(terms),
    "prod": lambda *factors: arithmetic.product(factors),
    "real": lambda z: z.re,
    "imag": lambda z: z.im,
    "abs": absolute,
    "stop_gradient": lambda z: z,
    "equal": arithmetic.equal,
    "not_equal": arithmetic.not_equal,
    **{
        name: lambda a, b, relation=name: arithmetic.ordered(relation, a, b)
        for name in ("less", "less_equal", "greater", "greater_equal")
    },
    "maximum": _extremum("greater_equal"),
    "minimum": _extremum("less_equal"),
    "rint": lambda z: Parts(apply("rint", z.re), apply("rint", z.im)),
    "isnan": lambda z: arithmetic.of_either("isnan", z),
    "isinf": lambda z: arithmetic.of_either("isinf", z),
    "isfinite": lambda z: arithmetic.of_both("isfinite", z),
}


# ---------------------------------------------------------------- those that ask for more than the parts


def _converted(node: Apply, args: Sequence[Operand]) -> Operand:
    (value,) = args
    if node.dtype.kind == "c":
        return as_parts(value, real_dtype(node.dtype))
    assert isinstance(value, Parts)
    if node.dtype.kind == "b":
        return arithmetic.not_equal(value, arithmetic.literal(0, value.dtype))
    return convert(value.re, node.dtype)


def _chosen(node: Apply, args: Sequence[Operand]) -> Operand:
    predicate = args[0]
    assert isinstance(predicate, Scalar)
    dtype = real_dtype(node.dtype)
    a, b = as_parts(args[1], dtype), as_parts(args[2], dtype)
    return Parts(choose(predicate, a.re, b.re), choose(predicate, a.im, b.im))


def _put_together(node: Apply, args: Sequence[Operand]) -> Operand:
    dtype = real_dtype(node.dtype)
    re, im = (as_parts(arg, dtype).re for arg in args)
    return Parts(re, im)


def _power(node: Apply, args: Sequence[Operand]) -> Operand:
    dtype = real_dtype(node.dtype)
    base, exponent = as_parts(args[0], dtype), as_parts(args[1], dtype)
    if base.is_real and node.op.name == "power":
        return (
            Parts(apply("power", base.re, exponent.re), base.im) if exponent.is_real else general_power(base, exponent)
        )
    value = node.args[1].value if isinstance(node.args[1], Number) else None
    if isinstance(value, int) and abs(value) < LARGEST_EXPONENT:
        return arithmetic.integer_power(base, value)
    if value == Fraction(1, 2):
        return square_root(base)
    if value == Fraction(-1, 2):
        return reciprocal_square_root(base)
    return general_power(base, exponent)


_SPECIAL: dict[str, Callable[[Apply, Sequence[Operand]], Operand]] = {
    "convert": _converted,
    "where": _chosen,
    "complex": _put_together,
    "pow": _power,
    "power": _power,
}


def squared_absolute(z: Parts) -> Scalar:
    """``|z|^2``, without the root."""
    dtype = z.dtype
    return sum_of(product_of(z.re, z.re), product_of(z.im, z.im), dtype=dtype)
