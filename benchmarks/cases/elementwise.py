"""Value and gradient of ``sum(sin(x) exp(-x^2) + log1p(x^2))`` over arrays of growing length."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Collection
from functools import partial

import numpy as np

from benchmarks.measure import Candidate, Effort, Row, interleaved, prepared
from benchmarks.systems import handwritten, load, pointer

SIZES = tuple(10**k for k in range(2, 8))


def waves(x):
    """The function in NumPy."""
    return np.sum(np.sin(x) * np.exp(-(x**2)) + np.log1p(x**2))


def waves_gradient(x: np.ndarray) -> np.ndarray:
    """Its gradient by hand, the reference."""
    return np.exp(-(x**2)) * (np.cos(x) - 2 * x * np.sin(x)) + 2 * x / (1 + x**2)


def with_gradc(x: np.ndarray) -> Candidate:
    """Value and gradient from one kernel."""
    step = load("gradc").value_and_grad(waves)
    return lambda: step(x)


def with_jax(x: np.ndarray) -> Candidate:
    """``jax.jit(jax.value_and_grad(f))`` on a device array."""
    jax = load("jax")
    jnp = jax.numpy
    step = jax.jit(jax.value_and_grad(lambda x: jnp.sum(jnp.sin(x) * jnp.exp(-(x**2)) + jnp.log1p(x**2))))
    on_device = jnp.asarray(x)
    return lambda: jax.block_until_ready(step(on_device))


def with_torch(x: np.ndarray) -> Candidate:
    """Eager forward and backward."""
    torch = load("torch")
    leaf = torch.from_numpy(x.copy()).requires_grad_(True)

    def step():
        value = torch.sum(torch.sin(leaf) * torch.exp(-(leaf**2)) + torch.log1p(leaf**2))
        return value.item(), torch.autograd.grad(value, leaf)[0].numpy()

    return step


def with_autograd(x: np.ndarray) -> Candidate:
    """The tape over NumPy."""
    autograd = load("autograd")
    anp = __import__("autograd.numpy").numpy
    step = autograd.value_and_grad(lambda x: anp.sum(anp.sin(x) * anp.exp(-(x**2)) + anp.log1p(x**2)))
    return lambda: step(x)


def with_casadi(x: np.ndarray) -> Candidate:
    """A vector-valued CasADi Function through its buffer interface (no copies)."""
    casadi = load("casadi")
    symbol = casadi.MX.sym("x", len(x))
    value = casadi.sum1(casadi.sin(symbol) * casadi.exp(-(symbol**2)) + casadi.log1p(symbol**2))
    function = casadi.Function("step", [symbol], [value, casadi.gradient(value, symbol)])
    buffer, evaluate = function.buffer()
    total, gradient = np.empty(1), np.empty(len(x))
    buffer.set_arg(0, memoryview(x))
    buffer.set_res(0, memoryview(total))
    buffer.set_res(1, memoryview(gradient))

    def step():
        evaluate()
        return total[0], gradient

    step.buffer = buffer  # the function object keeps the buffer alive
    return step


def with_symengine(x: np.ndarray) -> Candidate:
    """``Lambdify`` (LLVM) of the summand and its derivative, broadcast over the entries."""
    symengine = load("symengine")
    s = symengine.Symbol("x")
    summand = symengine.sin(s) * symengine.exp(-(s**2)) + symengine.log(1 + s**2)
    function = symengine.Lambdify([s], [summand, summand.diff(s)], backend="llvm")

    def step():
        both = function(x)
        return both[:, 0].sum(), both[:, 1]

    return step


def with_c(x: np.ndarray) -> Candidate:
    """The fused loop written by hand, into a gradient allocated once."""
    function = handwritten().waves
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    gradient = np.empty_like(x)
    arguments = (pointer(x), pointer(gradient), len(x))
    return lambda: (function(*arguments), gradient)


BUILDERS: dict[str, Callable[[np.ndarray], Candidate]] = {
    "gradc": with_gradc,
    "jax": with_jax,
    "torch": with_torch,
    "autograd": with_autograd,
    "casadi": with_casadi,
    "symengine": with_symengine,
    "C": with_c,
}


def run(systems: Collection[str], effort: Effort) -> list[Row]:
    """One row per length."""
    rows = []
    for length in SIZES:
        if length > effort.largest:
            break
        x = np.random.default_rng(length).standard_normal(length)
        builders = {system: partial(build, x) for system, build in BUILDERS.items() if system in systems}
        title = f"value and gradient, elementwise sum, n = {length:,}"
        row, candidates = prepared(title, builders, (waves(x), waves_gradient(x)), 1e-9)
        rows.append(interleaved(row, candidates, effort))
    return rows
