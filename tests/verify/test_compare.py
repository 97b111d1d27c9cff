"""Comparing graphs: what proves, what only agrees, and the machinery below (normal forms, literals, time limits)."""

from __future__ import annotations

import math
import time
from fractions import Fraction

import numpy as np
import pytest

from gradc.ir.parse import parse_graph
from gradc.ir.scalar import FLOAT64, is_apply, number
from gradc.verify.compare import compare
from gradc.verify.literals import exact_literal, exact_reading
from gradc.verify.normal_form import NormalForm
from gradc.verify.polynomial import TooLarge
from gradc.verify.proof import within
from gradc.verify.sample import differences, points
from gradc.verify.verdict import Counterexample, Verdict


def scalars(body):
    return parse_graph(f"graph(x: float64[], y: float64[]) {{ t0: float64[] = {body}  return t0 }}")


def normal(body):
    form = NormalForm(rotations=True)
    return form.entry(scalars(body).outputs[0])


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("mul(add(x[], y[]), sub(x[], y[]))", "x[] ^ 2. + -1. * y[] ^ 2."),
        ("exp(add(x[], y[]))", "mul(exp(x[]), exp(y[]))"),
        ("sin(add(x[], y[]))", "sin(x[]) * cos(y[]) + cos(x[]) * sin(y[])"),
        ("tanh(x[])", "sub(mul(2., sigmoid(mul(2., x[]))), 1.)"),
        ("log(exp(x[]))", "x[]"),
        ("log(mul(exp(x[]), y[]))", "add(log(y[]), x[])"),
        ("sqrt(8.)", "mul(2., sqrt(2.))"),
        ("sqrt(x[] ^ 2.)", "abs(x[])"),
        ("mul(sqrt(x[]), sqrt(x[]))", "x[]"),
        ("maximum(x[], y[])", "neg(minimum(neg(x[]), neg(y[])))"),
        ("add(maximum(x[], y[]), minimum(x[], y[]))", "x[] + y[]"),
        ("div(x[], add(x[], y[]))", "sub(1., div(y[], add(x[], y[])))"),
        ("sigmoid(x[])", "sub(1., sigmoid(neg(x[])))"),
        ("softplus(x[])", "add(x[], softplus(neg(x[])))"),
        ("logaddexp(x[], y[])", "add(x[], softplus(sub(y[], x[])))"),
        ("pow(x[], y[])", "exp(mul(y[], log(x[])))"),
    ],
)
def test_one_normal_form(left, right):
    form = NormalForm(rotations=True)
    ours, theirs = (form.entry(scalars(body).outputs[0]) for body in (left, right))
    assert form.is_zero(form.subtract(ours, theirs))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("sqrt(x[] ^ 2.)", "x[]"),
        ("sqrt(mul(x[], y[]))", "mul(sqrt(x[]), sqrt(y[]))"),
        ("sin(x[])", "cos(x[])"),
        ("exp(mul(x[], y[]))", "mul(exp(x[]), exp(y[]))"),
        ("maximum(x[], 0.)", "x[]"),
        ("arctan(x[])", "arctan(y[])"),
        ("0.3333", "1/3"),
    ],
)
def test_what_differs_somewhere_has_another_normal_form(left, right):
    form = NormalForm(rotations=True)
    ours, theirs = (form.entry(scalars(body).outputs[0]) for body in (left, right))
    assert not form.is_zero(form.subtract(ours, theirs))
    assert compare(scalars(left), scalars(right)).status == "refuted"


def test_an_equation_of_logarithms_holds_where_both_are_defined():
    verdict = compare(scalars("log(x[] ^ 2.)"), scalars("mul(2., log(x[]))"))
    assert verdict.status == "refuted"
    assert verdict.domain == ("x > 0",)
    assert compare(scalars("mul(2., log(x[]))"), scalars("log(x[] ^ 2.)")).domain == ("x > 0",)


SUMS = "graph(A: float64[m, n], B: float64[n, p], x: float64[p]) {{ {}  return t1 }}"
INNER_FIRST = "t0: float64[n] = sum j<p: B[i, j] * x[j]  t1: float64[m] = sum j<n: A[i, j] * t0[j]"


@pytest.mark.parametrize(
    "body",
    [
        "t0: float64[m, p] = sum k<n: A[i, k] * B[k, j]  t1: float64[m] = sum j<p: t0[i, j] * x[j]",
        "t1: float64[m] = sum j<n, k<p: A[i, j] * B[j, k] * x[k]",
        "t1: float64[m] = sum j<p, k<n: x[j] * B[k, j] * A[i, k]",
    ],
)
def test_products_in_any_order(body):
    assert compare(parse_graph(SUMS.format(INNER_FIRST)), parse_graph(SUMS.format(body))).status == "proved"


def test_products_of_other_entries():
    transposed = "t0: float64[n] = sum j<p: B[i, j] * x[j]  t1: float64[n] = sum j<n: A[j, i] * t0[j]"
    text = SUMS.replace("[m, n]", "[n, n]")
    straight = INNER_FIRST.replace("t1: float64[m]", "t1: float64[n]")
    assert compare(parse_graph(text.format(straight)), parse_graph(text.format(transposed))).status == "refuted"


def test_a_sum_that_does_not_depend_on_its_index():
    left = parse_graph("graph(x: float64[n]) { t0: float64[n] = 1.  t1: float64[] = sum i<n: 3. * t0[i]  return t1 }")
    form = NormalForm(rotations=True)
    (monomial,) = form.entry(left.outputs[0]).terms
    assert form.entry(left.outputs[0]).terms[monomial] == 3
    assert [atom.kind for atom, _ in monomial] == ["scalar"]


def test_the_budget_is_kept():
    form = NormalForm(steps=1000)
    with pytest.raises(TooLarge):
        form.entry(scalars("pow(add(add(x[], y[]), sin(x[])), 60.)").outputs[0])


def test_symbolic_extents_are_never_proved_by_samples():
    """Equal for every n below 6 only: the sampled sizes are small, so this must not count as a proof."""
    left = parse_graph("graph(x: float64[n]) { t0: float64[] = sum i<n: x[i]  return t0 }")
    right = parse_graph("graph(x: float64[n]) { t0: float64[] = sum i<n: where i + -89 <= 0: x[i]  return t0 }")
    verdict = compare(left, right)
    assert verdict.status == "agrees"
    assert "proof was not found" in str(verdict)


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("value", "factor", "unit"),
    [
        (0.1, Fraction(1, 10), None),
        (1 / 3, Fraction(1, 3), None),
        (3 * 0.1, Fraction(3, 10), None),
        (2 * math.pi, Fraction(2), "pi"),
        (math.pi / 180, Fraction(1, 180), "pi"),
        (math.sqrt(2), Fraction(1), "sqrt(2)"),
        (3 * math.sqrt(2), Fraction(3), "sqrt(2)"),
        (1 / math.sqrt(2 * math.pi), Fraction(1), "1/sqrt(2*pi)"),
        (math.log(10), Fraction(1), "log(10)"),
        (6.02214076e23, Fraction(602214076 * 10**15), None),
    ],
)
def test_literals_are_read_as_what_they_stand_for(value, factor, unit):
    found, found_unit = exact_reading(value)
    assert found == factor
    assert (found_unit.name if found_unit else None) == unit


def test_other_literals_stay():
    assert exact_reading(0.8414709848078965) is None  # sin(1)
    literal = number(0.8414709848078965, FLOAT64)
    assert exact_literal(literal) is literal
    assert exact_literal(number(float("nan"), FLOAT64)).value != 0
    assert is_apply(exact_literal(number(2 * math.pi, FLOAT64)), "prod")


def test_cancellation_is_told_from_difference():
    """A relative 1e-21 is a difference; what is equal after cancelling is none."""
    assert compare(scalars("x[]"), scalars("add(x[], div(y[], exp(50.)))")).status == "refuted"
    (difference,), _, _ = differences(
        scalars("sin(x[] + y[])"),
        scalars("sin(x[]) * cos(y[]) + cos(x[]) * sin(y[])"),
        next(points(scalars("x[]").inputs, {})),
    )
    assert not difference.differs.any()


def test_points_are_round_and_repeatable():
    inputs = scalars("x[]").inputs
    first = next(points(inputs, {}))
    assert all(value.item().denominator == 1 for value in first.values.values())
    again = next(points(inputs, {}))
    assert [v.item() for v in first.values.values()] == [v.item() for v in again.values.values()]


def test_large_arrays_are_compared_in_double_precision():
    text = "graph(A: float64[120, 120], B: float64[120, 120]) {{ t0: float64[120, 120] = sum k<120: {}  return t0 }}"
    left, right = text.format("A[i, k] * B[k, j]"), text.format("mul(A[i, k], sin(B[k, j]))")
    verdict = compare(parse_graph(left), parse_graph(right))
    assert verdict.status == "refuted"
    assert "an array of 120 x 120" in str(verdict)


# ---------------------------------------------------------------- time limits and verdicts


def test_a_task_that_takes_too_long_is_stopped():
    steps = []

    def endless():
        while True:
            steps.append(time.monotonic())

    started = time.monotonic()
    assert within(0.2, endless) is None
    assert time.monotonic() - started < 5
    stopped = len(steps)
    time.sleep(0.1)
    assert len(steps) == stopped


def test_a_task_in_time_and_one_that_fails():
    assert within(5, lambda: 42) == 42
    assert within(5, lambda: 1 / 0) is None


def test_counterexample_text():
    values = np.arange(12.0).reshape(3, 4)
    entries = tuple((i, j) for i in range(3) for j in range(4))
    example = Counterexample({"x": 1.0}, values, values + 1, entries)
    text = str(example)
    assert text.startswith("12 of 12 entries differ at x = 1:")
    assert "... and 7 more" in text


def test_verdict_in_a_notebook():
    verdict = Verdict("refuted", "the claim", "a<b", "c", derived_latex="x", hand_latex="y")
    assert verdict._repr_latex_() == r"$\displaystyle x \ne y$"
    assert "a&lt;b" in Verdict("refuted", "the claim", hand="a<b")._repr_html_()
    assert Verdict("proved")._repr_latex_() is None
