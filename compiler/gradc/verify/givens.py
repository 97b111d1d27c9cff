"""What is known about the inputs besides their shapes: values of data, and what a caller declares (symmetric, positive)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gradc.errors import ArgumentError
from gradc.ir.tensor import Input

#: Names as a caller gives them: one, or several.
Names = str | Sequence[str]


class Givens(dict[Input, Any]):
    """Values of the inputs that are data; ``symmetric`` inputs equal their transposes, ``positive`` ones are above 0."""

    def __init__(
        self, values: Mapping[Input, Any], symmetric: Iterable[Input] = (), positive: Iterable[Input] = ()
    ) -> None:
        super().__init__(values)
        self.symmetric = frozenset(symmetric)
        self.positive = frozenset(positive)

    def narrowed(self, positive: Iterable[Input]) -> Givens:
        """The same with more inputs that are above 0."""
        return Givens(self, self.symmetric, self.positive | frozenset(positive))


def declared(values: Mapping[Input, Any]) -> Givens:
    """The values as `Givens`; a plain mapping declares nothing."""
    return values if isinstance(values, Givens) else Givens(values)


def named_inputs(what: str, names: Names, inputs: Mapping[str, Input]) -> list[Input]:
    """The inputs that ``symmetric=`` or ``positive=`` names."""
    wanted = [names] if isinstance(names, str) else list(names)
    unknown = [name for name in wanted if name not in inputs]
    if unknown:
        raise ArgumentError(f"{what}= names {', '.join(map(str, unknown))}; the arguments are {', '.join(inputs)}")
    found = [inputs[name] for name in wanted]
    for name, node in zip(wanted, found, strict=True):
        if what == "symmetric" and (node.rank < 2 or node.shape[-1] != node.shape[-2]):
            raise ArgumentError(f"symmetric= names {name}, which is no square matrix")
    return found
