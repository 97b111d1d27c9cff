"""Jacobians and Hessians: not loops over basis vectors but one sweep seeded with a bracket."""

from __future__ import annotations

from gradc.differentiate.forward import identity_seed, pushforward
from gradc.differentiate.reverse import gradient
from gradc.ir.scalar import number
from gradc.ir.tensor import Tensor, compute


def jacobian_forward(output: Tensor, wrt: Tensor) -> Tensor:
    """The Jacobian, shape ``output.shape + wrt.shape``, by forward mode."""
    return pushforward([output], [wrt], [identity_seed(wrt.shape, wrt.dtype)], seed_shape=wrt.shape)[0]


def jacobian_reverse(output: Tensor, wrt: Tensor) -> Tensor:
    """The Jacobian, shape ``output.shape + wrt.shape``, by reverse mode."""
    return gradient([output], [identity_seed(output.shape, output.dtype)], [wrt], seed_shape=output.shape)[0]


def unit_cotangent(output: Tensor) -> Tensor:
    """The cotangent 1 of a scalar output."""
    return compute((), number(1, output.dtype))


def hessian(output: Tensor, wrt: Tensor, other: Tensor | None = None) -> Tensor:
    """The second derivative of a scalar output, shape ``wrt.shape + other.shape``: forward over reverse."""
    first = gradient([output], [unit_cotangent(output)], [wrt])[0]
    return jacobian_forward(first, wrt if other is None else other)
