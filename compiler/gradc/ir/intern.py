"""Hash-consing: structurally equal nodes are one object.

A node is found by its *key*, a tuple of its kind, its payload and its children; as children are unique already, comparing
keys compares no more than identities. Every node also carries a *content digest*, a hash of its kind, its payload and the
digests of its children: the canonical order of operands, so that the same function has the same IR text in every process,
whatever the hash seed or the addresses.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

try:  # hashlib loads all of OpenSSL before it hands out this very function
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

NodeT = TypeVar("NodeT", bound="Node")

_nodes: weakref.WeakValueDictionary[Hashable, Node] = weakref.WeakValueDictionary()
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


_LENGTHS = [length.to_bytes(4, "little") for length in range(256)]


def digest_of(*parts: bytes) -> bytes:
    """The content digest of the given parts; each part is length-prefixed, so no two lists of parts collide."""
    pieces: list[bytes] = []
    for part in parts:
        length = len(part)
        pieces.append(_LENGTHS[length] if length < 256 else length.to_bytes(4, "little"))
        pieces.append(part)
    return blake2b(b"".join(pieces), digest_size=16).digest()


#: The node with this key, or None: what a constructor asks before it builds anything.
find: Callable[[Hashable], Any] = _nodes.get


def intern(key: Hashable, node: NodeT) -> NodeT:
    """The one node with this key: the existing one, or else ``node``, which is complete with its digest."""
    with _lock:
        return _nodes.setdefault(key, node)  # type: ignore[return-value]
