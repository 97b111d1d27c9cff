"""Bad and odd input: the right answer or a clear error that names the user's line, inputs untouched, never a crash."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradc
from gradc.api import elementwise_grad, grad, jit, value_and_grad
from gradc.errors import ArgumentError, DTypeError, NonScalarOutputError, ShapeError, TraceError

X = np.arange(6.0)


def square_sum(x: Any) -> Any:
    return np.sum(x**2)


# ---------------------------------------------------------------- odd arrays, right answers


def odd_arrays() -> dict[str, np.ndarray]:
    base = np.arange(24.0).reshape(4, 6)
    read_only = X.copy()
    read_only.flags.writeable = False
    raw = np.zeros(6 * 8 + 1, np.uint8)
    unaligned = raw[1:].view(np.float64)
    unaligned[:] = X

    class Subclass(np.ndarray):
        pass

    return {
        "plain": X,
        "strided": np.arange(12.0)[::2],
        "negative stride": X[::-1],
        "transposed": base.T,
        "fortran": np.asfortranarray(base),
        "column": base[:, 2],
        "read-only": read_only,
        "byte-swapped": X.astype(">f8"),
        "unaligned": unaligned,
        "broadcast": np.broadcast_to(np.float64(2.0), (3, 4)),
        "subclass": X.view(Subclass),
        "memory map like": np.frombuffer(X.tobytes()),
        "empty": np.zeros(0),
        "empty matrix": np.zeros((0, 3)),
        "no axes": np.array(3.0),
        "one": np.array([5.0]),
        "float32": X.astype(np.float32),
        "special": np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, 1e308]),
    }


@pytest.mark.parametrize("name", odd_arrays())
def test_odd_arrays(name: str) -> None:
    x = odd_arrays()[name]
    before = x.tobytes()
    with np.errstate(all="ignore"):
        expected = (2 * x).astype(x.dtype.newbyteorder("="))
        value = np.sum(np.asarray(x) ** 2)
    result = grad(square_sum)(x)
    assert type(result) is (np.ndarray if x.ndim else np.float64)
    assert result.dtype == x.dtype.newbyteorder("=")
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_allclose(jit(square_sum)(x), value, rtol=1e-6 if x.dtype == np.float32 else 1e-15)
    np.testing.assert_array_equal(jit(lambda a: a + 1)(x), np.asarray(x) + 1)
    assert x.tobytes() == before


def test_results_are_fresh() -> None:
    x = X.copy()
    same = jit(lambda a: a)(x)
    view = jit(lambda a: a[1:3])(x)
    twice = jit(lambda a: (a, a))(x)
    same[0] = view[0] = twice[0][0] = -1.0
    np.testing.assert_array_equal(x, X)
    assert twice[1][0] == 0.0
    again = jit(lambda a: a + 1)
    first = again(x)
    again(x + 1)
    np.testing.assert_array_equal(first, X + 1)


def test_empty_reductions() -> None:
    empty = np.zeros(0)
    assert jit(np.sum)(empty) == 0.0
    assert jit(np.prod)(empty) == 1.0
    assert math.isnan(jit(np.mean)(empty))
    assert not jit(np.any)(empty)
    assert jit(np.all)(empty)
    with pytest.raises(ValueError, match="no identity"):
        jit(np.max)(empty)
    with pytest.raises(ValueError, match="empty"):
        jit(np.argmax)(empty)
    assert jit(lambda a: a @ a)(np.zeros((0, 0))).shape == (0, 0)
    np.testing.assert_array_equal(jit(lambda a, b: a @ b)(np.zeros((2, 0)), np.zeros((0, 3))), np.zeros((2, 3)))
    assert jit(lambda a: np.concatenate([a, a[:0]]))(X).shape == (6,)


# ---------------------------------------------------------------- numbers in, numbers out


def test_python_numbers() -> None:
    f = jit(lambda x: x**2)
    assert (f(3.0), type(f(3.0))) == (9.0, float)
    assert (f(3), type(f(3))) == (9, int)
    assert type(f(np.float64(3.0))) is np.float64
    assert type(f(np.float32(3.0))) is np.float32
    assert type(f(np.array(3.0))) is np.float64
    assert grad(lambda x: x**2)(3) == 6.0
    assert grad(lambda n, x: n * x**2, argnums=1)(2, 3.0) == 12.0
    assert jit(lambda x: x * 2.0)(10**30) == 2e30
    assert jit(lambda x: x > 2)(3.0) is True
    assert type(jit(lambda x, a: x * a.sum())(2.0, X)) is np.float64
    assert jit(lambda x: {"twice": 2 * x, "none": None})(1.5) == {"twice": 3.0, "none": None}
    assert math.isnan(jit(lambda x: x**2.69)(-1.0))
    assert jit(lambda x: 1 / x)(0.0) == math.inf


def test_integers_as_numpy_has_them() -> None:
    for f, a in (
        (lambda a: a + 1, np.array([255], np.uint8)),
        (lambda a: a.sum(), np.array([100, 100], np.int8)),
        (lambda a: (a // -2) * 100 + a % -2, np.array([-5, 5])),
        (lambda a: a // 0, np.array([1, 2])),
        (lambda a: (a // -2) * 100 + a % 0.3, np.array([-5.0, 5.0])),
    ):
        with np.errstate(all="ignore"):
            expected = f(a)
        result = jit(f)(a)
        np.testing.assert_allclose(result, expected, rtol=1e-14)
        assert result.dtype == expected.dtype
    assert jit(lambda a: a + 1)(2**70) == 2.0**70
    with pytest.raises(DTypeError, match="negative integer powers"):
        jit(lambda a: a**-1)(np.array([1, 2]))
    with pytest.raises(DTypeError, match="boolean subtract"):
        jit(lambda a: (a > 0) - (a < 0))(X)


def test_containers_of_the_caller_are_not_changed() -> None:
    numbers, table = [1.0, 2.0], {"a": 1.0}
    assert jit(lambda n: (n.append(1.0), sum(n))[1])(numbers) == 4.0
    assert jit(lambda d: (d.update(b=d["a"] * 2), d)[1])(table) == {"a": 1.0, "b": 2.0}
    assert (numbers, table) == ([1.0, 2.0], {"a": 1.0})


def test_static_values() -> None:
    f = jit(lambda x, mode, flag=False: np.sin(x) if mode == "sin" and not flag else -x)
    assert f(1.0, "sin") == math.sin(1.0)
    assert f(1.0, "other") == -1.0
    assert f(1.0, "sin", flag=True) == -1.0
    assert f(1.0, mode="sin", flag=False) == math.sin(1.0)


# ---------------------------------------------------------------- errors


def branch(x: Any) -> Any:
    return "positive" if x > 0 else -x


def loop(x: Any) -> Any:
    return [x / k for k in range(1, 4) if x > k]


def counted(x: Any) -> Any:
    return sum(x for _ in range(int(x)))


def from_math(x: Any) -> Any:
    return math.factorial(int(x))


def drawn(x: Any) -> Any:
    return x + np.random.normal()


def mismatched(x: Any) -> Any:
    return x + np.ones(4)


def inner_mismatch(x: Any) -> Any:
    return x @ np.ones((3, 2))


def bad_reshape(x: Any) -> Any:
    return x.reshape(4, 4)


def untraceable_method(x: Any) -> Any:
    return x.tobytes()


def returns_generator(x: Any) -> Any:
    return (k * x for k in range(2))


def masked(x: Any) -> Any:
    return np.unique(x)


def ambiguous(x: Any) -> Any:
    return 1.0 if x else 2.0


def outside(x: Any) -> Any:
    return x[17]


def float_index(x: Any) -> Any:
    return x[1.5]


def ragged(x: Any) -> Any:
    return np.array([x[:2], x[:3]])


def selected(x: Any) -> Any:
    return x[x > 1] + np.ones(3)


def joined(x: Any) -> Any:
    return np.concatenate([x, np.ones((2, 2))])


def objects(x: Any) -> Any:
    return x * np.array([object()] * 6)


ERRORS: list[tuple[Callable[[Any], Any], Any, type[Exception], str]] = [
    (branch, 1.0, TraceError, "'positive' where the condition holds"),
    (loop, 1.0, TraceError, "np.where"),
    (counted, 1.0, TraceError, "a Python int"),
    (from_math, 1.0, TraceError, "math.factorial.*use functions of numpy"),
    (drawn, 1.0, TraceError, "np.random.normal.*pass the numbers in"),
    (mismatched, X, ShapeError, r"\(6,\).*\(4,\)"),
    (inner_mismatch, X, ShapeError, r"\(6,\) and \(3, 2\)"),
    (bad_reshape, X, ShapeError, r"\(6,\) into shape \(4, 4\)"),
    (untraceable_method, X, TraceError, "tobytes"),
    (masked, X, TraceError, "np.unique"),
    (ambiguous, X, ValueError, "ambiguous"),
    (outside, X, IndexError, "index 17 is out of bounds for axis 0 with size 6"),
    (float_index, X, IndexError, "float"),
    (ragged, X, ShapeError, r"\(2,\), \(3,\)"),
    (joined, X, ShapeError, "dimensions"),
    (selected, X, TraceError, "number of true entries"),
    (objects, X, DTypeError, "object array"),
]


@pytest.mark.parametrize(("function", "argument", "error", "words"), ERRORS, ids=[c[0].__name__ for c in ERRORS])
def test_errors_name_the_line_and_the_way_out(
    function: Callable[[Any], Any], argument: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        jit(function)(argument)
    message = str(caught.value)
    assert "test_bad_input.py:" in message
    source = function.__code__.co_firstlineno
    assert any(f"test_bad_input.py:{source + k}" in message for k in (1, 2)), message
    assert jit(lambda x: x + 1)(1.0) == 2.0  # nothing is left behind


def test_output_that_is_no_array() -> None:
    with pytest.raises(TraceError, match="number of true entries"):
        jit(lambda x: x[x > 1])(X)
    with pytest.raises(TraceError, match=r"returns arrays and numbers, not a generator.*list"):
        jit(returns_generator)(1.0)


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (np.array([1, "a"], dtype=object), DTypeError),
        (np.array(["a", "b"]), DTypeError),
        (np.array(["2020-01-01"], dtype="M8[D]"), DTypeError),
        (np.ones(3, dtype=np.float16), DTypeError),
        (np.ones(3, dtype=np.longdouble), DTypeError),
        (np.ones(3, dtype=[("a", float)]), DTypeError),
        (np.ma.masked_array([1.0, 2.0], mask=[0, 1]), TraceError),
        (np.ones((2, 2)).view(np.matrix), TraceError),
    ],
    ids=["object", "text", "date", "float16", "longdouble", "struct", "masked", "matrix"],
)
def test_arguments_that_are_refused(bad: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        jit(lambda x: x * 2)(bad)


def test_text_or_nothing_where_a_number_is_needed() -> None:
    for bad in ("text", None, {1, 2}):
        with pytest.raises(TypeError):
            jit(lambda x: x * np.sin(x))(bad)
    with pytest.raises(TypeError):
        grad(square_sum)("text")


def test_gradients_that_do_not_exist() -> None:
    with pytest.raises(NonScalarOutputError, match=r"shape \(6,\)"):
        grad(np.sin)(X)
    with pytest.raises(DTypeError, match="astype"):
        grad(square_sum)(np.arange(3))
    with pytest.raises(ArgumentError, match="argnums"):
        grad(square_sum, argnums=3)(X)
    with pytest.raises(DTypeError):
        grad(lambda x: np.argmax(x))(X)
    np.testing.assert_array_equal(elementwise_grad(np.square)(X), 2 * X)


class OwnError(Exception):
    pass


def test_the_users_own_exceptions_pass_through() -> None:
    def f(x: Any) -> Any:
        if len(x) != 3:
            raise OwnError("three, please")
        return x.sum()

    with pytest.raises(OwnError, match="three, please"):
        jit(f)(X)
    assert jit(f)(X[:3]) == 3.0
    with pytest.raises(ZeroDivisionError):
        jit(lambda x: x * (1 // 0))(1.0)
    with pytest.raises(KeyError):
        jit(lambda p: p["missing"])({"there": 1.0})
    with pytest.raises(AttributeError, match="no_such"):
        jit(lambda x: x.no_such)(X)
    with pytest.raises(AttributeError, match="no_such"):
        jit(lambda x: np.no_such(x))(X)


def test_wrong_number_of_arguments() -> None:
    for args in ((), (1.0, 2.0, 3.0)):
        with pytest.raises(TypeError):
            jit(lambda x, y: x + y)(*args)
    with pytest.raises(TypeError):
        jit(lambda x: x)(1.0, unknown=2.0)


def test_a_kept_tracer_is_refused_afterwards() -> None:
    class Holder:
        value: Any = None

    class OwnList(list[Any]):
        pass

    kept: list[Any] = []
    leaked = OwnList()

    def f(x: Any) -> Any:
        kept.append(x)
        Holder.value = x * 2
        leaked.append(x)
        return x

    jit(f)(1.0)
    assert kept == []  # what the trace appends or sets stays with the trace
    assert Holder.value is None
    with pytest.raises(TraceError, match="after its trace had ended"):
        float(leaked[0])


def test_gather_out_of_range_when_it_runs() -> None:
    f = jit(lambda x, i: x[i])
    np.testing.assert_array_equal(f(X, np.array([0, -6, 5])), [0.0, 0.0, 5.0])
    for bad in (6, -7, 2**40):
        with pytest.raises(IndexError):
            f(X, np.array([0, 0, bad]))
    np.testing.assert_array_equal(f(X, np.array([1, 1, 1])), [1.0, 1.0, 1.0])


# ---------------------------------------------------------------- out=


def test_out() -> None:
    f = jit(lambda x: x * 2)
    buffer = np.empty(6)
    assert f(X, out=buffer) is buffer
    np.testing.assert_array_equal(buffer, 2 * X)
    both = (np.empty(()), np.empty(6))
    value_and_grad(square_sum)(X, out=both)
    assert both[0] == 55.0
    np.testing.assert_array_equal(both[1], 2 * X)
    strided = np.zeros(12)
    f(X, out=strided[::2])
    np.testing.assert_array_equal(strided[::2], 2 * X)
    assert not strided[1::2].any()
    swapped = np.zeros(6, ">f8")
    f(X, out=swapped)
    np.testing.assert_array_equal(swapped, 2 * X)


def test_out_that_overlaps_an_input() -> None:
    x = X.copy()
    jit(lambda a: a[::-1] + 1)(x, out=x)
    np.testing.assert_array_equal(x, X[::-1] + 1)
    y = np.arange(7.0)
    jit(lambda a: a * 10)(y[:6], out=y[1:])
    np.testing.assert_array_equal(y, [0, 0, 10, 20, 30, 40, 50])


def test_out_that_does_not_fit() -> None:
    f = jit(lambda x: x * 2)
    read_only = np.empty(6)
    read_only.flags.writeable = False
    for bad, error in (
        (np.empty(5), ShapeError),
        (np.empty((6, 1)), ShapeError),
        (np.empty(6, np.float32), DTypeError),
        (read_only, ArgumentError),
        ([0.0] * 6, ArgumentError),
        ((np.empty(6), np.empty(6)), ArgumentError),
        (3.0, ArgumentError),
    ):
        with pytest.raises(error):
            f(X, out=bad)


# ---------------------------------------------------------------- threads


def test_threads_trace_and_call_at_once() -> None:
    f = grad(lambda x, k: np.sum(np.sin(x) * k))
    failures: list[str] = []

    def work(seed: int) -> None:
        x = np.linspace(0, seed, 5 + seed % 3)
        results = [f(x, float(seed)) for _ in range(5)]
        failures.extend(str(seed) for r in results if not np.allclose(r, np.cos(x) * seed))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 7)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures


def _taken(x: Any, where: Any) -> Any:
    return np.sum(x[where])


def _taken_squared(x: Any, where: Any) -> Any:
    return np.sum(x[where] ** 2)


def _taken_from_columns(x: Any, where: Any) -> Any:
    return np.sum(np.reshape(x, (2, 3))[:, where] * 2)


OUTSIDE: dict[str, Callable[..., Any]] = {
    "jit": lambda f, x, where: jit(f)(x, where),
    "grad": lambda f, x, where: grad(f)(x, where),
    "captured": lambda f, x, where: grad(lambda z: f(z, where))(x),
    "vjp": lambda f, x, where: gradc.vjp(lambda z: z[where] * 1, x)[1](np.ones(len(where))),
    "jacrev": lambda f, x, where: gradc.jacrev(lambda z, i: z[i] * 1)(x, where),
    "jacfwd": lambda f, x, where: gradc.jacfwd(lambda z, i: z[i] * 1)(x, where),
    "vmap": lambda f, x, where: gradc.vmap(grad(f), in_axes=(0, None))(np.stack([x, x]), where),
}


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint64], ids=str)
@pytest.mark.parametrize("mode", OUTSIDE)
@pytest.mark.parametrize("function", [_taken, _taken_squared], ids=lambda f: f.__name__)
def test_an_index_out_of_range_is_refused_also_where_nothing_is_read(
    function: Callable[..., Any], mode: str, dtype: Any
) -> None:
    inside = np.array([0, 5, 3], dtype)
    OUTSIDE[mode](function, X, inside)
    with pytest.raises(IndexError, match="index 9 is out of bounds for axis 0 with size 6"):
        OUTSIDE[mode](function, X, np.array([0, 9, 3], dtype))
    if dtype != np.uint64:
        OUTSIDE[mode](function, X, np.array([0, -6, 3], dtype))
        with pytest.raises(IndexError, match="index -7 is out of bounds for axis 0 with size 6"):
            OUTSIDE[mode](function, X, np.array([0, -7, 3], dtype))


def test_second_derivatives_refuse_an_index_out_of_range() -> None:
    where = np.array([0, 9, 3])
    with pytest.raises(IndexError, match="index 9 is out of bounds"):
        gradc.hessian(_taken_squared)(X, where)
    with pytest.raises(IndexError, match="index 9 is out of bounds"):
        gradc.hvp(lambda x: _taken_squared(x, where))(X, X)


def test_the_axis_of_an_index_out_of_range_is_named() -> None:
    with pytest.raises(IndexError, match="index 3 is out of bounds for axis 1 with size 3"):
        grad(_taken_from_columns)(X, np.array([0, 3]))


def test_an_index_that_is_guarded_is_not_evaluated() -> None:
    where, held = np.array([0, 9, 3]), np.array([True, False, True])
    result = grad(lambda x: np.sum(np.where(held, x[np.minimum(where, 5)], 0.0)))(X)
    np.testing.assert_array_equal(result, [1, 0, 0, 1, 0, 0])


def test_many_indices_out_of_range_are_refused_at_any_number_of_threads() -> None:
    where = np.arange(200_000) % 6
    np.testing.assert_array_equal(grad(_taken)(X, where), np.bincount(where))
    where[123_456] = 6
    with pytest.raises(IndexError, match="index 6 is out of bounds for axis 0 with size 6"):
        grad(_taken)(X, where)
