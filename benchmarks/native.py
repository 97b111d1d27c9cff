"""The derivatives written by hand in C (the folder ``c``), compiled for this machine into extension modules.

A call costs what a call of a C function costs: arguments come by the fast protocol, arrays through NumPy's C interface.
"""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.measure import Call

SOURCES = Path(__file__).with_name("c")
COMPILE = (
    "-O3",
    "-march=native",
    "-mprefer-vector-width=512",
    "-ffast-math",
    "-fno-associative-math",
    "-fPIC",
    "-Wall",
    "-Wno-psabi",
)


def compiler() -> str | None:
    """The C compiler, gcc if there is one."""
    return shutil.which("gcc") or shutil.which("cc")


def compiler_version() -> str | None:
    """Its first words about itself and the options it is given."""
    found = compiler()
    if found is None:
        return None
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    return f"{said.splitlines()[0]}, {' '.join(COMPILE[:5])}"


def shared_library(source: Path, library: Path, *options: str) -> None:
    """Compile one file. Linked without -ffast-math, which would flush subnormal numbers in the whole process."""
    found = compiler()
    if found is None:
        raise RuntimeError("no C compiler")
    object_file = library.with_suffix(".o")
    subprocess.run([found, *COMPILE, *options, "-c", "-o", object_file, source], check=True)
    subprocess.run([found, "-shared", "-o", library, object_file, "-lm"], check=True)


def calling(module: str, function: str, *arguments: Any) -> Callable[[], Call]:
    """The builder of a candidate that calls a function of an extension module."""
    return lambda: Call(getattr(extension(module), function), *arguments)


_folder = tempfile.TemporaryDirectory(prefix="gradc-benchmarks-")


@cache
def extension(name: str) -> ModuleType:
    """The extension module made of ``c/<name>.c``."""
    library = Path(_folder.name, f"{name}.so")
    includes = (sysconfig.get_path("include"), np.get_include(), str(SOURCES))
    shared_library(SOURCES / f"{name}.c", library, *(f"-I{path}" for path in includes))
    spec = importlib.util.spec_from_file_location(name, library)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def library_of(source: str) -> ctypes.CDLL:
    """A library of plain C functions."""
    with tempfile.TemporaryDirectory() as folder:
        text, library = Path(folder, "code.c"), Path(folder, "code.so")
        text.write_text(source)
        shared_library(text, library)
        return ctypes.CDLL(str(library))  # stays mapped after the file is gone


@cache
def blas_address(routine: str) -> int:
    """The address of a routine in SciPy's BLAS."""
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__[routine]
    name_of = ctypes.pythonapi.PyCapsule_GetName
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    address = pointer_of(capsule, name_of(capsule))
    assert address is not None
    return int(address)
