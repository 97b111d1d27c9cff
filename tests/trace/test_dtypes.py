"""Dtypes as NumPy has them: promotion, wraparound, weak Python numbers, conversions; random programs over pairs of dtypes."""

import numpy as np
import pytest

from gradc import grad, jit
from gradc.errors import ArgumentError, DTypeError, TraceError

DTYPES = [np.dtype(name) for name in "bool int8 int32 int64 uint8 uint64 float32 float64 complex64 complex128".split()]
OPERATORS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "divmod": divmod,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "<<": lambda a, b: a << b,
    ">>": lambda a, b: a >> b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "maximum": np.maximum,
    "where": lambda a, b: np.where(np.arange(6) % 2, a, b),
}
EDGES = {
    "b": [True, False],
    "i": [0, 1, -1, 7, -13, "min", "max"],
    "u": [0, 1, 7, 100, "max"],
    "f": [0.0, -0.0, 1.5, -2.5, 3.0, np.inf, np.nan],
    "c": [0.0, 1.5 - 2j, -0.5j, 3.0],
}


def draw(rng, dtype):
    """Six numbers of a dtype, often from the ends of its range."""
    limits = np.iinfo(dtype) if dtype.kind in "iu" else None
    chosen = [EDGES[dtype.kind][k] for k in rng.integers(0, len(EDGES[dtype.kind]), 6)]
    return np.array([getattr(limits, v) if isinstance(v, str) else v for v in chosen], dtype)


def numpy_result(function, *args):
    """NumPy's result, or None where it refuses."""
    try:
        with np.errstate(all="ignore"):
            return function(*args)
    except (TypeError, OverflowError):
        return None


def assert_like_numpy(function, *args):
    """The same value and dtype as NumPy's, or a refusal by one of gradc's errors."""
    expected = numpy_result(function, *args)
    try:
        found = jit(function)(*args)
    except DTypeError:
        assert expected is None or "float16" in str(np.asarray(expected).dtype) or is_exotic(args)
        return
    assert expected is not None, "NumPy refuses this"
    for have, wanted in zip(tupled(found), tupled(expected), strict=True):
        assert np.asarray(have).dtype == np.asarray(wanted).dtype
        tolerance = 1e-6 if np.asarray(wanted).dtype in (np.float32, np.complex64) else 1e-13
        np.testing.assert_allclose(have, wanted, rtol=tolerance)


def tupled(value):
    return value if isinstance(value, tuple) else (value,)


def is_exotic(args):
    """Whether NumPy orders complex numbers, which gradc refuses to."""
    return any(np.iscomplexobj(a) for a in args)


@pytest.mark.parametrize("name", OPERATORS)
def test_binary_operators_over_pairs_of_dtypes(name):
    rng = np.random.default_rng(list(OPERATORS).index(name))
    for left in DTYPES:
        for right in (DTYPES[k] for k in rng.choice(len(DTYPES), 4, replace=False)):
            if left.kind == "c" or right.kind == "c":
                continue
            assert_like_numpy(OPERATORS[name], draw(rng, left), draw(rng, right))


@pytest.mark.parametrize("name", ["+", "-", "*", "==", "!=", "where"])
def test_binary_operators_with_complex_numbers(name):
    rng = np.random.default_rng(7)
    for left in DTYPES:
        assert_like_numpy(OPERATORS[name], draw(rng, left), draw(rng, np.dtype(np.complex64)))
        assert_like_numpy(OPERATORS[name], draw(rng, np.dtype(np.complex128)), draw(rng, left))


@pytest.mark.parametrize(
    "number", [2, -3, 300, 2.5, True, 2**40, 2**63, np.float32(0.5), np.int8(3), np.float64(0.1)], ids=repr
)
def test_numbers_beside_arrays(number):
    rng = np.random.default_rng(3)
    for dtype in (d for d in DTYPES if d.kind != "c"):
        for name in ("+", "<", "//"):
            if dtype.kind == "b" and type(number) is int and number >= 2**63:
                continue  # which NumPy doesn't even compare
            assert_like_numpy(lambda x, op=OPERATORS[name]: op(x, number), draw(rng, dtype))


@pytest.mark.parametrize("function", [
    lambda x: x * 2.5,
    lambda x: x * np.pi,
    lambda x: np.sqrt(2) * x,
    lambda x: x * np.arange(3),
    lambda x: x.mean() * 3,
    lambda x: np.clip(x, 0, 1.5),
    lambda x: np.where(x > 0, x, 0.0),
    lambda x: np.linspace(0, 1, 3) + x,
    lambda x: x**2 + 2**x,
    lambda x: (x > 0).sum() / 2 + x.sum(),
    lambda x: np.exp(np.log1p(np.abs(x))),
    lambda x: x / np.linalg.norm(x),
])  # fmt: skip
def test_single_precision_stays_where_numpy_keeps_it(function):
    assert_like_numpy(function, np.array([0.5, -1.25, 2.0], np.float32))


@pytest.mark.parametrize("target", ["int8", "uint8", "int16", "int32", "int64", "uint64", "bool", "float32"])
@pytest.mark.parametrize("source", ["float64", "float32", "int64", "int8", "uint8", "bool"])
def test_conversions(source, target):
    with np.errstate(all="ignore"):
        x = np.array([0.0, 1.5, -1.5, 100.9, -100.2, 127.0]).astype(source)
    if np.dtype(target).kind == "u" and np.dtype(source).kind == "f":
        x = np.abs(x)  # of negative floats NumPy leaves open what an unsigned integer gets
    assert_like_numpy(lambda x: x.astype(target), x)


@pytest.mark.parametrize("target", ["int8", "uint8", "int32", "int64", "uint64"])
@pytest.mark.parametrize("length", [4, 67])
def test_conversions_of_what_has_no_integer_do_not_fail(target, length):
    x = np.resize([np.nan, np.inf, -np.inf, 1e300], length)
    assert jit(lambda x: x.astype(target))(x).dtype == target


def test_an_index_made_of_nan_is_an_index_error():
    with pytest.raises(IndexError, match="out of bounds"):
        jit(lambda x, i: x[i.astype(int)])(np.arange(3.0), np.array([np.nan, 1.0]))


def test_integers_that_wrap_around_in_known_values():
    small = np.arange(3, dtype=np.uint8)
    assert_like_numpy(lambda x: x + np.asarray(-1).astype(np.uint8), small)
    assert_like_numpy(lambda x: x[np.asarray(-1).astype(np.uint8) - 253], np.arange(3.0))


@pytest.mark.parametrize("count", [5, 300])
def test_a_python_int_argument_must_fit_the_array(count):
    small = np.array([0, 5, 200], np.uint8)
    assert_like_numpy(lambda x, k: x < k, small, count)
    if count == 5:
        assert_like_numpy(lambda x, k: x + k, small, count)
    else:
        with pytest.raises(DTypeError, match="300 out of bounds for uint8"):
            jit(lambda x, k: x + k)(small, count)


def test_a_python_int_that_changes_is_looked_at_again():
    shifted = jit(lambda x, k: x + k)
    small = np.array([0, 5], np.uint8)
    assert shifted(small, 3).tolist() == [3, 8]
    assert shifted(small, 4).tolist() == [4, 9]


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "bool"])
def test_a_dtype_is_the_object_that_numpy_has(dtype):
    """Of arguments, of results, and of what is captured, so that ``is`` can be asked."""
    captured = np.ones(2, dtype)

    def same(x):
        return x + x if all(a.dtype is np.dtype(dtype) for a in (x, x[:1], x.astype(dtype), captured)) else None

    assert jit(same)(captured) is not None


def test_quotients_of_known_floats_are_floats():
    x = np.ones(3)
    assert_like_numpy(lambda x: np.full(3, 0.5) // np.ones(3), x)
    assert_like_numpy(lambda x: np.int32(1) // np.full(3, 2, np.int32), x)
    assert_like_numpy(lambda x: np.full(3, 0.5) % np.full(3, 2.0), x)
    assert_like_numpy(lambda x: x // 0.7 // 0.6 // 0.5, x)


def test_powers_of_integers():
    n = np.array([2, -3, 0, 1])
    assert_like_numpy(lambda n: n**3, n)
    assert_like_numpy(lambda n: n ** np.array([3, 2, 0, 1]), n)
    assert_like_numpy(lambda n: 2 ** np.arange(4) + n, n)
    assert_like_numpy(lambda n, m: n**m, n, np.array([3, 2, 0, 1], np.uint8))
    assert_like_numpy(lambda n: n**-1.0, n)
    assert_like_numpy(lambda p: p**2, n > 0)
    assert_like_numpy(lambda p: p**3, n > 0)
    assert_like_numpy(lambda p: np.power(p, 2), n > 0)
    assert_like_numpy(lambda n, m: n ** np.maximum(m, 0), n, n)
    assert_like_numpy(lambda n, m: n ** (m % 3) + n ** (m & 3), n, n)
    with pytest.raises(DTypeError, match="negative integer powers"):
        jit(lambda n: n ** np.array([1, -1, 0, 2]))(n)
    with pytest.raises(DTypeError, match="not known before the function runs"):
        jit(lambda n, m: n**m)(n, n)


@pytest.mark.parametrize("dtype", ["float16", "longdouble", "O", "U3", "M8[s]"])
def test_dtypes_that_are_not_supported(dtype):
    with pytest.raises((DTypeError, ArgumentError, TraceError), match=r"not supported|can't|not a number"):
        jit(lambda x: x + x)(np.ones(3).astype(dtype) if dtype != "M8[s]" else np.zeros(3, dtype))


def test_integers_have_no_gradient():
    with pytest.raises(DTypeError, match="int"):
        grad(lambda n: (n * 2.0).sum())(np.array([1, 2]))


DIVIDED, DIVISORS, NONPOSITIVE = np.array([7, -7, 13, -100]), np.array([2, -2, 3, -3]), np.array([-2, 2, -3, 0])


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b, c: a // 2 // -2,
        lambda a, b, c: a // -2 // 3,
        lambda a, b, c: a // b // c,
        lambda a, b, c: (a % -6) // 3,
        lambda a, b, c: (a // 2) % -3,
        lambda a, b, c: (a * 4 + 1) // 8 % 3,
        lambda a, b, c: (a * 6 + b) // -12,
        lambda a, b, c: a // 2**40 // 2**40,
        lambda a, b, c: c // c + c % c,
        lambda a, b, c: (c * a + b) // c,
        lambda a, b, c: np.arange(4) // np.arange(4) + a,
    ],
)
def test_quotients_of_quotients_of_integers(function):
    """Divisors are negative, zero, and so large that their product is no integer of 64 bits."""
    assert_like_numpy(function, DIVIDED, DIVISORS, NONPOSITIVE)
