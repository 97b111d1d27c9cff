"""Ufuncs as users call them: values at special points, keywords, and methods over random arrays."""

import numpy as np
import pytest

from gradc import grad, hessian, jit
from gradc.errors import DTypeError, ShapeError, TraceError

SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e300, -1e-300, 5e-324, np.inf, -np.inf, np.nan, 7.25])
WHOLE = np.array([0, 1, -1, 2, 3, -7, 100, -128, 127, 63, 64, -64])
UFUNCS = sorted({getattr(np, name).__name__ for name in np.__all__ if isinstance(getattr(np, name), np.ufunc)})
ELEMENTWISE = [name for name in UFUNCS if getattr(np, name).signature is None and name != "isnat"]
BINARY = [name for name in ELEMENTWISE if getattr(np, name).nin == 2 and getattr(np, name).nout == 1]


def grids(ufunc, values):
    return [values] if ufunc.nin == 1 else [g.ravel() for g in np.meshgrid(values, values)]


def numpy_or_none(call):
    try:
        with np.errstate(all="ignore"):
            return call()
    except (TypeError, ValueError):
        return None


def assert_same(found, expected):
    for have, wanted in zip(tupled(found), tupled(expected), strict=True):
        assert have.dtype == wanted.dtype
        tolerance = 1e-6 if wanted.dtype == np.float32 else 1e-13
        np.testing.assert_allclose(have, wanted, rtol=tolerance)


def tupled(value):
    return value if isinstance(value, tuple) else (value,)


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("values", [SPECIAL, WHOLE, WHOLE.astype(np.int8)], ids=["float64", "int64", "int8"])
def test_values_at_the_ends(name, values):
    """What NumPy gives, also at infinities, zeros of both signs, NaN, and where integers wrap around."""
    ufunc = getattr(np, name)
    args = grids(ufunc, values)
    expected = numpy_or_none(lambda: ufunc(*args))
    if name == "power" and values.dtype.kind == "i":
        return  # of integers: see test_dtypes
    if expected is None or any(e.dtype == np.float16 for e in tupled(expected)):
        with pytest.raises(DTypeError):
            jit(lambda *a: ufunc(*a))(*args)
        return
    found = jit(lambda *a: ufunc(*a))(*args)
    assert_same(found, expected)
    if name not in ("maximum", "minimum", "fmax", "fmin"):  # NumPy leaves open which zero wins
        for have, wanted in zip(tupled(found), tupled(expected), strict=True):
            if wanted.dtype.kind == "f":
                np.testing.assert_array_equal(np.signbit(have[have == 0]), np.signbit(wanted[wanted == 0]))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_out_and_where(name):
    """``out=`` with a mask: other entries keep what was there, and the result is ``out`` itself."""
    ufunc = getattr(np, name)
    rng = np.random.default_rng(5)
    args = [rng.uniform(0.2, 0.9, 6) for _ in range(ufunc.nin)]
    results = numpy_or_none(lambda: tupled(ufunc(*args)))
    if results is None:
        args = [rng.integers(1, 5, 6) for _ in range(ufunc.nin)]
        results = tupled(ufunc(*args))
    mask = rng.random(6) < 0.5
    outs = [np.full(6, 1, r.dtype) for r in results]

    def f(*given):
        targets = tuple(np.full(6, 1, r.dtype) for r in results)
        returned = tupled(ufunc(*given, out=targets, where=mask))
        return tuple(r if r is t else None for r, t in zip(returned, targets))  # noqa: B905

    with np.errstate(all="ignore"):
        ufunc(*args, out=tuple(outs), where=mask)
    assert_same(jit(f)(*args), tuple(outs))


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("method", ["reduce", "accumulate", "reduceat", "outer", "at"])
def test_methods(name, method):
    """Every method of every ufunc of two arguments, where NumPy has it."""
    ufunc = getattr(np, name)
    rng = np.random.default_rng(11)
    arrays = [rng.uniform(0.3, 2.0, (3, 4)), rng.integers(1, 6, (3, 4))]
    if name.startswith(("logical", "bitwise", "max", "add", "mul")):
        arrays.append(rng.random((3, 4)) < 0.5)
    for x in arrays:
        args = (x.copy(), *_arguments(method, x))
        expected = numpy_or_none(lambda: _applied(ufunc, method, *args))  # noqa: B023
        if expected is None or (name == "power" and x.dtype.kind != "f"):  # of integers: see test_dtypes
            continue
        if name in ("arctan2", "power", "ldexp") and method.startswith("reduce"):  # whose operands NumPy mixes up
            continue
        if any(e.dtype == np.float16 for e in tupled(expected)) or _looks_through_halves(ufunc, x):
            continue
        found = jit(lambda *a: _applied(ufunc, method, *a))(*args)
        assert_same(found, expected)


def _looks_through_halves(ufunc, x):
    """Whether NumPy computes with float16, which gradc does not have."""
    return x.dtype == bool and ufunc.resolve_dtypes((x.dtype, x.dtype, None))[0] == np.float16


def _arguments(method, x):
    if method == "outer":
        return (x[0],)
    return (x[:, :3],) if method == "at" else ()


def _applied(ufunc, method, x, *rest):
    if method == "reduceat":
        return ufunc.reduceat(x, [0, 2, 1], axis=1)
    if method == "at":
        x = np.array(x)
        ufunc.at(x, (slice(None), np.array([3, 0, 3])), *rest)
        return x
    if method == "outer":
        return ufunc.outer(x, *rest)
    return getattr(ufunc, method)(x, axis=1)


@pytest.mark.parametrize("ufunc", [np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum], ids=str)
def test_at_with_indices_that_are_not_known(ufunc):
    rng = np.random.default_rng(2)
    x, values, places = rng.uniform(0.5, 2, 5), rng.uniform(0.5, 2, 9), rng.integers(-5, 5, 9)

    def f(x, places, values):
        out = x * 1.0
        ufunc.at(out, places, values)
        return out

    np.testing.assert_allclose(jit(f)(x, places, values), f(x, places, values), rtol=1e-14)
    slope = grad(lambda x, v: f(x, places, v).sum(), (0, 1))(x, values)
    step = 1e-6
    for k in range(9):
        moved = values + step * (np.arange(9) == k)
        back = values - step * (np.arange(9) == k)
        np.testing.assert_allclose(
            slope[1][k], (f(x, places, moved) - f(x, places, back)).sum() / (2 * step), atol=1e-7
        )


def test_methods_of_lists_of_traced_numbers():
    assert jit(lambda x: np.add.reduce([x[0], x[1] * 2]))(np.array([1.0, 3.0])) == 7.0


def test_the_work_of_scattering_grows_with_what_is_scattered():
    def scattered(x, v):
        out = x * 1.0
        np.multiply.at(out, np.arange(len(v)) % 7, v)
        np.maximum.at(out, np.arange(len(v)) % 5, v)
        return (out * np.multiply.reduceat(x, np.arange(0, len(x), 10)).sum()).sum()

    def work(function, n):
        return function.cost(np.ones(n), np.ones(n)).flops

    for function in (jit(scattered), grad(scattered, (0, 1))):
        assert work(function, 800) < 2.5 * work(function, 400)


def test_the_work_of_a_product_at_places_that_are_not_known():
    def scattered(v, places):
        out = v * 1.0
        np.multiply.at(out, places, v)
        return out.sum()

    for function in (jit(scattered), grad(scattered)):
        small, large = (function.cost(np.ones(n), np.arange(n)).flops for n in (1000, 2000))
        assert large < 2.5 * small


@pytest.mark.parametrize("zeros", [0, 1, 3])
def test_both_derivatives_of_a_product_at_places_that_are_not_known(zeros):
    values = np.array([2.0, -3.0, 0.5, 1.5, -0.7])
    values[:zeros] = 0.0
    places, weights = np.array([0, 0, 1, 1, 0]), np.array([1.0, -2.0])

    def scattered(v, places):
        out = np.ones(2)
        np.multiply.at(out, places, v)
        return (out * weights).sum()

    def written(v, places):
        return v[0] * v[1] * v[4] - 2 * v[2] * v[3]

    np.testing.assert_allclose(grad(scattered)(values, places), grad(written)(values, places), rtol=1e-14)
    if zeros < 2:
        np.testing.assert_allclose(hessian(scattered)(values, places), hessian(written)(values, places), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8])
@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.minimum], ids=str)
def test_many_entries_scattered_by_several_threads(ufunc, dtype):
    rng = np.random.default_rng(8)
    x, v = (rng.uniform(0.99, 1.01, n).astype(dtype) for n in (1000, 100_000))
    places = rng.integers(0, 1000, 100_000)

    def f(x, places, v):
        out = np.array(x)
        ufunc.at(out, places, v)
        return out

    np.testing.assert_allclose(jit(f)(x, places, v), f(x, places, v), rtol=1e-4)


def test_where_without_out_and_wrong_out():
    x = np.ones(3)
    with pytest.raises(TraceError, match="give it out="):
        jit(lambda x: np.exp(x, where=x > 0))(x)
    with pytest.raises(TraceError, match="out= must be an array"):
        jit(lambda x: np.exp(x, out=[1.0, 2.0, 3.0]))(x)
    with pytest.raises(ShapeError, match="non-broadcastable output"):
        jit(lambda x: np.exp(x, out=np.zeros((1, 3))[:, :1]))(x)
    with pytest.raises(DTypeError, match="needs bools"):
        jit(lambda x: np.exp(x, where=x, out=x))(x)


@pytest.mark.parametrize(
    ("function", "point", "slope"),
    [
        (lambda x: x**0, 0.0, 0.0),
        (lambda x: x**1, 0.0, 1.0),
        (lambda x: x**3, -2.0, 12.0),
        (lambda x: 0.0**x, 2.0, 0.0),
        (lambda x: np.power(np.array([0.0, 2.0]), x).sum(), 0.0, np.log(2.0)),
        (lambda x: np.modf(x)[0], -3.0, 1.0),
        (lambda x: np.fmod(x, 3.0), 0.0, 1.0),
        (lambda x: np.frexp(x)[0], 6.0, 0.125),
        (lambda x: np.ldexp(x, 3), 6.0, 8.0),
        (lambda x: np.copysign(x, -1.0), 2.0, -1.0),
        (lambda x: np.nextafter(x, 5.0), 1.0, 1.0),
        (lambda x: np.fmax(x, np.nan), 2.0, 1.0),
        (lambda x: np.clip(x, 0, 1), 1.0, 0.5),
        (lambda x: np.log(x, out=np.array(0.0), where=x > 0) + x, -1.0, 1.0),
        (lambda x: np.logaddexp.reduce(np.array([-np.inf, 1.0]) + x), 2.0, 1.0),
        (lambda x: np.cbrt(x), -8.0, 1 / 12),
    ],
)
def test_slopes_at_special_points(function, point, slope):
    assert grad(function)(point) == pytest.approx(slope, abs=1e-15)


def test_a_product_with_a_zero_at_places_has_its_derivative():
    def f(x):
        out = np.ones(3)
        np.multiply.at(out, [0, 0, 1], x)
        return out.sum()

    np.testing.assert_allclose(grad(f)(np.array([0.0, 3.0, 2.0])), [3.0, 0.0, 1.0])
