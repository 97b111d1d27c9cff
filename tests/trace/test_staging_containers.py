"""Lists, dicts and objects that branches and loops on traced values change."""

# Programs as users write them:

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
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

# ---------------------------------------------------------------- objects


class Point:
    def __init__(self, x=1.0, y=2.0):
        self.x, self.y = x, y


@dataclass
class State:
    total: float
    count: int


@case(1.5, -0.5)
def attribute_in_a_branch(x):
    p = Point()
    if x > 0:
        p.x = x * 2
    else:
        p.x, p.y = -x, p.y + 1
    return p.x * p.y


@case(1.5, -0.5)
def attribute_that_is_new(x):
    p = Point()
    if x > 0:
        p.z = x * 2
    else:
        p.z = -x
    p.y += p.z
    return p.z * p.y


@case(1.5, -0.5)
def dataclass_in_a_branch(x):
    s = State(0.0, 1)
    if x > 0:
        s.total += x * 3
        s.count = 4
    return s.total * s.count + x


@case(5.5, 0.5)
def attribute_in_a_loop(x):
    p = Point()
    while x > 1:
        p.x += x * p.y
        p.y *= 0.9
        x = x * 0.5
    return p.x * x


SHARED = Point(3.0)


@case(1.5, -0.5)
def attribute_of_a_captured_object(x):
    p = Point(SHARED.x, SHARED.y)
    q = SHARED
    if x > q.y:
        p.x = q.x
    elif x > 0:
        p.y = q.y * x
    return p.x * p.y * x


class Welford:
    def __init__(self):
        self.n, self.mean, self.m2 = 0, 0.0, 0.0

    def add(self, x):
        self.n += 1
        d = x - self.mean
        self.mean += d / self.n
        self.m2 += d * (x - self.mean)


@case((V,), (LONG,))
def methods_that_change_their_object(v):
    w = Welford()
    for a in v:
        w.add(a)
    return w.mean, w.m2


@case((V,))
def methods_under_a_condition(v):
    w = Welford()
    for a in v:
        if a > 0:
            w.add(a)
    return w.mean, w.m2


# ---------------------------------------------------------------- dicts


@case(1.5, -0.5)
def entries_of_a_dict(x):
    d = {"a": 1.0, "b": 2.0}
    if x > 0:
        d["a"] = x
    else:
        d["b"] *= x * x
    return d["a"] * d["b"]


@case(1.5, -0.5)
def entries_that_are_new(x):
    d = OrderedDict()
    if x > 0:
        d["a"] = x
    else:
        d["a"] = x * x
    return d["a"] * len(d)


@case(5.5, 0.5)
def dict_in_a_loop(x):
    d = defaultdict(float, s=1.0)
    other = d
    while x > 1:
        d["s"] += x
        x *= 0.5
    return other["s"] * x


@case((V,))
def counts_in_a_dict(v):
    counts = {"up": 0, "down": 0}
    for a in v:
        counts["up" if a is None else "down"] += 1
        if a > 0:
            counts["up"] += 1
    return counts["up"] * v[0] + counts["down"]


# ---------------------------------------------------------------- lists


@case(1.5, -0.5)
def entries_of_a_list(x):
    d = [1.0, 2.0]
    if x > 0:
        d[0] = x
    else:
        d[1], d[0] = x * x, 3.0
    return d[0] * d[1]


@case(1.5, -0.5)
def append_on_both_sides(x):
    d = deque([1.0])
    if x > 0:
        d.append(x)
    else:
        d.append(x * x)
    return d[0] * d[1]


@case((V,))
def append_by_a_helper(v):
    parts = []

    def note(value):
        parts.append(value)

    for a in v:
        if a > 0:
            note(a)
        else:
            note(a * a)
    return np.array(parts)


@case(5.5, 0.5)
def list_under_two_names(x):
    h = [0.0, 1.0]
    z = h
    while x > 1:
        h[0] += x * h[1]
        x *= 0.5
    return z[0] + x


@case(5.5, 0.5)
def list_given_anew_and_changed(x):
    h = [0.0, x]
    while x > 1:
        h = [h[1], h[0]]
        h[0] += x
        x *= 0.5
    return h[0] - h[1] * x


@case((V,))
def nested_lists(v):
    table = [[0.0] * 3 for _ in range(2)]
    for i, a in enumerate(v):
        if a > 0:
            table[i % 2][i % 3] += a * a
    return np.array(table)


@case((V,))
def knapsack(values):
    weights, most = [2, 3, 4, 1, 2], 7
    best = [0.0] * (most + 1)
    for i in range(5):
        for c in range(most, weights[i] - 1, -1):
            if best[c - weights[i]] + values[i] > best[c]:
                best[c] = best[c - weights[i]] + values[i]
    return best[most]


# ---------------------------------------------------------------- long loops that append


@case((LONG, 0.9))
def filtered(v, a):
    ys, y = [], 0.0
    for x in v:
        y = a * y + x
        ys.append(y)
    return np.array(ys)[::9], ys[-1] * ys[3]


@case((LONG, 0.9))
def trajectory(v, a):
    x = np.array([1.0, 0.0])
    path = [x]
    for k in range(len(v)):
        x = np.array([a * x[0] + 0.1 * x[1], v[k] - 0.1 * x[0]])
        path.append(x)
    path = np.array(path)
    return path.shape[0] * path[::13], path[-1]


@case((LONG,))
def appends_two_to_each(v):
    ups, downs, top = [], [], v[0]
    for a in v:
        if a > top:
            top = a
        ups.append(top)
        downs.append((a, top - a))
    return np.array(ups)[::7], sum(d[1] for d in downs), np.array(downs)[5]


@case((LONG,))
def reads_what_it_has_appended(v):
    ys = [v[0]]
    for k in range(1, len(v)):
        ys.append(0.5 * ys[-1] + v[k] * len(ys))
    return ys[-1]


@case((LONG,))
def appended_array_is_written_later(v):
    rows = []
    for k in range(len(v)):
        rows.append(np.array([v[k], 1.0]))
    rows[3][0] = 5.0
    rows[2] = rows[2] * 2
    return sum(rows[k][0] * rows[k][1] for k in range(5)), np.array(rows)[2:5]


@CASES.each()
def test_values(each: Case) -> None:
    each.check_values()


@CASES.each(differentiable=True)
def test_derivatives(each: Case) -> None:
    each.check_derivatives()


@pytest.mark.parametrize("function", [filtered, trajectory])
def test_long_loops_that_append_are_one_node(function: Callable[..., Any]) -> None:
    assert len(graph_order(trace(function, [LONG, 0.9]).graph.outputs)) < 40


def test_objects_of_the_caller_are_left_alone() -> None:
    def function(x):
        if x > 0:
            SHARED.x = x
        return SHARED.x

    assert gradc.jit(function)(1.0) == 1.0
    assert SHARED.x == 3.0


# ---------------------------------------------------------------- what can't be staged


def appends_on_one_side(x):
    parts = [x]
    if x > 0:
        parts.append(x)
    return sum(parts)


def key_on_one_side(x):
    d = {}
    if x > 0:
        d["a"] = x
    return d.get("a", 0.0)


def attribute_on_one_side(x):
    p = Point()
    if x > 0:
        p.z = x
    return p.x


def appends_while(x):
    parts = []
    while x < 3:
        parts.append(x)
        x = x + 1
    return sum(parts)


def text_in_a_dict(x):
    d = {"mode": "a"}
    if x > 0:
        d["mode"] = "b"
    return x


def list_of_two_names_given_anew(x):
    h = [0.0, x]
    z = h
    while x < 9:
        h[0] += x
        h = [h[1], h[0]]
        x = x * 2
    return z[0]


def text_in_a_loop(x):
    d = {"mode": "a"}
    while x < 9:
        d["mode"] = "b"
        x = x * 2
    return x


REFUSED = [
    (appends_on_one_side, 1.0, 2, "entry 1 of a list is there only where.*append to it in both cases"),
    (key_on_one_side, 1.0, 2, "entry 'a' of a dict is there only where.*set it in both"),
    (attribute_on_one_side, 1.0, 2, "attribute z of a Point is there only where"),
    (appends_while, 1.0, 2, "a list gets another length"),
    (text_in_a_dict, 1.0, 2, "entry 'mode' of a dict is 'b' where.*'a'"),
    (list_of_two_names_given_anew, 1.0, 3, "`h` is changed in place and also"),
    (text_in_a_loop, 1.0, 2, "entry 'mode' of a dict.*only numbers"),
]


@pytest.mark.parametrize(("function", "argument", "line", "words"), REFUSED, ids=[r[0].__name__ for r in REFUSED])
def test_what_cannot_be_staged_names_the_line(
    function: Callable[..., Any], argument: Any, line: int, words: str
) -> None:
    check_refused(function, argument, line, words)
