"""Drawings: every operation has a node, with its value and its adjoint at a point."""

from __future__ import annotations

import functools
import itertools
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import gradc
from gradc.errors import ArgumentError, ShapeError

SVG = "{http://www.w3.org/2000/svg}"


def loss(w, x, y):
    return (w * x - y) ** 2


def texts(drawing):
    root = ElementTree.fromstring(drawing.svg)
    return [element.text for element in root.iter(f"{SVG}text")]


def boxes(drawing):
    root = ElementTree.fromstring(drawing.svg)
    groups = list(root.iter(f"{SVG}g"))
    return [[t.text for t in g.iter(f"{SVG}text")] for g in groups]


def test_the_textbook_example_of_backpropagation():
    drawing = gradc.grad(loss).formula().graph(at={"w": 3.0, "x": 2.0, "y": 2.0})
    assert boxes(drawing) == [
        ["w", "3", "16"],
        ["x", "2", "24"],
        ["×", "6", "8"],
        ["y", "2", "−8"],
        ["−", "4", "8"],
        ["loss = ( )²", "16", "1"],
    ]


def test_without_a_point_there_are_no_numbers():
    drawing = gradc.grad(loss).formula().graph()
    assert texts(drawing) == ["w", "x", "×", "y", "−", "loss = ( )²"]


def test_a_point_by_position_and_no_adjoints():
    drawing = gradc.grad(loss).formula().graph(at=(3.0, 2.0, 2.0), adjoints=False)
    assert ["×", "6"] in boxes(drawing)


def test_the_derived_expression():
    labels = texts(gradc.grad(loss).formula().graph(of="formula"))
    assert labels == ["w", "x", "y", "×", "−( )", "+", "dloss/dw = 2 ×"]


def test_arrays_captures_and_reductions():
    scale = np.array([1.0, 2.0])

    def f(theta_1, X):
        return np.sum(np.tanh(X @ theta_1) * scale)

    specs = gradc.vector(3), gradc.matrix(2, 3)
    drawing = gradc.grad(f).formula(*specs).graph(at=(np.ones(3), np.zeros((2, 3))))
    shown = boxes(drawing)
    assert ["tanh", "[0, 0]", "[1, 2]"] in shown
    assert ["f = Σ", "0", "1"] in shown
    assert ["@", "[0, 0]", "[1, 2]"] in shown
    assert any(box[0] == "θ₁" for box in shown)


def test_boxes_of_one_layer_do_not_overlap():
    def wide(x):
        return sum(np.sin(k * x) for k in range(1, 20))

    root = ElementTree.fromstring(gradc.grad(wide).formula().graph(at=1.0).svg)
    columns: dict[float, list[float]] = {}
    for rectangle in root.iter(f"{SVG}rect"):
        if rectangle.get("x") is not None:
            middle = float(rectangle.get("x")) + float(rectangle.get("width")) / 2
            columns.setdefault(round(middle, 0), []).append(float(rectangle.get("y")))
    assert max(map(len, columns.values())) > 10
    for heights in columns.values():
        heights.sort()
        assert all(b - a > 40 for a, b in itertools.pairwise(heights))


def test_text_is_escaped():
    drawing = gradc.grad(lambda x: np.where(x < 1, x, 2 * x)).formula().graph(at=0.5)
    assert "&lt; 1" in drawing.svg
    assert "< 1" in texts(drawing)


def test_a_huge_graph_is_refused_and_a_wrong_point_too():
    def long(x):
        return functools.reduce(lambda y, _: np.sin(y), range(500), x)  # no loop that would stay one

    with pytest.raises(ArgumentError, match="too large for a picture"):
        gradc.grad(long).formula().graph()
    formula = gradc.grad(loss).formula()
    with pytest.raises(ArgumentError, match="no value for y"):
        formula.graph(at={"w": 1.0, "x": 2.0})
    with pytest.raises(ArgumentError, match="at names z"):
        formula.graph(at={"z": 1.0})
    with pytest.raises(ShapeError, match="shape"):
        formula.graph(at=(np.ones(2), 1.0, 1.0))
    with pytest.raises(ArgumentError, match="of is"):
        formula.graph(of="kernel")


def test_save(tmp_path):
    drawing = gradc.grad(loss).formula().graph()
    drawing.save(tmp_path / "graph.svg")
    assert re.match(r"<svg ", (tmp_path / "graph.svg").read_text())


def test_data_that_the_derivative_does_not_use():
    offset = np.array([1.0, 2.0])

    def f(x):
        return np.sum(3 * x + offset)

    drawing = gradc.grad(f).formula(gradc.vector(2)).graph(at=np.ones(2))
    assert ["offset", "[1, 2]", "[1, 1]"] in boxes(drawing)


def test_the_line_shown_is_that_of_this_function():
    def one(x):
        first = np.sinh(3 * x)
        return first * x

    def two(x):
        second = np.sinh(3 * x)
        return second * x

    drawings = [gradc.grad(f).formula().graph().svg for f in (one, two, one)]
    assert ["first = " in svg for svg in drawings] == [True, False, True]
    assert ["second = " in svg for svg in drawings] == [False, True, False]


def test_what_follows_an_operation_in_parts_keeps_its_line():
    def f(x):
        bounded = np.clip(x, 0.0, 1.0)
        waved = np.sin(bounded)
        return waved * x

    drawing = gradc.grad(f).formula().graph()
    assert {"maximum 0", "minimum 1", "sin"} <= set(texts(drawing))
    assert "<title>waved = np.sin(bounded)" in drawing.svg
    assert drawing.svg.count("bounded = np.clip") == 2
