"""A straight line fitted to 100 points: 500 epochs of gradient descent, the loop in Python (for C: in C)."""

from __future__ import annotations

from collections.abc import Collection
from ctypes import c_double, c_int, c_size_t, c_void_p

import numpy as np

from benchmarks.measure import Candidate, Effort, Row, interleaved, prepared
from benchmarks.systems import handwritten, load, pointer

EPOCHS, RATE = 500, 0.1
_rng = np.random.default_rng(1)
X = _rng.standard_normal(100)
Y = 1 + 2 * X + 0.1 * _rng.standard_normal(100)


def loss(b, x, y):
    """The mean squared error, in whatever arithmetic the arguments have."""
    return ((b[0] + b[1] * x - y) ** 2).mean()


def with_gradc() -> Candidate:
    """The gradient compiled, the update in NumPy."""
    gradient = load("gradc").grad(loss)

    def descend():
        b = np.zeros(2)
        for _ in range(EPOCHS):
            b = b - RATE * gradient(b, X, Y)
        return b

    return descend


def with_jax() -> Candidate:
    """The whole update step under jit."""
    jax = load("jax")
    update = jax.jit(lambda b, x, y: b - RATE * jax.grad(loss)(b, x, y))
    x, y = jax.numpy.asarray(X), jax.numpy.asarray(Y)

    def descend():
        b = jax.numpy.zeros(2)
        for _ in range(EPOCHS):
            b = update(b, x, y)
        return b.block_until_ready()

    return descend


def with_torch() -> Candidate:
    """Eager tensors, the update without gradients."""
    torch = load("torch")
    x, y = torch.from_numpy(X), torch.from_numpy(Y)

    def descend():
        b = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        for _ in range(EPOCHS):
            (gradient,) = torch.autograd.grad(loss(b, x, y), b)
            with torch.no_grad():
                b -= RATE * gradient
        return b.detach().numpy()

    return descend


def with_autograd() -> Candidate:
    """The tape over NumPy."""
    anp = __import__("autograd.numpy").numpy
    gradient = load("autograd").grad(lambda b, x, y: anp.mean((b[0] + b[1] * x - y) ** 2))

    def descend():
        b = np.zeros(2)
        for _ in range(EPOCHS):
            b = b - RATE * gradient(b, X, Y)
        return b

    return descend


def with_casadi() -> Candidate:
    """A CasADi Function through its buffer interface, the update in NumPy."""
    casadi = load("casadi")
    b, x, y = casadi.MX.sym("b", 2), casadi.MX.sym("x", len(X)), casadi.MX.sym("y", len(X))
    value = casadi.sum1((b[0] + b[1] * x - y) ** 2) / len(X)
    function = casadi.Function("gradient", [b, x, y], [casadi.gradient(value, b)])
    buffer, evaluate = function.buffer()
    point, gradient = np.zeros(2), np.empty(2)
    for position, array in enumerate((point, X, Y)):
        buffer.set_arg(position, memoryview(array))
    buffer.set_res(0, memoryview(gradient))

    def descend():
        point[:] = 0
        for _ in range(EPOCHS):
            evaluate()
            point[:] -= RATE * gradient
        return point

    descend.buffer = buffer
    return descend


def with_c() -> Candidate:
    """Gradient, update and loop in C."""
    function = handwritten().regression
    function.argtypes = [c_void_p, c_void_p, c_void_p, c_size_t, c_int, c_double]
    b = np.zeros(2)

    def descend():
        b[:] = 0
        function(pointer(b), pointer(X), pointer(Y), len(X), EPOCHS, RATE)
        return b

    return descend


BUILDERS = {
    "gradc": with_gradc,
    "jax": with_jax,
    "torch": with_torch,
    "autograd": with_autograd,
    "casadi": with_casadi,
    "C": with_c,
}


def run(systems: Collection[str], effort: Effort) -> list[Row]:
    """One row."""
    expected, *_ = np.linalg.lstsq(np.column_stack([np.ones(len(X)), X]), Y, rcond=None)
    builders = {system: build for system, build in BUILDERS.items() if system in systems}
    row, candidates = prepared(f"linear regression, {EPOCHS} epochs", builders, expected, 1e-6)
    return [interleaved(row, candidates, effort)]
