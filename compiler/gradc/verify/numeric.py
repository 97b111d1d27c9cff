"""`check_grads`: derivatives against numerical differentiation, in both modes and to any order.

The complex step compares a derivative with the graph it was derived from to nearly all digits; high-order central
differences of the user's own function, called as plain NumPy, catch a fault of tracing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.differentiate import gradient, pushforward
from gradc.errors import ArgumentError, GradcError
from gradc.evaluate import COMPLEX, NUMPY, evaluate
from gradc.ir.tensor import Graph, Input, Tensor, constant
from gradc.simplify import simplify_outputs
from gradc.trace.containers import flatten, unflatten
from gradc.trace.tracing import trace

Array = np.ndarray[Any, Any]
Run = Callable[[Graph, Sequence[Array]], Sequence[Array]]

MODES = ("forward", "reverse")
#: What other systems call them.
_ALSO = {"fwd": "forward", "rev": "reverse"}
_COMPLEX_STEP = 1e-60
#: Relative differences that pass: by complex step, by differences of the user's function, and for float32.
_SHARP, _DIFFERENCES, _SINGLE = 1e-9, 1e-5, 1e-3


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = MODES,
    *,
    rtol: float | None = None,
    seed: int = 0,
    run: Run | None = None,
) -> None:
    """Raise an `AssertionError` where derivatives of ``f`` at ``args`` and numerical differentiation differ.

    Parameters
    ----------
    f
        The function, in plain NumPy.
    args
        Its arguments: numbers, arrays, containers of them. Floats and complex numbers are differentiated, integers are data.
    order
        Up to which order.
    modes
        ``"forward"`` (or ``"fwd"``), ``"reverse"`` (``"rev"``) or both.
    rtol
        The relative difference that passes; by default what each method of differentiation can promise.
    seed
        Chooses the directions of differentiation.
    run
        What evaluates a graph (by default the reference evaluator).

    >>> check_grads(lambda x: np.sum(np.sin(x) ** 2), (np.arange(3.0),))

    """
    modes = [_ALSO.get(mode, mode) for mode in ([modes] if isinstance(modes, str) else modes)]
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown or not modes:
        raise ArgumentError(f"modes are {' and '.join(MODES)}, not {', '.join(unknown) or 'none'}")
    if order < 1:
        raise ArgumentError(f"order={order} checks nothing; it is 1 or more")
    _Check(f, args, modes, rtol, np.random.default_rng(seed), run or _interpret).run(order)


def _interpret(graph: Graph, values: Sequence[Array]) -> Sequence[Array]:
    with np.errstate(all="ignore"):
        return evaluate(graph, values, NUMPY)


class _Check:
    def __init__(
        self,
        f: Callable[..., Any],
        args: Sequence[Any],
        modes: Sequence[str],
        rtol: float | None,
        generator: np.random.Generator,
        run: Run,
    ) -> None:
        self._function, self._modes, self._rtol, self._run, self._generator = f, modes, rtol, run, generator
        leaves, self._structure = flatten(tuple(args))
        self._leaves = [float(leaf) if type(leaf) is int else leaf for leaf in leaves]
        traced = trace(f, unflatten(self._structure, self._leaves))
        self._graph = traced.graph
        self._paths = [argument.path for argument in traced.arguments]
        captured = [np.asarray(capture.read(f), capture.input.dtype) for capture in traced.captures]
        self._values = [np.asarray(leaf) for leaf in self._leaves if not _is_structure(leaf)] + captured
        count = len(traced.arguments)
        self._wrt = [node for node in self._graph.inputs[:count] if node.dtype.kind in "fc"]
        if not self._wrt:
            raise ArgumentError("no argument holds floats: there is nothing to differentiate in")
        self._directions = {node: self._random(self._value(node)) for node in self._wrt}

    def _value(self, node: Input) -> Array:
        return self._values[self._graph.inputs.index(node)]

    def _random(self, like: Array) -> Array:
        def drawn() -> Array:
            signs = self._generator.choice([-1.0, 1.0], np.shape(like))
            return self._generator.uniform(0.5, 1.5, np.shape(like)) * signs  # type: ignore[no-any-return]

        return drawn() + 1j * drawn() if np.iscomplexobj(like) else drawn()

    # ------------------------------------------------------------ orders

    def run(self, order: int) -> None:
        """Check order after order: each is the first order of the gradient before it."""
        outputs = tuple(output for output in simplify_outputs(self._graph.outputs) if output.dtype.kind in "fc")
        if not outputs:
            raise ArgumentError("no result holds floats: there is nothing to differentiate")
        for k in range(1, order + 1):
            graph = Graph(self._graph.inputs, outputs)
            values = self._run(graph, self._values)
            cotangents = [self._random(value).astype(np.asarray(value).dtype) for value in values]
            expected, method, tolerance = self._numerical(graph, k)
            if "forward" in self._modes:
                self._check_forward(outputs, expected, method, tolerance, k)
            pulled = simplify_outputs(gradient(outputs, [constant(c) for c in cotangents], self._wrt))
            if "reverse" in self._modes:
                self._check_reverse(pulled, cotangents, expected, method, tolerance, k)
            outputs = tuple(pulled)

    def _check_forward(
        self, outputs: Sequence[Tensor], expected: Sequence[Array], method: str, tolerance: float, order: int
    ) -> None:
        directions = [constant(self._directions[node].astype(node.dtype)) for node in self._wrt]
        pushed = simplify_outputs(pushforward(outputs, self._wrt, directions))
        values = self._run(Graph(self._graph.inputs, tuple(pushed)), self._values)
        for position, (ours, theirs) in enumerate(zip(values, expected, strict=True)):
            self._compare(ours, theirs, tolerance, f"forward mode, order {order}, result {position}", method)

    def _check_reverse(
        self,
        pulled: Sequence[Tensor],
        cotangents: Sequence[Array],
        expected: Sequence[Array],
        method: str,
        tolerance: float,
        order: int,
    ) -> None:
        """``Re(cotangent . (J v))`` against ``Re((cotangent J) . v)``, all arguments together."""
        values = self._run(Graph(self._graph.inputs, tuple(pulled)), self._values)
        ours = sum(np.sum(value * self._directions[node]).real for value, node in zip(values, self._wrt, strict=True))
        theirs = sum(np.sum(c * e).real for c, e in zip(cotangents, expected, strict=True))
        names = ", ".join(self._paths[self._graph.inputs.index(node)] for node in self._wrt)
        self._compare(
            np.asarray(ours), np.asarray(theirs), tolerance, f"reverse mode, order {order}, in {names}", method
        )

    def _compare(self, ours: Array, theirs: Array, tolerance: float, where: str, method: str) -> None:
        tolerance = self._rtol if self._rtol is not None else tolerance
        scale = max(float(np.max(np.abs(theirs), initial=0.0)), 1e-8)
        gap = np.abs(_wide(ours) - theirs)
        wrong = ~(gap <= tolerance * scale)
        if not wrong.any():
            return
        entry = tuple(int(k) for k in np.argwhere(wrong)[0])
        place = f", entry [{', '.join(map(str, entry))}]" if entry else ""
        raise AssertionError(
            f"{where}{place}: the derivative is {np.asarray(ours)[entry]:.12g}, {method} gives {theirs[entry]:.12g} "
            f"({int(wrong.sum())} of {wrong.size} entries differ; {tolerance:.0e} relative is allowed). "
            "At a kink, or where rounding is large, numerical differentiation itself is wrong: try another point."
        )

    # ------------------------------------------------------------ numerical differentiation

    def _numerical(self, graph: Graph, order: int) -> tuple[list[Array], str, float]:
        """The derivative along the directions, how it was found, and how exact that is."""
        single = any(node.dtype in (np.float32, np.complex64) for node in (*self._wrt, *graph.outputs))
        sharp = self._complex_step(graph)
        if order == 1:
            differences = _extrapolated(self._along_direction)
            if sharp is None:
                return differences, "central differences", _SINGLE if single else _DIFFERENCES
            for position, (ours, theirs) in enumerate(zip(sharp, differences, strict=True)):
                tolerance = _SINGLE if single else _DIFFERENCES
                self._compare(
                    ours, theirs, tolerance, f"the traced function, result {position}", "differencing f itself"
                )
        if sharp is not None:
            return sharp, "the complex step", _SINGLE if single else _SHARP
        steps = _extrapolated(lambda step: self._moved(graph, step))
        return steps, "central differences", _SINGLE if single else _DIFFERENCES

    def _complex_step(self, graph: Graph) -> list[Array] | None:
        moved = [
            value + 1j * _COMPLEX_STEP * self._directions[node] if node in self._directions else value
            for node, value in zip(graph.inputs, self._values, strict=True)
        ]
        try:
            with np.errstate(all="ignore"):
                values = evaluate(graph, moved, COMPLEX)
        except (GradcError, TypeError, ValueError):
            return None
        derivatives = [np.imag(value) / _COMPLEX_STEP for value in values]
        return derivatives if all(np.isfinite(d).all() for d in derivatives) else None

    def _moved(self, graph: Graph, step: float) -> list[Array]:
        values = [
            value + step * self._directions[node] if node in self._directions else value
            for node, value in zip(graph.inputs, self._values, strict=True)
        ]
        return [_wide(value) for value in self._run(graph, values)]

    def _along_direction(self, step: float) -> list[Array]:
        """The user's own function, plain NumPy, at a point moved along the directions."""
        nodes = iter(self._graph.inputs)
        leaves = []
        for leaf in self._leaves:
            if _is_structure(leaf):
                leaves.append(leaf)
                continue
            node = next(nodes)
            moved = node in self._directions
            leaves.append(_wide(leaf) + step * self._directions[node] if moved else leaf)
        with np.errstate(all="ignore"):
            results = flatten(self._function(*unflatten(self._structure, leaves)))[0]
        return [_wide(r) for r in results if np.asarray(r).dtype.kind in "fc"]


def _wide(value: Any) -> Array:
    """A number or array in double precision, complex ones as complex numbers."""
    return np.asarray(value, np.result_type(np.asarray(value).dtype, np.float64))


def _is_structure(leaf: Any) -> bool:
    """Whether a leaf is no number or array (a string, a bool): then it is no input of the graph."""
    return isinstance(leaf, bool) or not isinstance(leaf, int | float | complex | np.ndarray | np.generic)


def _extrapolated(function: Callable[[float], list[Array]], first: float = 1e-2, levels: int = 5) -> list[Array]:
    """The derivative at 0 by central differences with Richardson's extrapolation, the most settled of the levels."""
    rows: list[list[list[Array]]] = []
    best: list[Array] = []
    best_error: list[float] = []
    for level in range(levels):
        step = first / 2**level
        above, below = function(step), function(-step)
        row = [[(a - b) / (2 * step) for a, b in zip(above, below, strict=True)]]
        for k in range(1, level + 1):
            factor = 4.0**k
            row.append([(factor * x - y) / (factor - 1) for x, y in zip(row[k - 1], rows[-1][k - 1], strict=True)])
        for position, value in enumerate(row[-1]):
            gap = float(np.max(np.abs(value - rows[-1][-1][position]), initial=0.0)) if rows else np.inf
            if level == 0:
                best.append(value)
                best_error.append(np.inf)
            elif gap < best_error[position]:
                best[position], best_error[position] = value, gap
        rows.append(row)
    return best
