"""Statements and expressions of Python other than plain branches and loops, on traced values."""

# Programs as users write them:
# ruff: noqa: SIM108

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.trace.staged_programs import Case, Programs, check_refused

V = np.array([0.7, -1.3, 0.4, 2.1, -0.2])
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


REFUSED = [
    (catches_everything, 3.0, 2, "Python int"),
    (binds_in_alternatives, 3.0, 2, "truth value"),
]


@pytest.mark.parametrize(("function", "argument", "line", "words"), REFUSED, ids=[r[0].__name__ for r in REFUSED])
def test_what_cannot_be_staged_names_the_line(
    function: Callable[..., Any], argument: Any, line: int, words: str
) -> None:
    check_refused(function, argument, line, words)
