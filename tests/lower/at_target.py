"""Kernels of all kinds compared with NumPy, in a process that makes code for another processor: see `test_targets`.

``python at_target.py`` runs them on this machine, ``python at_target.py aarch64-unknown-linux-gnu`` only compiles. Either
way it writes what it found as JSON.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from elementwise import compiled, ulps, widest_lanes
from exact_functions import ARITY, EXACT, PRECISION, arguments
from small_network import by_hand, network, trained

import gradc
from gradc.lower import chain
from gradc.lower.mathematics import FUNCTIONS
from gradc_runtime import engine as engine_module
from gradc_runtime import peaks
from gradc_runtime.engine import Engine, Host, engine
from gradc_runtime.threads_code import pool_text

Array = np.ndarray
Case = tuple[Callable[..., Any], tuple[Any, ...]]

#: Lengths about the widths of vectors, and of several vectors per turn.
LENGTHS = (1, 2, 3, 5, 8, 15, 17, 67, 259)
#: The largest distance from the exact value, in units in the last place: ours, and the C library's.
OWN_ULPS, LIBRARY_ULPS = 1.5, 3.0


def waves(x: Array) -> Any:
    return np.sum(np.sin(x) * np.exp(-(x**2)) + np.log1p(x**2))


def softmax(x: Array) -> Any:
    shifted = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return shifted / np.sum(shifted, axis=-1, keepdims=True)


def guarded(x: Array) -> Any:
    return np.where(x > 0, np.sqrt(x), x * x - 1.0)


def differences(x: Array) -> Any:
    return x[2:] - 2.0 * x[1:-1] + x[:-2]


def projection(camera: Array, point: Array) -> Any:
    along = np.cross(camera[:3], point - camera[3:6])
    return camera[6] * along[:2] / (1.5 + along[2] ** 2)


def descent(x: Array) -> Any:
    target = np.sin(x)
    return gradc.fori_loop(0, 20, lambda i, s: s - 0.1 * (s - target + 0.2 * s**2 - 0.1 * s**3) + 0.01 * s * s, target)


def along_lengths(rng: np.random.Generator) -> Iterator[Case]:
    """What tails of loops may get wrong."""
    for count in LENGTHS:
        x = rng.normal(size=count)
        x[:: max(count // 2, 1)] *= 1e3
        yield waves, (x,)
        yield guarded, (x,)
        yield descent, (x,)
        yield np.cumsum, (x,)
        yield np.argmin, (x,)
        yield lambda x: (np.max(x), np.min(x), np.sum(x), np.prod(x)), (x,)
        yield lambda x: x * 1.5 - np.tanh(x), (x.astype("f4"),)
        yield lambda k: (k // 3, k % -4, k * k - 7, k > 2), (np.arange(-3, count - 3),)


def special(rng: np.random.Generator) -> Iterator[Case]:
    """NaN, infinities and zeros of both signs."""
    values = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 5e-324, 1e308] * 3)
    yield lambda x: np.maximum(x, 0.0), (values,)
    yield lambda x: np.minimum(1.0, x), (values,)
    yield lambda x: (np.max(x), np.argmax(x), np.sum(x)), (values,)
    yield lambda x: np.copysign(2.0, x) * np.floor(x), (values,)
    yield lambda x: np.where(np.isnan(x), 0.0, np.sign(x)), (values,)
    yield lambda x: np.exp(x) + np.cos(x), (values,)


def matrices(rng: np.random.Generator) -> Iterator[Case]:
    """Rows, columns, products and batches."""
    A, B = rng.normal(size=(37, 29)), rng.normal(size=(29, 23))
    yield np.matmul, (A, B)
    yield np.matmul, (A.astype("f4"), B.astype("f4"))
    yield lambda A: A @ A.T, (rng.normal(size=(45, 70)),)
    yield np.matmul, (rng.normal(size=(130, 41)), rng.normal(size=(41, 77)))
    yield np.matmul, (rng.normal(size=(50, 4, 5)), rng.normal(size=(50, 5, 3)))
    yield lambda A, v: A @ (A.T @ v), (A, rng.normal(size=37))
    yield softmax, (A,)
    yield lambda A: (np.sum(A, axis=0), np.sum(A, axis=1), np.var(A, axis=1)), (A,)
    yield lambda A: 2.0 * A.T + 1.0, (A,)
    yield lambda A: A[::-1, ::3] - 1.0, (A,)
    yield differences, (A[0],)
    yield lambda A, i: A[i] * 2.0, (A, np.array([3, 36, 0, 3]))
    yield lambda P: np.sum(P**2, axis=1), (rng.normal(size=(101, 3)),)


def compare(function: Callable[..., Any], operands: tuple[Any, ...]) -> None:
    """The kernel's result beside NumPy's."""
    with np.errstate(all="ignore"):
        expected = function(*operands)
    found = gradc.jit(function)(*operands)
    single = any(np.asarray(a).dtype == np.float32 for a in operands)
    many = expected if isinstance(expected, tuple) else (expected,)
    for ours, theirs in zip(found if isinstance(found, tuple) else (found,), many, strict=True):
        scale = np.max(np.abs(theirs[np.isfinite(theirs)]), initial=0.0) if np.ndim(theirs) else abs(theirs)
        bound = (1e-5 if single else 1e-12) * (scale if np.isfinite(scale) else 0.0)
        np.testing.assert_allclose(ours, theirs, rtol=1e-5 if single else 1e-12, atol=bound)


def derivatives(rng: np.random.Generator) -> None:
    """Gradients of everything that has one, beside differences."""
    x = rng.normal(size=67)
    for function in (waves, lambda x: np.sum(np.cumsum(x) ** 2), lambda x: np.sum(softmax(x) * x), np.prod):
        gradient, step = gradc.grad(function)(x), rng.normal(size=x.size)
        slope = (function(x + 1e-6 * step) - function(x - 1e-6 * step)) / 2e-6
        np.testing.assert_allclose(gradient @ step, slope, rtol=1e-6, atol=1e-6 * abs(slope) + 1e-12)
    places = np.array([1, 5, 1, 66])
    np.testing.assert_array_equal(
        gradc.grad(lambda x: np.sum(x[places] ** 2))(x), np.bincount(places, minlength=67) * 2 * x
    )
    cameras, points = rng.normal(size=(21, 7)), rng.normal(size=(21, 3))
    together = gradc.vmap(gradc.jacobian(projection))(cameras, points)
    one = gradc.jacobian(projection)
    for k in (0, 7, 20):
        np.testing.assert_allclose(together[k], one(cameras[k], points[k]), rtol=1e-12, atol=1e-13)


def elementary() -> dict[str, str]:
    """The functions on whole vectors and one by one; what their results are, bit by bit."""
    digests: dict[str, str] = {}
    bound = OWN_ULPS if engine().host.has_fma else LIBRARY_ULPS
    for name in FUNCTIONS:
        for dtype in ("f8", "f4"):
            operands = arguments(name, dtype, 12, 5)
            wide = compiled(name, ARITY.get(name, 1), dtype, widest_lanes(dtype))(*operands)
            single = compiled(name, ARITY.get(name, 1), dtype, 1)(*operands)
            assert wide.tobytes() == single.tobytes(), name
            worst = ulps(wide, EXACT[name], *operands, precision=PRECISION.get(name, 300)).max()
            assert worst <= bound, (name, dtype, worst)
            digests[f"{name} {dtype}"] = hashlib.sha256(np.where(np.isnan(wide), 0, wide).tobytes()).hexdigest()
    return digests


def small_programs() -> dict[str, str]:
    """Straight-line code beside NumPy; what its results are, bit by bit."""
    digests: dict[str, str] = {}
    for dtype, bound in (("f8", 1e-10), ("f4", 1e-2)):
        found = gradc.jit(trained)(*network(dtype))
        for ours, theirs in zip(found, by_hand(*network(dtype)), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=bound, atol=bound)
        digests[dtype] = hashlib.sha256(b"".join(part.tobytes() for part in found)).hexdigest()
    return digests


def run_here() -> dict[str, Any]:
    """Everything, on this machine."""
    rng = np.random.default_rng(3)
    for cases in (along_lengths, special, matrices):
        for function, operands in cases(rng):
            compare(function, operands)
    derivatives(rng)
    assembly = gradc.value_and_grad(waves).asm(np.ones(1003))
    assert peaks.peaks().flops > 0
    return {
        "vector_bits": engine().host.vector_bits,
        "has_fma": engine().host.has_fma,
        "registers": sorted(set(re.findall(r"%([xyz]mm)\d", assembly))),
        "fused": len(re.findall(r"\bvfn?m(?:add|sub)", assembly)),
        "digests": elementary(),
        "small": small_programs(),
    }


# ---------------------------------------------------------------- another kind of machine


def compile_only(triple: str) -> dict[str, Any]:
    """The machine code of the same kernels for a machine that this one is not."""
    foreign = Engine(Host("", "+neon", triple, 128, has_fma=True))
    engine_module._engine = foreign
    texts: list[str] = []

    class Unloaded:
        """Stands where the linked kernel would be."""

        def __init__(self, code: bytes, *_: Any, **__: Any) -> None:
            self.object_code = code

    chain.LoadedKernel = Unloaded
    assembly: list[str] = []
    rng = np.random.default_rng(3)
    for cases in (along_lengths, special, matrices):
        for function, operands in cases(rng):
            compiled = gradc.jit(function)
            texts.append(compiled.llvm(*operands))
            assembly.append(compiled.asm(*operands))
    texts.append(gradc.jit(trained).llvm(*network("f8")))
    gradient = gradc.value_and_grad(waves)
    texts.append(gradient.llvm(np.ones(1003)))
    assembly.append(gradient.asm(np.ones(1003)))
    for text in {*texts, pool_text(triple, yields=True), peaks.module_text(2, has_fma=True)}:
        assert foreign.compile(text)
    return {
        "kernels": len(assembly),
        "of_x86": sum("llvm.x86" in text for text in texts),
        "fused": sum("fmla" in text for text in assembly),
    }


def main() -> None:
    """What the command line asks for."""
    found = compile_only(sys.argv[1]) if len(sys.argv) > 1 else run_here()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
