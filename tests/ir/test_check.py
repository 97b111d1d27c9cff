"""The checker accepts what is well formed and names the node that is not."""

import numpy as np
import pytest

import gradc.ops  # noqa: F401
from gradc.errors import InternalError
from gradc.ir.algebra import less_equal, product_of, sum_of
from gradc.ir.build import comprehension
from gradc.ir.check import check
from gradc.ir.scalar import (
    BOOL,
    FLOAT32,
    FLOAT64,
    INT64,
    OPS,
    Apply,
    Load,
    Number,
    apply,
    guard,
    index,
    load,
    number,
    size,
)
from gradc.ir.source import SourceLine, record_line
from gradc.ir.tensor import Graph, call, compute, cond, input_tensor, loop, projection

n = size("n")
x = input_tensor("x", (n,), FLOAT64)
k = input_tensor("k", (3,), INT64)
i, j = index(0), index(1)
xi = load(x, (i,))


def forged(kind, **fields):
    """A node that the constructors refuse to make."""
    node = object.__new__(kind)
    below = {"children": fields.get("args", ()), "free": frozenset(), "holds": 0, "loads_below": None}
    for name, value in {"digest": repr(fields).encode(), **below, **fields}.items():
        setattr(node, name, value)
    return node


MALFORMED = {
    "axis 1 is outside": compute((n,), load(x, (j,))),
    "has 0 indices, the tensor 1 axes": compute((n,), forged(Load, dtype=FLOAT64, tensor=x, indices=())),
    "is float64, not an integer": compute((n,), load(x, (number(0.0),))),
    "convert its arguments first": compute((n,), apply("add", xi, number(1))),
    "mul is applied to float64, float32": compute((n,), apply("mul", xi, number(1, FLOAT32))),
    "and is applied to float64, bool": compute((n,), apply("and", xi, number(True))),
    "where is applied to float64": compute((n,), apply("where", xi, xi, xi)),
    "sum is applied to float64, int64": compute((n,), apply("sum", xi, i)),
    "the predicate": compute((n,), guard(i, xi)),
    "the domain": compute((), xi, reduce_extents=(n,), reducer="sum", domain=i),
    "argmax reduces one axis, not 2": compute((), xi, reduce_extents=(n, 2), reducer="argmax"),
    "any reduces bools": compute((), xi, reduce_extents=(n,), reducer="any"),
    "sum reduces numbers": compute((), apply("less", xi, xi), reduce_extents=(n,), reducer="sum"),
    "no input's shape defines the size 'p'": compute((size("p"),), number(1.0)),
    "the size 'q'": compute((), apply("convert", size("q"), dtype=FLOAT64)),
    "an extent is -1": compute((-1,), number(1.0)),
    "depends on": compute((n,), number(1.0), reduce_extents=(sum_of(i, 1),), reducer="sum"),
    "can't be int64": compute((), forged(Number, dtype=INT64, value=1.5)),
    "can't be float64": compute((), forged(Number, dtype=FLOAT64, value=1j)),
    "can't be bool": compute((), forged(Number, dtype=BOOL, value=1)),
    "is float64, not float32": compute((n,), forged(Apply, dtype=FLOAT32, op=OPS["sin"], args=(xi,))),
    "takes 1 arguments, not 2": compute((n,), forged(Apply, dtype=FLOAT64, op=OPS["sin"], args=(xi, xi))),
    "past the end": compute((n,), load(x, (sum_of(i, 1),))),
    "reads at -1, before the beginning": compute((n,), load(x, (sum_of(i, -1),))),
    "reads at 3, past the end": compute((2,), load(k, (sum_of(product_of(2, i), 1),))),
    "among its inputs": compute((), load(input_tensor("y", (), FLOAT64))),
}


@pytest.mark.parametrize("complaint", MALFORMED)
def test_malformed_comprehensions_are_named(complaint):
    with pytest.raises(InternalError, match=complaint.replace("(", r"\(")):
        check(Graph((x, k), (MALFORMED[complaint],)))


WELL_FORMED = {
    "shift under its guard": compute((n,), guard(less_equal(1, i), load(x, (sum_of(i, -1),)))),
    "shift under its domain": comprehension(
        (n,), lambda i, j: load(x, (sum_of(i, product_of(-1, j)),)), reduce=(n,), domain=lambda i, j: less_equal(j, i)
    ),
    "a read behind its range in one predicate": compute(
        (n,), guard(apply("and", apply("less", number(0.0), load(x, (sum_of(i, -1),))), less_equal(1, i)), xi)
    ),
    "gather": compute((3,), load(x, (load(k, (i,)),))),
    "reversed": compute((n,), load(x, (sum_of(n, -1, product_of(-1, i)),))),
    "strided": compute((2,), load(k, (product_of(2, i),))),
    "empty space": compute((0,), load(k, (number(7),))),
    "literals of every kind": compute((), apply("add", number(np.pi), number(0.1))),
}


@pytest.mark.parametrize("name", WELL_FORMED)
def test_well_formed_graphs_pass(name):
    graph = Graph((x, k), (WELL_FORMED[name],))
    assert check(graph) is graph


def test_the_report_shows_the_node_and_the_users_line():
    bad = compute((n,), load(x, (sum_of(i, 3),)))
    record_line(bad, SourceLine("model.py", 7, "y = x[3:]"))
    with pytest.raises(InternalError) as caught:
        check(Graph((x,), (compute((n,), apply("sin", load(bad, (i,)))),)))
    assert "t0: float64[n] = x[" in str(caught.value)
    assert "model.py:7: y = x[3:]" in str(caught.value)


def test_input_names_are_unique():
    with pytest.raises(InternalError, match="two inputs are called 'x'"):
        check(Graph((x, input_tensor("x", (), FLOAT64)), ()))


t, s, flag = input_tensor("t", (), INT64), input_tensor("s", (), FLOAT64), input_tensor("flag", (), BOOL)
identity = Graph((s,), (compute((), load(s)),))
stepping = Graph((t, s), (compute((), apply("neg", load(s))),))
single = Graph((s,), (compute((), apply("convert", load(s), dtype=FLOAT32)),))
is_small = Graph((t, s), (compute((), apply("less", load(s), number(1.0))),))

BAD_NODES = {
    "the loop body's inputs": loop(identity, trip=3, init=[s]),
    "next states: number 0 is float32": loop(Graph((t, s), single.outputs), trip=3, init=[s]),
    "a trip count or a condition": loop(stepping, trip=None, init=[s]),
    "stacked results need a trip count": loop(
        Graph(stepping.inputs, (*stepping.outputs, *stepping.outputs)), trip=None, init=[s], condition=is_small
    ),
    "can't be reversed": loop(stepping, trip=3, init=[s], condition=is_small, reverse=True),
    "the condition is not one bool": loop(stepping, trip=None, init=[s], condition=stepping),
    "can't be read 4 times": loop(stepping, trip=4, init=[], sequences=[x]),
    "the true branch's inputs: 1 where 2": cond(flag, identity, identity, [s, s]),
    "the false branch's outputs: number 0 is float32": cond(flag, identity, single, [s]),
    "the predicate is not one bool": cond(s, identity, identity, [s]),
    "the called graph's inputs: number 0 is float64": call(identity, [x], "checkpoint"),
}


@pytest.mark.parametrize("complaint", BAD_NODES)
def test_signatures_of_inner_graphs(complaint):
    with pytest.raises(InternalError, match=complaint):
        check(Graph((x, s, flag), (projection(BAD_NODES[complaint], 0),)))


def test_good_inner_graphs_pass_and_bad_nodes_inside_are_found():
    search = loop(stepping, trip=None, init=[s], condition=is_small)
    check(Graph((s,), (projection(search, 0),)))
    broken = Graph((t, s), (compute((), apply("add", load(s), number(1))),))
    with pytest.raises(InternalError, match="add is applied to"):
        check(Graph((s,), (projection(loop(broken, trip=2, init=[s]), 0),)))


def test_long_chains_are_checked():
    node = x
    for _ in range(30_000):
        node = compute((n,), apply("sin", load(node, (i,))))
    check(Graph((x,), (node,)))
