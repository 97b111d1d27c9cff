"""The text form reads back to the same nodes, is the same in every process, and stays linear in size."""

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import gradc.ops  # noqa: F401
from gradc.errors import ParseError
from gradc.ir.algebra import less_equal, product_of, sum_of
from gradc.ir.build import comprehension
from gradc.ir.parse import parse_graph
from gradc.ir.scalar import (
    FLOAT32,
    FLOAT64,
    INT64,
    PI,
    E,
    apply,
    guard,
    index,
    load,
    number,
    size,
)
from gradc.ir.tensor import (
    Graph,
    ResultType,
    call,
    compute,
    cond,
    constant,
    extern,
    input_tensor,
    loop,
    projection,
)

n, m = size("n"), size("m")
x = input_tensor("x", (n,), FLOAT64)
A = input_tensor("A", (m, n), FLOAT64)
i, j = index(0), index(1)


def assert_round_trip(graph):
    again = parse_graph(str(graph))
    assert [a is b for a, b in zip(again.inputs, graph.inputs, strict=True)] == [True] * len(graph.inputs)
    assert [a is b for a, b in zip(again.outputs, graph.outputs, strict=True)] == [True] * len(graph.outputs), again


def test_matrix_product_reads_as_written_on_paper():
    t = comprehension((m,), lambda i, k: product_of(load(A, (i, k)), load(x, (k,))), reduce=(n,))
    graph = Graph((A, x), (t,))
    assert "t0: float64[m] = sum j<n: " in str(graph)
    assert "A[i, j]" in str(graph)
    assert_round_trip(graph)


def test_written_and_mathematical_operations_differ():
    a, b = load(x, (i,)), number(2, FLOAT64)
    written, mathematical = compute((n,), apply("mul", b, a)), compute((n,), product_of(b, a))
    assert str(Graph((x,), (written,))) != str(Graph((x,), (mathematical,)))
    assert "mul(2., x[i])" in str(Graph((x,), (written,)))
    assert "2. * x[i]" in str(Graph((x,), (mathematical,)))


@pytest.mark.parametrize(
    "literal",
    [
        number(0),
        number(-7),
        number(0.0),
        number(-0.0),
        number(2.0),
        number(0.1),
        number(1e300),
        number(5e-324),
        number(2.0**53),
        number(10**20, FLOAT64),
        number(float("nan")),
        number(float("inf")),
        number(float("-inf")),
        number(Fraction(-1, 3), FLOAT64),
        number(0.5),
        number(PI),
        number(E, FLOAT32),
        number(True),
        number(False),
        number(3, FLOAT32),
        number(0.1, FLOAT32),
        number(3, np.uint8),
        number(1j),
        number(complex(-0.0, float("nan"))),
        number(complex(1.5, -0.0)),
        number(complex(float("-inf"), -2e-300)),
        number(2, np.complex64),
        number(Fraction(1, 2), np.complex128),
    ],
    ids=repr,
)
def test_literals_are_exact(literal):
    assert_round_trip(Graph((), (compute((), literal),)))


@pytest.mark.parametrize(
    "name",
    ["x", "i", "t0", "return", "sum", "max", 'params["w1"]', "θ", "with space", "pi", "e", "size", 'quote"\\', ""],
)
def test_any_name_is_readable(name):
    extent = size(name or "n")
    t = input_tensor(name, (extent,), FLOAT64)
    body = apply("add", load(t, (i,)), apply("convert", extent, dtype=FLOAT64))
    first = compute((extent,), body)
    total = compute((), load(first, (i,)), reduce_extents=(extent,), reducer="max")
    assert_round_trip(Graph((t,), (first, total)))


def test_inputs_that_share_a_name_are_told_apart():
    first, second = input_tensor("x", (), FLOAT64), input_tensor("x", (), INT64)
    body = apply("add", load(first), apply("convert", load(second), dtype=FLOAT64))
    assert_round_trip(Graph((first, second), (compute((), body),)))


def test_inputs_missing_from_the_signature_stay_visible():
    graph = Graph((), (compute((n,), load(x, (i,))),))
    assert "free x: float64[n]" in str(graph)
    assert_round_trip(graph)


def test_selection_is_told_from_a_domain():
    positive, big = apply("less", number(0.0), load(x, (i,))), apply("less", number(3.0), load(x, (i,)))
    chosen = apply("where", positive, load(x, (i,)), number(1.0))
    either = apply("and", apply("or", positive, big), apply("not_equal", i, number(0)))
    graph = Graph(
        (x,),
        (
            compute((n,), chosen),
            compute((), chosen, reduce_extents=(n,), reducer="sum"),
            compute((), chosen, reduce_extents=(n,), reducer="sum", domain=either),
            compute((), apply("add", chosen, chosen), reduce_extents=(n,), reducer="max"),
        ),
    )
    assert "where (" in str(graph)
    assert "where(" in str(graph)
    assert_round_trip(graph)


def test_domains_guards_reducers_and_extents():
    prefix = comprehension((n,), lambda i, k: load(x, (k,)), reduce=(n,), domain=lambda i, k: less_equal(k, i))
    padded = compute((sum_of(n, 2),), guard(less_equal(i, n), load(x, (sum_of(i, -1),))))
    largest = comprehension((), lambda k: load(x, (k,)), reduce=(n,), reducer="argmax")
    flags = comprehension((), lambda k: apply("less", load(x, (k,)), number(0.0)), reduce=(n,), reducer="any")
    graph = Graph((x,), (prefix, padded, largest, flags))
    assert "where" in str(graph)
    assert_round_trip(graph)


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6.0).reshape(2, 3),
        np.array([0.1, -0.0, np.inf, -np.inf]),
        np.array([np.nan, 1.0]),
        np.arange(100.0),
        np.array([True, False]),
        np.array([1, -2], np.int8),
        np.array([2**63], np.uint64),
        np.array([0.1], np.float32),
        np.array([1 + 2j, complex(-0.0, -0.0)]),
        np.zeros((0, 3)),
        np.array(5.0),
    ],
    ids=lambda v: f"{v.dtype}{v.shape}",
)
def test_constant_arrays_are_exact(value):
    node = constant(value)
    loaded = compute(value.shape, load(node, [index(k) for k in range(value.ndim)]))
    assert_round_trip(Graph((), (node, loaded)))


def test_nodes_with_several_results():
    t, s = input_tensor("t", (), INT64), input_tensor("s", (), FLOAT64)
    step = Graph((t, s), (compute((), apply("mul", load(s), number(0.5))), compute((), load(s))))
    halving = loop(step, trip=n, init=[compute((), number(1.0))])
    going = Graph((t, s), (compute((), apply("less", number(0.1), load(s))),))
    shrink = Graph((t, s), (compute((), apply("mul", load(s), number(0.5))),))
    search = loop(shrink, trip=None, condition=going, init=[projection(halving, 0)])
    back = loop(step, trip=n, init=[compute((), number(1.0))], reverse=True)
    flag = compute((), apply("less", load(projection(search, 0)), number(1.0)))
    one = Graph((s,), (compute((), apply("neg", load(s))),))
    other = Graph((s,), (compute((), load(s)),))
    choice = cond(flag, one, other, [projection(search, 0)])
    kept = call(one, [projection(choice, 0)], "checkpoint", 'tag "1"')
    values = extern(
        "eigh",
        [A],
        [ResultType((n,), FLOAT64), ResultType((n, n), FLOAT64)],
        [("lower", True), ("mode", "a b"), ("k", -1)],
    )
    outputs = (
        projection(halving, 1),
        projection(back, 1),
        projection(kept, 0),
        projection(values, 1),
        projection(values, 0),
    )
    assert_round_trip(Graph((A,), outputs))


def test_shared_graphs_are_printed_once():
    graph = Graph((s := input_tensor("s", (), FLOAT64),), (compute((), apply("sin", load(s))),))
    for _ in range(40):
        inner = projection(call(graph, [s], "checkpoint"), 0)
        outer = projection(call(graph, [inner], "checkpoint"), 0)
        graph = Graph((s,), (outer,))
    assert len(str(graph)) < 10_000
    assert_round_trip(graph)


def doubling_chain(length):
    body = load(x, (i,))
    for _ in range(length):
        body = apply("sin", apply("add", body, body))
    return Graph((x,), (compute((n,), body),))


def test_shared_bodies_have_linear_text():
    short, long = len(str(doubling_chain(100))), len(str(doubling_chain(1000)))
    assert long < 12 * short
    assert_round_trip(doubling_chain(1000))


def test_long_chains_do_not_recurse():
    assert_round_trip(doubling_chain(50_000))
    t = x
    for _ in range(30_000):
        t = compute((n,), apply("sin", load(t, (i,))))
    assert_round_trip(Graph((x,), (t,)))


def test_text_is_the_same_in_every_process():
    program = (
        "import gradc.ops\n"
        "from gradc.ir.algebra import *\nfrom gradc.ir.scalar import *\nfrom gradc.ir.tensor import *\n"
        "x = input_tensor('x', (size('n'),), 'f8')\n"
        "y = load(x, (index(0),))\n"
        "terms = [product_of(k + 2, apply(f, y)) for k, f in enumerate(['sin', 'cos', 'exp', 'tanh', 'log'])]\n"
        "print(Graph((x,), (compute((size('n'),), sum_of(*terms)),)))\n"
    )
    root = Path(__file__).parents[2]
    texts = set()
    for seed in ("0", "1"):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": f"{root / 'compiler'}{os.pathsep}{root / 'runtime'}",
        }
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        texts.add(done.stdout)
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("graph() { return t0 }", "there is no tensor t0"),
        ("graph() { t0: float64[] = frob(1.) return t0 }", "there is no op 'frob'"),
        ("graph() { t0: float64[] = 1 return t0 }", "this is int64"),
        ("graph() { t0: float64[] = %3 return t0 }", "%3 is not defined"),
        ("graph() { t0: float65[] = 1. return t0 }", "no dtype"),
        ("graph() { return } x", "the program has ended"),
        ("graph() { t0: float64[] = 1. $ return t0 }", "no part of the text form"),
    ],
)
def test_unreadable_text_is_pointed_at(text, complaint):
    with pytest.raises(ParseError, match=complaint) as caught:
        parse_graph(text)
    assert "^" in str(caught.value)
