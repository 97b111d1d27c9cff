"""Array programs with loops and writes in place, as one would write them in NumPy, and arrays that count how they are used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import gradc


class Counted(np.ndarray):
    """An array that counts the entries that are read from it and written into it."""

    accesses = 0

    def __getitem__(self, place: Any) -> Any:
        entry = super().__getitem__(place)
        Counted.accesses += np.size(entry)
        return entry

    def __setitem__(self, place: Any, value: Any) -> None:
        Counted.accesses += np.size(super().__getitem__(place))
        super().__setitem__(place, value)


def counted_in_python(function: Callable[[Any], Any], x: np.ndarray) -> int:
    """The entries that the function reads and writes when Python runs it."""
    Counted.accesses = 0
    function(x.view(Counted))
    return Counted.accesses


def recurrence(x):
    y = x.copy()
    for i in range(1, len(y)):
        y[i] = np.sin(y[i - 1]) + 0.5 * x[i]
    return y


def gauss_seidel(x):
    u = x.copy()
    for _ in range(3):
        for i in range(1, len(u) - 1):
            u[i] = 0.5 * (u[i - 1] + u[i + 1]) + 0.1 * np.sin(u[i])
    return u


def relaxed(u, i, j):
    return 0.25 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]) * (1 + 0.1 * u[i, j])


def natural_order(x):
    """A Gauss-Seidel sweep of a plane, row by row."""
    u = x.copy()
    for i in range(1, u.shape[0] - 1):
        for j in range(1, u.shape[1] - 1):
            u[i, j] = relaxed(u, i, j)
    return u


def red_black(x):
    """A Gauss-Seidel sweep of a plane, by the colours of a chessboard."""
    u = x.copy()
    for colour in range(2):
        for i in range(1, u.shape[0] - 1):
            for k in range((u.shape[1] - 2) // 2):
                j = 1 + 2 * k + (i + colour) % 2
                u[i, j] = relaxed(u, i, j)
    return u


def thomas(x):
    """A tridiagonal system whose diagonal depends on its right-hand side: elimination, then substitution."""
    c = np.zeros_like(x)
    d = x.copy()
    c[0] = -1 / (2.5 + x[0] ** 2)
    d[0] = d[0] / (2.5 + x[0] ** 2)
    for i in range(1, len(x)):
        pivot = 2.5 + x[i] ** 2 + c[i - 1]
        c[i] = -1 / pivot
        d[i] = (d[i] + d[i - 1]) / pivot
    for i in range(len(x) - 2, -1, -1):
        d[i] = d[i] - c[i] * d[i + 1]
    return d


def prefix_products(x):
    p = np.zeros_like(x)
    p[0] = x[0]
    for i in range(1, len(x)):
        p[i] = p[i - 1] * (1 + 0.01 * np.sin(x[i]))
    return p


def alignment(x):
    """The softly cheapest way through a table, from a corner to each entry."""
    t = np.zeros_like(x)
    t[0, 0] = x[0, 0]
    for j in range(1, x.shape[1]):
        t[0, j] = t[0, j - 1] + x[0, j]
    for i in range(1, x.shape[0]):
        t[i, 0] = t[i - 1, 0] + x[i, 0]
        for j in range(1, x.shape[1]):
            t[i, j] = x[i, j] + -np.logaddexp(-t[i - 1, j], -t[i, j - 1])
    return t


def histogram(x):
    h = np.zeros_like(x)
    for i in range(len(x)):
        place = (7 * i * i) % len(x)
        h[place] = h[place] + x[i] ** 2
    return h


def queue(x):
    """A scan whose state is an array that each step reads and writes at two places."""

    def step(state, i):
        value = state[i] * np.cos(state[i - 1]) + 0.3
        state = state.copy()
        state[i] = value
        return state, value

    return gradc.scan(step, x, np.arange(1, len(x)))[1]


@dataclass(frozen=True)
class Program:
    """A function of an array, and the shapes to run it at."""

    function: Callable[[Any], Any]
    shapes: tuple[tuple[int, ...], ...]
    #: what a step in Python touches, where its accesses say nothing of it: each copy is counted there
    per_entry: int = 0

    def accesses(self, x: np.ndarray) -> int:
        """The entries that a run touches that does only what the steps say."""
        return self.per_entry * x.size or counted_in_python(self.function, x)


_LINES, _PLANES = ((50,), (500,), (5000,)), ((7, 7), (40, 26), (100, 50))
PROGRAMS = {
    "recurrence": Program(recurrence, _LINES),
    "Gauss-Seidel": Program(gauss_seidel, _LINES),
    "Gauss-Seidel, natural order": Program(natural_order, _PLANES),
    "Gauss-Seidel, red and black": Program(red_black, _PLANES),
    "Thomas": Program(thomas, _LINES),
    "prefix products": Program(prefix_products, _LINES),
    "table": Program(alignment, _PLANES),
    "histogram": Program(histogram, _LINES),
    "scan": Program(queue, _LINES, per_entry=4),
}
