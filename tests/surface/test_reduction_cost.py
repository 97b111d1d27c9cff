"""What kernels cost grows no faster than the entries they read and write: values, gradients, Hessian-vector products."""

from __future__ import annotations

import numpy as np
import pytest

import gradc
from surface.form import source_of

SMALL, LARGE = 128, 1024
#: Eight times the entries may take this many times the work.
LINEAR = 8.5

#: Functions of a vector of any length that is a multiple of 64.
FUNCTIONS = [
    # running reductions, differences
    lambda x: np.cumsum(x),
    lambda x: np.cumsum(x.reshape(-1, 8), axis=0),
    lambda x: np.cumsum(x.reshape(8, -1), axis=1),
    lambda x: np.cumprod(x),
    lambda x: np.cumprod(x.reshape(8, -1), axis=1),
    lambda x: np.maximum.accumulate(x),
    lambda x: np.minimum.accumulate(x[::-1]),
    lambda x: np.logaddexp.accumulate(x),
    lambda x: np.nancumsum(x),
    lambda x: np.nancumprod(x),
    lambda x: np.diff(x),
    lambda x: np.diff(x, n=5),
    lambda x: np.ediff1d(x, 1.0, 2.0),
    lambda x: np.gradient(x),
    lambda x: np.trapezoid(x),
    # reductions
    lambda x: np.prod(x),
    lambda x: np.max(x),
    lambda x: np.nansum(x),
    lambda x: np.nanmean(x),
    lambda x: np.nanmax(x),
    lambda x: np.nanvar(x),
    lambda x: np.var(x),
    lambda x: np.std(x),
    lambda x: np.average(x, weights=x),
    lambda x: np.linalg.norm(x, 3),
    # joining
    lambda x: np.concatenate([x, 2 * x, x]),
    lambda x: np.stack([x, x * x], axis=1),
    lambda x: np.append(x, x[:5]),
    lambda x: np.roll(x, 5),
    lambda x: np.flip(x),
    lambda x: np.repeat(x, 3),
    lambda x: np.repeat(x.reshape(8, -1), 2, axis=1),
    lambda x: np.tile(x, 3),
    lambda x: np.tile(x.reshape(8, -1), (2, 3)),
    *[
        lambda x, mode=mode: np.pad(x, (3, 5), mode=mode)
        for mode in ("constant", "edge", "reflect", "symmetric", "wrap", "linear_ramp", "mean", "maximum")
    ],
    # indexing
    lambda x: x[3:-2:3],
    lambda x: x[::-2],
    lambda x: x[np.arange(x.size) // 2],
    lambda x: x[np.argsort(-x)],
    lambda x: np.take(x, [0, 5, 3, 3]),
    lambda x: np.take_along_axis(x, np.argsort(x), axis=0),
    lambda x: np.where(x > 1.5, np.log(x), 0.0),
    lambda x: x.reshape(8, -1).T.reshape(-1),
    lambda x: x.reshape(2, 4, -1).transpose(2, 0, 1).reshape(-1),
    lambda x: np.swapaxes(x.reshape(4, -1, 8), 0, 2),
    lambda x: _written(x),
    # products
    lambda x: np.convolve(x, [1.0, -2.0, 0.5, 3.0]),
    lambda x: np.convolve(x, x[:6], mode="same"),
    lambda x: np.correlate(x, x[:6]),
    lambda x: np.polyval([1.0, -2.0, 0.5], x),
    lambda x: np.kron(x, [1.0, 2.0, 3.0]),
]


def _written(x):
    y = np.zeros(x.size)
    y[1:-1] = x[2:]
    y[::4] += x[::4]
    y[3] = 2 * x[0]
    return y


#: Those whose results have as many entries as pairs of the argument's.
PAIRS = [
    lambda x: np.diag(x),
    lambda x: np.outer(x, x),
    lambda x: np.convolve(x, x),
]


def _work(function, x) -> float:
    """Operations, and numbers moved."""
    cost = function.cost(*x)
    return cost.flops + cost.bytes_moved / 8


def _growths(function) -> dict[str, float]:
    def loss(x):
        return np.sum(np.sin(function(x)))

    vectors = [np.random.default_rng(0).uniform(1, 2, size) for size in (SMALL, LARGE)]
    kinds = {
        "value": (lambda: gradc.jit(function), 1),
        "gradient": (lambda: gradc.grad(loss), 1),
        "product": (lambda: gradc.hvp(loss), 2),
    }
    found = {}
    for name, (make, count) in kinds.items():
        small, large = (_work(make(), [x] * count) for x in vectors)
        found[name] = large / small
    return found


@pytest.mark.parametrize("function", FUNCTIONS, ids=source_of)
def test_work_grows_with_the_entries(function) -> None:
    assert max(_growths(function).values()) <= LINEAR, _growths(function)


@pytest.mark.parametrize("function", PAIRS, ids=source_of)
def test_work_grows_with_the_pairs(function) -> None:
    assert max(_growths(function).values()) <= LINEAR**2, _growths(function)


def test_traced_positions_are_gathered_and_scattered() -> None:
    def loss(x, i):
        return np.sum(np.sin(x[i]))

    works = []
    for size in (SMALL, LARGE):
        x, i = np.random.default_rng(0).uniform(1, 2, size), np.arange(size)[::-1].copy()
        works.append(_work(gradc.grad(loss), [x, i]))
    assert works[1] <= LINEAR * works[0]
