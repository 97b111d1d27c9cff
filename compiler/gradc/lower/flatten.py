"""Reshaped reads: ``A[e // m, e % m]`` of a buffer with rows of m entries is its entry e."""

from __future__ import annotations

from gradc.ir.algebra import difference, linear_terms, modulo, product_of, sum_of
from gradc.ir.scalar import Apply, Load, Scalar, is_apply
from gradc.ir.tensor import Extent, extent, extent_scalar

#: An index, and the axis along whose stride it counts.
Along = tuple[Scalar, int]


def flattened(node: Load) -> tuple[Along, ...] | None:
    """The indices of a load with neighbouring axes joined where division and remainder cancel; None if none do."""
    if not any(is_apply(part, "mod") for part in node.indices):
        return None
    groups: list[Along] = []
    axis = len(node.indices) - 1
    current, length, stride = node.indices[axis], node.tensor.shape[axis], axis
    while axis:
        axis -= 1
        joined = _joined(node.indices[axis], current, length)
        if joined is None:
            groups.append((current, stride))
            current, length, stride = node.indices[axis], node.tensor.shape[axis], axis
        else:
            current = joined
            length = extent(product_of(extent_scalar(length), extent_scalar(node.tensor.shape[axis])))
    groups.append((current, stride))
    return tuple(reversed(groups)) if len(groups) < len(node.indices) else None


def _joined(outer: Scalar, inner: Scalar, length: Extent) -> Scalar | None:
    """``outer * length + inner`` where that needs no division."""
    if not is_apply(inner, "mod") or inner.children[1] is not extent_scalar(length):
        return None
    rest, divisor = inner.children
    for atom, coefficient in linear_terms(outer)[0].items():
        if coefficient == 1 and is_apply(atom, "floordiv") and atom.children == (rest, divisor):
            return sum_of(product_of(difference(outer, atom), divisor), rest)
    if isinstance(outer, Apply) and outer.op.name == "mod":  # (e // m) % k and e % m: e % (k m)
        whole, count = outer.args
        if is_apply(whole, "floordiv") and whole.children == (rest, divisor):
            return modulo(rest, product_of(count, divisor))
    return None
