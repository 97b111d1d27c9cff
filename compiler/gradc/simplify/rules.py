"""Rewrite rules as data: a pattern, what it becomes, and the licence it needs.

A pattern is written as a term over the op table; single letters are variables, repeated ones must match the same node.
Operands of commutative operations match in any order; a ``sum`` or ``prod`` pattern matches a part of the operands and
leaves the rest.

Licences
--------
``exact``            the same value to the bit, special values included
``improves value``   the same function, computed with less error or a wider range of finite results
``reassociates``     another order of floating-point operations
``enlarges domain``  equal wherever the left side is defined; the right side is defined in more places
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

import gradc.ops  # noqa: F401  (fills the table of operations)
from gradc.ir.algebra import convert, power_of, product_of, sum_of
from gradc.ir.scalar import OPS, Apply, DType, Number, Scalar, apply, is_number, number

EXACT = "exact"
IMPROVES_VALUE = "improves value"
REASSOCIATES = "reassociates"
ENLARGES_DOMAIN = "enlarges domain"

#: Rules that may be used on what the user wrote.
AS_WRITTEN = frozenset({EXACT, IMPROVES_VALUE})


@dataclass(frozen=True)
class Pattern:
    """A parsed term: a variable (``name``), a literal (``value``), or an op with operands."""

    name: str = ""
    value: int | Fraction | None = None
    op: str = ""
    operands: tuple[Pattern, ...] = ()


@dataclass(frozen=True)
class Rule:
    """``left -> right``, for real floating scalars."""

    name: str
    left: str
    right: str
    licence: str
    condition: str = ""
    pattern: Pattern = field(init=False, compare=False)
    result: Pattern = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", parse_pattern(self.left))
        object.__setattr__(self, "result", parse_pattern(self.right))


@cache
def parse_pattern(text: str) -> Pattern:
    """The pattern written as ``text``."""
    return _from_ast(ast.parse(text, mode="eval").body)


def _from_ast(tree: ast.expr) -> Pattern:
    if isinstance(tree, ast.Name):
        return Pattern(name=tree.id)
    if isinstance(tree, ast.Constant) and isinstance(tree.value, int):
        return Pattern(value=tree.value)
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        inner = _from_ast(tree.operand)
        assert inner.value is not None
        return Pattern(value=-inner.value)
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Div):
        left, right = _from_ast(tree.left), _from_ast(tree.right)
        assert left.value is not None
        assert right.value is not None
        return Pattern(value=Fraction(left.value) / Fraction(right.value))
    assert isinstance(tree, ast.Call), ast.dump(tree)
    assert isinstance(tree.func, ast.Name), ast.dump(tree)
    return Pattern(op=tree.func.id, operands=tuple(_from_ast(a) for a in tree.args))


Binding = dict[str, Scalar]


def matches(pattern: Pattern, node: Scalar, binding: Binding) -> Iterator[Binding]:
    """Every way in which the pattern matches the node, as extensions of the binding."""
    if pattern.name:
        known = binding.get(pattern.name)
        if known is None:
            yield {**binding, pattern.name: node}
        elif known is node:
            yield binding
    elif pattern.value is not None:
        if is_number(node, pattern.value):
            yield binding
    elif isinstance(node, Apply) and node.op.name == pattern.op:
        if node.op.arity is None:
            return  # n-ary operands are matched at the root only, see _nary_matches
        yield from _ordered(pattern.operands, node.args, binding)
        if node.op.commutative and node.args[0] is not node.args[1]:
            yield from _ordered(pattern.operands, node.args[::-1], binding)


def _ordered(patterns: tuple[Pattern, ...], nodes: tuple[Scalar, ...], binding: Binding) -> Iterator[Binding]:
    if not patterns:
        yield binding
        return
    for extended in matches(patterns[0], nodes[0], binding):
        yield from _ordered(patterns[1:], nodes[1:], extended)


def _nary_matches(pattern: Pattern, node: Apply) -> Iterator[tuple[Binding, list[Scalar]]]:
    """Matches of a ``sum`` or ``prod`` pattern with some of the operands, and the operands left over."""

    def choose(
        patterns: tuple[Pattern, ...], left: list[Scalar], binding: Binding
    ) -> Iterator[tuple[Binding, list[Scalar]]]:
        if not patterns:
            yield binding, left
            return
        for position, operand in enumerate(left):
            for extended in matches(patterns[0], operand, binding):
                yield from choose(patterns[1:], left[:position] + left[position + 1 :], extended)

    if len(node.args) <= 16:
        yield from choose(pattern.operands, list(node.args), {})


def instantiate(result: Pattern, binding: Binding, dtype: DType) -> Scalar:
    """The right-hand side with its variables bound; literals take the dtype of the node that is replaced."""
    if result.name:
        return binding[result.name]
    if result.value is not None:
        return number(result.value, dtype)
    operands = [instantiate(operand, binding, dtype) for operand in result.operands]
    if result.op == "sum":
        return sum_of(*operands, dtype=dtype)
    if result.op == "prod":
        return product_of(*operands, dtype=dtype)
    if result.op == "power":
        return power_of(operands[0], operands[1])
    return apply(result.op, *[convert(o, dtype) if isinstance(o, Number) else o for o in operands])


class RuleSet:
    """Rules indexed by the op at their root, for scalars of one kind: ``f`` for real ones, ``c`` for complex ones."""

    def __init__(self, rules: Iterable[Rule], kind: str = "f") -> None:
        self.rules = tuple(rules)
        self._kind = kind
        self._by_op: dict[str, list[Rule]] = {}
        for rule in self.rules:
            assert rule.pattern.op in OPS, rule
            self._by_op.setdefault(rule.pattern.op, []).append(rule)

    def rewrite(self, node: Scalar) -> Scalar:
        """The node after the first rule that matches it, again until none does."""
        for _ in range(16):
            replaced = self._once(node)
            if replaced is node:
                return node
            node = replaced
        return node

    def _once(self, node: Scalar) -> Scalar:
        if not isinstance(node, Apply) or node.dtype.kind != self._kind:
            return node
        for rule in self._by_op.get(node.op.name, ()):
            if node.op.arity is None:
                for binding, rest in _nary_matches(rule.pattern, node):
                    if not self._are_of_kind(binding):
                        continue
                    value = instantiate(rule.result, binding, node.dtype)
                    combine = sum_of if node.op.name == "sum" else product_of
                    return combine(value, *rest, flatten=False, dtype=node.dtype)
            for binding in matches(rule.pattern, node, {}):
                if not self._are_of_kind(binding):
                    continue
                return convert(instantiate(rule.result, binding, node.dtype), node.dtype)
        return node

    def _are_of_kind(self, binding: Binding) -> bool:
        """Whether the variables are: the x of ``abs(x) ** 2`` may be complex though the square is not."""
        return (self._kind == "c") == any(value.dtype.kind == "c" for value in binding.values())


#: Rules on what the user wrote: floating-point operations in their own order.
WRITTEN = RuleSet(
    [
        Rule("double negation", "neg(neg(x))", "x", EXACT),
        Rule("times one", "mul(x, 1)", "x", EXACT),
        Rule("over one", "div(x, 1)", "x", EXACT),
        Rule("minus zero", "sub(x, 0)", "x", EXACT),
        Rule("first power", "pow(x, 1)", "x", EXACT),
        Rule("root of a square", "sqrt(pow(x, 2))", "abs(x)", IMPROVES_VALUE),
        Rule("root of a product", "sqrt(mul(x, x))", "abs(x)", IMPROVES_VALUE),
        Rule("log of exp", "log(exp(x))", "x", IMPROVES_VALUE),
        Rule("softplus", "log(add(1, exp(x)))", "softplus(x)", IMPROVES_VALUE),
        Rule("softplus by log1p", "log1p(exp(x))", "softplus(x)", IMPROVES_VALUE),
        Rule("softplus by logaddexp", "logaddexp(0, x)", "softplus(x)", IMPROVES_VALUE),
        Rule("logistic", "div(1, add(1, exp(neg(x))))", "sigmoid(x)", IMPROVES_VALUE),
        Rule("logistic of minus", "div(1, add(1, exp(x)))", "sigmoid(neg(x))", IMPROVES_VALUE),
        Rule("logistic by exp", "div(exp(x), add(1, exp(x)))", "sigmoid(x)", IMPROVES_VALUE),
        Rule("log of logistic", "log(sigmoid(x))", "neg(softplus(neg(x)))", IMPROVES_VALUE),
        Rule("log near one", "log(add(1, x))", "log1p(x)", IMPROVES_VALUE),
        Rule("exp near zero", "sub(exp(x), 1)", "expm1(x)", IMPROVES_VALUE),
    ]
)

#: Rules on what differentiation made.
DERIVED = RuleSet(
    [
        Rule("circle", "sum(power(sin(x), 2), power(cos(x), 2))", "1", REASSOCIATES),
        Rule("exp of log", "exp(log(x))", "x", ENLARGES_DOMAIN, "x > 0"),
        Rule("root of a root", "power(sqrt(x), 2)", "x", ENLARGES_DOMAIN, "x >= 0"),
        Rule("one over a root", "power(sqrt(x), -2)", "power(x, -1)", ENLARGES_DOMAIN, "x > 0"),
        Rule("square of an absolute value", "power(abs(x), 2)", "power(x, 2)", EXACT),
        Rule("sign of an absolute value", "prod(abs(x), sign(x))", "x", IMPROVES_VALUE),
    ]
)

#: Rules on what differentiation made of complex numbers.
COMPLEX = RuleSet(
    [
        Rule("sign of a modulus", "prod(convert(abs(x)), sign(x))", "x", IMPROVES_VALUE),
        Rule("conjugate sign of a modulus", "prod(convert(abs(x)), conj(sign(x)))", "conj(x)", IMPROVES_VALUE),
    ],
    kind="c",
)
