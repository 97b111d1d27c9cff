"""What is asked of every form: NumPy's values, and derivatives that agree with differences of NumPy's values.

Each check returns None where all is well, or says what NumPy itself refuses; otherwise it raises.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.errors import CompileError, GradcError, InternalError
from gradc.function import Function, Transform
from gradc.transforms import Grad, Hvp, Jvp, Vjp
from surface.form import Form

#: Central differences of the eighth order: coefficients for the offsets 1..4 of the first derivative, 0..4 of the second.
_FIRST = (4 / 5, -1 / 5, 4 / 105, -1 / 280)
_SECOND = (-205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560)
_STEP = 2e-3

#: NumPy itself has no such form.
NUMPY_REFUSES = "NumPy refuses"


class Refused(Exception):
    """gradc refuses the form with one of its own errors."""


def leaves_of(value: Any) -> list[Any]:
    """The arrays and numbers in nested lists, tuples and dicts."""
    if isinstance(value, dict):
        return [leaf for key in value for leaf in leaves_of(value[key])]
    if isinstance(value, tuple | list):
        return [leaf for item in value for leaf in leaves_of(item)]
    return [value]


def is_float(value: Any) -> bool:
    """Whether an argument or result is differentiated."""
    return isinstance(value, float | complex) or (hasattr(value, "dtype") and value.dtype.kind in "fc")


def assert_same(actual: Any, expected: Any, tolerance: float) -> None:
    """Equal structure, dtype and shape; values close, relative to the largest."""
    if isinstance(expected, tuple | list):
        assert isinstance(actual, tuple | list), f"{type(actual).__name__} instead of {type(expected).__name__}"
        assert len(actual) == len(expected)
        for a, e in zip(actual, expected, strict=True):
            assert_same(a, e, tolerance)
        return
    if isinstance(expected, dict):
        assert list(actual) == list(expected)
        for key in expected:
            assert_same(actual[key], expected[key], tolerance)
        return
    if expected is None or isinstance(expected, str | np.dtype | type):
        assert actual == expected
        return
    have, wanted = np.asarray(actual), np.asarray(expected)
    assert have.dtype == wanted.dtype, f"dtype {have.dtype} instead of {wanted.dtype}"
    assert have.shape == wanted.shape, f"shape {have.shape} instead of {wanted.shape}"
    if wanted.dtype.kind not in "fc":
        np.testing.assert_array_equal(have, wanted)
        return
    finite = np.abs(wanted[np.isfinite(wanted)])
    scale = min(float(finite.max(initial=0.0)), 1e300)
    np.testing.assert_allclose(have, wanted, rtol=tolerance, atol=tolerance * scale)


class Case:
    """A form with arguments of one dtype: what is differentiated, along what, and NumPy's values near it."""

    def __init__(self, row: Form, convert: Callable[[Any, np.random.Generator], Any] | None = None) -> None:
        self.row = row
        generator = np.random.default_rng(5)
        self.arguments = [convert(a, generator) if convert and is_float(a) else copy.deepcopy(a) for a in row.arguments]
        self.places = [k for k, a in enumerate(self.arguments) if is_float(a)]
        self.point = [self.arguments[k] for k in self.places]
        self.direction = [_random_like(a, generator) for a in self.point]

    def of_floats(self) -> Callable[..., Any]:
        """The form as a function of what is differentiated; only its float results."""
        function, places, fixed = self.row.function, self.places, [copy.deepcopy(a) for a in self.arguments]

        def of_floats(*point: Any) -> Any:
            arguments = list(fixed)
            for place, value in zip(places, point):  # noqa: B905
                arguments[place] = value
            return [leaf for leaf in leaves_of(function(*arguments)) if is_float(leaf)]

        return of_floats

    def expected(self, arguments: Sequence[Any] | None = None) -> Any:
        """NumPy's result."""
        with np.errstate(all="ignore"):
            return self.row.function(*copy.deepcopy(list(arguments or self.arguments)))

    def near(self, offset: float) -> list[np.ndarray]:
        """NumPy's float results so far along the direction."""
        arguments = list(self.arguments)
        for place, at, along in zip(self.places, self.point, self.direction, strict=True):
            arguments[place] = at + offset * along
        return [np.asarray(leaf) for leaf in leaves_of(self.expected(arguments)) if is_float(leaf)]

    def slopes(self) -> list[np.ndarray]:
        """The first derivative of each float result along the direction."""
        pairs = [(self.near(k * _STEP), self.near(-k * _STEP)) for k in range(1, 5)]
        count = len(pairs[0][0])
        return [
            sum(c * (up[i] - down[i]) for c, (up, down) in zip(_FIRST, pairs, strict=True)) / _STEP
            for i in range(count)
        ]

    def curvatures(self) -> list[np.ndarray]:
        """The second derivative of each float result along the direction."""
        middle = self.near(0.0)
        pairs = [(self.near(k * _STEP), self.near(-k * _STEP)) for k in range(1, 5)]
        sums = [
            _SECOND[0] * at + sum(c * (up[i] + down[i]) for c, (up, down) in zip(_SECOND[1:], pairs, strict=True))
            for i, at in enumerate(middle)
        ]
        return [s / _STEP**2 for s in sums]

    def weights(self) -> list[np.ndarray]:
        """A cotangent for every float result."""
        generator = np.random.default_rng(11)
        return [_random_like(leaf, generator) for leaf in self.near(0.0)]


def _random_like(value: Any, generator: np.random.Generator) -> Any:
    array = np.asarray(value)
    drawn = generator.uniform(-1, 1, array.shape)
    if array.dtype.kind == "c":
        drawn = drawn + 1j * generator.uniform(-1, 1, array.shape)
    return drawn.astype(array.dtype) if isinstance(value, np.ndarray) else array.dtype.type(drawn).item()


def _refused(call: Callable[[], Any]) -> Any:
    """The result of a call into gradc; its own errors are told as such, but for those that are faults."""
    try:
        return call()
    except (InternalError, CompileError):
        raise
    except GradcError as error:
        raise Refused(str(error).splitlines()[0]) from error


def check_value(case: Case) -> None:
    """The compiled function gives what NumPy gives, and does to its arguments what NumPy does."""
    given, seen = copy.deepcopy(case.arguments), copy.deepcopy(case.arguments)
    with np.errstate(all="ignore"):
        expected = case.row.function(*given)
        actual = _refused(lambda: Function(case.row.function, Transform())(*seen))
    compare = case.row.same or (lambda a, e: assert_same(a, e, case.row.tolerance))
    compare(actual, expected)
    for have, wanted in zip(seen, given, strict=True):
        if isinstance(wanted, np.ndarray):
            assert_same(have, wanted, case.row.tolerance)


def check_forward(case: Case) -> None:
    """Forward mode gives the slope of every result."""
    wanted = case.slopes()
    if not case.places or not wanted:
        return
    _, tangents = _refused(lambda: Function(case.of_floats(), Jvp(len(case.point)))(*case.point, *case.direction))
    for tangent, slope in zip(tangents, wanted, strict=True):
        _assert_close(tangent, slope, case.row.slope_tolerance)


def check_reverse(case: Case) -> None:
    """Reverse mode gives cotangents that weigh directions as the slopes do."""
    wanted = case.slopes()
    if not case.places or not wanted:
        return
    weights = case.weights()
    cotangents = _refused(lambda: Function(case.of_floats(), Vjp(len(case.point)))(*case.point, weights))
    have = sum(np.sum(c * np.asarray(d)).real for c, d in zip(cotangents, case.direction, strict=True))
    want = sum(np.sum(w * s).real for w, s in zip(weights, wanted, strict=True))
    scale = sum(np.sum(np.abs(w * s)) for w, s in zip(weights, wanted, strict=True))
    assert all(np.shape(c) == np.shape(a) for c, a in zip(cotangents, case.point, strict=True))
    np.testing.assert_allclose(have, want, rtol=case.row.slope_tolerance, atol=case.row.slope_tolerance * scale)


def check_second(case: Case) -> None:
    """The Hessian of a weighted sum of the results, along the direction."""
    curvatures = case.curvatures()
    if not case.places or not curvatures:
        return
    weights, function, count = case.weights(), case.of_floats(), len(case.point)

    def weighed(*point: Any) -> Any:
        return sum(np.sum(np.real(w * leaf)) for w, leaf in zip(weights, function(*point)))  # noqa: B905

    argnums = tuple(range(count))
    products = _refused(lambda: Function(weighed, Hvp(argnums))(*case.point, tuple(case.direction)))
    have = sum(np.sum(p * np.asarray(d)).real for p, d in zip(products, case.direction, strict=True))
    want = sum(np.sum(w * c).real for w, c in zip(weights, curvatures, strict=True))
    scale = 1 + sum(np.sum(np.abs(w * c)) for w, c in zip(weights, curvatures, strict=True))
    tolerance = max(100 * case.row.slope_tolerance, 1e-6)
    np.testing.assert_allclose(have, want, rtol=tolerance, atol=tolerance * scale)


def _assert_close(actual: Any, expected: np.ndarray, tolerance: float) -> None:
    assert np.shape(actual) == expected.shape
    scale = 1 + float(np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance * scale)


def check_single(row: Form) -> str | None:
    """In float32: NumPy's dtypes, values to single precision, and a gradient of float32."""
    case = Case(row, lambda a, _: a.astype(_single(a.dtype)) if isinstance(a, np.ndarray) else a)
    try:
        expected = case.expected()
    except (TypeError, ValueError, np.linalg.LinAlgError):
        return NUMPY_REFUSES
    actual = _refused(lambda: Function(row.function, Transform())(*copy.deepcopy(case.arguments)))
    if row.same is not None:
        row.same(actual, expected)
    else:
        assert_same(actual, expected, 3e-5)
    exact = Case(row)
    if exact.places and exact.slopes() and "reverse" not in row.lacks:
        _check_single_gradient(case, exact)
    return None


def _single(dtype: np.dtype[Any]) -> type[np.number[Any]]:
    return np.complex64 if dtype.kind == "c" else np.float32


def _check_single_gradient(case: Case, exact: Case) -> None:
    def total(given: Case) -> Callable[..., Any]:
        function = given.of_floats()
        return lambda *point: sum(np.sum(np.real(leaf)) for leaf in function(*point))

    argnums = tuple(range(len(case.point)))
    single = Function(total(case), Grad(argnums))(*case.point)
    double = Function(total(exact), Grad(argnums))(*exact.point)
    for have, wanted, point in zip(single, double, case.point, strict=True):
        if isinstance(point, np.ndarray):
            assert have.dtype == point.dtype, f"a gradient of {have.dtype} for {point.dtype}"
        _assert_close(have, np.asarray(wanted), 2e-3)


def check_complex(row: Form) -> str | None:
    """On complex numbers: NumPy's values, the slope along a complex direction, and its transpose by JAX's convention."""

    def turned(a: Any, generator: np.random.Generator) -> Any:
        other = generator.uniform(-0.5, 0.5, np.shape(a))
        return a + 1j * (other if isinstance(a, np.ndarray) else other.item())

    case = Case(row, turned)
    if not case.places:
        return NUMPY_REFUSES
    try:
        case.expected()
    except (TypeError, ValueError, np.linalg.LinAlgError):
        return NUMPY_REFUSES
    check_value(case)
    check_forward(case)
    check_reverse(case)
    return None
