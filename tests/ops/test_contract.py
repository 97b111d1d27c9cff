"""Every row of the table of operations against its contract. A new row is enrolled by being in the table."""

import mpmath
import numpy as np
import pytest

import gradc.ops  # noqa: F401
from gradc.evaluate import COMPLEX, MPMATH, NUMPY, SYMPY, evaluate
from gradc.ir.check import check
from gradc.ir.scalar import BOOL, FLOAT32, FLOAT64, INT64, OPS, Scalar, Undefined, apply, index, load
from gradc.ir.tensor import Graph, compute, input_tensor

POINTS = 6
N_ARY = 3
LOGICAL = {"and", "or", "not"}
#: Not among floats: ``convert`` needs a dtype, see `test_convert`; a ``position`` is an integer in range; ``complex`` gives
#: complex numbers.
ROWS = sorted(set(OPS) - {"convert", "position", "complex"})
DIFFERENTIABLE = [name for name in ROWS if OPS[name].partials is not None]
WHOLE = np.array([0, 1, -1, 5, 12, -18, 63, 64, 2**62, np.iinfo(np.int64).max, np.iinfo(np.int64).min])
#: What SciPy computes agrees with mpmath to its own accuracy, and decides by itself what infinities and poles give.
LOOPS = frozenset(name for name in ROWS if "accuracy" in OPS[name].extra)
WITH_MPMATH = [name for name in ROWS if OPS[name].mpmath is not None]
WITH_SYMPY = [name for name in ROWS if OPS[name].sympy is not None]
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0]


def argument_dtypes(name, floating=FLOAT64):
    op = OPS[name]
    if "kinds" in op.extra:
        return [INT64 if kind == "l" else floating for kind in op.extra["kinds"]]
    if name in LOGICAL:
        return [BOOL] * (op.arity or N_ARY)
    if name == "where":
        return [BOOL, floating, floating]
    if name in LOOPS:
        return [INT64 if kind == "l" else floating for kind in op.extra["kinds"]]
    return [floating] * (op.arity or N_ARY)


def graph_of(name, size=POINTS, floating=FLOAT64):
    inputs = tuple(
        input_tensor(f"x_{'abcde'[k]}", (size,), dtype) for k, dtype in enumerate(argument_dtypes(name, floating))
    )
    body = apply(name, *[load(t, (index(0),)) for t in inputs])
    return check(Graph(inputs, (compute((size,), body),)))


def partial_graph(name):
    """The outputs are those partial derivatives that are not zero everywhere, with their positions."""
    graph = graph_of(name)
    node = graph.outputs[0].body
    partials = list(enumerate(OPS[name].partials(node, *node.args)))
    kept = [(k, compute((POINTS,), p)) for k, p in partials if isinstance(p, Scalar)]
    return [k for k, _ in kept], check(Graph(graph.inputs, tuple(t for _, t in kept)))


def differentiable_positions(name):
    """The real arguments, but for those in whose direction no derivative is known."""
    node = graph_of(name).outputs[0].body
    partials = OPS[name].partials(node, *node.args)
    kinds = [dtype.kind for dtype in argument_dtypes(name)]
    return [k for k, p in enumerate(partials) if kinds[k] == "f" and not isinstance(p, Undefined)]


def samples(name, seed=0):
    rng = np.random.default_rng(seed)
    boxes = OPS[name].domain or ((-3.0, 3.0),) * (OPS[name].arity or N_ARY)
    dtypes = argument_dtypes(name)
    return [
        rng.random(POINTS) < 0.5 if dtype == BOOL else rng.uniform(low, high, POINTS).astype(dtype)
        for dtype, (low, high) in zip(dtypes, boxes, strict=True)
    ]


def special_points(name):
    count = len(argument_dtypes(name))
    rolls = (0, 1, 3, 4, 6)[:count]
    grids = np.meshgrid(*[SPECIAL] * count) if count < 3 else [np.resize(np.roll(SPECIAL, k), 50) for k in rolls]
    whole = np.resize(WHOLE if set(argument_dtypes(name)) == {INT64} else WHOLE[:6], grids[0].size)
    return [
        np.roll(whole, 7 * k * k) if d == INT64 else g.ravel().astype(d)
        for k, (g, d) in enumerate(zip(grids, argument_dtypes(name), strict=True))
    ]


def accuracy(name, otherwise):
    return OPS[name].extra.get("accuracy", otherwise)


def as_floats(array):
    return np.array([complex(v) if isinstance(v, mpmath.mpc) else float(v) for v in array])


@pytest.mark.parametrize("name", WITH_MPMATH)
def test_numpy_and_mpmath_agree(name):
    graph, values = graph_of(name), samples(name)
    (plain,) = evaluate(graph, values)
    with mpmath.workdps(30):
        (exact,) = evaluate(graph, values, MPMATH)
    np.testing.assert_allclose(plain, as_floats(exact), rtol=accuracy(name, 4e-15), atol=1e-300)


@pytest.mark.parametrize("name", sorted(set(ROWS) - LOOPS))
def test_special_values_agree_with_numpy(name):
    values = special_points(name)
    if name in MP_HAS_NO_NEGATIVE_ZERO:
        values = [np.where(v == 0, 0.0, v) for v in values]
    graph = graph_of(name, len(values[0]))
    (plain,) = evaluate(graph, values)
    (exact,) = evaluate(graph, values, MPMATH)
    np.testing.assert_allclose(plain, as_floats(exact), rtol=1e-14, err_msg=str(values))


#: Rows where the sign of a zero argument decides between two different results.
MP_HAS_NO_NEGATIVE_ZERO = {"arctan2", "copysign", "div", "floordiv", "mod", "pow", "power", "signbit"}


#: SciPy gives NaN for these in single precision.
DOUBLE_ONLY = frozenset(name for name in LOOPS if name.startswith("mathieu"))


@pytest.mark.parametrize("name", sorted(set(ROWS) - DOUBLE_ONLY))
def test_single_precision_is_kept(name):
    graph = graph_of(name, floating=FLOAT32)
    values = [v.astype(d) for v, d in zip(samples(name), argument_dtypes(name, FLOAT32), strict=True)]
    (single,) = evaluate(graph, values)
    (double,) = evaluate(graph_of(name), values)
    assert single.dtype == graph.outputs[0].dtype
    assert single.dtype in (FLOAT32, BOOL) or INT64 in argument_dtypes(name)
    np.testing.assert_allclose(single, double, rtol=1e-5, atol=1e-5 if name in LOOPS else 1e-6)


@pytest.mark.parametrize("name", WITH_SYMPY)
def test_sympy_form_has_the_same_value(name):
    import sympy

    graph, values = graph_of(name), samples(name)
    symbols = [
        np.array(sympy.symbols(f"{t.name}:{POINTS}", real=True)) if t.dtype.kind == "f" else v
        for t, v in zip(graph.inputs, values, strict=True)
    ]
    (formula,) = evaluate(graph, symbols, SYMPY)
    point = {
        s: sympy.Float(x, 30)
        for symbol, value in zip(symbols, values, strict=True)
        if symbol.dtype == object
        for s, x in zip(symbol, value, strict=True)
    }
    substituted = [entry.subs(point) if isinstance(entry, sympy.Basic) else entry for entry in formula]
    found = [bool(e) if e in (True, False) else float(sympy.N(e)) for e in substituted]
    np.testing.assert_allclose(found, evaluate(graph, values)[0], rtol=accuracy(name, 1e-13), atol=1e-300)


def mpmath_derivative(name, values, position):
    """Numerical differentiation in extended precision, at each point."""
    graph = graph_of(name, size=1)
    count = len(values)
    order = tuple(int(k == position) for k in range(count))

    def function(*args):
        filled = iter(args)
        given = [next(filled) if d.kind == "f" else None for d in argument_dtypes(name)]
        point = [[g] if g is not None else [v] for g, v in zip(given, current, strict=True)]
        return evaluate(graph, point, MPMATH)[0][0]

    found = []
    real = [k for k, d in enumerate(argument_dtypes(name)) if d.kind == "f"]
    for current in zip(*values, strict=True):
        with mpmath.workdps(40):
            point = tuple(mpmath.mpf(current[k]) for k in real)
            found.append(float(mpmath.diff(function, point, tuple(order[k] for k in real))))
    return np.array(found)


@pytest.mark.parametrize("name", [name for name in DIFFERENTIABLE if name in WITH_MPMATH])
def test_partials_are_the_derivatives(name):
    values = samples(name)
    positions, graph = partial_graph(name)
    results = dict(zip(positions, evaluate(graph, values), strict=True))
    assert set(results) <= set(differentiable_positions(name))
    tolerance = 10 * accuracy(name, 1e-14)
    for position in differentiable_positions(name):
        wanted = mpmath_derivative(name, values, position)
        np.testing.assert_allclose(results.get(position, np.zeros(POINTS)), wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_complex_step_gives_the_partials(name):
    step = 1e-30
    values = samples(name, seed=1)
    graph = graph_of(name)
    positions, partials = partial_graph(name)
    results = dict(zip(positions, evaluate(partials, values), strict=True))
    for position in differentiable_positions(name):
        moved = [v + 1j * step if k == position else v for k, v in enumerate(values)]
        (found,) = evaluate(graph, moved, COMPLEX)
        np.testing.assert_allclose(found.real, evaluate(graph, values)[0], rtol=1e-15)
        np.testing.assert_allclose(found.imag / step, results.get(position, np.zeros(POINTS)), rtol=1e-13, atol=1e-13)


def kernel_values(graph, values):
    from gradc.lower import compile_graph

    return compile_graph(graph)([np.asarray(v, t.dtype) for v, t in zip(values, graph.inputs, strict=True)])[0]


@pytest.mark.parametrize("name", ROWS)
def test_kernel_agrees_with_the_evaluator(name):
    graph, values = graph_of(name), samples(name, seed=2)
    np.testing.assert_allclose(kernel_values(graph, values), evaluate(graph, values)[0], rtol=4e-15, atol=1e-300)


#: Where the order is infinite, SciPy's own functions read outside their memory or raise a MemoryError.
UNSAFE = frozenset(name for name in LOOPS if name.startswith(("mathieu", "pb")))


@pytest.mark.parametrize("name", sorted(set(ROWS) - UNSAFE))
def test_kernel_agrees_at_special_values(name):
    values = special_points(name)
    graph = graph_of(name, len(values[0]))
    found, expected = kernel_values(graph, values), evaluate(graph, values)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    if found.dtype.kind == "f" and name not in ("maximum", "minimum"):  # NumPy leaves open which zero wins
        np.testing.assert_array_equal(np.signbit(found[found == 0]), np.signbit(expected[found == 0]))


@pytest.mark.parametrize("numbers", [NUMPY, MPMATH, SYMPY, COMPLEX], ids=lambda n: n.name)
def test_convert(numbers):
    x = input_tensor("x", (4,), FLOAT64)
    whole = compute((4,), apply("convert", load(x, (index(0),)), dtype=INT64))
    truth = compute((4,), apply("convert", load(x, (index(0),)), dtype=BOOL))
    back = compute((4,), apply("convert", load(whole, (index(0),)), dtype=FLOAT64))
    a, b, c = evaluate(check(Graph((x,), (whole, truth, back))), [[-1.5, 0.0, 0.5, 2.0]], numbers)
    assert a.tolist() == [-1, 0, 0, 2]
    assert b.tolist() == [True, False, True, True]
    assert [float(complex(v).real) for v in c] == [-1.0, 0.0, 0.0, 2.0]
