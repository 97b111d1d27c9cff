"""Sorting, order statistics, bins and interpolation as users write them: ties, NaN, errors, what a partition promises."""

import numpy as np
import pytest

import gradc
from gradc.errors import TraceError
from gradc.lower import compile_graph

QUANTILE_METHODS = (
    "inverted_cdf averaged_inverted_cdf closest_observation interpolated_inverted_cdf hazen weibull linear "
    "median_unbiased normal_unbiased lower higher midpoint nearest"
).split()
KNOTS = np.array([-1.0, -0.3, 0.0, 0.4, 1.5])


def same(function, *arguments):
    """The compiled function gives NumPy's result, bit for bit, and its dtype."""
    with np.errstate(all="ignore"):
        expected, found = function(*arguments), gradc.jit(lambda *a: function(*a))(*arguments)
    np.testing.assert_array_equal(found, expected)
    assert np.asarray(found).dtype == np.asarray(expected).dtype


def test_among_equal_entries_the_first_is_the_smaller():
    weights = np.array([1.0, 10.0, 100.0, 1000.0])
    gradient = gradc.grad(lambda x: np.sum(weights * np.sort(x)))(np.array([2.0, 1.0, 2.0, 1.0]))
    np.testing.assert_array_equal(gradient, [100.0, 1.0, 1000.0, 10.0])


def test_the_median_of_equal_entries_belongs_to_the_stable_order():
    np.testing.assert_array_equal(gradc.grad(np.median)(np.array([5.0, 5.0, 5.0])), [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(gradc.grad(np.median)(np.array([5.0, 5.0])), [0.5, 0.5])


def test_the_formula_of_a_median_names_the_entries():
    """A permutation's entries are positions: nothing is left to say about their range."""
    gradient = gradc.grad(lambda x: np.median(x)).formula(np.arange(50.0))
    assert str(gradient).count("argsort(x)[24]") == 1
    assert ">=" not in str(gradient)
    assert "<=" not in str(gradient)
    assert str(gradc.jit(lambda x: np.sort(x**2)).formula(np.arange(3.0))) == "x[argsort(x**2)[i]]**2"


def test_signed_zeros_and_no_numbers_keep_their_order():
    x = np.array([np.nan, 0.0, -0.0, -np.inf, np.nan, 0.0])
    np.testing.assert_array_equal(gradc.jit(np.argsort)(x), np.argsort(x, kind="stable"))
    assert np.signbit(gradc.jit(np.sort)(x)).tolist() == [True, False, True, False, False, False]


def test_complex_numbers_are_in_numpys_order(rng):
    parts = [np.nan, 0.0, 1.0, -1.0]
    z = np.array([complex(a, b) for a in parts for b in parts])
    z = z[rng.permutation(len(z))]
    same(np.sort, z)
    same(lambda z: np.argsort(z, kind="stable"), z)


@pytest.mark.parametrize("kth", [0, 3, -2, [1, 5]])
def test_a_partition_keeps_its_promise(kth, rng):
    x = rng.normal(size=9)
    found = gradc.jit(lambda x: np.partition(x, kth))(x)
    chosen = gradc.jit(lambda x: x[np.argpartition(x, kth)])(x)
    for result in (found, chosen):
        for position in np.atleast_1d(kth) % 9:
            assert result[position] == np.sort(x)[position]
            assert (result[:position] <= result[position]).all()
            assert (result[position:] >= result[position]).all()


def test_sorting_in_place_is_seen_through_views(rng):
    def function(x):
        y = x.copy()
        row = y[1]
        row.sort()
        y[:, 0].partition(1)
        return y * x

    x = rng.normal(size=(3, 4))
    expected = x.copy()
    expected[1] = np.sort(expected[1])
    found = gradc.jit(function)(x) / x
    np.testing.assert_allclose(np.sort(found[:, 0]), np.sort(expected[:, 0]))
    np.testing.assert_allclose(found[:, 1:], expected[:, 1:])


@pytest.mark.parametrize("method", QUANTILE_METHODS)
def test_quantiles_with_entries_that_are_no_numbers(method, rng):
    x = rng.normal(size=(4, 6)).round(1)
    x[0, 1] = x[1, 3:] = x[2] = np.nan
    x[3, 0], x[3, 5] = np.inf, -np.inf
    q = np.array([0.0, 0.1, 0.25, 0.5, 0.6, 0.9, 1.0])
    for axis in (0, 1, None):
        with np.errstate(all="ignore"):
            for name in ("quantile", "nanquantile"):
                expected = getattr(np, name)(x, q, axis=axis, method=method)
                found = gradc.jit(lambda x, name=name, axis=axis: getattr(np, name)(x, q, axis=axis, method=method))(x)
                np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("method", QUANTILE_METHODS)
def test_probabilities_may_be_traced(method, rng):
    x, q = rng.normal(size=11), np.linspace(0, 1, 21)
    found = gradc.jit(lambda x, q: np.quantile(x, q, method=method))(x, q)
    np.testing.assert_allclose(found, np.quantile(x, q, method=method), rtol=1e-14)


def test_traced_probabilities_outside_the_range_give_no_number():
    found = gradc.jit(lambda x, q: np.quantile(x, q))(np.arange(5.0), np.array([-0.1, 0.5, 1.1, np.nan]))
    np.testing.assert_array_equal(found, [np.nan, 2.0, np.nan, np.nan])


def test_weighted_quantiles(rng):
    x, w = rng.normal(size=(3, 7)), rng.uniform(size=7)
    w[2] = 0
    for q in (0.0, 0.4, [0.1, 0.5, 1.0]):
        same(lambda x, w, q=q: np.quantile(x, q, axis=1, weights=w, method="inverted_cdf"), x, w)
    same(lambda x, w: np.percentile(x, 30, weights=w, method="inverted_cdf"), x, np.abs(x))


def test_medians_of_nothing_and_of_no_numbers():
    with pytest.warns(RuntimeWarning):
        assert np.isnan(np.median(np.zeros(0)))
    assert np.isnan(gradc.jit(np.median)(np.zeros(0)))
    same(lambda x: np.median(x, axis=1), np.array([[1.0, np.nan, 2.0], [3.0, 1.0, 2.0]]))
    found = gradc.jit(lambda x: np.nanmedian(x, axis=1))(np.array([[1.0, np.nan, 2.0], [np.nan] * 3]))
    np.testing.assert_array_equal(found, [1.5, np.nan])


def test_interpolation_at_knots_beyond_them_and_of_infinite_values():
    points = np.array([-2.0, -1.0, -0.3, 0.2, 1.5, 3.0, np.nan, -0.65])
    values = np.array([1.0, np.inf, np.inf, -2.0, 0.5])
    for fp in (KNOTS**2, values):
        same(lambda x, fp=fp: np.interp(x, KNOTS, fp), points)
        same(lambda x, fp=fp: np.interp(x, KNOTS, fp, left=-7, right=np.nan), points)
        same(lambda x, fp=fp: np.interp(x, KNOTS, fp, period=2.25), points)
    same(lambda x: np.interp(x, [0.5], [3.0]), points)
    same(lambda x: np.interp(x, KNOTS, KNOTS + 1j * KNOTS**2), points[:-2])


def test_histograms_count_what_numpy_counts(rng):
    x = np.concatenate([rng.normal(size=50), KNOTS, [np.nan, np.inf, -np.inf]])
    same(lambda x: np.histogram(x, KNOTS)[0], x)
    same(lambda x: np.histogram(x, bins=7, range=(-1, 1.5))[0], x)
    same(lambda x: np.histogram(x, KNOTS, weights=np.where(np.isnan(x), 0, x > 0))[0], x)
    same(lambda x: np.histogram2d(x, x[::-1], bins=[KNOTS, 3], range=[None, (-1, 1)])[0], x)


def test_bins_that_fall():
    x = np.array([-2.0, -1.0, 0.0, 0.1, 1.5, 2.0])
    for right in (False, True):
        same(lambda x, b, right=right: np.digitize(x, b, right), x, KNOTS[::-1].copy())
        same(lambda x, right=right: np.digitize(x, KNOTS[::-1], right), x)
        same(lambda x, right=right: np.digitize(x, KNOTS[:1], right), x)


def test_membership_with_no_numbers_and_with_nothing():
    x = np.array([1.0, np.nan, 2.0, -0.0])
    for others in ([0.0, np.nan, 2.0], [], [5.0]):
        same(lambda x, others=others: np.isin(x, others), x)
        same(lambda x, others=others: np.isin(x, others, invert=True), x)


def test_nothing_is_traced_anew_at_each_call(rng):
    def function(x):
        a = np.quantile(x, [0.2, 0.7], axis=0, method="hazen").sum() + np.nanquantile(x, 0.3) + np.median(x)
        return a + np.histogram(x, bins=3, range=(0, 1))[0].sum() + np.interp(x, [0.0, 1.0], [1.0, 2.0]).sum()

    jitted = gradc.jit(function)
    for _ in range(3):
        jitted(rng.uniform(size=(5, 2)))
    assert jitted.traces == 1


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (lambda x: np.sort(x, order="a"), ValueError, "no fields"),
        (lambda x: np.sort(x, kind="bogus"), ValueError, "sort kind"),
        (lambda x: np.sort(x, kind="stable", stable=True), ValueError, "at the same time"),
        (lambda x: np.sort(x, axis=2), np.exceptions.AxisError, "out of bounds"),
        (lambda x: np.partition(x, 9), ValueError, "out of bounds"),
        (lambda x: np.partition(x, 1.5), TypeError, "integer"),
        (lambda x: np.searchsorted(x, 0.0, side="middle"), ValueError, "'left' or 'right'"),
        (lambda x: np.searchsorted(x, 0.0, sorter=np.arange(2)), ValueError, "sorter.size"),
        (lambda x: np.searchsorted(x[None], 0.0), ValueError, "too deep"),
        (lambda x: np.digitize(x, [0.0, 2.0, 1.0]), ValueError, "monotonically"),
        (lambda x: np.quantile(x, 1.5), ValueError, r"range \[0, 1\]"),
        (lambda x: np.percentile(x, [5, -1]), ValueError, r"range \[0, 100\]"),
        (lambda x: np.quantile(x, 0.5, method="best"), ValueError, "not a valid method"),
        (lambda x: np.quantile(x, 0.5, weights=x), ValueError, "inverted_cdf"),
        (lambda x: np.median(x, axis=(0, 0)), ValueError, "repeated axis"),
        (lambda x: np.interp(x, KNOTS, KNOTS[1:]), ValueError, "same length"),
        (lambda x: np.interp(x, KNOTS, KNOTS, period=0), ValueError, "non-zero"),
        (lambda x: np.histogram(x, [1.0, 0.0]), ValueError, "monotonically"),
        (lambda x: np.histogram(x), TraceError, "range="),
        (lambda x: np.bincount([0, -1, 1], x), ValueError, "negative"),
        (lambda x: np.unique(x), TraceError, "np.sort"),
        (lambda x: np.sort(x[x > 0]), TraceError, "mask"),
        (lambda x: np.median(x[x > 0]), TraceError, "mask"),
        (lambda x: np.lexsort(()), TypeError, "keys"),
    ],
)
def test_wrong_calls(function, error, words):
    with pytest.raises(error, match=words):
        gradc.jit(lambda x: function(x) if x is not None else x)(np.array([0.3, -1.0, 2.0]))


def test_one_kernel_serves_any_number_of_entries(rng):
    functions = [
        lambda x: np.sort(x, axis=0),
        lambda x: np.median(x, axis=0),
        lambda x: np.nanquantile(x, 0.3, axis=0),
        lambda x: np.quantile(x, [0.1, 0.5], axis=0, method="hazen"),
        lambda x: np.percentile(x, 40, axis=0, method="nearest"),
        lambda x: np.interp([0.1, 0.7], np.sort(x[:, 0]), x[:, 1]),
        lambda x: np.isin(x, x[0]),
        lambda x: np.fft.irfft(np.fft.rfft(x[:, 0]) ** 2, n=x.shape[0]),
    ]
    for function in functions:
        graph = gradc.jit(function).record_for(gradc.matrix("n", 3)).graph
        kernel = compile_graph(graph)
        for count in (5, 6, 30, 200, 2):
            x = rng.normal(size=(count, 3))
            np.testing.assert_allclose(kernel([x])[0], function(x), rtol=1e-12, atol=1e-13)
