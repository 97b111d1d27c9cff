"""Shape and data movement: views, joining, splitting, repeating, padding, diagonals."""

from __future__ import annotations

from typing import Any

import numpy as np

from surface.form import form

_RNG = np.random.default_rng(41)
V = _RNG.normal(size=5)
W = _RNG.normal(size=3)
M = _RNG.normal(size=(2, 3))
N = _RNG.normal(size=(2, 3))
S = _RNG.normal(size=(3, 3))
C = _RNG.normal(size=(2, 3, 2))
ONE = _RNG.normal(size=(1, 3, 1))
K = np.array([[3, 1, 2], [0, 5, 4]])
B = np.array([[True, False, True], [False, True, True]])


def _write_through_reshape(x: Any) -> Any:
    y = x * 2.0
    y.reshape(-1)[1] = 7.0
    y.T.reshape(-1)[0] = 9.0  # a copy: strides can't tell it
    return y


def _write_through_views(x: Any) -> Any:
    y = x * 2.0
    np.moveaxis(y, 0, 1)[2, 1] = x[0, 0]
    np.expand_dims(y, 0)[0, 0, 0] = 3.0
    np.flip(y)[0, 0] *= x[1, 1]
    return y


def _read_of_broadcast(x: Any) -> Any:
    y = x * 1.0
    rows = np.broadcast_to(y, (2, 3))
    diagonal = np.diagonal(np.outer(y, y))
    y[0] = 5.0
    return rows * x, diagonal


def _fill_diagonal(x: Any, v: Any) -> Any:
    y = x * 1.0
    np.fill_diagonal(y, v)
    return y


def _fill_diagonal_wrapped(x: Any) -> Any:
    y = np.concatenate([x, x, x]) * 2.0
    np.fill_diagonal(y, x[0, 0], wrap=True)
    return y


FORMS = [
    # reshape and its kin
    form("np.reshape", lambda x: np.reshape(x, (3, 2)), M),
    form("np.reshape", lambda x: np.reshape(x, (3, -1), order="F"), M),
    form("np.reshape", lambda x: np.reshape(x, shape=(-1,), copy=True), M),
    form("np.reshape", lambda x: np.reshape(x.T, -1), M),
    form("np.reshape", lambda x: np.reshape(x, (5, 1), order="A"), V),
    form("np.reshape", lambda x: np.reshape([x[0], 2.0 * x[1]], (2, 1)), V),
    form("np.reshape", lambda x: np.reshape(x, (2, 3)), K),
    form("np.reshape", _write_through_reshape, M),
    form("ndarray.reshape", lambda x: x.reshape(3, 2), M),
    form("ndarray.reshape", lambda x: x.reshape((6,), order="F"), M),
    form("ndarray.reshape", lambda x: x.reshape(2, -1, 1), M),
    form("np.ravel", lambda x: np.ravel(x), C),
    form("np.ravel", lambda x: np.ravel(x, order="F"), M),
    form("ndarray.ravel", lambda x: x.ravel("F"), C),
    form("ndarray.flatten", lambda x: x.flatten(), M),
    form("ndarray.flatten", lambda x: x.flatten(order="F"), M),
    form("np.resize", lambda x: np.resize(x, (3, 4)), V),
    form("np.resize", lambda x: np.resize(x, 4), M),
    form("np.expand_dims", lambda x: np.expand_dims(x, 1), M),
    form("np.expand_dims", lambda x: np.expand_dims(x, (0, -1)), M),
    form("np.squeeze", lambda x: np.squeeze(x), ONE),
    form("np.squeeze", lambda x: np.squeeze(x, axis=(0,)), ONE),
    form("ndarray.squeeze", lambda x: x.squeeze(-1), ONE),
    form("np.atleast_1d", lambda x: np.atleast_1d(x), 0.7),
    form("np.atleast_1d", lambda x, y: np.atleast_1d(x, y), 0.7, M),
    form("np.atleast_2d", lambda x, y: np.atleast_2d(x, y[0], y), V, C),
    form("np.atleast_3d", lambda x, y: np.atleast_3d(x, y, x[0]), V, M),
    # permutations of axes
    form("np.transpose np.permute_dims", lambda x: np.transpose(x, (2, 0, 1)), C),
    form("np.permute_dims", lambda x: np.permute_dims(x, (1, 0, 2)), C),
    form("np.transpose", lambda x: np.transpose(x), C),
    form("ndarray.transpose", lambda x: x.transpose(1, 2, 0), C),
    form("ndarray.transpose", lambda x: x.transpose((-1, 0, 1)), C),
    form("ndarray.T", lambda x: x.T @ x, M),
    form("ndarray.mT", lambda x: x.mT, C),
    form("np.matrix_transpose", lambda x: np.matrix_transpose(x), C),
    form("np.moveaxis", lambda x: np.moveaxis(x, 0, -1), C),
    form("np.moveaxis", lambda x: np.moveaxis(x, [0, 1], [-1, -2]), C),
    form("np.linalg.matrix_transpose", lambda x: np.linalg.matrix_transpose(x), C),
    form("np.linalg.diagonal", lambda x: np.linalg.diagonal(x, offset=1), S),
    form("np.shape np.size np.ndim", lambda x: x * np.shape(x)[1] + np.size(x, 1) + np.ndim(x), M),
    form("np.isfortran", lambda x: x * (2.0 if np.isfortran(np.zeros((2, 2))) else 3.0), M),
    form("np.require", lambda x: np.require(x, dtype=np.float64, requirements=["C"]), M),
    form("np.rollaxis", lambda x: np.rollaxis(x, 2), C),
    form("np.rollaxis", lambda x: np.rollaxis(x, 0, 3), C),
    form("np.swapaxes", lambda x: np.swapaxes(x, 0, 2), C),
    form("ndarray.swapaxes", lambda x: x.swapaxes(0, -1), C),
    form("np.moveaxis np.flip", _write_through_views, M),
    # broadcasting
    form("np.broadcast_to", lambda x: np.broadcast_to(x, (2, 3)), W),
    form("np.broadcast_to", lambda x: np.broadcast_to(x, (2, 3, 2)), ONE),
    form("np.broadcast_to np.diagonal", _read_of_broadcast, W),
    form("np.broadcast_arrays", lambda x, y: np.broadcast_arrays(x, y[:, None]), W, V),
    form("np.broadcast_shapes", lambda x, y: np.ones(np.broadcast_shapes(x.shape, (2, 1))) * x * y, W, M),
    form("np.broadcast", lambda x, y: np.ones(np.broadcast(x, y).shape) * x + np.broadcast(x, y).size, W, M),
    # flips and turns
    form("np.flip", lambda x: np.flip(x), M),
    form("np.flip", lambda x: np.flip(x, axis=(0, 2)), C),
    form("np.fliplr", lambda x: np.fliplr(x), M),
    form("np.flipud", lambda x: np.flipud(x), M),
    form("np.rot90", lambda x: np.rot90(x), M),
    form("np.rot90", lambda x: np.rot90(x, 3, axes=(1, 2)), C),
    form("np.rot90", lambda x: np.rot90(x, k=2), M),
    form("np.rot90", lambda x: np.rot90(x, -1, (1, 0)), M),
    # joining
    form("np.concatenate np.concat", lambda x, y: np.concatenate([x, y]), M, N),
    form("np.concat", lambda x, y: np.concat((x, y), axis=1), M, N),
    form("np.concatenate", lambda x, y: np.concatenate((x, y), axis=None), M, V),
    form("np.concatenate", lambda x: np.concatenate([x, np.zeros((2, 1)), 2 * x], axis=-1), M),
    form("np.concatenate", lambda x, k: np.concatenate([x, k], dtype=np.float32), M, K, slope_tolerance=1e-3),
    form("np.concatenate", lambda x: np.concatenate([x, x], dtype=np.int64, casting="unsafe"), M),
    form("np.concatenate", lambda x: np.concatenate(x, axis=1), C),
    form("np.stack", lambda x, y: np.stack([x, y]), M, N),
    form("np.stack", lambda x, y: np.stack((x, y, x * y), axis=-1), M, N),
    form("np.stack", lambda x: np.stack([x[0], 1.0, x[1]], dtype=np.float32), V, slope_tolerance=1e-3),
    form("np.vstack", lambda x, y: np.vstack([x, y]), W, M),
    form("np.row_stack", lambda x, y: np.vstack((x, y)), M, N),
    form("np.hstack", lambda x, y: np.hstack([x, y]), V, W),
    form("np.hstack", lambda x, y: np.hstack((x, y)), M, N),
    form("np.dstack", lambda x, y: np.dstack([x, y]), M, N),
    form("np.column_stack", lambda x, y: np.column_stack([x, y, x * y]), W, W),
    form("np.column_stack", lambda x, y: np.column_stack((x, y[:2])), M, V),
    form("np.block", lambda x: np.block([[x, np.zeros((2, 1))], [np.ones((1, 3)), 2.0]]), M),
    form("np.block", lambda x, y: np.block([x, 3.0, y]), V, W),
    form("np.block", lambda x: np.block([[[x]], [[2 * x]]]), M),
    form("np.append", lambda x, y: np.append(x, y), M, V),
    form("np.append", lambda x, y: np.append(x, y, axis=1), M, N),
    form("np.append", lambda x: np.append(x, 1.5 * x[0]), V),
    # splitting
    form("np.split", lambda x: np.split(x, 3, axis=1), M),
    form("np.split", lambda x: np.split(x, [1, 4]), V),
    form("np.array_split", lambda x: np.array_split(x, 3), V),
    form("np.hsplit", lambda x: np.hsplit(x, [1]), M),
    form("np.hsplit", lambda x: np.hsplit(x, 5), V),
    form("np.vsplit", lambda x: np.vsplit(x, 2), M),
    form("np.dsplit", lambda x: np.dsplit(x, 2), C),
    form("np.unstack", lambda x: np.unstack(x, axis=1), M),
    # repeating
    form("np.tile", lambda x: np.tile(x, 2), V),
    form("np.tile", lambda x: np.tile(x, (2, 1, 2)), M),
    form("np.repeat", lambda x: np.repeat(x, 3), M),
    form("np.repeat", lambda x: np.repeat(x, [2, 0, 1], axis=1), M),
    form("np.repeat", lambda x: np.repeat(x, 2, axis=0), M),
    form("ndarray.repeat", lambda x: x.repeat(2), V),
    form("ndarray.repeat", lambda x: x.repeat([1, 3], 0), M),
    form("np.roll", lambda x: np.roll(x, 2), V),
    form("np.roll", lambda x: np.roll(x, -1), M),
    form("np.roll", lambda x: np.roll(x, (1, -1), axis=(0, 1)), M),
    form("np.roll", lambda x: np.roll(x, 4, axis=1), M),
    form("np.roll", lambda x, k: np.roll(x, k), V, 2),
    form("np.roll", lambda x, k: np.roll(x, k[0], axis=1), M, np.array([1, 2])),
    # inserting and deleting
    form("np.insert", lambda x: np.insert(x, 2, 7.0 * x[0]), V),
    form("np.insert", lambda x, y: np.insert(x, 1, y, axis=1), M, V[:2]),
    form("np.insert", lambda x, y: np.insert(x, [1, 3], y[:2]), V, W),
    form("np.insert", lambda x, y: np.insert(x, [1], y, axis=0), M, N),
    form("np.insert", lambda x: np.insert(x, slice(1, 4), 0.5), V),
    form("np.insert", lambda x: np.insert(x, [0, 0, 5], x[:3]), V),
    form("np.delete", lambda x: np.delete(x, 1), V),
    form("np.delete", lambda x: np.delete(x, [0, -1], axis=1), M),
    form("np.delete", lambda x: np.delete(x, slice(None, None, 2)), V),
    form("np.delete", lambda x: np.delete(x, np.array([True, False, True, False, False])), V),
    # padding
    form("np.pad", lambda x: np.pad(x, 2), V),
    form("np.pad", lambda x: np.pad(x, ((1, 0), (2, 1)), constant_values=3.5), M),
    form("np.pad", lambda x: np.pad(x, 1, constant_values=((x[0, 0], 2.0), (3.0, x[1, 1]))), M),
    form("np.pad", lambda x: np.pad(x, {-1: (1, 2)}), M),
    form("np.pad", lambda x: np.pad(x, (2, 3), mode="edge"), V),
    form("np.pad", lambda x: np.pad(x, ((1, 1), (2, 2)), mode="reflect"), M),
    form("np.pad", lambda x: np.pad(x, (9, 6), mode="reflect"), W),
    form("np.pad", lambda x: np.pad(x, (7, 5), mode="reflect", reflect_type="odd"), W),
    form("np.pad", lambda x: np.pad(x, (2, 1), "symmetric"), V),
    form("np.pad", lambda x: np.pad(x, (7, 8), "symmetric", reflect_type="odd"), W),
    form("np.pad", lambda x: np.pad(x, ((2, 1), (4, 5)), mode="wrap"), M),
    form("np.pad", lambda x: np.pad(x, (2, 3), "linear_ramp", end_values=(5.0, x[1])), V),
    form("np.pad", lambda x: np.pad(x, 1, "linear_ramp"), M),
    form("np.pad", lambda x: np.pad(x, (1, 2), "maximum"), M),
    form("np.pad", lambda x: np.pad(x, 2, "minimum", stat_length=2), V),
    form("np.pad", lambda x: np.pad(x, 1, "mean", stat_length=((2, 1), (1, 2))), M),
    form("np.pad", lambda x: np.pad(x, (1, 1), "median"), V),
    form("np.pad", lambda k: np.pad(k, 1, "mean"), K),
    # diagonals and triangles
    form("np.diag", lambda x: np.diag(x), W),
    form("np.diag", lambda x: np.diag(x, -2), W),
    form("np.diag", lambda x: np.diag(x, k=1), S),
    form("np.diagflat", lambda x: np.diagflat(x, 1), M),
    form("np.diagonal", lambda x: np.diagonal(x), S),
    form("np.diagonal", lambda x: np.diagonal(x, offset=-1, axis1=1, axis2=2), C),
    form("ndarray.diagonal", lambda x: x.diagonal(1, 0, 2), C),
    form("np.fill_diagonal", _fill_diagonal, S, W),
    form("np.fill_diagonal", _fill_diagonal, M, 2.0),
    form("np.fill_diagonal", _fill_diagonal_wrapped, M),
    form("np.tril", lambda x: np.tril(x), S),
    form("np.tril", lambda x: np.tril(x, k=-1), C),
    form("np.triu", lambda x: np.triu(x, 1), S),
    form("np.triu", lambda x: np.triu(x), W),
    form("np.tril_indices_from", lambda x: x[np.tril_indices_from(x, -1)], S),
    form("np.triu_indices_from", lambda x: x[np.triu_indices_from(x)], S),
    form("np.diag_indices_from", lambda x: x[np.diag_indices_from(x)], S),
    form("np.tril_indices", lambda x: x[np.tril_indices(3)], S),
    form("np.triu_indices", lambda x: x[np.triu_indices(2, 1, 3)], M),
    form("np.diag_indices", lambda x: x[np.diag_indices(3)] ** 2, S),
    form("np.mask_indices", lambda x: x[np.mask_indices(3, np.triu, 1)], S),
    # phases
    form("np.unwrap", lambda x: np.unwrap(4.0 * x), V),
    form("np.unwrap", lambda x: np.unwrap(3.0 * x, discont=1.5, axis=0, period=2.0), C),
    form("np.unwrap", lambda k: np.unwrap(k, period=6), np.array([0, 3, 6, 1, 10])),
    # windows
    form("np.lib.stride_tricks.sliding_window_view", lambda x: np.lib.stride_tricks.sliding_window_view(x, 3), V),
    form(
        "np.lib.stride_tricks.sliding_window_view",
        lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2)).sum(axis=(-1, -2)),
        M,
    ),
    form(
        "np.lib.stride_tricks.sliding_window_view",
        lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=1),
        M,
    ),
]

REFUSED = [
    form("np.asmatrix", lambda x: np.asmatrix(x) * 2, M),
    form("np.bmat", lambda x: np.bmat([[x, x]]), M),
    form("np.isfortran", lambda x: x * np.isfortran(x), M),
    form("ndarray.resize", lambda x: x.resize((3, 2)), M),
    form("np.reshape", lambda x: np.reshape(x, -1, order="A"), M),
    form("ndarray.flatten", lambda x: x.flatten("K"), M),
    form("np.trim_zeros", lambda x: np.trim_zeros(x), V),
    form("np.pad", lambda x: np.pad(x, 1, mode="empty"), V),
    form("np.pad", lambda x: np.pad(x, 1, mode=lambda *a: None), V),
    form("np.pad", lambda x, k: np.pad(x, k[0]), V, np.array([1])),
    form("np.lib.stride_tricks.as_strided", lambda x: np.lib.stride_tricks.as_strided(x, (2, 2), (8, 8)), V),
    form("np.repeat", lambda x, k: np.repeat(x, k), W, np.array([1, 2, 3])),
    form("np.delete", lambda x, k: np.delete(x, k), W, np.array([1])),
    form("np.broadcast_to", lambda x: np.broadcast_to(x, (2, 3)).__setitem__((0, 0), 1.0), W),
]
