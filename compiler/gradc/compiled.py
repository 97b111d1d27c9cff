"""What is known about a function at one signature: every stage from the traced graph to machine code."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Sequence
from threading import RLock
from typing import Any

import numpy as np

from gradc.config import checking, debug_level, dump_folder
from gradc.errors import CompileError
from gradc.evaluate import evaluate
from gradc.ir.tensor import Extern, Graph, Input
from gradc.ir.walk import graph_order
from gradc.simplify import simplify
from gradc.stages import CertifiedKernel, observed, report
from gradc.trace.records import Capture, Traced
from gradc.trace.surroundings.access import Root
from gradc.trace.surroundings.conditions import Condition
from gradc.written import Written
from gradc_runtime.entry import at_fork


class Record:
    """A function under a transform, at one signature: every stage, each made when first asked for."""

    def __init__(
        self,
        traced: tuple[Traced, ...],
        graph: Graph,
        tree: Any,
        captures: tuple[Capture, ...],
        conditions: tuple[Condition, ...],
        pins: tuple[tuple[int, np.ndarray], ...],
        volatile: bool,
        written: tuple[Written, ...] = (),
        is_stored: bool = False,
    ) -> None:
        #: the user's function as it was traced (one record per call of it; most transforms call once)
        self.traced = traced
        #: the transformed graph, before simplification; its inputs are the argument leaves, then the captures
        self.graph = graph
        #: the structure of the result
        self.tree = tree
        self.captures = captures
        self.conditions = conditions
        self.pins = pins
        #: the trace met an array whose origin is unknown, and must not be used again
        self.volatile = volatile
        #: the caller's arrays that the function writes to, and whether they get their new content
        self.written = written
        self.is_stored = is_stored

    @functools.cached_property
    def simplified(self) -> Graph:
        """The graph that is compiled."""
        for traced in self.traced:
            observed("traced", self.name, traced.graph)
        return observed("simplified", self.name, simplify(observed("differentiated", self.name, self.graph)))

    @property
    def name(self) -> str:
        """The user's name for the function."""
        return str(getattr(self.traced[0].function, "__name__", "function")) if self.traced else "function"

    @functools.cached_property
    def kernel(self) -> Any:
        """The machine code. Equal graphs share one."""
        kernel = kernel_of(self.simplified)
        if (debug_level() or dump_folder()) and not isinstance(kernel, Interpreted):
            report("lowered", self.name, kernel.lowered)
            report("cost", self.name, kernel.cost)
            report("llvm", self.name, kernel.llvm)
        return (
            CertifiedKernel(kernel, self.simplified) if checking() and not isinstance(kernel, Interpreted) else kernel
        )

    @functools.cached_property
    def storing_kernel(self) -> Any:
        """Machine code that also gives what the written arrays hold, after the outputs."""
        contents = tuple(item.content for item in self.written)
        return kernel_of(simplify(Graph(self.graph.inputs, (*self.graph.outputs, *contents))))

    def holds(self, function: Root, leaves: Sequence[Any]) -> bool:
        """Whether everything that the trace relied on is still so."""
        try:
            for condition in self.conditions:
                if not condition.holds(function):
                    return False
            for position, value in self.pins:
                if leaves[position] != value:
                    return False
        except (AttributeError, LookupError, NameError, TypeError, ValueError):
            return False  # a path that no longer leads anywhere
        return True

    def captured(self, function: Root) -> list[np.ndarray] | None:
        """The present values of the captures; None where their type, dtype or shape has changed."""
        values: list[np.ndarray] = []
        for capture in self.captures:
            try:
                value = capture.read(function)
            except (AttributeError, LookupError, NameError, TypeError, ValueError):
                return None
            if capture.weak != (not isinstance(value, np.ndarray | np.generic)) or isinstance(value, bool):
                return None
            array = np.asarray(value)
            tensor = capture.input
            if array.shape != tensor.shape or array.dtype.newbyteorder("=") != tensor.dtype:
                return None
            values.append(prepared(array, tensor))
        return values


_kernels: OrderedDict[bytes, Any] = OrderedDict()
_KERNELS_KEPT = 1024
lock = RLock()
at_fork(lock._at_fork_reinit)  # type: ignore[attr-defined]


class Interpreted:
    """A graph that runs on the reference evaluator: one with operations on complex numbers that have no machine code."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __getattr__(self, name: str) -> Any:
        if name in ("llvm", "lowered", "assembly", "cost"):
            raise CompileError(
                "this function of complex numbers is evaluated, not lowered to machine code, so there is none to show"
            )
        raise AttributeError(name)

    def __call__(self, values: Sequence[np.ndarray], out: Sequence[np.ndarray] | None = None) -> list[np.ndarray]:
        """The outputs of the graph for these inputs."""
        with np.errstate(all="ignore"):
            results = [
                np.array(r, t.dtype) for r, t in zip(evaluate(self._graph, values), self._graph.outputs, strict=True)
            ]
        for buffer, result in zip(out or (), results, strict=False):
            np.copyto(buffer, result)
        return results if out is None else list(out)


class WithCofactors:
    """A kernel with cofactors in it: it refuses a singular matrix, whose cofactors the reference evaluator knows."""

    def __init__(self, kernel: Any, graph: Graph) -> None:
        self._kernel = kernel
        self._evaluated = Interpreted(graph)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kernel, name)

    def __call__(self, values: Sequence[np.ndarray], out: Sequence[np.ndarray] | None = None) -> list[np.ndarray]:
        """The outputs of the graph for these inputs."""
        try:
            return self._kernel(values, out)  # type: ignore[no-any-return]
        except np.linalg.LinAlgError:
            return self._evaluated(values, out)


def _compiled(graph: Graph) -> Any:
    from gradc.lower import NotInParts, compile_graph

    try:
        kernel = compile_graph(graph)
    except NotInParts:
        return Interpreted(graph)
    has_cofactors = any(isinstance(n, Extern) and n.name == "cofactor" for n in graph_order(graph.outputs))
    return WithCofactors(kernel, graph) if has_cofactors else kernel


def kernel_of(graph: Graph) -> Any:
    """The kernel of a graph; equal graphs share one."""
    with lock:
        kernel = _kernels.get(graph.digest)
        if kernel is None:
            kernel = _compiled(graph)
            _kernels[graph.digest] = kernel
            if len(_kernels) > _KERNELS_KEPT:
                _kernels.popitem(last=False)
        else:
            _kernels.move_to_end(graph.digest)
        return kernel


def prepared(array: np.ndarray, tensor: Input) -> np.ndarray:
    """The array as kernels take it: C-contiguous, aligned, native byte order."""
    flags = array.flags
    if flags.c_contiguous and flags.aligned and array.dtype == tensor.dtype and array.dtype.isnative:
        return array
    return np.require(np.array(array, dtype=tensor.dtype, order="C", copy=None), requirements=("C", "A"))
