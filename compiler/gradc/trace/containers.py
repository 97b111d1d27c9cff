"""Nested containers: tuples, lists, dicts (order kept), namedtuples and dataclasses, as optree knows them.

A field of a dataclass that is marked ``field(metadata={"static": True})`` and holds a number, a text or the like belongs to
the structure: code is made for its value, and no derivative is taken.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

NAMESPACE = "gradc"

_dataclasses: set[type] = set()


@cache
def optree() -> Any:
    """The library, loaded at the first trace: it is a third of what ``import gradc`` would cost."""
    import optree as library

    register: Any = library.register_pytree_node
    register(_Kept, lambda kept: ((), kept.value), lambda value, _: value, namespace=NAMESPACE)
    return library


@dataclasses.dataclass(frozen=True)
class _Kept:
    """A value that belongs to a structure: unflattening gives the value itself."""

    value: Any


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


def keeping(structure: Any, kept: Mapping[int, Any]) -> Any:
    """The structure in which some leaves, given by their number, are fixed values: it has so many leaves less.

    >>> leaves, structure = flatten({"rate": 0.5, "name": "slow"})
    >>> unflatten(keeping(structure, {0: "slow"}), [2.0])
    {'rate': 2.0, 'name': 'slow'}
    """
    if not kept:
        return structure
    return flatten(unflatten(structure, [_Kept(kept[k]) if k in kept else 0 for k in range(structure.num_leaves)]))[1]


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


def _is_static(field: dataclasses.Field[Any], value: Any) -> bool:
    """Whether a field, marked by ``field(metadata={"static": True})``, belongs to the structure."""
    plain = isinstance(value, str | int | float | tuple | enum.Enum | None)
    return bool(field.metadata.get("static")) and plain


def _register(kind: type) -> None:
    fields = dataclasses.fields(kind)

    def children(instance: Any) -> tuple[tuple[Any, ...], Any, tuple[str, ...]]:
        held = {field.name: getattr(instance, field.name) for field in fields}
        static = {f.name: held.pop(f.name) for f in fields if _is_static(f, held[f.name])}
        return tuple(held.values()), (tuple(held), tuple(static.items())), tuple(held)

    def rebuilt(metadata: Any, values: Sequence[Any]) -> Any:
        # __init__ is not called: it may check or convert what is not there yet
        instance: Any = object.__new__(kind)
        names, static = metadata
        for name, value in (*zip(names, values, strict=True), *static):
            object.__setattr__(instance, name, value)
        return instance

    library = optree()
    entry = library.DataclassEntry if hasattr(library, "DataclassEntry") else library.GetAttrEntry
    library.register_pytree_node(kind, children, rebuilt, path_entry_type=entry, namespace=NAMESPACE)
    _dataclasses.add(kind)
