"""`formula.c()`: compiles as C99 without a warning, and computes what the function computes."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.present.source_cases import CASES, Case, leaves, named

import gradc
from gradc.errors import ArgumentError

COMPILER = shutil.which("gcc") or shutil.which("cc")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")


def compiled(source: str, folder: Path) -> Any:
    """The library made of a source."""
    text, library = folder / "f.c", folder / "f.so"
    text.write_text(source)
    flags = ["-std=c99", "-O1", "-Wall", "-Werror", "-fPIC", "-shared"]
    done = subprocess.run(
        [COMPILER or "cc", *flags, str(text), "-o", str(library), "-lm"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stderr}\n{source}"
    return ctypes.CDLL(str(library))


def check(function: Any, specs: tuple[Any, ...], arguments: tuple[Any, ...], folder: Path) -> None:
    """The C function gives what the Function gives."""
    formula = function.formula(*specs)
    source = formula.c()
    wanted = leaves(function(*arguments))
    record = function.record_for(*specs)
    captured = record.captured(function.function)
    values = [*leaves(list(arguments)), *captured]
    sizes: dict[str, int] = {}
    for tensor, value in zip(record.graph.inputs, values, strict=True):
        for extent, length in zip(tensor.shape, value.shape, strict=True):
            if not isinstance(extent, int):
                sizes[extent.name] = length
    head = source[re.search(r"^void (\w+)\(", source, re.MULTILINE).start() :]
    entry = getattr(compiled(source, folder), re.match(r"void (\w+)", head)[1])
    given: list[Any] = [ctypes.c_size_t(sizes[name]) for name in sorted(sizes)]
    kept = [np.array(v, t.dtype, order="C") for v, t in zip(values, record.graph.inputs, strict=True)]
    for value in kept:
        given.append(value.ctypes.data_as(ctypes.c_void_p) if value.shape else ctypes.c_double(value.item()))
    results = [np.full(w.shape, 77, w.dtype) for w in wanted]
    entry(*given, *[r.ctypes.data_as(ctypes.c_void_p) for r in results])
    for ours, other in zip(results, wanted, strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-11, atol=1e-13)


@needs_compiler
@pytest.mark.parametrize("case", CASES[::3], ids=lambda c: c.name)
def test_fixed_sizes(case: Case, tmp_path: Path):
    check(case.function, case.arguments, case.arguments, tmp_path)


@needs_compiler
@pytest.mark.parametrize("case", CASES[1::3], ids=lambda c: c.name)
def test_any_size(case: Case, tmp_path: Path):
    try:
        specs = tuple(named(a, {}) for a in case.arguments)
        case.function.formula(*specs)
    except (gradc.GradcError, TypeError, ValueError):
        pytest.skip("this function takes arrays of these sizes only")
    check(case.function, specs, case.arguments, tmp_path)


def test_it_reads_as_c():
    source = gradc.grad(lambda x: np.sum(x[:-1] * x[1:])).formula(gradc.vector("n")).c()
    assert "void f_gradient(size_t n, const double *x, double *out) {" in source
    assert "i + 2 <= n ? x[i + 1] : 0" in source


def test_a_library_call_is_refused():
    with pytest.raises(ArgumentError, match="no C source"):
        gradc.jit(lambda A, b: np.linalg.solve(A, b)).formula(gradc.matrix(3, 3), gradc.vector(3)).c()
