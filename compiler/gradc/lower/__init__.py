"""Lowering: from comprehensions to loops to machine code. `compile_graph` is the whole chain."""

from __future__ import annotations

from gradc.config import checking
from gradc.errors import CompileError, SettingError
from gradc.ir.tensor import Compute, Constant, Extern, Graph, Input, Tensor
from gradc.ir.text import sub_graphs
from gradc.ir.walk import graph_order
from gradc.lower.calls import LOWERED
from gradc.lower.complex_operations import NotInParts
from gradc.lower.kernel import Kernel
from gradc_runtime.engine import UnknownTarget
from gradc_runtime.threads import ThreadCountError


def compile_graph(graph: Graph) -> Kernel:
    """The graph as machine code for this machine.

    Raises
    ------
    NotInParts
        Where complex numbers go through something that is not code of real ones: a library call, a special function.

    """
    from gradc.lower.chain import compile_checked

    _check_lowerable(graph)
    try:
        if checking():
            from gradc.ir.check import check

            return compile_checked(graph, lambda _, between: check(between))
        return compile_checked(graph)
    except (UnknownTarget, ThreadCountError) as error:
        raise SettingError(str(error)) from None


def _check_lowerable(graph: Graph) -> None:
    for node in graph_order(graph.outputs):
        if isinstance(node, Extern) and node.name not in LOWERED:
            raise CompileError(
                f"{node.name} calls are not lowered to machine code; evaluate this graph with gradc.evaluate"
            )
        for inner in sub_graphs(node):
            _check_lowerable(inner)
        if isinstance(node, Input) and node not in graph.inputs:
            raise CompileError(f"the graph reads {node.name}, which is not among its inputs")
    assert all(isinstance(t, Tensor) for t in graph.outputs)


__all__ = ["Compute", "Constant", "Kernel", "NotInParts", "compile_graph"]
