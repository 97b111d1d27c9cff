"""`formula.c()`: a self-contained C99 function, written to be read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from gradc.errors import ArgumentError
from gradc.ir.conjugates import has_complex_numbers
from gradc.ir.scalar import TRUE, Load, Number, Size
from gradc.ir.tensor import (
    Compute,
    Constant,
    Extent,
    Extern,
    Graph,
    Input,
    Loop,
    MultiNode,
    Projection,
    Tensor,
    extent_scalar,
)
from gradc.ir.walk import graph_order, post_order
from gradc.ops.extern import spelled_out
from gradc.present.c_source_scalars import HELPERS, Body, literal, type_of
from gradc.present.c_source_structured import needed, write_structured
from gradc.present.signature import Signature

_ACCUMULATORS = {
    "sum": "sum", "prod": "product", "max": "largest", "min": "smallest", "argmax": "place", "argmin": "place",
    "any": "found", "all": "holds",
}  # fmt: skip
#: Arrays of more entries are allocated.
_LARGEST_ON_STACK = 1024
_KEYWORDS = frozenset(
    "auto break case char const continue default do double else enum extern float for goto if inline int long register "
    "restrict return short signed sizeof static struct switch typedef union unsigned void volatile while bool size_t "
    "out exp log sin cos tan sqrt pow main j0 j1 y0 y1 jn yn gamma".split()
)


def c_source(graph: Graph, signature: Signature, formula: str = "") -> str:
    """A C99 function that computes the outputs of the graph.

    Arrays are row-major pointers, numbers are values, named extents come first as ``size_t``; results are written through
    the last parameters. ``formula`` goes into the comment above. Raises `ArgumentError` for library calls that can't be
    written out, structured control flow and complex numbers.
    """
    if has_complex_numbers(graph):
        raise ArgumentError("complex numbers have no C source; write the function of real and imaginary parts")
    return Writer(spelled_out(graph), signature).source(formula)


class Writer:
    """The statements of one function, the names that are taken and the helpers that are used."""

    def __init__(self, graph: Graph, signature: Signature) -> None:
        self._graph, self._signature = graph, signature
        self._sizes = sorted({s.name for t in graph.inputs for e in t.shape for s in _sizes(e)})
        self._taken = {*_KEYWORDS, *HELPERS, *self._sizes}
        self.names: dict[Tensor, str] = {}
        for tensor, path in zip(graph.inputs, signature.inputs, strict=True):
            self.names[tensor] = self.free(re.sub(r"\W+", "_", path).strip("_") or "x")
        self._helpers: set[str] = set()
        self.lines: list[str] = []
        self.allocated: list[str] = []
        self._uses_heap = False
        #: results of loops, branches and calls that are read
        self.read = {t for t in needed(graph) if isinstance(t, Projection)}
        has_loops = any(isinstance(node, Loop) for node in graph_order(graph.outputs))
        self._temporary = "v" if has_loops else "t"  # t is the number of a step

    def source(self, formula: str) -> str:
        """The whole text."""
        inputs = dict(self.names)
        count = len(self._graph.outputs)
        outs = ["out"] if count == 1 else [f"out_{k}" for k in range(count)]
        self._taken.update(outs)
        targets = self._targets(outs)
        for node in needed(self._graph):
            self._node(node, targets)
        for tensor, out in zip(self._graph.outputs, outs, strict=True):
            if targets.get(tensor) != out:
                self._copy(tensor, out)
        self.lines += [f"free({name});" for name in reversed(self.allocated)]
        parameters = [f"size_t {name}" for name in self._sizes]
        parameters += [_parameter(t, inputs[t], "const ") for t in self._graph.inputs]
        parameters += [f"{type_of(t)} *{out}" for t, out in zip(self._graph.outputs, outs, strict=True)]
        body = "\n".join(f"    {line}" if line else "" for line in _read_numbers(self.lines))
        helpers = [text for name, text in HELPERS.items() if name in self._helpers]
        comment = _comment(formula)
        head = f"void {self._signature.name}({', '.join(parameters)}) {{"
        if len(head) > 100:
            head = f"void {self._signature.name}(\n    " + ",\n    ".join(parameters) + "\n) {"
        return "\n".join([*self._includes(body), "", *[f"{h}\n" for h in helpers], *comment, head, body, "}", ""])

    def _includes(self, body: str) -> list[str]:
        texts = body + "".join(HELPERS[name] for name in self._helpers)
        wanted = ["math.h"]
        wanted += ["stdbool.h"] if re.search(r"\bbool\b|\btrue\b|\bfalse\b", texts) else []
        wanted += ["stddef.h"]
        types = texts + " ".join(type_of(t) for t in (*self._graph.inputs, *self._graph.outputs))
        wanted += ["stdint.h"] if re.search(r"int\d\d_t", types) else []
        wanted += ["stdlib.h"] if self.allocated or self._uses_heap else []
        wanted += ["string.h"] if "memcpy(" in body else []
        if "bool" in types and "stdbool.h" not in wanted:
            wanted.insert(1, "stdbool.h")
        return [f"#include <{name}>" for name in wanted]

    def free(self, wanted: str) -> str:
        """A name that nothing has."""
        name, count = wanted, 1
        while name in self._taken:
            count += 1
            name = f"{wanted}_{count}"
        self._taken.add(name)
        return name

    def _targets(self, outs: Sequence[str]) -> dict[Tensor, str]:
        """Outputs that are computed in place: each tensor at its first position."""
        targets: dict[Tensor, str] = {}
        for tensor, out in zip(self._graph.outputs, outs, strict=True):
            if isinstance(tensor, Compute):
                targets.setdefault(tensor, out)
        return targets

    # ------------------------------------------------------------ nodes

    def _node(self, node: Any, targets: dict[Tensor, str]) -> None:
        if isinstance(node, Input | Projection):
            return
        if isinstance(node, Compute):
            self._compute(node, targets.get(node))
        elif isinstance(node, Constant):
            name = self.names[node] = self.free("data")
            values = ", ".join(literal(v, node.dtype.kind) for v in node.value.ravel().tolist())
            self.lines.append(f"static const {type_of(node)} {name}[] = {{{values}}};")
        elif isinstance(node, Extern):
            raise ArgumentError(f"{node.name} has no C source: it is a library call; formula.numpy() may have it")
        elif isinstance(node, MultiNode):
            write_structured(self, node)

    def body(self, graph: Graph, given: Mapping[Tensor, str]) -> list[str]:
        """The statements of a sub-graph whose inputs have these names; the names of its outputs."""
        outer = self.names
        self.names = {**outer, **given}
        order = needed(graph)
        self.read |= {t for t in order if isinstance(t, Projection)}
        for node in order:
            if node not in given:
                self._node(node, {})
        results = [self.names[t] for t in graph.outputs]
        self.names = outer
        return results

    @contextmanager
    def indented(self) -> Iterator[None]:
        """What is written inside stands one level deeper; what it allocates is freed at its end."""
        lines, allocated = self.lines, self.allocated
        self.lines, self.allocated = [], []
        yield
        own = [*self.lines, *[f"free({name});" for name in reversed(self.allocated)]]
        self._uses_heap = self._uses_heap or bool(self.allocated)
        self.lines, self.allocated = lines, allocated
        self.lines += [f"    {line}" for line in own]

    def storage(self, tensor: Tensor, wanted: str, shape: Sequence[Extent] | None = None) -> str:
        """A new variable for a number, or a new array."""
        shape = tensor.shape if shape is None else shape
        name = self.free(wanted)
        if not shape:
            self.lines.append(f"{type_of(tensor)} {name};")
        elif all(isinstance(e, int) for e in shape) and 0 < _count(shape) <= _LARGEST_ON_STACK:
            self.lines.append(f"{type_of(tensor)} {name}[{_count(shape)}];")
        else:
            size = " * ".join([*[self.index(e) for e in shape], f"sizeof({type_of(tensor)})"])
            self.lines.append(f"{type_of(tensor)} *{name} = malloc({size});")
            self.allocated.append(name)
        return name

    def started(self, tensor: Tensor, wanted: str, value: str) -> str:
        """A variable or array of its own that begins with this value."""
        if tensor.rank:
            name = self.storage(tensor, wanted)
            self.assign(tensor, name, value)
            return name
        name = self.free(wanted)
        self.lines.append(f"{type_of(tensor)} {name} = {value};")
        return name

    def count(self, shape: Sequence[Extent]) -> str:
        """How many entries there are."""
        factors = [self.index(e) for e in shape]
        product = " * ".join(f if re.fullmatch(r"\w+", f) else f"({f})" for f in factors) or "1"
        return product if len(factors) < 2 else f"({product})"

    def assign(self, tensor: Tensor, name: str, value: str) -> None:
        """The entries of one variable or array are those of another."""
        if tensor.rank:
            size = f"{self.count(tensor.shape)} * sizeof({type_of(tensor)})"
            self.lines.append(f"memcpy({name}, {value}, {size});")
        else:
            self.lines.append(f"{name} = {value};")

    def _compute(self, node: Compute, out: str | None) -> None:
        name = out
        if out is None:
            if isinstance(node.body, Number) and not node.rank and self._temporary != "t":
                self.names[node] = literal(node.body.value, node.dtype.kind)
                return
            name = self.free(
                _ACCUMULATORS.get(node.reducer or "", self._temporary) if not node.rank else self._temporary
            )
            if not node.rank:
                pass
            elif all(isinstance(e, int) for e in node.shape) and _count(node.shape) <= _LARGEST_ON_STACK:
                self.lines.append(f"{type_of(node)} {name}[{_count(node.shape)}];")
            else:
                size = " * ".join([*[self.index(e) for e in node.shape], f"sizeof({type_of(node)})"])
                self.lines.append(f"{type_of(node)} *{name} = malloc({size});")
                self.allocated.append(name)
        assert name is not None
        self.names[node] = name
        axes = self._axes(len(node.extents))
        for k in range(node.rank):
            self._open(axes[k], node.shape[k], k)
        target = f"{name}[{self._offset([axes[k] for k in range(node.rank)], node.shape)}]" if node.rank else name
        if out is not None and not node.rank:
            target = f"{out}[0]"
        declared = f"{type_of(node)} {name}" if not node.rank and out is None else target
        if node.reducer is None:
            value, lines = Body(self, axes).value(node.body)
            self._emit(node.rank, [*lines, f"{declared} = {value};"])
        else:
            self._reduce(node, axes, target, declared)
        for k in reversed(range(node.rank)):
            self._emit(k, ["}"])
        if out is not None and not node.rank:
            self.names[node] = f"{out}[0]"

    def _axes(self, count: int) -> list[str]:
        letters = [c for c in "ijklmpqrst" if c not in self._taken]
        letters += [f"i{k}" for k in range(count)]
        return letters[:count]

    def _open(self, axis: str, extent: Extent, depth: int) -> None:
        self._emit(depth, [f"for (size_t {axis} = 0; {axis} < {self.index(extent)}; {axis}++) {{"])

    def _emit(self, depth: int, lines: Sequence[str]) -> None:
        self.lines += ["    " * depth + line for line in lines]

    def _reduce(self, node: Compute, axes: list[str], target: str, declared: str) -> None:
        depth = node.rank
        starts = {"sum": "0", "prod": "1", "max": "-INFINITY", "min": "INFINITY", "any": "false", "all": "true"}
        if declared.startswith(f"{type_of(node)} "):
            total = target  # a number of its own
        else:
            total = self.free(_ACCUMULATORS[node.reducer or ""])
            self._taken.discard(total)
        arg = node.reducer in ("argmax", "argmin")
        if arg:
            start = "-INFINITY" if node.reducer == "argmax" else "INFINITY"
            self._emit(depth, [f"int64_t {total} = 0;", f"{type_of(node.body)} best = {start};"])
        else:
            start = starts[node.reducer or ""]
            if node.dtype.kind in "iu" and "INFINITY" in start:
                start = "INT64_MIN" if start.startswith("-") else "INT64_MAX"
            self._emit(depth, [f"{type_of(node)} {total} = {start};"])
        for k, extent in enumerate(node.reduce_extents):
            self._open(axes[depth + k], extent, depth + k)
        inside = depth + len(node.reduce_extents)
        body = Body(self, axes)
        if node.domain is not TRUE:
            condition, lines = body.value(node.domain)
            self._emit(inside, [*lines, f"if (!({condition})) continue;"])
        value, lines = body.value(node.body)
        self._emit(inside, [*lines, *self._step(node, total, value, axes[-1])])
        for k in reversed(range(len(node.reduce_extents))):
            self._emit(depth + k, ["}"])
        if total != target:
            self._emit(depth, [f"{declared} = {total};"])

    def _step(self, node: Compute, total: str, value: str, axis: str) -> list[str]:
        if node.reducer in ("sum", "prod"):
            return [f"{total} {'+' if node.reducer == 'sum' else '*'}= {value};"]
        if node.reducer in ("any", "all"):
            return [f"{total} = {total} {'||' if node.reducer == 'any' else '&&'} ({value});"]
        if node.reducer in ("max", "min"):
            name = "maximum" if node.reducer == "max" else "minimum"
            if node.dtype.kind in "iu":
                sign = ">" if node.reducer == "max" else "<"
                return [f"if ({value} {sign} {total}) {total} = {value};"]
            self._helpers.add(name)
            return [f"{total} = {name}({total}, {value});"]
        sign = ">" if node.reducer == "argmax" else "<"
        return [
            f"{type_of(node.body)} value = {value};",
            f"if (value {sign} best || (isnan(value) && !isnan(best))) {{",
            "    best = value;",
            f"    {total} = {axis};",
            "}",
        ]

    def _copy(self, tensor: Tensor, out: str) -> None:
        name = self.names[tensor]
        if not tensor.rank:
            self.lines.append(f"{out}[0] = {name};")
            return
        count = " * ".join(self.index(e) for e in tensor.shape)
        self.lines += [f"for (size_t i = 0; i < {count}; i++) {{", f"    {out}[i] = {name}[i];", "}"]

    # ------------------------------------------------------------ places

    def index(self, extent: Extent) -> str:
        return str(extent) if isinstance(extent, int) else Body(self, []).inline(extent_scalar(extent))

    def _offset(self, places: Sequence[str], shape: Sequence[Extent]) -> str:
        """Row-major: ``i * n + j``."""
        offset = places[0]
        for place, extent in zip(places[1:], shape[1:], strict=True):
            inner = offset if re.fullmatch(r"[\w.]+(?: \* \w+)*", offset) else f"({offset})"
            outer = place if re.fullmatch(r"[\w.\[\]]+", place) else f"({place})"
            size = self.index(extent)
            size = size if re.fullmatch(r"\w+", size) else f"({size})"
            offset = f"{inner} * {size} + {outer}"
        return offset

    def load(self, node: Load, places: Sequence[str]) -> str:
        """One entry of an array."""
        name = self.names[node.tensor]
        return f"{name}[{self._offset(places, node.tensor.shape)}]" if places else name

    def helper(self, name: str) -> str:
        """A function that is written out above."""
        self._helpers.add(name)
        return name


def _read_numbers(lines: Sequence[str]) -> list[str]:
    """The lines without declarations of numbers that nothing reads: what a branch took from them may be gone."""
    counts = Counter(word for line in lines for word in re.findall(r"\w+", line))
    kept: list[str] = []
    for line in reversed(lines):
        declared = re.fullmatch(r" *(?:double|float|int64_t|int32_t|bool) (\w+) = .*;", line)
        if declared is not None and counts[declared[1]] == 1:
            counts.subtract(re.findall(r"\w+", line))
        else:
            kept.append(line)
    return kept[::-1]


def _sizes(extent: Extent) -> list[Size]:
    return [] if isinstance(extent, int) else [n for n in post_order([extent]) if isinstance(n, Size)]


def _count(shape: Sequence[Extent]) -> int:
    count = 1
    for extent in shape:
        assert isinstance(extent, int)
        count *= extent
    return count


def _parameter(tensor: Tensor, name: str, const: str) -> str:
    return f"{const}{type_of(tensor)} *{name}" if tensor.rank else f"{type_of(tensor)} {name}"


def _comment(formula: str) -> list[str]:
    lines = formula.replace("*/", "* /").splitlines()
    if not lines:
        return []
    return [f"/* {lines[0]} */"] if len(lines) == 1 else ["/*", *[f" * {line}" for line in lines], " */"]
