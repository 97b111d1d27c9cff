"""Plans on their own: the runtime serves calls without the compiler."""

from __future__ import annotations

import ctypes
import gc
from typing import Any

import numpy as np
import pytest

from gradc_runtime import entry_plan, layout
from gradc_runtime.engine import engine
from gradc_runtime.entry import PLANS_KEPT, FastCallable, Plan, suspended_calls
from gradc_runtime.entry_code import STEP_MODULES, module_text
from gradc_runtime.entry_plan import PlanWriter
from gradc_runtime.entry_text import STEPS, Step
from gradc_runtime.loaded import ArraySpec, LoadedKernel, Signature

pytestmark = pytest.mark.skipif(not layout.calls_are_possible(), reason="this interpreter has another layout")

#: Adds a constant to a number, by way of the workspace; negative numbers fail.
_ADD = """
define i32 @gradc_pointers(ptr %frame) {
  %to.slot = getelementptr i64, ptr %frame, i64 1
  %constant.slot = getelementptr i64, ptr %frame, i64 2
  %workspace.slot = getelementptr i64, ptr %frame, i64 3
  %from = load ptr, ptr %frame
  %to = load ptr, ptr %to.slot
  %constant.at = load ptr, ptr %constant.slot
  %workspace = load ptr, ptr %workspace.slot
  %x = load double, ptr %from
  %c = load double, ptr %constant.at
  %y = fadd double %x, %c
  store double %y, ptr %workspace
  %z = load double, ptr %workspace
  store double %z, ptr %to
  %bad = fcmp olt double %x, 0.0
  %status = select i1 %bad, i32 1, i32 0
  ret i32 %status
}
"""


class Adder(FastCallable):
    """Python's part of a callable: it says that it was asked."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return "python", args, kwargs


def adding(workspace: int = 8, *, releases_gil: bool = False, limits_blas_threads: bool = False) -> LoadedKernel:
    spec = ArraySpec("x", np.dtype("f8"), ())
    signature = Signature((spec,), (spec,), (), workspace, 1, releases_gil, limits_blas_threads)
    return LoadedKernel(engine().compile(_ADD), signature, [np.array(10.0)])


def plan_for(kernel: LoadedKernel, kind: type = float) -> Plan:
    writer = PlanWriter(kernel)
    writer.step("positional", 1)
    writer.step("argument", 0)
    writer.step("of_type", writer.refer(kind))
    writer.step("number", writer.input_slot(0))
    place = writer.new_number(0)
    writer.run()
    writer.step("build_float", place)
    return writer.finish("tag")


@pytest.mark.parametrize("workspace", [8, 100_000, 2 << 20])
@pytest.mark.parametrize("releases_gil", [False, True])
def test_a_plan_runs_a_kernel(workspace: int, releases_gil: bool) -> None:
    adder = Adder()
    assert adder(1.0) == ("python", (1.0,), {})
    kernel = adding(workspace, releases_gil=releases_gil)
    adder.add_plan(plan_for(kernel))
    for k in range(100):
        assert adder(float(k)) == 10.0 + k
    assert len(kernel.workspaces.free) == (workspace > 8192)
    plan = adder.last_plan()
    assert plan is not None
    assert plan.tag == "tag"
    assert adder("x", 1, y=2) == ("python", ("x", 1), {"y": 2})
    assert adder(-1.0) == ("python", (-1.0,), {})
    assert adder(*[1.0] * 5000) == ("python", (1.0,) * 5000, {})


def test_blas_has_one_thread_while_a_kernel_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[str] = []

    class Watched:
        def __enter__(self) -> None:
            entered.append("in")

        def __exit__(self, *_: object) -> None:
            entered.append("out")

    monkeypatch.setattr(entry_plan, "one_thread", Watched())
    adder = Adder()
    adder.add_plan(plan_for(adding(limits_blas_threads=True)))
    assert adder(1.0) == 11.0
    assert entered == ["in", "out"]
    assert adder(-1.0)[0] == "python"
    assert entered == ["in", "out"] * 2
    assert adder("x")[0] == "python"
    assert entered == ["in", "out"] * 2


def test_the_newest_plans_come_first_and_the_oldest_go() -> None:
    adder, kernel = Adder(), adding()
    adder.add_plan(plan_for(kernel, np.float64))
    assert adder(np.float64(1.0)) == 11.0
    for _ in range(PLANS_KEPT):
        adder.add_plan(plan_for(kernel))
    assert adder(np.float64(1.0))[0] == "python"
    assert adder(1.0) == 11.0
    assert adder.last_plan() is not None
    adder.forget_last_plan()
    assert adder.last_plan() is None


def test_no_plan_serves_while_calls_are_suspended() -> None:
    adder = Adder()
    adder.add_plan(plan_for(adding()))
    with suspended_calls:
        assert adder(1.0)[0] == "python"
        with suspended_calls:
            assert adder(1.0)[0] == "python"
        assert adder(1.0)[0] == "python"
    assert adder(1.0) == 11.0


def test_other_ways_of_calling() -> None:
    adder = Adder()
    adder.add_plan(plan_for(adding()))
    assert list(map(adder, [1.0, 2.0])) == [11.0, 12.0]
    assert sorted([3.0, 1.0], key=adder) == [1.0, 3.0]
    assert adder(*(1.0,)) == 11.0
    assert adder(*(1.0,)) == 11.0
    assert adder.__call__(1.0)[0] == "python"


def test_a_callable_and_its_plans_are_freed() -> None:
    adder, kernel = Adder(), adding()
    adder.add_plan(plan_for(kernel))
    adder(1.0)
    adder.me = adder  # type: ignore[attr-defined]
    del adder
    gc.collect()
    referrers = [owner for owner in gc.get_objects() if isinstance(owner, Adder)]
    assert referrers == []


@pytest.mark.parametrize("name", STEPS)
def test_every_step_compiles(name: str) -> None:
    assert engine().compile(module_text([Step.of([name])]))
    assert STEPS[name].__module__ in {module.__name__ for module in STEP_MODULES}


def test_the_probe_finds_other_layouts(monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, name in [
        (layout.ObjectOffset, "TUPLE_ITEMS"),
        (layout.ObjectOffset, "LIST_ITEMS"),
        (layout.ObjectOffset, "CELL_CONTENT"),
        (layout.ObjectOffset, "SIZE"),
        (layout.ObjectOffset, "NUMBER"),
        (layout.ObjectOffset, "CLASS_FLAGS"),
        (layout.ObjectOffset, "FUNCTION_CODE"),
    ]:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, 8)
            assert not layout._objects_are_as_assumed(), name
    for name in ("RANK", "DTYPE", "FLAGS", "DTYPE_NUMBER", "DTYPE_BYTE_ORDER"):
        with monkeypatch.context() as patch:
            patch.setattr(layout.ArrayOffset, name, 8)
            assert not layout._arrays_are_as_assumed(), name
    assert layout._objects_are_as_assumed()
    assert layout._arrays_are_as_assumed()


def test_the_symbols_are_addresses() -> None:
    symbols = layout.call_symbols()
    assert all(symbols.values())
    new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)(
        symbols["gradc_numpy_scalar"]
    )
    value = np.array(2.5)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(value.dtype))
    result = new(value.ctypes.data, value.dtype, None)
    assert type(result) is np.float64
    assert result == 2.5
