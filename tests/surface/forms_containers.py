"""Containers, signatures and statements of Python inside traced functions."""

from __future__ import annotations

import dataclasses
import functools
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Iterator
from typing import Any

import numpy as np

from surface.form import form

_RNG = np.random.default_rng(61)
A = _RNG.normal(size=(3, 4))
V = _RNG.normal(size=4)
X = np.array([0.7, -1.3, 2.1])
Pair = namedtuple("Pair", "w b")
SCALE = 2.0


@dataclasses.dataclass(frozen=True)
class Layer:
    """A dense layer."""

    w: Any
    b: Any
    name: str = "dense"

    def __call__(self, x: Any) -> Any:
        return np.tanh(self.w @ x + self.b)


class Accumulator:
    """A sum that is added to."""

    def __init__(self) -> None:
        self.total = 0.0

    def add(self, value: Any) -> Accumulator:
        self.total = self.total + value
        return self


def squares(x: Any) -> Iterator[Any]:
    for v in x:
        yield v * v


def scaled(function: Any) -> Any:
    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return SCALE * function(*args, **kwargs)

    return inner


@scaled
def weighed(x: Any, /, *rest: Any, power: int = 2, **others: Any) -> Any:
    return (x**power).sum() + sum(r.sum() for r in rest) + sum(others[name].sum() for name in sorted(others))


def nested(a: Any, x: Any) -> Any:
    params: dict[Any, Any] = {
        "layers": [Layer(a, x), Pair(w=x, b=None)],
        1: (x, {"deep": a}),
        "order": OrderedDict(z=x, y=2 * x),
    }
    first, second = params["layers"]
    grown = {**params, "more": deque([second.w, first.b])}
    return first(a[0]) * grown["more"][0] + sum(v.sum() for v in grown["order"].values()) + grown[1][1]["deep"][:, 0]


def recursive(x: Any, depth: int = 3) -> Any:
    return x if depth == 0 else np.sin(recursive(x, depth - 1)) * depth


def stateful(x: Any) -> Any:
    history: dict[str, list[Any]] = defaultdict(list)
    sum_of = Accumulator()
    for k, v in enumerate(x):
        history["even" if k % 2 == 0 else "odd"].append(v**2)
        sum_of.add(v * k)
    return sum_of.total + np.sum(history["even"]) * history["odd"][-1]


def tree_update(a: Any, x: Any) -> Any:
    params, gradients = {"a": a, "x": [x, (x, 2.0)]}, {"a": 2 * a, "x": [x**2, (x, 1.0)]}

    def update(p: Any, g: Any) -> Any:
        if isinstance(p, dict):
            return {key: update(p[key], g[key]) for key in p}
        if isinstance(p, list | tuple):
            return type(p)(update(u, v) for u, v in zip(p, g, strict=True))
        return p - 0.1 * g

    return update(params, gradients)


def layers_by_zip(a: Any, x: Any) -> Any:
    ws, bs = [a, a.T, 2 * a], (x, a[0], -x)
    h = a[1]
    for w, b in zip(ws, bs, strict=True):
        h = np.tanh(w @ h + b)
    return h


def statements(x: Any) -> Any:
    total: Any = 0.0
    with np.errstate(all="ignore"):
        for name, v in (("a", x), ("b", 2 * x), ("c", x[:, None])):
            match name, v.shape:
                case "a", (n,):
                    total = total + v.sum() * n
                case _, (_,) if (peak := v.max()) is not None:
                    total = total + peak * v[0]
                case _:
                    total = total - v.sum()
    return total


FORMS = [
    form("more.containers", nested, A, X),
    form("more.containers", tree_update, A, X),
    form("more.containers", lambda a, x: {"sum": a.sum(), "pair": Pair(x, [x[0], None]), 3: (a.T, {"x": x})}, A, X),
    form("more.containers", lambda x: dataclasses.replace(Layer(x, 2 * x), b=x**2).b + dataclasses.astuple(Single(x))[0], X),
    form("more.containers", stateful, X),
    form("more.containers", layers_by_zip, A, X),
    form("more.containers", lambda a: np.array([row.sum() for row in a if row.ndim == 1]) * np.stack(list(a.T))[0, 0], A),
    form("more.containers", lambda x: np.array([[x[0], 1], [x[1] * 2, x[2]]]) @ np.asarray([x[0], x[-1]]), X),
    form("more.signatures", lambda a, x: weighed(a, x, *[x, a[0]], power=3, bias=x**2, more=a), A, X),
    form("more.signatures", lambda x, v: functools.partial(np.multiply, x[0])(v) + (lambda p, *, q=2.0: p * q)(v), X, V),
    form("more.signatures", lambda x: sum(squares(x)) + functools.reduce(np.add, map(np.exp, x)), X),
    form("more.signatures", recursive, X),
    form("more.signatures", lambda x: (lambda f: f(f, x, 2))(lambda f, y, n: y if n == 0 else f(f, np.cos(y), n - 1)), X),
    form("more.signatures", statements, X),
    form("more.signatures", lambda x: max((x * SCALE, x**2), key=lambda v: v.shape) + [x, 2 * x][np.argmax([1, 2])], X),
]  # fmt: skip


@dataclasses.dataclass
class Single:
    """One field."""

    x: Any


REFUSED = [
    form("more.containers", lambda x: (2 * v for v in x), X),
    form("more.containers", lambda x: {float(v) for v in x}, X),
    form("more.containers", lambda x: object(), X),
    form("more.containers", lambda x: np.array([x[0], [x[1], x[2]]]), X),
]
