"""Functions whose derivations are kept as text in ``derivations_told``; written with the names a student would use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

import gradc

FOLDER = Path(__file__).parent / "derivations_told"
n, m, square = gradc.vector("n"), gradc.vector("m"), gradc.matrix("n", "n")
X = gradc.matrix("m", "n")


def loss(w, x, y):
    u = w * x - y
    return u**2


def least_squares(w, X, y):
    r = X @ w - y
    return np.sum(r**2)


def mean_squares(w, X, y):
    return np.mean((X @ w - y) ** 2)


def cross_entropy(z, y):
    e = np.exp(z)
    p = e / np.sum(e)
    return -np.sum(y * np.log(p))


def network(A, B, x, y):
    h = np.tanh(A @ x)
    r = B @ h - y
    return 0.5 * np.sum(r**2)


@dataclass(frozen=True)
class Told:
    """A function, how it is differentiated, and how its derivation is told."""

    name: str
    derivative: Callable[..., Any]
    specs: tuple[Any, ...] = ()
    mode: Literal["reverse", "forward"] = "reverse"
    detail: Literal["brief", "normal", "full"] = "normal"

    @property
    def derivation(self) -> Any:
        """Its derivation."""
        return self.derivative.formula(*self.specs).steps(mode=self.mode, detail=self.detail)

    @property
    def file(self) -> Path:
        """Where the text is kept."""
        return FOLDER / f"{self.name}.txt"


FUNCTIONS = (
    Told("square_of_a_difference", gradc.grad(loss)),
    Told("square_of_a_difference_forward", gradc.grad(loss), mode="forward"),
    Told("sine_times_bell", gradc.grad(lambda x: np.sin(x) * np.exp(-(x**2)))),
    Told("sine_times_bell_forward", gradc.grad(lambda x: np.sin(x) * np.exp(-(x**2))), mode="forward"),
    Told("quotient", gradc.grad(lambda x: x / (1 + x**2)), detail="full"),
    Told("quotient_forward", gradc.grad(lambda x: x / (1 + x**2)), mode="forward"),
    Told("gaussian", gradc.grad(lambda x, s: np.exp(-(x**2) / (2 * s**2)), argnums=(0, 1))),
    Told("softplus", gradc.grad(lambda x: np.log(1 + np.exp(x)))),
    Told("sigmoid", gradc.grad(lambda x: 1 / (1 + np.exp(-x)))),
    Told("polynomial", gradc.grad(lambda x: 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1)),
    Told("two_paths", gradc.grad(lambda x: x * np.sin(x) + x**2)),
    Told("cases", gradc.grad(lambda x: np.where(x > 0, x**2, -x))),
    Told("square_root", gradc.grad(lambda x: np.sqrt(1 + x**2)), detail="brief"),
    Told("variable_exponent", gradc.grad(lambda x: (1 + x**2) ** x)),
    Told("least_squares", gradc.grad(least_squares), (n, X, m)),
    Told("least_squares_forward", gradc.grad(least_squares), (n, X, m), mode="forward"),
    Told("mean_squares", gradc.grad(mean_squares), (n, X, m), detail="full"),
    Told("cross_entropy", gradc.grad(cross_entropy), (n, n)),
    Told("log_sum_exp", gradc.grad(lambda x: np.log(np.sum(np.exp(x)))), (n,)),
    Told("norm", gradc.grad(lambda x: np.sqrt(np.sum(x**2))), (n,)),
    Told("trace_of_a_product", gradc.grad(lambda X, A: np.trace(A @ X)), (square, square)),
    Told("quadratic_form", gradc.grad(lambda x, A: x @ A @ x), (n, square), detail="full"),
    Told(
        "two_layers",
        gradc.grad(network, argnums=(0, 1)),
        (gradc.matrix("p", "n"), gradc.matrix("q", "p"), n, gradc.vector("q")),
    ),
    Told("largest_entry", gradc.grad(lambda x: np.max(x) ** 2), (n,)),
    Told("elementwise", gradc.elementwise_grad(lambda x: np.tanh(x) ** 2), (n,)),
    Told("jacobian", gradc.jacobian(lambda x: np.sin(x) * np.sum(x)), (n,)),
    Told("second_derivative", gradc.hessian(lambda x: np.exp(-(x**2)))),
    Told("hessian", gradc.hessian(least_squares), (n, X, m)),
    Told("laplacian", gradc.laplacian(lambda p: p[0] ** 2 * p[1] + np.sin(p[2])), (gradc.vector(3),)),
    Told("divergence", gradc.divergence(lambda p: np.array([p[0] ** 2, p[1] * p[2], p[2]])), (gradc.vector(3),)),
    Told("curl", gradc.curl(lambda p: np.array([p[1] ** 2, p[1] * p[2], p[2] * p[0]])), (gradc.vector(3),)),
)


def refresh() -> None:
    """Write every derivation as it is told: ``PYTHONPATH=compiler:runtime python tests/present/told_functions.py``."""
    for told in FUNCTIONS:
        told.file.write_text(f"{told.derivation}\n")


if __name__ == "__main__":
    refresh()
