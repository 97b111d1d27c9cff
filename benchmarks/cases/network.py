"""A network 784-128-10 on a batch of 256: cross-entropy and its gradient in all weights."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

import numpy as np

from benchmarks.measure import Call, Effort, Row, Target, measured
from benchmarks.problem import Problem

SIZES, BATCH = (784, 128, 10), 256
#: Three products with the big matrix would be needed for the gradient in the input; two are, and three with the small one.
FLOPS = 2 * BATCH * (2 * 784 * 128 + 3 * 128 * 10)
BYTES = 8 * (2 * BATCH * 784 + 2 * 784 * 128)

Weights = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def loss(weights, inputs, labels):
    """Mean cross-entropy of a relu network; labels are one-hot."""
    first, first_bias, second, second_bias = weights
    hidden = np.maximum(inputs @ first + first_bias, 0)
    scores = hidden @ second + second_bias
    scores = scores - np.max(scores, axis=1, keepdims=True)
    logs = scores - np.log(np.sum(np.exp(scores), axis=1, keepdims=True))
    return -np.sum(labels * logs) / inputs.shape[0]


def by_hand(weights: Weights, inputs: np.ndarray, labels: np.ndarray) -> tuple[Any, Weights]:
    """Forward and backward as a person writes them."""
    first, first_bias, second, second_bias = weights
    hidden = inputs @ first
    hidden += first_bias
    np.maximum(hidden, 0, out=hidden)
    scores = hidden @ second
    scores += second_bias
    scores -= np.max(scores, axis=1, keepdims=True)
    exponentials = np.exp(scores)
    sums = np.sum(exponentials, axis=1, keepdims=True)
    value = (np.sum(np.log(sums)) - np.sum(labels * scores)) / len(inputs)
    d_scores = exponentials
    d_scores /= sums
    d_scores -= labels
    d_scores /= len(inputs)
    d_hidden = d_scores @ second.T
    d_hidden *= hidden > 0
    return value, (inputs.T @ d_hidden, np.sum(d_hidden, axis=0), hidden.T @ d_scores, np.sum(d_scores, axis=0))


def data(sizes: tuple[int, int, int], batch: int) -> tuple[Weights, np.ndarray, np.ndarray]:
    """Weights, inputs, one-hot labels."""
    rng = np.random.default_rng(batch)
    inner, hidden, classes = sizes
    weights = (
        0.05 * rng.standard_normal((inner, hidden)),
        0.1 * rng.standard_normal(hidden),
        0.1 * rng.standard_normal((hidden, classes)),
        np.zeros(classes),
    )
    return weights, rng.random((batch, inner)), np.eye(classes)[rng.integers(0, classes, batch)]


def run(systems: Collection[str], effort: Effort) -> list[Row]:
    """The network, and one with every size changed a little."""
    rows = []
    for sizes, batch in [((20, 7, 3), 16)] if effort.is_quick else [(SIZES, BATCH), ((787, 125, 11), 251)]:
        arguments = data(sizes, batch)
        problem = Problem(loss, arguments, "value_and_grad")
        builders = problem.peers() | {"NumPy": partial(Call, by_hand, *arguments)}
        row = Row(
            f"network {'-'.join(map(str, sizes))}, batch {batch}: value and gradient",
            targets=(Target(1.0, "NumPy"), Target(1.0, "torch")),
            bytes=BYTES,
            flops=FLOPS,
            headline=sizes == SIZES,
        )
        rows.append(measured(row, builders, systems, by_hand(*arguments), effort, 1e-8))
    return rows
