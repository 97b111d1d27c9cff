"""Arithmetic as a user wrote it, in the bodies of loops: multiplied and added in one operation where the machine can.

Compilers of C do so unless they are told not to. Here it is done in loops, where each step waits for the one before;
arithmetic on whole arrays has the bits of NumPy's multiplication and addition. Which additions take a product with them
(`gradc.lower.contraction`, `gradc.lower.horner`) is a matter of the expressions alone, not of how they run: any number of
lanes and threads gives the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gradc.ir.scalar import Apply, Scalar
from gradc.ir.walk import post_order, use_counts
from gradc.lower.contraction import Fused, Signs, contraction, note_signs
from gradc.lower.horner import polynomial
from gradc.lower.tree import Statement


def fused_additions(statements: Iterable[Statement]) -> Mapping[Scalar, Fused]:
    """The additions and subtractions in these statements that take products with them."""
    roots = [root for s in statements for root in dict.fromkeys((s.body, s.domain, *s.target))]
    uses = use_counts(roots)
    signs: Signs = {}
    found: dict[Scalar, Fused] = {}
    for node in post_order(roots):
        note_signs(node, signs)
        if isinstance(node, Apply) and node.op.name in ("add", "sub") and node.dtype.kind == "f":
            fused = polynomial(node, uses) or contraction(node, uses, signs)
            if fused is not None:
                found[node] = fused
    return found
