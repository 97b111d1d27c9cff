"""Hash-consing: structurally equal nodes are one object.

Every node carries a *content digest*, a hash of its kind, its payload and the digests of its children. The digest is
the key of the table (so structural equality is identity) and the canonical order of operands (so that the same function
has the same IR text in every process, whatever the hash seed or the addresses).
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import TypeVar

try:  # hashlib loads all of OpenSSL before it hands out this very function
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

NodeT = TypeVar("NodeT", bound="Node")

_nodes: weakref.WeakValueDictionary[bytes, Node] = weakref.WeakValueDictionary()
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


def digest_of(*parts: bytes) -> bytes:
    """The content digest of the given parts; each part is length-prefixed, so no two lists of parts collide."""
    content = b"".join([len(part).to_bytes(4, "little") + part for part in parts])
    return blake2b(content, digest_size=16).digest()


def intern(digest: bytes, build: Callable[[], NodeT]) -> NodeT:
    """The one node with this digest: the existing one, or the one that ``build`` makes."""
    with _lock:
        node = _nodes.get(digest)
        if node is None:
            node = build()
            node.digest = digest
            _nodes[digest] = node
    return node  # type: ignore[return-value]
