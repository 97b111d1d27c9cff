"""Random programs of loops, branches, checkpoints and rules in each other, every way; more under the marker slow."""

from __future__ import annotations

import pytest
from loop_programs import LoopWriter, failure_of_seed

#: Short ones, which take about a second each.
QUICK = [seed for seed in range(600) if len(LoopWriter(seed).program().split("\n")) < 33][:8]


@pytest.mark.parametrize("seed", QUICK)
def test_short_programs(seed):
    failure = failure_of_seed(seed)
    assert failure is None, f"{failure}\n{LoopWriter(seed).program()}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1100))
def test_programs(seed):
    failure = failure_of_seed(seed)
    assert failure is None, f"{failure}\n{LoopWriter(seed).program()}"
