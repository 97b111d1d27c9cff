"""The systems compared with: each loaded once if it is installed, each with a note if it is not."""

from __future__ import annotations

import ctypes
import importlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

PEERS = ("jax", "torch", "autograd", "casadi", "symengine")
ORDER = ("gradc", *PEERS, "C")
C_FLAGS = ("-O3", "-march=native", "-ffast-math")


@cache
def load(name: str) -> Any:
    """The peer's module, set up for float64."""
    module = importlib.import_module(name)
    if name == "jax":
        module.config.update("jax_enable_x64", True)
    return module


@cache
def available(only: frozenset[str] = frozenset()) -> tuple[dict[str, str], dict[str, str]]:
    """Versions of the systems that can run, and notes on those that can't (all of them, or ``only`` these)."""
    versions: dict[str, str] = {}
    notes: dict[str, str] = {}
    for name in ("gradc", *PEERS):
        if only and name not in only:
            continue
        try:
            load(name)
            versions[name] = _version(name)
        except ImportError as error:
            notes[name] = f"not installed ({error})"
    if not only or "C" in only:
        compiler = c_compiler()
        if compiler:
            versions["C"] = f"{_first_line([compiler, '--version'])}, {' '.join(C_FLAGS)}"
        else:
            notes["C"] = "no C compiler"
    return versions, notes


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return str(getattr(load(name), "__version__", "?"))


def c_compiler() -> str | None:
    """The C compiler, gcc if there is one."""
    return shutil.which("gcc") or shutil.which("cc")


def _first_line(command: Iterable[str]) -> str:
    return subprocess.run(list(command), capture_output=True, text=True, check=True).stdout.splitlines()[0]


@cache
def handwritten() -> ctypes.CDLL:
    """The hand-written derivatives, compiled now for this machine."""
    return compile_c(Path(__file__).with_name("handwritten.c").read_text())


def compile_c(source: str) -> ctypes.CDLL:
    """A library from C source."""
    compiler = c_compiler()
    if compiler is None:
        raise RuntimeError("no C compiler")
    with tempfile.TemporaryDirectory() as folder:
        text, library = Path(folder, "code.c"), Path(folder, "code.so")
        text.write_text(source)
        subprocess.run([compiler, *C_FLAGS, "-shared", "-fPIC", "-o", library, text, "-lm"], check=True)
        return ctypes.CDLL(str(library))  # stays mapped after the file is gone


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    """The array's data for a C call."""
    return ctypes.c_void_p(array.ctypes.data)
