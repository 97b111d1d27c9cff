"""The display form of random programs and of their gradients has the same numbers, and prints on a bounded page."""

from __future__ import annotations

import numpy as np
import pytest
from grammar import random_program

from gradc.differentiate import gradient
from gradc.evaluate import evaluate
from gradc.ir.build import comprehension
from gradc.ir.check import check
from gradc.ir.scalar import FLOAT64, number
from gradc.ir.tensor import Graph
from gradc.present import formula_of
from gradc.simplify import simplify
from gradc.simplify.display import display
from gradc.trace import trace


@pytest.mark.parametrize("seed", range(60))
def test_displayed_program(seed: int) -> None:
    program = random_program(seed)
    function = program.function()
    traced = trace(function, tuple(program.point))
    values = [*program.point, *[np.asarray(c.read(function)) for c in traced.captures]]
    graph = traced.graph
    ones = comprehension(graph.outputs[0].shape, lambda *_: number(1, FLOAT64))
    variables = tuple(i for i in graph.inputs if i.dtype.kind == "f")
    derivatives = Graph(graph.inputs, gradient(graph.outputs[:1], (ones,), variables))
    for original in (graph, simplify(derivatives)):
        shown = check(display(original))
        with np.errstate(all="ignore"):
            pairs = zip(evaluate(shown, values), evaluate(original, values), strict=True)
        for found, expected in pairs:
            np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)
        formula = formula_of(original)
        assert max(len(formula.latex(notation)) for notation in ("auto", "matrix", "index")) < 12_000
        assert str(formula)
