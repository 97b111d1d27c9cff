"""Hash-consing: structurally equal nodes are one object.

A node is found by its *key*, a tuple of its kind, its payload and its children; as children are unique already, comparing
keys compares no more than identities. Every node also carries a *content digest*, a hash of its kind, its payload and the
digests of its children: the canonical order of operands, so that the same function has the same IR text in every process,
whatever the hash seed or the addresses.
"""

from __future__ import annotations

import threading
import weakref
from _weakref import _remove_dead_weakref  # type: ignore[attr-defined]
from collections.abc import Hashable, Iterable
from typing import Any, TypeVar

try:  # hashlib loads all of OpenSSL before it hands out this very function
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

NodeT = TypeVar("NodeT", bound="Node")

#: What a `weakref.WeakValueDictionary` is inside; its methods would take as long as all else that makes a node.
_nodes: dict[Hashable, _Entry] = {}
_lock = threading.Lock()


class Node:
    """An immutable, hash-consed node. Equality is identity; ``digest`` is its content."""

    __slots__ = ("__weakref__", "digest")
    digest: bytes

    def __copy__(self: NodeT) -> NodeT:
        return self

    def __deepcopy__(self: NodeT, memo: object) -> NodeT:
        return self

    def __reduce__(self) -> str:
        raise TypeError(f"a {type(self).__name__} is hash-consed and can't be pickled; use its text form")


class _Entry(weakref.ref["Node"]):
    """A node in the table; the key goes with the node."""

    __slots__ = ("key",)
    key: Hashable


def _forget(entry: _Entry) -> None:
    _remove_dead_weakref(_nodes, entry.key)  # in one step: another thread may have made the same node again


_LENGTHS = [length.to_bytes(4, "little") for length in range(256)]
#: What goes before a digest among the parts of another.
_DIGEST = _LENGTHS[16]


def with_lengths(*parts: bytes) -> bytes:
    """The parts, each length-prefixed, so that no two lists of parts are the same bytes."""
    pieces: list[bytes] = []
    for part in parts:
        length = len(part)
        pieces.append(_LENGTHS[length] if length < 256 else length.to_bytes(4, "little"))
        pieces.append(part)
    return b"".join(pieces)


def digest_of(*parts: bytes) -> bytes:
    """The content digest of the given parts."""
    return blake2b(with_lengths(*parts), digest_size=16).digest()


def digest_over(head: bytes, nodes: Iterable[Node]) -> bytes:
    """The content digest of parts that are in ``head``, with their lengths, and of the digests of nodes after them."""
    return blake2b(_DIGEST.join([head, *[node.digest for node in nodes]]), digest_size=16).digest()


def find(key: Hashable) -> Any:
    """The node with this key, or None: what a constructor asks before it builds anything."""
    entry = _nodes.get(key)
    return entry and entry()


def intern(key: Hashable, node: NodeT) -> NodeT:
    """The one node with this key: the existing one, or else ``node``, which is complete with its digest."""
    entry = _Entry(node, _forget)
    entry.key = key
    with _lock:
        while True:
            known = _nodes.setdefault(key, entry)
            found = known()
            if found is not None:
                return found  # type: ignore[return-value]
            _remove_dead_weakref(_nodes, key)
