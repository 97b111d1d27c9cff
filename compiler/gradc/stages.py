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
from gradc.ir.walk import tensors_of

#: From which debug level on a stage is printed.
_LEVELS = {"traced": 3, "differentiated": 3, "simplified": 2, "lowered": 4, "cost": 4, "llvm": 5}

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
    """A kernel compared with the reference evaluator at its calls number 1, 2, 4, 8, ..., before the result is handed out."""

    def __init__(self, kernel: Any, graph: Graph) -> None:
        self._kernel = kernel
        self._graph = graph
        self._small = kernel.cost.flops <= _MOST_FLOPS
        self._calls = 0
        self._tolerance = _TOLERANCES[_narrowest(graph)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kernel, name)

    def __call__(self, values: Sequence[np.ndarray], out: Sequence[np.ndarray] | None = None) -> list[np.ndarray]:
        self._calls += 1
        if not self._small or self._calls & (self._calls - 1):
            return self._kernel(values, out)  # type: ignore[no-any-return]
        before = [np.array(value) for value in values]  # the results may be written over an input
        results: list[np.ndarray] = self._kernel(values, out)
        self._certify(results, before)
        return results

    def _certify(self, results: Sequence[np.ndarray], values: Sequence[np.ndarray]) -> None:
        references = self._evaluated(values)
        noise: list[Any] | None = None
        for position, (ours, reference) in enumerate(zip(results, references, strict=True)):
            if _agree(ours, reference, self._tolerance):
                continue
            noise = self._noise(values, references) if noise is None else noise
            if not _agree(ours, reference, self._tolerance, noise[position]):
                raise InternalError(
                    f"output {position}: the kernel gives {ours.dtype} {ours!r}, the evaluator {reference.dtype} "
                    f"{reference!r}\n{self._graph}"
                )

    def _evaluated(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        from gradc.evaluate import evaluate

        return [np.asarray(result) for result in evaluate(self._graph, values)]

    def _noise(self, values: Sequence[np.ndarray], references: Sequence[np.ndarray]) -> list[Any]:
        """How far the results move when every operation is off by a rounding: where terms cancel, no digit may be left."""
        from gradc.evaluate import Rounding, evaluate

        spread: list[Any] = [0.0] * len(references)
        for seed in range(4):
            for position, result in enumerate(evaluate(self._graph, values, Rounding(seed))):
                if result.dtype.kind in "fc":
                    with np.errstate(invalid="ignore"):
                        distance = np.abs(result - references[position])
                    spread[position] = np.fmax(spread[position], distance)
        return spread


def _narrowest(graph: Graph) -> int:
    """Bytes of the narrowest float that the graph computes with: a float64 may hold what float32 gave."""
    return min((4 for t in tensors_of(graph) if t.dtype in ("float32", "complex64")), default=8)


def _agree(ours: np.ndarray, reference: np.ndarray, tolerance: float, noise: Any = 0.0) -> bool:
    if ours.shape != reference.shape or ours.dtype != reference.dtype:
        return False
    if ours.dtype.kind not in "fc":
        return np.array_equal(ours, reference)
    if ours.dtype.kind == "c":  # their infinities have many spellings: such an entry says nothing
        told = np.isfinite(reference)
        ours, reference, noise = ours[told], reference[told], np.broadcast_to(noise, told.shape)[told]
    finite = np.abs(reference[np.isfinite(reference)])
    scale = min(float(finite.max(initial=0.0)), float(np.finfo(np.float64).max))
    allowed = tolerance * scale + 64 * np.nan_to_num(noise, posinf=0.0)
    return bool(np.all(np.isclose(ours, reference, rtol=tolerance, atol=allowed, equal_nan=True)))
