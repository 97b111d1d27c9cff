"""Chains of two matrix products, small and middle sizes, and batches of small ones."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import numpy as np

from benchmarks.measure import Builder, Call, Effort, Row, Target, measured
from benchmarks.native import blas_address, calling
from benchmarks.problem import Problem

#: Up to 16, and 17 to 128; also sizes that are no multiple of a tile.
SIZES = (3, 4, 8, 13, 16, 17, 31, 32, 48, 64, 100, 127, 128)
BATCH = 10_000


def chain(A, B, C):
    """A product of three."""
    return A @ B @ C


def run(systems: Collection[str], effort: Effort) -> list[Row]:
    """Single chains, then batches of 4x4 and 7x7."""
    rows = []
    for n in SIZES[:5] if effort.is_quick else SIZES:
        rng = np.random.default_rng(n)
        matrices = tuple(rng.standard_normal((n, n)) for _ in range(3))
        builders = Problem(chain, matrices, "jit").peers() | {
            "C": calling("products", "chain", blas_address("dgemm"), *matrices),
            "NumPy": partial(Call, chain, *matrices),
        }
        rows.append(_row(f"matrix chain, n = {n}", builders, matrices, systems, effort, headline=n in (4, 64)))
    for n in (4, 7):
        rng = np.random.default_rng(n)
        stacks = tuple(rng.standard_normal((min(BATCH, effort.largest), n, n)) for _ in range(3))
        batch = Problem(chain, stacks, "jit", batched=True).peers() | {
            "C": calling("products", "chains", blas_address("dgemm"), *stacks),
            "NumPy": partial(Call, chain, *stacks),
        }
        rows.append(_row(f"{len(stacks[0]):,} matrix chains, n = {n}", batch, stacks, systems, effort, headline=n == 4))
    return rows


def _row(
    title: str,
    builders: dict[str, Builder],
    matrices: tuple[np.ndarray, ...],
    systems: Collection[str],
    effort: Effort,
    headline: bool,
) -> Row:
    count = matrices[0].size // matrices[0].shape[-1] ** 2
    row = Row(
        title,
        targets=(Target(1.0, "C"), Target(1.0, "NumPy")),
        items=count,
        bytes=4 * 8 * matrices[0].size,
        flops=4 * matrices[0].size * matrices[0].shape[-1],
        headline=headline,
    )
    return measured(row, builders, systems, chain(*matrices), effort, 1e-8)
