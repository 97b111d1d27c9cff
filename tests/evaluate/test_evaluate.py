"""The evaluator is the meaning of a graph: in every number system, with guards that really guard."""

import warnings

import mpmath
import numpy as np
import pytest
import sympy

import gradc.ops  # noqa: F401
from gradc.errors import ArgumentError, ShapeError
from gradc.evaluate import COMPLEX, MPMATH, NUMPY, SYMPY, Rounding, evaluate
from gradc.ir.parse import parse_graph


def value(text, *values, numbers=NUMPY, sizes=None):
    outputs = evaluate(parse_graph(text), values, numbers, sizes)
    return outputs[0] if len(outputs) == 1 else outputs


def numbers_of(array):
    return [float(complex(v).real) for v in np.ravel(array)]


PRODUCT = """graph(A: float64[m, n], x: float64[n]) {
  t0: float64[m] = sum j<n: A[i, j] * x[j]
  return t0
}"""
EVERYWHERE = pytest.mark.parametrize("numbers", [NUMPY, MPMATH, SYMPY, COMPLEX], ids=lambda n: n.name)


@EVERYWHERE
def test_matrix_product(numbers, rng):
    A, x = rng.integers(-5, 5, (2, 3)).astype(float), rng.integers(-5, 5, 3).astype(float)
    assert numbers_of(value(PRODUCT, A, x, numbers=numbers)) == (A @ x).tolist()


@EVERYWHERE
def test_guarded_reads_may_be_out_of_range(numbers):
    shifted = "graph(x: float64[n]) { t0: float64[n+1] = [1 <= i] x[i + -1] return t0 }"
    assert numbers_of(value(shifted, [1.0, 2.0], numbers=numbers)) == [0.0, 1.0, 2.0]


@EVERYWHERE
def test_nothing_leaks_from_a_false_guard(numbers):
    text = "graph(x: float64[3]) { t0: float64[3] = 1. + [0. < x[i]] (log(x[i]) * power(0. * x[i], -1.)) return t0 }"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert numbers_of(value(text, [-1.0, 0.0, -3.0], numbers=numbers)) == [1.0, 1.0, 1.0]


@EVERYWHERE
@pytest.mark.parametrize(
    ("reducer", "expected"),
    [("sum", [0.0, 5.0, 3.0]), ("prod", [1.0, 5.0, -10.0]), ("max", [-np.inf, 5.0, 5.0]), ("min", [np.inf, 5.0, -2.0])],
)
def test_outside_the_domain_the_neutral_element_counts(numbers, reducer, expected):
    text = f"graph(x: float64[n]) {{ t0: float64[n] = {reducer} j<n: where j < i: x[j] return t0 }}"
    assert numbers_of(value(text, [5.0, -2.0, 7.0], numbers=numbers)) == expected


@EVERYWHERE
def test_the_domain_protects_its_body(numbers):
    text = "graph(x: float64[n]) { t0: float64[n] = sum j<n: where j <= i: x[i + -1 * j] return t0 }"
    assert numbers_of(value(text, [1.0, 10.0, 100.0], numbers=numbers)) == [1.0, 11.0, 111.0]


@pytest.mark.parametrize("numbers", [NUMPY, MPMATH, COMPLEX], ids=lambda n: n.name)
def test_the_first_extremum_counts_and_nan_is_extreme(numbers):
    text = """graph(x: float64[n]) {
      t0: int64[] = argmax i<n: x[i]
      t1: int64[] = argmin i<n: x[i]
      t2: int64[] = argmax i<n: where 2 <= i: x[i]
      return t0, t1, t2
    }"""
    for x in ([3.0, 1.0, 3.0, 1.0], [np.nan, 2.0, -1.0, np.nan], [2.0, -np.inf, -np.inf, -np.inf]):
        found = [int(v) for v in value(text, x, numbers=numbers)]
        assert found == [np.argmax(x), np.argmin(x), 2 + np.argmax(x[2:])]


@EVERYWHERE
def test_maxima_propagate_nan(numbers):
    text = "graph(x: float64[n]) { t0: float64[] = max i<n: x[i] return t0 }"
    assert np.isnan(numbers_of(value(text, [1.0, np.nan, 2.0], numbers=numbers))[0])


def test_empty_spaces():
    text = """graph(x: float64[n]) {
      t0: float64[] = sum i<n: x[i]
      t1: float64[] = max i<n: x[i]
      t2: float64[n] = sin(x[i])
      return t0, t1, t2
    }"""
    total, largest, nothing = value(text, [])
    assert total == 0
    assert largest == -np.inf
    assert nothing.shape == (0,)
    with pytest.raises(ValueError, match="argmax of an empty sequence"):
        value("graph(x: float64[n]) { t0: int64[] = argmax i<n: x[i] return t0 }", [])


def test_gather_out_of_range_is_an_index_error():
    text = "graph(x: float64[n], k: int64[m]) { t0: float64[m] = x[k[i]] return t0 }"
    assert value(text, [1.0, 2.0], [1, 0, 1]).tolist() == [2.0, 1.0, 2.0]
    with pytest.raises(IndexError, match="index 5 is out of bounds for axis 0 with size 2"):
        value(text, [1.0, 2.0], [1, 5])
    with pytest.raises(IndexError, match="index -1 is out of bounds"):
        value(text, [1.0, 2.0], [-1])
    with pytest.raises(IndexError):
        value(text, [], [0])
    guarded = "graph(x: float64[n], k: int64[m]) { t0: float64[m] = [k[i] <= 1] x[k[i]] return t0 }"
    assert value(guarded, [1.0, 2.0], [1, 5]).tolist() == [2.0, 0.0]


@EVERYWHERE
@pytest.mark.parametrize(
    ("predicate", "expected"),
    [("1 <= i and 0. < x[i + -1]", [0.0, 5.0, 0.0]), ("not(i <= 0 or x[i + -1] <= 0.)", [0.0, 5.0, 0.0])],
)
def test_parts_of_a_predicate_guard_each_other(numbers, predicate, expected):
    text = f"graph(x: float64[n]) {{ t0: float64[n] = [{predicate}] 5. return t0 }}"
    assert numbers_of(value(text, [1.0, -2.0, 3.0], numbers=numbers)) == expected


def test_rounding_shows_where_digits_are_lost():
    text = "graph(x: float64[]) { t0: float64[] = sub(add(1., x[]), 1.) t1: float64[] = mul(x[], x[]) return t0, t1 }"
    runs = np.array([value(text, 1e-10, numbers=Rounding(seed)) for seed in range(8)])
    spread = np.ptp(runs, axis=0) / runs.mean(axis=0)
    assert spread[0] > 1e-7
    assert spread[1] < 1e-14


def test_sizes_come_from_shapes():
    text = "graph(x: float64[n + 1], y: float64[2 * m]) { t0: int64[] = n * m return t0 }"
    assert value(text, np.zeros(4), np.zeros(10)) == 15
    assert value("graph() { t0: float64[n] = 1. return t0 }", sizes={"n": 2}).tolist() == [1.0, 1.0]
    with pytest.raises(ShapeError, match="n"):
        value("graph(x: float64[n], y: float64[n]) { return x }", np.zeros(2), np.zeros(3))
    with pytest.raises(ShapeError, match="axes"):
        value("graph(x: float64[n]) { return x }", 3.0)
    with pytest.raises(ArgumentError, match="1 values"):
        value("graph(x: float64[n]) { return x }")


def test_dtypes_are_kept():
    text = """graph(x: float32[n], k: int8[n], z: complex64[n]) {
      t0: float32[n] = exp(x[i] * 3@float32)
      t1: int8[] = sum i<n: k[i]
      t2: complex64[n] = mul(z[i], z[i])
      t3: bool[n] = x[i] < 1@float32
      return t0, t1, t2, t3
    }"""
    found = value(text, [1.0], [3], [1j])
    assert [r.dtype.name for r in found] == ["float32", "int8", "complex64", "bool"]


def test_exact_numbers_stay_exact():
    text = "graph() { t0: float64[] = 1/3 * pi + 1/10 return t0 }"
    with mpmath.workdps(40):
        assert abs(value(text, numbers=MPMATH).item() - (mpmath.pi / 3 + mpmath.mpf(1) / 10)) < mpmath.mpf(10) ** -38
    assert value(text, numbers=SYMPY).item() == sympy.pi / 3 + sympy.Rational(1, 10)


def test_symbols_give_formulas():
    a, b = sympy.symbols("a b", real=True)
    text = "graph(x: float64[2]) { t0: float64[] = sum i<2: [0. < x[i]] (x[i] ^ 2.) return t0 }"
    formula = value(text, np.array([a, b]), numbers=SYMPY).item()
    assert formula == sympy.Piecewise((a**2, a > 0), (0, True)) + sympy.Piecewise((b**2, b > 0), (0, True))
    assert formula.subs({a: 3, b: -3}) == 9


def test_complex_step_differentiates():
    text = """graph(x: float64[n]) {
      t0: float64[] = max i<n: abs(x[i]) * sigmoid(x[i]) + maximum(x[i], 2.)
      return t0
    }"""
    x, h = np.array([0.5, -3.0, 2.5]), 1e-40
    found = value(text, x + np.array([0, 0, 1j]) * h, numbers=COMPLEX)
    s = 1 / (1 + np.exp(-2.5))
    np.testing.assert_allclose(found.imag / h, s + 2.5 * s * (1 - s) + 1, rtol=1e-15)


COUNTED = """
subgraph g0(t: int64[], s: float64[], c: float64[]) {
  t0: float64[] = s[] + c[] * convert@float64(t[])
  return t0, s
}
subgraph g1(t: int64[], s: float64[], c: float64[]) {
  t0: bool[] = s[] < 10.
  return t0
}
subgraph g2(t: int64[], s: float64[], c: float64[]) {
  t0: float64[] = s[] + c[] * convert@float64(t[])
  return t0
}
"""


@pytest.mark.parametrize("numbers", [NUMPY, MPMATH, SYMPY, COMPLEX], ids=lambda n: n.name)
def test_loops(numbers):
    scan = COUNTED + "graph(a: float64[], c: float64[]) { t0 = loop(g0, none, 3, (a), (), (c)) "
    scan += "t1: float64[] = t0.0 t2: float64[3] = t0.1 return t1, t2 }"
    last, path = value(scan, 1.0, 2.0, numbers=numbers)
    assert numbers_of(last) == [7.0]
    assert numbers_of(path) == [1.0, 1.0, 3.0]
    back = scan.replace("(a), (), (c))", "(a), (), (c), reverse)")
    last, path = value(back, 1.0, 2.0, numbers=numbers)
    assert numbers_of(last) == [7.0]
    assert numbers_of(path) == [7.0, 5.0, 1.0]
    search = COUNTED + "graph(a: float64[], c: float64[]) { t0 = loop(g2, g1, none, (a), (), (c)) "
    search += "t1: float64[] = t0.0 return t1 }"
    assert numbers_of(value(search, 1.0, 2.0, numbers=numbers)) == [13.0]


def test_sequences_and_empty_loops():
    text = """
    subgraph g0(t: int64[], s: float64[], x: float64[]) { t0: float64[] = s[] + x[] return t0, t0 }
    graph(x: float64[n]) {
      t0: float64[] = 0.
      t1 = loop(g0, none, n, (t0), (x), ())
      t2: float64[n] = t1.1
      return t2
    }"""
    assert value(text, [1.0, 2.0, 4.0]).tolist() == [1.0, 3.0, 7.0]
    assert value(text, []).shape == (0,)


BRANCH = """
subgraph g0(s: float64[]) { t0: float64[] = sqrt(s[]) return t0 }
subgraph g1(s: float64[]) { t0: float64[] = neg(s[]) return t0 }
graph(s: float64[]) {
  t0: bool[] = 0. < s[]
  t1 = cond(t0, g0, g1, (s))
  t2: float64[] = t1.0
  t3 = call("checkpoint", "", g1, (t2))
  t4: float64[] = t3.0
  return t4
}"""


@EVERYWHERE
def test_branches_and_calls(numbers):
    assert numbers_of(value(BRANCH, 4.0, numbers=numbers)) == [-2.0]
    assert numbers_of(value(BRANCH, -4.0, numbers=numbers)) == [-4.0]


def test_a_symbolic_branch_is_piecewise():
    s = sympy.Symbol("s", real=True)
    assert value(BRANCH, s, numbers=SYMPY).item().subs(s, 9) == -3


def extern(name, parameters, results, *operands, numbers=NUMPY):
    kinds = [f"x{'abc'[k]}: float64[{', '.join(map(str, np.shape(o)))}]" for k, o in enumerate(operands)]
    names = ", ".join(f"x{'abc'[k]}" for k in range(len(operands)))
    lines = [f"t{k + 1}: {r} = t0.{k}" for k, r in enumerate(results)]
    outputs = ", ".join(f"t{k + 1}" for k in range(len(results)))
    text = f"""graph({", ".join(kinds)}) {{
      t0 = extern("{name}", {parameters}, ({names}), ({", ".join(results)}))
      {" ".join(lines)}
      return {outputs}
    }}"""
    return evaluate(parse_graph(text), operands, numbers)


def as_complex(array):
    return np.array([complex(v) for v in np.ravel(array)]).reshape(np.shape(array))


LINEAR = pytest.mark.parametrize("numbers", [NUMPY, MPMATH, SYMPY, COMPLEX], ids=lambda n: n.name)


@LINEAR
def test_cholesky_and_solve(numbers):
    A = np.array([[4.0, 2.0], [2.0, 5.0]])
    (lower,) = extern("cholesky", "[]", ["float64[2, 2]"], A, numbers=numbers)
    np.testing.assert_allclose(as_complex(lower), np.linalg.cholesky(A), rtol=1e-14)
    for b in (np.array([1.0, 2.0]), np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 3.0]])):
        kind = f"float64[{', '.join(map(str, b.shape))}]"
        (x,) = extern("solve", "[]", [kind], A, b, numbers=numbers)
        np.testing.assert_allclose(as_complex(x), np.linalg.solve(A, b), rtol=1e-14)


@pytest.mark.parametrize("numbers", [NUMPY, MPMATH], ids=lambda n: n.name)
def test_decompositions(numbers, rng):
    A = rng.normal(size=(3, 2))
    S = A.T @ A
    w, v = map(as_complex, extern("eigh", "[]", ["float64[2]", "float64[2, 2]"], S, numbers=numbers))
    np.testing.assert_allclose(w, np.linalg.eigvalsh(S), rtol=1e-12)
    np.testing.assert_allclose(v @ np.diag(w) @ v.T, S, atol=1e-12)
    results = ["float64[3, 2]", "float64[2]", "float64[2, 2]"]
    u, s, vh = map(as_complex, extern("svd", "[]", results, A, numbers=numbers))
    np.testing.assert_allclose(u @ np.diag(s) @ vh, A, atol=1e-12)


@pytest.mark.parametrize("numbers", [NUMPY, MPMATH, COMPLEX], ids=lambda n: n.name)
def test_sorting_permutation(numbers):
    x = np.array([[3.0, np.nan, 1.0, 3.0], [2.0, 0.0, -0.0, -1.0]])
    (order,) = extern("argsort", "[]", ["int64[2, 4]"], x, numbers=numbers)
    np.testing.assert_array_equal(order.astype(int), np.argsort(x, 1, kind="stable"))


@pytest.mark.parametrize("numbers", [NUMPY, MPMATH, COMPLEX], ids=lambda n: n.name)
@pytest.mark.parametrize("side", ["left", "right"])
def test_search(numbers, side):
    edges, values = np.array([-1.0, 0.0, 0.0, 2.0, np.nan]), np.array([0.0, 5.0, -2.0, np.nan])
    parameters = f'[["side", "{side}"]]'
    (found,) = extern("searchsorted", parameters, ["int64[1, 4]"], edges[None], values[None], numbers=numbers)
    np.testing.assert_array_equal(found[0].astype(int), np.searchsorted(edges, values, side))


@pytest.mark.parametrize("numbers", [NUMPY, MPMATH, COMPLEX, SYMPY], ids=lambda n: n.name)
@pytest.mark.parametrize("inverse", [False, True])
def test_fourier_transform(numbers, inverse):
    pairs = np.array([[[1.0, 2.0], [-1.0, 0.0], [0.5, 1.0]], [[0.0, 1.0], [3.0, -2.0], [1.0, 0.0]]])
    parameters = f'[["inverse", {str(inverse).lower()}]]'
    (found,) = extern("fft", parameters, ["float64[2, 3, 2]"], pairs, numbers=numbers)
    z = pairs[..., 0] + 1j * pairs[..., 1]
    expected = np.fft.ifft(z, norm="forward") if inverse else np.fft.fft(z)
    np.testing.assert_allclose(as_complex(found), np.stack([expected.real, expected.imag], -1), atol=1e-15)


@pytest.mark.parametrize("numbers", [NUMPY, MPMATH, COMPLEX, SYMPY], ids=lambda n: n.name)
@pytest.mark.parametrize("count", [1, 2, 5, 6])
def test_fourier_transforms_of_real_numbers(numbers, count):
    x = np.array([3.0, -1.0, 2.0, 0.5, -2.0, 1.0])[:count]
    expected = np.fft.rfft(x)
    pairs = np.stack([expected.real, expected.imag], -1)
    (half,) = extern("rfft", "[]", [f"float64[{count // 2 + 1}, 2]"], x, numbers=numbers)
    np.testing.assert_allclose(as_complex(half), pairs, atol=1e-14)
    odd = str(bool(count % 2)).lower()
    pairs[0, 1] = 7.0  # does not count
    (back,) = extern("irfft", f'[["odd", {odd}]]', [f"float64[{count}]"], pairs, numbers=numbers)
    np.testing.assert_allclose(as_complex(back), count * x, atol=1e-13)


def test_what_a_system_lacks_is_said():
    with pytest.raises(ArgumentError, match="eigh can't be evaluated with sympy; it is known to: mpmath, numpy"):
        extern("eigh", "[]", ["float64[1]", "float64[1, 1]"], np.ones((1, 1)), numbers=SYMPY)


def test_large_spaces_are_computed_in_slabs(rng):
    text = """graph(A: float64[m, q], B: float64[q, n]) {
      t0: float64[m, n] = sum k<q: A[i, k] * B[k, j]
      return t0
    }"""
    A, B = rng.normal(size=(190, 170)), rng.normal(size=(170, 210))
    np.testing.assert_allclose(value(text, A, B), A @ B, rtol=1e-10)


def test_long_chains():
    lines = ["t0: float64[n] = sin(x[i])"]
    lines += [f"t{k}: float64[n] = sin(t{k - 1}[i])" for k in range(1, 20_000)]
    graph = parse_graph("graph(x: float64[n]) {" + "\n".join(lines) + "\nreturn t19999 }")
    assert abs(evaluate(graph, [[1.0]])[0].item()) < 0.02
    lets = ["let %0 = sin(x[i]);"] + [f"let %{k} = sin(%{k - 1} + %{k - 1});" for k in range(1, 20_000)]
    deep = parse_graph("graph(x: float64[n]) { t0: float64[n] = " + "\n".join(lets) + " %19999 return t0 }")
    assert abs(evaluate(deep, [[1.0]])[0].item()) < 1
