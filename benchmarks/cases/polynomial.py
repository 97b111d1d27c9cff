"""The gradient of a quartic at a Python float: what one call costs."""

from __future__ import annotations

import ctypes
from collections.abc import Collection

from benchmarks.measure import Candidate, Effort, Row, interleaved, prepared
from benchmarks.systems import handwritten, load

POINT = 2.0


def quartic(x):
    """The quartic, in whatever arithmetic x has."""
    return 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1


def with_gradc() -> Candidate:
    """The compiled gradient, called with a float."""
    gradient = load("gradc").grad(quartic)
    return lambda: gradient(POINT)


def with_jax() -> Candidate:
    """``jax.jit(jax.grad(f))``."""
    jax = load("jax")
    gradient = jax.jit(jax.grad(quartic))
    return lambda: gradient(POINT).block_until_ready()


def with_torch() -> Candidate:
    """Eager forward and backward on a scalar tensor."""
    torch = load("torch")
    x = torch.tensor(POINT, dtype=torch.float64, requires_grad=True)
    return lambda: torch.autograd.grad(quartic(x), x)[0].item()


def with_autograd() -> Candidate:
    """The tape, rebuilt at each call."""
    gradient = load("autograd").grad(quartic)
    return lambda: gradient(POINT)


def with_casadi() -> Candidate:
    """A CasADi Function, called with a float."""
    casadi = load("casadi")
    x = casadi.SX.sym("x")
    gradient = casadi.Function("gradient", [x], [casadi.gradient(quartic(x), x)])
    return lambda: float(gradient(POINT))


def with_symengine() -> Candidate:
    """``Lambdify`` (LLVM) of the symbolic derivative."""
    symengine = load("symengine")
    x = symengine.Symbol("x")
    gradient = symengine.Lambdify([x], [quartic(x).diff(x)], backend="llvm")
    return lambda: gradient([POINT])[0]


def with_c() -> Candidate:
    """The Horner form, called through ctypes."""
    gradient = handwritten().polynomial_gradient
    gradient.restype, gradient.argtypes = ctypes.c_double, [ctypes.c_double]
    return lambda: gradient(POINT)


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
    builders = {system: build for system, build in BUILDERS.items() if system in systems}
    row, candidates = prepared("gradient of a quartic, one call", builders, 93.0, 1e-12)
    return [interleaved(row, candidates, effort)]
