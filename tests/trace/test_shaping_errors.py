"""Where NumPy refuses a shape, an axis or a position, gradc refuses too: with the same kind of error, on the user's line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradc

V = np.arange(5.0)
M = np.arange(6.0).reshape(2, 3)
C = np.arange(12.0).reshape(2, 3, 2)

CASES: list[tuple[Callable[..., Any], Any]] = [
    (lambda x: np.reshape(x, (4, 2)), M),
    (lambda x: np.reshape(x, (-1, 4)), M),
    (lambda x: np.reshape(x, (-1, -1)), M),
    (lambda x: np.reshape(x, (2.0, 3)), M),
    (lambda x: np.reshape(x, (2, 3), order="Q"), M),
    (lambda x: x.reshape(7), M),
    (lambda x: x.T.reshape(-1, copy=False), M),
    (lambda x: np.resize(x, (-1, 2)), M),
    (lambda x: np.ravel(x, order="Z"), M),
    (lambda x: np.expand_dims(x, 4), M),
    (lambda x: np.expand_dims(x, (0, 0)), M),
    (lambda x: np.squeeze(x, axis=0), M),
    (lambda x: np.squeeze(x, axis=5), M),
    (lambda x: np.transpose(x, (0, 0)), M),
    (lambda x: np.transpose(x, (0,)), M),
    (lambda x: np.transpose(x, (0, 3)), M),
    (lambda x: np.matrix_transpose(x), V),
    (lambda x: x.mT, V),
    (lambda x: np.swapaxes(x, 0, 2), M),
    (lambda x: np.moveaxis(x, (0, 1), 0), M),
    (lambda x: np.moveaxis(x, (0, 0), (0, 1)), M),
    (lambda x: np.rollaxis(x, 0, 5), M),
    (lambda x: np.broadcast_to(x, (3, 4)), M),
    (lambda x: np.broadcast_to(x, (3,)), M),
    (lambda x: np.broadcast_arrays(x, np.zeros(4)), M),
    (lambda x: np.broadcast_shapes(x.shape, (4,)) and x, M),
    (lambda x: np.flip(x, 2), M),
    (lambda x: np.flip(x, (0, 0)), M),
    (lambda x: np.fliplr(x), V),
    (lambda x: np.rot90(x), V),
    (lambda x: np.rot90(x, axes=(0, 0)), M),
    (lambda x: np.rot90(x, axes=(0, 1, 2)), C),
    (lambda x: np.concatenate([]) + x, V),
    (lambda x: np.concatenate([x, x[0]]), M),
    (lambda x: np.concatenate([x, x[:, :2]]), M),
    (lambda x: np.concatenate([x[0, 0], x[0, 1]]), M),
    (lambda x: np.concatenate([x, x], axis=2), M),
    (lambda x: np.concatenate([x, x], dtype=int), M),
    (lambda x: np.concatenate([x, x], out=np.zeros((2, 3))), M),
    (lambda x: np.concatenate(x for _ in range(2)), M),
    (lambda x: np.stack([x, x[:1]]), M),
    (lambda x: np.stack([x, x], axis=4), M),
    (lambda x: np.stack([]) + x, M),
    (lambda x: np.vstack([x, x[:, :2]]), M),
    (lambda x: np.hstack([x, x[:1]]), M),
    (lambda x: np.dstack([x, x[:1]]), M),
    (lambda x: np.column_stack([x, np.ones(3)]), M),
    (lambda x: np.block([[x, x], x]), M),
    (lambda x: np.block([(x, x)]), M),
    (lambda x: np.block([[x], []]), M),
    (lambda x: np.block([[x, x], [x]]), M),
    (lambda x: np.append(x, np.ones(3), axis=0), M),
    (lambda x: np.split(x, 2, axis=1), M),
    (lambda x: np.array_split(x, 0), M),
    (lambda x: np.split(x, 2, axis=3), M),
    (lambda x: np.vsplit(x, 1), V),
    (lambda x: np.dsplit(x, 1), M),
    (lambda x: np.hsplit(x[0], 1), V),
    (lambda x: np.tile(x, -1), M),
    (lambda x: np.repeat(x, -1), M),
    (lambda x: np.repeat(x, [1, 2], axis=1), M),
    (lambda x: np.roll(x, 1, axis=2), M),
    (lambda x: np.roll(x, (1, 2, 3), axis=(0, 1)), M),
    (lambda x: np.insert(x, 7, 1.0), V),
    (lambda x: np.insert(x, [1, 2], np.ones(3)), V),
    (lambda x: np.insert(x, 1, 1.0, axis=2), M),
    (lambda x: np.delete(x, 5), V),
    (lambda x: np.delete(x, [1, 9]), V),
    (lambda x: np.delete(x, np.array([True, False])), V),
    (lambda x: np.delete(x, 0, axis=2), M),
    (lambda x: np.pad(x, -1), M),
    (lambda x: np.pad(x, ((1, 2), (3, 4), (5, 6))), M),
    (lambda x: np.pad(x, 1.5), M),
    (lambda x: np.pad(x, 1, mode="nonsense"), M),
    (lambda x: np.pad(x, 1, mode="edge", constant_values=2), M),
    (lambda x: np.pad(x, 1, mode="reflect"), np.zeros((0, 2))),
    (lambda x: np.pad(x, 1, mode="maximum", stat_length=0), M),
    (lambda x: np.diag(x), C),
    (lambda x: np.diagonal(x), V),
    (lambda x: np.diagonal(x, axis1=1, axis2=1), M),
    (lambda x: np.diagonal(x, axis1=0, axis2=4), M),
    (lambda x: np.fill_diagonal(x, 1.0), V),
    (lambda x: np.fill_diagonal(x, 1.0), C),
    (lambda x: x[np.tril_indices_from(x)], V),
    (lambda x: x[np.diag_indices_from(x)], M),
    (lambda x: np.lib.stride_tricks.sliding_window_view(x, 6), V),
    (lambda x: np.lib.stride_tricks.sliding_window_view(x, 2), M),
    (lambda x: np.lib.stride_tricks.sliding_window_view(x, -1), V),
    (lambda x: np.take(x, 7), V),
    (lambda x: np.take(x, 0, axis=3), M),
    (lambda x: np.take(x, 0, mode="nonsense"), V),
    (lambda x: np.take(x, x), V),
    (lambda x: np.take(x, [0, 1], out=np.zeros(3)), V),
    (lambda x: np.take_along_axis(x, np.array([0]), axis=1), M),
    (lambda x: np.take_along_axis(x, x, axis=1), M),
    (lambda x: np.put(x, 9, 1.0), V),
    (lambda x: np.place(x, np.array([True]), 1.0), V),
    (lambda x: np.place(x, x >= 0, []), V),
    (lambda x: np.putmask(x, np.array([True]), 1.0), V),
    (lambda x: np.copyto(x, np.ones(4)), V),
    (lambda x: np.copyto(np.zeros(5, dtype=int), x), V),
    (lambda x: np.choose([0, 5], [x, x]), V[:2]),
    (lambda x: np.choose([0, -1], [x, x]), V[:2]),
    (lambda x: np.choose(x, [x, x]), V[:2]),
    (lambda x: np.select([x > 0], [x, x]), V),
    (lambda x: np.select([], []) + x, V),
    (lambda x: np.select([x], [x]), V),
    (lambda x: np.compress([[True]], x), V),
    (lambda x: np.compress([False] * 5 + [True], x), V),
    (lambda x: x[np.unravel_index(6, (2, 3))], M),
    (lambda x: x[np.ravel_multi_index((2, 0), (2, 3))], M),
    (lambda x: x[np.ix_([[0]], [1])], M),
    (lambda x: np.apply_along_axis(np.sum, 2, x), M),
    (lambda x: np.vectorize(np.dot, signature="(n),(n)->()")(x, np.ones(4)), M),
    (lambda x: np.meshgrid(x, x, indexing="yx"), V),
    (lambda x: np.linspace(x[0], 1.0, -1), V),
    (lambda x: np.linspace(x[0], 1.0, 2.5), V),
    (lambda x: np.geomspace(0.0, 1.0, 3) + x[0], V),
    (lambda x: np.full((2, 2), x), V),
    (lambda x: np.full_like(x, np.ones(3)), V),
    (lambda x: np.zeros(-1) + x, V),
    (lambda x: np.zeros((2, 2.0)) + x, V),
    (lambda x: np.eye(-2) + x, V),
    (lambda x: np.arange(0, 3, 0) + x, V),
    (lambda x: np.array([[x[0], 1.0], [2.0]]), V),
    (lambda x: np.array(x, dtype=np.float32, copy=False), V),
    (lambda x: np.fromiter((t for t in x), float, count=9), V),
    (lambda x: x.flat[9], V),
    (lambda x: x.flat.__setitem__(9, 1.0), V),
    (lambda x: np.unwrap(x), np.float64(2.0)),
    (lambda x: np.unstack(x), np.float64(2.0)),
    (lambda x: x.reshape(2, 3, bogus=1), M),
    (lambda x: np.pad(x), M),
]
#: The kinds of errors that users tell apart.
KINDS = (ZeroDivisionError, IndexError, ValueError, TypeError, AttributeError)


@pytest.mark.parametrize("case", range(len(CASES)))
def test_the_kind_of_error_is_numpys(case: int) -> None:
    function, x = CASES[case]
    with pytest.raises(KINDS) as expected:
        function(np.array(x))
    with pytest.raises(KINDS) as actual:
        gradc.jit(function)(x)
    kinds = [kind for kind in KINDS if issubclass(expected.type, kind)]
    assert any(issubclass(actual.type, kind) for kind in kinds), (
        f"{actual.value!r} where NumPy raises {expected.value!r}"
    )
    shown = [str(actual.value), *(str(entry.path) for entry in actual.traceback)]
    assert any(Path(__file__).name in text for text in shown), "the user's line is not named"
