"""Code for other processors than this one: the same results at every width of vectors, and no foreign instructions."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import pytest

from gradc_runtime.engine import TARGET_VARIABLE, Engine, UnknownTarget

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]

#: Each level: the feature that the machine must have, the width of vectors, whether they multiply and add at once.
LEVELS = {
    "x86-64": ("sse2", 128, False),
    "x86-64-v2": ("sse4.2", 128, False),
    "x86-64-v3": ("avx2", 256, True),
    "x86-64-v4": ("avx512vl", 512, True),
}
REGISTERS = {128: ["xmm"], 256: ["xmm", "ymm"], 512: ["xmm", "ymm", "zmm"]}

is_x86 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the levels are those of x86")


@cache
def results(target: str, *arguments: str) -> dict[str, Any]:
    """What `at_target` finds where code is made for the target."""
    places = os.pathsep.join([str(ROOT / "compiler"), str(ROOT / "runtime")])
    environment = os.environ | {TARGET_VARIABLE: target, "PYTHONPATH": places}
    done = subprocess.run(
        [sys.executable, str(FOLDER / "at_target.py"), *arguments], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def require(level: str) -> None:
    if not llvm.get_host_cpu_features().get(LEVELS[level][0]):
        pytest.skip(f"this machine is less than {level}")


@is_x86
@pytest.mark.parametrize("level", LEVELS)
def test_kernels_are_right_at_every_level(level: str) -> None:
    require(level)
    _, width, has_fma = LEVELS[level]
    found = results(level)
    assert (found["vector_bits"], found["has_fma"]) == (width, has_fma)
    assert found["registers"] == REGISTERS[width]
    assert (found["fused"] > 0) == has_fma


@is_x86
def test_elementary_functions_have_the_same_bits_at_every_width() -> None:
    require("x86-64-v4")
    wide, narrow = results("x86-64-v4")["digests"], results("x86-64-v3")["digests"]
    assert wide
    assert wide == narrow


@is_x86
def test_straight_line_code_has_the_same_bits_at_every_width() -> None:
    require("x86-64-v4")
    assert results("x86-64-v4")["small"] == results("x86-64-v3")["small"]


def test_code_for_arm_is_accepted_and_holds_nothing_of_x86() -> None:
    llvm.initialize_all_targets()
    triple = "aarch64-unknown-linux-gnu"
    try:
        llvm.Target.from_triple(triple)
    except RuntimeError:
        pytest.skip("this LLVM has no such target")
    found = results("", triple)
    assert found["kernels"] > 50
    assert found["of_x86"] == 0
    assert found["fused"] > 10


@is_x86
def test_unknown_processors_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TARGET_VARIABLE, "x86-64-v9")
    with pytest.raises(UnknownTarget, match="not 'x86-64-v9'"):
        _ = Engine().host


@is_x86
def test_what_this_machine_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TARGET_VARIABLE, "x86-64-v4")
    engine = Engine()
    monkeypatch.setattr(engine._llvm, "get_host_cpu_features", dict)
    with pytest.raises(UnknownTarget, match="no avx512f"):
        _ = engine.host


def test_a_wrong_setting_is_told_at_the_first_call() -> None:
    code = "import gradc\ntry: gradc.grad(lambda x: x**3)(2.0)\nexcept gradc.SettingError as e: print(e)"
    places = os.pathsep.join([str(ROOT / "compiler"), str(ROOT / "runtime")])
    environment = os.environ | {TARGET_VARIABLE: "none", "PYTHONPATH": places}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.startswith("GRADC_TARGET is one of")
