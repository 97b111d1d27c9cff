"""The loops of ufuncs, found and called as machine code calls them."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from scipy import special

from gradc_runtime.ufuncs import UnknownLoop, loop_of, loop_types, symbol_names, symbols, ufunc_at

LOOP = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


def called(ufunc, types, *operands):
    loop, data = loop_of(ufunc, types)
    letters = types.replace("->", "")
    given = [np.asarray(x, letter) for x, letter in zip(operands, letters, strict=False)]
    results = [np.empty(len(given[0]), letter) for letter in letters[len(given) :]]
    arrays = [*given, *results]
    addresses = np.array([a.ctypes.data for a in arrays], np.intp)
    steps = np.array([a.itemsize for a in arrays], np.intp)
    count = np.array([len(given[0])], np.intp)
    LOOP(loop)(addresses.ctypes.data, count.ctypes.data, steps.ctypes.data, data)
    return results


@pytest.mark.parametrize("name", [n for n in dir(special) if isinstance(getattr(special, n), np.ufunc)])
def test_every_ufunc_keeps_its_loops_where_they_are_read(name):
    ufunc = getattr(special, name)
    for types in ufunc.types:
        loop, data = loop_of(ufunc, types)
        assert loop
        assert data


@pytest.mark.parametrize(("letter", "tolerance"), [("d", 0.0), ("f", 0.0)])
def test_a_loop_gives_what_the_ufunc_gives(letter, tolerance):
    order, x = np.array([0.5, 1, 2], letter), np.array([1.0, 2.5, np.nan], letter)
    (found,) = called(special.jv, f"{letter}{letter}->{letter}", order, x)
    np.testing.assert_array_equal(found, special.jv(order, x))


def test_a_loop_with_several_results():
    x = np.linspace(-2, 2, 5)
    for found, expected in zip(called(special.airy, "d->dddd", x), special.airy(x), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_the_types_are_those_numpy_chooses():
    whole, single, double = (np.dtype(kind) for kind in ("i8", "f4", "f8"))
    assert loop_types(special.eval_hermite, [whole, single]) == f"{whole.char}d->d"
    assert loop_types(special.gammaln, [single]) == "f->f"
    assert loop_types(special.kn, [double, double]) == "dd->d"


def test_symbols_name_loop_and_data():
    names = symbol_names("scipy.special._ufuncs.airy", "d->dddd")
    assert symbols([*names, "memcpy"]) == dict(zip(names, loop_of(special.airy, "d->dddd"), strict=True))


def test_a_loop_that_is_not_there_is_told():
    with pytest.raises(UnknownLoop, match="none for g->g"):
        loop_of(special.gammaln, "g->g")
    with pytest.raises(UnknownLoop, match="no ufunc of the installed version"):
        ufunc_at("scipy.special._ufuncs.no_such_function")
