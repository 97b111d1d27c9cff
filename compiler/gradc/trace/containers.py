"""Nested containers: tuples, lists, dicts (order kept), namedtuples and dataclasses, as optree knows them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cache
from typing import Any

NAMESPACE = "gradc"

_dataclasses: set[type] = set()


@cache
def optree() -> Any:
    """The library, loaded at the first trace: it is a third of what ``import gradc`` would cost."""
    import optree as library

    return library


def flatten(tree: Any) -> tuple[list[Any], Any]:
    """The leaves of ``tree`` and its structure. ``None`` belongs to the structure.

    >>> flatten({"w": 1.0, "b": (2.0, None)})[0]
    [2.0, 1.0]
    """
    leaves, structure = optree().tree_flatten(tree, none_is_leaf=False, namespace=NAMESPACE)
    new = {type(leaf) for leaf in leaves if _is_new_dataclass(leaf)}
    if not new:
        return leaves, structure
    for kind in new:
        _register(kind)
    return flatten(tree)


def unflatten(structure: Any, leaves: Sequence[Any]) -> Any:
    """The container of this structure that holds ``leaves``."""
    return optree().tree_unflatten(structure, leaves)


def leaf_paths(structure: Any, name: str) -> list[str]:
    """The user's name for each leaf of an argument called ``name``: ``params['w1']``, ``pair[0]``."""
    return [accessor.codify(name) for accessor in structure.accessors()]


def container_classes(tree: Any) -> set[type]:
    """The namedtuple classes and dataclasses in ``tree``: what it holds that has methods."""
    found: set[type] = set()
    pending = [tree]
    while pending:
        item = pending.pop()
        kind = type(item)
        if isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, list | tuple):
            pending.extend(item)
            if hasattr(kind, "_fields"):
                found.add(kind)
        elif kind in _dataclasses:
            pending.extend(vars(item).values() if hasattr(item, "__dict__") else ())
            found.add(kind)
    return found


def _is_new_dataclass(leaf: Any) -> bool:
    kind = type(leaf)
    return dataclasses.is_dataclass(kind) and kind not in _dataclasses and not kind.__module__.startswith("gradc.")


def _register(kind: type) -> None:
    names = tuple(field.name for field in dataclasses.fields(kind))

    def children(instance: Any) -> tuple[tuple[Any, ...], tuple[str, ...], tuple[str, ...]]:
        return tuple(getattr(instance, name) for name in names), names, names

    def rebuilt(_: Any, values: Sequence[Any]) -> Any:
        # __init__ is not called: it may check or convert what is not there yet
        instance: Any = object.__new__(kind)
        for name, value in zip(names, values, strict=True):
            object.__setattr__(instance, name, value)
        return instance

    library = optree()
    entry = library.DataclassEntry if hasattr(library, "DataclassEntry") else library.GetAttrEntry
    library.register_pytree_node(kind, children, rebuilt, path_entry_type=entry, namespace=NAMESPACE)
    _dataclasses.add(kind)
