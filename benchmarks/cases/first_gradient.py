"""From a function never seen before to its first gradient in a warm process: trace, derive, compile, call once."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import numpy as np

from benchmarks.cases import network
from benchmarks.measure import Builder, Call, Effort, Row, Target, measured
from benchmarks.namespaces import numpy_of, rebound
from benchmarks.native import library_of
from benchmarks.problem import Problem
from benchmarks.systems import load

#: A new literal makes a new function: no cache, in memory or on disk, has seen it. (A captured number would be an input
#: of one and the same kernel.)
LITERALS = (1 + 1e-9 * k for k in itertools.count(1))

SCALAR = "lambda x: 2 * x**4 + x**3 + 3 * x**2 + {literal} * x + 1"
ARRAY = "lambda x: np.sum(np.sin({literal} * x) * np.exp(-(x**2)) + np.log1p(x**2))"
NETWORK = "lambda weights, inputs, labels: {literal} * loss(weights, inputs, labels)"

C_SOURCE = """
#include <math.h>
void gradient(const double *restrict x, double *restrict g, long n) {{
    for (long i = 0; i < n; i++)
        g[i] = exp(-x[i]*x[i]) * ({literal} * cos({literal}*x[i]) - 2*x[i]*sin({literal}*x[i])) + 2*x[i]/(1 + x[i]*x[i]);
}}"""


def fresh(source: str, namespace: Any = np) -> Callable[..., Any]:
    """A new function with ``np`` meaning that namespace."""
    scope = {"np": namespace, "loss": network.loss}
    if namespace is not np:
        scope["loss"] = rebound(network.loss, namespace)
    return eval(source.format(literal=repr(next(LITERALS))), scope)  # type: ignore[no-any-return]


def first_of(system: str, source: str, arguments: tuple[Any, ...]) -> Builder:
    """The builder of a candidate that each time derives a new function and calls the result once."""

    def with_gradc() -> Any:
        return load("gradc").grad(fresh(source))(*arguments)

    def with_jax() -> Any:
        jax = load("jax")
        return jax.block_until_ready(jax.jit(jax.grad(fresh(source, jax.numpy)))(*arguments))

    def with_torch() -> Any:
        function = fresh(source, numpy_of("torch"))
        return Problem(function, arguments).torch_step(function)()

    def with_autograd() -> Any:
        return load("autograd").grad(fresh(source, numpy_of("autograd")))(*arguments)

    def with_casadi() -> Any:
        casadi = load("casadi")
        x = casadi.MX.sym("x", np.size(arguments[0]))
        gradient = casadi.gradient(fresh(source, numpy_of("casadi"))(x), x)
        return casadi.Function("gradient", [x], [gradient])(*arguments).full()

    own = {"gradc": with_gradc, "jax": with_jax, "torch": with_torch, "autograd": with_autograd, "casadi": with_casadi}
    return lambda: Call(own[system])


def with_heyoka(x: np.ndarray) -> Call:
    """Derive the summand (of which the sum is taken), compile, evaluate."""
    heyoka = load("heyoka")

    def first() -> Any:
        s = heyoka.make_vars("x")
        summand = heyoka.sin(next(LITERALS) * s) * heyoka.exp(-(s**2)) + heyoka.log(1 + s**2)
        return heyoka.cfunc([heyoka.diff(summand, s)], [s], batch_size=16, fast_math=True)(x[None])

    return Call(first)


def with_symengine(x: np.ndarray) -> Call:
    """Derive the summand, ``Lambdify`` (LLVM), call."""
    symengine = load("symengine")

    def first() -> Any:
        s = symengine.Symbol("x")
        summand = symengine.sin(next(LITERALS) * s) * symengine.exp(-(s**2)) + symengine.log(1 + s**2)
        return symengine.Lambdify([s], [summand.diff(s)], backend="llvm")(x)

    return Call(first)


def symbolic_scalar(library: Any, compiled: Callable[[Any, Any], Callable[..., Any]]) -> Call:
    """The quartic, derived and compiled by a system of expressions, at a point."""

    def first() -> Any:
        x = library.Symbol("x")
        return compiled(x, fresh(SCALAR)(x).diff(x))

    return Call(first)


def with_c(x: np.ndarray) -> Call:
    """The derivative is already written: compile, load, call."""

    def first() -> np.ndarray:
        result = np.empty_like(x)
        library = library_of(C_SOURCE.format(literal=repr(next(LITERALS))))
        library.gradient(ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(result.ctypes.data), ctypes.c_long(len(x)))
        return result

    return Call(first)


def run(systems: Collection[str], effort: Effort) -> list[Row]:
    """A scalar function, a fused array kernel, a network."""
    x = np.linspace(-1, 1, 10_000)
    arguments = network.data((20, 7, 3), 16) if effort.is_quick else network.data(network.SIZES, network.BATCH)
    sympy_like: dict[str, Builder] = {
        "symengine": lambda: symbolic_scalar(
            load("symengine"), lambda s, d: load("symengine").Lambdify([s], [d], backend="llvm")([2.0])[0]
        ),
        "sympy": lambda: symbolic_scalar(load("sympy"), lambda s, d: load("sympy").lambdify([s], d, "math")(2.0)),
    }
    array_own: dict[str, Builder] = {
        "heyoka": partial(with_heyoka, x),
        "symengine": partial(with_symengine, x),
        "C": partial(with_c, x),
    }
    by_hand = np.exp(-(x**2)) * (np.cos(x) - 2 * x * np.sin(x)) + 2 * x / (1 + x**2)
    cases = [
        ("scalar function", SCALAR, (2.0,), 89.0, 5e-3, sympy_like),
        ("fused array kernel", ARRAY, (x,), by_hand, 10e-3, array_own),
        ("network", NETWORK, arguments, network.by_hand(*arguments)[1], 40e-3, {}),
    ]
    rows = []
    for title, source, given, expected, limit, own in cases:
        names = ("gradc", "jax", "torch", "autograd", *(["casadi"] if source is not NETWORK else []))
        builders = {name: first_of(name, source, given) for name in names} | own
        row = Row(f"first gradient: {title}", targets=(Target(limit),), headline=True)
        rows.append(measured(row, builders, systems, expected, effort.one_call(), 1e-5))
    return rows
