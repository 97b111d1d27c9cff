"""Long loops in segments, of which reverse mode keeps the first states only.

A loop of n steps in segments of about sqrt(n), each a `checkpoint`, keeps a state per segment and, while its sweep goes through
one of them, what its adjoint needs of the steps there: about 2 sqrt(n) instead of n, for one more run of each step (Griewank
and Walther, *Evaluating Derivatives*, 2nd edition, chapter 12; Chen, Xu, Zhang and Guestrin, *Training Deep Nets with Sublinear
Memory Cost*, 2016).
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt
from typing import Any

import numpy as np

from gradc.control import checkpoint, fori_loop, scan
from gradc.trace.containers import flatten, unflatten


def segment_length(setting: bool | int, steps: int) -> int:
    """How many steps a segment has: the root of their number, rounded up, or as many as are asked for."""
    return isqrt(max(steps - 1, 0)) + 1 if setting is True else min(setting, max(steps, 1))


def scan_in_segments(
    f: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, steps: int, setting: bool | int, reverse: bool
) -> tuple[Any, Any]:
    """`scan` over so many steps in segments; the steps left over come last."""
    length = segment_length(setting, steps)
    leaves, tree = flatten(xs)
    count, left = divmod(steps, length)
    first = left if reverse else 0

    def part(start: int, stop: int, *shape: int) -> Any:
        return unflatten(tree, [x[start:stop].reshape(*shape, *x.shape[1:]) for x in leaves])

    def segment(size: int) -> Callable[[Any, Any], tuple[Any, Any]]:
        return checkpoint(lambda carry, own: scan(f, carry, own, size, reverse))

    carry, ys = scan(segment(length), init, part(first, first + count * length, count, length), count, reverse)
    found, shape = flatten(ys)
    joined = [y.reshape(count * length, *y.shape[2:]) for y in found]
    if left:
        start = 0 if reverse else count * length
        carry, others = segment(left)(carry, part(start, start + left, left))
        pairs = zip(joined, flatten(others)[0], strict=True)
        joined = [np.concatenate([b, a] if reverse else [a, b]) for a, b in pairs]
    return carry, unflatten(shape, joined)


def loop_in_segments(lower: int, steps: int, setting: bool | int, body: Callable[[Any, Any], Any], init: Any) -> Any:
    """`fori_loop` over so many steps in segments; the steps left over come last."""
    steps = max(steps, 0)
    length = segment_length(setting, steps)
    count, left = divmod(steps, length)

    def segment(size: int) -> Callable[[Any, Any], Any]:
        return checkpoint(lambda start, x: fori_loop(0, size, lambda t, x: body(start + t, x), x))

    x = fori_loop(0, count, lambda k, x: segment(length)(lower + k * length, x), init)
    return segment(left)(lower + count * length, x) if left else x
