"""Where CPython and NumPy keep what machine code reads from objects: assumed as below, and probed once.

The offsets are those of 64-bit CPython with the global lock, and of NumPy 1.26 and 2. Where a probe fails (free-threaded or
debug builds, other interpreters), calls go through Python and ctypes.
"""

from __future__ import annotations

import ctypes
import importlib
import struct
import sys
from functools import cache
from typing import Any, NamedTuple

import numpy as np


class ObjectOffset:
    """Offsets in Python objects."""

    TYPE = 8
    #: the number of entries of a tuple or list
    SIZE = 16
    #: a tuple's entries come after its other fields
    TUPLE_ITEMS = tuple.__basicsize__
    #: the address of a list's entries
    LIST_ITEMS = 24
    #: the value of a float or NumPy scalar
    NUMBER = 16
    CELL_CONTENT = 16
    FUNCTION_CODE = 48
    #: the flags of a class
    CLASS_FLAGS = 168


class ArrayOffset:
    """Offsets in arrays and their dtypes."""

    DATA = 16
    RANK = 24
    SHAPE = 32
    DTYPE = 56
    FLAGS = 64
    DTYPE_BYTE_ORDER = 26
    DTYPE_NUMBER = 28


#: Offset of ``data`` in an array.
DATA_OFFSET = ArrayOffset.DATA
#: Bits of an array's flags.
C_CONTIGUOUS, ALIGNED, WRITEABLE = 0x1, 0x100, 0x400
#: The bit of a class whose instances are called through a pointer of their own.
HAS_VECTORCALL = 1 << 11

#: What the machine code calls of the interpreter.
_INTERPRETER = """
    Py_IncRef Py_DecRef PyErr_Clear PyErr_Occurred PyErr_ExceptionMatches PyThreadState_Get PyEval_SaveThread
    PyEval_RestoreThread _PyType_Lookup _PyObject_MakeTpCall PyObject_GetAttr PyObject_CallNoArgs
    PyObject_CallOneArg PyObject_IsTrue PyObject_RichCompareBool PyUnicode_Compare PyDict_New PyDict_Size
    PyDict_Next PyDict_GetItemWithError PyDict_SetItem PyTuple_New PyList_New PyList_Size PyList_GetItem
    PyList_SetSlice PyList_Append PyFunction_GetDefaults PyFunction_GetKwDefaults PyMethod_Function
    PyFloat_FromDouble PyComplex_FromDoubles PyLong_FromLongLong PyLong_AsLongLongAndOverflow PyLong_AsDouble PyBool_FromLong
""".split()
#: Its functions that build a type; called through ctypes.
_TYPE_MAKERS = ("PyType_FromSpec", "PyVectorcall_Call")
#: NumPy's functions by their place in its table.
_NUMPY = {"gradc_numpy_scalar": 60, "gradc_numpy_new": 94}
_ARRAY_TYPE_PLACE = 2


@cache
def objects_are_readable() -> bool:
    """Whether an array object holds its data pointer where machine code looks for it."""
    if object.__basicsize__ != 16 or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    probes = [np.arange(3.0), np.zeros((2, 5), np.int32)[1:], np.array(1.5)]
    return all(_word(probe, ArrayOffset.DATA) == probe.ctypes.data for probe in probes)


@cache
def calls_are_possible() -> bool:
    """Whether machine code may serve calls: every object that it reads is laid out as assumed."""
    if sys.implementation.name != "cpython" or not objects_are_readable() or float.__basicsize__ != 24:
        return False
    if not all(hasattr(ctypes.pythonapi, name) for name in (*_INTERPRETER, *_TYPE_MAKERS)):
        return False
    return _objects_are_as_assumed() and _arrays_are_as_assumed()


class _Pair(NamedTuple):
    first: object
    second: object


def _word(owner: Any, offset: int) -> int:
    return ctypes.c_int64.from_address(id(owner) + offset).value


def _objects_are_as_assumed() -> bool:
    number, entries, pair_of_numbers = 1.25, (object(), object()), 1.25 - 2.5j
    scalars = (np.float64(1.25), np.float32(3.5), np.int64(-7), np.complex128(1 + 2j), np.complex64(3 - 1j))
    listed, pair = list(entries), _Pair(*entries)

    def closure() -> Any:
        return listed

    cells = closure.__closure__ or ()
    return (
        _word(number, ObjectOffset.TYPE) == id(float)
        and all(_number_bytes(value) == value.tobytes() for value in scalars)
        and _number_bytes(np.float64(number)) == struct.pack("=d", number)
        and ctypes.c_double.from_address(id(number) + ObjectOffset.NUMBER).value == number
        and list((ctypes.c_double * 2).from_address(id(pair_of_numbers) + ObjectOffset.NUMBER)) == [1.25, -2.5]
        and all(_word(many, ObjectOffset.SIZE) == 2 for many in (entries, listed, pair))
        and all(_word(many, ObjectOffset.TUPLE_ITEMS + 8) == id(entries[1]) for many in (entries, pair))
        and ctypes.c_int64.from_address(_word(listed, ObjectOffset.LIST_ITEMS) + 8).value == id(entries[1])
        and [_word(cell, ObjectOffset.CELL_CONTENT) for cell in cells] == [id(listed)]
        and all(_word(some, ObjectOffset.FUNCTION_CODE) == id(some.__code__) for some in (closure, _word))
        and all(_word(kind, ObjectOffset.CLASS_FLAGS) == kind.__flags__ for kind in (int, np.ndarray, type(pair)))
    )


def _number_bytes(value: np.generic) -> bytes:
    return ctypes.string_at(id(value) + ObjectOffset.NUMBER, value.itemsize)


def _arrays_are_as_assumed() -> bool:
    table = _numpy_table()
    if table[_ARRAY_TYPE_PLACE] != id(np.ndarray) or any(not table[place] for place in _NUMPY.values()):
        return False
    frozen = np.zeros((2, 3), ">i4")
    frozen.flags.writeable = False
    unaligned = np.zeros(17, np.uint8)[1:].view(np.float32)
    return all(
        _array_is_as_assumed(array)
        for array in (np.ones((2, 3, 4)), np.ones((5, 6), np.float32)[:, ::2], frozen, unaligned)
    )


def _array_is_as_assumed(array: np.ndarray) -> bool:
    flags, wanted = _word(array, ArrayOffset.FLAGS), array.flags
    bits = {C_CONTIGUOUS: wanted.c_contiguous, ALIGNED: wanted.aligned, WRITEABLE: wanted.writeable}
    shape = ctypes.cast(_word(array, ArrayOffset.SHAPE), ctypes.POINTER(ctypes.c_int64))
    return (
        _word(array, ArrayOffset.RANK) & 0xFFFFFFFF == array.ndim
        and tuple(shape[: array.ndim]) == array.shape
        and _word(array, ArrayOffset.DTYPE) == id(array.dtype)
        and all(bool(flags & bit) == value for bit, value in bits.items())
        and chr(ctypes.c_ubyte.from_address(id(array.dtype) + ArrayOffset.DTYPE_BYTE_ORDER).value)
        == array.dtype.byteorder
        and ctypes.c_int32.from_address(id(array.dtype) + ArrayOffset.DTYPE_NUMBER).value == array.dtype.num
    )


@cache
def _numpy_table() -> Any:
    module: Any = importlib.import_module("numpy._core._multiarray_umath")
    api = ctypes.pythonapi
    pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", api))
    return (ctypes.c_void_p * (max(_NUMPY.values()) + 1)).from_address(pointer(module._ARRAY_API, None))


def call_symbols() -> dict[str, int]:
    """The addresses of what the machine code of calls refers to."""
    api = ctypes.pythonapi
    symbols = {name: ctypes.cast(getattr(api, name), ctypes.c_void_p).value or 0 for name in _INTERPRETER}
    symbols |= {name: int(_numpy_table()[place]) for name, place in _NUMPY.items()}
    return symbols | {"gradc_exception": id(Exception)}
