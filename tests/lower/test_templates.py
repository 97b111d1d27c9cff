"""Recorded code, pasted: what nobody takes of its results is left out."""

from __future__ import annotations

import numpy as np

from gradc.ir.build import comprehension
from gradc.ir.scalar import apply, load
from gradc.ir.tensor import Graph, input_tensor
from gradc.lower import compile_graph
from gradc.lower.module import Module, Template
from gradc.lower.text import FunctionBuilder

TWO_RESULTS = Template(
    "  %shared# = fadd double ?0, ?0\n"
    "  %twice# = fmul double %shared#, %shared#\n"
    "  %unused# = fneg double %shared#\n"
    "  %other# = fdiv double %shared#, ?0",
    "",
    None,
    ("%twice#", "%other#"),
    (),
    (),
)


def body_with(*taken: int) -> str:
    module = Module()
    builder = FunctionBuilder(module, "f")
    registers, wanted = builder.paste(TWO_RESULTS, ["%x"], 0)
    assert len(registers) == 2
    wanted.update(taken)
    builder.finish()
    return module.functions[0]


def test_lines_that_only_other_results_need_are_left_out() -> None:
    first, both = body_with(0), body_with(0, 1)
    assert [word in first for word in ("shared", "twice", "unused", "other")] == [True, True, False, False]
    assert [word in both for word in ("shared", "twice", "unused", "other")] == [True, True, False, True]
    assert "shared" not in body_with()


def test_both_of_a_family_in_one_loop() -> None:
    x = input_tensor("x", (37,), "f8")
    functions = ("exp", "expm1", "sinh", "cosh", "sin", "cos")
    outputs = [comprehension((37,), lambda i, f=f: apply(f, load(x, (i,)))) for f in functions]
    point = np.linspace(-2, 2, 37)
    results = compile_graph(Graph((x,), tuple(outputs)))([point])
    for name, result in zip(functions, results, strict=True):
        np.testing.assert_allclose(result, getattr(np, name)(point), rtol=1e-15, atol=1e-16)
