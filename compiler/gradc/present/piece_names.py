"""What the named intermediates of a big formula are called.

A value of the function has the name that the user gave it, numbered where a loop makes many; the derivative of the
output in one, delta; anything else, a letter that is free.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from fractions import Fraction
from functools import cached_property
from itertools import count

from gradc.ir.intern import Node
from gradc.ir.scalar import Number, is_apply
from gradc.ir.tensor import Compute, Input, Tensor, compute
from gradc.ir.walk import graph_order
from gradc.present.arranging import canonical
from gradc.present.notation import Name
from gradc.present.origin import Origin
from gradc.present.own_names import own_names
from gradc.present.pieces import Pieces
from gradc.present.symbols import symbol
from gradc.simplify.display import written_out

_LETTERS = ("u", "v", "z", "q", "h", "s", "r", "g")
#: Functions with more operations are not searched for names.
_LARGEST_NAMED = 1000


class PieceNames:
    """Names for the pieces of a formula of the functions behind ``origin``."""

    def __init__(self, origin: Origin | None) -> None:
        self._origin = origin
        self._differentiated = origin is not None and all(kind == "derivative" for kind, _ in origin.labels)

    @cached_property
    def _known(self) -> tuple[set[Node], dict[Node, str]]:
        return _values(self._origin) if self._origin is not None else (set(), {})

    def named(self) -> Set[Node]:
        """What the user gave a name."""
        return self._known[1].keys()

    def names(self, pieces: Pieces, taken: Sequence[Name]) -> dict[Tensor, Name]:
        """A symbol for every named piece that none of ``taken`` has."""
        if not pieces.named:
            return {}
        initials = {name.plain[:1].lower() for name in taken}
        initials |= {name.lower() for name in self._known[1].values()}
        hidden = "h" if "h" not in initials else ""
        spare = next(c for c in _LETTERS if c not in initials or c == _LETTERS[-1])
        stems = {t: self._stem(t, pieces.originals.get(t, t), spare, hidden or spare) for t in pieces.named}
        used = {name.plain for name in taken} | {name.latex for name in taken}
        numbered = _numbered(pieces.named, stems, used, {spare, spare.upper()})
        return {tensor: symbol(plain, tensor.rank) for tensor, plain in numbered.items()}

    def _stem(self, tensor: Tensor, original: Tensor, spare: str, hidden: str) -> str:
        values, own = self._known
        key = _key(original)
        if key in own:
            return own[key]
        if tensor.rank and key in values:
            return hidden.upper() if tensor.rank == 2 else hidden
        if self._differentiated and tensor.rank and _is_passed_back(original):
            return "Delta" if tensor.rank == 2 else "delta"
        return spare.upper() if tensor.rank == 2 else spare


def _is_passed_back(tensor: Tensor) -> bool:
    """Whether this looks like the derivative in a layer: what comes from above times the layer's own derivative."""
    if not isinstance(tensor, Compute) or tensor.reducer is not None or not is_apply(tensor.body, "prod"):
        return False
    powers = [f.children[1] for f in tensor.body.children if is_apply(f, "power")]
    return not any(isinstance(e, Number) and isinstance(e.value, int | Fraction) and e.value < 0 for e in powers)


def _numbered(named: Sequence[Tensor], stems: dict[Tensor, str], used: set[str], always: set[str]) -> dict[Tensor, str]:
    """The stems with numbers in the order of evaluation, of derivatives from the inputs on: as the layers they belong to."""
    repeated = list(stems.values())
    numbers: dict[str, Iterator[int]] = {}
    found: dict[Tensor, str] = {}
    backward = [t for t in reversed(named) if stems[t] in ("delta", "Delta")]
    for tensor in [*(t for t in named if t not in backward), *backward]:
        stem = stems[tensor]
        plain = "" if stem in always or repeated.count(stem) > 1 or stem in used else stem
        while not plain or plain in used or symbol(plain).latex in used:
            plain = f"{stem}{'_' if len(stem) > 1 else ''}{next(numbers.setdefault(stem, count(1)))}"
        used |= {plain, symbol(plain).latex}
        found[tensor] = plain
    return found


def _key(tensor: Node) -> Node:
    """One node for what differs in the order of operands alone."""
    if isinstance(tensor, Compute) and tensor.reducer is None:
        return compute(tensor.shape, canonical(tensor.body))
    return tensor


def _values(origin: Origin) -> tuple[set[Node], dict[Node, str]]:
    """The values of the function's operations as the formula writes them, and the user's names of some."""
    values: set[Node] = set()
    names: dict[Node, str] = {}
    lines = origin.lines
    for graph in origin.functions:
        order = [t for t in graph_order(graph.outputs) if isinstance(t, Tensor)]
        if len(order) > _LARGEST_NAMED:
            continue
        forms = {before: _key(after) for before, after in written_out(graph).items()}
        own = own_names(order, lambda tensor: [lines[tensor]] if tensor in lines else [])
        values |= {form for before, form in forms.items() if not isinstance(before, Input)}
        names |= {forms[tensor]: name for tensor, name in own.items()}
    return values, names
