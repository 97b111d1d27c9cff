"""The discrete Fourier transform, of complex numbers as pairs of real ones.

``fft(z)`` takes an array whose last two axes are the n samples and their real and imaginary parts, and gives the n sums
``sum_j z_j exp(-2 pi i j k / n)`` in the same form; with ``inverse`` the sign of the exponent is the other one, and nothing
is divided by n. Leading axes are batch axes.

As a map of real numbers it is linear and its matrix is that of the inverse transform transposed. So the tangent is the
transform of the tangent, and the cotangent the inverse transform of the cotangent: both are calls of the same name, with
the directions among the batch axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gradc.ir.scalar import index, load
from gradc.ir.tensor import ResultType, Tensor, compute
from gradc.ops.extern import Library, Setting, called, enter

Moves = Sequence[Tensor | None]
#: The axes of the samples and of their parts.
CORE = 2


def _like_first(operands: Sequence[Tensor], _: Mapping[str, Any]) -> tuple[ResultType, ...]:
    return (ResultType(operands[0].shape, operands[0].dtype),)


def _is_inverse(at: Setting) -> bool:
    return bool(dict(at.node.parameters)["inverse"])


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
    result = called("fft", moved, inverse=_is_inverse(at))
    return [_rotated(result, result.rank - directions)]


def _cotangent(at: Setting, cotangents: Moves) -> Moves:
    assert cotangents[0] is not None
    return [called("fft", cotangents[0], inverse=not _is_inverse(at))]


enter(Library("fft", CORE, _like_first, _tangent, _cotangent))
