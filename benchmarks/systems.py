"""The systems compared with: each loaded once if it is installed, on one thread and in float64, each with a note if not."""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks import native

PEERS = ("heyoka", "drjit", "jax", "torch", "casadi", "sympy", "symengine", "autograd")
#: gradc, what a person writes by hand, and the others.
ORDER = ("gradc", "C", "NumPy", *PEERS)


@cache
def load(name: str) -> Any:
    """The system's module, set up for float64 and one thread."""
    module = importlib.import_module(name)
    if name == "jax":
        module.config.update("jax_enable_x64", True)
    elif name == "torch":
        module.set_num_threads(1)
    elif name == "heyoka":
        module.set_nthreads(1)
    elif name == "drjit":
        importlib.import_module("drjit.llvm.ad")
        module.set_thread_count(0)  # no workers besides the calling thread
    return module


@cache
def available(only: frozenset[str] = frozenset()) -> tuple[dict[str, str], dict[str, str]]:
    """Versions of the systems that can run, and notes on those that can't (all of them, or ``only`` these)."""
    versions: dict[str, str] = {}
    notes: dict[str, str] = {}
    for name in ORDER:
        if only and name not in only:
            continue
        if name == "C":
            compiler = native.compiler_version()
            if compiler:
                versions[name] = compiler
            else:
                notes[name] = "no C compiler"
            continue
        try:
            load(name.lower())
            versions[name] = _version(name)
        except (ImportError, RuntimeError) as error:
            notes[name] = f"not installed ({error})"
    return versions, notes


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return str(getattr(load(name), "__version__", "?"))
