"""Discrete Fourier transforms as maps of real numbers: a complex number is a pair of them, in a last axis.

================  ==================================================================================================
call              result
================  ==================================================================================================
``fft(z)``        the n sums ``sum_j z_j exp(-2 pi i j k / n)`` of n pairs; with ``inverse`` the other sign
``rfft(x)``       of n real numbers those with k up to n // 2; the others are their conjugates
``irfft(z)``      the inverse sums of pairs and their conjugates, n = 2 m - 2 real numbers of m pairs, one more if ``odd``.
                  The imaginary part of the first pair does not count, nor that of the one in the middle of an even n
================  ==================================================================================================

Nothing is divided by n. Leading axes are batch axes.

All are linear, so tangents are transformed like values. The matrix of the sums transposed is that of the inverse sums; of the
halves, ``rfft`` and ``irfft`` are each other's transposes but for the weights of the pairs, because all but the first (and the
middle one) stand for two. In every rule the directions become batch axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gradc.ir.algebra import disjunction, equal, floor_divide, guarded, negation, product_of, sum_of
from gradc.ir.scalar import index, load, number
from gradc.ir.tensor import ResultType, Tensor, compute, extent, extent_scalar
from gradc.ops.extern import Library, Setting, called, enter

Moves = Sequence[Tensor | None]


def _like_first(operands: Sequence[Tensor], _: Mapping[str, Any]) -> tuple[ResultType, ...]:
    return (ResultType(operands[0].shape, operands[0].dtype),)


def _half(operands: Sequence[Tensor], _: Mapping[str, Any]) -> tuple[ResultType, ...]:
    *batch, count = operands[0].shape
    kept = extent(sum_of(floor_divide(extent_scalar(count), 2), 1))
    return (ResultType((*batch, kept, 2), operands[0].dtype),)


def _whole(operands: Sequence[Tensor], parameters: Mapping[str, Any]) -> tuple[ResultType, ...]:
    *batch, kept, _ = operands[0].shape
    count = extent(sum_of(product_of(2, extent_scalar(kept)), int(parameters["odd"]) - 2))
    return (ResultType((*batch, count), operands[0].dtype),)


def _rotated(tensor: Tensor, count: int) -> Tensor:
    """The last ``count`` axes moved to the front."""
    if count % tensor.rank == 0:
        return tensor
    rank = tensor.rank
    shape = (*tensor.shape[rank - count :], *tensor.shape[: rank - count])
    return compute(shape, load(tensor, [index((k + count) % rank) for k in range(rank)]))


def _tangent(at: Setting, tangents: Moves) -> Moves:
    assert tangents[0] is not None
    directions = len(at.directions)
    moved = _rotated(tangents[0], directions)
    parameters: dict[str, Any] = dict(at.node.parameters)
    result = called(at.node.name, moved, **parameters)
    return [_rotated(result, result.rank - directions)]


def _cotangent(at: Setting, cotangents: Moves) -> Moves:
    assert cotangents[0] is not None
    return [called("fft", cotangents[0], inverse=not dict(at.node.parameters)["inverse"])]


def _weighed(pairs: Tensor, odd: bool, weight: float) -> Tensor:
    """The pairs times a weight, but for those that stand for themselves alone."""
    every = [index(k) for k in range(pairs.rank)]
    place, last = every[-2], sum_of(extent_scalar(pairs.shape[-2]), -1)
    alone = equal(place, 0) if odd else disjunction(equal(place, 0), equal(place, last))
    entry = load(pairs, every)
    other = product_of(number(weight, pairs.dtype), entry, dtype=pairs.dtype)
    return compute(pairs.shape, sum_of(guarded(alone, entry), guarded(negation(alone), other), dtype=pairs.dtype))


def _half_cotangent(at: Setting, cotangents: Moves) -> Moves:
    assert cotangents[0] is not None
    count = at.node.operands[0].shape[-1]
    assert isinstance(count, int), "whether it is odd must be known"
    odd = bool(count % 2)
    return [called("irfft", _weighed(cotangents[0], odd, 0.5), odd=odd)]


def _whole_cotangent(at: Setting, cotangents: Moves) -> Moves:
    assert cotangents[0] is not None
    return [_weighed(called("rfft", cotangents[0]), bool(dict(at.node.parameters)["odd"]), 2.0)]


enter(Library("fft", 2, _like_first, _tangent, _cotangent))
enter(Library("rfft", 1, _half, _tangent, _half_cotangent))
enter(Library("irfft", 2, _whole, _tangent, _whole_cotangent))
