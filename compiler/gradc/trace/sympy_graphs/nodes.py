"""The nodes of SymPy expressions: each once, however often it is shared, and however deep it lies.

SymPy's own ``free_symbols``, ``atoms``, ``is_number`` and ``str`` walk an expression as a tree, by recursion: a node that
is reached by two ways is visited twice, and twice as often at every level above.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

#: Expressions of more nodes, counted as a tree, are named by their class in messages.
_LARGEST_TEXT = 40


def distinct_nodes(roots: Iterable[Any]) -> Iterator[Any]:
    """Every node below (and including) some expressions once; two of one identity are one."""
    seen: dict[int, Any] = {}
    stack = list(roots)
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen[id(node)] = node
            yield node
            stack.extend(getattr(node, "args", ()))


def free_names(roots: Iterable[Any]) -> set[Any]:
    """The symbols, IndexedBases, MatrixSymbols and applied undefined functions that some expressions depend on.

    An index that a sum, product or integral runs over is none, and neither are the variable of a Lambda and the extents
    in the shape of an array.
    """
    seen: dict[int, Any] = {}
    found: set[Any] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen[id(node)] = node
        if getattr(node, "is_Symbol", False) or _is_leaf(node):
            found.add(node)
        elif hasattr(node, "limits") and hasattr(node, "function"):
            found |= _free_under_limits(node)
        elif type(node).__name__ in ("Lambda", "Subs"):
            found |= free_names([node.expr]) - set(node.variables) | free_names(getattr(node, "point", ()))
        elif hasattr(node, "base") and hasattr(node, "indices"):  # Indexed: its base's label is no symbol of its own
            stack += [node.base, *node.indices]
        else:
            stack.extend(getattr(node, "args", ()))
    return found


def _is_leaf(node: Any) -> bool:
    kinds = {kind.__name__ for kind in type(node).__mro__}
    return not kinds.isdisjoint(("IndexedBase", "MatrixSymbol", "AppliedUndef"))


def _free_under_limits(node: Any) -> set[Any]:
    found = free_names([node.function])
    for symbol, *bounds in node.limits:
        found.discard(symbol)
        found |= free_names(bounds)
    return found


def described(node: Any) -> str:
    """The expression for a message: its text, or what it is where the text would be long."""
    return str(node) if is_small(node, _LARGEST_TEXT) else f"a long {type(node).__name__}"


def is_small(root: Any, most: int) -> bool:
    """Whether an expression has at most so many nodes, counted as a tree; takes no longer than to count so far."""
    waiting, count = [root], 0
    while waiting and count <= most:
        count += 1
        waiting.extend(getattr(waiting.pop(), "args", ()))
    return count <= most
