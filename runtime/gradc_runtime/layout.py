"""Where NumPy keeps an array's data pointer: probed once, so that machine code may read it from the object."""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

#: Offset of ``data`` in a PyArrayObject, the same in NumPy 1.26 and 2.x on 64-bit CPython.
DATA_OFFSET = 16


@cache
def objects_are_readable() -> bool:
    """Whether an array object holds its data pointer where machine code looks for it."""
    if object.__basicsize__ != 16 or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    probes = [np.arange(3.0), np.zeros((2, 5), np.int32)[1:], np.array(1.5)]
    return all(ctypes.c_int64.from_address(id(probe) + DATA_OFFSET).value == probe.ctypes.data for probe in probes)
