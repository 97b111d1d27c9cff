"""The runtime on its own: it knows nothing of the compiler."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

from gradc_runtime.blas import one_thread, symbols, thread_setter
from gradc_runtime.buffers import LARGE, FramePool, Workspaces, aligned_bytes
from gradc_runtime.engine import engine
from gradc_runtime.extents import ShapeRule, SizeMismatch, evaluate, resolve
from gradc_runtime.layout import objects_are_readable
from gradc_runtime.loaded import ArraySpec, LoadedKernel, Signature, WrongDType

DOUBLE = """
define i32 @gradc_pointers(ptr %frame) {
  %to.slot = getelementptr i64, ptr %frame, i64 1
  %from = load ptr, ptr %frame
  %to = load ptr, ptr %to.slot
  %x = load double, ptr %from
  %y = fadd double %x, %x
  store double %y, ptr %to
  ret i32 0
}
"""


def doubling() -> LoadedKernel:
    spec = ArraySpec("x", np.dtype("f8"), ())
    signature = Signature((spec,), (spec,), (), 0, 0, releases_gil=True)
    return LoadedKernel(engine().compile(DOUBLE), signature)


def test_a_kernel_from_text() -> None:
    assert objects_are_readable()
    kernel = doubling()
    assert kernel([np.array(3.0)])[0] == 6
    with pytest.raises(WrongDType, match="takes 1 arrays"):
        kernel([])
    with pytest.raises(SizeMismatch, match="x has 1 axes, the kernel takes 0"):
        kernel([np.zeros(2)])


def test_calls_from_many_threads_do_not_mix() -> None:
    kernel = doubling()
    wrong: list[float] = []

    def work(start: int) -> None:
        wrong.extend(k for k in range(start, start + 2000) if kernel([np.array(float(k))])[0] != 2.0 * k)

    threads = [threading.Thread(target=work, args=(10_000 * t,)) for t in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_extents_are_resolved_from_shapes() -> None:
    n, m = ("size", 0), ("size", 1)
    rules = [ShapeRule("x", (n, 3)), ShapeRule("y", (("sum", m, -1),)), ShapeRule("z", (("prod", 2, n),))]
    assert resolve(rules, [(5, 3), (6,), (10,)], ("n", "m")) == (5, 7)
    with pytest.raises(SizeMismatch, match=r"z has shape \(11,\), but \(10,\) is needed \(n = 5, m = 7\)"):
        resolve(rules, [(5, 3), (6,), (11,)], ("n", "m"))
    with pytest.raises(SizeMismatch, match="can't be read off"):
        resolve([ShapeRule("x", (("prod", 2, n),))], [(4,)], ("n",))
    assert evaluate(("floordiv", ("sum", n, 1), 2), [6]) == 3
    assert evaluate(("mod", n, 4), [6]) == 2


def test_frames_are_kept_for_the_next_call() -> None:
    pool = FramePool(4, [(2, 99)])
    first = pool.take()
    assert first.slots[2] == 99
    second = pool.take()
    assert second is not first
    pool.give_back(first)
    assert pool.take() is first


def test_workspaces_are_kept_for_calls_that_need_no_more() -> None:
    workspaces = Workspaces()
    block, other = workspaces.take(1000), workspaces.take(1000)
    assert block.ctypes.data % 64 == 0
    assert other is not block
    workspaces.give_back(block)
    assert workspaces.take(1000) is block
    workspaces.give_back(block)
    assert workspaces.take(2000).size >= 2000
    large = [aligned_bytes(LARGE) for _ in range(3)]
    for each in large:
        workspaces.give_back(each)
    assert len(workspaces.free) == 1


def test_blas_runs_on_one_thread_and_gives_the_others_back() -> None:
    assert symbols(["exp", "llvm.fma.f64"]) == {}
    assert symbols(["gradc_blas_dgemm"])["gradc_blas_dgemm"] > 0
    setter = thread_setter()
    if setter is None:
        pytest.skip("this BLAS has no thread setting")
    before = setter(2)
    with one_thread:
        with one_thread:
            assert setter(1) == 1
        assert setter(1) == 1
    assert setter(before) == 2


def test_the_runtime_needs_no_compiler() -> None:
    code = (
        "import sys, gradc_runtime.loaded; assert not any(m == 'gradc' or m.startswith('gradc.') for m in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": "runtime"})


def test_code_is_freed_with_its_kernel() -> None:
    import weakref

    kernel = doubling()
    library = weakref.ref(kernel._libraries[0])
    del kernel
    assert library() is None
