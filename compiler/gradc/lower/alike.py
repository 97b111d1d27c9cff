"""Iterations written out alike: terms and factors in an order that the iterations have in common.

Sums and products keep their operands in the order of their digests, which is another one in each iteration. Lanes can only
be joined (see `gradc.lower.packing`) where they do the same things in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradc.ir.algebra import rebuild
from gradc.ir.scalar import Apply, Load, Number, Scalar, apply
from gradc.lower.tree import Item, Statement

#: Ops of at least this cost are elementary functions, whose calls are worth joining.
_FUNCTION_COST = 16
#: So many literals tell iterations apart.
_LITERALS = 8
#: The number of a shape, and literals.
_Key = tuple[int, tuple[int, ...]]


def ordered_alike(items: Sequence[Item]) -> list[Item]:
    """The items, with the operands of sums and products in order where several elementary functions are called."""
    order = _Order()
    result: list[Item] = []
    worth = sum(map(_calls, items)) > 1
    for item in items:
        if not isinstance(item, Statement):
            item.items = ordered_alike(item.items)
        elif worth and type(item) is Statement:
            body = order.of(item)
            item = item if body is item.body else replace(item, body=body)
        result.append(item)
    return result


def _calls(item: Item) -> int:
    if not isinstance(item, Statement):
        return 0
    return sum(isinstance(node, Apply) and node.op.cost >= _FUNCTION_COST for node in item.nodes)


class _Order:
    """What scalars look like but for the literals among indices, and these literals."""

    def __init__(self) -> None:
        self._ordered: dict[Scalar, Scalar] = {}
        self._keys: dict[Scalar, _Key] = {}
        self._shapes: dict[tuple[object, ...], int] = {}

    def of(self, statement: Statement) -> Scalar:
        """The body of a statement with operands in order."""
        for node in statement.nodes:
            if node not in self._ordered:
                self._note(node)
        return self._ordered[statement.body]

    def _note(self, node: Scalar) -> None:
        children: Sequence[Scalar] = [self._ordered[child] for child in node.children]
        keys = [self._keys[child] for child in children]
        result = node
        if isinstance(node, Apply) and node.op.name in ("sum", "prod"):
            places = sorted(range(len(children)), key=lambda k: (not isinstance(children[k], Number), keys[k]))
            children, keys = [children[k] for k in places], [keys[k] for k in places]
            if tuple(children) != node.children:
                result = apply(node.op, *children, dtype=node.dtype)
        elif tuple(children) != node.children:
            result = rebuild(node, children)
        self._ordered[node] = result
        self._keys[node] = self._keys[result] = self._key(node, keys)

    def _key(self, node: Scalar, keys: Sequence[_Key]) -> _Key:
        own: object = node
        values: list[int] = []
        if isinstance(node, Number):
            if node.dtype.kind == "i":
                own, values = node.dtype, [int(node.value)]  # type: ignore[arg-type]
        elif isinstance(node, Load):
            own = node.tensor
        elif isinstance(node, Apply):
            own = node.op.name
        elif node.children:
            own = type(node)
        for _, further in keys:
            values += further
        shape = (own, *[shape for shape, _ in keys])
        return self._shapes.setdefault(shape, len(self._shapes)), tuple(values[:_LITERALS])
