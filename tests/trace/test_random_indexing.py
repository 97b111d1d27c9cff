"""Random programs of views, reads and writes: traced and evaluated, they give what NumPy gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradc.evaluate import evaluate
from gradc.trace import trace

Key = Any


def random_slice(rng: np.random.Generator, length: int) -> slice:
    bounds = [None if rng.random() < 0.3 else int(rng.integers(-length - 2, length + 3)) for _ in range(2)]
    return slice(bounds[0], bounds[1], int(rng.choice([1, 1, 1, 2, 3, -1, -2])))


def random_key(rng: np.random.Generator, shape: tuple[int, ...]) -> Key:
    """A key for an array of this shape: ints, slices, new axes, an ellipsis, integer arrays."""
    items: list[Any] = []
    for length in shape:
        choice = rng.random()
        if choice < 0.3 and length:
            items.append(int(rng.integers(-length, length)))
        elif choice < 0.4 and length:
            items.append(rng.integers(-length, length, size=rng.integers(1, 4)) if not any_array(items) else 0)
        else:
            items.append(random_slice(rng, length))
        if rng.random() < 0.1:
            items.append(None)
    if rng.random() < 0.3:
        items = items[: int(rng.integers(0, len(items) + 1))]
    elif rng.random() < 0.2 and items:
        position = int(rng.integers(0, len(items)))
        if not isinstance(items[position], np.ndarray) and items[position] is not None:
            items[position] = Ellipsis
    return tuple(items)


def any_array(items: list[Any]) -> bool:
    return any(isinstance(item, np.ndarray) for item in items)


def view_key(rng: np.random.Generator, shape: tuple[int, ...]) -> Key:
    return tuple(random_slice(rng, length) for length in shape)


def script(seed: int, x: np.ndarray) -> list[tuple[str, int, Key, float]]:
    """A random sequence of views, writes through them, and reads: (what, which handle, key, number)."""
    rng = np.random.default_rng(seed)
    steps: list[tuple[str, int, Key, float]] = []
    handles = [x.copy()]
    for _ in range(int(rng.integers(3, 9))):
        which = int(rng.integers(len(handles)))
        target = handles[which]
        what = str(
            rng.choice(["view", "transpose", "write", "scale", "shift", "read"], p=[0.25, 0.1, 0.25, 0.15, 0.1, 0.15])
        )
        if what == "shift" and (target.ndim == 0 or target.shape[0] < 2):
            what = "read"
        key = view_key(rng, target.shape) if what in ("view", "scale") else random_key(rng, target.shape)
        steps.append((what, which, key, float(rng.normal())))
        if what == "view":
            handles.append(target[key])
        elif what == "transpose":
            handles.append(target.T)
    return steps


def replay(x: Any, steps: list[tuple[str, int, Key, float]]) -> Any:
    """Run a script."""
    array = x.copy()
    handles = [array]
    results = []
    for what, which, key, value in steps:
        target = handles[which]
        if what == "view":
            handles.append(target[key])
        elif what == "transpose":
            handles.append(target.T)
        elif what == "write":
            target[key] = value
        elif what == "scale":
            target[key] = target[key] * value + array.sum()
        elif what == "shift":
            target[1:] += target[:-1]
        else:
            results.append(target[key] + 0.0)
    return (*results, *[h + 0.0 for h in handles])


@pytest.mark.parametrize("seed", range(150))
def test_random_program(seed: int) -> None:
    rng = np.random.default_rng(1000 + seed)
    x = rng.normal(size=[(6,), (3, 4), (2, 3, 4), (1, 5)][seed % 4])
    steps = script(seed, x)
    expected = replay(x, steps)
    function = lambda a: replay(a, steps)  # noqa: E731
    traced = trace(function, [x])
    results = evaluate(traced.graph, [x, *[np.asarray(capture.read(function)) for capture in traced.captures]])
    assert len(results) == len(expected)
    for result, wanted in zip(results, expected, strict=True):
        np.testing.assert_allclose(np.asarray(result), wanted, rtol=1e-12, atol=1e-13, err_msg=str(steps))
