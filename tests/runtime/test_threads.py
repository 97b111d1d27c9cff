"""The pool of threads on its own, with tasks written by hand; and what happens to it when a process forks or exits."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import gradc
import gradc_runtime
from gradc_runtime.engine import engine
from gradc_runtime.threads import PARALLEL_FOR, get_num_threads, set_num_threads, symbols
from gradc_runtime.threads_code import MOST_THREADS, pool_text

#: data[0]: address of counts; data[1]: address of slots seen; data[2]: chunks from which on every third one fails.
TASKS = f"""
declare i64 @{PARALLEL_FOR}(ptr, ptr, i64, i64, i64)

define i32 @count(ptr %data, i64 %chunk, i64 %length, i64 %slot) {{
entry:
  %counts = load ptr, ptr %data
  %place = getelementptr i64, ptr %counts, i64 %chunk
  br label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %next, %loop ]
  %old = load volatile i64, ptr %place
  %new = add i64 %old, 1
  store volatile i64 %new, ptr %place
  %next = add i64 %k, 1
  %more = icmp slt i64 %next, %length
  br i1 %more, label %loop, label %done
done:
  %slots.at = getelementptr ptr, ptr %data, i64 1
  %slots = load ptr, ptr %slots.at
  %seen = getelementptr i64, ptr %slots, i64 %chunk
  store i64 %slot, ptr %seen
  %limit.at = getelementptr i64, ptr %data, i64 2
  %limit = load i64, ptr %limit.at
  %beyond = icmp sge i64 %chunk, %limit
  %rest = srem i64 %chunk, 3
  %third = icmp eq i64 %rest, 0
  %fails = and i1 %beyond, %third
  %status = select i1 %fails, i32 9, i32 0
  ret i32 %status
}}

; Each chunk of the outer job is a job of as many chunks.
define i32 @nest(ptr %data, i64 %chunk, i64 %length, i64 %slot) {{
  %inner = getelementptr [3 x i64], ptr %data, i64 %chunk
  %status = call i64 @{PARALLEL_FOR}(ptr @count, ptr %inner, i64 %length, i64 1, i64 4)
  %narrow = trunc i64 %status to i32
  ret i32 %narrow
}}

define i64 @run(ptr %data, i64 %chunks, i64 %length, i64 %most) {{
  %status = call i64 @{PARALLEL_FOR}(ptr @count, ptr %data, i64 %chunks, i64 %length, i64 %most)
  ret i64 %status
}}

define i64 @run_nested(ptr %data, i64 %chunks, i64 %length, i64 %most) {{
  %status = call i64 @{PARALLEL_FOR}(ptr @nest, ptr %data, i64 %chunks, i64 %length, i64 %most)
  ret i64 %status
}}
"""
NEVER = 1 << 40


@pytest.fixture(autouse=True)
def _same_number_of_threads_afterwards() -> Iterator[None]:
    before = get_num_threads()
    yield
    set_num_threads(before)


class Jobs:
    """The tasks, linked with the pool."""

    def __init__(self) -> None:
        self.library = engine().load(engine().compile(TASKS), ["run", "run_nested"], symbols([PARALLEL_FOR]))

    def call(self, name: str, data: np.ndarray, chunks: int, length: int, most: int = MOST_THREADS) -> int:
        kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, *[ctypes.c_int64] * 3)
        return int(kind(self.library.address(name))(data.ctypes.data, chunks, length, most))


@pytest.fixture(scope="module")
def jobs() -> Jobs:
    return Jobs()


def job(counts: np.ndarray, slots: np.ndarray, limit: int = NEVER) -> np.ndarray:
    return np.array([counts.ctypes.data, slots.ctypes.data, limit], np.int64)


@pytest.mark.parametrize("threads", [1, 2, 3, 5, 40])
@pytest.mark.parametrize("chunks", [0, 1, 2, 7, 64, 1000])
def test_each_chunk_runs_once(jobs: Jobs, threads: int, chunks: int) -> None:
    set_num_threads(threads)
    counts, slots = np.zeros(chunks + 1, np.int64), np.zeros(chunks + 1, np.int64)
    for _ in range(20):
        assert jobs.call("run", job(counts, slots), chunks, 50) == 0
    assert counts.tolist() == [20 * 50] * chunks + [0]
    assert set(slots.tolist()) <= set(range(threads))


def test_a_job_of_few_slots_takes_no_more_threads(jobs: Jobs) -> None:
    set_num_threads(5)
    counts, slots = np.zeros(64, np.int64), np.zeros(64, np.int64)
    for most in (5, 2, 1, 3) * 20:
        assert jobs.call("run", job(counts, slots), 64, 300, most) == 0
        assert set(slots.tolist()) <= set(range(most))
    assert (counts == 80 * 300).all()


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_the_first_chunk_that_fails_is_told(jobs: Jobs, threads: int) -> None:
    set_num_threads(threads)
    for limit in (0, 1, 20, 61, 63):
        counts, slots = np.zeros(64, np.int64), np.zeros(64, np.int64)
        first = -(-limit // 3) * 3
        for _ in range(20):
            assert jobs.call("run", job(counts, slots, limit), 64, 20) == first << 32 | 9
        assert (counts[: first + 1] == 20 * 20).all(), "what comes before a failure has run"


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_jobs_within_jobs(jobs: Jobs, threads: int) -> None:
    set_num_threads(threads)
    counts, slots = np.zeros((8, 30), np.int64), np.zeros((8, 30), np.int64)
    inner = np.concatenate([job(c, s) for c, s in zip(counts, slots, strict=True)])
    for _ in range(20):
        assert jobs.call("run_nested", inner, 8, 30) == 0
    assert (counts == 20).all()
    assert set(slots.ravel().tolist()) == {0}, "the pool is taken: each runs its chunks alone"


def test_jobs_of_many_python_threads(jobs: Jobs) -> None:
    set_num_threads(3)
    wrong: list[object] = []

    def work() -> None:
        counts, slots = np.zeros(40, np.int64), np.zeros(40, np.int64)
        outcomes = {jobs.call("run", job(counts, slots), 40, 30) for _ in range(500)}
        if outcomes != {0} or (counts != 500 * 30).any():
            wrong.append((outcomes, counts))

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_workers_are_no_threads_of_python(jobs: Jobs) -> None:
    before = threading.enumerate()
    set_num_threads(3)
    counts, slots = np.zeros(64, np.int64), np.zeros(64, np.int64)
    jobs.call("run", job(counts, slots), 64, 10)
    assert threading.enumerate() == before


@pytest.mark.parametrize(
    "triple", ["aarch64-unknown-linux-gnu", "arm64-apple-darwin", "riscv64-linux-gnu", "x86_64-linux"]
)
@pytest.mark.parametrize("yields", [False, True])
def test_the_pool_is_portable(triple: str, yields: bool) -> None:
    """The text parses, and only x86 gets an instruction of x86."""
    import llvmlite.binding as llvm

    text = pool_text(triple, yields=yields)
    llvm.parse_assembly(text, context=llvm.create_context()).verify()
    assert ("llvm.x86" in text) == triple.startswith("x86")
    assert ("sched_yield" in text) == yields


WAVE = """
import os, sys, time
import numpy as np
import gradc
gradc.set_num_threads(3)
F = gradc.value_and_grad(lambda x: np.sum(np.sin(x) * np.exp(-x**2) + np.log1p(x**2)))
x = np.linspace(-3, 3, 100_000)
def bits():
    value, gradient = F(x)
    return float(value).hex() + str(hash(gradient.tobytes()))
"""


# ---------------------------------------------------------------- the number of threads


def test_the_number_of_threads_is_set() -> None:
    gradc.set_num_threads(4)
    assert gradc.get_num_threads() == 4
    gradc.set_num_threads(np.int64(1))  # type: ignore[arg-type]
    assert gradc.get_num_threads() == 1


@pytest.mark.parametrize("count", [0, -1, MOST_THREADS + 1])
def test_a_number_out_of_range_is_refused(count: int) -> None:
    before = gradc.get_num_threads()
    with pytest.raises(ValueError, match=f"between 1 and {MOST_THREADS}, not {count}") as caught:
        gradc.set_num_threads(count)
    assert isinstance(caught.value, gradc.GradcError)
    assert gradc.get_num_threads() == before


@pytest.mark.parametrize("count", [2.0, "2", None, True])
def test_what_is_no_int_is_refused(count: object) -> None:
    before = gradc.get_num_threads()
    with pytest.raises(TypeError, match="the number of threads is an int") as caught:
        gradc.set_num_threads(count)  # type: ignore[arg-type]
    assert isinstance(caught.value, gradc.GradcError)
    assert gradc.get_num_threads() == before


Script = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def python(tmp_path: Path) -> Script:
    """Runs a script in a process of its own, which has to end by itself."""

    def run(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
        script = tmp_path / "script.py"
        script.write_text(code)
        packages = (gradc, gradc_runtime)
        folders = [str(Path(package.__file__ or "").parents[1]) for package in packages]
        return subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", str(script)],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(folders), **variables},
            check=False,
        )

    return run


@pytest.mark.parametrize("text", ["3", " 1 "])
def test_the_environment_says_how_many_at_first(python: Script, text: str) -> None:
    done = python("import gradc; print(gradc.get_num_threads())", GRADC_NUM_THREADS=text)
    assert done.stdout.split() == [text.strip()], done.stderr


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_variable_says_nothing(python: Script, text: str) -> None:
    done = python("import gradc; print(gradc.get_num_threads())", GRADC_NUM_THREADS=text)
    expected = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert done.stdout.split() == [str(expected)], done.stderr


@pytest.mark.parametrize("text", ["0", "many", "1.5", "-2"])
def test_a_senseless_variable_is_an_error(python: Script, text: str) -> None:
    message = f"GRADC_NUM_THREADS is a number between 1 and {MOST_THREADS}, not {text!r}"
    for code in ("import gradc; gradc.get_num_threads()", f"{WAVE}\nbits()".replace("gradc.set_num_threads(3)", "")):
        done = python(code, GRADC_NUM_THREADS=text)
        assert done.returncode == 1
        assert f"SettingError: {message}" in done.stderr


# ---------------------------------------------------------------- processes


@pytest.mark.parametrize("pause", [0, 0.3])
def test_an_interpreter_exits_with_its_workers(python: Script, pause: float) -> None:
    done = python(f"{WAVE}\nbits(); time.sleep({pause}); print('done')")
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_an_interpreter_exits_while_another_thread_works(python: Script) -> None:
    done = python(
        f"""{WAVE}
import threading
def work():
    while True:
        bits()
threading.Thread(target=work, daemon=True).start()
time.sleep(0.2)
print('done', flush=True)
"""
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_a_forked_child_has_workers_of_its_own(python: Script) -> None:
    """Forked before the first job, after it, and out of a child."""
    done = python(
        f"""{WAVE}
def child_of(depth):
    pid = os.fork()
    if pid == 0:
        if depth:
            child_of(depth - 1)
        ok = all(bits() == expected for _ in range(5))
        os._exit(0 if ok else 7)
    status = os.waitpid(pid, 0)[1]
    assert status == 0, status
gradc.set_num_threads(1)
expected = bits()
gradc.set_num_threads(3)
child_of(1)
assert bits() == expected
child_of(2)
assert bits() == expected
print('done')
"""
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_a_fork_while_another_thread_works(python: Script) -> None:
    done = python(
        f"""{WAVE}
import threading
expected = bits()
stop = threading.Event()
def work():
    while not stop.is_set():
        bits()
threading.Thread(target=work).start()
for _ in range(10):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if bits() == expected else 7)
    assert os.waitpid(pid, 0)[1] == 0
stop.set()
print('done')
"""
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_of_multiprocessing(python: Script, method: str) -> None:
    done = python(
        f"""{WAVE}
import multiprocessing
def size(count):
    return float(F(x[:count])[0]).hex()
if __name__ == "__main__":
    expected = [size(n) for n in (100_000, 99_999)]
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        assert pool.map(size, [100_000, 99_999] * 3) == expected * 3
    print("done")
"""
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
