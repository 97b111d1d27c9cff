"""Plain Python control flow on traced values: what users write gives what Python gives, with its derivatives."""

# Programs as users write them:
# ruff: noqa: RET503, RET505, SIM108, SIM201, F821, F841, FURB163

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.trace.staged_programs import Case, Programs, check_refused, difference, scalar

import gradc
from gradc.errors import TraceError
from gradc.ir.tensor import Loop, MultiNode
from gradc.ir.walk import graph_order
from gradc.trace import trace
from gradc.trace.staging.source import staged_code

V = np.array([0.7, -1.3, 0.4, 2.1, -0.2])
LIMIT = 1.5


CASES = Programs()
case = CASES.case


# ---------------------------------------------------------------- branches


@case(1.5, -0.5)
def absolute(x):
    if x < 0:
        x = -x
    return x**2 * x


@case(1.5, -0.5)
def leaky_relu(x):
    if x > 0:
        return x
    else:
        return 0.1 * x


@case(0.3, 2.5, -2.5)
def huber(r, delta=1.0):
    if abs(r) <= delta:
        return 0.5 * r**2
    return delta * (abs(r) - 0.5 * delta)


@case(-3.0, -0.5, 0.5, 4.0)
def piecewise(x):
    if x < -1:
        y = x**2
    elif x < 0:
        y = -x
    elif x < 1:
        y = np.sin(x)
    else:
        y = np.log(x)
    return 2 * y


@case(-3.0, 0.2, 3.0)
def clipped(x):
    if x < -1:
        x = -1.0
    if x > 1:
        x = 1.0
    return x * x + x


@case(-2.0, 0.5, 2.0)
def early(x):
    if x < -1:
        return -x
    y = x * 2
    if y > 3:
        return y * y
    return y + 1


@case((0.5, 0.2), (0.5, 0.9), (-0.5, 0.2), (-0.5, -0.9))
def nested(x, y):
    if x > 0:
        if y > x:
            z = x * y
        else:
            z = x + y
    else:
        if y > 0:
            return x - y
        z = x * x
    return z * 3


@case((0.5, 0.2), (0.5, 0.9), (-0.5, 0.2), (-0.5, -0.9))
def partial_returns(x, y):
    z = 0.0
    if x > 0:
        if y > x:
            return x * y
        z = x + y
    else:
        if y < 0:
            return x - y
        z = x * x
    z = z + 1
    return z * 3


@case((0.5, V), (-0.5, V))
def arrays(x, v):
    if x > 0:
        w = v * x
        u = np.cumsum(w)
    else:
        w = v + x
        u = w**2
    return np.sum(w * u)


@case((0.5, V), (-0.5, V))
def written_in_a_branch(x, v):
    y = v * x
    if x > 0:
        y[1] = x
        y[2:] *= 2
    return np.sum(y**2)


@case((0.5, V), (-0.5, V))
def view_written_in_a_branch(x, v):
    y = np.outer(v, v) * x
    row = y[1]
    if x > 0:
        row[2] = x * x
    return np.sum(y**2)


@case((0.5, V), (-0.5, V))
def written_here_and_new_there(x, v):
    y = v.copy()
    if x > 0:
        y[1] = x
        return y
    y = y + x
    return y  # noqa: RET504


@case((V, 0.5), (V, -0.5))
def another_name_is_written(v, x):
    y = v.copy()
    z = y
    if x > 0:
        y = v * 2
    y[0] = x
    z[1] = v[0] * 3
    return y, z


@case((V, 0.5), (V, -0.5))
def another_name_sees_writes(v, x):
    y = v.copy()
    z = y
    if x > 0:
        z = v * 2
    y[0] = 3 * v[1]
    return z


@case((V, 0.5), (V, -0.5))
def rebound_and_written(v, x):
    y = v.copy()
    if x > 0:
        y = y * 2
        y[0] = x
    else:
        y[1] = 3.0
    y[2] += 1
    y[1:4] *= v[:3]
    return y


@case((V, 0.5, 1.0), (V, -0.5, 1.0), (V, 0.5, -1.0), (V, -0.5, -1.0))
def alternatives_of_alternatives(v, x, u):
    a, b = v.copy(), v * 2
    if x > 0:
        a, b = b, a
        if u > 0:
            c = b[1:3]
        else:
            a = a + 1
            c = a[:2]
    else:
        c = b[::3]
        if u > 0:
            b = np.sin(b)
    c[0] = x * v[0]
    a[1] += c[0]
    b[2:] -= a[2:]
    return a, b, c


@case((V, 0.5), (V, -0.5))
def one_array_under_two_names(v, x):
    y = z = v.copy()
    if x > 0:
        y = v * 2
        z = y
    y[0] = 1.0
    return y + z


@case((0.5, V), (-0.5, V))
def written_and_kept_under_another_name(x, v):
    y, z = v.copy(), v * x
    while np.sum(y) < 9:
        y[1] += x * x + 0.5
        z = y
    return z


@case(1.5, -1.5)
def several_results(x):
    if x > 0:
        return {"a": x, "b": (x * 2, 1)}
    return {"a": -x, "b": (x * 3, 2)}


@case((2.0, 1), (2.0, 0))
def plain_condition(x, flag):
    if flag == 1:
        return x * 2
    return x * 3


@case(1.0, -1.0)
def temporaries(x):
    if x > 0:
        scratch = np.zeros(3)
        y = x + scratch.sum()
    else:
        scratch = "nothing"
        y = x * 2
    return y


@case(0.5, -0.5)
def passes(x):
    if x > 0:
        pass
    else:
        x = x * 2
    return x


@case(0.5, 3.0, -2.0)
def augmented(x):
    total = 1.0
    if x > 0:
        total += x
        total *= 2
    else:
        total -= x
    return total


@case((0.5, 0.3), (-0.5, 0.3))
def swapped(a, b):
    if a < b:
        a, b = b, a
    return a - 2 * b


# ---------------------------------------------------------------- connectives and conditional expressions


@case(0.5, -0.5)
def conditional(x):
    return np.sqrt(x) if x > 0 else -x


@case(0.5, -0.5, 1.5, 2.5)
def chained(x):
    return x**2 if 0 < x < 1 else (x if 1 <= x <= 2 else -x)


@case((0.5, 0.3), (-0.5, 0.3), (0.5, -0.3), (-0.5, -0.3))
def conjunction(x, y):
    if x > 0 and y > 0:
        return x * y
    if x > 0 or y > 0:
        return x + y
    return x - y


@case((0.5, 0.3), (-0.5, 0.3), (0.5, -0.3))
def negation(x, y):
    if not (x > 0 and not y > 0):
        return x * 2 + y
    return x - y


@case((0.5, 0.0), (0.7, 0.5), (0.3, 0.2))
def value_of_connectives(x, y):
    return (x or 2.0) * 3 + (y and x + 1.0)


@case((V, 0), (V, 2))
def short_circuit(v, n):
    i = int(np.sum(v > 10)) + n
    if i >= 1 and v[i - 1] < 0:
        return v[0] * 2
    return v[0] * v[2]


first_or_second = lambda x: x**2 if x > 0 else -3 * x  # noqa: E731
both_signs = [lambda x: x if 0 < x < 1 or x > 5 else x * x, lambda x: (not x > 0) * x + x]
case(0.5, -0.5)(first_or_second)
case(0.5, 3.0, 6.0, -1.0)(both_signs[0])
case(0.5, -0.5)(both_signs[1])


@case(2.0, 0.3, -1.0)
def largest(x):
    return max(x, 0.5) + min(x, 1.0) * 2 + max([x, -x, 0.1])


@case(2.3, -1.7)
def builtins_of_numbers(x):
    return abs(x) + pow(x, 2) + sum([x, x * x, 1.0]) + divmod(x, 1.0)[1] + round(x, 1) * 0


@case(0.5, -0.5)
def walrus(x):
    if (y := x * 2) > 0.5:
        return y**2
    return y


# ---------------------------------------------------------------- while


@case(7, 27, differentiable=False)
def collatz(n):
    n = np.int64(n) * np.int64(1)
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        steps += 1
    return steps


@case(2.0, 10.0)
def newton(a):
    x = a
    while abs(x * x - a) > 1e-13 * a:
        x = 0.5 * (x + a / x)
    return x


@case(2.0, 10.0)
def newton_with_break(a):
    x = a
    while True:
        new = 0.5 * (x + a / x)
        if abs(new - x) < 1e-14 * a:
            break
        x = new
    return new


@case(2.0, 5.0, differentiable=False)
def bisection(a):
    low, high = 0.0, a + 1
    while high - low > 1e-12:
        middle = (low + high) / 2
        if middle**3 < a:
            low = middle
        else:
            high = middle
    return low


@case((48, 36), (17, 5), differentiable=False)
def gcd(a, b):
    a, b = np.int64(a) + 0, np.int64(b) + 0
    while b:
        a, b = b, a % b
    return a


@case(100.0, 0.3)
def halved(x):
    count = 0
    while x > 1 and count < 20:
        x = x / 2
        count += 1
    return x + count


@case((np.array([[2.0, 0.5], [0.5, 1.0]]),))
def power_iteration(a):
    v = np.ones(2) / np.sqrt(2)
    value = 0.0
    while True:
        w = a @ v
        new = v @ w
        v = w / np.sqrt(w @ w)
        if abs(new - value) < 1e-14:
            return new
        value = new


@case(V * 2)
def shrunk_in_place(v):
    x = v.copy()
    n = 0
    while np.sum(x**2) > 1:
        x *= 0.7
        n += 1
    return np.sum(x**3) + n


@case(0.53, 3.57)
def continued(x):
    total = 0.0
    k = 0
    while k < 10 * x:
        k += 1
        if k % 2 == 1:
            continue
        total += x / k
    return total


@case(0.5, 3.5)
def while_else(x):
    total = x
    while total < 10:
        total = total * 2
        if total > 7.5:
            break
    else:
        total = total + 100
    return total


@case(5.5, 0.3)
def walrus_in_while(x):
    total = 0.0
    while (y := x * x) > 1 and x < 50:
        total += y
        x = x * 0.5
    return total + y


@case(5.5, 1.7)
def walrus_in_while_else(x):
    total = 0.0
    while (y := x * 0.5) > 1:
        total += y
        x = x - 0.6
        if total > 5:
            break
    else:
        total = total + 10 * y
    return total + y


@case((V,))
def rebound_and_written_in_a_loop(v):
    y = v * v
    while np.sum(y) < 50:
        y[0] += y[1] * 0.5
        y = y * 1.5
        y[2] = y[1]
    y[3] = 1.0
    return y


@case((V,))
def swapped_in_a_loop(v):
    old, fresh = v * v, np.zeros(5)
    while np.sum(old) > 1e-3:
        fresh[0] = old[4] * 0.4
        for i in range(1, 5):
            fresh[i] = 0.5 * old[i - 1]
        old, fresh = fresh, old
    return old + 2 * fresh


@case(2.0, 30.0)
def return_in_while(x):
    y = x
    while y > 1:
        if y > 20:
            return y * 2
        y = y - 0.7
    return y


@case((3.0, 2.0), (0.5, 2.0))
def nested_whiles(x, y):
    total = 0.0
    while x > 1:
        z = y
        while z > 0.5:
            z = z * 0.6
            total += z * x
        x = x - 0.9
    return total


@case((np.array([3.0, 1.0, 2.0, 5.0, 0.0, 4.0]),))
def insertion_sort(values):
    x = values.copy()
    for i in range(1, len(x)):
        j = i
        while j > 0 and x[j - 1] > x[j]:
            x[j], x[j - 1] = x[j - 1], x[j]
            j -= 1
    return x * np.arange(6.0)


def _swap(x, i, j):
    x[i], x[j] = x[j], x[i]


@case((np.array([3.0, 1.0, 2.0, 5.0, 0.0]),))
def bubble_sort_by_a_helper(values):
    x = values.copy()
    for i in range(len(x)):
        for j in range(len(x) - 1 - i):
            if x[j] > x[j + 1]:
                _swap(x, j, j + 1)
    return x * np.arange(5.0)


@case((np.array([0.1, 0.4, 0.5, 0.8, 0.9]), 0.45), (np.array([0.1, 0.4, 0.5, 0.8, 0.9]), 0.95))
def binary_search(x, wanted):
    low, high = 0, len(x)
    while low < high:
        middle = (low + high) // 2
        if x[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low + 0.0 * x[0]


@case(1.0, 4.0)
def series(x):
    total, term, n = 1.0, 1.0, 1
    while abs(term) > 1e-16:
        term = term * x / n
        total += term
        n += 1
    return total


# ---------------------------------------------------------------- for


@case(0.3 + 0.5j, 0.5 + 0.5j, -1.0 + 0.1j, differentiable=False)
def mandelbrot(c):
    z = 0j
    for k in range(50):
        if abs(z) > 2:
            return k
        z = z * z + c
    return 50


@case(0.3, 1.4)
def horner(x):
    total = 0.0
    for c in (3.0, -1.0, 2.0):
        total = total * x + c
    return total


@case((V,))
def positive_sum(v):
    total = 0.0
    for x in v:
        if x > 0:
            total += x**2
    return total


@case((V,))
def enumerated(v):
    total = 0.0
    for k, x in enumerate(v):
        if x > 0:
            total += k * x
        elif k % 2:
            total -= x
    return total


@case((V,))
def first_negative(v):
    for x in v:
        if x < 0:
            return x * 2
    return v[0]


@case((V,), (-V,))
def break_over_an_array(v):
    total = 0.0
    for x in v:
        if x < 0:
            break
        total += x * x
    else:
        total = total + 10
    return total


@case((V,))
def skips_by_continue(v):
    total = 1.0
    for i in range(len(v)):
        if v[i] < 0:
            continue
        total *= 1 + v[i]
    return total


@case((2.6,), (0.4,))
def traced_count(x):
    n = int(x * 4)
    total = 0.0
    for i in range(n):
        total += x**2 / (i + 1)
    return total


@case((V, 2), (V, 4))
def traced_bounds_and_step(v, n):
    n = int(np.sum(v > 0)) + n
    total = 0.0
    for i in range(n - 1, 0, -2):
        total = total + i * v[i % 5]
    return total


@case((V,))
def traced_count_with_break(v):
    n = int(np.sum(v**2))
    total = 0.0
    for i in range(n):
        total += v[i % 5] ** 2
        if total > 3:
            break
    return total


@case((V,))
def nested_loops_with_break(v):
    total = 0.0
    for i in range(5):
        for j in range(5):
            if v[i] * v[j] < -1.0:
                break
            total += v[i] * v[j]
    return total


@case((V,))
def find_pair(v):
    best = v[0] * 0
    for i in range(4):
        for j in range(i + 1, 5):
            if v[i] + v[j] > 2.4:
                return v[i] * v[j]
            best = best + v[j]
    return best


@case((V,))
def running_maximum(v):
    out = np.zeros(5)
    top = v[0]
    for i in range(5):
        if v[i] > top:
            top = v[i]
        out[i] = top
    return out


@case(1.5)
def long_recurrence(x):
    total = x
    for i in range(150):
        total = total + 0.01 * np.sin(total) - 0.001 * i
    return total


@case((np.linspace(-1.0, 1.2, 120), 0.9))
def long_filter(x, a):
    y = np.zeros_like(x)
    y[0] = x[0]
    for t in range(1, len(x)):
        y[t] = a * y[t - 1] + x[t]
    return y[::7]


@case((np.linspace(-1.0, 1.3, 120),))
def long_over_entries(x):
    total = 0.0
    for v in x:
        if v > 0.3:
            total += v * v
        else:
            total -= 0.1 * v
    return total


@case(1.5)
def long_with_last_value(x):
    for i in range(150):
        y = x * i
    return y + i


@case(1.5)
def long_with_list(x):
    parts = []
    for i in range(130):
        parts.append(x * i)
    return np.sum(np.array(parts))


@case((np.linspace(0.1, 1.0, 11),))
def heat(u):
    u = u.copy()
    for _ in range(120):
        u[1:-1] = u[1:-1] + 0.2 * (u[2:] - 2 * u[1:-1] + u[:-2])
    return u


@case((0.4, 0.8))
def long_with_swap(a, b):
    for _ in range(150):
        a, b = b, 0.5 * a + 0.3 * np.sin(b)
    return a - b


@case((np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]),), differentiable=False)
def game_of_life(grid):
    new = grid.copy()
    for i in range(3):
        for j in range(3):
            count = -grid[i, j]
            for k in (-1, 0, 1):
                for m in (-1, 0, 1):
                    count += grid[(i + k) % 3, (j + m) % 3] if 0 <= i + k < 3 and 0 <= j + m < 3 else 0
            if grid[i, j] == 1 and (count < 2 or count > 3):
                new[i, j] = 0
            elif grid[i, j] == 0 and count == 3:
                new[i, j] = 1
    return new


# ---------------------------------------------------------------- functions around and within


def helper(x):
    if x > LIMIT:
        return LIMIT
    return x


@case(0.5, 2.5)
def calls_a_helper(x):
    return helper(x) * x


@case(0.4, 2.5)
def closure(x):
    bound = 1.0

    def inner(y):
        if y > bound:
            return bound + 0.1 * (y - bound)
        return y * scale

    scale = 3.0
    return inner(x) + inner(2 * x)


@case(0.5, 2.5, -1.0)
def recursion(x, depth=3):
    if depth == 0:
        return x
    if x > 0:
        return recursion(x - 1, depth - 1) * 2
    return recursion(x + 0.3, depth - 1) * x


class Model:
    """A method, a property and a private attribute."""

    def __init__(self, scale):
        self.scale, self.__offset = scale, 0.25

    @property
    def limit(self):
        return self.scale if self.scale > 1 else 1.0

    def __call__(self, x):
        if x > self.limit:
            return self.__offset + x
        return self.scale * x


class Steeper(Model):
    def __call__(self, x):
        if x < 0:
            return super().__call__(x) * 2
        return super().__call__(x)


case(0.5, 2.5)(Model(1.5).__call__)
case(0.5, 2.5, -1.0)(Steeper(0.5).__call__)


@case(0.5, -0.5)
def gradient_inside(x):
    def cost(y):
        if y > 0:
            return y**3
        return y**2

    return gradc.grad(cost)(x) * x


@case(0.5, -0.5)
def mapped(x):
    def one(y):
        return y * x if y > 0 else y + x

    return np.sum(gradc.vmap(one)(V))


@case(0.5, 5.5, -2.0)
def handled(x):
    with np.errstate(all="ignore"):
        if x > 5:
            return x
        return np.log(abs(x))


@case(0.5, -0.5)
def multiline(x):
    text = """several
    lines"""
    y = (
        x * 2
        if x > 0
        else x * 3
    )  # fmt: skip
    return y * len(text)


# ---------------------------------------------------------------- the table


def test_there_are_many() -> None:
    assert len(CASES) >= 60


@CASES.each()
def test_values(each: Case) -> None:
    each.check_values()


@CASES.each(differentiable=True)
def test_derivatives(each: Case) -> None:
    each.check_derivatives()


SECOND = [c for c in CASES if c.differentiable and all(isinstance(p[0], float) for p in c.points)]


@pytest.mark.parametrize("each", SECOND[::3], ids=lambda c: c.function.__qualname__)
def test_second_derivatives(each: Case) -> None:
    slope = gradc.grad(scalar(each.function))
    for x, *rest in each.points:
        wanted = difference(slope, x, tuple(rest), 1.0, 1e-5)
        np.testing.assert_allclose(gradc.grad(slope)(x, *rest), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "function", [leaky_relu, piecewise, early, conjunction, clipped, newton_with_break, long_recurrence, series]
)
def test_many_at_once(function: Callable[..., Any]) -> None:
    points = np.array([0.2, 0.7, 1.9, 3.1])
    rest = [np.full(4, 0.6)] if function is conjunction else []
    wanted = [function(x, *[r[0] for r in rest]) for x in points]
    np.testing.assert_allclose(gradc.vmap(function)(points, *rest), wanted, rtol=1e-12)


# ---------------------------------------------------------------- what can't be staged


def raises(x):
    if x > 0:
        raise ValueError("positive")
    return x


def half_defined(x):
    if x > 0:
        y = 2 * x
    return y


def other_shapes(v):
    if v[0] > 0:
        y = v
    else:
        y = v[:1]
    return y


def texts(x):
    if x > 0:
        mode = "a"
    else:
        mode = "b"
    return x if mode == "a" else -x


def nothing(x):
    if x > 0:
        return x


def asserts(x):
    assert x > 0
    return x


def grows(v):
    while np.sum(v) < 100:
        v = np.concatenate([v, v])
    return v


def unset_after_a_loop(x):
    n = 0
    while n < x:
        y = n + 1
        n = y
    return y


def unset_in_the_first_trip(x):
    n = x
    while n < 10:
        if n > 5:
            n = n + before
        before = n
        n = n + 1
    return n


COUNT = 0


def sets_a_global(x):
    global COUNT
    if x > 0:
        COUNT = 1
    return x


def range_in_a_list(x):
    return sum([x for _ in range(int(x))])


def generates(x):
    def each():
        if x > 0:
            yield x

    return sum(each())


def arrays_have_no_truth(v):
    if v > 0:
        return v
    return -v


def factorial(x):
    return math.factorial(int(x * 2))


EXECUTED = "def without_source(x):\n    if x > 0:\n        return x\n    return -x\n"
exec(EXECUTED)


def another_name_in_a_loop(v):
    y, z, total = v.copy(), v * 0, 0.0
    while y[0] < 5:
        y[0] += 0.5
        total += z[0]
        z = y
    return total


def another_name_before_a_loop(v):
    y = v.copy()
    z, total = y, 0.0
    while y[0] < 5:
        y[0] += 0.5
        total += z[0]
        z = y.copy()
    return total


REFUSED = [
    (another_name_in_a_loop, V, 2, "`z` is another name"),
    (another_name_before_a_loop, V, 3, "`z` is another name"),
    (raises, 1.0, 2, "can't be raised"),
    (half_defined, 1.0, 1, "`y` has a value on one side"),
    (other_shapes, V, 1, r"`y` has shape \(5,\).*\(1,\)"),
    (texts, 1.0, 1, "`mode` is 'a' where.*'b'"),
    (nothing, 1.0, 1, "None where"),
    (asserts, 1.0, 1, "assertion"),
    (grows, V, 1, r"`v` of shape \(10,\) from one of shape \(5,\)"),
    (unset_after_a_loop, 5.0, 2, "`y` gets its value inside a loop"),
    (unset_in_the_first_trip, 5.0, 2, "`before` has no value in the first trip"),
    (sets_a_global, 1.0, 2, "global variable `COUNT`"),
    (range_in_a_list, 3.0, 1, "Python int"),
    (generates, 1.0, 2, "generators"),
    (arrays_have_no_truth, V, 1, "ambiguous"),
    (factorial, 3.0, 1, "math.factorial"),
]


@pytest.mark.parametrize(("function", "argument", "line", "words"), REFUSED, ids=[r[0].__name__ for r in REFUSED])
def test_what_cannot_be_staged_names_the_line(
    function: Callable[..., Any], argument: Any, line: int, words: str
) -> None:
    check_refused(function, argument, line, words)


def test_without_source() -> None:
    with pytest.raises(TraceError, match="whose source can be read"):
        gradc.jit(globals()["without_source"])(1.0)


# ---------------------------------------------------------------- plain code


def test_known_conditions_are_decided_while_tracing() -> None:
    """A branch on a plain value, or on a captured one, leaves no trace in the graph."""

    def function(x, deep):
        if deep == 2 and LIMIT > 1 and not x.ndim == 3:
            y = x * 2
        else:
            y = x.undefined
        for k in range(3):
            y = y + k if k else y
        return y

    text = str(trace(lambda x: function(x, 2), [2.0]).graph)
    assert "where" not in text
    assert "cond" not in text
    assert "loop" not in text


def test_a_long_loop_is_one_node() -> None:
    graph = trace(long_recurrence, [1.5]).graph
    assert [type(n).__name__ for n in graph_order(graph.outputs) if isinstance(n, MultiNode)] == ["Loop"]
    assert len(graph_order(graph.outputs)) < 10


def test_loops_in_loops_are_not_written_out_whole() -> None:
    def function(x):
        for i in range(40):
            for j in range(40):
                x = x + 0.001 * np.sin(x * i - j)
        return x

    graph = trace(function, [0.5]).graph
    assert len(graph_order(graph.outputs)) < 200
    assert gradc.jit(function)(0.5) == pytest.approx(function(0.5), rel=1e-12)


def warped(c):
    """Dynamic time warping."""
    n, m = c.shape
    d = np.full((n + 1, m + 1), np.inf)
    d[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            d[i, j] = abs(c[i - 1, j - 1]) + min(d[i - 1, j], d[i, j - 1], d[i - 1, j - 1])
    return d[n, m]


def test_a_table_of_any_size_is_a_program_of_one_size() -> None:
    """An outer loop whose inner loop is one node is one too, though it has few trips."""
    sizes = [len(graph_order(trace(warped, [np.ones(shape)]).outputs)) for shape in ((30, 40), (60, 50))]
    assert sizes[0] == sizes[1] < 100
    c = np.cos(np.arange(1500.0) ** 2).reshape(30, 50)
    np.testing.assert_allclose(gradc.jit(warped)(c), warped(c), rtol=1e-12)


def test_triangular_loops_become_nodes_when_they_turn_out_to_be_long() -> None:
    def cholesky(a):
        n = len(a)
        lower = np.zeros((n, n))
        for i in range(n):
            for j in range(i + 1):
                s = a[i, j]
                for k in range(j):
                    s = s - lower[i, k] * lower[j, k]
                lower[i, j] = np.sqrt(s) if i == j else s / lower[j, j]
        return lower

    a = np.cos(np.arange(144.0).reshape(12, 12))
    a = a @ a.T + np.eye(12)
    assert len(graph_order(trace(cholesky, [a]).graph.outputs)) < 100
    np.testing.assert_allclose(gradc.jit(cholesky)(a), np.linalg.cholesky(a), rtol=1e-11, atol=1e-12)


def test_trips_that_write_are_not_written_out_for_long() -> None:
    def smooth(x, a):
        y = np.zeros_like(x)
        y[0] = x[0]
        count = 0
        for i in range(1, len(x)):
            y[i] = a * x[i] + (1 - a) * y[i - 1]
        for k in range(len(x)):
            y[k] = y[k] + k
            count += 1
        return y, np.zeros(count)

    x = np.sin(np.arange(30.0))
    graph = trace(smooth, [x, 0.3]).graph
    assert [node.trip for node in graph_order(graph.outputs) if isinstance(node, Loop)] == [28]
    for found, wanted in zip(gradc.jit(smooth)(x, 0.3), smooth(x, 0.3), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-13)


@pytest.mark.usefixtures("plain_kernels")
def test_swaps_in_a_long_sort_touch_two_entries() -> None:
    def bubble(values):
        x = values.copy()
        for _ in range(len(x)):
            for j in range(len(x) - 1):
                if x[j] > x[j + 1]:
                    x[j], x[j + 1] = x[j + 1], x[j]
        return x

    x = np.cos(np.arange(150.0) ** 2)
    np.testing.assert_array_equal(gradc.jit(bubble)(x), np.sort(x))
    assert "cond(" not in str(trace(bubble, [x]).graph)


def test_code_without_control_flow_stays_what_it_is() -> None:
    def plain(x):
        return np.sin(x) + x.sum()

    assert staged_code(plain) is plain.__code__
    assert staged_code(leaky_relu) is not leaky_relu.__code__


def test_names_and_lines_of_rewritten_code() -> None:
    code = staged_code(piecewise)
    pending, names, lines = [code], set(), set()
    while pending:
        inner = pending.pop()
        names.add(inner.co_name)
        lines.update(line for *_, line in inner.co_lines() if line)
        pending.extend(c for c in inner.co_consts if hasattr(c, "co_code"))
    assert names == {"piecewise"}
    first = piecewise.__code__.co_firstlineno
    assert min(lines) >= first
    assert max(lines) == first + 10


def test_source_that_changed_is_not_taken(tmp_path: Any) -> None:
    file = tmp_path / "changing.py"
    file.write_text("def f(x):\n    if x > 0:\n        return x * 2\n    return x\n")
    scope: dict[str, Any] = {"__name__": "changing"}
    exec(compile(file.read_text(), str(file), "exec"), scope)
    file.write_text("def f(x):\n    if x > 0:\n        return x * 5\n    return x\n")
    with pytest.raises(TraceError, match="source"):
        gradc.jit(scope["f"])(1.0)


def test_arrays_of_the_caller_are_left_as_python_leaves_them() -> None:
    def function(v, x):
        while x < 3:
            v[0] += x
            x = x + 1
        return v.sum()

    one, other = V.copy(), V.copy()
    assert function(one, 0.5) == pytest.approx(gradc.jit(function)(other, 0.5))
    np.testing.assert_allclose(one, other)


# ---------------------------------------------------------------- math


NUMBERS_OF_MATH = {
    **dict.fromkeys(
        "acos asin atan atanh sin cos tan sinh cosh tanh exp exp2 expm1 log log10 log1p log2 sqrt cbrt degrees radians "
        "fabs isfinite isinf isnan erf erfc gamma lgamma floor ceil trunc frexp modf asinh".split(),
        (0.6,),
    ),
    "acosh": (1.6,), "atan2": (0.6, -0.3), "copysign": (0.6, -2.0), "fmod": (5.3, -2.0), "hypot": (0.3, 0.4, 1.0),
    "pow": (0.6, 2.5), "ldexp": (0.6, 3), "nextafter": (0.6, 1.0), "remainder": (5.3, 2.0), "isclose": (1.0, 1.0 + 1e-10),
    "isqrt": (26,), "gcd": (12, 18), "lcm": (4, 6, 10),
}  # fmt: skip
INTEGERS_OF_MATH = {"isqrt", "gcd", "lcm"}


@pytest.mark.parametrize("name", [n for n in NUMBERS_OF_MATH if hasattr(math, n)])
def test_functions_of_math(name: str) -> None:
    function, numbers = getattr(math, name), NUMBERS_OF_MATH[name]
    expected = function(*numbers)
    given = np.array(numbers, dtype=int if name in INTEGERS_OF_MATH else float)
    whole = {1} if name == "ldexp" else set()

    def applied(v):
        return getattr(math, name)(*[int(a) if k in whole else a for k, a in enumerate(v)])

    np.testing.assert_allclose(gradc.jit(applied)(given), expected, rtol=1e-14)


def test_functions_of_math_have_derivatives() -> None:
    def function(x):
        angle = math.atan2(math.sin(x), math.cos(2 * x)) + math.dist([x, 1.0], [0.5, x]) + math.hypot(x, 2.0)
        return angle * math.log(x, 2) + math.fsum([x, x**2]) * math.prod([x, 2.0], start=3) + math.gamma(x + 1)

    wanted = difference(function, 0.7, (), 1.0, 1e-6)
    np.testing.assert_allclose(gradc.grad(function)(0.7), wanted, rtol=1e-8)


@pytest.mark.parametrize(
    "name", "acos acosh asin asinh atan atanh cos cosh exp log log10 sin sinh sqrt tan tanh phase polar".split()
)
def test_functions_of_cmath(name: str) -> None:
    def applied(z):
        return getattr(cmath, name)(z)

    np.testing.assert_allclose(gradc.jit(applied)(0.3 + 0.4j), applied(0.3 + 0.4j), rtol=1e-13)


def test_sum_of_a_long_array_is_one_reduction() -> None:
    graph = trace(lambda v: sum(v), [np.linspace(0.0, 1.0, 500)]).graph
    assert len(graph_order(graph.outputs)) < 5
