"""What `F.cost` says: the parts of a kernel, their operations and bytes, and the roofline's time for each."""

from __future__ import annotations

import numpy as np
import pytest
from random_graphs import RandomGraph

import gradc
from gradc.lower import compile_graph
from gradc.lower.cost import Cost, Group
from gradc_runtime.engine import engine
from gradc_runtime.peaks import peaks

LANES = engine().host.vector_bits // 64
has_fma = pytest.mark.skipif(not engine().host.has_fma, reason="elementary functions are the C library's")


def cost_of(function, *arguments) -> Cost:
    return gradc.jit(function).cost(*arguments)


def only(cost: Cost) -> Group:
    (group,) = cost.groups
    return group


def test_operations_and_bytes_of_a_loop_are_counted() -> None:
    group = only(cost_of(lambda x, y: 3.0 * x * y + 1.0, np.ones(1000), np.ones(1000)))
    assert group.flops == 3 * 1000
    assert (group.bytes_read, group.bytes_written) == (16_000, 8000)
    assert group.intensity == 3000 / 24_000


def test_sums_add_up() -> None:
    def network(W, V, x):
        return np.sum(np.tanh(np.tanh(x @ W) @ V) ** 2)

    cost = gradc.value_and_grad(network, (0, 1)).cost(np.ones((300, 200)), np.ones((200, 30)), np.ones((50, 300)))
    assert len(cost.groups) > 3
    assert cost.flops == sum(group.flops for group in cost.groups)
    assert cost.bytes_moved == sum(group.bytes_read + group.bytes_written for group in cost.groups)
    assert cost.seconds == pytest.approx(sum(group.seconds for group in cost.groups))
    assert cost.workspace_bytes > 0


def test_a_part_of_an_array_counts_as_that_part() -> None:
    assert only(cost_of(lambda x: 2 * x[:10], np.ones(1000))).bytes_read == 80
    assert only(cost_of(lambda x, i: x[i], np.ones(1000), np.arange(7))).bytes_read == 2 * 56


def test_what_statements_share_is_counted_once() -> None:
    def both(x):
        e = np.exp(x)
        return e, e + 1.0

    one = cost_of(np.exp, np.ones(1000)).flops
    assert cost_of(both, np.ones(1000)).flops == one + 1000


def test_functions_take_fewer_operations_in_single_precision() -> None:
    assert cost_of(np.exp, np.ones(100, np.float32)).flops < cost_of(np.exp, np.ones(100)).flops
    assert cost_of(lambda x: x / 3, np.ones(100, np.float32)).flops == cost_of(lambda x: x / 3, np.ones(100)).flops


def test_what_does_not_depend_on_the_inner_loop_is_counted_once_per_outer_iteration() -> None:
    def scaled(A, x):
        return A * np.exp(x)[:, None]

    A, x = np.ones((30, 400)), np.ones(30)
    assert cost_of(scaled, A, x).flops == A.size + cost_of(np.exp, x).flops


def test_powers_count_as_multiplications() -> None:
    assert cost_of(lambda x: x**2, np.ones(100)).flops == 100
    assert cost_of(lambda x: x**5, np.ones(100)).flops == 300
    assert cost_of(lambda x: x**2.5, np.ones(100)).flops > cost_of(lambda x: x**2, np.ones(100)).flops


def test_a_product_is_two_operations_per_multiply_add() -> None:
    A, B = np.ones((70, 80)), np.ones((80, 90))
    group = only(cost_of(np.matmul, A, B))
    assert group.flops == 2 * 70 * 80 * 90
    assert (group.bytes_read, group.bytes_written) == (8 * (A.size + B.size), 8 * 70 * 90)
    assert "matrix product" in group.head


def test_a_symmetric_product_takes_half() -> None:
    A = np.ones((500, 600))
    assert cost_of(lambda A: A @ A.T, A).flops == 500 * 500 * 600


@has_fma
def test_elementary_functions_run_on_vectors() -> None:
    group = only(cost_of(np.exp, np.ones(1000)))
    assert (group.lanes, group.obstacle) == (LANES, "")


def test_single_precision_has_twice_the_lanes() -> None:
    group = only(cost_of(lambda x: x * x, np.ones(1000, np.float32)))
    assert (group.lanes, group.itemsize) == (2 * LANES, 4)
    assert peaks().rate_of(4) == 2 * peaks().rate_of(8)


@pytest.mark.parametrize(("function", "why"), [(np.cumsum, "running sum"), (np.argmax, "argmax")])
def test_the_reason_for_one_lane_is_told(function, why) -> None:
    group = cost_of(function, np.ones(1000)).groups[0]
    assert group.lanes == 1
    assert why in group.obstacle
    assert group.code == f"1 lane: {group.obstacle}"


def test_code_without_loops_has_one_lane() -> None:
    group = only(gradc.grad(lambda x: x**3).cost(2.0))
    assert (group.head, group.lanes, group.flops) == ("straight-line code", 1, 2)


def test_scattered_additions_go_one_by_one() -> None:
    cost = gradc.grad(lambda x, i: np.sum(x[i] ** 2)).cost(np.ones(1000), np.arange(50))
    assert any("same entry" in group.obstacle for group in cost.groups)


def test_columns_are_strided() -> None:
    group = only(cost_of(lambda A: np.sum(A**2, axis=1), np.ones((5000, 3))))
    assert group.strided
    assert "strided" in group.code


def test_threads_are_told() -> None:
    assert only(cost_of(np.sqrt, np.ones(10_000_000))).shared
    assert not only(cost_of(np.sqrt, np.ones(100))).shared


def test_the_roofline_is_the_longer_of_two_times() -> None:
    light = only(cost_of(lambda x: x + 1.0, np.ones(20_000_000)))
    assert light.bound == "memory"
    assert light.seconds == light.memory_seconds > light.compute_seconds > 0
    heavy = only(cost_of(np.matmul, np.ones((300, 300)), np.ones((300, 300))))
    assert heavy.bound == "operations"
    assert heavy.seconds == heavy.compute_seconds > heavy.memory_seconds > 0


def test_one_lane_takes_as_many_times_longer() -> None:
    group = cost_of(np.cumsum, np.ones(1000)).groups[0]
    assert group.narrow_seconds == max(group.memory_seconds, LANES * group.compute_seconds)


def test_symbolic_sizes_are_named() -> None:
    cost = gradc.grad(lambda x: np.sum(x**3)).cost(gradc.vector("n"))
    assert cost.assumed == ("n",)
    assert "n." in str(cost).splitlines()[-1]


def test_the_table_has_a_line_for_each_group() -> None:
    cost = gradc.jit(lambda x: np.cumsum(x) / np.argmax(x)).cost(np.ones(1000))
    roofs, _, titles, *rows = str(cost).splitlines()
    assert roofs.startswith("One core of ")
    assert titles.startswith("group ")
    assert [row.startswith(group.head) for row, group in zip(rows, cost.groups, strict=False)] == [True] * len(
        cost.groups
    )
    assert rows[len(cost.groups)].startswith("all ")
    assert "Workspace" in rows[-1]


def test_nothing_is_measured_before_it_is_asked_for() -> None:
    peaks.cache_clear()
    cost = cost_of(np.sqrt, np.ones(100))
    assert repr(cost).startswith("Cost(flops=")
    assert peaks.cache_info().currsize == 0
    assert cost.seconds > 0
    assert peaks.cache_info().currsize == 1


def test_an_empty_array_costs_nothing() -> None:
    cost = cost_of(np.sqrt, np.ones(0))
    assert (cost.flops, cost.bytes_moved, cost.seconds) == (0, 0, 0)
    assert cost.groups == ()
    assert "Workspace 0 B" in str(cost)


@pytest.mark.parametrize("seed", range(15))
def test_random_graphs_write_their_outputs_at_least(seed: int) -> None:
    program = RandomGraph(seed)
    kernel = compile_graph(program.graph)
    cost = kernel.cost
    if not cost.assumed:
        written = sum(result.nbytes for result in kernel(program.values))
        assert written <= sum(group.bytes_written for group in cost.groups) <= written + cost.workspace_bytes
    assert all(group.flops >= 0 and group.lanes >= 1 for group in cost.groups)
    assert all((group.lanes == 1) == bool(group.obstacle) for group in cost.groups)


def test_debug_shows_the_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("GRADC_DEBUG", "4")
    gradc.jit(lambda x: x * 3.25 + np.sin(x) / 7.5)(np.ones(11))
    shown = capsys.readouterr().err
    assert shown.index("# gradc lowered") < shown.index("# gradc cost") < shown.index("flops/byte")
