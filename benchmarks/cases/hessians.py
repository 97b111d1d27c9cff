"""Hessians that are a contraction or two: logistic regression, quadratic form, matrix factorisation with missing entries."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import numpy as np

from benchmarks.measure import Call, Effort, Row, Target, measured
from benchmarks.problem import Problem

RANK = 5


def logistic(w, X, y):
    """Loss of logistic regression; labels are -1 and 1."""
    return np.sum(np.log1p(np.exp(-y * (X @ w))))


def logistic_hessian(w: np.ndarray, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """``X' D X``."""
    probability = 1 / (1 + np.exp(-y * (X @ w)))
    hessian: np.ndarray = (X.T * (probability * (1 - probability))) @ X
    return hessian


def logistic_hessian_by_half(w: np.ndarray, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """``Y' Y``, of which BLAS computes one half."""
    probability = 1 / (1 + np.exp(-y * (X @ w)))
    scaled = np.sqrt(probability * (1 - probability))[:, None] * X
    hessian: np.ndarray = scaled.T @ scaled
    return hessian


def quadratic(x, A):
    """A quadratic form."""
    return x @ A @ x


def quadratic_hessian(x: np.ndarray, A: np.ndarray) -> np.ndarray:
    """``A + A'``."""
    hessian: np.ndarray = A + A.T
    return hessian


def factorisation(U, V, M, known):
    """Squared error over the known entries; the first factor is sought."""
    return np.sum(known * (M - U @ V.T) ** 2)


def factorisation_hessian(U: np.ndarray, V: np.ndarray, M: np.ndarray, known: np.ndarray) -> np.ndarray:
    """A small block per row of U."""
    rows, rank = U.shape
    products = (V[:, :, None] * V[:, None, :]).reshape(len(V), rank * rank)
    result = np.zeros((rows, rank, rows, rank))
    result[np.arange(rows), :, np.arange(rows), :] = (2 * known @ products).reshape(rows, rank, rank)
    return result


def run(systems: Collection[str], effort: Effort) -> list[Row]:
    """Three sizes of each; the dense Hessian of the largest factorisation would not fit."""
    rows = []
    for n in (20,) if effort.is_quick else (100, 300, 997, 1000):
        rng = np.random.default_rng(n)
        X, w = rng.standard_normal((2 * n, n)), rng.standard_normal(n) / n
        y = np.sign(rng.standard_normal(2 * n))
        rows.append(
            _row(f"logistic regression, n = {n:,}", logistic, logistic_hessian, (w, X, y), 4 * n**3, systems, effort)
        )
        A = rng.standard_normal((n, n))
        rows.append(_row(f"quadratic form, n = {n:,}", quadratic, quadratic_hessian, (w, A), n**2, systems, effort))
        if n <= 300:
            U, V, M = rng.standard_normal((n, RANK)), rng.standard_normal((n, RANK)), rng.standard_normal((n, n))
            known = (rng.random((n, n)) < 0.5).astype(float)
            given = (U, V, M, known)
            flops = 2 * (n * RANK) ** 2
            rows.append(
                _row(
                    f"matrix factorisation, n = {n:,}",
                    factorisation,
                    factorisation_hessian,
                    given,
                    flops,
                    systems,
                    effort,
                )
            )
    return rows


def _row(
    title: str,
    function: Callable[..., Any],
    by_hand: Callable[..., Any],
    arguments: tuple[np.ndarray, ...],
    flops: float,
    systems: Collection[str],
    effort: Effort,
) -> Row:
    problem = Problem(function, arguments, "hessian")
    # torch takes 20 s for the larger factorisation; at the odd size it is as slow as at the round one
    slow = {"torch"} if (function is factorisation and len(arguments[0]) > 100) or len(arguments[0]) == 997 else set()
    builders = problem.peers() | {"NumPy": partial(Call, by_hand, *arguments)}
    wanted = set(systems) - slow
    if "NumPy" in systems and by_hand is logistic_hessian:
        builders["NumPy, half"] = partial(Call, logistic_hessian_by_half, *arguments)
        wanted.add("NumPy, half")
    size = arguments[0].size
    row = Row(
        f"Hessian: {title}",
        targets=(
            Target(1.1, "NumPy"),
            # jax too finds the one product of the logistic regression
            *([] if by_hand is logistic_hessian else [Target(0.1, "jax")]),
            Target(0.1, "torch"),
        ),
        bytes=8.0 * (size**2 + sum(a.size for a in arguments)),
        flops=flops,
        headline=size in (1000, 300 * RANK),
    )
    return measured(row, builders, wanted, by_hand(*arguments), effort, 1e-8)
