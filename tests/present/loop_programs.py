"""Functions with loops and branches, as users write them, and where they are asked for their formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import gradc


def filtered(a, x):
    def step(y, xt):
        y = a * y + xt
        return y, y

    _, ys = gradc.scan(step, 0.0, x)
    return ys


def energy(a, x):
    return np.sum(filtered(a, x) ** 2)


def descent(A, b, rate):
    def step(t, w):
        return w - rate * (A.T @ (A @ w - b))

    return gradc.fori_loop(0, 12, step, np.zeros(3))


def misfit(A, b, rate):
    return np.sum((A @ descent(A, b, rate) - b) ** 2)


def recurrent(W, U, xs, h0):
    def step(h, x):
        return np.tanh(W @ h + U @ x), None

    h, _ = gradc.scan(step, h0, xs)
    return np.sum(h)


def readouts(V, W, x):
    def step(h, xt):
        h = np.tanh(W @ h + xt)
        return h, V @ h

    _, o = gradc.scan(step, np.zeros(2), x)
    return np.sum(o**2)


def newton(a):
    x = 1.0
    while abs(x * x - a) > 1e-12:
        x = x - (x * x - a) / (2 * x)
    return x


def halving(a):
    n, s, t = 0, 0.0, a
    while t > 1e-3 and n < 100:
        s += t
        t *= 0.5
        n += 1
    return s


def branch(x):
    if x > 0:
        return np.sin(x)
    return x**2


def chosen(x, p):
    return gradc.cond(p > 0, np.tanh, lambda x: (x @ x) * x, x)


def chosen_at_steps(x, a):
    def step(i, y):
        return gradc.cond(y > 1, lambda y: y / 2, lambda y: a * y + x[i], y)

    return gradc.fori_loop(0, len(x), step, 0.0)


def nested(x, W):
    def outer(h, xt):
        h = gradc.fori_loop(0, 3, lambda k, s: np.tanh(W @ s + xt), h)
        return h, np.sum(h**2)

    _, losses = gradc.scan(outer, np.zeros(2), x)
    return np.sum(losses)


def backwards(x):
    def step(c, xt):
        c = 0.9 * c + xt
        return c, c**2

    c, ys = gradc.scan(step, 0.0, x, reverse=True)
    return c + ys[0] + ys[-1]


def counted(x):
    return gradc.fori_loop(0, len(x), lambda i, s: s + np.sin(x[i]), 1.0)


def pendulum(state, dt):
    def step(i, state):
        p, v = state
        v = v - dt * np.sin(p)
        return p + dt * v, v

    return gradc.fori_loop(0, 20, step, (state[0], state[1]))[0]


def kept(x):
    def step(t, y):
        return gradc.checkpoint(lambda y: np.sin(y) * y)(y) + x

    return gradc.fori_loop(0, 6, step, x)


def likelihood(A, Q, R, zs):
    def step(state, z):
        m, P = state
        m, P = A @ m, A @ P @ A.T + Q
        S = P + R
        gain = P @ np.linalg.inv(S)
        e = z - m
        return (m + gain @ e, P - gain @ P), e @ np.linalg.solve(S, e) + np.linalg.slogdet(S)[1]

    _, terms = gradc.scan(step, (np.zeros(2), np.eye(2)), zs)
    return -0.5 * np.sum(terms)


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).standard_normal(shape)


SPD = np.array([[2.0, 0.5], [0.5, 1.0]])
#: name -> function, arguments, whether the gradient is a formula, too
PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], bool]] = {
    "filtered": (filtered, (0.5, random(6)), False),
    "energy": (energy, (0.5, random(6)), True),
    "descent": (descent, (random(4, 3), random(4), 0.1), False),
    "misfit": (misfit, (random(4, 3), random(4), 0.1), True),
    "recurrent": (recurrent, (random(3, 3), random(3, 2), random(5, 2), random(3)), True),
    "readouts": (readouts, (random(1, 2), random(2, 2), random(6, 2)), True),
    "newton": (newton, (2.0,), True),
    "halving": (halving, (1.0,), True),
    "branch": (branch, (0.7,), True),
    "chosen": (chosen, (random(3), 1.0), False),
    "chosen_at_steps": (chosen_at_steps, (random(8) ** 2, 0.5), True),
    "nested": (nested, (random(5, 2), random(2, 2)), True),
    "backwards": (backwards, (random(7),), True),
    "counted": (counted, (random(5),), True),
    "pendulum": (pendulum, (random(2), 0.1), True),
    "kept": (kept, (0.3,), True),
    "likelihood": (likelihood, (np.eye(2) * 0.9, SPD, SPD, random(5, 2)), True),
}
