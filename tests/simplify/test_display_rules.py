"""Every display rule: its two sides are equal wherever the left one is finite, and the display form applies it."""

from __future__ import annotations

import ast
import itertools

import numpy as np
import pytest

import gradc.ops  # noqa: F401  (fills the table)
from gradc.ir.algebra import power_of, product_of, sum_of
from gradc.ir.build import comprehension
from gradc.ir.scalar import FLOAT64, Scalar, apply, load, number
from gradc.ir.tensor import Compute, Graph, input_tensor
from gradc.simplify.display import display
from gradc.simplify.display_rules import BASES, COMPOSITIONS, EVEN, ODD, PRODUCTS, SUMS, Rule

FUNCTIONS = {name: getattr(np, name) for name in np.__all__ if callable(getattr(np, name))}
FUNCTIONS["sigmoid"] = lambda x: 1 / (1 + np.exp(-x))
POINTS = [-np.inf, -3.0, -0.7, -0.0, 0.0, 0.4, 0.9, 2.5, np.inf, np.nan]

ALL = [*COMPOSITIONS, *SUMS, *PRODUCTS, *[Rule(f"1 / ({rule.left})", rule.right) for rule in BASES]]
ALL += [Rule(f"{name}(-x)", f"-{name}(x)") for name in sorted(ODD - {"erf"})]
ALL += [Rule(f"{name}(-x)", f"{name}(x)") for name in sorted(EVEN)]


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.left)
def test_sides_are_equal_where_the_left_is_finite(rule: Rule) -> None:
    compared = 0
    for x, y in itertools.product(POINTS, POINTS):
        scope = {**FUNCTIONS, "x": np.float64(x), "y": np.float64(y)}
        with np.errstate(all="ignore"):
            left, right = eval(rule.left, scope), eval(rule.right, scope)
        if np.isfinite(left) and abs(left) < 1e15:  # tan(pi/2) is finite only by rounding
            compared += 1
            np.testing.assert_allclose(right, left, rtol=1e-12, atol=1e-12)
    assert compared >= 20


def raw(text: str) -> Scalar:
    """The expression with nothing simplified but what canonical sums and products collect."""
    return _raw(ast.parse(text, mode="eval").body)


def _raw(node: ast.expr) -> Scalar:
    if isinstance(node, ast.Name):
        return load(input_tensor(node.id, (), FLOAT64))
    if isinstance(node, ast.Constant):
        assert isinstance(node.value, int)
        return number(node.value, FLOAT64)
    if isinstance(node, ast.UnaryOp):
        return product_of(-1, _raw(node.operand))
    if isinstance(node, ast.Call):
        assert isinstance(node.func, ast.Name)
        return apply(node.func.id, *[_raw(a) for a in node.args])
    assert isinstance(node, ast.BinOp)
    left, right = _raw(node.left), _raw(node.right)
    if isinstance(node.op, ast.Pow):
        return power_of(left, right)
    if isinstance(node.op, ast.Div):
        return product_of(left, power_of(right, -1))
    if isinstance(node.op, ast.Mult):
        return product_of(left, right)
    return sum_of(left, product_of(-1, right) if isinstance(node.op, ast.Sub) else right)


def shown(scalar: Scalar) -> Scalar:
    inputs = tuple(input_tensor(name, (), FLOAT64) for name in "xyz")
    output = display(Graph(inputs, (comprehension((), lambda: scalar),))).outputs[0]
    assert isinstance(output, Compute)
    return output.body


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.left)
def test_the_display_form_applies_the_rule(rule: Rule) -> None:
    assert shown(raw(rule.left)) is shown(raw(rule.right))


@pytest.mark.parametrize("rule", SUMS, ids=lambda rule: rule.left)
def test_sums_are_found_under_a_common_factor(rule: Rule) -> None:
    scaled = sum_of(*[product_of(3, raw("z"), term) for term in raw(rule.left).children])
    assert shown(scaled) is shown(product_of(3, raw("z"), raw(rule.right)))


def test_half_of_an_identity_is_left_alone() -> None:
    assert shown(raw("sin(x)**2 + cos(y)**2")) is raw("sin(x)**2 + cos(y)**2")
    assert shown(raw("sigmoid(x - x) + y")) is not shown(raw("1 + y"))
