"""What SymPy calls numbers, symbols and functions, one number at a time."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from gradc.errors import ParseError
from gradc.ir.algebra import conjunction, convert, disjunction, negation
from gradc.ir.scalar import BOOL, EULER_GAMMA, PI, E, Scalar, apply, index, load, number
from gradc.trace.elements.elementwise import broadcast_indices
from gradc.trace.sympy_graphs.nodes import described
from gradc.trace.sympy_graphs.scope import Handler, Scope, floating, floats, folded

#: SymPy's class -> the operation, where one argument goes in and one value comes out.
_FUNCTIONS = {
    "exp": "exp", "log": "log", "sin": "sin", "cos": "cos", "tan": "tan", "asin": "arcsin", "acos": "arccos",
    "atan": "arctan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "asinh": "arcsinh", "acosh": "arccosh",
    "atanh": "arctanh", "Abs": "abs", "sign": "sign", "floor": "floor", "ceiling": "ceil", "erf": "erf", "erfc": "erfc",
    "atan2": "arctan2",
    "erfi": "erfi", "erfinv": "erfinv", "Ei": "expi", "Si": "sine_integral", "Ci": "cosine_integral",
    "Shi": "hyperbolic_sine_integral", "Chi": "hyperbolic_cosine_integral", "fresnels": "fresnel_sine",
    "fresnelc": "fresnel_cosine", "airyai": "airy_ai", "airyaiprime": "airy_ai_slope", "airybi": "airy_bi",
    "airybiprime": "airy_bi_slope", "besselj": "jv", "bessely": "yv", "besseli": "iv", "besselk": "kv",
    "elliptic_k": "ellipk", "elliptic_f": "ellipkinc",
    # rewritten for precision by sympy.codegen
    "expm1": "expm1", "log1p": "log1p", "exp2": "exp2", "log2": "log2", "log10": "log10", "Sqrt": "sqrt", "Cbrt": "cbrt",
}  # fmt: skip
_RECIPROCALS = {
    "sec": "cos", "csc": "sin", "cot": "tan", "sech": "cosh", "csch": "sinh", "coth": "tanh",
    "asec": "arccos", "acsc": "arcsin", "acot": "arctan", "asech": "arccosh", "acsch": "arcsinh", "acoth": "arctanh",
}  # fmt: skip
_RELATIONS = {
    "StrictLessThan": "less", "LessThan": "less_equal", "StrictGreaterThan": "greater",
    "GreaterThan": "greater_equal", "Equality": "equal", "Unequality": "not_equal",
}  # fmt: skip
_CONSTANTS = {"Pi": PI, "Exp1": E, "EulerGamma": EULER_GAMMA}


def _integer(node: Any, _: list[Scalar], scope: Scope) -> Scalar:
    value = int(node)
    return number(value if abs(value) < 2**53 else float(value), scope.dtype)


def _rational(node: Any, _: list[Scalar], scope: Scope) -> Scalar:
    return number(Fraction(int(node.p), int(node.q)), scope.dtype)


def constant(node: Any, _: list[Scalar], scope: Scope) -> Scalar:
    """A number without arguments: a decimal, pi, infinity, or what SymPy can compute."""
    name = type(node).__name__
    if name in _CONSTANTS:
        return number(_CONSTANTS[name], scope.dtype)
    if name in ("NaN", "ComplexInfinity"):
        return number(float("nan"), scope.dtype)
    value = complex(node)
    if value.imag:
        if scope.dtype.kind != "c":
            raise ParseError(f"{described(node)} is no real number; pass complex arguments for a complex result")
        return number(value, scope.dtype)
    return number(value.real, scope.dtype)


def symbol_value(node: Any, _: list[Scalar], scope: Scope) -> Scalar:
    """The index of a sum around, or what was given for the symbol."""
    for symbol, position, _extent in reversed(scope.indices):
        if symbol == node:
            return convert(position, scope.dtype)
    value = scope.values.get(node)
    if value is None:
        extent = scope.named_extent(node)
        if extent is not None:
            return convert(extent, scope.dtype)
        known = ", ".join(map(str, (*scope.values, *scope.arrays)))
        raise ParseError(f"{node} is none of the arguments ({known}); list it among args")
    if len(value.extents) > len(scope.shape):
        raise ParseError(f"{node} stands for an array here, but for a number in a matrix expression")
    axes = [index(k) for k in range(len(scope.shape))]
    places = broadcast_indices(value.extents, scope.shape, axes)
    entry = load(value.tensor, places)
    return entry if entry.dtype.kind == "b" else floating(entry, scope)


def _truth(node: Any, _: list[Scalar], scope: Scope) -> Scalar:
    return number(bool(node))


def _add(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    """A sum from the left; what has a negative coefficient is subtracted."""
    plus: list[Scalar] = []
    minus: list[Scalar] = []
    for argument, value in zip(node.args, floats(arguments, scope), strict=True):
        opposite = _opposite(value)
        if opposite is not None and argument.is_Mul:
            minus.append(opposite)
        else:
            plus.append(value)
    if not plus:
        plus.append(apply("neg", minus.pop(0)))
    result = plus[0]
    for value in plus[1:]:
        result = apply("add", result, value)
    for value in minus:
        result = apply("sub", result, value)
    return result


def _opposite(scalar: Scalar) -> Scalar | None:
    """x where the scalar was written -x."""
    op = getattr(scalar, "op", None)
    return scalar.children[0] if op is not None and op.name == "neg" else None


def _mul(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    """A product from the left, over the product of what stands below; a sign stands in front."""
    upper: list[Scalar] = []
    lower: list[Scalar] = []
    negative = False
    for argument, value in zip(node.args, arguments, strict=True):
        if argument.is_Rational:
            p, q = int(argument.p), int(argument.q)
            negative ^= p < 0
            if abs(p) != 1:
                upper.append(number(abs(p), scope.dtype))
            if q != 1:
                lower.append(number(q, scope.dtype))
        elif argument.is_Pow and argument.exp.is_Rational and argument.exp.is_negative:
            lower.append(_power_of(floating(scope.memo[id(argument.base)][1], scope), -argument.exp, scope))
        else:
            upper.append(floating(value, scope))
    product = folded("mul", upper) if upper else number(1, scope.dtype)
    if lower:
        product = apply("div", product, folded("mul", lower))
    return apply("neg", product) if negative else product


def _pow(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    base, exponent = floats(arguments, scope)
    if type(node.base).__name__ == "Exp1":
        return apply("exp", exponent)
    if node.exp.is_Rational:
        if node.exp.is_negative:
            return apply("div", number(1, scope.dtype), _power_of(base, -node.exp, scope))
        return _power_of(base, node.exp, scope)
    return apply("pow", base, exponent)


def _power_of(base: Scalar, exponent: Any, scope: Scope) -> Scalar:
    """A power with a positive rational exponent."""
    p, q = int(exponent.p), int(exponent.q)
    if p == q:
        return base
    if q == 2:
        root = apply("sqrt", base)
        whole, rest = divmod(p, 2)
        if whole == 0:
            return root
        if whole <= 3 and rest:
            return apply("mul", _power_of(base, type(exponent)(whole), scope) if whole > 1 else base, root)
    if q == 1 and p <= 64:
        return apply("power", base, number(p, scope.dtype))
    return apply("pow", base, number(Fraction(p, q), scope.dtype))


def _function(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    name = type(node).__name__
    if name == "log" and len(arguments) == 2:
        top, base = (apply("log", a) for a in floats(arguments, scope))
        return apply("div", top, base)
    return apply(_FUNCTIONS[name], *floats(arguments, scope))


def _reciprocal(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    name = type(node).__name__
    argument, one = floating(arguments[0], scope), number(1, scope.dtype)
    if name.startswith("a"):
        return apply(_RECIPROCALS[name], apply("div", one, argument))
    return apply("div", one, apply(_RECIPROCALS[name], argument))


def _extremum(name: str) -> Handler:
    return lambda node, arguments, scope: folded(name, floats(arguments, scope))


def _relation(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    return apply(_RELATIONS[type(node).__name__], *floats(arguments, scope))


def _condition(scalar: Scalar) -> Scalar:
    return scalar if scalar.dtype == BOOL else apply("not_equal", scalar, number(0, scalar.dtype))


def _connective(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    name, parts = type(node).__name__, [_condition(a) for a in arguments]
    if name == "And":
        return conjunction(*parts)
    if name == "Or":
        return disjunction(*parts)
    if name == "Not":
        return negation(parts[0])
    if name == "Xor":
        return folded("not_equal", parts)
    if name == "Implies":
        return disjunction(negation(parts[0]), parts[1])
    return apply("equal", *parts)


def _piecewise(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    """The first branch whose condition holds; NaN where none does. What is not chosen doesn't count in derivatives.

    The arguments are the value and the condition of each branch in turn.
    """
    result: Scalar = number(float("nan"), scope.dtype)
    for entry, test, branch in reversed(list(zip(arguments[::2], arguments[1::2], node.args, strict=True))):
        if branch.args[1] == True:  # noqa: E712
            result = floating(entry, scope) if entry.dtype != BOOL else entry
            continue
        value = entry if entry.dtype == result.dtype else floating(entry, scope)
        result = apply("where", _condition(test), value, result)
    return result


def _ite(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    return apply("where", _condition(arguments[0]), *arguments[1:])


def _heaviside(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    x, *rest = floats(arguments, scope)
    half = rest[0] if rest else number(0.5, scope.dtype)
    zero, one = number(0, scope.dtype), number(1, scope.dtype)
    return apply("where", apply("less", x, zero), zero, apply("where", apply("greater", x, zero), one, half))


def _delta(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    return convert(apply("equal", *floats(arguments[:2], scope)), scope.dtype)


def _sinc(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    x = floating(arguments[0], scope)
    zero, one = number(0, scope.dtype), number(1, scope.dtype)
    at_zero = apply("equal", x, zero)
    safe = apply("where", at_zero, one, x)
    return apply("where", at_zero, one, apply("div", apply("sin", safe), safe))


def _modulo(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    return apply("mod", *floats(arguments, scope))


def _fraction(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    x = floating(arguments[0], scope)
    return apply("sub", x, apply("floor", x))


#: SymPy's class -> the op; ``loggamma`` is real.
_GAMMAS = {"gamma": "gamma", "loggamma": "gammaln", "beta": "beta", "digamma": "psi"}


def _gamma(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    name, args = type(node).__name__, floats(arguments, scope)
    if name in _GAMMAS:
        return apply(_GAMMAS[name], *args)
    if name == "factorial":
        return apply("gamma", apply("add", args[0], number(1, scope.dtype)))
    order = node.args[0]
    if not order.is_Integer or order < 0:
        raise ParseError(f"{described(node)}: the order of a polygamma function is a fixed integer here")
    if order == 0:
        return apply("psi", args[1])
    factor = number(float((-1) ** (int(order) + 1) * math.factorial(int(order))), scope.dtype)
    return apply("mul", factor, apply("hurwitz_zeta", number(int(order) + 1, scope.dtype), args[1]))


def _error_function(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    """``erf(a, b)`` is ``erf(b) - erf(a)``."""
    a, b = floats(arguments, scope)
    return apply("sub", apply("erf", b), apply("erf", a))


def _same(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    return floating(arguments[0], scope)


LEAVES: dict[str, Handler] = {
    **dict.fromkeys(("Integer", "Zero", "One", "NegativeOne"), _integer),
    **dict.fromkeys(("Float", "Pi", "Exp1", "EulerGamma", "Infinity", "NegativeInfinity", "NaN", "ImaginaryUnit"), constant),
    **dict.fromkeys(("BooleanTrue", "BooleanFalse"), _truth),
    **dict.fromkeys(("Symbol", "Dummy", "AppliedUndef"), symbol_value),
    "Rational": _rational,
    "Half": _rational,
}  # fmt: skip

#: Handlers that are given the scalars of the node's arguments.
OPERATIONS: dict[str, Handler] = {
    **dict.fromkeys(_FUNCTIONS, _function),
    **dict.fromkeys(_RECIPROCALS, _reciprocal),
    **dict.fromkeys(_RELATIONS, _relation),
    **dict.fromkeys(("And", "Or", "Not", "Xor", "Implies", "Equivalent"), _connective),
    **dict.fromkeys(("gamma", "loggamma", "digamma", "polygamma", "factorial", "beta"), _gamma),
    "Add": _add,
    "Mul": _mul,
    "Pow": _pow,
    "Piecewise": _piecewise,
    "ITE": _ite,
    "Max": _extremum("maximum"),
    "Min": _extremum("minimum"),
    "Heaviside": _heaviside,
    "KroneckerDelta": _delta,
    "sinc": _sinc,
    "Mod": _modulo,
    "frac": _fraction,
    "erf2": _error_function,
    "UnevaluatedExpr": _same,
    "re": _same,
    "conjugate": _same,
}
