"""BLAS through the pointers that SciPy exports: called from machine code, on one thread."""

from __future__ import annotations

import ctypes
import importlib
import threading
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

#: Symbols of BLAS routines in generated code begin with this.
PREFIX = "gradc_blas_"


def symbols(names: Iterable[str]) -> dict[str, int]:
    """The addresses of the symbols that name BLAS routines; SciPy is loaded only if there are any."""
    wanted = [name for name in names if name.startswith(PREFIX)]
    return {name: pointer("cython_blas", name.removeprefix(PREFIX)) for name in wanted}


@cache
def pointer(module: str, name: str) -> int:
    """The address of a routine that a module of ``scipy.linalg`` exports."""
    capsule: Any = importlib.import_module(f"scipy.linalg.{module}").__pyx_capi__[name]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return int(api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule)))


@cache
def thread_setter() -> Any:
    """OpenBLAS's ``set_num_threads_local`` (it gives the former number), or None where this BLAS has none."""
    import scipy

    folder = Path(scipy.__file__).parent.parent / "scipy.libs"
    for path in sorted(folder.glob("libscipy_openblas*")) if folder.is_dir() else ():
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
        for name in ("scipy_openblas_set_num_threads_local", "openblas_set_num_threads_local"):
            setter = getattr(library, name, None)
            if setter is not None:
                setter.argtypes, setter.restype = [ctypes.c_int], ctypes.c_int
                return setter
    return None


class OneThread:
    """A context in which BLAS runs on the calling thread: results don't depend on how many cores there are.

    The number of threads is the library's, not the caller's: the first to enter sets it, the last to leave restores it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._former = 1

    def __enter__(self) -> None:
        setter = thread_setter()
        if setter is None:
            return
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._former = setter(1)

    def __exit__(self, *_: object) -> None:
        setter = thread_setter()
        if setter is None:
            return
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._former != 1:
                setter(self._former)


one_thread = OneThread()
