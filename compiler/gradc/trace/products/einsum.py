"""Einstein's summation: what the subscripts say, as labels of axes, and the sum over them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradc.ir.algebra import conjunction, equal
from gradc.ir.scalar import index
from gradc.trace.arrays.storage import Region, box_of
from gradc.trace.arrays.tracer import TracedArray, lift
from gradc.trace.context import dtype_error, located, shape_error
from gradc.trace.elements.elementwise import array_dtype, astype
from gradc.trace.movement.outputs import deliver
from gradc.trace.products.contraction import contracted, labelled
from gradc.trace.registry import implements

#: The axes of an operand are labelled by a letter or number each, or by where in an ellipsis they are, from its end.
Labels = list[Any]

_ELLIPSIS = "..."


@implements(np.einsum)
def einsum(
    *operands: Any,
    out: Any = None,
    dtype: Any = None,
    order: str = "K",
    casting: Any = "safe",
    optimize: Any = False,
) -> TracedArray:
    """Einstein's summation. (In which order products are taken is the compiler's choice, whatever ``optimize`` says.)"""
    arrays, terms, result = parsed(operands)
    labels = [_spread(term, x.ndim, number) for number, (term, x) in enumerate(zip(terms, arrays, strict=True))]
    output = _output_of(labels, result)
    if dtype is not None:
        for number, x in enumerate(arrays):
            if not np.can_cast(x.dtype, dtype, casting):
                raise dtype_error(
                    f"einsum: operand {number} of {x.dtype} does not go into dtype={np.dtype(dtype)} by the rule "
                    f"{casting!r}; use casting='same_kind', or x.astype"
                )
    if len(arrays) == 1 and dtype is None and out is None and _is_view(arrays[0], labels[0], output):
        return _view(arrays[0], labels[0], output)
    common = np.dtype(dtype) if dtype is not None else array_dtype(arrays)
    cast = [x if x.dtype == common else astype(x, common) for x in arrays]
    extents = labelled(cast, labels, "einsum", within=True)
    ordered = {label: extents[label] for label in [*output, *[n for n in extents if n not in output]]}
    return deliver(out, contracted(cast, labels, output, ordered, common))


def _is_view(x: TracedArray, labels: Labels, output: Labels) -> bool:
    """Whether nothing is summed: axes come in another order, or the diagonal of some is taken. NumPy gives a view then."""
    same = all(x.extents[k] == x.extents[labels.index(label)] for k, label in enumerate(labels))
    return set(labels) == set(output) and same and not x.immutable


def _view(x: TracedArray, labels: Labels, output: Labels) -> TracedArray:
    first = {label: labels.index(label) for label in output}
    forward = tuple(index(output.index(label)) for label in labels)
    inside = conjunction(*[equal(index(first[label]), index(k)) for k, label in enumerate(labels) if k != first[label]])
    shape, backward = tuple(x.extents[first[label]] for label in output), tuple(index(first[label]) for label in output)
    return x.part(Region(shape, forward, inside, backward, box_of(shape, forward)))


def parsed(operands: Sequence[Any]) -> tuple[list[TracedArray], list[Labels], Labels | None]:
    """The arrays, the subscripts of each (an ellipsis is one of them), and those of the result, if they are given."""
    if not operands:
        raise ValueError(located("einsum: must specify the subscripts and at least one operand"))
    if isinstance(operands[0], str):
        return _from_text(operands[0], [lift(x) for x in operands[1:]])
    pairs = len(operands) // 2
    arrays = [lift(x) for x in operands[: 2 * pairs : 2]]
    terms = [_from_list(names) for names in operands[1 : 2 * pairs : 2]]
    return arrays, terms, _from_list(operands[-1]) if len(operands) % 2 else None


def _from_list(names: Any) -> Labels:
    try:
        return [_ELLIPSIS if name is Ellipsis else operator.index(name) for name in names]
    except TypeError:
        raise TypeError(located("each subscript must be either an integer or an ellipsis")) from None


def _from_text(subscripts: str, arrays: list[TracedArray]) -> tuple[list[TracedArray], list[Labels], Labels | None]:
    given, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = [_letters(term) for term in given.split(",")]
    if len(terms) != len(arrays):
        more = "more" if len(arrays) > len(terms) else "fewer"
        raise shape_error(
            f"einsum: {more} operands than subscripts: {len(arrays)} are given, and {subscripts!r} is for {len(terms)}"
        )
    return arrays, terms, _letters(result) if arrow else None


def _letters(term: str) -> Labels:
    names: Labels = list(term.replace(_ELLIPSIS, "\0"))
    for name in names:
        if name == ".":
            raise ValueError(located(f"einsum: {term!r} has a '.' that is not part of an ellipsis ('...')"))
        if not (name == "\0" or (name.isascii() and name.isalpha())):
            raise ValueError(located(f"einsum: invalid subscript {name!r} in {term!r}, subscripts must be letters"))
    if names.count("\0") > 1:
        raise ValueError(located(f"einsum: {term!r} has more than one ellipsis"))
    return [_ELLIPSIS if name == "\0" else name for name in names]


def _spread(names: Labels, ndim: int, number: int) -> Labels:
    """The labels of all axes: the ellipsis stands for those that have no label of their own."""
    free = ndim - sum(name != _ELLIPSIS for name in names)
    if free < 0:
        raise shape_error(f"einsum: too many subscripts for operand {number}, which has {ndim} axes: {_text(names)}")
    if free and _ELLIPSIS not in names:
        raise shape_error(
            f"einsum: operand {number} has {ndim} axes, more than the subscripts {_text(names)}; write '...' for the others"
        )
    if _ELLIPSIS not in names:
        return names
    place = names.index(_ELLIPSIS)
    return [*names[:place], *[(_ELLIPSIS, k) for k in range(-free, 0)], *names[place + 1 :]]


def _text(names: Labels) -> str:
    return repr("".join(str(name) for name in names))


def _output_of(labels: Sequence[Labels], result: Labels | None) -> Labels:
    every = [name for names in labels for name in names]
    dots = sorted({name for name in every if isinstance(name, tuple)}, key=lambda name: name[1])
    if result is None:
        single = [name for name in set(every) if not isinstance(name, tuple) and every.count(name) == 1]
        return [*dots, *sorted(single)]
    for name in result:
        if result.count(name) > 1:
            raise ValueError(located(f"einsum: the output {_text(result)} includes subscript {name!r} multiple times"))
        if name != _ELLIPSIS and name not in every:
            raise ValueError(
                located(f"einsum: the output {_text(result)} includes subscript {name!r}, which no operand has")
            )
    if dots and _ELLIPSIS not in result:
        raise shape_error(
            f"einsum: the output {_text(result)} has no '...' for the axes that the operands' ellipsis stands for"
        )
    return [label for name in result for label in (dots if name == _ELLIPSIS else [name])]


@implements(np.einsum_path)
def einsum_path(*operands: Any, **options: Any) -> Any:
    """NumPy's plan for a summation: it depends on shapes only."""
    given = [_shape_alone(x) if isinstance(x, TracedArray) else x for x in operands]
    return np.einsum_path(*given, **options)


def _shape_alone(x: TracedArray) -> np.ndarray:
    return np.broadcast_to(0.0, tuple(map(operator.index, x.shape)))
