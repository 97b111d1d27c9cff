"""The elementary functions: accuracy over the whole domain, special values, and the same bits in every lane."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import mpmath
import numpy as np
import pytest
import scipy.special
from elementwise import compiled, ulps, widest_lanes
from exact_functions import ARITY, EXACT, PRECISION, arguments

import gradc
from gradc.lower.mathematics import FUNCTIONS, coefficients, fit, is_inline
from gradc_runtime.engine import engine

pytestmark = pytest.mark.skipif(not engine().host.has_fma, reason="the functions are the C library's without FMA")

Array = np.ndarray

LANES = {"f8": max(8, widest_lanes("f8")), "f4": max(16, widest_lanes("f4"))}


def worst(name: str, dtype: str, count: int, seed: int) -> tuple[float, list[float]]:
    operands = arguments(name, dtype, count, seed)
    found = compiled(name, len(operands), dtype, LANES[dtype])(*operands)
    distances = ulps(found, EXACT[name], *operands, precision=PRECISION.get(name, 300))
    at = int(distances.argmax())
    return distances[at], [float(operand[at]) for operand in operands]


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_within_one_and_a_half_units_in_the_last_place(name: str, dtype: str) -> None:
    distance, at = worst(name, dtype, count=60, seed=11)
    assert distance <= 1.5, at


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_within_one_and_a_half_units_in_a_wide_sweep(name: str, dtype: str, seed: int) -> None:
    distance, at = worst(name, dtype, count=4000, seed=seed)
    assert distance <= 1.5, at


def test_every_function_is_tested() -> None:
    assert set(EXACT) == set(FUNCTIONS)


# ------------------------------------------------------------ special values

_NUMPY: dict[str, Callable[..., Array]] = {
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "pow": np.power,
    "erf": scipy.special.erf,
    "erfc": scipy.special.erfc,
    "sigmoid": lambda x: scipy.special.expit(x.astype("f8")).astype(x.dtype),
    "softplus": lambda x: np.where(np.isinf(x), np.maximum(x, 0), np.logaddexp(x, np.zeros_like(x))),
}


def special_values(dtype: str) -> list[float]:
    information = np.finfo(dtype)
    largest, subnormal = float(information.max), float(information.smallest_subnormal)
    positive = [0.0, subnormal, float(information.smallest_normal), 2.0**-30, 0.25, 1 / 3, 0.5, 1.0, 2.0, 3.0, 4.0, 7.0]
    positive += [float(np.nextafter(information.dtype.type(1), 0)), 10.0, 100.0, 1e5, 1e22, largest, np.inf]
    return [*positive, *[-value for value in positive], np.nan]


def all_pairs(values: list[float], arity: int, dtype: str) -> list[Array]:
    return [np.array(column, dtype) for column in zip(*itertools.product(values, repeat=arity), strict=True)]


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_values_are_numpys(name: str, dtype: str) -> None:
    operands = all_pairs(special_values(dtype), ARITY.get(name, 1), dtype)
    found = compiled(name, len(operands), dtype, LANES[dtype])(*operands)
    with np.errstate(all="ignore"):
        expected = _NUMPY.get(name, getattr(np, name, None))(*operands)  # type: ignore[misc]
        gap, unit = np.abs(found - expected), np.spacing(np.abs(expected))
    singular = np.isnan(expected) | np.isinf(expected) | (expected == 0)
    np.testing.assert_array_equal(found[singular], expected[singular])
    assert (gap <= 4 * unit)[~singular].all()
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[numbers]), np.signbit(expected[numbers]))


@pytest.mark.parametrize("lanes", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_place_in_an_array_does_not_matter(name: str, dtype: str, lanes: int) -> None:
    """The rest of an array is computed with fewer lanes, by the scalar routine or other instructions."""
    arity = ARITY.get(name, 1)
    values = special_values(dtype)
    operands = [
        np.concatenate([special, random])
        for special, random in zip(all_pairs(values, arity, dtype), arguments(name, dtype, 12, seed=5), strict=True)
    ]
    widest = compiled(name, arity, dtype, LANES[dtype])(*operands)
    found = compiled(name, arity, dtype, lanes)(*operands)
    same = (found.view(f"i{found.itemsize}") == widest.view(f"i{found.itemsize}")) | (
        np.isnan(found) & np.isnan(widest)
    )
    assert same.all(), [operand[~same] for operand in operands]


# ------------------------------------------------------------ particular demands


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_huge_angles_are_exact(name: str, dtype: str) -> None:
    huge = [1e5, 1e8, 1e22, 2.0**100, float(np.finfo(dtype).max)]
    if dtype == "f8":
        huge += [1e300, 2.0**1000, 5319372648326541416707072.0 * 2.0**-30, 6381956970095103.0 * 2.0**797]
    angles = np.array([*huge, *[-x for x in huge], 0.5, 1.0, 2.0], dtype)  # near and far share a vector
    for lanes in (1, LANES[dtype]):
        found = compiled(name, 1, dtype, lanes)(angles)
        assert ulps(found, EXACT[name], angles, precision=1400).max() <= 1.5


def test_huge_angles_in_a_kernel() -> None:
    """There the exact reduction is a routine that kernels share."""
    angles = np.array([0.5, 1e22, -1e300, 3.0, 6381956970095103.0 * 2.0**797, np.inf, np.nan, 1e6, 5e6] * 3)
    with np.errstate(invalid="ignore"):
        slopes = gradc.grad(lambda x: np.sum(np.sin(x)))(angles)
    assert ulps(slopes[:5], mpmath.cos, angles[:5], precision=1400).max() <= 1.5
    assert ulps(slopes[7:9], mpmath.cos, angles[7:9], precision=1400).max() <= 1.5
    assert np.isnan(slopes[5:7]).all()
    np.testing.assert_array_equal(slopes, np.tile(slopes[:9], 3))
    assert gradc.grad(np.sin)(1e22) == slopes[1]


@pytest.mark.parametrize("count", [5, 16, 37, 1000])
def test_registers_survive_a_huge_angle_among_others(count: int) -> None:
    """The function out of the way keeps what the rest of the loop holds."""
    rng = np.random.default_rng(count)
    x = rng.choice([-1.0, 1.0], count) * 10.0 ** rng.uniform(-3, 22.5, count)
    small = x * 1e-22
    slopes = gradc.grad(lambda x: np.sum(np.sin(x) * np.exp(-((x * 1e-22) ** 2)) + np.tanh(x * 1e-22) * np.cos(x)))(x)
    bell, curve = np.exp(-(small**2)), np.tanh(small)
    expected = np.cos(x) * bell - 2e-22 * small * np.sin(x) * bell
    expected += 1e-22 * (1 - curve**2) * np.cos(x) - curve * np.sin(x)
    np.testing.assert_allclose(slopes, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_logarithms_of_powers_are_whole(dtype: str) -> None:
    powers = np.arange(-120, 120)
    np.testing.assert_array_equal(compiled("log2", 1, dtype, LANES[dtype])(np.ldexp(1.0, powers)), powers)
    tens = np.arange(0, 23 if dtype == "f8" else 11)
    found = compiled("log10", 1, dtype, LANES[dtype])(np.array([10.0**k for k in tens], dtype))
    np.testing.assert_array_equal(found, tens)


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_powers_and_roots_that_are_exact(dtype: str) -> None:
    whole = np.arange(-30.0, 31.0)
    power = compiled("pow", 2, dtype, LANES[dtype])
    np.testing.assert_array_equal(power(whole, np.full(61, 2.0)), whole**2)
    np.testing.assert_array_equal(power(whole, np.full(61, 3.0)), whole**3)
    np.testing.assert_array_equal(power(np.full(61, 2.0), whole), 2.0**whole)
    np.testing.assert_array_equal(compiled("cbrt", 1, dtype, LANES[dtype])(whole**3), whole)
    np.testing.assert_array_equal(compiled("exp2", 1, dtype, LANES[dtype])(whole), 2.0**whole)


@pytest.mark.parametrize("name", ["sin", "exp", "tanh", "pow"])
def test_the_c_library_serves_machines_without_fma(name: str) -> None:
    operands = arguments(name, "f8", 12, seed=1)
    without = compiled(name, len(operands), "f8", 4, has_fma=False)(*operands)
    np.testing.assert_allclose(without, compiled(name, len(operands), "f8", 4)(*operands), rtol=1e-15, atol=0)


def test_what_is_inline() -> None:
    assert is_inline("exp", np.dtype("f8"))
    assert is_inline("exp", np.dtype("f4"))
    assert not is_inline("exp", np.dtype("f2"))
    assert not is_inline("lgamma", np.dtype("f8"))


# ------------------------------------------------------------ coefficients


def _stored(name: str) -> Iterator[tuple[tuple[float, ...], int]]:
    yield coefficients.DOUBLE[name], 53
    yield coefficients.SINGLE[name], 24


@pytest.mark.parametrize("name", fit.FITS)
def test_a_polynomial_is_as_close_as_its_coefficients_allow(name: str) -> None:
    """At points of its interval, the error is about a rounding of the largest term."""
    one = fit.FITS[name]
    with mpmath.workprec(260):
        lower, upper = one.lower(), one.upper()
        points = [lower + (upper - lower) * (mpmath.mpf(k) + mpmath.mpf("0.37")) / 40 for k in range(40)]
        for numbers, digits in _stored(name):
            for point in points:
                terms = [mpmath.mpf(c) * point**k for k, c in enumerate(numbers)]
                error = abs(mpmath.fsum(terms) - one.function(point))
                allowed = fit.SLACK.get(name, 1) * max(map(abs, terms)) * mpmath.ldexp(1, -digits)
                assert error <= allowed, (name, digits, float(point), float(error / allowed))


@pytest.mark.parametrize("name", fit.SPLITS)
def test_the_parts_of_a_constant_add_up(name: str) -> None:
    value, *bits = fit.SPLITS[name]
    with mpmath.workprec(260):
        for (numbers, digits), cuts in zip(_stored(name), bits, strict=True):
            assert len(numbers) == len(cuts) + 1
            assert abs(mpmath.fsum(numbers) - value()) <= abs(value()) * mpmath.ldexp(1, -sum(cuts) - digits + 1)


def test_the_stored_coefficients_are_the_fitted_ones() -> None:
    found: dict[str, dict[str, tuple[float, ...]]] = {}
    exec(fit.module_text(), found)
    for name, table in (("DOUBLE", coefficients.DOUBLE), ("SINGLE", coefficients.SINGLE)):
        assert found[name] == table
