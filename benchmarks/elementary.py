"""The elementary functions: time per element and worst error. ``python -m benchmarks.elementary [--points N] [exp sin ...]``.

Times are of arrays of 4,096 numbers in the cache, into the caller's buffer, the best of many rounds taken in turns: gradc
as its kernels run, gradc with calls of the C library instead (the column libm), and NumPy or SciPy. Errors are of gradc,
against mpmath, in units in the last place, over the whole domain and where it is hard.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

LENGTH = 4096
ROUNDS = 40
TESTS = Path(__file__).parents[1] / "tests" / "lower"

#: NumPy's or SciPy's name, where it differs
NAMES = {
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "atan2": "arctan2",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
    "pow": "power",
    "sigmoid": "expit",
}
#: where the times are taken, if not from -3 to 3
RANGES = {
    "log": (0.1, 10.0),
    "log2": (0.1, 10.0),
    "log10": (0.1, 10.0),
    "log1p": (-0.5, 5.0),
    "asin": (-1.0, 1.0),
    "acos": (-1.0, 1.0),
    "atanh": (-0.99, 0.99),
    "acosh": (1.0, 10.0),
    "pow": (0.1, 3.0),
}


def from_tests(name: str) -> ModuleType:
    """A module beside the tests: the functions in loops of their own, and in exact arithmetic."""
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, TESTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def numpy_function(name: str) -> Callable[..., Any] | None:
    """The ufunc of NumPy, or of SciPy."""
    import scipy.special

    known = NAMES.get(name, name)
    return getattr(np, known, None) or getattr(scipy.special, known, None)


def best_times(calls: Sequence[Callable[[], Any] | None]) -> list[float | None]:
    """Nanoseconds per element of each call, taken in turns."""
    best = [float("inf")] * len(calls)
    for _ in range(ROUNDS):
        for position, call in enumerate(calls):
            if call is None:
                continue
            start = time.perf_counter()
            for _ in range(4):
                call()
            best[position] = min(best[position], (time.perf_counter() - start) / 4)
    return [None if call is None else 1e9 * b / LENGTH for call, b in zip(calls, best, strict=True)]


def row(name: str, dtype: str, points: int) -> list[str]:
    """The times and the worst error of a function."""
    elementwise, exact = from_tests("elementwise"), from_tests("exact_functions")
    arity = exact.ARITY.get(name, 1)
    rng = np.random.default_rng(0)
    operands = [rng.uniform(*RANGES.get(name, (-3.0, 3.0)), LENGTH).astype(dtype) for _ in range(arity)]
    out = np.empty(LENGTH, dtype)
    widest = elementwise.widest_lanes(dtype)
    ours = elementwise.compiled(name, arity, dtype, widest)
    libm = elementwise.compiled(name, arity, dtype, 1, has_fma=False)
    theirs = numpy_function(name)
    calls = [ours.into(out, *operands), libm.into(out, *operands)]
    times = best_times([*calls, None if theirs is None else lambda: theirs(*operands, out=out)])
    samples = exact.arguments(name, dtype, points, seed=1)
    distances = elementwise.ulps(ours(*samples), exact.EXACT[name], *samples, precision=exact.PRECISION.get(name, 300))
    return [*("-" if t is None else f"{t:.2f}" for t in times), f"{distances.max():.2f}"]


def table(names: Sequence[str] = (), points: int = 500) -> Iterator[str]:
    """The lines of the table, for some functions or all; so many samples per part of a domain for the errors."""
    columns = ["gradc", "libm", "NumPy", "worst ULP"]
    yield "|  | " + " | ".join([f"float64: {columns[0]}", *columns[1:], f"float32: {columns[0]}", *columns[1:]]) + " |"
    yield "|---" * 9 + "|"
    for name in names or list(from_tests("exact_functions").EXACT):
        cells = [cell for dtype in ("f8", "f4") for cell in row(name, dtype, points)]
        yield f"| {name} | " + " | ".join(cells) + " |"


def main(argv: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.elementary", description=__doc__)
    parser.add_argument("--points", type=int, default=500, help="samples per part of a domain for the errors")
    parser.add_argument("functions", nargs="*")
    options = parser.parse_args(argv)
    for line in table(options.functions, options.points):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
