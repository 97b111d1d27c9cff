"""The identities of the display form, as data: what a person would write instead.

A rule is text on both sides, in Python's syntax over the op names of `gradc.ops`. A single letter is a variable, ``-x``
matches anything (x is then its negative). The kinds differ in where the left side is looked for:

``compositions``  an application, as it stands
``sums``          two terms of a sum, up to a common factor: ``c sin(x)**2 + c cos(x)**2`` is c
``products``      two factors of a product, to the powers given
``bases``         the base of a negative power: ``1/(1 + exp(-x))**2`` is ``sigmoid(x)**2``

Display rules may enlarge the domain; none of them shrinks it.
"""

from __future__ import annotations

import ast
import itertools
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from gradc.ir.scalar import Apply, Scalar, number

if TYPE_CHECKING:
    from gradc.simplify.display_algebra import DisplayAlgebra

Bindings = dict[str, Scalar]


@dataclass(frozen=True)
class Rule:
    """One identity: ``left`` is shown as ``right``."""

    left: str
    right: str

    @cached_property
    def pattern(self) -> ast.expr:
        """The left side, parsed."""
        return ast.parse(self.left, mode="eval").body

    @cached_property
    def result(self) -> ast.expr:
        """The right side, parsed."""
        return ast.parse(self.right, mode="eval").body

    @cached_property
    def parts(self) -> tuple[ast.expr, ...]:
        """The two terms (or factors) of the left side."""
        assert isinstance(self.pattern, ast.BinOp)
        return self.pattern.left, self.pattern.right

    @cached_property
    def functions(self) -> frozenset[str]:
        """The functions of which the two factors are applications or powers."""
        heads = [p.left if isinstance(p, ast.BinOp) and isinstance(p.op, ast.Pow) else p for p in self.parts]
        return frozenset(h.func.id for h in heads if isinstance(h, ast.Call) and isinstance(h.func, ast.Name))

    @property
    def is_difference(self) -> bool:
        """Whether the left side is a difference."""
        return isinstance(self.pattern, ast.BinOp) and isinstance(self.pattern.op, ast.Sub)


COMPOSITIONS = (
    Rule("log(exp(x))", "x"),
    Rule("exp(log(x))", "x"),
    Rule("log1p(x)", "log(1 + x)"),
    Rule("expm1(x)", "exp(x) - 1"),
    Rule("exp2(x)", "2**x"),
    Rule("hypot(x, y)", "(x**2 + y**2)**(1/2)"),
    Rule("abs(abs(x))", "abs(x)"),
    Rule("sin(arcsin(x))", "x"),
    Rule("cos(arccos(x))", "x"),
    Rule("tan(arctan(x))", "x"),
    Rule("tanh(arctanh(x))", "x"),
    Rule("cos(arcsin(x))", "(1 - x**2)**(1/2)"),
    Rule("sin(arccos(x))", "(1 - x**2)**(1/2)"),
)

#: f(-x) = -f(x) and f(-x) = f(x)
ODD = frozenset({"sin", "tan", "arcsin", "arctan", "sinh", "tanh", "arcsinh", "arctanh", "erf", "sign", "cbrt"})
EVEN = frozenset({"cos", "cosh", "abs"})

SUMS = (
    Rule("sin(x)**2 + cos(x)**2", "1"),
    Rule("1 - sin(x)**2", "cos(x)**2"),
    Rule("1 - cos(x)**2", "sin(x)**2"),
    Rule("cosh(x)**2 - sinh(x)**2", "1"),
    Rule("cosh(x)**2 - 1", "sinh(x)**2"),
    Rule("sigmoid(x) + sigmoid(-x)", "1"),
)

PRODUCTS = (
    Rule("sigmoid(x) * sigmoid(-x)", "sigmoid(x) * (1 - sigmoid(x))"),
    Rule("exp(-x) * sigmoid(x)", "1 - sigmoid(x)"),
    Rule("(1 + exp(-x)) * sigmoid(x)", "1"),
    Rule("sign(x) * abs(x)", "x"),
    Rule("sign(x) * abs(x)**-1", "x**-1"),
    Rule("sign(x) * x", "abs(x)"),
    Rule("tan(x) * cos(x)", "sin(x)"),
    Rule("sin(x) * cos(x)**-1", "tan(x)"),
    Rule("sinh(x) * cosh(x)**-1", "tanh(x)"),
    Rule("abs(x) * x**-1", "sign(x)"),
)

BASES = (Rule("1 + exp(-x)", "sigmoid(x)"),)


#: The compositions by the op they start with.
COMPOSITIONS_OF = {
    name: tuple(rule for rule in COMPOSITIONS if rule.left.startswith(f"{name}("))
    for name in {rule.left.partition("(")[0] for rule in COMPOSITIONS}
}


def match(pattern: ast.expr, scalar: Scalar, bound: Bindings, algebra: DisplayAlgebra) -> Bindings | None:
    """What the variables of the pattern stand for where it matches ``scalar``, else None."""
    if isinstance(pattern, ast.Name):
        if scalar.dtype.kind == "c":  # the rules are about real numbers
            return None
        if pattern.id not in bound:
            return {**bound, pattern.id: scalar}
        return bound if bound[pattern.id] is scalar else None
    if variables(pattern) <= bound.keys():
        return bound if build(pattern, bound, scalar, algebra) is scalar else None
    if isinstance(pattern, ast.UnaryOp) and isinstance(pattern.operand, ast.Name):
        if scalar.dtype.kind == "c":
            return None
        return {**bound, pattern.operand.id: algebra.product([number(-1, scalar.dtype), scalar])}
    if not isinstance(scalar, Apply):
        return None
    if isinstance(pattern, ast.Call):
        assert isinstance(pattern.func, ast.Name)
        if scalar.op.name != pattern.func.id or len(scalar.args) != len(pattern.args):
            return None
        return _match_all(pattern.args, scalar.args, bound, algebra)
    assert isinstance(pattern, ast.BinOp)
    if isinstance(pattern.op, ast.Pow):
        parts = [pattern.left, pattern.right]
        return _match_all(parts, scalar.args, bound, algebra) if scalar.op.name == "power" else None
    wanted = "sum" if isinstance(pattern.op, ast.Add) else "prod"
    if scalar.op.name != wanted or len(scalar.args) != 2:
        return None
    for arguments in itertools.permutations(scalar.args):
        found = _match_all([pattern.left, pattern.right], arguments, bound, algebra)
        if found is not None:
            return found
    return None


def _match_all(
    patterns: list[ast.expr], scalars: tuple[Scalar, ...], bound: Bindings, algebra: DisplayAlgebra
) -> Bindings | None:
    found: Bindings | None = bound
    for pattern, scalar in zip(patterns, scalars, strict=True):
        if found is None:
            return None
        found = match(pattern, scalar, found, algebra)
    return found


@cache
def variables(pattern: ast.expr) -> frozenset[str]:
    """The variables of a pattern."""
    functions = {id(node.func) for node in ast.walk(pattern) if isinstance(node, ast.Call)}
    return frozenset(n.id for n in ast.walk(pattern) if isinstance(n, ast.Name) and id(n) not in functions)


def build(pattern: ast.expr, bound: Bindings, like: Scalar, algebra: DisplayAlgebra) -> Scalar:
    """The pattern with its variables replaced; literals take the dtype of ``like``."""
    if isinstance(pattern, ast.Name):
        return bound[pattern.id]
    if isinstance(pattern, ast.Constant):
        return number(pattern.value, like.dtype)  # type: ignore[arg-type]
    if isinstance(pattern, ast.UnaryOp):
        return algebra.product([number(-1, like.dtype), build(pattern.operand, bound, like, algebra)])
    if isinstance(pattern, ast.Call):
        assert isinstance(pattern.func, ast.Name)
        return algebra.apply(pattern.func.id, [build(a, bound, like, algebra) for a in pattern.args], like.dtype)
    assert isinstance(pattern, ast.BinOp)
    left, right = (build(side, bound, like, algebra) for side in (pattern.left, pattern.right))
    if isinstance(pattern.op, ast.Pow):
        return algebra.power(left, right)
    if isinstance(pattern.op, ast.Div):
        return algebra.product([left, algebra.power(right, number(-1, like.dtype))])
    if isinstance(pattern.op, ast.Mult):
        return algebra.product([left, right])
    minus = algebra.product([number(-1, like.dtype), right])
    return algebra.sum([left, minus if isinstance(pattern.op, ast.Sub) else right], like.dtype)


__all__ = [
    "BASES",
    "COMPOSITIONS",
    "COMPOSITIONS_OF",
    "EVEN",
    "ODD",
    "PRODUCTS",
    "SUMS",
    "Rule",
    "build",
    "match",
    "variables",
]
