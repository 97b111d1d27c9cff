"""Complex numbers: their parts, functions, branch cuts away from the cuts, products, reductions, writing."""

from __future__ import annotations

import numpy as np

from surface.form import form

_RNG = np.random.default_rng(17)
_LENGTH = 6


def _numbers(*shape: int) -> np.ndarray:
    """Off the axes, where the branch cuts and the kinks are."""
    return _RNG.uniform(0.4, 1.6, shape) * np.exp(1j * _RNG.uniform(0.3, 1.2, shape))


Z = _numbers(_LENGTH)
W = _numbers(_LENGTH) * 1j
A, B = _numbers(3, 4), _numbers(4, 2)
S = _numbers(2, 3, 3)
X = _RNG.uniform(0.3, 1.4, _LENGTH)
C = 0.7 - 1.3j


def _filled(z):
    parts = np.zeros(4, complex)
    parts[0], parts[1:3] = z[0] * 2j, z[1:3]
    parts[-1] += np.conj(z[-1])
    return parts * parts[::-1]


def _parts_written(z):
    y = z * 1.0
    y.real[1:3] = z.imag[:2] ** 2
    y.imag = -y.imag
    return y * y


def _complex_of(re, im):
    return complex(re, im)


def _newton(z):
    for _ in range(3):
        z = z - (z**3 - 1) / (3 * z**2)
    return z


def _mandelbrot(c):
    z = c * 0
    for _ in range(4):
        z = z * z + c
    return np.abs(z)


FORMS = [
    # parts
    form("np.real", lambda z: np.real(z) * z, Z),
    form("np.imag", lambda z: np.imag(z) * z, Z),
    form("ndarray.real", lambda z: z.real**3, Z),
    form("ndarray.imag", lambda z: z.imag[::2] * z.real[1::2], Z),
    form("np.conj", lambda z: np.conj(z) * z**2, Z),
    form("np.conjugate", lambda z: np.conjugate(np.exp(z)), Z),
    form("ndarray.conj", lambda z: z.conj() * 2j, Z),
    form("ndarray.conjugate", lambda z: z.conjugate().T @ z, A),
    form("np.abs np.absolute", lambda z: np.abs(z), Z),
    form("np.abs np.absolute", lambda z: np.sum(np.abs(z) ** 2), A),
    form("np.abs np.absolute", lambda z: np.abs(z) ** 3 * z, Z),
    form("np.abs np.absolute", lambda z: abs(z - 2j) / abs(z), C),
    form("np.angle", lambda z: np.angle(z), Z),
    form("np.angle", lambda z: np.angle(z * 1j, deg=True), Z),
    form("np.arctan2", lambda z: np.arctan2(z.imag, z.real), W),
    form("np.sign", lambda z: np.sign(z) * z.real, Z),
    form("np.iscomplex np.isreal", lambda z: np.where(np.iscomplex(z), z, 0) + np.isreal(z), Z),
    form("np.iscomplexobj np.isrealobj", lambda z: z if np.iscomplexobj(z) and not np.isrealobj(z) else 0, Z),
    form("np.isfinite np.isnan np.isinf", lambda z: (np.isfinite(z) & ~np.isnan(z) & ~np.isinf(z)) * z, Z),
    # from real numbers
    form("np.exp", lambda x: np.exp(1j * x), X),
    form("np.exp", lambda x: np.abs(np.sum(x * np.exp(2j * x))), X),
    form("np.exp", lambda x: np.exp(-0.5 * x + 1j * x**2).real, X),
    form("np.add np.multiply", lambda x: (x + 1j * x[::-1]) ** 3, X),
    form("ndarray.astype", lambda x: np.sqrt((x - 2).astype(complex)), X),
    form("np.asarray", lambda x: np.asarray(x, dtype=complex) * (1 - 2j), X),
    form("np.array", lambda z: np.array([z[0], z[1] * 2, 1.0]), Z),
    form("more.complex", lambda x: complex(x[0]) * _complex_of(x[1], x[2]) + np.zeros(6, complex), X),
    form("np.rint", lambda z: np.rint(z) * z, Z * 1.3),
    form("np.real", lambda x: np.real(x + 1j * x**2) + np.imag(1j * x), X),
    # arithmetic
    form("np.add np.subtract", lambda z, w: z + w - (1 + 2j), Z, W),
    form("np.multiply", lambda z, x: 2 * z * x - z * 3j, Z, X),
    form("np.divide", lambda z, w: z / w + 1 / z + w / 2, Z, W),
    form("np.divide", lambda z, x: x / z + z / x, Z, X),
    form("np.negative np.positive", lambda z: -z + (+z) ** 2, Z),
    form("np.reciprocal np.square", lambda z: np.reciprocal(z) + np.square(z), Z),
    form("np.power", lambda z: z**3 + z**-2 + z**0 + z**1, Z),
    form("np.power", lambda z, w: z**w, Z, W),
    form("np.power", lambda z: z**0.5 + z**-0.5 + z**1.5 + 2.0**z, Z),
    form("np.power", lambda z, x: z**x + x ** (1j * z), Z, X),
    form("np.maximum np.minimum", lambda z, w: np.maximum(z, w) * np.minimum(z, w), Z, W),
    form("np.equal np.not_equal", lambda z, w: np.where(z == w, 0, z) + np.where(z != w, w, 0), Z, W),
    form("np.where", lambda z, w: np.where(z.imag > 0.7, z * w, np.conj(z)), Z, W),
    # functions
    form("np.exp np.exp2 np.expm1", lambda z: np.exp(z) + np.exp2(z) * np.expm1(z), Z),
    form("np.log np.log2 np.log10 np.log1p", lambda z: np.log(z) + np.log2(z) * np.log10(z) + np.log1p(z), Z),
    form("np.sqrt", lambda z: np.sqrt(z) * np.sqrt(z - 2), Z),
    form("np.sin np.cos np.tan", lambda z: np.sin(z) * np.cos(z) + np.tan(z), Z),
    form("np.sinh np.cosh np.tanh", lambda z: np.sinh(z) * np.cosh(z) + np.tanh(z), Z),
    form("np.arcsin np.arccos np.arctan", lambda z: np.arcsin(z) * np.arccos(z) + np.arctan(z), Z),
    form("np.arcsinh np.arccosh np.arctanh", lambda z: np.arcsinh(z) * np.arccosh(z) + np.arctanh(z), Z),
    form("more.complex", _newton, Z),
    form("more.complex", _mandelbrot, Z * 0.5),
    form("more.complex", lambda z: (z - 1j) / (z + 1j), Z),
    # reductions
    form("np.sum np.mean", lambda z: np.sum(z, axis=0) * np.mean(z, axis=0), A),
    form("np.prod", lambda z: np.prod(z), Z),
    form("np.prod", lambda z: np.prod(z, axis=1), A),
    form("np.cumsum np.cumprod", lambda z: np.cumsum(z) * np.cumprod(z), Z),
    form("np.cumprod", lambda z: np.cumprod(z, axis=0), A),
    form("np.var np.std", lambda z: np.var(z) + np.std(z, axis=0, ddof=1), A),
    form("np.linalg.norm", lambda z: np.linalg.norm(z), Z),
    form("np.linalg.norm", lambda z: np.linalg.norm(z, axis=1) * np.linalg.norm(z, 1), A),
    form("np.average", lambda z, x: np.average(z, weights=x), Z, X),
    form("np.trapezoid np.diff", lambda z: np.trapezoid(z * z) + np.sum(np.diff(z) ** 2), Z),
    # products
    form("np.vdot np.dot", lambda z, w: np.vdot(z, w) * np.dot(z, w), Z, W),
    form("np.inner np.outer", lambda z, w: np.inner(z, w) * np.outer(z, w), Z, W),
    form("np.matmul", lambda a, b: a @ b, A, B),
    form("np.matmul", lambda a: np.conj(a.T) @ a, A),
    form("np.matmul", lambda a, z: a @ a @ z, S, np.ones((3, 1))),
    form("np.einsum", lambda a, b: np.einsum("ij,jk->ki", a, b), A, B),
    form("np.tensordot np.kron", lambda a, b: np.kron(np.tensordot(a, b, 1), a), A, B),
    form("np.trace", lambda a: np.trace(a @ a.swapaxes(1, 2), axis1=1, axis2=2), S),
    form("np.convolve", lambda z, w: np.convolve(z, w), Z, W),
    form("np.correlate", lambda z, w: np.correlate(z, w, mode="full"), Z, W),
    form("np.polyval", lambda z, w: np.polyval(z, w), Z, W),
    # shape, indexing, writing
    form("more.indexing", lambda z: z[::-2] * z[np.array([0, -1, 2])], Z),
    form("np.reshape np.transpose", lambda z: z.reshape(4, 3).T * z.reshape(3, 4), A),
    form("np.concatenate np.stack", lambda z, w: np.concatenate([z, np.conj(w)]) * np.stack([z, w]).ravel(), Z, W),
    form("np.roll np.pad", lambda z: np.roll(z, 2) * np.pad(z, 1)[1:-1], Z),
    form("np.zeros more.writing", _filled, Z),
    form("more.writing", _parts_written, Z),
    form("more.containers", lambda both: {"product": both[0] * both[1], "moduli": [abs(z) for z in both]}, (Z, C)),
]
