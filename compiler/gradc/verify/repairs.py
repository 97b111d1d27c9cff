"""Repairs of a hand-written derivative: one edit of one operation that makes it right.

Every operation of the hand-written graph is changed in the ways in which people slip (a sign, a power, sine for cosine, a
transpose, one argument for another, a division left out), and the result compared with the derivative: first in double
precision, what passes in extended precision.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, islice
from typing import Any

import numpy as np

from gradc.evaluate import NUMPY, evaluate
from gradc.evaluate.effort import work
from gradc.ir.algebra import substitute
from gradc.ir.rewrite import replace_tensors
from gradc.ir.scalar import PI, Apply, Load, Number, Scalar, Size, apply, index, load, number
from gradc.ir.tensor import Compute, Graph, Input, Projection, Tensor, compute
from gradc.ir.walk import graph_order, loads_of, post_order
from gradc.verify.factor_hints import CHAIN_RULE, sizes_of
from gradc.verify.hint import Hint, Kind
from gradc.verify.hint_sample import Inner
from gradc.verify.sample import Point, differences, points
from gradc.verify.wording import operand_words, scalar_words, tensor_words

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
_OF_ANGLES = ("sin", "cos", "tan")
_OPPOSITE = {"add": "sub", "sub": "add", "mul": "div", "div": "mul", "maximum": "minimum", "minimum": "maximum"}


@dataclass(frozen=True)
class Parts:
    """Parts of the right derivation: inner derivatives, and what stands inside the functions."""

    inner: Sequence[Inner] = ()
    arguments: Sequence[Inner] = ()


@dataclass(frozen=True)
class Edit:
    """A graph with one change, and the change in words."""

    outputs: tuple[Tensor, ...]
    words: str
    kind: Kind


NO_PARTS = Parts()


def find_repair(
    derived: Graph, hand: Graph, position: int, fixed: Mapping[Input, Any], parts: Parts = NO_PARTS
) -> Hint | None:
    """The change that makes ``hand`` right, in words, or nothing."""
    target = Graph(derived.inputs, (derived.outputs[position],))
    sample = list(islice(points(derived.inputs, fixed, seed=11), _POINTS))
    if any(work(hand, point.sizes) > _LARGEST_WORK for point in sample):
        return None
    plain = [_plain_values(target, point) for point in sample]
    deadline = time.monotonic() + _LONGEST_SEARCH
    for edit in islice(_edits(hand, target, position, parts), _MOST_EDITS):
        if time.monotonic() > deadline:
            break
        edited = Graph(derived.inputs, edit.outputs)
        if _agrees_roughly(edited, sample, plain) and _agrees(target, edited, fixed):
            return Hint(edit.kind, edit.words)
    return None


def _plain_values(graph: Graph, point: Point) -> np.ndarray[Any, Any] | None:
    inputs = [np.asarray(point.values[node], node.dtype) for node in graph.inputs]
    try:
        with np.errstate(all="ignore"):
            value = evaluate(graph, inputs, NUMPY, point.sizes)[0]
    except (IndexError, ValueError):  # no value there, as of a singular matrix
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


@dataclass(frozen=True)
class Change:
    """An operation and what it should have been."""

    kind: Kind
    old: Scalar
    new: Scalar
    #: What is said of it; by default that the one should be the other.
    words: str = ""


@dataclass(frozen=True)
class _Context:
    """What the changes are made of: the hand-written graph, parts of the derivation, the sizes, functions."""

    hand: Graph
    parts: Parts
    sizes: Sequence[Scalar]
    functions: Sequence[str]


def _edits(hand: Graph, derived: Graph, position: int, parts: Parts) -> Iterator[Edit]:
    """One change at a time, kind by kind: the slips that are made most come first."""
    from gradc.simplify.display import display

    output = hand.outputs[position]
    tensors = [tensor for tensor in reversed(graph_order([output])) if isinstance(tensor, Compute)]
    functions = dict.fromkeys([*_functions_of(hand), *_functions_of(display(derived))])
    context = _Context(hand, parts, sizes_of(hand.inputs, output), list(functions))
    for kind in (
        _signs,
        _powers_and_functions,
        _inner,
        _degrees,
        _inside,
        _arguments,
        _means,
        _insertions,
        _operations,
    ):
        for tensor in tensors:
            for change in kind(tensor, context):
                if change.new.dtype == change.old.dtype and change.new is not change.old:
                    yield from _edit(output, tensors, tensor, change)
    for tensor in tensors:
        yield from _exchanged(output, tensor)
    yield from _matrix_factors(output, _matrices(hand, derived))


def _edit(output: Tensor, tensors: Sequence[Compute], tensor: Compute, change: Change) -> Iterator[Edit]:
    """The change where the tensor is made, and, where several use it, in each use alone."""
    changed = _changed(tensor, change.old, change.new)
    if changed is tensor or changed.dtype != tensor.dtype:
        return
    rank = tensor.rank + len(tensor.reduce_extents)
    words = change.words or _should_be(scalar_words(change.old, rank), scalar_words(change.new, rank))
    yield Edit(replace_tensors([output], {tensor: changed}), words, change.kind)
    users = [user for user in tensors if any(node.tensor is tensor for node in loads_of(user.body))]
    for user in users if len(users) > 1 else []:
        moved: dict[Scalar, Scalar] = {
            node: load(changed, node.indices) for node in loads_of(user.body) if node.tensor is tensor
        }
        body = substitute(user.body, moved)
        placed = f"{words} in one place" if words else ""
        yield Edit(replace_tensors([output], {user: _with_body(user, body)}), placed, change.kind)


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


def _signs(tensor: Compute, context: _Context) -> Iterator[Change]:
    for node in _applications(tensor):
        name, args = node.op.name, node.args
        if name in ("add", "sub"):
            yield Change("sign", node, apply(_OPPOSITE[name], *args))
        if name == "sub":
            yield Change("sign", node, apply("sub", args[1], args[0]))
        if name == "neg":
            yield Change("sign", node, args[0])
        elif len(args) == 1 and args[0].dtype == node.dtype:
            yield Change("sign", node, apply(node.op, apply("neg", args[0])))
            yield Change("sign", node, apply("neg", node))


def _inner(tensor: Compute, context: _Context) -> Iterator[Change]:
    """An inner derivative left out somewhere inside."""
    entry = _entry(tensor)
    for item in context.parts.inner if tensor.dtype.kind == "f" else ():
        if item.tensor.dtype != entry.dtype:
            continue
        for axes in combinations(range(tensor.rank), item.tensor.rank):
            if tuple(tensor.shape[axis] for axis in axes) == tuple(item.tensor.shape):
                factor = load(item.tensor, [index(axis) for axis in axes])
                place = "" if tensor in context.hand.outputs else _place(tensor)
                words = f"{place}the factor {item.words} is missing{CHAIN_RULE}"
                yield Change("inner derivative", entry, apply("mul", entry, factor), words)
                minus = f"{place}the factor {_negative(item.words)} is missing{CHAIN_RULE}"
                yield Change("inner derivative", entry, apply("mul", entry, apply("neg", factor)), minus)


def _place(tensor: Compute) -> str:
    words = tensor_words(tensor, _LONGEST_WORDS)
    return f"in {words}, " if words else "inside, "


def _negative(words: str) -> str:
    return words.removeprefix("-") if words.startswith("-") else f"-{words}"


def _entry(tensor: Compute) -> Scalar:
    """The entry of a tensor: its body, or, of a reduction, its result."""
    return tensor.body if tensor.reducer is None else load(tensor, [index(k) for k in range(tensor.rank)])


def _powers_and_functions(tensor: Compute, context: _Context) -> Iterator[Change]:
    for node in _applications(tensor):
        name, args = node.op.name, node.args
        if name in ("pow", "power") and isinstance(args[1], Number) and isinstance(args[1].value, int):
            for exponent in (args[1].value - 1, args[1].value + 1, -args[1].value):
                yield Change("exponent", node, apply(name, args[0], number(exponent, args[1].dtype)))
        if name == "pow":
            yield Change("exponent", node, apply("pow", args[1], args[0]))
        if name == "square":
            yield Change("exponent", node, args[0])
            yield Change("exponent", node, apply("mul", args[0], apply("mul", args[0], args[0])))
        if len(args) == 1 and args[0].dtype == node.dtype:
            for other in _CONFUSED.get(name, ()):
                kind: Kind = "log base" if "log" in name and "log" in other else "function"
                yield Change(kind, node, apply(other, args[0]))
            yield Change("exponent", node, apply("pow", node, number(2, node.dtype)))
            if name == "sqrt":
                yield Change("exponent", node, args[0])

    for read in loads_of(tensor.body):
        if read.dtype.kind == "f":
            yield Change("exponent", read, apply("mul", read, read))


def _inside(tensor: Compute, context: _Context) -> Iterator[Change]:
    """Another argument of a function than the one it has in the function that is differentiated."""
    for node in _applications(tensor):
        if len(node.args) != 1 or node.op.name in ("neg", "convert"):
            continue
        for item in context.parts.arguments:
            if item.tensor.shape == tensor.shape and item.tensor.dtype == node.dtype and item.words:
                argument = load(item.tensor, [index(k) for k in range(tensor.rank)])
                words = f"the chain rule keeps what is inside: {node.op.name} of {item.words} is meant"
                yield Change("inner derivative", node, apply(node.op, argument), words)


def _degrees(tensor: Compute, context: _Context) -> Iterator[Change]:
    """Degrees where a function takes radians, or the reverse."""
    for node in _applications(tensor):
        if len(node.args) == 1 and node.op.name in _OF_ANGLES and node.args[0].dtype == node.dtype:
            angle = number(Fraction(1, 180), node.dtype)
            radians = apply("mul", node.args[0], apply("mul", number(PI, node.dtype), angle))
            words = f"the angle of {node.op.name} is in degrees: multiply it by pi/180"
            yield Change("degrees", node, apply(node.op, radians), words)


def _arguments(tensor: Compute, context: _Context) -> Iterator[Change]:
    """A transpose, one argument for another, a function left out around an argument."""
    for node in loads_of(tensor.body):
        source, indices = node.tensor, node.indices
        if len(indices) == 2 and source.shape[0] == source.shape[1]:
            words = operand_words(source)
            yield Change("transposed", node, load(source, indices[::-1]), f"{words} should be transposed there")
        if isinstance(source, Input):
            for other in context.hand.inputs:
                if other.shape == source.shape and other.dtype == source.dtype:
                    yield Change("wrong argument", node, load(other, indices))
        if node.dtype.kind == "f" and (isinstance(source, Input) or tensor.reducer):
            for name in context.functions:
                yield Change("function", node, apply(name, node))


def _functions_of(hand: Graph) -> list[str]:
    tensors = [tensor for tensor in graph_order(hand.outputs) if isinstance(tensor, Compute)]
    applied = [node.op for tensor in tensors for node in _applications(tensor)]
    return list(dict.fromkeys(op.name for op in applied if op.arity == 1 and op.name not in ("neg", "convert")))


def _means(tensor: Compute, context: _Context) -> Iterator[Change]:
    """A sum for a mean, a mean for a sum."""
    for node in _applications(tensor):
        if node.op.name in ("div", "mul") and not loads_of(node.args[1]) and node.args[0].dtype == node.dtype:
            if any(isinstance(part, Size) for part in post_order([node.args[1]])):
                yield Change("mean", node, node.args[0], "a sum is meant there, not a mean")
    entry = _entry(tensor)
    for size in context.sizes if tensor.reducer == "sum" and tensor.dtype.kind == "f" else ():
        if size.dtype == entry.dtype:
            words = scalar_words(size, tensor.rank)
            yield Change(
                "mean", entry, apply("div", entry, size), f"a mean is meant there, not a sum: divide by {words}"
            )


def _insertions(tensor: Compute, context: _Context) -> Iterator[Change]:
    """A term or a factor left out: an argument, the number 1 or 2."""
    if tensor.dtype.kind != "f":
        return
    entry = _entry(tensor)
    missing: list[Scalar] = [number(1, entry.dtype), number(2, entry.dtype)]
    for node in context.hand.inputs:
        for axes in combinations(range(tensor.rank), node.rank):
            if node.dtype == entry.dtype and node.shape == tuple(tensor.shape[axis] for axis in axes):
                missing.append(load(node, [index(axis) for axis in axes]))
    for operand in missing:
        for name in ("sub", "add"):
            yield Change("dropped term", entry, apply(name, entry, operand))
        yield Change("dropped term", entry, apply("sub", operand, entry))
        for name in ("mul", "div"):
            yield Change("factor", entry, apply(name, entry, operand))


def _operations(tensor: Compute, context: _Context) -> Iterator[Change]:
    for node in _applications(tensor):
        name, args = node.op.name, node.args
        if name in _OPPOSITE and name not in ("add", "sub"):
            kind: Kind = "exponent" if name in ("mul", "div") else "function"
            yield Change(kind, node, apply(_OPPOSITE[name], *args))
        if name == "div":
            yield Change("swapped", node, apply("div", args[1], args[0]))
        if name in ("mul", "div", "add", "sub"):
            yield Change("extra term" if name in ("add", "sub") else "factor", node, args[0])
        if name in ("mul", "add"):
            yield Change("extra term" if name == "add" else "factor", node, args[1])


# ---------------------------------------------------------------- whole operands


def _exchanged(output: Tensor, tensor: Compute) -> Iterator[Edit]:
    """The operands of a matrix product in the other order."""
    loads = [node for node in loads_of(tensor.body) if node.tensor.rank == 2]
    if len(loads) != 2 or tensor.reducer != "sum" or loads[0].tensor.shape != loads[1].tensor.shape:
        return
    first, second = loads
    other: dict[Scalar, Scalar] = {
        first: load(second.tensor, first.indices),
        second: load(first.tensor, second.indices),
    }
    changed = _with_body(tensor, substitute(tensor.body, other))
    left, right = operand_words(first.tensor), operand_words(second.tensor)
    words = f"the factors {left} and {right} of a product are swapped"
    yield Edit(replace_tensors([output], {tensor: changed}), words, "swapped")


def _matrices(hand: Graph, derived: Graph) -> list[Tensor]:
    """Matrices that may be left out: arguments, and results of library calls such as inverses."""
    calls = [node for node in graph_order(derived.outputs) if isinstance(node, Projection) and node.rank == 2]
    return [*(node for node in hand.inputs if node.rank == 2), *calls]


def _matrix_factors(output: Tensor, matrices: Sequence[Tensor]) -> Iterator[Edit]:
    """A matrix left out of a product, on either side."""
    if output.rank not in (1, 2) or output.dtype.kind != "f":
        return
    own = [index(k) for k in range(output.rank)]
    bound = index(output.rank)
    for node in matrices:
        if node.dtype != output.dtype:
            continue
        for turned in (False, True):
            words = f"{operand_words(node)}.T" if turned else operand_words(node)
            for side in range(output.rank):
                place = (own[side], bound) if side == 0 else (bound, own[side])
                if node.shape != (output.shape[side], output.shape[side]):
                    continue
                factor = load(node, place[::-1] if turned else place)
                entry = load(output, [bound if k == side else own[k] for k in range(output.rank)])
                body = apply("mul", factor, entry)
                changed = compute(output.shape, body, reduce_extents=(output.shape[side],), reducer="sum")
                where = "left" if side == 0 else "right"
                inner = isinstance(node, Input)
                text = f"the factor {words} is missing on the {where}{CHAIN_RULE if inner else ''}"
                yield Edit((changed,), text, "inner derivative" if inner else "factor")


def _should_be(old: str, new: str) -> str:
    if len(old) > _LONGEST_WORDS or len(new) > _LONGEST_WORDS:
        return ""
    return f"{old} should be {new}"
