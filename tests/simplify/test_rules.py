"""Every rewrite rule at random points, in many digits, and at NaN, infinities and -0.0. A new rule is enrolled by itself."""

from __future__ import annotations

import itertools

import mpmath
import numpy as np
import pytest

import gradc.ops  # noqa: F401  (fills the op table)
from gradc.evaluate import MPMATH, NUMPY, evaluate
from gradc.ir.scalar import FLOAT64, Scalar, apply, load, number
from gradc.ir.tensor import Graph, Input, compute, input_tensor
from gradc.simplify.rules import AS_WRITTEN, DERIVED, ENLARGES_DOMAIN, EXACT, WRITTEN, Pattern, Rule

RULES = [*WRITTEN.rules, *DERIVED.rules]
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 1e-300, -1e-300, 1e300, 40.0, -800.0, 800.0]


def variables(pattern: Pattern) -> set[str]:
    return {pattern.name} - {""} | {name for operand in pattern.operands for name in variables(operand)}


def term(pattern: Pattern, inputs: dict[str, Input]) -> Scalar:
    """The pattern as it stands: nothing is simplified on the way."""
    if pattern.name:
        return load(inputs[pattern.name])
    if pattern.value is not None:
        return number(pattern.value, FLOAT64)
    return apply(pattern.op, *[term(operand, inputs) for operand in pattern.operands])


def sides(rule: Rule) -> tuple[Graph, list[str]]:
    names = sorted(variables(rule.pattern))
    inputs = {name: input_tensor(name, (), FLOAT64) for name in names}
    outputs = tuple(compute((), term(p, inputs)) for p in (rule.pattern, rule.result))
    return Graph(tuple(inputs.values()), outputs), names


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_sides_agree_in_many_digits(rule: Rule) -> None:
    graph, names = sides(rule)
    generator = np.random.default_rng(3)
    compared = 0
    with mpmath.workdps(60):
        for _ in range(20):
            point = [mpmath.mpf(float(v)) for v in generator.normal(scale=3.0, size=len(names))]
            left, right = (value.item() for value in evaluate(graph, point, MPMATH))
            if isinstance(left, mpmath.mpc) or mpmath.isnan(left):
                continue
            assert mpmath.almosteq(left, right, rel_eps=mpmath.mpf(10) ** -40, abs_eps=mpmath.mpf(10) ** -40)
            compared += 1
    assert compared >= 5


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_sides_agree_at_special_values(rule: Rule) -> None:
    graph, names = sides(rule)
    for point in itertools.product(SPECIAL, repeat=len(names)):
        left, right = (float(value) for value in evaluate(graph, list(point), NUMPY))
        if rule.licence == EXACT:
            assert np.array([left]).tobytes() == np.array([right]).tobytes() or (np.isnan(left) and np.isnan(right))
        elif np.isfinite(left):
            # a rule never turns a finite value into NaN or an infinity; it may mend one that lost its digits
            assert np.isfinite(right), (point, left, right)
        elif np.isnan(left) and all(np.isnan(p) for p in point) and rule.licence != ENLARGES_DOMAIN:
            assert np.isnan(right) or not variables(rule.result)


def test_what_the_user_wrote_is_only_touched_by_rules_that_may() -> None:
    assert {rule.licence for rule in WRITTEN.rules} <= AS_WRITTEN
