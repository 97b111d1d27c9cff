"""Differentiation: graph to graph, forward (`pushforward`) or reverse (`gradient`), any order, and batching (`batch`)."""

from gradc.differentiate.batch import batch
from gradc.differentiate.forward import identity_seed, pushforward
from gradc.differentiate.jacobian import hessian, jacobian_forward, jacobian_reverse
from gradc.differentiate.reverse import gradient

__all__ = [
    "batch",
    "gradient",
    "hessian",
    "identity_seed",
    "jacobian_forward",
    "jacobian_reverse",
    "pushforward",
]
