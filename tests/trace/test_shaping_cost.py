"""What moves entries costs what it touches, and so does its adjoint: eight times the entries, eight times the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradc

MOVES: dict[str, Callable[[Any], Any]] = {
    "pad": lambda x: np.pad(x, ((1, 2), (3, 1)), constant_values=2.0),
    "pad edge": lambda x: np.pad(x, 3, "edge"),
    "pad reflect": lambda x: np.pad(x, 2, "reflect"),
    "pad odd": lambda x: np.pad(x, 2, "symmetric", reflect_type="odd"),
    "pad wrap": lambda x: np.pad(x, 2, "wrap"),
    "concatenate": lambda x: np.concatenate([x, 2.0 * x, x[::-1]]),
    "block": lambda x: np.block([[x, x], [x, 3.0 * x]]),
    "append": lambda x: np.append(x, x),
    "repeat": lambda x: np.repeat(x, 3),
    "repeat each": lambda x: np.repeat(x, np.arange(len(x)) % 3, axis=0),
    "tile flat": lambda x: np.tile(x.ravel(), 3),
    "tile and repeat": lambda x: np.repeat(np.tile(x, 2), 2, axis=0).ravel(),
    "resize": lambda x: np.resize(x, (2 * x.shape[0], x.shape[1])),
    "roll flat": lambda x: np.roll(x, 5),
    "insert": lambda x: np.insert(x, 3, 1.0, axis=0),
    "delete flat": lambda x: np.delete(x, 3),
    "delete many": lambda x: np.delete(x, np.arange(0, x.size, 7)),
    "windows of the flat": lambda x: np.lib.stride_tricks.sliding_window_view(x.ravel(), 3),
    "flat with a step": lambda x: x.ravel()[::3],
    "flat backwards": lambda x: x.ravel()[::-1].reshape(4, -1),
    "take flat": lambda x: np.take(x, np.arange(0, x.size, 3)),
    "axes swapped inside a reshape": lambda x: x.reshape(4, -1, 2).swapaxes(0, 1).reshape(-1, 4),
    "depth to space": lambda x: x.reshape(-1, 4, 2, 2).transpose(0, 2, 1, 3).reshape(-1, 8),
    "column order": lambda x: x.ravel("F"),
    "quarter turn": lambda x: np.rot90(x),
    "diagonal matrix": lambda x: np.diag(np.diagflat(x[:, 0])),
    "place": lambda x: _placed(x),
    "put": lambda x: _put(x),
}


def _placed(x: Any) -> Any:
    y = x * 1.0
    np.place(y, x > 0.5, x[0])
    return y


def _put(x: Any) -> Any:
    y = x * 1.0
    np.put(y, np.arange(0, x.size, 3), x[:, 0])
    return y


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())
def test_work_grows_with_the_entries(move: Callable[[Any], Any]) -> None:
    def work(function: Any, rows: int) -> float:
        cost = function.cost(np.linspace(0.1, 1.0, 8 * rows).reshape(rows, 8))
        return float(cost.flops + cost.bytes_moved)

    for function in (gradc.jit(move), gradc.grad(lambda x: np.sum(np.sin(move(x))))):
        assert work(function, 512) <= 9 * work(function, 64)
