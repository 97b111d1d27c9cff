"""Reductions and products that NumPy refuses are refused, and the user's line is named."""

from __future__ import annotations

import numpy as np
import pytest

from gradc.function import Function, Transform
from surface.form import source_of

U, A, B = np.arange(1.0, 4.0), np.arange(1.0, 7.0).reshape(2, 3), np.ones((3, 4))
E = np.ones((0, 3))

_REFUSALS = (ValueError, TypeError, IndexError, RuntimeError, np.linalg.LinAlgError)
CALLS = [
    # reductions
    (lambda a: np.sum(a, axis=2), A),
    (lambda a: np.sum(a, axis=(0, 0)), A),
    (lambda a: np.sum(a, axis=[0]), A),
    (lambda a: np.sum(a, axis=0.5), A),
    (lambda a: np.sum(a, where=np.ones((2, 2, 3), bool)), A),
    (lambda a: np.sum(a, axis=0, out=np.zeros(4)), A),
    (lambda a: np.max(a, where=a > 1), A),
    (lambda a: np.max(a, axis=0), E),
    (lambda a: np.min(a), E),
    (lambda a: np.argmax(a, axis=0), E),
    (lambda a: np.argmin(a), E),
    (lambda a: np.ptp(a, axis=0), E),
    (lambda a: np.nanmax(a), E),
    (lambda a: np.var(a, ddof=1, correction=1), A),
    (lambda a, w: np.average(a, weights=w), A, U),
    (lambda a, w: np.average(a, axis=0, weights=w), A, U),
    (lambda a: np.cumsum(a, axis=2), A),
    (lambda a: np.cumulative_sum(a), A),
    (lambda a: np.maximum.accumulate(a, axis=2), A),
    (lambda a: np.diff(a, n=-1), A),
    (lambda a: np.diff(a, axis=2), A),
    (lambda a: np.diff(np.sum(a)), A),
    (lambda a: np.gradient(a, 1.0, 2.0, 3.0), A),
    (lambda a: np.gradient(a, edge_order=2), A),
    (lambda a: np.gradient(a, np.ones(2), axis=1), A),
    (lambda a: np.trapezoid(a, dx=np.ones(7)), A),
    (lambda a: np.cov(a, fweights=np.ones(4, int)), A),
    (lambda a: np.cov(np.stack([a, a])), A),
    (lambda a: np.cov(a, ddof=0.5), A),
    (lambda a: np.linalg.norm(a, 3), A),
    (lambda a: np.linalg.norm(a, "nuc"), U),
    (lambda a: np.linalg.norm(a, axis=(0, 0)), A),
    (lambda a: np.linalg.norm(a, 1), np.ones((2, 2, 2))),
    (lambda a: np.linalg.norm(a, axis="x"), A),
    # products
    (lambda a: a @ a, A),
    (lambda a: a @ 3.0, A),
    (lambda a: np.dot(a, a), A),
    (lambda a, u: np.vdot(a, u), A, U),
    (lambda a, b: np.inner(a, b), A, B),
    (lambda a, u: np.linalg.outer(a, u), A, U),
    (lambda a, u: np.linalg.vecdot(a, u[:2]), A, U),
    (lambda a, b: np.matmul(np.stack([a, a]), np.stack([b, b, b])), A, B),
    (lambda a: np.tensordot(a, a, axes=3), A),
    (lambda a, b: np.tensordot(a, b, axes=([0], [0])), A, B),
    (lambda a, b: np.tensordot(a, b, axes=([1], [0, 1])), A, B),
    (lambda a: np.tensordot(a, a, axes=([1, 1], [1, 1])), A),
    (lambda a, b: np.cross(a, b), B, B),
    (lambda a, b: np.linalg.cross(a[:2], b[:2]), U, U),
    (lambda a: np.trace(a), U),
    (lambda a: np.trace(a, axis1=0, axis2=0), A),
    (lambda a: np.linalg.multi_dot([a]), A),
    (lambda a: np.linalg.multi_dot([a, a]), A),
    (lambda a, u: np.linalg.multi_dot([a, u, a]), A, U),
    (lambda a: np.einsum("...i->i", a), A),
    (lambda a: np.einsum("ijk->", a), A),
    (lambda a: np.einsum("i", a), A),
    (lambda a: np.einsum("ij->ik", a), A),
    (lambda a: np.einsum("ij->jj", a), A),
    (lambda a: np.einsum("ij,jk", a), A),
    (lambda a: np.einsum("i1", a), A),
    (lambda a: np.einsum("..j", a), A),
    (lambda a: np.einsum("ii", a), A),
    (lambda a, b: np.einsum("ij,kj", a, b), A, B),
    (lambda a: np.einsum(a, ["i", "j"]), A),
    (lambda a, u: np.convolve(a, u), A, U),
    (lambda u: np.convolve(u, u[:0]), U),
    (lambda u: np.convolve(u, u, "most"), U),
    (lambda u: np.correlate(u, u, 7), U),
    (lambda a: np.vander(a), A),
    (lambda u: np.polyder(u, -1), U),
    (lambda u: np.polyint(u, 2, [1.0, 2.0, 3.0][:0]), U),
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: source_of(call[0]))
def test_what_numpy_refuses_is_refused(call) -> None:
    function, *arguments = call
    with pytest.raises(_REFUSALS):
        function(*arguments)
    with pytest.raises(_REFUSALS) as caught:
        Function(function, Transform())(*arguments)
    assert "test_product_errors" in str(caught.value), "the user's line is not named"
