"""Random chains of shape and data movement: NumPy's values, and gradients that agree with differences.

What moves entries is linear in them, so a weighted sum of squares of the result is a quadratic, whose central differences
are exact but for rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradc

Rng = np.random.Generator
Step = tuple[str, tuple[Any, ...]]
#: What a chain may grow to.
_MOST = 48


def _set_flat(x: Any, start: int, step: int, value: float) -> Any:
    y = x.copy()
    y.flat[start::step] = [value, x.ravel()[0]]
    return y


def _set_through_views(x: Any, axis: int, place: int) -> Any:
    y = x.copy()
    np.moveaxis(y, axis, 0)[place] = 2.0 * np.moveaxis(x, axis, 0)[-1]
    y.T.reshape(-1)[0] = 9.0  # a copy where strides can't tell it, a view else
    y.reshape(-1)[-1] += 1.0
    return y


def _put(x: Any, positions: tuple[int, ...], mode: str) -> Any:
    y = x.copy()
    np.put(y, list(positions), [x.ravel()[-1], 3.0], mode=mode)
    return y


def _filled_diagonal(x: Any, wrap: bool) -> Any:
    y = x.copy()
    np.fill_diagonal(y, 2.0 * x[0, 0], wrap=wrap)
    return y


def _split_and_joined(x: Any, cuts: tuple[int, ...], axis: int) -> Any:
    return np.concatenate(np.split(x, list(cuts), axis)[::-1], axis)


#: What a step does, to an array and what was drawn for it.
OPERATIONS: dict[str, Callable[..., Any]] = {
    "reshape": lambda x, shape, order: np.reshape(x, shape, order=order),
    "transpose": lambda x, order: np.transpose(x, order),
    "ravel": lambda x, order: x.ravel(order),
    "expand": lambda x, axis: np.expand_dims(x, axis),
    "squeeze": lambda x: np.squeeze(x),
    "flip": lambda x, axis: np.flip(x, axis),
    "rot90": lambda x, k: np.rot90(x, k),
    "roll": lambda x, shift, axis: np.roll(x, shift, axis),
    "roll all": lambda x, shift: np.roll(x, shift),
    "concatenate": lambda x, axis: np.concatenate([x, 2.0 * x], axis),
    "stack": lambda x, axis: np.stack([x, -x], axis),
    "block": lambda x: np.block([[x, 1.0 * x], [x * 3.0, x]]),
    "append": lambda x: np.append(x, 5.0),
    "tile": lambda x, reps: np.tile(x, reps),
    "repeat": lambda x, counts, axis: np.repeat(x, counts, axis),
    "insert": lambda x, where, axis: np.insert(x, where, 4.0, axis),
    "delete": lambda x, where, axis: np.delete(x, where, axis),
    "pad": lambda x, widths, mode, options: np.pad(x, widths, mode, **dict(options)),
    "diag": lambda x, k: np.diag(x, k),
    "diagonal": lambda x, k: np.diagonal(x, k),
    "tril": lambda x, k: np.tril(x, k),
    "take": lambda x, where, axis, mode: np.take(x, where, axis, mode=mode),
    "along": lambda x, axis: np.take_along_axis(x, np.argsort(x, axis), axis),
    "windows": lambda x, size: np.lib.stride_tricks.sliding_window_view(x, size, axis=0),
    "broadcast": lambda x, count: np.broadcast_to(x, (count, *x.shape)),
    "resize": lambda x, shape: np.resize(x, shape),
    "split": _split_and_joined,
    "set flat": _set_flat,
    "set views": _set_through_views,
    "put": _put,
    "fill diagonal": _filled_diagonal,
    "slice": lambda x, step: x[::step],
}


def _factors(rng: Rng, size: int) -> tuple[int, ...]:
    """A random shape of so many entries."""
    shape: list[int] = []
    while size > 1:
        divisors = [d for d in range(2, size + 1) if size % d == 0]
        factor = int(rng.choice(divisors))
        shape.append(factor)
        size //= factor
    return tuple(shape) or (1,)


_PADDINGS: list[tuple[str, tuple[tuple[str, Any], ...]]] = [
    ("constant", (("constant_values", 2.5),)),
    ("constant", (("constant_values", ((1.0, 2.0),)),)),
    ("edge", ()),
    ("reflect", ()),
    ("reflect", (("reflect_type", "odd"),)),
    ("symmetric", ()),
    ("symmetric", (("reflect_type", "odd"),)),
    ("wrap", ()),
    ("linear_ramp", (("end_values", 1.5),)),
    ("mean", (("stat_length", 2),)),
]


def _drawn(rng: Rng, name: str, x: np.ndarray) -> tuple[Any, ...]:
    """Arguments of a step for an array of this shape."""
    axis = int(rng.integers(-x.ndim, x.ndim))
    length = x.shape[axis]
    order = str(rng.choice(["C", "F"]))
    small = int(rng.integers(-3, 4))
    positions = tuple(int(k) for k in rng.integers(-length, length, size=int(rng.integers(1, 4))))
    padding = _PADDINGS[int(rng.integers(len(_PADDINGS)))]
    widths = tuple((int(a), int(b)) for a, b in rng.integers(0, 3, size=(x.ndim, 2)))
    return {
        "reshape": lambda: (_factors(rng, x.size), order),
        "transpose": lambda: (tuple(int(k) for k in rng.permutation(x.ndim)),),
        "ravel": lambda: (order,),
        "expand": lambda: (axis,),
        "flip": lambda: (axis,),
        "rot90": lambda: (small,),
        "roll": lambda: (small, axis),
        "roll all": lambda: (small,),
        "concatenate": lambda: (axis,),
        "stack": lambda: (axis,),
        "tile": lambda: (tuple(int(k) for k in rng.integers(1, 3, size=int(rng.integers(1, 3)))),),
        "repeat": lambda: (tuple(int(k) for k in rng.integers(0, 3, size=length)) if small > 0 else 2, axis),
        "insert": lambda: (positions if small > 0 else positions[0], axis),
        "delete": lambda: (positions if small > 0 else positions[0], axis),
        "pad": lambda: (widths, *padding),
        "diag": lambda: (small,),
        "diagonal": lambda: (max(small, -1) if min(x.shape[:2]) > 1 else 0,),
        "tril": lambda: (small,),
        "take": lambda: (positions, axis, str(rng.choice(["raise", "wrap", "clip"]))),
        "along": lambda: (axis,),
        "windows": lambda: (int(rng.integers(1, min(x.shape[0], 3) + 1)),),
        "broadcast": lambda: (int(rng.integers(1, 4)),),
        "resize": lambda: (tuple(int(k) for k in rng.integers(1, 5, size=2)),),
        "split": lambda: (tuple(sorted(abs(k) for k in positions)), axis),
        "set flat": lambda: (int(rng.integers(0, x.size)), int(rng.integers(1, 3)), float(small)),
        "set views": lambda: (axis, int(rng.integers(-length, length))),
        "put": lambda: (tuple(int(k) for k in rng.integers(-9, 9, size=3)), str(rng.choice(["wrap", "clip"]))),
        "fill diagonal": lambda: (bool(small > 0),),
        "slice": lambda: (int(rng.choice([1, 2, -1, -2])),),
    }.get(name, tuple)()


def _fits(name: str, x: np.ndarray) -> bool:
    """Whether a step is for an array of this rank and size."""
    if name in ("rot90", "diagonal"):
        return x.ndim >= 2
    if name == "fill diagonal":
        return x.ndim == 2
    if name == "diag":
        return x.ndim == 2 or (x.ndim == 1 and x.size <= 5)
    return x.ndim <= 3 or name in ("ravel", "reshape", "slice", "flip")


def script(seed: int) -> tuple[np.ndarray, list[Step]]:
    """An array, and a random chain of steps that fits it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=[(6,), (3, 4), (2, 3, 2), (4, 1)][seed % 4])
    steps: list[Step] = []
    y, count = x, int(rng.integers(3, 6))
    while len(steps) < count:
        name = str(rng.choice(list(OPERATIONS)))
        if not _fits(name, y):
            continue
        step = (name, _drawn(rng, name, y))
        moved = OPERATIONS[name](y.copy(), *step[1])
        if moved.ndim and 0 < moved.size <= _MOST:
            steps.append(step)
            y = moved
    return x, steps


def replay(x: Any, steps: list[Step]) -> Any:
    """Run a chain."""
    for name, drawn in steps:
        x = OPERATIONS[name](x, *drawn)
    return x


@pytest.mark.parametrize("seed", [*range(110), 295, 361])
def test_random_chain(seed: int) -> None:
    x, steps = script(seed)
    expected = replay(x.copy(), steps)
    actual = gradc.jit(lambda a: replay(a, steps))(x)
    assert actual.shape == expected.shape, str(steps)
    np.testing.assert_allclose(actual, expected, rtol=1e-13, atol=1e-13, err_msg=str(steps))

    weights = np.random.default_rng(seed).uniform(0.5, 1.5, size=expected.shape)
    loss = lambda a: np.sum(weights * replay(a, steps) ** 2)  # noqa: E731
    slopes = np.zeros(x.shape)
    for position in np.ndindex(*x.shape):
        step = np.zeros(x.shape)
        step[position] = 1e-4  # no two entries change their order
        slopes[position] = (loss(x + step) - loss(x - step)) / 2e-4
    gradient = gradc.grad(loss)(x)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-7, atol=1e-7 * (1 + np.abs(slopes).max()), err_msg=str(steps))


def test_a_factor_stays_where_its_entries_are_in_range() -> None:
    """What is written by traced positions and read by windows: no factor of the gradient reads before its beginning."""

    def loss(a: Any) -> Any:
        y = a[1:3] * 1.0
        np.put(y, [0, 0, 1], [y.ravel()[-1], 3.0])
        return np.sum(np.lib.stride_tricks.sliding_window_view(y, 2, axis=0) ** 2)

    np.testing.assert_allclose(gradc.grad(loss)(np.array([[1.0], [2.0], [3.0], [4.0]])), [[0], [0], [6], [0]])


@pytest.mark.parametrize(
    "move",
    [
        lambda x: x.reshape(-1, 4)[:, ::-1],
        lambda x: np.rot90(x.reshape(-1, 4)),
        lambda x: x.reshape(4, -1, 2)[::-1, :, ::-1].transpose(2, 0, 1),
        lambda x: x.reshape(-1, 8)[::-2, 1:6][:, ::-1],
    ],
)
def test_axes_that_count_down_are_digits_too(move: Callable[[Any], Any]) -> None:
    """The adjoint of a reshape with flips reads each entry once: its work grows with the array."""
    x = np.random.default_rng(0).normal(size=64)
    weights = np.random.default_rng(1).normal(size=move(x).shape)
    expected = np.zeros(64)
    expected[move(np.arange(64)).ravel()] = (2 * weights * move(x)).ravel()
    np.testing.assert_allclose(gradc.grad(lambda a: np.sum(weights * move(a) ** 2))(x), expected, rtol=1e-14)

    slope = gradc.grad(lambda a: np.sum(np.sin(move(a))))
    assert slope.cost(np.ones(1024)).flops <= 9 * slope.cost(np.ones(128)).flops
