"""Long loops in kernels end when a signal's handler raises, and what it raised is what the caller sees."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import gradc

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the platform has no timers that signal")


class TooLong(Exception):
    pass


@pytest.fixture
def alarm() -> Iterator[Any]:
    """``alarm(seconds)``: `TooLong` is raised in the main thread after that time."""

    def handler(*_: Any) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, handler)
    try:
        yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def endless(x: Any) -> Any:
    return gradc.while_loop(lambda s: s < 1e300, lambda s: s + 0 * x, x)


def very_long(x: Any) -> Any:
    return gradc.fori_loop(0, 10**13, lambda i, s: 0.5 * s + x, x)


def inner(x: Any) -> Any:
    """The loop that takes long is in another one."""
    return gradc.fori_loop(0, 3, lambda i, s: very_long(s), x)


@pytest.mark.parametrize("function", [endless, very_long, inner])
def test_a_long_loop_is_interrupted(function: Any, alarm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADC_CHECK", "0")
    compiled = gradc.jit(function)
    compiled.llvm(1.0)  # compiled before the clock starts
    for _ in range(2):
        alarm(0.1)
        with pytest.raises(TooLong):
            compiled(1.0)


def test_a_handler_that_raises_nothing_lets_the_loop_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADC_CHECK", "0")
    seen: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
    try:
        total = gradc.jit(lambda x: gradc.fori_loop(0, 5_000_000, lambda i, s: s + x, 0.0))
        total.llvm(1.0)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        assert total(1.0) == 5_000_000
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen


def test_other_threads_run_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADC_CHECK", "0")
    long = gradc.jit(lambda x: gradc.scan(lambda s, v: (0.9 * s + v, None), 0.0, x)[0])
    x = np.ones(3_000_000)
    expected = long(x)
    counts: list[int] = [0]
    done = threading.Event()

    def count() -> None:
        while not done.is_set():
            counts[0] += 1

    thread = threading.Thread(target=count)
    thread.start()
    try:
        assert long(x) == expected
    finally:
        done.set()
        thread.join()
    assert counts[0] > 0
