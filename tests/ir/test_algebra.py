"""Rebuilding with other operands keeps the user's own operations as they are."""

import pytest

import gradc.ops  # noqa: F401
from gradc.ir.algebra import conjunction, disjunction, less, less_equal, negation, rebuild, substitute
from gradc.ir.scalar import FLOAT64, INT64, apply, index, load, number, size
from gradc.ir.tensor import input_tensor

x = load(input_tensor("x", (), FLOAT64))
y = load(input_tensor("y", (), FLOAT64))
k = load(input_tensor("k", (), INT64))


@pytest.mark.parametrize("name", ["mod", "floordiv"])
def test_division_of_floats_is_no_index_algebra(name):
    node = apply(name, x, number(0.9))
    assert substitute(node, {x: y}) is apply(name, y, number(0.9))
    assert rebuild(node, [number(2.0), number(0.5)]) is apply(name, number(2.0), number(0.5))


@pytest.mark.parametrize("divisor", [0, -3])
@pytest.mark.parametrize("name", ["mod", "floordiv"])
def test_divisors_that_no_extent_has_stay(name, divisor):
    node = apply(name, k, number(divisor))
    assert rebuild(node, [number(7), number(divisor)]) is apply(name, number(7), number(divisor))


def test_index_division_is_canonical():
    n = size("n")
    node = apply("floordiv", index(0), n)
    assert substitute(node, {index(0): apply("prod", number(2), n)}) is number(2)


def test_negating_nested_connectives_takes_as_many_steps_as_there_are_parts(monkeypatch):
    made = 0

    def counted(name, *operands):
        nonlocal made
        made += 1
        return apply(name, *operands)

    predicate = less(index(0), 5)
    for depth in range(14):
        swapped = conjunction if depth % 2 else disjunction
        predicate = swapped(less_equal(index(depth + 1), 7 * depth + 3), predicate)

    negation.cache_clear()
    monkeypatch.setattr("gradc.ir.algebra.apply", counted)
    assert negation(negation(predicate)) is predicate
    assert made < 2000
