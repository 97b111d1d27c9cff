"""check_grads: passes what is right, catches what is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from gradc.differentiate import gradient
from gradc.errors import ArgumentError
from gradc.ir.scalar import apply, index, load
from gradc.ir.tensor import compute
from gradc.verify import numeric
from gradc.verify.numeric import check_grads

VECTOR = np.array([0.5, 1.25, -0.75])
MATRIX = np.arange(6.0).reshape(2, 3) / 4


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (lambda x: np.sum(np.sin(x) * np.exp(-(x**2))), (VECTOR,)),
        (lambda x: np.sin(x) / x, (VECTOR,)),
        (lambda A, x: np.tanh(A @ x), (MATRIX, VECTOR)),
        (lambda x: (x[0] * x[1], x[1:] ** 3), (VECTOR,)),
        (lambda p: p["w"] * np.sum(p["x"] ** 2), ({"w": 2.0, "x": VECTOR},)),
        (lambda w, x: (w * x - 2) ** 2, (3, 2.0)),
        (lambda x, n: x * n, (VECTOR, np.array([1, 2, 3]))),
        (lambda x: np.where(x > 0, np.log(np.abs(x)), 0.0), (VECTOR,)),
        (lambda x: np.sum(x**3), (VECTOR.astype(np.float32),)),
    ],
)
def test_right_derivatives_pass(f, args):
    check_grads(f, args, order=2)


def test_third_order():
    check_grads(lambda x: np.exp(x) * np.sin(x), (0.7,), order=3)


def test_captured_data():
    scale = np.array([1.0, 2.0, 3.0])
    check_grads(lambda x: np.sum(scale * x**2), (VECTOR,))


def test_a_wrong_gradient_is_caught(monkeypatch):
    def swapped(outputs, cotangents, wrt):
        return tuple(reversed(gradient(outputs, cotangents, wrt)))

    monkeypatch.setattr(numeric, "gradient", swapped)
    with pytest.raises(AssertionError, match=r"reverse mode, order 1, in a, b: the derivative is .* gives"):
        check_grads(lambda a, b: a**2 * b, (1.5, 0.5), modes=("reverse",))
    check_grads(lambda a, b: a**2 * b, (1.5, 0.5), modes=("forward",), order=1)


@pytest.mark.parametrize(
    "f",
    [lambda z, x: np.sum(np.abs(z * x) ** 2), lambda z, x: (np.conj(z) * np.exp(x * z), z.imag), lambda z, x: z * x],
)
def test_complex_numbers(f):
    check_grads(f, (np.array([1 + 2j, 0.5 - 1j]), 0.7))


def test_a_conjugated_gradient_is_caught(monkeypatch):
    def conjugated(outputs, cotangents, wrt):
        return tuple(
            compute(t.shape, apply("conj", load(t, [index(k) for k in range(t.rank)])))
            for t in gradient(outputs, cotangents, wrt)
        )

    monkeypatch.setattr(numeric, "gradient", conjugated)
    with pytest.raises(AssertionError, match="reverse mode, order 1, in z"):
        check_grads(lambda z: np.sum(np.abs(z) ** 2), (np.array([1 + 2j, 0.5 - 1j]),), modes=("reverse",))


def test_a_function_that_traces_to_something_else_is_caught():
    calls = []

    def fickle(x):
        calls.append(None)
        return x**2 if len(calls) == 1 else x**3

    with pytest.raises(AssertionError, match="differencing f itself"):
        check_grads(fickle, (2.0,))


def test_a_kink_is_reported_as_such():
    with pytest.raises(AssertionError, match="kink"):
        check_grads(lambda x: np.maximum(x, 0.0), (np.array([0.0]),), order=1)


def test_nothing_to_check():
    with pytest.raises(ArgumentError, match="no argument holds floats"):
        check_grads(lambda n: n * 2, (np.array([1, 2]),))
    with pytest.raises(ArgumentError, match="modes are forward and reverse"):
        check_grads(np.sin, (1.0,), modes=("sideways",))
    with pytest.raises(ArgumentError, match="order=0"):
        check_grads(np.sin, (1.0,), order=0)
