"""From a function never seen before to its first gradient in a warm process: trace, derive, compile, call once."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Collection

import numpy as np

from benchmarks.measure import Candidate, Effort, Row, interleaved, prepared
from benchmarks.systems import compile_c, load, pointer

X = np.linspace(-1, 1, 100)
#: A new constant makes a new function: no cache, in memory or on disk, has seen it.
FRESH = (1 + 1e-9 * k for k in itertools.count(1))


def with_gradc() -> Candidate:
    """Trace, derive, simplify, lower, LLVM, call."""
    gradc = load("gradc")

    def first():
        # As a literal: a captured number would be an input of one and the same kernel.
        constant = next(FRESH)
        function = eval(f"lambda x: np.sum(np.sin({constant} * x) * np.exp(-x**2))", {"np": np})
        return gradc.grad(function)(X)

    return first


def with_jax() -> Candidate:
    """Trace, XLA, call."""
    jax = load("jax")
    jnp = jax.numpy

    def first():
        constant = next(FRESH)
        return jax.jit(jax.grad(lambda x: jnp.sum(jnp.sin(constant * x) * jnp.exp(-(x**2)))))(X).block_until_ready()

    return first


def with_torch() -> Candidate:
    """Eager: nothing is compiled."""
    torch = load("torch")

    def first():
        x = torch.from_numpy(X).requires_grad_(True)
        value = torch.sum(torch.sin(next(FRESH) * x) * torch.exp(-(x**2)))
        return torch.autograd.grad(value, x)[0].numpy()

    return first


def with_autograd() -> Candidate:
    """A tape: nothing is compiled."""
    autograd = load("autograd")
    anp = __import__("autograd.numpy").numpy

    def first():
        constant = next(FRESH)
        return autograd.grad(lambda x: anp.sum(anp.sin(constant * x) * anp.exp(-(x**2))))(X)

    return first


def with_casadi() -> Candidate:
    """Build, derive, make the Function (its virtual machine compiles nothing), call."""
    casadi = load("casadi")

    def first():
        x = casadi.MX.sym("x", len(X))
        value = casadi.sum1(casadi.sin(next(FRESH) * x) * casadi.exp(-(x**2)))
        return casadi.Function("gradient", [x], [casadi.gradient(value, x)])(X).full().ravel()

    return first


def with_symengine() -> Candidate:
    """Derive the summand, ``Lambdify`` (LLVM), call."""
    symengine = load("symengine")

    def first():
        x = symengine.Symbol("x")
        summand = symengine.sin(next(FRESH) * x) * symengine.exp(-(x**2))
        return symengine.Lambdify([x], [summand.diff(x)], backend="llvm")(X)

    return first


def with_c() -> Candidate:
    """The derivative is already written: compile, load, call."""

    def first():
        constant = next(FRESH)
        function = compile_c(f"""
            #include <math.h>
            void gradient(const double *restrict x, double *restrict g, long n) {{
                for (long i = 0; i < n; i++)
                    g[i] = exp(-x[i]*x[i]) * ({constant!r} * cos({constant!r}*x[i]) - 2*x[i]*sin({constant!r}*x[i]));
            }}""").gradient
        function.restype, result = None, np.empty_like(X)
        function(pointer(X), pointer(result), ctypes.c_long(len(X)))
        return result

    return first


BUILDERS = {
    "gradc": with_gradc,
    "jax": with_jax,
    "torch": with_torch,
    "autograd": with_autograd,
    "casadi": with_casadi,
    "symengine": with_symengine,
    "C": with_c,
}


def run(systems: Collection[str], effort: Effort) -> list[Row]:
    """One row."""
    expected = np.exp(-(X**2)) * (np.cos(X) - 2 * X * np.sin(X))
    builders = {system: build for system, build in BUILDERS.items() if system in systems}
    row, candidates = prepared("from a new function to its first gradient", builders, expected, 1e-5)
    return [interleaved(row, candidates, effort.one_call())]
