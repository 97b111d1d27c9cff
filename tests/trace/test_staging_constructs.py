"""Statements and expressions of Python other than plain branches and loops, on traced values."""

# Programs as users write them:
# ruff: noqa: SIM108

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.trace.staged_programs import Case, Programs, check_refused

import gradc
from gradc.ir.walk import graph_order
from gradc.trace import trace

V = np.array([0.7, -1.3, 0.4, 2.1, -0.2])
LONG = np.linspace(-1.0, 1.2, 130)
CASES = Programs()
case = CASES.case

# ---------------------------------------------------------------- match


@case((1.5, 1.0), (1.5, 2.0), (1.5, 3.0), (1.5, 0.0))
def literals(x, k):
    match k:
        case 1:
            return x * 2
        case 2 | 3:
            return x * x
        case _:
            return x + 10


@case((1.5, 1), (1.5, 2.0), (1.5, 7.0))
def assigned_in_cases(x, k):
    match k:
        case 1:
            y = x * 2
        case 2:
            y = x * 3
        case other:
            y = x * other
    return y


@case((1.5, -1.0), (1.5, 2.0), (1.5, 7.0))
def guards(x, k):
    match k * 1:
        case n if n < 0:
            y = -x
        case n if n > 5:
            y = x * n
        case _:
            y = x
    return y + n


@case((0.0, 0.0), (0.0, 1.5), (1.5, 0.0), (1.0, 2.0), (2.0, 1.0), differentiable=False)
def pairs(x, y):
    match (x, y):
        case (0, 0):
            return 0.5
        case (0, b):
            return b * 2
        case (a, 0):
            return a * 3
        case (a, b) if a < b:
            return a * b
        case [a, b]:
            return a - b


@case((1.5, 1.0), (1.5, 4.0))
def no_case_fits(x, k):
    y = x
    match k:
        case 1:
            y = x * 2
    return y


@case((1.5, "double"), (1.5, "none"))
def of_a_text(x, mode):
    match mode:
        case "double":
            return x * 2
        case str():
            return x


@case((V,))
def in_a_loop(v):
    total = 0.0
    for a in v:
        match int(a):
            case 0 if a > 0:
                total += a
            case 0:
                continue
            case 2:
                break
            case _:
                total -= a * a
    return total


# ---------------------------------------------------------------- try


@case(0.5, 1.5)
def finally_follows(x):
    y = 0.0
    try:
        if x > 1:
            y = x * 2
        else:
            y = x * 3
    finally:
        y = y + 1
    return y


@case(0.5, 1.5)
def returns_inside_try(x):
    z = 1.0
    try:
        if x > 1:
            return x * 2
        z = x * x
    except ZeroDivisionError:
        return 0.0
    else:
        z += 1.0
    finally:
        z = z * 2
    return x * z


@case(0.5, 1.5)
def key_errors(x):
    table = {"a": 1.0}
    try:
        y = table["b"] * x
    except KeyError:
        y = x * 3 if x > 1 else x
    return y


@case(9.5, 1.5)
def leaves_a_loop_inside_try(x):
    while x > 1:
        try:
            x = x / 2
            if x < 2:
                break
        finally:
            x = x - 0.1
    return x


# ---------------------------------------------------------------- in


@case(1.5, -0.5, 2.5)
def among_numbers(x):
    n = int(x)
    y = x if n in (1, 5) else 2 * x
    return y * 3 if n not in [0, 1] else y + (n in range(2, 9, 2))


@case((V, 0.5), (V, 2.1), differentiable=False)
def among_entries(v, x):
    if x in v:
        return x * v[0]
    if 0.4 in v and x in [v[0], v[1] + 1.8]:
        return x * v[1]
    return x * v[2]


# ---------------------------------------------------------------- comprehensions


@case((V,))
def choices_in_a_comprehension(v):
    return np.array([max(0, a) for a in v]), {k: (a if a > 0 else -a) for k, a in enumerate(v)}[1]


@case((V,))
def sums_of_some(v):
    return sum(a for a in v if a > 0), sum([a * a for a in v if a > 0 if a < 2]), sum((a for a in v if a > 9), 2.0)


@case((V,))
def statistics_of_some(v):
    positive = [a for a in v if a > 0]
    return sum(positive) / len(positive), np.mean(positive), max(positive), min(a for a in positive), np.sum(positive)


@case((V,))
def products_of_some(v):
    return math.prod(a for a in v if a > 0), math.fsum(a for a in v if a > 0)


@case((V,), differentiable=False)
def any_and_all(v):
    return any(a > 2 for a in v if a > 0), all(a < 2 for a in v if a > 0), any(a > 3 for a in v), all(a > 3 for a in v)


@case((V,))
def logarithms_where_they_are(v):
    return sum(np.log(a) for a in v if a > 0)


@case((V,))
def pairs_of_entries(v):
    return sum(a * b + i for i, a in enumerate(v) if a > 0 for b in v[:3] if a > b if b > -1 and i != 3)


@case((V,))
def gone_through(v):
    total, last = 0.0, 0.0
    for k, a in [(k, a) for k, a in enumerate(v) if a > 0]:
        total += k * a
        last = a
        if total > 1:
            break
    for b in (b for b in v if b < 0):
        total -= b * last
    return total


@case((V, 3))
def static_conditions(v, n):
    return [v[i] * v[i - 1] for i in range(len(v)) if i != 0 and i < n], sum(v[j] for j in range(n) for i in range(j))


@case((LONG,))
def long_comprehensions(v):
    squares = [a * a for a in v]
    return np.array(squares)[::7], sum(v[i] * i for i in range(len(v)) if v[i] > 0), squares[3] * len(squares)


@pytest.mark.usefixtures("plain_kernels")
@pytest.mark.parametrize("trips", [1000, 100_000])
def test_long_loops_are_programs_of_one_size(trips: int) -> None:
    def function(v):
        ys, s = [], 0.0
        for i in range(1, len(v) - 1):
            s = 0.5 * s + v[i] * v[i - 1] - v[i + 1] * v[len(v) - 1 - i] + WEIGHTS[i % 3] * math.sqrt(i)
            if i % 2 or i == 1:
                s += v[i // 2]
            ys.append(s)
        return np.array(ys)

    x = np.cos(np.arange(trips * 1.0))
    assert len(graph_order(trace(function, [x]).graph.outputs)) < 60
    np.testing.assert_allclose(gradc.jit(function)(x), function(x), rtol=1e-9, atol=1e-12)


def test_long_comprehensions_are_one_node() -> None:
    def function(v):
        return np.array([a * a for a in v]), sum(v[i] * i for i in range(len(v))), max(a for a in v if a < 0.5)

    assert len(graph_order(trace(function, [LONG]).graph.outputs)) < 30


# ---------------------------------------------------------------- loops over places


@case(3.7, 0.2)
def traced_lengths(x):
    total, n = 0.0, int(x)
    for k, i in enumerate(range(n)):
        total += k * i * x
    for i, a in zip(range(1, n), V, strict=False):
        total += i * a * x
    for i in reversed(range(n)):
        total = total * 0.5 + i * x
    for k, (a, b, i) in enumerate(zip(V, [1.0, 2.0, 3.0], range(n), strict=False), start=2):
        total += k * a * b + i
    return total if n > 0 else total + x


TABLE = np.cos(np.arange(130.0))


@case((LONG,))
def long_loops_over_places(v):
    s, r, n = 0.0, 0.0, len(v)
    for i, a in enumerate(v):
        s = 0.5 * s + a * i
    for a, b in zip(v[1:], v[:-1], strict=True):
        s = 0.5 * s + a * b
    for a in reversed(v):
        r = 0.3 * r + a
    for i in reversed(range(1, n - 1)):
        r = 0.3 * r + v[i] * v[n - 1 - i] - v[i + 1] * TABLE[i]
    for k, (a, t) in enumerate(zip(v, TABLE, strict=True)):
        r = 0.9 * r + a * t + math.sqrt(k)
        if k % 2 == 0:
            s += v[k // 2]
        elif k == 1:
            s -= r
    return s, r


WEIGHTS = [0.5, 0.25, 0.125]


@case((LONG,), (LONG[::-1].copy(),))
def tables_in_long_loops(v):
    squares = {2: 4.0, 0: 0.0, 1: 1.0}
    total = 0.0
    for i in range(len(v)):
        total = 0.9 * total + v[i] * WEIGHTS[i % 3] + squares[i % 3] * [v[3], v[4]][i % 2]
        if i % 2:
            total += v[i - 1]
        elif i > 1 and v[i - 2] > 0.3:
            total -= v[i - 2] * v[i // 2]
    return total


@case((V, 2.0), (V, 0.0))
def tables_by_traced_numbers(v, x):
    k = int(x) if x > -1 else 0
    return [1.0, 2.0, 3.0][k] * v[0] + (v[1], v[2], v[3])[k] * {0: 5.0, 2: 7.0}[k]


def test_a_key_that_is_not_there_is_an_error() -> None:
    def function(x):
        return {0: 5.0, 2: 7.0}[int(x)] * x if x > 0 else x

    compiled = gradc.jit(function)
    assert compiled(2.0) == 14.0
    with pytest.raises(IndexError):
        compiled(1.0)


# ---------------------------------------------------------------- others


@case(0.5, -0.5)
def truth_as_a_number(x):
    return x * bool(x > 0) + bool(x) + int(x > 0) + float(x > 1)


@case(0.5, -0.5)
def functions_that_depend_on_a_condition(x):
    if x > 0:
        g = lambda t: t * 2  # noqa: E731
    else:

        def g(t, bound=1.0):
            return t * 3 + (bound if t > -0.7 else x)

    return g(x) + g(2 * x)


@CASES.each()
def test_values(each: Case) -> None:
    each.check_values()


@CASES.each(differentiable=True)
def test_derivatives(each: Case) -> None:
    each.check_derivatives()


# ---------------------------------------------------------------- what can't be staged


def catches_everything(x):
    try:
        y = np.zeros(int(x))
    except Exception:
        y = np.zeros(1)
    return y


def binds_in_alternatives(x):
    match (x, x):
        case (0, n) | (n, 0):
            return n
        case _:
            return x


def recursion_without_end(x):
    if x < 1:
        return x
    return recursion_without_end(x - 1) * 2


def generator_with_a_condition(x):
    def each():
        for k in range(3):
            if x > k:
                yield x * k

    return sum(each())


def filtered_list_is_indexed(v):
    positive = [a for a in v if a > 0]
    return positive[0]


def filtered_list_is_doubled(v):
    positive = [a for a in v if a > 0]
    return positive * 2


def mixed_table(x):
    return [1.0, "two"][int(x)] if x > 0 else x


def takes_the_next(v):
    entries = iter([1.0, 2.0])
    total = 0.0
    for a in v:
        if a > 0:
            total += next(entries)
    return total


def index_that_is_not_set(v):
    i = 0
    while i < v[3]:
        k = i
        i += 1
    return v[k]


def filtered_set(v):
    return len({k for k, a in enumerate(v) if a > 0})


REFUSED = [
    (recursion_without_end, 3.0, 1, "write it as a `while` loop"),
    (generator_with_a_condition, 1.0, 3, "generators"),
    (filtered_list_is_indexed, V, 2, "how many entries a list has"),
    (filtered_list_is_doubled, V, 2, "how many entries a list has"),
    (mixed_table, 1.0, 1, "a number or an array, not a str"),
    (takes_the_next, V, 5, "once for all trips"),
    (index_that_is_not_set, V, 2, "`k` gets its value inside a loop"),
    (filtered_set, V, 1, "this condition is traced"),
    (catches_everything, 3.0, 2, "Python int"),
    (binds_in_alternatives, 3.0, 2, "truth value"),
]


@pytest.mark.parametrize(("function", "argument", "line", "words"), REFUSED, ids=[r[0].__name__ for r in REFUSED])
def test_what_cannot_be_staged_names_the_line(
    function: Callable[..., Any], argument: Any, line: int, words: str
) -> None:
    check_refused(function, argument, line, words)
