"""Random programs of complex numbers: values as NumPy's, tangents as differences, cotangents that pair with tangents."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradc

Array = Any
N = 4

#: Operations on complex arrays of N entries that stay near the unit circle; A is a constant matrix.
UNARY: dict[str, Callable[[Array], Array]] = {
    "conjugate": np.conj,
    "real part": np.real,
    "imaginary part": np.imag,
    "modulus": np.abs,
    "square": lambda z: z * z * 0.5,
    "power": lambda z: (z + 2.5) ** 1.5 * 0.1,
    "negative power": lambda z: (z + 3) ** -2,
    "exponential": lambda z: np.exp(z * 0.5),
    "on the circle": lambda z: np.exp(1j * np.real(z)),
    "logarithm": lambda z: np.log(z + 3.5),
    "root": lambda z: np.sqrt(z + 3.5j),
    "sine": lambda z: np.sin(z) * 0.5,
    "tangent": lambda z: np.tanh(z * 0.3),
    "inverse": lambda z: np.arctan(z * 0.2),
    "sign": lambda z: np.sign(z + 2.5),
    "reversed": lambda z: z[::-1] * (1 - 0.5j),
    "rolled": lambda z: np.roll(z, 1),
    "picked": lambda z: z[np.array([0, 2, 2, 1])],
    "prefix sums": lambda z: np.cumsum(z) * 0.4,
    "prefix products": lambda z: np.cumprod(z) * 0.5,
    "mean": lambda z: z - np.mean(z),
    "product": lambda z: z * 0.3 + np.prod(z) * 0.1,
    "normalised": lambda z: z / (1 + np.linalg.norm(z)),
    "matrix": lambda z: A @ z,
    "transposed": lambda z: np.conj(A).T @ z,
    "selected": lambda z: np.where(np.arange(N) % 2 == 0, z, np.conj(z) * 1j),
    "parts swapped": lambda z: np.imag(z) + 1j * np.real(z),
    "single": lambda z: z + z[1:2],
}
BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "sum": lambda a, b: a + b * (0.5 - 1j),
    "difference": lambda a, b: np.conj(a) - b,
    "product": lambda a, b: a * b * 0.7,
    "quotient": lambda a, b: a / (b + 3),
    "power": lambda a, b: (a + 3) ** (b * 0.2),
    "inner product": lambda a, b: a * np.vdot(a, b) * 0.2,
    "outer": lambda a, b: np.outer(a, b).sum(axis=0) * 0.2,
    "convolution": lambda a, b: np.convolve(a, b)[:N] * 0.5,
    "joined": lambda a, b: np.concatenate([a, np.conj(b)])[::2],
}
A = (np.arange(N * N).reshape(N, N) % 5 - 2) * 0.15 + 0.1j * (np.arange(N * N).reshape(N, N) % 3 - 1)


def program(seed: int) -> Callable[..., Array]:
    """A function of two complex arrays and a real one."""
    rng = np.random.default_rng(seed)
    steps = []
    for _ in range(rng.integers(3, 9)):
        if rng.random() < 0.6:
            steps.append((UNARY[rng.choice(list(UNARY))], (rng.random(),)))
        else:
            steps.append((BINARY[rng.choice(list(BINARY))], (rng.random(), rng.random())))

    def run(z: Array, w: Array, x: Array) -> Array:
        values = [z, w, x]
        for operation, places in steps:
            values.append(operation(*[values[int(place * len(values))] for place in places]))
        return values[-1] + 1j * values[-2]

    return run


def along(f: Callable[..., Array], point: tuple[Array, ...], direction: tuple[Array, ...]) -> Array:
    weights, step = (4 / 5, -1 / 5, 4 / 105, -1 / 280), 2e-3

    def at(offset: float) -> Array:
        return f(*[p + offset * d for p, d in zip(point, direction, strict=True)])

    return sum(c * (at(k * step) - at(-k * step)) for k, c in enumerate(weights, 1)) / step


@pytest.mark.parametrize("seed", range(12))
def test_random_programs(seed: int) -> None:
    f, rng = program(seed), np.random.default_rng(seed + 1000)

    def numbers() -> Array:
        return rng.uniform(-1, 1, N) + 1j * rng.uniform(-1, 1, N)

    point, direction = (numbers(), numbers(), rng.uniform(-1, 1, N)), (numbers(), numbers(), rng.uniform(-1, 1, N))
    expected, slope = f(*point), along(f, point, direction)
    value, tangent = gradc.jvp(f, point, direction)
    assert value.dtype == expected.dtype
    np.testing.assert_allclose(value, expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(gradc.jit(f)(*point), expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(tangent, slope, rtol=1e-7, atol=1e-7 * (1 + np.abs(slope).max()))
    cotangent = numbers()
    pulled = gradc.vjp(f, *point)[1](cotangent)
    assert [p.dtype for p in pulled] == [p.dtype for p in point]
    paired = sum(np.sum(p * d).real for p, d in zip(pulled, direction, strict=True))
    np.testing.assert_allclose(paired, np.sum(cotangent * tangent).real, rtol=1e-9, atol=1e-10)
    # second order: the gradient of a real number, along the direction

    def energy(*given: Array) -> Array:
        return np.sum(np.abs(f(*given)) ** 2)

    gradient = gradc.grad(energy, argnums=(0, 1, 2))
    _, changes = gradc.jvp(gradient, point, direction)
    for k, change in enumerate(changes):
        wanted = along(lambda *given, k=k: gradient(*given)[k], point, direction)
        np.testing.assert_allclose(change, wanted, rtol=1e-6, atol=1e-6 * (1 + np.abs(wanted).max()))
