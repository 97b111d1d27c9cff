"""Complex numbers in machine code: values, branch cuts, memory, cost."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import gradc
from gradc.ir.build import comprehension
from gradc.ir.scalar import apply, load
from gradc.ir.tensor import Graph, input_tensor
from gradc.lower import Kernel, compile_graph
from gradc.lower.complex_parts import in_parts
from gradc.stages import CertifiedKernel

RNG = np.random.default_rng(11)
FUNCTIONS = (
    "exp exp2 expm1 log log2 log10 log1p sqrt sin cos tan sinh cosh tanh arcsin arccos arctan arcsinh arccosh arctanh "
    "absolute sign square reciprocal conjugate negative"
).split()
#: On and beside the branch cuts.
CUTS = np.array([complex(a, b) for a in (0.5, -0.5, 2.0, -2.0, -1.0, 1.0) for b in (0.0, -0.0, 0.75)])
ON_AXIS = np.array([complex(a, b) for a in (0.0, -0.0) for b in (0.5, -0.5, 2.0, -2.0)])


def entries(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


def compiled(f: Callable[..., Any], *arguments: Any) -> Any:
    """What the kernel gives; it is one."""
    function = gradc.jit(f)
    result = function(*arguments)
    kernel = function.record_for(*arguments).kernel
    assert isinstance(getattr(kernel, "_kernel", kernel), Kernel)
    return result


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_numpys(name: str) -> None:
    function = getattr(np, name)
    near_one = 1 + 1e-7 * entries(200)
    places = np.concatenate([entries(300), 25 * entries(300), near_one, np.exp(1j * np.linspace(-3, 3, 100)), CUTS])
    with np.errstate(all="ignore"):
        expected = function(places)
        result = compiled(function, places)
    assert result.dtype == expected.dtype
    ours, theirs = result[np.isfinite(expected)], expected[np.isfinite(expected)]
    np.testing.assert_array_less(np.abs(ours - theirs), 2e-14 * np.abs(theirs) + 1e-300)
    np.testing.assert_array_equal(np.isfinite(result), np.isfinite(expected))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_single_precision(name: str) -> None:
    function, places = getattr(np, name), entries(100).astype(np.complex64)
    result, expected = compiled(function, places), function(places.astype(np.complex128))
    assert result.dtype == function(places).dtype
    np.testing.assert_array_less(np.abs(result - expected), 4e-6 * np.abs(expected))


@pytest.mark.parametrize("name", ["log", "sqrt", "arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh"])
def test_signs_of_zeros_tell_the_sides_of_a_cut(name: str) -> None:
    function = getattr(np, name)
    places = np.concatenate([CUTS, ON_AXIS, -ON_AXIS.conj() * 1j])
    with np.errstate(all="ignore"):
        result, expected = compiled(function, places), function(places)
    for part in ("real", "imag"):
        np.testing.assert_array_equal(np.signbit(getattr(result, part)), np.signbit(getattr(expected, part)))


def test_written_arithmetic_keeps_the_side_of_a_cut() -> None:
    z = np.array([4 + 0j, 4 - 0j, -4 + 0j, -4 - 0j, 1 + 2j])
    for f in (lambda z: np.sqrt(-1.0 * z), lambda z: np.sqrt(1 - z), lambda z: np.sqrt(z + 1.0), lambda z: np.sqrt(-z)):
        np.testing.assert_allclose(compiled(f, z), f(z), rtol=1e-15)


def test_sizes_near_the_ends_of_the_range() -> None:
    z = np.array([3e200 + 4e200j, 3e-200 - 4e-200j, 1e308 + 1e308j, 1e-310 + 1e-310j, 1e300, 1e-300j])
    for f in (np.abs, np.sqrt, np.log, lambda z: z / (2 * z), lambda z: 1 / (z / 4)):
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(compiled(f, z), f(z), rtol=1e-13)
    np.testing.assert_allclose(compiled(np.exp, np.array([710.1 + 0.785j])), np.exp(710.1 + 0.785j), rtol=1e-12)


ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: 1 - a - b,
    "multiply": lambda a, b: 3.5 * a * b - 2j * a,
    "divide": lambda a, b: a / b + 1 / a + a / 3,
    "integer powers": lambda a, b: a**3 + b**-2 + a**0 + b**1,
    "roots": lambda a, b: a**0.5 + b**-0.5,
    "powers": lambda a, b: a**b + a**2.5 + 2.0**b,
    "parts": lambda a, b: np.real(a) + 1j * np.imag(b),
    "comparisons": lambda a, b: (a == b) | (a != a) | (a < b) | (a >= b) | np.isnan(a),
    "finite": lambda a, b: np.isfinite(a) & ~np.isinf(b),
    "extrema": lambda a, b: np.maximum(a, b) + np.minimum(a, b) * 1j,
    "selection": lambda a, b: np.where(np.abs(a) > 1, a, np.conj(b)),
    "sums": lambda a, b: np.sum(a * b) + np.mean(a) + np.sum(a.reshape(10, 4), axis=0)[1],
    "running": lambda a, b: np.cumsum(a) + np.cumprod(b),
    "products": lambda a, b: np.prod(a.reshape(8, 5), axis=0),
    "product of all": lambda a, b: np.prod(a.reshape(8, 5)),
    "views": lambda a, b: a[::-2] * b[1::2] + a.reshape(4, 10).T.ravel()[:20],
    "inner": lambda a, b: np.vdot(a, b) * np.dot(a, b) + np.inner(a, b.real),
    "outer": lambda a, b: np.outer(a, b),
    "gather": lambda a, b: a[np.array([3, 1, -1, 3])] * b[2],
    "conversion": lambda a, b: (a.astype(np.complex64) * np.complex64(2)).astype(complex) + np.abs(b).astype(complex),
    "exponential": lambda a, b: np.exp(1j * np.abs(a)) * np.exp(-0.5j * np.pi),
}


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic_is_numpys(name: str) -> None:
    f, a, b = ARITHMETIC[name], entries(40), entries(40)
    result, expected = compiled(f, a, b), f(a, b)
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("n", "m", "k"), [(3, 4, 5), (40, 30, 50), (130, 140, 150)])
def test_products_of_matrices(n: int, m: int, k: int) -> None:
    A, B = entries(n, k), entries(k, m)
    for f in (np.matmul, lambda A, B: np.tensordot(A, B, 1), lambda A, B: np.conj(B).T @ np.conj(A).T):
        np.testing.assert_allclose(compiled(f, A, B), f(A, B), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(compiled(np.matmul, A, B.real), A @ B.real, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(compiled(np.matmul, A, B[:, 0]), A @ B[:, 0], rtol=1e-12, atol=1e-12)


def test_infinities_and_nans() -> None:
    z = np.array([complex(a, b) for a in (np.inf, np.nan, 1.0, -np.inf) for b in (np.inf, np.nan, 0.0)])
    for f in (np.abs, np.isnan, np.isinf, np.isfinite, np.conj, lambda z: z + z, lambda z: z == z):
        np.testing.assert_array_equal(compiled(f, z), f(z))


# ---------------------------------------------------------------- calls


@pytest.mark.parametrize("number", [1 + 2j, np.complex128(1 + 2j), np.complex64(1 + 2j)])
def test_numbers_stay_of_their_type(number: Any) -> None:
    function = gradc.jit(lambda z: z * z + 1)
    for _ in range(5):  # also by the plan that serves later calls
        result = function(number)
        assert type(result) is type(number)
        assert result == number * number + 1


def test_numbers_in_lists() -> None:
    function = gradc.jit(lambda both: both[0] * both[1])
    for k in range(5):
        assert function([1 + 2j, k - 1j]) == (1 + 2j) * (k - 1j)


def test_arrays_of_any_layout() -> None:
    z = entries(4, 6)
    function = gradc.jit(lambda z: z * z)
    unaligned = np.frombuffer(bytearray(16 * 7), np.uint8)[3:99].view(complex)
    unaligned[:] = z[0]
    for array in (z, z[::2], z.T, z[:, ::-1], z.astype(">c16"), np.asfortranarray(z), unaligned, z[:0], z[0, 0]):
        for _ in range(3):
            np.testing.assert_allclose(function(array), array * array, rtol=1e-15)


def test_results_in_the_callers_buffers() -> None:
    z = entries(10)
    function = gradc.jit(lambda z: z * np.conj(z[::-1]))
    expected = z * np.conj(z[::-1])
    for out in (np.zeros(10, complex), np.zeros(20, complex)[::2], np.zeros(10, ">c16"), z):
        for _ in range(1 if out is z else 5):
            assert function(z, out=out) is out
        np.testing.assert_allclose(out, expected, rtol=1e-15)


def test_captured_numbers_and_arrays_are_read_at_each_call() -> None:
    scale = 2j
    shift = np.array([1 + 1j, 0])

    def f(x: Any) -> Any:
        return scale * x + shift

    function = gradc.jit(f)
    for step in range(4):
        scale, shift[0] = step * 1j, step
        np.testing.assert_array_equal(function(np.ones(2)), scale + shift)


def test_extents_are_open_after_a_change() -> None:
    function = gradc.jit(lambda z: np.sum(z * np.exp(z)) * z)
    for n in (3, 4, 7, 0, 1):
        z = entries(n)
        np.testing.assert_allclose(function(z), np.sum(z * np.exp(z)) * z, rtol=1e-13)


def test_kernels_certify_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADC_CHECK", "1")
    z = entries(12)
    for f in (lambda z: np.sum(np.abs(np.exp(z) / (z - 3)) ** 2), lambda z: np.abs(np.prod(z))):
        np.testing.assert_allclose(gradc.grad(f)(z).shape, (12,))


def test_products_along_open_extents() -> None:
    for f in (np.prod, np.cumprod, lambda z: np.prod(np.stack([z, z + 1]), axis=1)):
        function = gradc.jit(f)
        for n in (3, 4, 6, 0, 1):
            z = entries(n)
            np.testing.assert_allclose(function(z), f(z), rtol=1e-13)
        assert isinstance(function.record_for(entries(9)).kernel, Kernel | CertifiedKernel)


def test_what_has_no_parts_is_evaluated() -> None:
    z = entries(5)
    result = gradc.jit(special.erf)(z)
    np.testing.assert_allclose(result, special.erf(z), rtol=1e-14)


# ---------------------------------------------------------------- control flow

CONTROL: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "steps": (
        lambda z: gradc.fori_loop(0, 3, lambda i, s: s * s * 0.1 + z, z * 0),
        lambda z: ((0.1 * z**2 + z) ** 2) * 0.1 + z,
    ),
    "scan": (
        lambda z: gradc.scan(lambda c, x: (c * x + 1, c * np.conj(x)), 1 + 0j, z)[1],
        lambda z: np.array([np.conj(z[0]), (z[0] + 1) * np.conj(z[1])]),
    ),
    "branch": (
        lambda z: gradc.cond(np.abs(z[0]) > 1, lambda z: z * z, lambda z: z + 1, z),
        lambda z: z * z,
    ),
    "kept": (lambda z: gradc.checkpoint(lambda z: np.exp(z) * z)(z), lambda z: np.exp(z) * z),
    "inside only": (
        lambda z: gradc.fori_loop(0, 2, lambda i, s: s * np.abs(np.exp(1j * s) + s), np.abs(z)),
        lambda z: _twice(lambda s: s * np.abs(np.exp(1j * s) + s), np.abs(z)),
    ),
}


def _twice(f: Callable[[Any], Any], value: Any) -> Any:
    return f(f(value))


@pytest.mark.parametrize("name", CONTROL)
def test_loops_and_branches(name: str) -> None:
    f, plain = CONTROL[name]
    z = np.array([1 + 1j, 2 - 1j])
    np.testing.assert_allclose(compiled(f, z), plain(z), rtol=1e-13)
    slope = gradc.grad(lambda z: np.sum(np.abs(f(z)) ** 2))
    expected = gradc.grad(lambda z: np.sum(np.abs(plain(z)) ** 2))
    np.testing.assert_allclose(compiled(slope, z), expected(z), rtol=1e-12)


def test_loops_until_a_condition() -> None:
    def escape(z: Any) -> Any:
        return gradc.while_loop(lambda s: np.sum(np.abs(s)) < 10, lambda s: s * s + z, z)

    np.testing.assert_allclose(compiled(escape, np.array([1 + 1j, 2 - 1j])), [1 + 3j, 5 - 5j], rtol=1e-14)


# ---------------------------------------------------------------- cost


@pytest.mark.parametrize(
    "f",
    [
        lambda z: np.sum(np.abs(z) ** 2),
        lambda z: np.sum(np.abs(z[::-1] * z)),
        lambda z: np.abs(np.prod(z)),
        lambda z: np.sum(np.abs(np.cumprod(z))),
    ],
)
def test_work_is_linear(f: Any) -> None:
    for transform in (gradc.jit, gradc.value_and_grad):
        small, large = (transform(f).record_for(entries(n)).kernel.cost.flops for n in (1000, 4000))
        assert large < 4.4 * small


def test_parts_of_what_was_put_together_cost_nothing() -> None:
    x, y = input_tensor("x", (100,), "f8"), input_tensor("y", (100,), "f8")
    whole = comprehension((100,), lambda i: apply("complex", load(x, (i,)), load(y, (i,))))
    parts = tuple(comprehension((100,), lambda i, p=p: apply(p, load(whole, (i,)))) for p in ("real", "imag"))
    kernel = compile_graph(Graph((x, y), parts))
    assert kernel.cost.flops == 0
    assert kernel.workspace_bytes == 0
    written = gradc.jit(lambda x, y: np.real(x + 1j * y)).record_for(np.ones(100), np.ones(100))
    assert written.kernel.cost.flops == 0


def test_squares_of_moduli_need_no_root() -> None:
    text = gradc.jit(lambda z: np.abs(z) ** 2).record_for(entries(100)).kernel.llvm
    assert "sqrt" not in text
    assert "hypot" not in text


def test_graphs_of_real_numbers_are_left_alone() -> None:
    x = input_tensor("x", (3,), "f8")
    graph = Graph((x,), (comprehension((3,), lambda i: apply("exp", load(x, (i,)))),))
    assert in_parts(graph) is graph


def test_loops_walk_along_the_memory_of_interleaved_parts() -> None:
    """Sums of columns go row by row, as those of real arrays do."""
    lowered = gradc.jit(lambda A: np.sum(A, axis=0)).record_for(entries(300, 200)).kernel.lowered
    assert lowered.startswith("for i < 300:\n  for j < 200:\n")
    assert "+= A[i, j, 0]" in lowered
