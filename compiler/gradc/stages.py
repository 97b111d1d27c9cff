"""What happens beside the pipeline when the environment asks for it: checks, prints and files of each stage.

See `gradc.config` for the variables.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradc import config
from gradc.errors import InternalError
from gradc.ir.tensor import Graph

#: From which debug level on a stage is printed.
_LEVELS = {"traced": 3, "differentiated": 3, "simplified": 2, "lowered": 4, "llvm": 5}

#: Results of a kernel and of the evaluator differ by rounding and the order of sums; float32 has half the digits.
_TOLERANCES = {4: 1e-3, 8: 1e-8}
#: Kernels that do more than this are not repeated by the evaluator, which is thousands of times slower.
_MOST_FLOPS = 1e7


def observed(stage: str, name: str, graph: Graph) -> Graph:
    """The graph itself; checked, printed and written as the environment asks."""
    if config.checking():
        from gradc.ir.check import check

        check(graph)
    report(stage, name, graph)
    return graph


def report(stage: str, name: str, content: object) -> None:
    """Print or write one stage, if that is asked for."""
    if config.debug_level() >= _LEVELS[stage]:
        sys.stderr.write(f"# gradc {stage} {name}\n{content}\n")
    folder = config.dump_folder()
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        safe = "".join(c if c.isalnum() else "_" for c in name)
        count = len(list(folder.glob(f"{safe}.*.{stage}")))
        (folder / f"{safe}.{count}.{stage}").write_text(f"{content}\n")


class CertifiedKernel:
    """A kernel whose every result is compared with the reference evaluator before it is handed out."""

    def __init__(self, kernel: Any, graph: Graph) -> None:
        self._kernel = kernel
        self._graph = graph

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kernel, name)

    def __call__(self, values: Sequence[np.ndarray], out: Sequence[np.ndarray] | None = None) -> list[np.ndarray]:
        from gradc.evaluate import evaluate

        small = self._kernel.cost.flops <= _MOST_FLOPS
        before = [np.array(value) for value in values] if small else []
        results: list[np.ndarray] = self._kernel(values, out)
        if small:
            for position, (ours, reference) in enumerate(zip(results, evaluate(self._graph, before), strict=True)):
                _compare(position, ours, np.asarray(reference), self._graph)
        return results


def _compare(position: int, ours: np.ndarray, reference: np.ndarray, graph: Graph) -> None:
    if ours.shape != reference.shape or ours.dtype != reference.dtype:
        raise InternalError(
            f"output {position}: the kernel gives {ours.dtype}{ours.shape}, the evaluator "
            f"{reference.dtype}{reference.shape}\n{graph}"
        )
    if ours.dtype.kind not in "fc":
        same = np.array_equal(ours, reference)
    else:
        tolerance = _TOLERANCES[ours.dtype.itemsize // (2 if ours.dtype.kind == "c" else 1)]
        finite = np.abs(reference[np.isfinite(reference)])
        scale = float(finite.max()) if finite.size else 0.0
        same = np.allclose(ours, reference, rtol=tolerance, atol=tolerance * scale, equal_nan=True)
    if not same:
        raise InternalError(f"output {position}: kernel {ours!r}, evaluator {reference!r}\n{graph}")
