"""Slips made mechanically on the identities of matrix calculus: a sign, a factor, a transpose, two arguments exchanged."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Any
from zlib import crc32

import numpy as np
from derivations.identities import IDENTITIES, SIZES, Identity

import gradc
from benchmarks.derivations.slips import Outcome

Hand = Callable[..., Any]
_ORDERS = {"grad": 1, "jacobian": 1, "hessian": 2}


def outcomes_of_mutations() -> list[Outcome]:
    """What the checker says of every identity with every slip that makes it wrong."""
    rows = [row for row in IDENTITIES if row.transform in _ORDERS]
    return [outcome for row in rows for outcome in _of_row(row)]


def _of_row(row: Identity) -> Iterator[Outcome]:
    for kinds, wrong in _mutants(row):
        if not _is_wrong(row, wrong):
            continue
        start = time.perf_counter()
        try:
            verdict = gradc.verify(row.f, wrong, *row.specs, order=_ORDERS[row.transform], seconds=1.0)
        except (gradc.GradcError, TypeError) as problem:
            error = str(problem).split("\n")[0]
            yield Outcome(row.name, _is_held_out(row), kinds, row.latex, "error", "", "", 0.0, False, error)
            continue
        seconds = time.perf_counter() - start
        right = verdict.status == "refuted" and verdict.hint_kind in kinds
        yield Outcome(
            row.name,
            _is_held_out(row),
            kinds,
            row.latex,
            verdict.status,
            verdict.hint,
            verdict.hint_kind,
            seconds,
            right,
        )


def _is_held_out(row: Identity) -> bool:
    return crc32(row.name.encode()) % 2 == 1


def _mutants(row: Identity) -> Iterator[tuple[tuple[str, ...], Hand]]:
    hand = row.hand
    yield ("sign",), lambda *args: -hand(*args)
    yield ("factor",), lambda *args: 2 * hand(*args)
    yield ("log base",), lambda *args: hand(*args) / np.log(10)
    shapes = [tuple(spec.shape) for spec in row.specs]
    if len(shapes[0]) == 2 and shapes[0][0] == shapes[0][1] and row.transform == "grad":
        yield ("transposed",), lambda *args: hand(*args).T
        yield ("symmetric twice",), lambda *args: _symmetrised(hand(*args))
    for first, second in combinations(range(len(shapes)), 2):
        if shapes[first] == shapes[second] and shapes[first]:
            yield ("swapped", "wrong argument"), _swapped(hand, first, second)


def _symmetrised(gradient: Any) -> Any:
    return gradient + gradient.T - np.diag(np.diag(gradient))


def _swapped(hand: Hand, first: int, second: int) -> Hand:
    def wrong(*args: Any) -> Any:
        order = list(args)
        order[first], order[second] = order[second], order[first]
        return hand(*order)

    return wrong


def _is_wrong(row: Identity, wrong: Hand) -> bool:
    """Whether the slip changes a value at a generic point."""
    args = row.point(np.random.default_rng(0), SIZES[0])
    right, given = (np.asarray(f(*args), float) for f in (row.hand, wrong))
    return right.shape == given.shape and not np.allclose(right, given, rtol=1e-6)


__all__: Sequence[str] = ("outcomes_of_mutations",)
