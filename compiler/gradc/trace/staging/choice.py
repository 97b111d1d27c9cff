"""A choice by a traced condition: what two blocks give and change, merged into values that depend on it."""

from __future__ import annotations

import functools
import math
import types
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.ir.algebra import guarded
from gradc.ir.intern import Node
from gradc.ir.rewrite import replace_tensors
from gradc.ir.scalar import TRUE, Number, load, number
from gradc.ir.tensor import Compute, Input, Tensor, compute, cond
from gradc.ir.walk import loads_of, operands_of
from gradc.trace.arrays.storage import Storage, axes, entry
from gradc.trace.arrays.tracer import TracedArray, lift
from gradc.trace.closures import closed, known_before
from gradc.trace.containers import flatten, leaf_paths, unflatten
from gradc.trace.context import current_trace, located, shape_error, trace_error
from gradc.trace.control import agreed, results_of
from gradc.trace.elements.elementwise import where
from gradc.trace.staging.alternatives import Exports, Make, either_of, once, storages_of
from gradc.trace.staging.changes import Change, Containers, completed, described, fill, remedy, settle, untouched
from gradc.trace.staging.escapes import VALUE
from gradc.trace.staging.state import (
    UNBOUND,
    Cells,
    Recorder,
    Undefined,
    check_defined,
    is_numeric,
    kept,
    sealed,
    values_of,
)
from gradc.trace.staging.writes import Writes, write_where

#: Choices between sides of so few scalar operations compute both.
_CHEAP = 24

#: Bodies of loops and branches inside one another.
_DEEPEST = 100

Block = Callable[[], Any]
Write = Callable[[Sequence[TracedArray]], None]


@dataclass
class Outcome:
    """What a block gave, and what it changed."""

    result: Any
    values: dict[str, Any]
    written: dict[Storage, Writes]
    #: arrays that the block made, no views, which have one name only
    owned: set[int]
    #: what arrays and storages held in the end: afterwards, those from before hold what they held
    contents: dict[int, Tensor]
    #: the lists, dicts and objects from before that it changed
    changes: dict[int, Change]

    def frozen(self, leaf: Any) -> TracedArray:
        """A number or array that the block gave, with the content it had in the end."""
        content = self.contents.get(id(leaf))
        return lift(leaf) if content is None else TracedArray(content, weak=leaf.weak, immutable=leaf.immutable)

    @staticmethod
    def of(block: Block | None, cells: Cells, containers: Containers) -> Outcome:
        """Run a block; afterwards all is what it was."""
        recorder = Recorder()
        with current_trace().body(recorder), kept(cells):
            try:
                result = block() if block is not None else None
                values = values_of(cells)
                changes = containers.changes()
                entries = [list(change.after.values()) for change in changes.values()]
                leaves = [leaf for leaf in flatten((result, values, entries))[0] if isinstance(leaf, TracedArray)]
                contents = {id(leaf): leaf.tensor for leaf in leaves}
                arrays = [leaf for leaf in leaves if not leaf.immutable]
                storages = [storage for leaf in arrays for storage in storages_of(leaf)]
                contents |= {id(storage): storage.current() for storage in storages}
                names = Counter(storages)
                owned = {id(leaf) for leaf in arrays if recorder.owns(leaf) and names[leaf._storage] == 1}
                return Outcome(result, values, recorder.written, owned, contents, changes)
            finally:
                containers.restore()
                recorder.undo()


class Merge:
    """Pairs of values, one of each side, that become one node."""

    def __init__(self, flag: TracedArray, sides: Sequence[Outcome], outside: frozenset[Node]) -> None:
        self._flag, self._sides, self._outside = flag, sides, outside
        self._pairs: list[tuple[TracedArray, TracedArray]] = []
        self._exports = [
            Exports(outside, side.contents, functools.partial(self._from_one_side, first=side is sides[0]))
            for side in sides
        ]
        self._known: dict[tuple[int, int], Callable[[Sequence[TracedArray]], Any]] = {}

    def value(self, one: Any, other: Any, what: str) -> Callable[[Sequence[TracedArray]], Any]:
        """How a value is made of the merged ones. ``what`` is its name in errors."""
        if one is other:
            return lambda merged: one
        if what == VALUE:
            one, other = _filled(one, other), _filled(other, one)
            what = "the result"
        check_defined([one, other])
        (left, tree), (right, other_tree) = flatten(one), flatten(other)
        if tree != other_tree:
            raise trace_error(
                f"{what} is {_kind(one)} where the condition holds and {_kind(other)} where it does not; "
                "the condition is not known while tracing: let both sides give the same kind of value"
            )
        paths = leaf_paths(tree, what)
        picks = [self._leaf(a, b, path) for a, b, path in zip(left, right, paths, strict=True)]
        return lambda merged: unflatten(tree, [pick(merged) for pick in picks])

    def _leaf(self, one: Any, other: Any, what: str) -> Callable[[Sequence[TracedArray]], Any]:
        if one is other or _is_equal(one, other):
            return lambda merged: one
        if isinstance(one, types.FunctionType) and isinstance(other, types.FunctionType):
            return lambda merged: _either_function(self._flag, one, other)
        if not (is_numeric(one) and is_numeric(other)):
            raise trace_error(
                f"{what} is {_kind(one)} where the condition holds and {_kind(other)} where it does not; the condition "
                "is not known while tracing, so only numbers and arrays can depend on it"
            )
        if (id(one), id(other)) not in self._known:
            self._known[id(one), id(other)] = self._merged(one, other, what)
        return self._known[id(one), id(other)]

    def _merged(self, one: Any, other: Any, what: str) -> Make:
        left, right = (side.frozen(x) for x, side in zip((one, other), self._sides, strict=True))
        content = self.pair(left, right, what)
        arrays = [x for x in (one, other) if isinstance(x, TracedArray) and x.extents and not x.immutable]
        if not arrays or all(id(x) in side.owned for x, side in zip((one, other), self._sides, strict=True)):
            return content
        first, second = (self._exported(x, k) for k, x in enumerate((one, other)))
        if first is None or second is None or one.dtype != other.dtype:
            return lambda merged: sealed(content(merged))
        return once(either_of(lambda merged: self._flag, (first, second), content))

    def _exported(self, x: Any, side: int) -> Make | None:
        is_array = isinstance(x, TracedArray) and x.extents and not x.immutable
        return self._exports[side].of(x) if is_array else None

    def _from_one_side(self, x: TracedArray, *, first: bool) -> Make:
        """What one side made; zeros after the other one."""
        zeros = zeros_like(x)
        return self.pair(x, zeros, "an array") if first else self.pair(zeros, x, "an array")

    def pair(self, one: TracedArray, other: TracedArray, what: str) -> Make:
        """How two arrays become one."""
        if one.extents != other.extents:
            raise shape_error(
                f"{what} has shape {one.shape} where the condition holds and {other.shape} where it does not; the condition "
                "is not known while tracing: give both the same shape"
            )
        self._pairs.append((one, other))
        position = len(self._pairs) - 1
        return lambda merged: merged[position]

    def finish(self) -> list[TracedArray]:
        """The merged values."""
        if not self._pairs:
            return []
        outputs, weak = agreed([a for a, _ in self._pairs], [b for _, b in self._pairs])
        if _is_cheap([*outputs[0], *outputs[1]], self._outside):
            one = _where_taken(outputs[0], self._flag, self._outside)
            other = _where_taken(outputs[1], ~self._flag, self._outside)
            return [
                TracedArray(where(self._flag, TracedArray(a), TracedArray(b)).tensor, weak=w, immutable=True)
                for a, b, w in zip(one, other, weak, strict=True)
            ]
        graphs, captured = closed([(found, ()) for found in outputs], self._outside)
        node = cond(self._flag.tensor, graphs[0], graphs[1], captured)
        return [
            TracedArray(tensor, weak=w, immutable=not tensor.shape)
            for tensor, w in zip(results_of(node), weak, strict=True)
        ]


def staged_choice(
    flag: TracedArray,
    sides: Sequence[Block | None],
    cells: Cells,
    unused: Cells,
    *,
    gives: bool = False,
    what: str = "the result",
) -> Any:
    """``sides[0]() if flag else sides[1]()`` with all that they change: variables and arrays."""
    if len(current_trace().bodies) >= _DEEPEST:
        raise trace_error(
            f"branches on traced conditions lie more than {_DEEPEST} deep in one another: a recursion that a traced condition "
            "ends goes on without end while it is traced; write it as a `while` loop"
        )
    settle(sides)
    outside = known_before()
    every = cells | unused
    containers = Containers(sides)
    outcomes = [Outcome.of(side, every, containers) for side in sides]
    merge = Merge(flag, outcomes, outside)
    one, other = outcomes
    result = merge.value(one.result, other.result, what) if gives else None
    made: dict[str, Callable[[Sequence[TracedArray]], Any]] = {}
    for name in cells:
        unset = [isinstance(side.values[name], Undefined) for side in outcomes]
        if all(unset) or (any(unset) and name != VALUE):
            made[name] = _half_defined(name, all(unset))
        else:
            made[name] = merge.value(one.values[name], other.values[name], name if name == VALUE else f"`{name}`")
    fills = _fills(merge, outcomes)
    writes = _writes(merge, outcomes, flag, outside)
    merged = merge.finish()
    for write in writes:  # before the variables are set: an array that is one of two holds what these hold
        write(merged)
    for name, make in made.items():
        value = make(merged)
        if value is not UNBOUND:
            cells[name].cell_contents = value
    for refill in fills:
        refill(merged)
    return None if result is None else result(merged)


def _half_defined(name: str, nowhere: bool) -> Callable[[Sequence[TracedArray]], Any]:
    if nowhere:
        return lambda merged: UNBOUND
    why = located(
        f"`{name}` has a value on one side of a branch only, whose condition is traced; set it on both, or before"
    )
    return lambda merged: Undefined(why)


def _fills(merge: Merge, outcomes: Sequence[Outcome]) -> list[Write]:
    """How the lists, dicts and objects from before that a side changes are filled."""
    every = {key: change for side in outcomes for key, change in side.changes.items()}
    return [_fill(merge, change, [side.changes.get(key) for side in outcomes]) for key, change in every.items()]


def _fill(merge: Merge, change: Change, sides: Sequence[Change | None]) -> Write:
    container, before = change.container, change.before
    one, other = (before if side is None else side.after for side in sides)
    one, other = completed(container, one, other), completed(container, other, one)
    if one.keys() != other.keys():
        made, missing = (one, other) if one.keys() - other.keys() else (other, one)
        key = next(k for k in made if k not in missing)
        where_ = "holds" if made is one else "does not hold"
        raise trace_error(
            f"{described(container, key)} is there only where a condition {where_} that is not known while tracing; "
            f"{remedy(container)}"
        )
    makes = {key: merge.value(value, other[key], described(container, key)) for key, value in one.items()}

    def refill(merged: Sequence[TracedArray]) -> None:
        fill(container, untouched(container, change) | {key: make(merged) for key, make in makes.items()})

    return refill


def _writes(merge: Merge, outcomes: Sequence[Outcome], flag: TracedArray, outside: frozenset[Node]) -> list[Write]:
    """How the arrays from before that a side writes to are written to."""
    found: list[Write] = []
    for storage in dict.fromkeys(storage for side in outcomes for storage in side.written):
        sides = [side.written.get(storage) for side in outcomes]
        if any(side is not None and side.pieces is None for side in sides):
            contents = [storage.current() if side is None else side.content for side in sides]
            found.append(_whole_write(merge, storage, *contents))
            continue
        for side, taken in zip(sides, (flag, ~flag), strict=True):
            if side is not None:
                found.append(_piecewise(merge, storage, side, taken, outside, first=taken is flag))
    return found


def _whole_write(merge: Merge, storage: Storage, one: Tensor, other: Tensor) -> Write:
    pick = merge.pair(TracedArray(one), TracedArray(other), "an array")
    return lambda merged: overwrite(storage, pick(merged))


def _piecewise(
    merge: Merge, storage: Storage, side: Writes, taken: TracedArray, outside: frozenset[Node], *, first: bool
) -> Write:
    """The writes of one side; what they read from inside it is zero on the other side."""
    picks = {}
    for tensor in side.needs(outside):
        made, zeros = TracedArray(tensor), zeros_like(TracedArray(tensor))
        one, other = (made, zeros) if first else (zeros, made)
        picks[tensor] = merge.pair(one, other, "an array")

    def write(merged: Sequence[TracedArray]) -> None:
        images = {tensor: pick(merged).tensor for tensor, pick in picks.items()}
        write_where(taken, storage, side.pieces or (), images)

    return write


def overwrite(storage: Storage, content: TracedArray) -> None:
    """Write to all of an array."""
    tensor = content.tensor
    storage.write(TRUE, load(tensor, axes(len(tensor.shape))), None)


def _either_function(flag: TracedArray, one: Callable[..., Any], other: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is one of two by a traced condition."""

    @functools.wraps(one)
    def called(*args: Any, **kwargs: Any) -> Any:
        sides = (functools.partial(one, *args, **kwargs), functools.partial(other, *args, **kwargs))
        return staged_choice(flag, sides, {}, {}, gives=True)

    return called


def _filled(value: Any, like: Any) -> Any:
    """A value for what is never read: zeros like the other's."""
    if not isinstance(value, Undefined) or isinstance(like, Undefined):
        return value
    leaves, tree = flatten(like)
    return unflatten(tree, [zeros_like(leaf) if is_numeric(leaf) else leaf for leaf in leaves])


def zeros_like(value: Any) -> TracedArray:
    """Zeros of the shape, dtype and kind of a value."""
    x = lift(value)
    zero = compute(x.extents, number(0, x.dtype))
    return TracedArray(zero, weak=x.weak, immutable=x.immutable)


def _is_equal(one: Any, other: Any) -> bool:
    if type(one) is not type(other) or isinstance(one, TracedArray | np.ndarray):
        return False
    if isinstance(one, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    try:
        return bool(one == other)
    except Exception:
        return False


def _kind(value: Any) -> str:
    if isinstance(value, TracedArray):
        return "an array" if value.extents else "a number"
    if isinstance(value, bool | int | float | complex | str | None):
        return repr(value)
    return f"a {type(value).__name__}"


def _is_cheap(outputs: Sequence[Tensor], outside: frozenset[Node]) -> bool:
    """Whether the outputs are few scalar operations: then both are computed and one is taken."""
    nodes = _made_inside(outputs, outside)
    if nodes is None or any(tensor.shape for tensor in outputs):
        return False
    return all(isinstance(node, Compute) and not node.shape and node.reducer is None for node in nodes)


def _made_inside(outputs: Sequence[Tensor], outside: frozenset[Node]) -> list[Node] | None:
    """The nodes of a branch, operands first; None where they are many."""
    pending: list[tuple[Node, bool]] = [(tensor, False) for tensor in outputs]
    seen: set[Node] = set()
    done: list[Node] = []
    while pending:
        node, is_done = pending.pop()
        if is_done:
            done.append(node)
        elif node not in seen and node not in outside and not isinstance(node, Input):
            seen.add(node)
            if len(seen) > _CHEAP:
                return None
            pending.append((node, True))
            pending.extend((operand, False) for operand in operands_of(node) if isinstance(operand, Tensor))
    return done


def _where_taken(outputs: Sequence[Tensor], taken: TracedArray, outside: frozenset[Node]) -> Sequence[Tensor]:
    """The outputs of cheap operations, where entries at places that may be none are only read if the branch is taken."""
    images: dict[Tensor, Tensor] = {}
    for node in _made_inside(outputs, outside) or ():
        if isinstance(node, Compute) and any(
            not isinstance(i, Number) for read in loads_of(node.body) for i in read.indices
        ):
            (image,) = replace_tensors([node], images)
            assert isinstance(image, Compute)
            images[node] = compute((), guarded(entry(taken.tensor, ()), image.body))
    return replace_tensors(outputs, images) if images else outputs
