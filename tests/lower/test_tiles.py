"""Matrix products by routines of the module's own: every size, layout and dtype against NumPy."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import gradc.ops  # noqa: F401
from gradc.ir.algebra import product_of
from gradc.ir.build import comprehension
from gradc.ir.scalar import Scalar, load, number, size
from gradc.ir.tensor import Extent, Graph, input_tensor
from gradc.lower import compile_graph, contractions, forms, products
from gradc.lower.kernel import Kernel

LAYOUTS = list(product([False, True], repeat=3))


@pytest.fixture(autouse=True)
def own_routines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contractions, "SMALL", 1)
    monkeypatch.setattr(contractions, "FEW", 0)
    monkeypatch.setattr(products, "OWN", 10**18)
    contractions._known.clear()


def kernel_of(
    rows: Extent, columns: Extent, inner: Extent, layout: tuple[bool, ...], dtype: str = "f8", scale: float = 1
) -> Kernel:
    """``scale * A @ B``: A, B and the result transposed or not."""
    left, right, out = layout
    A = input_tensor("A", (inner, rows) if left else (rows, inner), dtype)
    B = input_tensor("B", (columns, inner) if right else (inner, columns), dtype)

    def body(first: Scalar, second: Scalar, k: Scalar) -> Scalar:
        i, j = (second, first) if out else (first, second)
        return product_of(
            number(scale, np.dtype(dtype)), load(A, (k, i) if left else (i, k)), load(B, (j, k) if right else (k, j))
        )

    shape = (columns, rows) if out else (rows, columns)
    return compile_graph(Graph((A, B), (comprehension(shape, body, reduce=(inner,)),)))


def check(kernel: Kernel, sizes: tuple[int, int, int], layout: tuple[bool, ...], dtype: str, scale: float = 1) -> None:
    rows, columns, inner = sizes
    left, right, out = layout
    rng = np.random.default_rng(rows + 31 * columns + 997 * inner)
    a, b = rng.normal(size=(rows, inner)).astype(dtype), rng.normal(size=(inner, columns)).astype(dtype)
    arguments = [np.ascontiguousarray(a.T) if left else a, np.ascontiguousarray(b.T) if right else b]
    (result,) = kernel(arguments)
    expected = scale * (a.astype("f8") @ b.astype("f8"))
    tolerance = (4e-7 if dtype == "f4" else 1e-15) * (inner + 2)
    np.testing.assert_allclose(result.T if out else result, expected, rtol=0, atol=4 * abs(scale) * tolerance)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_sizes_from_1_to_20(layout: tuple[bool, ...], dtype: str) -> None:
    rng = np.random.default_rng([*layout, dtype == "f4"])
    chosen = [tuple(int(n) for n in rng.integers(2, 21, 3)) for _ in range(12)]
    for sizes in [*chosen, (2, 2, 2), (16, 16, 16), (17, 17, 17), (8, 9, 1), (2, 19, 20), (20, 2, 20), (20, 3, 19)]:
        kernel = kernel_of(*sizes, layout, dtype)
        assert "matrix product" in kernel.lowered or 1 in sizes
        check(kernel, sizes, layout, dtype)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sizes", [(65, 33, 50), (7, 130, 300), (130, 5, 301), (40, 300, 600), (101, 97, 257)])
def test_larger_sizes(sizes: tuple[int, int, int], layout: tuple[bool, ...]) -> None:
    for dtype in ("f8", "f4"):
        kernel = kernel_of(*sizes, layout, dtype, -1.5)
        assert "gradc_blas" not in kernel.llvm
        check(kernel, sizes, layout, dtype, -1.5)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_kernel_for_all_sizes(layout: tuple[bool, ...]) -> None:
    m, n, k = size("m"), size("n"), size("k")
    kernel = kernel_of(m, n, k, layout, scale=2)
    rng = np.random.default_rng(1)
    for _ in range(15):
        rows, columns, inner = (int(s) for s in rng.integers(0, 30, 3))
        check(kernel, (rows, columns, inner), layout, "f8", 2)
    for sizes in ((40, 50, 600), (1, 1, 1), (0, 3, 2), (3, 0, 2), (3, 2, 0), (70, 1, 40), (1, 70, 40)):
        check(kernel, sizes, layout, "f8", 2)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_the_routine_for_any_sizes(layout: tuple[bool, ...], dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "_is_large", lambda sizes, lanes: True)
    rng = np.random.default_rng(2)
    chosen = [tuple(int(n) for n in rng.integers(2, 40, 3)) for _ in range(8)]
    for sizes in [*chosen, (8, 16, 1), (9, 17, 2), (65, 130, 300), (130, 7, 700), (3, 50, 256)]:
        kernel = kernel_of(*sizes, layout, dtype, -1.5)
        check(kernel, sizes, layout, dtype, -1.5)
        assert 1 in sizes or "gradc_any_" in kernel.llvm


def test_large_products_share_a_routine() -> None:
    names = set()
    for sizes in ((130, 140, 150), (200, 128, 777)):
        kernel = kernel_of(*sizes, (False, False, False))
        names |= {line.split("@")[1].split("(")[0] for line in kernel.llvm.splitlines() if "call void @gradc_" in line}
    assert len(names) == 1


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_zero_times_what_is_not_finite_is_nan(layout: tuple[bool, ...], value: float) -> None:
    rows, columns, inner = 19, 21, 13
    left, right, out = layout
    a, b = np.zeros((rows, inner)), np.ones((inner, columns))
    a[4, 5] = 1
    b[3, 20] = value
    kernel = kernel_of(rows, columns, inner, layout)
    (result,) = kernel([np.ascontiguousarray(a.T) if left else a, np.ascontiguousarray(b.T) if right else b])
    with np.errstate(invalid="ignore"):
        expected = a @ b
    assert np.isnan(expected[0, 20])
    assert not np.isnan(expected[0, 19])
    np.testing.assert_array_equal(result.T if out else result, expected)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sizes", [(9, 11, 13), (13, 3, 40), (3, 13, 40), (33, 17, 9)])
def test_nothing_outside_the_matrices_is_touched(sizes: tuple[int, int, int], layout: tuple[bool, ...]) -> None:
    rows, columns, inner = sizes
    left, right, out = layout
    kernel = kernel_of(rows, columns, inner, layout)
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(rows, inner)), rng.normal(size=(inner, columns))

    def surrounded(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        room = np.full(array.size + 128, np.nan)
        inside = room[64:-64].reshape(array.shape)
        inside[...] = array
        return room, inside

    _, first = surrounded(a.T if left else a)
    _, second = surrounded(b.T if right else b)
    room, result = surrounded(np.zeros((columns, rows) if out else (rows, columns)))
    kernel([first, second], [result])
    np.testing.assert_allclose(result.T if out else result, a @ b, rtol=1e-12, atol=1e-12)
    assert np.isnan(room[:64]).all()
    assert np.isnan(room[-64:]).all()


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_every_lane_count(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The routines of machines with narrower vectors, without fused multiply-adds too."""
    from dataclasses import replace

    from gradc_runtime.engine import engine

    host = engine().host

    class Other:
        def __init__(self, bits: int, fma: bool) -> None:
            self.host = replace(host, vector_bits=bits, has_fma=fma)

    for bits, fma in ((128, False), (256, True), (256, False)):
        monkeypatch.setattr(forms, "engine", lambda bits=bits, fma=fma: Other(bits, fma))
        for sizes in ((9, 11, 13), (12, 3, 40), (33, 17, 9)):
            for layout in LAYOUTS:
                check(kernel_of(*sizes, layout, dtype), sizes, layout, dtype)
                with monkeypatch.context() as patch:
                    patch.setattr(forms, "_is_large", lambda sizes, lanes: True)
                    check(kernel_of(*sizes, layout, dtype), sizes, layout, dtype)
