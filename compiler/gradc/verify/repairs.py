"""Repairs of a hand-written derivative: one edit of one operation that makes it right.

Every operation of the hand-written graph is changed in the ways in which people slip (a sign, a power, sine for cosine, a
transpose, one argument for another, a division left out), and the result compared with the derivative: first in double
precision, what passes in extended precision.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from gradc.evaluate import NUMPY, evaluate
from gradc.ir.algebra import substitute
from gradc.ir.rewrite import replace_tensors
from gradc.ir.scalar import Apply, Load, Number, Scalar, apply, index, load, number
from gradc.ir.tensor import Compute, Graph, Input, Tensor, compute
from gradc.ir.walk import graph_order, loads_of, post_order
from gradc.verify.sample import Point, differences, points, work
from gradc.verify.wording import scalar_words

_MOST_EDITS = 400
_LONGEST_SEARCH = 1.0
_LARGEST_WORK = 200_000
_POINTS = 3
_LONGEST_WORDS = 60

#: What is mistaken for what among functions of one argument.
_CONFUSED = {
    "sin": ("cos",),
    "cos": ("sin",),
    "sinh": ("cosh",),
    "cosh": ("sinh",),
    "exp": ("log",),
    "log": ("log10", "log2"),
    "log10": ("log",),
    "log2": ("log",),
    "arcsin": ("arccos",),
    "tan": ("tanh",),
    "tanh": ("tan", "sigmoid"),
    "sigmoid": ("tanh",),
}
_OPPOSITE = {"add": "sub", "sub": "add", "mul": "div", "div": "mul", "maximum": "minimum", "minimum": "maximum"}


@dataclass(frozen=True)
class Edit:
    """A graph with one change, and the change in words."""

    outputs: tuple[Tensor, ...]
    words: str


def find_repair(derived: Graph, hand: Graph, position: int, fixed: Mapping[Input, Any]) -> str:
    """The change that makes ``hand`` right, in words, or nothing."""
    target = Graph(derived.inputs, (derived.outputs[position],))
    sample = list(islice(points(derived.inputs, fixed, seed=11), _POINTS))
    if any(work(hand, point.sizes) > _LARGEST_WORK for point in sample):
        return ""
    plain = [_plain_values(target, point) for point in sample]
    deadline = time.monotonic() + _LONGEST_SEARCH
    for edit in islice(_edits(hand, position), _MOST_EDITS):
        if time.monotonic() > deadline:
            break
        edited = Graph(derived.inputs, edit.outputs)
        if _agrees_roughly(edited, sample, plain) and _agrees(target, edited, fixed):
            return edit.words
    return ""


def _plain_values(graph: Graph, point: Point) -> np.ndarray[Any, Any] | None:
    inputs = [np.asarray(point.values[node], node.dtype) for node in graph.inputs]
    try:
        with np.errstate(all="ignore"):
            value = evaluate(graph, inputs, NUMPY, point.sizes)[0]
    except (IndexError, ValueError):
        return None
    return value if np.isfinite(value).all() else None


def _agrees_roughly(edited: Graph, sample: Sequence[Point], expected: Sequence[np.ndarray[Any, Any] | None]) -> bool:
    seen = False
    for point, wanted in zip(sample, expected, strict=True):
        if wanted is None:
            continue
        value = _plain_values(edited, point)
        if value is None or value.shape != wanted.shape or not np.allclose(value, wanted, rtol=1e-8, atol=1e-10):
            return False
        seen = True
    return seen


def _agrees(target: Graph, edited: Graph, fixed: Mapping[Input, Any]) -> bool:
    seen = 0
    for point in islice(points(target.inputs, fixed, seed=13), 12):
        try:
            ((difference,), _, _) = differences(target, edited, point)
        except IndexError:
            continue
        if difference.differs.any():
            return False
        seen += bool(difference.defined.all())
    return seen >= 1


# ---------------------------------------------------------------- edits

Change = tuple[Scalar, Scalar]


def _edits(hand: Graph, position: int) -> Iterator[Edit]:
    """One change at a time, kind by kind: the slips that are made most come first."""
    output = hand.outputs[position]
    tensors = [tensor for tensor in reversed(graph_order([output])) if isinstance(tensor, Compute)]
    for kind in (_signs, _powers_and_functions, _arguments, _insertions, _operations):
        for tensor in tensors:
            for old, new in kind(tensor, hand):
                if new.dtype == old.dtype and new is not old:
                    yield from _edit(output, tensors, tensor, old, new)


def _edit(output: Tensor, tensors: Sequence[Compute], tensor: Compute, old: Scalar, new: Scalar) -> Iterator[Edit]:
    """The change where the tensor is made, and, where several use it, in each use alone."""
    changed = _changed(tensor, old, new)
    if changed is tensor or changed.dtype != tensor.dtype:
        return
    rank = tensor.rank + len(tensor.reduce_extents)
    words = _should_be(scalar_words(old, rank), scalar_words(new, rank))
    yield Edit(replace_tensors([output], {tensor: changed}), words)
    users = [user for user in tensors if any(node.tensor is tensor for node in loads_of(user.body))]
    for user in users if len(users) > 1 else []:
        moved: dict[Scalar, Scalar] = {
            node: load(changed, node.indices) for node in loads_of(user.body) if node.tensor is tensor
        }
        body = substitute(user.body, moved)
        yield Edit(replace_tensors([output], {user: _with_body(user, body)}), f"{words} in one place" if words else "")


def _changed(tensor: Compute, old: Scalar, new: Scalar) -> Compute:
    """The tensor with the change; a change of the entry of a reduction stands outside of it."""
    if isinstance(old, Load) and old.tensor is tensor:
        return compute(tensor.shape, new)
    return _with_body(tensor, substitute(tensor.body, {old: new}))


def _with_body(tensor: Compute, body: Scalar) -> Compute:
    return compute(
        tensor.shape, body, reduce_extents=tensor.reduce_extents, reducer=tensor.reducer, domain=tensor.domain
    )


def _applications(tensor: Compute) -> list[Apply]:
    nodes = reversed(post_order([tensor.body]))
    return [node for node in nodes if isinstance(node, Apply) and node.dtype.kind in "fc"]


def _signs(tensor: Compute, hand: Graph) -> Iterator[Change]:
    for node in _applications(tensor):
        name, args = node.op.name, node.args
        if name in ("add", "sub"):
            yield node, apply(_OPPOSITE[name], *args)
        if name == "sub":
            yield node, apply("sub", args[1], args[0])
        if name == "neg":
            yield node, args[0]
        elif len(args) == 1 and args[0].dtype == node.dtype:
            yield node, apply(node.op, apply("neg", args[0]))
            yield node, apply("neg", node)


def _powers_and_functions(tensor: Compute, hand: Graph) -> Iterator[Change]:
    for node in _applications(tensor):
        name, args = node.op.name, node.args
        if name in ("pow", "power") and isinstance(args[1], Number) and isinstance(args[1].value, int):
            for exponent in (args[1].value - 1, args[1].value + 1, -args[1].value):
                yield node, apply(name, args[0], number(exponent, args[1].dtype))
        if name == "pow":
            yield node, apply("pow", args[1], args[0])
        if len(args) == 1 and args[0].dtype == node.dtype:
            yield from ((node, apply(other, args[0])) for other in _CONFUSED.get(name, ()))
            yield node, apply("pow", node, number(2, node.dtype))


def _arguments(tensor: Compute, hand: Graph) -> Iterator[Change]:
    """A transpose, one argument for another, a function left out around an argument."""
    functions = _functions_of(hand)
    for node in loads_of(tensor.body):
        source, indices = node.tensor, node.indices
        if len(indices) == 2 and source.shape[0] == source.shape[1]:
            yield node, load(source, indices[::-1])
        if isinstance(source, Input):
            for other in hand.inputs:
                if other.shape == source.shape and other.dtype == source.dtype:
                    yield node, load(other, indices)
        if node.dtype.kind == "f" and (isinstance(source, Input) or tensor.reducer):
            yield from ((node, apply(name, node)) for name in functions)


def _functions_of(hand: Graph) -> list[str]:
    tensors = [tensor for tensor in graph_order(hand.outputs) if isinstance(tensor, Compute)]
    applied = [node.op for tensor in tensors for node in _applications(tensor)]
    return list(dict.fromkeys(op.name for op in applied if op.arity == 1 and op.name not in ("neg", "convert")))


def _insertions(tensor: Compute, hand: Graph) -> Iterator[Change]:
    """A term or a factor left out: an argument, the number 1 or 2."""
    if tensor.dtype.kind != "f":
        return
    entry = tensor.body if tensor.reducer is None else load(tensor, [index(k) for k in range(tensor.rank)])
    missing: list[Scalar] = [number(1, entry.dtype), number(2, entry.dtype)]
    for node in hand.inputs:
        offset = tensor.rank - node.rank
        if node.dtype == entry.dtype and offset >= 0 and node.shape == tensor.shape[offset:]:
            missing.append(load(node, [index(offset + k) for k in range(node.rank)]))
    for operand in missing:
        for name in ("sub", "add", "mul", "div"):
            yield entry, apply(name, entry, operand)
        yield entry, apply("sub", operand, entry)


def _operations(tensor: Compute, hand: Graph) -> Iterator[Change]:
    for node in _applications(tensor):
        name, args = node.op.name, node.args
        if name in _OPPOSITE and name not in ("add", "sub"):
            yield node, apply(_OPPOSITE[name], *args)
        if name == "div":
            yield node, apply("div", args[1], args[0])
        if name in ("mul", "div", "add", "sub"):
            yield node, args[0]
        if name in ("mul", "add"):
            yield node, args[1]


def _should_be(old: str, new: str) -> str:
    if len(old) > _LONGEST_WORDS or len(new) > _LONGEST_WORDS:
        return ""
    return f"{old} should be {new}"
