"""What the display form needs to know of every expression again and again, remembered: its size, its index arithmetic."""

from __future__ import annotations

from gradc.ir.scalar import Apply, Load, Scalar
from gradc.ir.walk import post_order


class Measures:
    """Measures of expressions, each worked out once."""

    def __init__(self) -> None:
        self._sizes: dict[Scalar, int] = {}
        self._index_arithmetic: dict[Scalar, bool] = {}

    def size(self, scalar: Scalar) -> int:
        """How many symbols a print of ``scalar`` takes, sharing undone (bounded, so that it stays a small number)."""
        sizes = self._sizes
        if scalar in sizes:
            return sizes[scalar]
        stack = [scalar]
        while stack:
            node = stack[-1]
            missing = [c for c in node.children if c not in sizes]
            if missing and not isinstance(node, Load):
                stack.extend(missing)
                continue
            stack.pop()
            own = 0 if isinstance(node, Apply) and node.op.name in ("sum", "prod", "power") else 1
            total = own if isinstance(node, Load) else own + sum(sizes[c] for c in node.children)
            sizes[node] = min(total, 1_000_000_000)
        return sizes[scalar]

    def has_index_arithmetic(self, scalar: Scalar) -> bool:
        """Whether ``scalar`` holds a comparison, ``//`` or ``%`` of integers, which the extents may settle."""
        known = self._index_arithmetic
        for node in post_order([scalar], prune=known.__contains__):
            if node not in known:
                own = isinstance(node, Apply) and (node.op.name in ("floordiv", "mod") or node.dtype.kind == "b")
                known[node] = own or any(known[c] for c in node.children)
        return known[scalar]
