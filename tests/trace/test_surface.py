"""Every function of the NumPy surface: traced, compiled and run, it gives what NumPy gives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from gradc.function import Function, Transform

RNG = np.random.default_rng(7)
A = RNG.normal(size=(3, 4))
B = RNG.normal(size=(4, 3))
S = RNG.normal(size=(3, 3))
V = RNG.normal(size=4)
U = np.abs(RNG.normal(size=5)) + 0.5
I = np.array([2, 0, -1])  # noqa: E741
C = RNG.normal(size=(2, 3, 4))
M = A > 0
Z = V + 1j * V[::-1]
K = np.array([[4, -3], [0, 7]])

UNARY = (
    "sin cos tan arctan sinh cosh tanh arcsinh exp exp2 expm1 cbrt absolute fabs sign floor ceil trunc rint square negative "
    "positive deg2rad rad2deg degrees radians isnan isinf isfinite signbit logical_not reciprocal"
).split()
POSITIVE = "log log2 log10 log1p sqrt arccosh".split()
BINARY = (
    "add subtract multiply divide true_divide maximum minimum fmax fmin arctan2 hypot logaddexp logaddexp2 copysign heaviside "
    "less less_equal greater greater_equal equal not_equal logical_and logical_or logical_xor floor_divide remainder mod fmod"
).split()

CASES = {
    **{name: (lambda x, name=name: getattr(np, name)(x), V) for name in UNARY},
    **{name: (lambda x, name=name: getattr(np, name)(x + 1.5), U) for name in POSITIVE},
    **{f"{name} twice": (lambda x, y, name=name: getattr(np, name)(x, y), A, V) for name in BINARY},
    "arcsin": (lambda x: np.arcsin(x / 10) + np.arccos(x / 10) + np.arctanh(x / 10), V),
    "power": (lambda x, y: x**y + x**2 + 2.0**x + np.power(x, 3) + x**-1 + x**0.5, U, U[::-1]),
    "operators": (lambda x, y: -x + 2 * y - x / 3 + 1 / y + (x - 1) ** 2 + abs(x) + (3 - x) // 2 + x % 2, A, B.T),
    "comparisons": (lambda x, y: (x < y) & (x > 0) | ~(x >= y) ^ (y != 0), A, B.T),
    "bool arithmetic": (lambda x: (x > 0) * x + (x > 0.5) * 2 + (x < 0).sum() + ((x > 0) + (x < 0)).mean(), A),
    "where": (lambda x, y: np.where(x > 0, x, y) + np.where(y > 0, 1.0, 0), A, V),
    "where number": (lambda x: np.where(True, x, 2), V),
    "clip": (lambda x: np.clip(x, -0.5, 0.5) + x.clip(0) + np.clip(x, None, 1), A),
    "select": (lambda x: np.select([x > 1, x > 0], [x, 2 * x], -1.0), A),
    "piecewise": (lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda t: -t, 2.0]), A),
    "nan_to_num": (lambda x: np.nan_to_num(np.log(x)), np.array([1.0, 0.0, 2.0])),
    "sinc": (lambda x: np.sinc(x), np.array([0.0, 0.5, -1.5])),
    "round": (lambda x: np.round(x, 2) + x.round() + np.around(x * 100, -1) + np.fix(x), A),
    "isclose": (lambda x: (np.isclose(x, x + 1e-9), np.allclose(x, x + 1), np.array_equal(x, x)), A),
    # reductions
    "sum": (lambda x: (x.sum(), np.sum(x, 0), x.sum(axis=(0, 1)), np.sum(x, axis=-1, keepdims=True)), A),
    "sum where": (lambda x: np.sum(x, where=x > 0, initial=2.0), A),
    "prod": (lambda x: (np.prod(x), x.prod(axis=1)), A),
    "max": (lambda x: (x.max(), np.max(x, 0), np.amin(x, axis=1, keepdims=True), x.min(), np.ptp(x, 0)), A),
    "argmax": (lambda x: (x.argmax(), np.argmax(x, 0), np.argmin(x, axis=1)), A),
    "any": (lambda x: (np.any(x > 1), (x > 0).all(axis=0), np.count_nonzero(x > 0)), A),
    "mean": (lambda x: (x.mean(), np.mean(x, 1), np.average(x), np.mean(x, axis=0, keepdims=True)), A),
    "average": (lambda x, w: np.average(x, axis=1, weights=w), A, np.array([1.0, 2.0, 3.0, 4.0])),
    "var": (lambda x: (x.var(), np.var(x, axis=0, ddof=1), x.std(), np.std(x, 1)), A),
    "nan reductions": (
        lambda x: (np.nansum(x), np.nanmean(x), np.nanmax(x), np.nanmin(x)),
        np.array([1.0, np.nan, 3.0]),
    ),
    "cumsum": (lambda x: (np.cumsum(x), x.cumsum(1), np.cumprod(x, axis=0)), A),
    "accumulate": (lambda x: (np.maximum.accumulate(x, axis=1), np.add.accumulate(x)), A),
    "reduce": (lambda x: (np.add.reduce(x), np.maximum.reduce(x, axis=1), np.multiply.reduce(x, axis=None)), A),
    "norm": (
        lambda x: (np.linalg.norm(x), np.linalg.norm(x, axis=1), np.linalg.norm(x, 1), np.linalg.norm(x, np.inf)),
        A,
    ),
    "vector norm": (
        lambda x: (np.linalg.norm(x), np.linalg.norm(x, 1), np.linalg.norm(x, 3), np.linalg.norm(x, np.inf)),
        V,
    ),
    # contractions
    "matmul": (lambda x, y, v: (x @ y, v @ y, x @ v, v @ v, np.matmul(x, y)), A, B, V),
    "batched matmul": (lambda c, y: (c @ y, np.matmul(c, c.swapaxes(1, 2))), C, B),
    "dot": (lambda x, y, v: (np.dot(x, y), x.dot(v), np.dot(v, v), np.dot(v, 2.0), np.vdot(v, v)), A, B, V),
    "dot 3d": (lambda c, y: np.dot(c, y), C, B),
    "inner": (lambda x, v: (np.inner(x, x), np.inner(v, v), np.outer(v, v), np.outer(x, v)), A, V),
    "tensordot": (lambda c, x: (np.tensordot(c, x, axes=([1, 2], [0, 1])), np.tensordot(c, x, 2)), C, A),
    "einsum": (
        lambda x, y, c: (
            np.einsum("ij,jk->ik", x, y),
            np.einsum("ij,jk", x, y),
            np.einsum("ij->", x),
            np.einsum("...i,ji->...j", c, x),
            np.einsum("ii->i", x @ y),
            np.einsum("ij,ij,ij->i", x, x, x),
        ),
        A,
        B,
        C,
    ),
    "trace": (lambda s: (np.trace(s), s.trace(offset=1), np.diagonal(s), s.diagonal(-1), np.diag(s)), S),
    "diag": (lambda v: (np.diag(v), np.diag(v, 1), np.diag(v, -2), np.diagflat(v)), V),
    "tril": (lambda x: (np.tril(x), np.triu(x), np.tril(x, -1), np.triu(x, 1)), A),
    "kron": (lambda x, v: (np.kron(x, v), np.kron(v, v)), A, V),
    "cross": (lambda x, y: (np.cross(x, y), np.cross(x[0], y[1])), S, S.T),
    "matrix power": (
        lambda s: (np.linalg.matrix_power(s, 3), np.linalg.matrix_power(s, 0), np.linalg.multi_dot([s, s, s])),
        S,
    ),
    "convolve": (lambda u, v: (np.convolve(u, v), np.convolve(u, v, "same"), np.convolve(u, v, "valid")), U, V[:3]),
    "correlate": (lambda u, v: (np.correlate(u, v), np.correlate(u, v, "full")), U, V[:3]),
    # shapes
    "reshape": (lambda x: (x.reshape(2, 6), np.reshape(x, (4, -1)), x.reshape(-1), x.ravel(), x.flatten()), A),
    "reshape order": (lambda x: (x.reshape(2, 6, order="F"), x.T.reshape(-1), x.T.ravel()), A),
    "transpose": (lambda c: (c.T, c.transpose(1, 0, 2), np.transpose(c, (2, 0, 1)), np.swapaxes(c, 0, 2), c.mT), C),
    "moveaxis": (lambda c: (np.moveaxis(c, 0, -1), np.moveaxis(c, (0, 1), (1, 2)), np.rollaxis(c, 2)), C),
    "axes": (lambda x: (np.expand_dims(x, 0), np.expand_dims(x, (0, -1)), np.squeeze(x[None]), x[:, :1].squeeze(1)), A),
    "atleast": (lambda v: (np.atleast_1d(v[0]), np.atleast_2d(v), np.atleast_3d(v)), V),
    "concatenate": (
        lambda x, v: (np.concatenate([x, x]), np.concatenate([x, x[:, :1]], axis=1), np.append(v, 1.0)),
        A,
        V,
    ),
    "stack": (lambda v: (np.stack([v, v + 1]), np.stack([v, v], axis=1), np.vstack([v, v]), np.hstack([v, v[:2]])), V),
    "stack more": (
        lambda v: (np.column_stack([v, v]), np.dstack([v, v]), np.array([v, v * 2]), np.array([v[0], 1, v[1]])),
        V,
    ),
    "split": (lambda u: (np.split(u[:4], 2), np.array_split(u, 2), np.split(u, [1, 3])), U),
    "flip": (lambda x: (np.flip(x), np.flip(x, 1), np.flipud(x), np.fliplr(x), x[::-1, ::-2], np.rot90(x)), A),
    "roll": (lambda x: (np.roll(x, 1), np.roll(x, -1, axis=0), np.roll(x, (1, 2), axis=(0, 1))), A),
    "repeat": (lambda x: (np.repeat(x, 2), np.repeat(x, 3, axis=1), x.repeat([1, 0, 2], axis=0)), A),
    "tile": (lambda x: (np.tile(x, 2), np.tile(x, (2, 1)), np.tile(x[0], (2, 2))), A),
    "broadcast": (lambda v: (np.broadcast_to(v, (2, 4)), np.broadcast_arrays(v, v[:, None])), V),
    "pad": (lambda x: (np.pad(x, 1), np.pad(x, ((0, 1), (2, 0)), constant_values=3.0), np.pad(x, 2, mode="edge")), A),
    "pad more": (lambda u: (np.pad(u, 2, mode="reflect"), np.pad(u, (1, 2), mode="wrap")), U),
    "diff": (lambda x: (np.diff(x), np.diff(x, axis=0), np.diff(x, n=2), np.ediff1d(x)), A),
    # indexing
    "basic": (lambda c: (c[0], c[-1, 1], c[:, 1:], c[..., 0], c[None, 0], c[:, ::-1, 1:3], c[1, 2, 3], c[0:0]), C),
    "steps": (lambda u: (u[::2], u[1::3], u[::-1], u[-2:], u[:-1], u[4:0:-2], u[10:], u[::-2]), U),
    "integer arrays": (lambda x, i: (x[i], x[:, i], x[i, i], x[i[:, None], i], x[i, 1:3], x[1, i]), A, I),
    "literal indices": (lambda x: (x[[0, 2]], x[[0, 2], [1, 3]], x[:, [3, 3, 0]], x[np.arange(3), np.arange(3)]), A),
    "apart": (lambda c, i: (c[i[:2], :, i[:2]], c[0, :, i], c[:, i, None]), C[:, :, :3], np.array([1, 0, -1])),
    "take": (lambda x, i: (np.take(x, i), x.take(i, axis=1), np.take(x, 2), np.take(x, [1, 0], axis=0)), A, I),
    "take along": (lambda x: np.take_along_axis(x, np.argmax(x, axis=1)[:, None], axis=1), A),
    "gather by argmax": (lambda x: x[np.arange(3), x.argmax(axis=1)], A),
    "choose": (lambda i, v: np.choose(i % 3, [v[:3], v[1:], -v[:3]]), I, V),
    "literal mask": (lambda x: x[np.array([True, False, True])], A),
    # creation
    "creation": (
        lambda v: (np.zeros(3) + v[0], np.ones((2, 4)) * v, np.full(2, v[1]), np.eye(4) @ v, np.identity(4) * v),
        V,
    ),
    "like": (lambda x: (np.zeros_like(x) + 1, np.ones_like(x), np.full_like(x, 2.0), np.empty_like(x) * 0), A),
    "arange": (
        lambda v: (np.arange(4) * v, np.arange(1, 9, 2) + v, np.arange(0.0, 1.0, 0.25) * v, v[np.arange(3, -1, -1)]),
        V,
    ),
    "linspace": (
        lambda v: (np.linspace(0, 1, 4) * v, np.linspace(v[0], v[1], 5), np.linspace(0, v[2], 3, endpoint=False)),
        V,
    ),
    "meshgrid": (lambda u, v: (np.meshgrid(u, v), np.meshgrid(u, v, indexing="ij")), U, V),
    "vander": (lambda u: (np.vander(u), np.vander(u, 3, increasing=True)), U),
    "tri": (lambda x: np.tri(3, 4) * x, A),
    "polyval": (lambda v, x: (np.polyval(v, x), np.polyval([1.0, 2.0], x)), V, U),
    "trapezoid": (lambda u: (np.trapezoid(u), np.trapezoid(u, dx=0.5), np.trapezoid(u, np.arange(5.0) ** 2)), U),
    "interp": (lambda x, f: np.interp(x, np.array([-1.0, 0.0, 0.5, 2.0]), f), np.array([-2.0, -0.3, 0.2, 2.0, 5.0]), V),
    "divmod": (lambda x: (divmod(x, 2), np.divmod(x, 2), np.modf(x)), V),
    "outer ufunc": (lambda v: (np.add.outer(v, v), np.multiply.outer(v, v)), V),
    "searchsorted": (
        lambda x: (np.searchsorted([0.0, 1.0], x), np.digitize(x, [0.0, 1.0]), np.isin(x, [x[0], 9.0])),
        V,
    ),
    "gradient": (lambda u, x: (np.gradient(u), np.gradient(u, 0.5), np.gradient(x)), U, A),
    "cov": (lambda x: (np.cov(x), np.cov(x, rowvar=False, bias=True), np.corrcoef(x), np.cov(x[0])), A),
    "bincount": (lambda v: np.bincount(np.array([0, 1, 1, 3]), weights=v, minlength=6), V),
    "block": (lambda x, v: (np.block([[x, x], [x, x]]), np.block([v, v]), np.block([[x[:, :1], x]])), A, V),
    "delete": (lambda x: (np.delete(x, 1), np.delete(x, [0, 2], axis=1), np.insert(x[0], 1, 5.0)), A),
    "windows": (lambda u: np.lib.stride_tricks.sliding_window_view(u, 3).sum(axis=1), U),
    "windows of a matrix": (lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2)), A),
    "index tricks": (lambda v, u: (np.r_[v, 0.0, u], np.c_[v, v], np.r_[0:3] * v[0]), V, U),
    "vectorize": (lambda x: np.vectorize(lambda t: t**2 + 1)(x), A),
    "indices": (lambda x: (x[np.ix_([0, 2], [1, 3])], x[np.triu_indices(3)], x[:3, :3][np.diag_indices(3)]), A),
    "python reductions": (lambda v: (any(v > 0), all(v > 0), max(v), min(v), sum(v)), V),
    "logaddexp reduce": (lambda x: (np.logaddexp.reduce(x), np.logaddexp.reduce(x, axis=1)), A),
    "scipy": (lambda x: (special.expit(x), special.erf(x), special.erfc(x), special.xlogy(abs(x), 2.0)), A),
    "scipy softmax": (lambda x: (special.softmax(x, axis=1), special.logsumexp(x), special.logsumexp(x, axis=0)), A),
    "selected": (lambda x: (x[x > 0].sum(), np.sum(x[x > 0] ** 2), x[x > 0].mean(), np.prod(2 * x[x < 0])), A),
    "known values": (lambda v: (v * np.sort(V), v[np.argsort(V)], v * V.argsort(), np.nonzero(V > 0)[0] * v[0]), V),
    # dtypes
    "integers": (lambda k: (k + 1, k * 2, k // 2, k % 3, k.sum(), k.mean(), -k, abs(k), k.max(), k / 2, k**2), K),
    "bools": (lambda m: (m & ~m, m | m, m ^ True, m.sum(), m.mean(), m.any(), m.all(axis=0)), M),
    "float32": (
        lambda x: (x * 2, x + 1.5, np.sin(x), x.sum(), x.mean(), x @ x.T, x.astype(float)),
        A.astype(np.float32),
    ),
    "Python numbers in arrays": (
        lambda x: (
            np.array([x[0, 0], 1.5]),
            np.stack([x[0, 0], 1]),
            np.append(x, 1.5),
            np.dot(x, 2.0),
            np.inner(x, 1.5),
        ),
        A.astype(np.float32),
    ),
    "Python numbers with arrays": (
        lambda x: (np.where(x > 0, x, 1.5), np.clip(x, 0.1, 0.5), np.select([x > 0], [x], 1.5), np.maximum(x, 0), x**2),
        A.astype(np.float32),
    ),
    "mixed": (lambda x, k: (x[:2, :2] + k, x[0, 0] * k, k * 1.5), A.astype(np.float32), K),
    "astype": (lambda x: (x.astype(int), x.astype(bool), x.astype("f4"), (x > 0).astype(float)), A),
    "complex": (lambda z: (z * z, z + 1, z / 2, abs(z), np.exp(z), z.sum(), z @ z), Z),
    "complex parts": (lambda z: (z.real, z.imag, np.conj(z), z.conj() * z), Z),
    "attributes": (lambda x: np.zeros((x.ndim, x.size, len(x), x.shape[1], x.dtype.itemsize)).sum() + x, A),
    "iteration": (lambda x: (sum(row.sum() for row in x), max(x[0, 0], x[0, 1]), min(x[0]), [r[0] for r in x]), A),
}


def assert_same(actual: object, expected: object) -> None:
    """Equal structure, dtype and shape, and values to a few units in the last place."""
    if isinstance(expected, tuple | list):
        assert isinstance(actual, tuple | list)
        assert len(actual) == len(expected)
        for a, e in zip(actual, expected, strict=True):
            assert_same(a, e)
        return
    wanted = np.asarray(expected)
    assert np.asarray(actual).dtype == wanted.dtype
    assert np.shape(actual) == wanted.shape
    tolerance = 2e-6 if wanted.dtype in (np.float32, np.complex64) else 1e-13
    np.testing.assert_allclose(np.asarray(actual), wanted, rtol=tolerance, atol=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_gives_what_numpy_gives(name: str) -> None:
    function, *arguments = CASES[name]
    copies = [a.copy() for a in arguments]
    with np.errstate(all="ignore"):
        expected = function(*arguments)
        actual = Function(function, Transform())(*arguments)
    assert_same(actual, expected)
    for a, before in zip(arguments, copies, strict=True):
        assert a.tobytes() == before.tobytes()
