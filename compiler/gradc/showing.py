"""What a `Function` can show: its formula, and the text of every stage on the way to machine code."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from gradc.errors import ArgumentError
from gradc.ir.tensor import Input, Tensor

if TYPE_CHECKING:
    from gradc.compiled import Record
    from gradc.function import Transform
    from gradc.lower.cost import Cost
    from gradc.present import Formula
    from gradc.present.origin import Origin

Stage = Literal["traced", "differentiated", "simplified", "lowered"]
STAGES = ("traced", "differentiated", "simplified", "lowered")

#: Operators of vector calculus in front of a field's name: plain text and LaTeX.
_NABLA = {
    "divergence": ("div", r"\nabla \cdot"),
    "curl": ("curl", r"\nabla \times"),
    "laplacian": ("laplacian", r"\nabla^{2}"),
}


class Shown:
    """The methods of a `Function` that look inside. Example values or specs as arguments choose the signature; with none
    it is that of the last call, or, before any call, scalars.
    """

    function: Any
    transform: Transform

    def record_for(self, *args: Any, **kwargs: Any) -> Record:
        """All stages for a signature."""
        raise NotImplementedError

    def formula(self, *args: Any, **kwargs: Any) -> Formula:
        """The derived expression, as LaTeX, text and SymPy.

        >>> import gradc
        >>> formula = gradc.grad(lambda x: 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1).formula()
        >>> print(formula.latex())
        8 x^{3} + 3 x^{2} + 6 x + 5
        """
        from gradc.present import formula_of

        record = self.record_for(*args, **kwargs)
        origin = self._origin(record)
        names, left = self._output_names(record, origin)
        return formula_of(record.simplified, output_names=names, lhs=left, origin=origin)

    def _origin(self, record: Record) -> Origin:
        from gradc.present.origin import Origin

        name = getattr(self.function, "__name__", "f")
        labels = self.transform.labels(record.traced)
        count = len(record.graph.outputs)
        if len(labels) != count:
            labels = [("", ())] * count
        functions = tuple(traced.graph for traced in record.traced)
        captures = {c.input.name: c for traced in record.traced for c in (*traced.captures, *record.captures)}
        data = {name: capture.read(self.function) for name, capture in captures.items()}
        lines = {node: line for traced in record.traced for node, line in traced.lines.items()}
        name = name if name.isidentifier() else "f"
        return Origin(functions, tuple(labels), name, data, self.transform.name, record.tree, lines)

    def _output_names(self, record: Record, origin: Origin) -> tuple[list[str], list[str]]:
        """Plain and LaTeX names of the outputs."""
        name, count = origin.name, len(origin.labels)
        before = _differentiated_before(self.function)
        inputs = record.graph.inputs
        ordinary = len(inputs) == 1 and inputs[0].rank == 0
        plain, latex = [], []
        for position, (kind, variables) in enumerate(origin.labels):
            wrt = (*before, *variables) if kind == "derivative" else variables
            suffix = f"[{position}]" if kind == "" and count > 1 else ""
            plain.append(_plain_label(kind, f"{name}{suffix}", wrt))
            full = f"{name}{suffix}"
            latex.append(_latex_label(kind, full, wrt, _symbols(full, record.graph.inputs), ordinary))
        return plain, latex

    def ir(self, *args: Any, stage: Stage = "simplified", **kwargs: Any) -> str:
        """The graph as text at one stage: 'traced', 'differentiated', 'simplified' or 'lowered' (the loops).

        >>> import gradc
        >>> print(gradc.grad(lambda x: x**3).ir())
        graph(x: float64[]) {
          t0: float64[] = 3. * x[] ^ 2.
          return t0
        }
        """
        if stage not in STAGES:
            raise ArgumentError(f"stage is one of {', '.join(STAGES)}, not {stage!r}")
        record = self.record_for(*args, **kwargs)
        if stage == "traced":
            return "\n".join(str(traced.graph) for traced in record.traced)
        if stage == "differentiated":
            return str(record.graph)
        return str(record.simplified) if stage == "simplified" else str(record.kernel.lowered)

    def llvm(self, *args: Any, **kwargs: Any) -> str:
        """The LLVM assembly that is compiled."""
        return str(self.record_for(*args, **kwargs).kernel.llvm)

    def asm(self, *args: Any, **kwargs: Any) -> str:
        """The assembly of this machine."""
        return str(self.record_for(*args, **kwargs).kernel.assembly())

    def cost(self, *args: Any, **kwargs: Any) -> Cost:
        """What one call does, and the least time that this machine allows it.

        ``print`` shows a line for each part of the kernel: floating-point operations, bytes read and written, the
        roofline's time and what it is bound by, and whether the part runs on vectors (or why not) and on several
        threads. The same numbers are in ``groups``.

        >>> import gradc
        >>> import numpy as np
        >>> cost = gradc.jit(lambda x: np.cumsum(np.exp(x))).cost(np.ones(1000))
        >>> cost.bytes_moved, cost.workspace_bytes
        (16000.0, 0)
        >>> cost.groups[0].code
        '1 lane: a running sum goes in order'
        """
        cost: Cost = self.record_for(*args, **kwargs).kernel.cost
        return cost


def _plain_label(kind: str, name: str, wrt: Sequence[str]) -> str:
    if kind in ("", "value"):
        return name
    if kind in _NABLA:
        return f"{_NABLA[kind][0]} {name}"
    order = len(wrt)
    power = f"^{order}" if order > 1 else ""
    return f"d{power}{name}/{''.join(f'd{path}' for path in wrt)}"


def _symbols(name: str, inputs: Sequence[Tensor]) -> dict[str, str]:
    """The LaTeX of each input, as the formula itself writes it, and of the function's own name."""
    from gradc.present.symbols import symbols_of

    names = [t.name for t in inputs if isinstance(t, Input)]
    symbols = symbols_of([*names, name], [*[t.rank for t in inputs], 0])
    return {name: symbols[-1].latex} | {path: symbol.latex for path, symbol in zip(names, symbols[:-1], strict=True)}


def _differentiated_before(function: Any) -> tuple[str, ...]:
    """The parameters by which a function of numbers is a derivative already: x in ``grad(grad(f))``."""
    found: tuple[str, ...] = ()
    while isinstance(function, Shown) and function.transform.name in ("grad", "jit"):
        if function.transform.name == "grad":
            position = getattr(function.transform, "argnums", None)
            parameters = list(inspect.signature(function.function).parameters)
            if not isinstance(position, int) or not -len(parameters) <= position < len(parameters):
                return ()
            found = (parameters[position], *found)
        function = function.function
    return found


def _latex_label(kind: str, name: str, wrt: Sequence[str], symbols: dict[str, str], ordinary: bool = False) -> str:
    r"""A left-hand side: \partial, or d for a function of one number."""
    symbol = symbols[name]
    if kind in ("", "value"):
        return symbol
    if kind in _NABLA:
        return f"{_NABLA[kind][1]} {symbol}"
    variables = [symbols.get(path, path) for path in wrt]
    power = f"^{{{len(wrt)}}}" if len(wrt) > 1 else ""
    sign = "d" if ordinary else r"\partial"
    if len(set(wrt)) == 1 and len(wrt) > 1:
        below = f"{sign} {variables[0]}^{{{len(wrt)}}}"
    else:
        below = r" \, ".join(f"{sign} {variable}" for variable in variables)
    return rf"\frac{{{sign}{power} {symbol}}}{{{below}}}"
