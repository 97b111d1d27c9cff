"""After tracing, NumPy's functions are gone: what is left are the nodes, operations and library calls of the IR."""

from __future__ import annotations

import ast
import copy
from pathlib import Path

import numpy as np
import pytest

import gradc
from gradc.ir.scalar import OPS, Apply
from gradc.ir.tensor import REDUCERS, Compute, Constant, Extern, Input, Projection
from gradc.ir.walk import graph_order, post_order
from gradc.ops.extern import LIBRARY
from gradc.trace import trace
from surface.form import Form
from surface.forms import FORMS
from surface.public import public_names

ROOMS = ("ir", "evaluate", "differentiate", "simplify", "lower")
FILES = [path for room in ROOMS for path in sorted((Path(gradc.__file__).parent / room).rglob("*.py"))]
#: What the rooms behind tracing may tell apart by name: the IR's own vocabulary.
VOCABULARY = {*OPS, *REDUCERS, *LIBRARY}
#: Words of other languages that are NumPy's too: the IR's text, the C library, LLVM's types, signs, what a formula is called.
HOMONYMS = (
    {"cond", "size", "load"}
    | {"acos", "acosh", "asin", "asinh", "atan", "atanh", "atan2", "pow"}
    | {"i1"}
    | {"negative", "positive"}
    | {"reciprocal", "square"}
    | {"eigh", "svd"}
)
NUMPY_NAMES = {name.rpartition(".")[2] for name in public_names()}


def _compared(tree: ast.AST) -> set[str]:
    """The texts that code tells cases apart by: in comparisons, in ``match``, and as keys of tables."""
    places: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            places += [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            places.append(node.value)
        elif isinstance(node, ast.Dict):
            places += [key for key in node.keys if key is not None]
    texts = [leaf.value for place in places for leaf in ast.walk(place) if isinstance(leaf, ast.Constant)]
    return {text for text in texts if isinstance(text, str)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_nothing_behind_tracing_branches_on_a_name_of_numpy(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert sorted(_compared(tree) & NUMPY_NAMES - VOCABULARY - HOMONYMS) == []
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not any((module or "").startswith("gradc.trace") for module in imported)


@pytest.mark.parametrize("row", FORMS[::7], ids=str)
def test_a_traced_form_is_made_of_the_words_of_the_ir(row: Form) -> None:
    with np.errstate(all="ignore"):
        graph = trace(row.function, copy.deepcopy(row.arguments)).graph
    for node in graph_order(graph.outputs):
        assert isinstance(node, Input | Constant | Compute | Projection | Extern)
        if isinstance(node, Extern):
            assert node.name in LIBRARY
        if isinstance(node, Compute):
            names = {scalar.op.name for scalar in post_order([node.body, node.domain]) if isinstance(scalar, Apply)}
            assert names <= set(OPS)
            assert node.reducer in (None, *REDUCERS)


def test_the_scan_sees_a_branch_on_a_name() -> None:
    tree = ast.parse("def lower(node):\n    if node.name in ('concatenate', 'sum'):\n        return 1\n")
    assert _compared(tree) & NUMPY_NAMES - VOCABULARY - HOMONYMS == {"concatenate"}
