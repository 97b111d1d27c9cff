"""Gaussian mixture with Wishart prior (the ADBench objective): d = 64, K = 50, n = 1000; gradient in all parameters."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

import numpy as np

from benchmarks.measure import Call, Effort, Row, Target, interleaved, prepared
from benchmarks.native import blas_address, calling
from benchmarks.problem import Problem
from benchmarks.systems import load

D, COMPONENTS, POINTS = 64, 50, 1000
GAMMA, M = 1.0, 0.0
#: Two triangular products per component and point.
FLOPS = 2 * (2 * POINTS * COMPONENTS * D * (D + 1) / 2)

Parameters = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def objective(parameters, x):
    """Log-likelihood of the points plus the prior.

    parameters: weights alpha (K), means (K, d), logarithms of the diagonals (K, d), strictly lower triangles (K, d, d)
    of the inverse covariances' factors.
    """
    alphas, means, logarithms, triangles = parameters
    diagonal, lower = np.exp(logarithms), np.tril(triangles, -1)
    centred = x[:, None, :] - means
    spread = diagonal * centred + np.einsum("kij,nkj->nki", lower, centred)
    logs = alphas + np.sum(logarithms, axis=1) - 0.5 * np.sum(spread**2, axis=2)
    largest = np.max(logs, axis=1, keepdims=True)
    likelihood = np.sum(np.log(np.sum(np.exp(logs - largest), axis=1)) + largest[:, 0])
    highest = np.max(alphas)
    normaliser = np.log(np.sum(np.exp(alphas - highest))) + highest
    prior = 0.5 * GAMMA**2 * (np.sum(diagonal**2) + np.sum(lower**2)) - M * np.sum(logarithms)
    return likelihood - x.shape[0] * normaliser + prior


def by_hand(parameters: Parameters, x: np.ndarray) -> tuple[Any, Parameters]:
    """Value and gradient as a person writes them: two matrix products per component."""
    alphas, means, logarithms, triangles = parameters
    components, d = means.shape
    diagonal = np.exp(logarithms)
    factor = np.tril(triangles, -1)
    factor[:, range(d), range(d)] = diagonal
    spread = [(x - means[k]) @ factor[k].T for k in range(components)]
    logs = alphas + np.sum(logarithms, axis=1) - 0.5 * np.stack([np.sum(s**2, axis=1) for s in spread], axis=1)
    largest = np.max(logs, axis=1, keepdims=True)
    weights = np.exp(logs - largest)
    sums = np.sum(weights, axis=1, keepdims=True)
    weights /= sums
    d_factor, d_means = np.empty_like(factor), np.empty_like(means)
    for k in range(components):
        weighted = weights[:, k : k + 1] * spread[k]
        d_factor[k] = GAMMA**2 * factor[k] - weighted.T @ (x - means[k])
        d_means[k] = np.sum(weighted, axis=0) @ factor[k]
    shares = np.sum(weights, axis=0)
    d_logarithms = diagonal * d_factor[:, range(d), range(d)] + shares[:, None] - M
    highest = np.max(alphas)
    exponentials = np.exp(alphas - highest)
    total = np.sum(exponentials)
    prior = 0.5 * GAMMA**2 * np.sum(factor**2) - M * np.sum(logarithms)
    value = np.sum(np.log(sums) + largest) - len(x) * (np.log(total) + highest) + prior
    return value, (shares - len(x) * exponentials / total, d_means, d_logarithms, np.tril(d_factor, -1))


def data(d: int, components: int, points: int) -> tuple[Parameters, np.ndarray]:
    """Parameters and points."""
    rng = np.random.default_rng(d)
    parameters = (
        rng.standard_normal(components),
        rng.standard_normal((components, d)),
        0.1 * rng.standard_normal((components, d)),
        0.1 * rng.standard_normal((components, d, d)),
    )
    return parameters, rng.standard_normal((points, d))


def run(systems: Collection[str], effort: Effort) -> list[Row]:
    """The issue's sizes, and others that are no multiple of a vector."""
    sizes = [(8, 5, 100)] if effort.is_quick else [(D, COMPONENTS, POINTS), (D - 3, COMPONENTS - 1, POINTS + 5)]
    rows = []
    for d, components, points in sizes:
        parameters, x = data(d, components, points)
        problem = Problem(objective, (parameters, x), "value_and_grad")
        builders = problem.peers() | {
            "C": calling("mixture", "value_and_gradient", blas_address("dgemm"), GAMMA, M, *parameters, x),
            "NumPy": partial(Call, by_hand, parameters, x),
        }
        row = Row(
            f"Gaussian mixture: value and gradient, d = {d}, K = {components}, n = {points:,}",
            targets=(Target(1.1, "C"), Target(1.0, "jax"), Target(1.0, "torch"), Target(2.5, "function alone")),
            flops=FLOPS * (d / D) ** 2 * components / COMPONENTS * points / POINTS,
            headline=d == D,
        )
        candidates = prepared(row, builders, systems, by_hand(parameters, x), 1e-8)
        if "gradc" in candidates:
            candidates["function alone"] = Call(load("gradc").jit(objective), parameters, x)
            candidates["function alone"]()
        rows.append(interleaved(row, candidates, effort))
    return rows
