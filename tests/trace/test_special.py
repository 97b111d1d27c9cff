"""`scipy.special` in traced functions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

import gradc
from gradc.errors import ArgumentError, TraceError

UFUNCS = [name for name in dir(special) if isinstance(getattr(special, name), np.ufunc)]
#: Arguments that are valid nearly everywhere, by the number of arguments.
POINTS = {1: (0.4,), 2: (2.0, 0.6), 3: (1.0, 2.0, 0.4), 4: (1.0, 2.0, 0.5, 0.3), 5: (1.0, 2.0, 0.5, 5.9, 0.3)}
COMPLEX = {
    name
    for name in UFUNCS
    if not any(set(types.replace("->", "")) <= set("dl") for types in getattr(special, name).types)
}


def arguments(ufunc):
    """The last argument is an array; what a ufunc takes as an integer only is one."""
    *fixed, last = POINTS[ufunc.nin]
    whole = [all(types[k] == "l" for types in ufunc.types) for k in range(ufunc.nin - 1)]
    return [int(x) if w else x for x, w in zip(fixed, whole, strict=True)], np.array([last, 1.1 * last])


@pytest.mark.parametrize("name", sorted(COMPLEX))
def test_what_is_complex_says_what_to_write(name):
    with pytest.raises(TraceError, match="use"):
        gradc.jit(getattr(special, name))(*POINTS[getattr(special, name).nin])


@pytest.mark.parametrize("name", [n for n in UFUNCS if n not in COMPLEX])
def test_every_other_ufunc_has_scipys_values(name):
    ufunc = getattr(special, name)
    fixed, last = arguments(ufunc)
    function = gradc.jit(lambda x: ufunc(*fixed, x))
    spheroidal = name.startswith(("obl_", "pro_"))  # SciPy itself does not come back from NaN
    for x in (last,) if spheroidal else (last, last * np.nan):
        found, wanted = function(x), ufunc(*fixed, x)
        for have, want in zip(*[r if ufunc.nout > 1 else (r,) for r in (found, wanted)], strict=True):
            np.testing.assert_allclose(have, want, rtol=1e-14)
            assert have.dtype == want.dtype


@pytest.mark.parametrize("name", [n for n in UFUNCS if n not in COMPLEX])
def test_a_derivative_comes_or_its_lack_is_told(name):
    ufunc = getattr(special, name)
    fixed, last = arguments(ufunc)

    def total(x):
        results = ufunc(*fixed, x)
        return sum(np.sum(r) for r in results) if ufunc.nout > 1 else np.sum(results)

    try:
        slope = gradc.grad(total)(last)
    except TraceError as error:
        told = str(error)
    else:
        told = ""
        assert slope.shape == last.shape
    assert not told or ("with respect to" in told and "test_special.py" in told)


def test_the_order_is_not_differentiated():
    with pytest.raises(TraceError, match="the derivative of jv with respect to the order is not known"):
        gradc.grad(lambda v: special.jv(v, 2.0))(1.5)
    order = 1.5
    assert gradc.grad(lambda x: special.jv(order, x))(2.0) == pytest.approx(special.jvp(1.5, 2.0), rel=1e-14)
    both = gradc.grad(lambda v, x: special.jv(gradc.stop_gradient(v), x), argnums=1)
    assert both(1.5, 2.0) == pytest.approx(special.jvp(1.5, 2.0), rel=1e-14)


def test_a_product_with_a_logarithm_has_its_slope_where_it_vanishes():
    slopes = gradc.grad(lambda x, y: special.xlogy(x, y), argnums=(0, 1))
    assert slopes(0.0, 3.0) == (pytest.approx(np.log(3.0)), 0.0)
    assert slopes(0.0, 0.0) == (-np.inf, 0.0)
    assert np.isnan(gradc.jit(special.xlogy)(0.0, np.nan))


def test_tails_keep_their_digits():
    x = np.array([-50.0, -8.0, 0.0, 9.0])
    np.testing.assert_allclose(gradc.jit(lambda x: special.log_ndtr(x))(x), special.log_ndtr(x), rtol=1e-15)
    slope = gradc.grad(lambda x: np.sum(special.log_ndtr(x)))(x)
    assert slope[0] == pytest.approx(50.01998403, rel=1e-9)  # x + 1/x - 2/x^3 + 10/x^5
    np.testing.assert_allclose(gradc.jit(lambda x: special.log_expit(x))(20 * x), special.log_expit(20 * x), rtol=1e-15)


def test_curvatures_stay_finite_where_closed_forms_divide_by_zero():
    for function, wanted in (
        (lambda m: special.ellipk(m), np.pi / 2 * 9 / 32),
        (lambda x: special.exprel(x), 1 / 3),
        (lambda x: special.j1(x), 0.0),
        (lambda x: special.sici(x)[0], 0.0),
        (lambda x: special.boxcox(2.0, x), np.log(2.0) ** 3 / 3),
    ):
        second = gradc.grad(gradc.grad(function))
        assert second(0.0) == pytest.approx(wanted, abs=1e-14)


def test_log_sum_exp_of_nothing_but_infinities():
    none, some = np.full(3, -np.inf), np.array([0.5, np.inf])
    function = gradc.jit(lambda x: special.logsumexp(x))
    assert function(none) == -np.inf
    assert function(some) == np.inf
    np.testing.assert_array_equal(gradc.jit(lambda x: special.log_softmax(x))(np.array([1.0, -np.inf])), [0, -np.inf])


def test_multigammaln_outside_its_domain():
    assert np.isnan(gradc.jit(lambda a: special.multigammaln(a, 3))(0.9))  # SciPy raises a ValueError


def test_formulas_and_source_call_the_functions():
    gradient = gradc.grad(lambda x: np.sum(special.jv(1, x) + special.airy(x)[0]))
    formula = gradient.formula(np.array([0.4, 0.7]))
    assert formula.latex() == r"\operatorname{Ai}'(x) + \frac{1}{2} J_{0}(x) - \frac{1}{2} J_{2}(x)"
    source = formula.numpy()
    assert "import scipy.special\n" in source
    assert "scipy.special.airy(x)[1]" in source
    with pytest.raises(ArgumentError, match="no C source"):
        formula.c()
