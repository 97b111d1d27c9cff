"""The inner loops of ufuncs, called from machine code: special functions by SciPy, Fourier transforms by NumPy.

A ufunc object holds, per type signature, the address of a loop ``void (char **args, intp *dims, intp *steps, void *data)``
and the data that the loop is given. The fields that tell them are public and the same in NumPy 1.26 and 2; what is read
is compared with what the ufunc itself says before it is used. The loops have no state and need no lock.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

#: Symbols in generated code that name a loop, and the data it is given, begin with these.
LOOP_PREFIX, DATA_PREFIX = "gradc_ufunc_loop.", "gradc_ufunc_data."


class UnknownLoop(RuntimeError):
    """A ufunc has no loop of these types, or keeps its loops where this version can't read them."""


class _Fields(ctypes.Structure):
    """The first fields of a ufunc, behind the object's head."""

    _fields_ = (
        ("nin", ctypes.c_int),
        ("nout", ctypes.c_int),
        ("nargs", ctypes.c_int),
        ("identity", ctypes.c_int),
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("ntypes", ctypes.c_int),
        ("reserved", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("types", ctypes.c_void_p),
    )


def symbols(names: Iterable[str]) -> dict[str, int]:
    """The addresses of the symbols that name loops and their data; what they are of is imported only if there are any.

    >>> found = symbols(["gradc_ufunc_loop.scipy.special._ufuncs.jv.dd_d", "memcpy"])
    >>> list(found)
    ['gradc_ufunc_loop.scipy.special._ufuncs.jv.dd_d']
    """
    found: dict[str, int] = {}
    for name in names:
        for position, prefix in enumerate((LOOP_PREFIX, DATA_PREFIX)):
            if name.startswith(prefix):
                path, _, types = name.removeprefix(prefix).rpartition(".")
                found[name] = loop_of(ufunc_at(path), types.replace("_", "->"))[position]
    return found


def symbol_names(path: str, types: str) -> tuple[str, str]:
    """The symbols of the loop with these types of the ufunc at a dotted path, and of its data.

    >>> symbol_names("scipy.special._ufuncs.jv", "dd->d")[1]
    'gradc_ufunc_data.scipy.special._ufuncs.jv.dd_d'
    """
    ending = f"{path}.{types.replace('->', '_')}"
    return LOOP_PREFIX + ending, DATA_PREFIX + ending


@cache
def ufunc_at(path: str) -> np.ufunc:
    """The ufunc at a dotted path: ``scipy.special._ufuncs.jv``."""
    module, _, name = path.rpartition(".")
    found = getattr(importlib.import_module(module), name, None)
    if not isinstance(found, np.ufunc):
        raise UnknownLoop(f"{path} is no ufunc of the installed version; install one that has it")
    return found


def loop_types(ufunc: np.ufunc, dtypes: Sequence[np.dtype[Any]]) -> str:
    """The types of the loop that NumPy chooses for operands of these dtypes.

    >>> loop_types(ufunc_at("scipy.special._ufuncs.jv"), [np.dtype("i8"), np.dtype("f8")])
    'dd->d'
    """
    chosen = [dtype.char for dtype in ufunc.resolve_dtypes((*dtypes, *[None] * ufunc.nout))]
    return "".join(chosen[: ufunc.nin]) + "->" + "".join(chosen[ufunc.nin :])


def loop_of(ufunc: np.ufunc, types: str) -> tuple[int, int]:
    """The address of the loop of these types, ``"dd->d"``, and of the data to give it."""
    fields = _checked_fields(ufunc)
    if types not in ufunc.types:
        raise UnknownLoop(f"{ufunc.__name__} has loops for {', '.join(ufunc.types)}, none for {types}")
    position = ufunc.types.index(types)
    loop = fields.functions[position]
    if not loop:
        raise UnknownLoop(f"the loop of {ufunc.__name__} for {types} is not in the ufunc")
    data = fields.data[position] if fields.data else None
    return loop, data or loop  # a loop that is given no data doesn't look at it


def _checked_fields(ufunc: np.ufunc) -> _Fields:
    """The fields of a ufunc, after a comparison with what it says of itself."""
    fields = _Fields.from_address(id(ufunc) + object.__basicsize__)
    counts = fields.nin, fields.nout, fields.nargs, fields.ntypes
    if counts == (ufunc.nin, ufunc.nout, ufunc.nargs, ufunc.ntypes) and fields.functions:
        codes = ctypes.string_at(fields.types, ufunc.nargs * ufunc.ntypes)
        letters = "".join(types.replace("->", "") for types in ufunc.types)
        if list(codes) == [np.dtype(letter).num for letter in letters]:
            return fields
    raise UnknownLoop(
        f"NumPy {np.__version__} does not keep the loops of {ufunc.__name__} where they are looked for; use another version"
    )
