"""Random programs of views, reads and writes on two arrays: traced, they give what NumPy gives, and the slope of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradc.api import grad, jit
from gradc.evaluate import evaluate
from gradc.trace import trace

Key = Any
#: What is done, to which handle, with which key, with which other handle, with which numbers.
Step = tuple[str, int, Key, int, Any]

SHAPES = [(6,), (3, 4), (2, 3, 4), (1, 5), (4, 4)]
KINDS = {
    "view": 0.2,
    "turn": 0.14,
    "write": 0.12,
    "add": 0.12,
    "scale": 0.08,
    "scatter": 0.07,
    "mask": 0.1,
    "overlap": 0.07,
    "other": 0.05,
    "read": 0.05,
}


def random_slice(rng: np.random.Generator, length: int) -> slice:
    bounds = [None if rng.random() < 0.3 else int(rng.integers(-length - 2, length + 3)) for _ in range(2)]
    return slice(bounds[0], bounds[1], int(rng.choice([1, 1, 1, 2, 3, -1, -2])))


def random_key(rng: np.random.Generator, shape: tuple[int, ...]) -> Key:
    """A key for an array of this shape: ints, slices, new axes, an ellipsis, integer arrays that broadcast, masks."""
    items: list[Any] = []
    count = int(rng.integers(1, 4))
    for length in shape:
        choice = rng.random()
        if choice < 0.25 and length:
            items.append(int(rng.integers(-length, length)))
        elif choice < 0.45 and length:
            items.append(random_array(rng, length, count))
        else:
            items.append(random_slice(rng, length))
        if rng.random() < 0.1:
            items.append(None)
    if rng.random() < 0.3:
        items = items[: int(rng.integers(0, len(items) + 1))]
    elif rng.random() < 0.2 and items:
        position = int(rng.integers(0, len(items)))
        if isinstance(items[position], int | slice):
            items[position] = Ellipsis
    return tuple(items)


def random_array(rng: np.random.Generator, length: int, count: int) -> Any:
    """Positions along an axis, in a list, an array, a column, or as a mask that has so many."""
    positions = rng.integers(-length, length, size=count)
    if rng.random() < 0.2 and count <= length:
        mask = np.zeros(length, bool)
        mask[rng.choice(length, count, replace=False)] = True
        return mask
    if rng.random() < 0.2:
        return positions[:, None]
    return positions.tolist() if rng.random() < 0.5 else positions


def view_key(rng: np.random.Generator, shape: tuple[int, ...]) -> Key:
    keys: list[Any] = [random_slice(rng, length) for length in shape]
    if len(keys) > 1 and rng.random() < 0.3:
        place = int(rng.integers(len(keys)))
        keys[place] = int(rng.integers(shape[place])) if shape[place] else keys[place]
    return tuple(keys)


TURNS: list[Callable[[Any], Any]] = [
    lambda a: a.T,
    lambda a: a.reshape(-1),
    lambda a: a.ravel(),
    lambda a: a[None],
    lambda a: a.reshape(a.shape[::-1]),
    lambda a: np.flip(a),
    lambda a: a.swapaxes(0, -1) if a.ndim else a,
    lambda a: np.squeeze(a),
    lambda a: a[..., ::-1],
    lambda a: np.expand_dims(a, -1),
    lambda a: a.copy(),
    lambda a: np.moveaxis(a, 0, -1) if a.ndim else a,
    lambda a: a.flatten(),
    lambda a: np.atleast_2d(a),
]


def apply_step(handles: list[Any], results: list[Any], step: Step) -> None:
    """Run one step."""
    kind, which, key, second, number = step
    target, other = handles[which], handles[second]
    if kind == "view":
        handles.append(target[key])
    elif kind == "turn":
        handles.append(TURNS[key](target))
    elif kind == "write":
        target[key] = target[key] * 0.5 + number if second % 2 else number
    elif kind == "add":
        target[key] += other.mean() * number if other.size else number
    elif kind == "scale":
        target[key] *= number
    elif kind == "scatter":
        np.add.at(target, key, number)
    elif kind == "mask":
        masked(target, other, number, key)
    elif kind == "overlap":
        overlapping(target, key, number)
    elif kind == "other":
        target += other * number if other.shape == target.shape else number
    else:
        results.append(target[key] + 0.0)


def masked(target: Any, other: Any, number: float, which: int) -> None:
    """A write through a mask that depends on values."""
    chosen = target > number
    if which == 0:
        target[chosen] = other.mean() if other.size else number
    elif which == 1:
        target[chosen] *= 0.5
    elif which == 2:
        target[chosen] += target[chosen] ** 2 * 0.1
    elif which == 3 and target.ndim > 1:
        target[target[:, 0] > number] -= number
    elif which == 4 and target.ndim > 1:
        target[..., target[0].reshape(-1)[: target.shape[-1]] > number] = 0.25
    else:
        target[np.nonzero(~chosen)] = np.sin(target[~chosen])


def overlapping(target: Any, which: int, number: float) -> None:
    """A write whose source is read first."""
    if which == 0:
        target[1:] = target[:-1]
    elif which == 1:
        target[::-1] += target * number
    elif which == 2:
        target[[0, 1]] = target[[1, 0]]
    else:
        target[0], target[1] = target[1] * 1.0, target[0] * 1.0


def random_step(rng: np.random.Generator, handles: list[np.ndarray]) -> Step:
    """A step that may be tried."""
    which, second = (int(rng.integers(len(handles))) for _ in range(2))
    shape = handles[which].shape
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    key: Key = random_key(rng, shape)
    if kind == "view":
        key = view_key(rng, shape)
    elif kind == "turn":
        key = int(rng.integers(len(TURNS)))
    elif kind in ("mask", "overlap"):
        key = int(rng.integers(6 if kind == "mask" else 4))
    return kind, which, key, second, float(np.round(rng.normal(), 3))


def script(seed: int) -> tuple[list[np.ndarray], list[Step]]:
    """Two arrays, and 3 to 8 steps that NumPy takes."""
    rng = np.random.default_rng(seed)
    inputs = [rng.normal(size=SHAPES[seed % len(SHAPES)]), rng.normal(size=SHAPES[int(rng.integers(len(SHAPES)))])]
    handles = [a.copy() for a in inputs]
    steps: list[Step] = []
    wanted = int(rng.integers(3, 9))
    while len(steps) < wanted:
        step = random_step(rng, handles)
        try:
            apply_step(handles, [], step)
        except (IndexError, ValueError):  # NumPy refuses: another step, from where it was
            handles = [a.copy() for a in inputs]
            for taken in steps:
                apply_step(handles, [], taken)
            continue
        steps.append(step)
    return inputs, steps


def replay(inputs: Any, steps: list[Step]) -> list[Any]:
    """What is read, and what all handles hold in the end."""
    handles: list[Any] = [a.copy() for a in inputs]
    results: list[Any] = []
    for step in steps:
        apply_step(handles, results, step)
    return [*results, *[h + 0.0 for h in handles]]


@pytest.mark.parametrize("seed", range(200))
def test_random_program(seed: int) -> None:
    inputs, steps = script(seed)
    expected = replay(inputs, steps)
    function = lambda a, b: replay([a, b], steps)  # noqa: E731
    traced = trace(function, inputs)
    captured = [np.asarray(capture.read(function)) for capture in traced.captures]
    results = evaluate(traced.graph, [*inputs, *captured])
    assert len(results) == len(expected)
    for result, wanted in zip(results, expected, strict=True):
        np.testing.assert_allclose(np.asarray(result), wanted, rtol=1e-12, atol=1e-13, err_msg=str(steps))


@pytest.mark.parametrize("seed", range(1000, 1040))
def test_random_program_compiled_and_its_gradient(seed: int) -> None:
    (x, y), steps = script(seed)
    rng = np.random.default_rng(seed + 1)
    weights = [rng.normal(size=np.shape(r)) for r in replay([x, y], steps)]

    def loss(a: Any, b: Any) -> Any:
        return sum(np.sum(w * np.tanh(r)) for w, r in zip(weights, replay([a, b], steps)))  # noqa: B905

    np.testing.assert_allclose(jit(loss)(x, y), loss(x, y), rtol=1e-11, atol=1e-12, err_msg=str(steps))
    gradients = grad(loss, argnums=(0, 1))(x, y)
    dx, dy = rng.normal(size=x.shape), rng.normal(size=y.shape)
    ahead, behind = (loss(x + h * dx, y + h * dy) for h in (1e-6, -1e-6))
    slope = np.sum(gradients[0] * dx) + np.sum(gradients[1] * dy)
    np.testing.assert_allclose(slope, (ahead - behind) / 2e-6, rtol=1e-5, atol=1e-6, err_msg=str(steps))
