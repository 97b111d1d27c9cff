"""Building comprehensions from Python functions of the indices: how tests, tracing and differentiation write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradc.ir.scalar import TRUE, Load, Scalar, index
from gradc.ir.tensor import Compute, Extent, Shape, Tensor, compute


def as_tensor(shape: Shape, value: Scalar) -> Tensor:
    """A Compute with this body, or the tensor that the body merely loads."""
    if isinstance(value, Load) and value.tensor.shape == shape:
        if all(i is index(k) for k, i in enumerate(value.indices)):
            return value.tensor
    return compute(shape, value)


def comprehension(
    shape: Sequence[Extent],
    body: Callable[..., Scalar],
    *,
    reduce: Sequence[Extent] = (),
    reducer: str | None = None,
    domain: Callable[..., Scalar] | None = None,
) -> Compute:
    """The Compute whose body (and domain) is the function applied to its indices, reduce axes last.

    ``comprehension((n,), lambda i, k: times(load(A, (i, k)), load(x, (k,))), reduce=(m,))`` is ``A @ x``; the reducer is
    ``sum`` unless it is named.
    """
    indices = [index(k) for k in range(len(shape) + len(reduce))]
    return compute(
        shape,
        body(*indices),
        reduce_extents=reduce,
        reducer=reducer or ("sum" if reduce else None),
        domain=domain(*indices) if domain else TRUE,
    )
