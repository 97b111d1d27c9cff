"""`formula.numpy()`: NumPy source with the user's names, as a person would keep it."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.errors import ArgumentError
from gradc.ir.scalar import Size
from gradc.ir.tensor import Graph
from gradc.ops.extern import spelled_out
from gradc.present.numpy_source_arrays import Arrays
from gradc.present.numpy_source_scalars import SPECIAL, SPECIAL_MODULE
from gradc.present.numpy_source_text import Statements, Terms, returned
from gradc.present.signature import Signature
from gradc.simplify import simplify

_LONGEST_LINE = 88
_ROOT = re.compile(r"[^\W\d]\w*")


def numpy_source(graph: Graph, signature: Signature) -> str:
    """A module with one ``def`` that computes the outputs of the graph from inputs called as in the signature.

    A path, ``params["w1"]``, is read from its parameter. Named extents are read from the shapes of arguments. Numbers
    that the function took from its surroundings are keyword parameters with the present value as default; arrays are
    parameters without.
    """
    spelled = spelled_out(graph)
    graph = graph if spelled is graph else simplify(spelled)
    paths = [_path(name) for name in signature.inputs]
    parameters = _parameters(paths, signature)
    terms = Terms()
    sizes = _Sizes(graph, paths, parameters)
    arrays = Arrays(terms, sizes.name)
    inputs = [terms.atom(path) for path in paths]
    outputs = arrays.add(graph, inputs)
    taken = {*[p.partition("=")[0] for p in parameters], *sizes.reserved, "np", "scipy", *SPECIAL, *keyword.kwlist}
    draft = Statements(taken)
    draft.compute(outputs)
    statements = Statements(taken, draft.common_kinds())
    results = statements.compute(outputs)
    body = [*statements.lines, *_return(results, signature.tree)]
    text = "\n".join(body)
    body = [*sizes.lines(text), *body]
    special = [name for name in SPECIAL if re.search(rf"\b{name}\(", text)]
    head = ["import scipy.special"] if SPECIAL_MODULE in text else []
    head += [f"from scipy.special import {', '.join(special)}"] if special else []
    lines = [
        "import numpy as np",
        *head,
        "",
        "",
        *_definition(signature.name, parameters),
        *[f"    {line}" for line in body],
    ]
    return "\n".join(lines).strip("\n") + "\n"


def _path(name: str) -> str:
    """An access path with double quotes, as the formatter writes them."""
    return re.sub(r"'([^'\"\\]*)'", r'"\1"', name)


def _parameters(paths: Sequence[str], signature: Signature) -> list[str]:
    """The parameters in the order of the inputs; captured numbers last, with defaults."""
    plain: dict[str, None] = {}
    defaults: dict[str, str] = {}
    for path, name in zip(paths, signature.inputs, strict=True):
        match = _ROOT.match(path)
        if match is None:
            raise ArgumentError(f"the input {path} has no name that source could use")
        value = signature.captured.get(name)
        if value is None or np.ndim(value):
            plain[match.group()] = None
        else:
            defaults[match.group()] = repr(np.asarray(value).item())
    return [*plain, *[f"{name}={value}" for name, value in defaults.items() if name not in plain]]


def _definition(name: str, parameters: Sequence[str]) -> list[str]:
    line = f"def {name}({', '.join(parameters)}):"
    return [line] if len(line) <= 88 else [f"def {name}(", *[f"    {p}," for p in parameters], "):"]


class _Sizes:
    """Named extents: read from the first argument that has them, where they are used."""

    def __init__(self, graph: Graph, paths: Sequence[str], parameters: Sequence[str]) -> None:
        taken = {p.partition("=")[0] for p in parameters}
        self._places: dict[str, tuple[str, int, int]] = {}
        for tensor, path in zip(graph.inputs, paths, strict=True):
            for axis, extent in enumerate(tensor.shape):
                if isinstance(extent, Size):
                    self._places.setdefault(extent.name, (path, axis, tensor.rank))
        self._names = {}
        for size in self._places:
            name = size if size.isidentifier() else "n"
            while name in taken:
                name = f"{name}_size"
            taken.add(name)
            self._names[size] = name
        self._used: set[str] = set()
        self.reserved = set(self._names.values())

    def name(self, size: str) -> str:
        """The variable that holds an extent."""
        if size not in self._names:
            raise ArgumentError(f"the extent {size} is that of no argument")
        self._used.add(size)
        return self._names[size]

    def lines(self, text: str) -> list[str]:
        """The statements that read the extents that the text uses."""
        by_array: dict[tuple[str, int], dict[int, str]] = {}
        for size, (path, axis, rank) in self._places.items():
            if size in self._used and re.search(rf"\b{self._names[size]}\b", text):
                by_array.setdefault((path, rank), {})[axis] = self._names[size]
        lines = []
        for (path, rank), names in by_array.items():
            if rank == 1:
                lines.append(f"{names[0]} = len({path})")
            elif len(names) == rank:
                lines.append(f"{', '.join(names[k] for k in range(rank))} = {path}.shape")
            else:
                lines += [f"{name} = {path}.shape[{axis}]" for axis, name in names.items()]
        return lines


def _return(results: Sequence[str], tree: Any) -> list[str]:
    value: Any = tuple(map(_Source, results))
    if tree is not None:
        from gradc.trace.containers import unflatten

        value = unflatten(tree, list(value))
    elif len(results) == 1:
        value = value[0]
    return _container_lines(value, "return ", "")


@dataclass(frozen=True)
class _Source:
    text: str


def _parts(value: Any) -> tuple[str, list[tuple[str, Any]], str]:
    """The brackets of a container, and its items with what stands in front of each."""
    if isinstance(value, dict):
        return "{", [(f"{_key(key)}: ", item) for key, item in value.items()], "}"
    if isinstance(value, list):
        return "[", [("", item) for item in value], "]"
    items = list(value) if isinstance(value, tuple) else list(vars(value).values())
    return "(", [("", item) for item in items], ",)" if len(items) == 1 else ")"


def _container(value: Any) -> str:
    """A nested container of sources on one line."""
    if isinstance(value, _Source):
        return value.text
    if value is None:
        return "None"
    opening, items, closing = _parts(value)
    return opening + ", ".join(before + _container(item) for before, item in items) + closing


def _container_lines(value: Any, before: str, after: str) -> list[str]:
    """A nested container of sources, an item a line where one line would be too long."""
    text = _container(value)
    if before == "return " and isinstance(value, tuple) and len(value) > 1:
        text = text[1:-1]
    if len(before + text + after) + 4 <= _LONGEST_LINE:
        return [before + text + after]
    if isinstance(value, _Source):
        return returned(text) if before == "return " else [before + text + after]
    opening, items, closing = _parts(value)
    lines = [before + opening]
    for front, item in items:
        lines += [f"    {line}" for line in _container_lines(item, front, ",")]
    return [*lines, closing.removeprefix(",") + after]


def _key(key: Any) -> str:
    return f'"{key}"' if isinstance(key, str) and '"' not in key and "\\" not in key else repr(key)
