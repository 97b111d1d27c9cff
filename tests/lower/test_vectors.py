"""Loops on vectors: every length, layout and dtype gives what NumPy gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import gradc
from gradc.lower import streams

LENGTHS = [1, 2, 3, 5, 7, 8, 9, 11, 15, 16, 17, 23, 31, 33, 63, 65, 127, 300, 1031]

MAPS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "map": lambda x: (2 * x + 1) * x,
    "heavy map": lambda x: np.exp(-x * x) * np.sin(x) / (1 + x * x) + np.log1p(x * x) * np.cos(3 * x),
    "shifted": lambda x: x[1:] - x[:-1],
    "mask": lambda x: x > 0.25,
    "chosen": lambda x: np.where(x > 0.25, x * x, -x),
    "reversed": lambda x: 2 * x[::-1],
    "every second": lambda x: x[::2] + 1,
    "spread": lambda x: np.stack([x, 2 * x, x * x], axis=1),
    "spread widely": lambda x: np.stack([x * k for k in range(11)], axis=1),
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_maps_of_every_length(name: str, dtype: str) -> None:
    function = MAPS[name]
    compiled = gradc.jit(function)
    rtol = 1e-12 if dtype == "float64" else 2e-5
    for n in LENGTHS:
        x = np.linspace(-2, 2, n).astype(dtype)
        np.testing.assert_allclose(compiled(x), function(x), rtol=rtol, atol=1e-6 if dtype == "float32" else 1e-14)


REDUCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sum": np.sum,
    "max": np.max,
    "min": np.min,
    "any": lambda x: np.any(x > 1.9),
    "all": lambda x: np.all(x > -1.9),
    "sum of products": lambda x: np.sum(x * x[::-1]),
    "several": lambda x: np.sum(x) * np.max(x) + np.sum(x * x),
}


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_reductions_of_every_length(name: str, dtype: str) -> None:
    function = REDUCTIONS[name]
    compiled = gradc.jit(function)
    for n in LENGTHS:
        x = np.cos(np.arange(n) * 1.7).astype(dtype) * 2
        expected = function(x.astype("float64"))
        np.testing.assert_allclose(compiled(x), expected, rtol=1e-12 if dtype == "float64" else 1e-4, atol=1e-5)


def test_lanes_beyond_the_end_neither_read_nor_write() -> None:
    """The last vector of a loop ends in the middle of a larger array."""
    compiled = gradc.jit(lambda x: 3 * x)
    for n in LENGTHS:
        page = np.full(n + 32, 7.0)
        out = page[8 : 8 + n]
        result = compiled(np.arange(n, dtype=float), out=out)
        assert result is out
        np.testing.assert_array_equal(out, 3 * np.arange(n))
        assert (page[:8] == 7).all()
        assert (page[8 + n :] == 7).all()


@pytest.mark.parametrize("columns", range(1, 20))
@pytest.mark.parametrize("rows", [1, 7, 8, 29])
def test_rows_as_lanes(rows: int, columns: int) -> None:
    """Values of one row in a lane: reads and writes at the stride of a row."""

    def function(a: np.ndarray) -> np.ndarray:
        parts = [a[:, k] * a[:, columns - 1 - k] + k for k in range(columns)]
        return np.stack(parts, axis=1)

    a = np.arange(rows * columns, dtype=float).reshape(rows, columns) / 3
    np.testing.assert_allclose(gradc.jit(function)(a), function(a), rtol=1e-14)


@pytest.mark.parametrize("columns", [2, 3, 5, 8, 13])
def test_some_columns_of_rows(columns: int) -> None:
    def function(a: np.ndarray) -> np.ndarray:
        return a[:, 0] - 2 * a[:, columns - 1] + a[:, columns // 2]

    a = np.arange(37 * columns, dtype=float).reshape(37, columns) ** 0.5
    np.testing.assert_allclose(gradc.jit(function)(a), function(a), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shift", range(9))
def test_large_results_past_the_cache(shift: int, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results that begin anywhere in a line: what is beside them stays as it is."""
    monkeypatch.setattr(streams, "STREAMED_BYTES", 1)
    compiled = gradc.value_and_grad(lambda x: np.sum(x * x + shift * x))
    for n in (1, 8, 65, 1031, 5000):
        x = (np.arange(n, dtype=dtype) - n / 2) / 64
        page = np.full(n + 32, -1, dtype)
        gradient = page[8 + shift :][:n]
        value = np.empty((), dtype)
        compiled(x, out=(value, gradient))
        np.testing.assert_allclose(value, np.sum(x.astype(float) ** 2 + shift * x.astype(float)), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(gradient, 2 * x + shift, rtol=1e-6)
        assert (page[: 8 + shift] == -1).all()
        assert (page[8 + shift + n :] == -1).all()
    assert "!nontemporal" in compiled.llvm()


def test_rows_of_large_results_past_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "STREAMED_BYTES", 1)
    A, b = np.arange(53 * 77, dtype=float).reshape(53, 77), np.arange(77.0)
    compiled = gradc.jit(lambda A, b: A[:, ::-1] * b + 1)
    np.testing.assert_array_equal(compiled(A, b), A[:, ::-1] * b + 1)
    assert "!nontemporal" in compiled.llvm()


@pytest.mark.parametrize("shape", [(8, 8), (8, 9), (9, 8), (13, 40), (40, 13), (3, 50), (64, 64), (33, 1)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_transposed(shape: tuple[int, int], dtype: str) -> None:
    """Both loops walk along memory somewhere: squares are transposed in registers."""
    A = np.arange(shape[0] * shape[1], dtype=dtype).reshape(shape)
    B = A.T.copy() + 1
    np.testing.assert_array_equal(gradc.jit(lambda A: 2 * A.T)(A), 2 * A.T)
    np.testing.assert_array_equal(gradc.jit(lambda A, B: A.T - B)(A, B), A.T - B)
    np.testing.assert_array_equal(gradc.jit(lambda A, B: A + B.T + 1)(A, B), A + B.T + 1)
    np.testing.assert_allclose(gradc.jit(lambda A: np.sum(A.T * 2))(A), 2 * A.sum(), rtol=1e-5)


@pytest.mark.parametrize("length", [8, 9, 15, 255, 256, 257, 264, 265, 511, 513, 1000, 1007])
def test_the_last_lanes_of_a_long_sum_count_once(length: int) -> None:
    """Lanes that a last vector does again are not added again, whatever is left of the last block."""

    def heavy(x: np.ndarray) -> np.ndarray:
        return np.sin(x) + np.exp(x) + np.log1p(x) + np.tanh(x) + np.cosh(x) + np.arctan(x)

    value, entries = gradc.jit(lambda x: (np.sum(heavy(x)), heavy(x)))(np.linspace(0.1, 2.0, length))
    np.testing.assert_allclose(value, entries.sum(), rtol=1e-14)


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8"])
@pytest.mark.parametrize("width", [1, 2, 3, 7, 11, 19])
def test_rows_that_an_index_names(width: int, dtype: str) -> None:
    """Some of the columns of gathered rows, the last row and its last column among them: read as rows and transposed."""
    rng = np.random.default_rng(width)
    table = rng.integers(-9, 9, (13, width)).astype(dtype)
    rows = rng.integers(-13, 13, 1003)
    rows[:3] = 12, -1, 0
    for columns in (range(width), range(0, width, 2), [width - 1]):

        def taken(table: np.ndarray, rows: np.ndarray, columns: object = columns) -> np.ndarray:
            return sum((k + 1) * table[rows][:, column] for k, column in enumerate(columns))  # type: ignore[arg-type, return-value]

        np.testing.assert_array_equal(gradc.jit(taken)(table, rows), taken(table, rows))
        with pytest.raises(IndexError, match="index 13 is out of bounds"):
            gradc.jit(taken)(table, np.append(rows, 13))


def test_gathered_rows_are_read_after_they_are_written() -> None:
    rows = np.random.default_rng(0).integers(0, 40, 200)

    def step(x: np.ndarray) -> np.ndarray:
        table = np.cumsum(np.exp(x), axis=0)
        picked = table[rows]
        return picked[:, 0] * picked[:, 1] - picked[:, 2]

    x = np.random.default_rng(1).normal(size=(40, 3))
    np.testing.assert_allclose(gradc.jit(step)(x), step(x), rtol=1e-13)
