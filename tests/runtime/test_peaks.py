"""What the machine can do at most, as it is measured: never how fast, only how the numbers hang together."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from gradc_runtime import peaks as measured
from gradc_runtime.engine import engine
from gradc_runtime.peaks import Level, Peaks, peaks


def test_the_peaks_are_measured_once() -> None:
    first = peaks()
    assert first is peaks()
    assert first.flops > 0
    assert all(level.rate > 0 for level in first.levels)
    assert (first.cpu, first.vector_bits) == (engine().host.cpu, engine().host.vector_bits)


def test_each_cache_is_larger_than_the_one_before() -> None:
    *caches, memory = peaks().levels
    sizes = [level.capacity for level in caches]
    assert sizes == sorted(set(sizes))
    assert (memory.name, memory.capacity) == ("memory", 0)


def test_the_nearest_level_that_holds_the_bytes_is_taken() -> None:
    levels = (Level("L1", 100, 4.0), Level("L2", 1000, 2.0), Level("memory", 0, 1.0))
    machine = Peaks("any", 512, 1.0, levels)
    assert [machine.level_of(size).name for size in (0, 100, 101, 1000, 1001)] == ["L1", "L1", "L2", "L2", "memory"]


def test_narrow_code_reaches_a_part_of_the_peak() -> None:
    machine = Peaks("any", 256, 8.0, ())
    assert [machine.rate_of(8), machine.rate_of(8, 1), machine.rate_of(8, 4), machine.rate_of(4)] == [8, 2, 8, 16]


@pytest.mark.parametrize("has_fma", [False, engine().host.has_fma])
def test_the_loops_do_all_of_their_work(has_fma: bool) -> None:
    lanes = engine().host.vector_bits // 64
    library = engine().load(
        engine().compile(measured.module_text(lanes, has_fma=has_fma)), ["gradc_chains", "gradc_read", "gradc_copy"]
    )
    chains = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_double, ctypes.c_int64)(
        library.address("gradc_chains")
    )
    # each of the chains starts at 3 and becomes 2 x + 3 three times; the first counts twice in the total
    assert chains(2.0, 3.0, 3) == 45.0 * 13
    count = 8 * lanes * 5
    numbers, copy = np.arange(count, dtype=float), np.zeros(count)
    read = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(
        library.address("gradc_read")
    )
    first_lanes = numbers.reshape(-1, 8, lanes)[:, :, 0]
    assert read(numbers.ctypes.data, count, 2) == 2 * (first_lanes.sum() + first_lanes[:, 0].sum())
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(
        library.address("gradc_copy")
    )(numbers.ctypes.data, copy.ctypes.data, count, 1)
    np.testing.assert_array_equal(copy, numbers)
