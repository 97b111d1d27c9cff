"""What holds of calls by plan whatever the signature: threads, references, fork, workspaces, other interpreters."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from entry_support import assert_same, by_plan, in_python

import gradc.function
from gradc.api import grad, jit, value_and_grad
from gradc.trace.context import Trace, tracing
from gradc_runtime.entry_plan import STACK_WORKSPACE
from gradc_runtime.layout import calls_are_possible

pytestmark = [
    pytest.mark.skipif(not calls_are_possible(), reason="this interpreter has another layout"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

X = np.arange(1.0, 9.0)
SCALE: Any = 2.0


pytestmark = pytest.mark.usefixtures("plain_kernels")


def in_threads(work: Callable[[int], None], count: int = 4) -> None:
    """Run ``work(0)``, ``work(1)``, ... at the same time; exceptions are raised here."""
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


# ---------------------------------------------------------------- threads


@pytest.mark.parametrize("size", [8, 300_000])
def test_threads_share_a_function(size: int) -> None:
    function = value_and_grad(lambda x: np.sum(np.exp(-(x**2)) * SCALE))
    arrays = [np.linspace(0, 1 + k, size) for k in range(4)]
    expected = [in_python(function, x) for x in arrays]
    by_plan(function, arrays[0])

    def work(number: int) -> None:
        for _ in range(2000 if size == 8 else 20):
            assert_same(function(arrays[number]), expected[number])

    in_threads(work)


def test_threads_share_a_kernel_with_a_workspace() -> None:
    def folded(x: Any) -> Any:
        sums = np.cumsum(np.exp(x))
        return sums * sums[::-1]

    function = jit(folded)
    arrays = [np.linspace(0, k, 50_000) for k in range(4)]
    expected = [in_python(function, x) for x in arrays]
    by_plan(function, arrays[0])
    kernel = function.record_for(arrays[0]).kernel.loaded
    assert kernel.signature.workspace > STACK_WORKSPACE

    def work(number: int) -> None:
        for _ in range(50):
            assert_same(function(arrays[number]), expected[number])

    in_threads(work)
    free = kernel.workspaces.free
    assert 1 <= len(free) <= 4
    assert len({id(block) for block in free}) == len(free)


def test_a_trace_in_one_thread_leaves_others_right() -> None:
    function = grad(lambda x: np.sum(x**3))
    by_plan(function, X)
    with tracing(Trace()):

        def work(number: int) -> None:
            np.testing.assert_array_equal(function(X), 3 * X**2)
            assert function.last_plan() is None

        in_threads(work)
    by_plan(function, X)


def test_threads_trace_and_call_at_the_same_time() -> None:
    function = grad(lambda x: np.sum(x**3))
    by_plan(function, X)

    def work(number: int) -> None:
        if number:
            for _ in range(300):
                np.testing.assert_array_equal(function(X), 3 * X**2)
        else:
            for k in range(1, 20):
                np.testing.assert_array_equal(jit(lambda x, k=k: x * k)(np.ones(k)), np.full(k, float(k)))

    in_threads(work)


def test_a_list_that_others_change_during_the_call() -> None:
    function = jit(lambda p: np.exp(-(p[0] ** 2)) * p[1])
    size = 200_000
    shared: list[Any] = [np.zeros(size), 1.0]
    by_plan(function, shared)
    stop = threading.Event()

    def replace() -> None:
        while not stop.is_set():
            shared[0] = np.zeros(size)

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        for _ in range(50):
            assert (function(shared) == 1.0).all()
    finally:
        stop.set()
        thread.join()


@needs_fork
def test_a_child_forked_during_the_trace_of_another_thread() -> None:
    function = grad(lambda x: np.sum(x**3))
    by_plan(function, X)
    started, stop = threading.Event(), threading.Event()

    def trace() -> None:
        with tracing(Trace()):
            started.set()
            stop.wait()

    thread = threading.Thread(target=trace)
    thread.start()
    started.wait()
    child = os.fork()
    if child == 0:
        good = (function(X) == 3 * X**2).all() and function.last_plan() is not None
        os._exit(0 if good else 1)
    status = os.waitpid(child, 0)[1]
    stop.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0


class Source:
    def __init__(self) -> None:
        self.values, self.scales = np.ones(4), [1.0, 2.0]


SOURCE = Source()


def test_captures_that_another_thread_replaces(monkeypatch: pytest.MonkeyPatch) -> None:
    function = jit(lambda x: np.sum(x * SOURCE.values) * SOURCE.scales[1])
    monkeypatch.setattr(sys.modules[__name__], "SOURCE", SOURCE)
    by_plan(function, np.ones(4))
    stop = threading.Event()

    def replace() -> None:
        global SOURCE
        while not stop.is_set():
            SOURCE.scales[:] = []
            SOURCE.values = np.ones(4, "f4")
            SOURCE.scales.extend([3.0, 2.0, 1.0])
            SOURCE = Source()
            SOURCE.scales = [0.0, 2.0]
            SOURCE.values = np.ones(4)

    def work(number: int) -> None:
        for _ in range(300):
            try:
                assert function(np.ones(4)) == 8.0
            except IndexError:
                assert number >= 0  # the list was empty

    thread = threading.Thread(target=replace)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread.start()
    try:
        in_threads(work)
    finally:
        sys.setswitchinterval(interval)
        stop.set()
        thread.join()


def test_a_capture_that_is_replaced_at_the_end_of_every_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the trace has seen is what counts: NumPy, too, would have read the array once."""
    monkeypatch.setattr(sys.modules[__name__], "SOURCE", Source())
    function = jit(lambda x: np.sum(x * SOURCE.values))
    collect, sizes = gradc.function.conditions_of, iter(range(5, 100))

    def replacing(trace: Trace) -> Any:
        found = collect(trace)
        SOURCE.values = np.ones((next(sizes), 1))
        return found

    monkeypatch.setattr(gradc.function, "conditions_of", replacing)
    assert function(np.ones(4)) == 4.0
    assert function(np.ones(4)) == 20.0


# ---------------------------------------------------------------- references


class Weights:
    def __init__(self) -> None:
        self.w = np.ones(8)


WEIGHTS = Weights()
TABLE = {"w": np.ones(8), "b": [1.5]}


def test_no_references_are_lost_or_kept() -> None:
    arguments = ({"w": X, "b": [2.0, (np.ones(8), None)]}, 3, "how")
    out = np.empty(8)
    nested = value_and_grad(
        lambda p, n, how: np.sum(p["w"] * p["b"][1][0] * WEIGHTS.w * TABLE["w"]) * p["b"][0] * n * TABLE["b"][0]
    )
    vector = grad(lambda x: np.sum(x**3))
    watched = [
        X,
        WEIGHTS.w,
        TABLE["w"],
        arguments[0],
        arguments[0]["b"],
        out,
        np.dtype(float),
        TABLE,
        WEIGHTS,
        None,
        "how",
    ]
    wrong = [X.reshape(2, 4), X[::-1]]

    def work(count: int) -> None:
        for _ in range(count):
            nested(*arguments)
            nested(arguments[0], n=3, how="how")
            vector(X)
            vector(X, out=out)
        for _ in range(count // 50):
            for x in wrong:
                vector(x)

    work(200)
    assert nested.last_plan() is not None
    gc.collect()
    counts = [sys.getrefcount(item) for item in watched]
    tracemalloc.start()
    work(200)
    before = tracemalloc.take_snapshot().statistics("filename")
    work(2000)
    after = tracemalloc.take_snapshot().statistics("filename")
    tracemalloc.stop()
    for item, count in zip(watched, counts, strict=True):
        assert abs(sys.getrefcount(item) - count) <= 50 or item is None, item
    assert sum(s.size for s in after) - sum(s.size for s in before) < 50_000


def test_memory_stays_level() -> None:
    resource = pytest.importorskip("resource")
    function = value_and_grad(lambda x: np.sum(x**3))
    large = np.ones(2000)
    by_plan(function, large)

    def work() -> None:
        for _ in range(50_000):
            function(large)

    work()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_plans_die_with_their_function() -> None:
    function = grad(lambda x: np.sum(x**3))
    by_plan(function, X)
    owner = function.last_plan()
    count = sys.getrefcount(owner)
    function(X)
    assert sys.getrefcount(owner) == count
    del function
    assert sys.getrefcount(owner) == 2


def test_results_that_nobody_keeps_are_freed() -> None:
    function = jit(lambda x: [x + 1, {"a": (x * 2, x * 3)}])
    result = by_plan(function, X)
    arrays = [result[0], *result[1]["a"]]
    counts = [sys.getrefcount(array) for array in arrays]
    del result
    gc.collect()
    assert [sys.getrefcount(array) for array in arrays] == [count - 1 for count in counts]


# ---------------------------------------------------------------- processes and interpreters


@needs_fork
def test_a_forked_child_calls_too() -> None:
    function = grad(lambda x: np.sum(x**3))
    by_plan(function, X)
    child = os.fork()
    if child == 0:
        good = (function(X) == 3 * X**2).all() and (grad(np.sin)(0.0) == 1.0)
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


_WITHOUT_LAYOUT = """
import gradc_runtime.layout as layout
layout.calls_are_possible = lambda: False
layout.objects_are_readable = lambda: False
import threading
import numpy as np, gradc
from gradc.function import Function
assert Function.__mro__[2] is object or object in Function.__mro__[1].__bases__
x, out = np.arange(8.0), np.empty(8)
f = gradc.value_and_grad(lambda x: np.sum(x**3))
g = gradc.grad(lambda p: np.sum(p["w"] * p["b"]))
work = gradc.jit(lambda a: np.cumsum(a) * np.cumsum(a)[::-1])
a = np.arange(3000.0)
for _ in range(5):
    value, gradient = f(x)
    assert value == np.sum(x**3) and (gradient == 3 * x**2).all()
    assert gradc.grad(lambda x: np.sum(x**2))(x, out=out) is out and (out == 2 * x).all()
    assert (g({"w": x, "b": 2.0})["w"] == 2).all()
    np.testing.assert_allclose(work(a), np.cumsum(a) * np.cumsum(a)[::-1], rtol=1e-9)
    assert f.last_plan() is None
failures = []
def run():
    for _ in range(200):
        if f(x)[0] != np.sum(x**3):
            failures.append(1)
threads = [threading.Thread(target=run) for _ in range(4)]
[t.start() for t in threads], [t.join() for t in threads]
assert not failures
import copy
assert copy.copy(f)(x)[0] == np.sum(x**3)
"""


def test_an_interpreter_of_another_layout() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    environment.pop("GRADC_CHECK", None)
    subprocess.run([sys.executable, "-c", _WITHOUT_LAYOUT], check=True, env=environment)
