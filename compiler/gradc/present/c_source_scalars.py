"""Scalar expressions in C: operators with as few parentheses as C needs, and the functions that libm lacks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from gradc.errors import ArgumentError
from gradc.ir.algebra import is_index_predicate, linear_terms
from gradc.ir.scalar import Apply, Guard, Index, Load, NamedConstant, Number, Scalar, Size, is_apply
from gradc.ir.walk import loads_of, post_order, use_counts

if TYPE_CHECKING:
    from gradc.present.c_source import Writer

_TYPES = {"float64": "double", "float32": "float", "int64": "int64_t", "int32": "int32_t", "bool": "bool"}
_CONSTANTS = {"pi": "3.141592653589793", "e": "2.718281828459045", "euler_gamma": "0.5772156649015329"}
#: Binding strengths of C.
_CONDITION, _OR, _AND, _EQUAL, _RELATION, _SUM, _PRODUCT, _UNARY, _ATOM = range(9)
_BINARY = {
    "add": ("+", _SUM), "sub": ("-", _SUM), "mul": ("*", _PRODUCT), "div": ("/", _PRODUCT), "sum": ("+", _SUM),
    "prod": ("*", _PRODUCT), "less": ("<", _RELATION), "less_equal": ("<=", _RELATION), "greater": (">", _RELATION),
    "greater_equal": (">=", _RELATION), "equal": ("==", _EQUAL), "not_equal": ("!=", _EQUAL), "and": ("&&", _AND),
    "or": ("||", _OR),
}  # fmt: skip
_FUNCTIONS = {
    "abs": "fabs", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "arcsinh": "asinh",
    "arccosh": "acosh", "arctanh": "atanh", "root": "sqrt", "maximum": "maximum", "minimum": "minimum", "rint": "rint",
    "gamma": "tgamma", "gammaln": "lgamma", "j0": "j0", "j1": "j1", "y0": "y0", "y1": "y1",
    **{name: name for name in (
        "exp expm1 exp2 log log2 log10 log1p sin cos tan sinh cosh tanh sqrt cbrt floor ceil trunc erf erfc isnan isinf "
        "isfinite signbit copysign hypot sign sigmoid softplus logaddexp"
    ).split()},
}  # fmt: skip
_OF_INTEGERS = {"maximum": "larger", "minimum": "smaller"}
#: Functions that libm lacks, written out where they are used.
HELPERS = {
    "maximum": "static double maximum(double a, double b) { return a >= b || isnan(a) ? a : b; }",
    "minimum": "static double minimum(double a, double b) { return a <= b || isnan(a) ? a : b; }",
    "larger": "static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }",
    "smaller": "static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }",
    "sign": "static double sign(double x) { return isnan(x) ? x : (x > 0) - (x < 0); }",
    "sigmoid": "static double sigmoid(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }",
    "softplus": "static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }",
    "logaddexp": "static double logaddexp(double a, double b) {\n"
    "    return a == b ? a + 0.6931471805599453 : fmax(a, b) + log1p(exp(-fabs(a - b)));\n}",
    "square": "static double square(double x) { return x * x; }",
    "position": "static int64_t position(int64_t k, int64_t n) { return k < 0 ? k + n : k; }",
    "floor_divide": "static int64_t floor_divide(int64_t a, int64_t b) {\n"
    "    return a / b - (a % b != 0 && (a < 0) != (b < 0));\n}",
    "modulo": "static int64_t modulo(int64_t a, int64_t b) { return (a % b + b) % b; }",
    "remainder_of": "static double remainder_of(double a, double b) { return a - floor(a / b) * b; }",
}


class Body:
    """A scalar expression: shared parts are named before it, guarded parts stay inside their condition."""

    def __init__(self, writer: Writer, axes: Sequence[str]) -> None:
        self._writer, self._axes = writer, axes
        self._texts: dict[Scalar, tuple[str, int]] = {}

    def inline(self, root: Scalar) -> str:
        """The expression alone."""
        for node in post_order([root]):
            self._texts[node] = self._text(node)
        return self._texts[root][0]

    def value(self, root: Scalar) -> tuple[str, list[str]]:
        """The expression, and the declarations in front of it."""
        counts = use_counts([root])
        conditional = _conditional([root])
        lines: list[str] = []
        for node in post_order([root]):
            text = self._text(node)
            shared = counts[node] > 1 and isinstance(node, Apply) and node is not root
            if (
                (shared or len(text[0]) > 100)
                and node not in conditional
                and isinstance(node, Apply)
                and node is not root
            ):
                name = self._writer.free("u")
                lines.append(f"{type_of(node)} {name} = {text[0]};")
                text = (name, _ATOM)
            self._texts[node] = text
        return self._texts[root][0], lines

    def _part(self, node: Scalar, need: int) -> str:
        text, binding = self._texts[node]
        return f"({text})" if binding < need else text

    def _text(self, node: Scalar) -> tuple[str, int]:
        if isinstance(node, Number):
            text = literal(node.value, node.dtype.kind)
            return text, _SUM if text.startswith("-") else _ATOM
        if isinstance(node, Index):
            return self._axes[node.position], _ATOM
        if isinstance(node, Size):
            return node.name, _ATOM
        if isinstance(node, Load):
            return self._writer.load(node, [self._texts[i][0] for i in node.indices]), _ATOM
        if isinstance(node, Guard):
            return f"{self._part(node.predicate, _OR)} ? {self._part(node.body, _OR)} : 0", _CONDITION
        assert isinstance(node, Apply)
        return self._apply(node)

    def _apply(self, node: Apply) -> tuple[str, int]:
        name, args = node.op.name, node.args
        if name in ("stop_gradient", "real", "conj"):
            return self._texts[args[0]]
        if name == "where":
            condition, chosen, other = (self._part(a, _OR) for a in args)
            return f"{condition} ? {chosen} : {other}", _CONDITION
        if name == "position":
            return f"{self._writer.helper('position')}({self._texts[args[0]][0]}, {self._texts[args[1]][0]})", _ATOM
        if name == "neg":
            part = self._part(args[0], _UNARY)
            return (f"-({part})" if part.startswith("-") else f"-{part}"), _SUM  # `--` would be another operator
        if name == "not":
            return f"!{self._part(args[0], _UNARY)}", _UNARY
        if name == "convert":
            if args[0].dtype.kind in "iub" and node.dtype.kind == "f" and isinstance(args[0], Size | Index):
                return f"(double){self._part(args[0], _UNARY)}", _UNARY
            return f"({_TYPES[node.dtype.name]}){self._part(args[0], _UNARY)}", _UNARY
        if name in ("power", "pow"):
            return self._power(node)
        if is_index_predicate(node):
            return self._balanced(node)
        if name in _BINARY:
            return self._binary(node)
        if name in ("floordiv", "mod"):
            return self._division(node)
        if name not in _FUNCTIONS:
            raise ArgumentError(
                f"{name} has no C source: the C library lacks it; use formula.numpy() or the compiled function"
            )
        function = _OF_INTEGERS.get(name, _FUNCTIONS[name]) if node.dtype.kind in "iu" else _FUNCTIONS[name]
        if function in HELPERS:
            self._writer.helper(function)
        return f"{function}({', '.join(self._texts[a][0] for a in args)})", _ATOM

    def _binary(self, node: Apply) -> tuple[str, int]:
        sign, binding = _BINARY[node.op.name]
        args = list(node.args)
        if node.op.name == "prod" and node.dtype.kind == "f":
            return self._product(args)
        if node.op.name == "sum":
            args.sort(key=lambda a: (self._texts[a][0].startswith("-"), isinstance(a, Number) and a.dtype.kind in "iu"))
        first, *rest = args
        text = self._part(first, binding)
        for arg in rest:
            part = self._texts[arg][0]
            if (
                node.op.name == "sum"
                and part.startswith("-")
                and self._texts[arg][1] >= _SUM
                and not is_apply(arg, "sum")
            ):
                text += f" - {part[1:]}"
            else:
                text += f" {sign} {self._part(arg, binding + 1)}"
        return text, binding

    def _balanced(self, node: Apply) -> tuple[str, int]:
        """``i + 2 <= n`` for ``i - n + 2 <= 0``: extents and counters have no sign."""
        sign, binding = _BINARY[node.op.name]
        terms, constant = linear_terms(node.args[0])
        sides: tuple[list[str], list[str]] = ([], [])
        for atom, coefficient in terms.items():
            factor = "" if abs(coefficient) == 1 else f"{abs(coefficient)} * "
            sides[coefficient < 0].append(f"{factor}{self._part(atom, _PRODUCT + bool(factor))}")
        if constant:
            sides[constant < 0].append(str(abs(constant)))
        left, right = (" + ".join(side) or "0" for side in sides)
        return f"{left} {sign} {right}", binding

    def _product(self, args: list[Scalar]) -> tuple[str, int]:
        upper = [a for a in args if not _is_inverse(a)]
        lower = [a for a in args if _is_inverse(a)]
        if not lower:
            minus = any(isinstance(a, Number) and a.value == -1 for a in upper)
            upper = [a for a in upper if not (isinstance(a, Number) and a.value == -1)]
            upper.sort(key=lambda a: not isinstance(a, Number))
            text = " * ".join([self._part(a, _PRODUCT + (k > 0)) for k, a in enumerate(upper)])
            if minus:  # `--` would be another operator
                return f"-({text})" if text.startswith("-") else f"-{text}", _SUM
            return text, _SUM if text.startswith("-") else _PRODUCT
        top, binding = self._product(upper) if upper else ("1.0", _ATOM)
        top = f"({top})" if binding < _PRODUCT and not top.startswith("-") else top
        below = [self._positive_power(a.children[0], -a.children[1].value) for a in lower]  # type: ignore[attr-defined]
        bottom = " * ".join(f"({t})" if b < _PRODUCT + 1 else t for t, b in below)
        text = f"{top} / {bottom}" if len(below) == 1 else f"{top} / ({bottom})"
        return text, _SUM if text.startswith("-") else _PRODUCT

    def _power(self, node: Apply) -> tuple[str, int]:
        base, exponent = node.args
        value = exponent.value if isinstance(exponent, Number) else None
        if isinstance(value, int | Fraction) and not isinstance(value, bool):
            if value < 0:
                text, binding = self._positive_power(base, -value)
                return f"1.0 / {f'({text})' if binding < _PRODUCT + 1 else text}", _PRODUCT
            return self._positive_power(base, value)
        return f"pow({self._texts[base][0]}, {self._texts[exponent][0]})", _ATOM

    def _positive_power(self, base: Scalar, exponent: int | Fraction) -> tuple[str, int]:
        text = self._texts[base][0]
        if exponent == 1:
            return self._texts[base]
        if exponent == Fraction(1, 2):
            return f"sqrt({text})", _ATOM
        if exponent in (2, 3) and re.fullmatch(r"[\w.]+(?:\[[^\[\]]*\])?", text):
            return " * ".join([text] * int(exponent)), _PRODUCT
        if exponent == 2:
            return f"{self._writer.helper('square')}({text})", _ATOM
        return f"pow({text}, {literal(exponent, 'f')})", _ATOM

    def _division(self, node: Apply) -> tuple[str, int]:
        a, b = (self._texts[x][0] for x in node.args)
        if node.dtype.kind == "f":
            if node.op.name == "floordiv":
                return f"floor({self._part(node.args[0], _PRODUCT)} / {self._part(node.args[1], _PRODUCT + 1)})", _ATOM
            return f"{self._writer.helper('remainder_of')}({a}, {b})", _ATOM
        name = "floor_divide" if node.op.name == "floordiv" else "modulo"
        return f"{self._writer.helper(name)}({a}, {b})", _ATOM


def _is_inverse(node: Scalar) -> bool:
    if not (is_apply(node, "power") or is_apply(node, "pow")):
        return False
    exponent = node.children[1]
    return isinstance(exponent, Number) and isinstance(exponent.value, int | Fraction) and exponent.value < 0


def _conditional(roots: Sequence[Scalar]) -> set[Scalar]:
    """What is evaluated only under a condition: below guards and branches, and what such parts share."""
    found: set[Scalar] = set()
    for node in post_order(roots):
        branches: tuple[Scalar, ...] = ()
        if isinstance(node, Guard):
            branches = (node.body,)
        elif is_apply(node, "where"):
            branches = node.children[1:]
        elif is_apply(node, "and") or is_apply(node, "or"):
            branches = node.children
        if branches:
            found.update(n for n in post_order(branches) if loads_of(n))
    return found


def type_of(node: Any) -> str:
    """The C type of a scalar or an array's entries."""
    name = node.dtype.name
    if name not in _TYPES:
        raise ArgumentError(f"{name} has no C source; use float64 or float32")
    return _TYPES[name]


def literal(value: Any, kind: str) -> str:
    """A number as C; a float has a decimal point."""
    if isinstance(value, NamedConstant):
        return _CONSTANTS[value.name]
    if isinstance(value, bool):
        return str(value).lower() if kind == "b" else str(int(value))
    if kind in "iu":
        return str(int(value))
    number = float(value)
    if number != number:
        return "NAN"
    if number in (float("inf"), float("-inf")):
        return "INFINITY" if number > 0 else "-INFINITY"
    return repr(number)
