"""Methods and attributes of arrays, and what Python's own protocols do with arrays."""

from __future__ import annotations

import copy
import functools
import itertools
import operator
from typing import Any

import numpy as np

from surface.form import form

_RNG = np.random.default_rng(59)
A = _RNG.normal(size=(3, 4))
X = np.array([0.7, -1.3, 2.1, 0.43, 1.9])
Q = _RNG.normal(size=(3, 3))
Y = np.array([0.3, 0.9, -0.4, 1.2, -0.7])
N = np.array([[3, 0, 2], [1, 5, 4]])
M = np.array([True, False, True])


def set_flags(x: Any) -> Any:
    y = x.copy()
    tail = y[1:]
    tail.setflags(write=False)
    y[1] = 3.0
    return tail, y


def refuses_to_write(x: Any) -> Any:
    y = x.copy()
    y.setflags(write=False)
    try:
        y[0] = 1.0
    except ValueError:
        return y * 2
    return y


def views(x: Any) -> Any:
    y = x.copy()
    y.view()[0] = 4.0
    y.view(np.ndarray)[1] = 5.0
    y.to_device("cpu")[2] *= 2.0
    y.real[3] = 6.0
    return y


def reshaped_in_place(a: Any) -> Any:
    b = a.copy()
    b.shape = (4, 3)
    b[0] = 1.0
    b.shape = -1
    return b


def copies(x: Any) -> Any:
    y, z = copy.copy(x), copy.deepcopy({"x": x})
    y[0] = 1.0
    z["x"][1] *= 2.0
    return x, y, z


def kind_checks(x: Any) -> Any:
    array, number = isinstance(x, np.ndarray), isinstance(x[0], float | np.floating)
    exact = type(x) is np.ndarray and type(x[0]) is x.dtype.type
    sequence = isinstance(x, list | tuple) or hasattr(x, "append") or hasattr(x[0], "__len__")
    return x * array * number * exact * (not sequence) * hasattr(x, "shape")


def shape_cases(a: Any) -> Any:
    match a.shape:
        case (rows, columns):
            assert rows == 3, "three rows"
            return a.sum() / (rows * columns)
        case _:
            return a


def caught(x: Any) -> Any:
    try:
        y = x[7]
    except IndexError:
        y = x[0] * 2
    try:
        return x @ np.ones(3)
    except ValueError:
        return y


def python_numbers(x: Any) -> Any:
    loss = float(np.sum(x**2))
    return loss * int(x[2]), round(x[1], 1) + float(3), int(2.9) * x, float(x[0]) / float("2")


def reductions_of_python(x: Any) -> Any:
    total = sum(x) + sum((v * v for v in x), 0.0) + functools.reduce(operator.mul, x)
    return total, max(x), min(x[0], 1.0), sum(a * b for a, b in itertools.combinations(x, 2))


FORMS = [
    form("more.python", lambda x: x if x[0] > 0 else -x, X),
    form("ndarray.all ndarray.any", lambda x: ((x > 0).all(axis=0), (x > 5).any(), x.any(axis=1, keepdims=True)), A),
    form("ndarray.argmax ndarray.argmin", lambda x: (x.argmax(), x.argmin(axis=1), x.argmax(0, keepdims=True)), A),
    form(
        "ndarray.astype",
        lambda x: (x.astype(int), x.astype(bool), x.astype(x.dtype, copy=False) * 2, x.astype("c16").imag),
        A,
    ),
    form("ndarray.clip", lambda x: (x.clip(-0.3, 0.6), x.clip(min=0), x.clip(max=0.5), x.clip(None, 0.4)), A),
    form("ndarray.conj ndarray.conjugate", lambda x: x.conj() * x + x.conjugate(), A),
    form(
        "ndarray.conj ndarray.real ndarray.imag",
        lambda x, y: ((x + 1j * y) * (y - 1j * x).conj()).real + (x * 1j).imag,
        X,
        Y,
    ),
    form("ndarray.cumprod ndarray.cumsum", lambda x: (x.cumprod(axis=1), x.cumsum(), x.cumsum(axis=0)), A),
    form("ndarray.device ndarray.to_device", lambda x: x * 2 if x.device == "cpu" else x, X),
    form("ndarray.to_device ndarray.view", views, X),
    form("ndarray.dot", lambda x: (x.dot(x.T), x.dot(2.0), x[0].dot(x[1])), A),
    form("ndarray.dtype", lambda x: x * (x.dtype.kind == "f") if x.dtype != np.int64 else x + 1, X),
    form("ndarray.imag ndarray.real", lambda x: (x.real * 2, x.imag), A),
    form("ndarray.item", lambda x: (x.item(5), x.item(1, 2) * x.item((0, -1)), x[:1, 0].item()), A),
    form("ndarray.itemsize ndarray.nbytes", lambda n, x: x * n.itemsize + n.nbytes, N, X),
    form("ndarray.max ndarray.min", lambda x: (x.max(), x.min(axis=1), x.max(axis=0, keepdims=True, initial=0.9)), A),
    form("ndarray.mean", lambda x: (x.mean(), x.mean(axis=0), x.mean(axis=(0, 1), keepdims=True)), A),
    form("ndarray.ndim ndarray.size ndarray.shape", lambda x: x * x.ndim + x.size / x.shape[-1], A),
    form("ndarray.nonzero", lambda x: x[(x > 0).nonzero()].sum(), A),
    form("ndarray.prod", lambda x: (x.prod(), x.prod(axis=1)), A),
    form("ndarray.round", lambda x: (x.round(), x.round(decimals=-1)), X),
    form("ndarray.setflags", set_flags, X),
    form("ndarray.setflags", refuses_to_write, X),
    form("ndarray.shape", reshaped_in_place, A),
    form("ndarray.std ndarray.var", lambda x: (x.std(), x.std(axis=0, ddof=1), x.var(axis=1, keepdims=True)), A),
    form("ndarray.sum", lambda x: (x.sum(), x.sum(1), x.sum(axis=(0, 1), keepdims=True), x.sum(where=x > 0)), A),
    form("ndarray.tolist", lambda x: (x.tolist()[1][2] * 2, sum(x[0].tolist()), x.tolist()), A),
    form("ndarray.trace", lambda x: x.trace() * x.trace(offset=1) + x.trace(1, 0, 1), Q),
    form("more.python", copies, X),
    form("more.python", kind_checks, X),
    form("more.python", shape_cases, A),
    form("more.python", caught, X),
    form("more.python", python_numbers, X, lacks={"float32": "Python's float(x) is a float64"}),
    form("more.python", reductions_of_python, X),
    form("more.python", lambda x: (sorted(x), sorted(x, reverse=True), list(reversed(x))), X),
    form(
        "more.python", lambda x: (list(zip(x, x[::-1], strict=True)), [k * v for k, v in enumerate(x)], [*x, *x[:2]]), X
    ),
    form("more.python", lambda x: (abs(x), divmod(x, 2.0), pow(x, 2), -x, +x, 7.9 // x, 2**x, x @ x), X),
    form("more.python", lambda x: (list(map(np.sin, x)), tuple(itertools.accumulate(x)), len(x) * x), X),
    form("more.python", lambda x: (np.ndim(x) * x, np.shape(x)[0] * x, np.size(x) * x, operator.getitem(x, 2)), X),
    form("more.python", lambda x: (x is x) * x + (x is not None) * x + np.any(x == None) * x, X),  # noqa: E711
    form("more.python", lambda x: (x.sum() if x.size else 0.0) if (s := x.shape) and len(s) == 1 else x, X),
]

REFUSED = [
    form("ndarray.base", lambda x: x if x[1:].base is x else x * 2, X),
    form("ndarray.byteswap", lambda x: x.byteswap(), X),
    form("ndarray.ctypes", lambda x: x.ctypes.data, X),
    form("ndarray.data", lambda x: bytes(x.data), X),
    form("ndarray.dump", lambda x: x.dump("array.pkl"), X),
    form("ndarray.dumps", lambda x: x.dumps(), X),
    form("ndarray.flags", lambda x: x if x.flags.c_contiguous else x.copy(), X),
    form("ndarray.getfield", lambda x: x.getfield(np.float32, 4), X),
    form("ndarray.setfield", lambda x: x.setfield(1.0, np.float64), X),
    form("ndarray.strides", lambda x: x.strides, X),
    form("ndarray.tobytes", lambda x: x.tobytes(), X),
    form("ndarray.tofile", lambda x: x.tofile("array.bin"), X),
    form("ndarray.view", lambda x: x.view(np.int64), X),
    form("more.python", lambda x: [v for v in x if v > 0], X),
    form("more.python", lambda x: x * (0.7 in x), X),
    form("more.python", lambda x: f"{x[0]:.3f}", X),
    form("more.python", lambda x: {v: 2 * v for v in x}, X),
    form("more.python", lambda x: range(int(x[0])), X),
    form("more.python", lambda x: __import__("pickle").dumps(x), X),
]
