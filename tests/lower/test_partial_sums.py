"""In which order sums are added up, and what of a loop is in registers."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest

import gradc
from gradc.ir.algebra import equal, guarded, sum_of
from gradc.ir.scalar import Scalar, apply, index, load, number
from gradc.ir.tensor import Graph, compute, input_tensor
from gradc.lower import compile_graph
from gradc.lower.updates import update_of

terms = [load(input_tensor(f"x{k}", (), "f8")) for k in range(8)]


def late(length: int) -> Scalar:
    """A chain of so many divisions."""
    chain = terms[0]
    for _ in range(length):
        chain = apply("div", number(1.0, chain.dtype), chain)
    return chain


def longest_way(body: Scalar) -> int:
    """The float operations on the longest way to the result; a division counts once."""
    inputs = tuple(input_tensor(f"x{k}", (), "f8") for k in range(8))
    text = compile_graph(Graph(inputs, (compute((), body),))).llvm
    ways: dict[str, int] = {}
    for name, operation, operands in re.findall(r"(%v\d+) = (\w+)(.*)", text):
        if operation in ("fadd", "fsub", "fmul", "fdiv") or "@llvm.fma" in operands:
            ways[name] = 1 + max(ways.get(operand, 0) for operand in re.findall(r"%v\d+", operands))
    return max(ways.values())


@pytest.mark.parametrize("sign", [1, -1])
def test_the_last_term_is_added_last(sign: int) -> None:
    for others in range(1, 8):
        signed = [sum_of(term) if k % 2 else apply("neg", term) for k, term in enumerate(terms[1 : 1 + others])]
        body = sum_of(*signed, apply("prod", number(sign, terms[0].dtype), late(5)) if sign < 0 else late(5))
        assert longest_way(body) == 6


def test_terms_that_are_ready_together_are_added_in_pairs() -> None:
    assert longest_way(sum_of(*terms)) == 3


def test_products_go_with_what_is_ready() -> None:
    products: Sequence[Scalar] = [apply("prod", terms[k], terms[k + 1]) for k in range(1, 7, 2)]
    assert longest_way(sum_of(late(6), terms[7], *products)) == 7


def test_order_changes_no_value(rng: np.random.Generator) -> None:
    values = [np.asarray(v) for v in rng.integers(-9, 9, 8).astype("f8")]
    body = sum_of(*terms[:5], apply("prod", number(-1, terms[0].dtype), terms[5]), apply("prod", terms[6], terms[7]))
    inputs = tuple(input_tensor(f"x{k}", (), "f8") for k in range(8))
    (found,) = compile_graph(Graph(inputs, (compute((), body),)))(values)
    assert found == sum(values[:5]) - values[5] + values[6] * values[7]


# ---------------------------------------------------------------- loops


def test_the_state_of_every_loop_is_in_registers() -> None:
    """LLVM makes registers of room on the stack only where the function begins."""

    def step(x, _):
        return x - 0.1 * np.sin(x[::-1]), None

    gradient = gradc.grad(lambda x: np.sum(gradc.scan(step, x, length=50)[0]))
    (kernel,) = re.findall(r"@gradc_pointers.*?^}", gradient.llvm(np.ones(2)), flags=re.MULTILINE | re.DOTALL)
    beginning, *rest = kernel.split("  br ")
    assert kernel.count(" = phi ") >= 2
    assert "alloca" in beginning
    assert not any("alloca" in part for part in rest)


def test_what_is_added_at_one_place_is_one_value() -> None:
    state = input_tensor("s", (3,), "f8")
    here, there = equal(index(0), number(1)), equal(index(0), number(2))
    body = sum_of(load(state, (index(0),)), *(guarded(p, t) for p in (here, there) for t in terms[:3]))
    update = update_of(compute((3,), body), state)
    assert update is not None
    assert len(update.changes) == 2


def test_only_sums_of_several_blocks_are_compensated() -> None:
    total = gradc.jit(np.sum)
    assert total.llvm(np.ones(100)).count("fsub") == 0 < total.llvm(np.ones(100_000)).count("fsub")
    for length in (33, 100, 1000):
        x = np.linspace(0.1, 1.0, length)
        np.testing.assert_allclose(total(x), np.sum(x), rtol=1e-15)
    assert gradc.jit(np.sum)(np.full(100, np.inf)) == np.inf
    assert np.isnan(gradc.jit(np.sum)(np.array([np.inf, -np.inf] * 50)))
