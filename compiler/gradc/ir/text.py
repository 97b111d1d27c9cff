"""The text form of programs: readable, the same in every process, and read back exactly by `gradc.ir.parse`.

    graph(A: float64[m, n], x: float64[n]) {
      t0: float64[m] = sum j<n: A[i, j] * x[j]
      t1: float64[] = sum i<m: mul(t0[i], t0[i])
      return t1
    }

* ``a + b``, ``a * b``, ``a ^ b`` are the mathematical ``sum``, ``prod``, ``power``; every other op, the user's own
  ``add`` and ``mul`` among them, is a call. Comparisons, ``and`` and ``or`` are infix, ``[p] e`` is a guard.
* Axes are i, j, k, l, i4, i5, ... by position, reduce axes named after the reducer; a domain follows as ``where p:``.
* A bare int is int64, ``3.`` the exact float64 three, ``1/3`` an exact float64 fraction, ``0.1`` a float,
  ``{0.0+1.0j}`` a complex; any other dtype is written behind an ``@``: ``3@float32``, ``convert@int64(x[i])``.
* Bodies are DAGs: what is shared or long stands in a ``let``, so the text is linear in the number of unique nodes.
* Sub-graphs come first, each once; a node with several results is taken apart by ``t3.0``.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import numpy as np

from gradc.ir.intern import Node
from gradc.ir.scalar import (
    BOOL,
    COMPLEX128,
    FLOAT64,
    INT64,
    NAMED_CONSTANTS,
    TRUE,
    Apply,
    DType,
    Guard,
    Index,
    Load,
    NamedConstant,
    Number,
    NumberValue,
    Scalar,
    Size,
)
from gradc.ir.tensor import (
    REDUCERS,
    Call,
    Compute,
    Cond,
    Constant,
    Extent,
    Extern,
    Graph,
    Input,
    Loop,
    MultiNode,
    Projection,
    ResultType,
    Shape,
    Tensor,
)
from gradc.ir.walk import graph_order, operands_of, post_order, use_counts

#: Words with a meaning of their own; a tensor or size called so is written in quotes.
_STATEMENTS = ("graph", "subgraph", "free", "return", "let", "where", "constant", "base64", "as", "size", "none")
_NODES = ("loop", "cond", "extern", "call")
_VALUES = ("and", "or", "true", "false", "nan", "inf", *NAMED_CONSTANTS)
KEYWORDS = frozenset((*_STATEMENTS, *_NODES, *_VALUES, *REDUCERS))
#: Op name -> its infix form, and how tightly it binds (an atom binds with `ATOM`).
INFIX = {
    "or": ("or", 1),
    "and": ("and", 2),
    "less": ("<", 3),
    "less_equal": ("<=", 3),
    "greater": (">", 3),
    "greater_equal": (">=", 3),
    "equal": ("==", 3),
    "not_equal": ("!=", 3),
    "sum": ("+", 4),
    "prod": ("*", 5),
    "power": ("^", 6),
}
ATOM = 7

_IDENTIFIER = re.compile(r"[^\W\d]\w*\Z")
_INDEX_NAME = re.compile(r"[ijkl]\Z|i\d+\Z")
_TEMPORARY = re.compile(r"[tg]\d+\Z")

#: A subexpression longer than this gets a line of its own; one that is used twice, from the second length on.
_LONGEST_INLINE = 60
_LONGEST_REPEATED = 16
_LARGEST_PLAIN_CONSTANT = 16


def index_name(position: int) -> str:
    """The name of the axis at ``position``."""
    return "ijkl"[position] if position < 4 else f"i{position}"


def is_index_name(name: str) -> bool:
    """Whether ``name`` is the name of an axis."""
    return _INDEX_NAME.match(name) is not None


def dtype_text(dtype: DType) -> str:
    """``float64``; a dtype that isn't native in quotes."""
    return dtype.name if np.dtype(dtype.name) == dtype else json.dumps(dtype.str)


def _plain(name: str) -> bool:
    return _IDENTIFIER.match(name) is not None and name not in KEYWORDS


# ---------------------------------------------------------------- numbers


def _float_text(value: float) -> str:
    return repr(float(value))


def complex_text(value: complex) -> str:
    """``{1.0-2.0j}``, each part exact."""
    imaginary = _float_text(value.imag)
    sign = "" if imaginary.startswith("-") else "+"
    return f"{{{_float_text(value.real)}{sign}{imaginary}j}}"


def _value_text(value: NumberValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, complex):
        return complex_text(value)
    return value.name if isinstance(value, NamedConstant) else _float_text(value)


def number_text(node: Number) -> str:
    """The literal, with its dtype unless that is the one the spelling stands for."""
    value, text = node.value, _value_text(node.value)
    if isinstance(value, bool):
        default = BOOL
    elif isinstance(value, int):
        if node.dtype == FLOAT64:
            return text + "."
        default = INT64
    else:
        default = COMPLEX128 if isinstance(value, complex) else FLOAT64
    return text if node.dtype == default else f"{text}@{dtype_text(node.dtype)}"


# ---------------------------------------------------------------- scalars


class _Names:
    """What the tensors of one graph are called."""

    def __init__(self) -> None:
        self._names: dict[Node, str] = {}
        self._taken: set[str] = set()
        self._count = 0
        self.lets = 0

    def __getitem__(self, node: Node) -> str:
        known = self._names.get(node)
        if known is not None:
            return known
        # a tensor outside the graph at hand is called by its content
        return input_text(node) if isinstance(node, Input) else f"t_{node.digest.hex()[:8]}"

    def __contains__(self, node: Node) -> bool:
        return node in self._names

    def add_input(self, node: Input) -> str:
        """Name the input; the text with which its definition begins."""
        own = input_text(node)
        if node in self._names or own not in self._taken:
            self._names[node] = own
            self._taken.add(own)
            return own
        return f"{own} as {self.add(node)}"

    def add(self, node: Node) -> str:
        """Give the node the next free name."""
        self._names[node] = f"t{self._count}"
        self._count += 1
        return self._names[node]


def input_text(node: Input) -> str:
    """The input's name, quoted where it isn't an identifier or looks like a generated one."""
    return node.name if _plain(node.name) and not _TEMPORARY.match(node.name) else json.dumps(node.name)


def _size_text(node: Size) -> str:
    return node.name if _plain(node.name) and not is_index_name(node.name) else f"size{json.dumps(node.name)}"


class _Printer:
    """Texts of scalars that share one list of lets."""

    def __init__(self, names: _Names, roots: Sequence[Scalar]) -> None:
        self.lets: list[str] = []
        self._names = names
        self._texts: dict[Scalar, tuple[str, int]] = {}
        counts = use_counts(roots)
        final = set(roots)
        for node in post_order(roots):
            text, binding = self._node(node)
            if node.children and node not in final and self._deserves_let(text, counts[node]):
                name = f"%{names.lets}"
                names.lets += 1
                self.lets.append(f"let {name} = {text};")
                text, binding = name, ATOM
            self._texts[node] = text, binding

    @staticmethod
    def _deserves_let(text: str, uses: int) -> bool:
        return len(text) > _LONGEST_INLINE or (uses > 1 and len(text) > _LONGEST_REPEATED)

    def __getitem__(self, node: Scalar) -> str:
        return self._texts[node][0]

    def _wrapped(self, node: Scalar, least: int) -> str:
        text, binding = self._texts[node]
        return text if binding >= least else f"({text})"

    def _node(self, node: Scalar) -> tuple[str, int]:
        if isinstance(node, Number):
            return number_text(node), ATOM
        if isinstance(node, Index):
            return index_name(node.position), ATOM
        if isinstance(node, Size):
            return _size_text(node), ATOM
        if isinstance(node, Load):
            return f"{self._names[node.tensor]}[{', '.join(self[i] for i in node.indices)}]", ATOM
        if isinstance(node, Guard):
            return f"[{self[node.predicate]}] {self._wrapped(node.body, ATOM)}", ATOM
        assert isinstance(node, Apply)
        return self._application(node)

    def _application(self, node: Apply) -> tuple[str, int]:
        name = node.op.name
        inferred = node.dtype == node.op.result_dtype([a.dtype for a in node.args]) if node.args else False
        infix = INFIX.get(name)
        enough = len(node.args) == 2 if infix is None or node.op.arity == 2 else len(node.args) > 1
        if infix is not None and inferred and enough:
            symbol, binding = infix
            return f" {symbol} ".join(self._wrapped(a, binding + 1) for a in node.args), binding
        suffix = "" if inferred else f"@{dtype_text(node.dtype)}"
        return f"{name}{suffix}({', '.join(self[a] for a in node.args)})", ATOM


def scalar_text(scalar: Scalar) -> str:
    """The expression, its shared parts in ``let`` lines first.

    >>> from gradc.ir.scalar import index, number, apply
    >>> import gradc.ops
    >>> apply("sum", index(0), number(-1))
    i + -1
    """
    printer = _Printer(_Names(), [scalar])
    return "\n".join([*printer.lets, printer[scalar]])


# ---------------------------------------------------------------- tensors and graphs


def sub_graphs(node: Node) -> tuple[Graph, ...]:
    """The graphs inside a Loop, Cond or Call."""
    if isinstance(node, Loop):
        return (node.body,) if node.condition is None else (node.body, node.condition)
    if isinstance(node, Cond):
        return node.true_graph, node.false_graph
    return (node.graph,) if isinstance(node, Call) else ()


def inner_graphs(graph: Graph) -> list[Graph]:
    """Every graph nested in ``graph``, innermost first, each once; ``graph`` itself is last."""
    order: list[Graph] = []
    seen: set[bytes] = set()
    stack = [(graph, False)]
    while stack:
        current, entered = stack.pop()
        if entered:
            order.append(current)
        elif current.digest not in seen:
            seen.add(current.digest)
            stack.append((current, True))
            nested = [inner for node in graph_order(current.outputs) for inner in sub_graphs(node)]
            stack.extend((inner, False) for inner in reversed(nested) if inner.digest not in seen)
    return order


class _GraphPrinter:
    """The lines of one graph."""

    def __init__(self, graph: Graph, graph_names: dict[bytes, str]) -> None:
        self._graph = graph
        self._graph_names = graph_names
        self._names = _Names()
        self._lines: list[str] = []

    def lines(self) -> Iterator[str]:
        """The header's argument list, then the definitions, then the return."""
        heads = [self._argument(t) for t in self._graph.inputs]
        order = graph_order(self._graph.outputs)
        for node in order:
            if isinstance(node, Input) and node not in self._names:
                head = self._names.add_input(node)
                self._lines.append(f"free {head}: {self._type(node.shape, node.dtype)}")
        for node in order:
            if not isinstance(node, Input):
                self._define(node)
        yield f"({', '.join(heads)}) {{"
        yield from self._lines
        yield f"return {', '.join(self._names[t] for t in self._graph.outputs)}".rstrip()

    def _argument(self, node: Input) -> str:
        text = f"{self._names.add_input(node)}: {self._type(node.shape, node.dtype)}"
        lets, self._lines = self._lines, []
        return " ".join([*lets, text])

    def _extents(self, extents: Iterable[Extent]) -> list[str]:
        """The extents' texts; the long ones put their lets before the line at hand."""
        known = list(extents)
        printer = _Printer(self._names, [e for e in known if isinstance(e, Scalar)])
        self._lines.extend(printer.lets)
        return [str(e) if isinstance(e, int) else printer[e] for e in known]

    def _type(self, shape: Shape, dtype: DType) -> str:
        return f"{dtype_text(dtype)}[{', '.join(self._extents(shape))}]"

    def _types(self, results: Iterable[ResultType]) -> str:
        return f"({', '.join(self._type(r.shape, r.dtype) for r in results)})"

    def _define(self, node: Node) -> None:
        if isinstance(node, Tensor):
            kind = self._type(node.shape, node.dtype)
            lines = self._tensor(node)
            self._lines.append(f"{self._names.add(node)}: {kind} = {lines[0]}")
            self._lines.extend("  " + line for line in lines[1:])
        else:
            assert isinstance(node, MultiNode)
            text = self._multi(node)
            self._lines.append(f"{self._names.add(node)} = {text}")

    def _tensor(self, node: Tensor) -> list[str]:
        if isinstance(node, Projection):
            return [f"{self._names[node.source]}.{node.position}"]
        if isinstance(node, Constant):
            return [f"constant({constant_text(node)})"]
        assert isinstance(node, Compute)
        return self._compute(node)

    def _compute(self, node: Compute) -> list[str]:
        axes = self._extents(node.reduce_extents)
        named = ", ".join(f"{index_name(node.rank + k)}<{text}" for k, text in enumerate(axes))
        head = f"{node.reducer} {named}".rstrip() + ":" if node.reducer else ""
        constrained = node.reducer is not None and node.domain is not TRUE
        printer = _Printer(self._names, [node.domain, node.body] if constrained else [node.body])
        where = [f"where {printer[node.domain]}:"] if constrained else []
        if printer.lets:
            return [head, *printer.lets, *where, printer[node.body]]
        return [" ".join(part for part in (head, *where, printer[node.body]) if part)]

    def _multi(self, node: MultiNode) -> str:
        operands = self._references(node.operands)
        graphs = [self._graph_names[g.digest] for g in sub_graphs(node)]
        if isinstance(node, Loop):
            return self._loop(node)
        if isinstance(node, Cond):
            references = self._references(node.operands[1:])
            return f"cond({self._names[node.operands[0]]}, {', '.join(graphs)}, {references})"
        if isinstance(node, Call):
            return f"call({json.dumps(node.policy)}, {json.dumps(node.tag)}, {graphs[0]}, {operands})"
        assert isinstance(node, Extern)
        parameters = json.dumps([list(p) for p in node.parameters])
        return f"extern({json.dumps(node.name)}, {parameters}, {operands}, {self._types(node.results)})"

    def _loop(self, node: Loop) -> str:
        trip = "none" if node.trip is None else self._extents([node.trip])[0]
        condition = "none" if node.condition is None else self._graph_names[node.condition.digest]
        first, second = node.state_count, node.state_count + node.sequence_count
        groups = (node.operands[:first], node.operands[first:second], node.operands[second:])
        parts = [self._graph_names[node.body.digest], condition, trip, *(self._references(g) for g in groups)]
        parts += ["reverse"] if node.reverse else []
        return f"loop({', '.join(parts)})"

    def _references(self, tensors: Iterable[Tensor]) -> str:
        return f"({', '.join(self._names[t] for t in tensors)})"


def constant_text(node: Constant) -> str:
    """The entries in row-major order: as literals when they are few and that is exact, else as base64."""
    value = node.value
    if value.size <= _LARGEST_PLAIN_CONSTANT and not _has_nan(value):
        return ", ".join(_entry_text(entry) for entry in value.ravel().tolist())
    little = value.astype(value.dtype.newbyteorder("<"), copy=False)
    return f'base64 "{base64.b64encode(little.tobytes()).decode()}"'


def _has_nan(value: np.ndarray) -> bool:
    return value.dtype.kind in "fc" and bool(np.isnan(value).any())


def _entry_text(entry: bool | int | float | complex) -> str:
    return _value_text(entry)


def graph_text(graph: Graph) -> str:
    """The program and every graph inside it."""
    order = inner_graphs(graph)
    names = {inner.digest: f"g{k}" for k, inner in enumerate(order[:-1])}
    lines: list[str] = []
    for inner in order:
        head = f"subgraph {names[inner.digest]}" if inner.digest in names else "graph"
        own = list(_GraphPrinter(inner, names).lines())
        lines.append(head + own[0])
        lines.extend("  " + line for line in own[1:])
        lines.append("}")
    return "\n".join(lines)


def tensor_text(tensor: Tensor) -> str:
    """The tensor and all that it is computed from, as a program with that one output."""
    inputs = tuple(node for node in graph_order([tensor]) if isinstance(node, Input))
    return graph_text(Graph(inputs, (tensor,)))


def multi_text(node: MultiNode) -> str:
    """The node, its operands called by their content."""
    results = ", ".join(f"{dtype_text(r.dtype)}[{', '.join(str(e) for e in r.shape)}]" for r in node.results)
    return f"{type(node).__name__}({results}) of {definition_text(node)}"


def definition_text(node: Node) -> str:
    """The one definition of ``node``; its operands are called by their names or their content."""
    if isinstance(node, Input):
        return f"{input_text(node)}: {dtype_text(node.dtype)}[{', '.join(str(e) for e in node.shape)}]"
    nested = {g.digest: f"graph_{g.digest.hex()[:8]}" for g in sub_graphs(node)}
    printer = _GraphPrinter(Graph((), ()), nested)
    printer._define(node)
    return "\n".join(printer._lines)


__all__ = [
    "ATOM",
    "INFIX",
    "KEYWORDS",
    "constant_text",
    "definition_text",
    "graph_text",
    "inner_graphs",
    "is_index_name",
    "multi_text",
    "operands_of",
    "scalar_text",
    "sub_graphs",
    "tensor_text",
]
