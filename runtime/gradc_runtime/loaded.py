"""A kernel that can be called: object code, linked, with what is known of its arguments and results."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import empty

from gradc_runtime import blas, interrupts, lapack, threads, ufuncs
from gradc_runtime.blas import one_thread
from gradc_runtime.buffers import FramePool, Workspaces
from gradc_runtime.engine import Library, engine
from gradc_runtime.extents import Extent, ShapeRule, SizeMismatch, evaluate, resolve
from gradc_runtime.layout import DATA_OFFSET, objects_are_readable
from gradc_runtime.routines import routines
from gradc_runtime.tapes import TOO_SHORT, Tapes, check_room

OK, INDEX_ERROR = 0, 1
#: What a matrix was that linear algebra refuses, as NumPy says it.
MATRIX_ERRORS = {
    2: "Singular matrix",
    3: "Matrix is not positive definite",
    4: "SVD did not converge",
    5: "Eigenvalues did not converge",
}
#: Slots at the end of a frame where the machine code explains a failure.
STATUS_SLOTS = 4


class WrongDType(TypeError):
    """An argument of a dtype, byte order or memory layout that the kernel doesn't take."""


@dataclass(frozen=True)
class ArraySpec:
    """One argument or result."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[Extent, ...]


@dataclass(frozen=True)
class Signature:
    """How a kernel is called. Frame: inputs, outputs, constants, workspace, sizes, status."""

    inputs: tuple[ArraySpec, ...]
    outputs: tuple[ArraySpec, ...]
    size_names: tuple[str, ...]
    workspace: Extent
    constant_count: int
    releases_gil: bool
    #: whether it calls BLAS routines that would spread over threads by themselves
    limits_blas_threads: bool = False
    #: whether it looks for signals on its way: a long loop is in it
    interruptible: bool = False

    @property
    def constant_slot(self) -> int:
        """The first slot of the constants."""
        return len(self.inputs) + len(self.outputs)

    @property
    def workspace_slot(self) -> int:
        """The slot of the workspace's address."""
        return self.constant_slot + self.constant_count

    @property
    def size_slot(self) -> int:
        """The first slot of the sizes."""
        return self.workspace_slot + 1

    @property
    def status_slot(self) -> int:
        """The first slot of the explanation of a failure."""
        return self.size_slot + len(self.size_names)

    @property
    def slot_count(self) -> int:
        """All slots."""
        return self.status_slot + STATUS_SLOTS


#: Shape and dtype of each result. (The shapes of a kernel without named sizes are ints.)
Makers = list[tuple[Any, np.dtype[Any]]]


#: What a call needs: the results, the bytes of workspace, the named sizes.
Call = tuple[Makers, int, tuple[int, ...]]


def _data_pointer(array: np.ndarray) -> int:
    return int(array.ctypes.data)


def _read_data_pointer(array: np.ndarray) -> int:
    return ctypes.c_int64.from_address(id(array) + DATA_OFFSET).value


class LoadedKernel:
    """Machine code with its signature: call it with C-contiguous arrays of exactly the dtypes of the signature."""

    def __init__(
        self,
        object_code: bytes,
        signature: Signature,
        constants: Sequence[np.ndarray] = (),
        external: Sequence[str] = (),
        routine_texts: Mapping[str, str] | None = None,
    ) -> None:
        self.signature = signature
        #: arrays that the machine code reads
        self.constants = tuple(constants)
        #: intermediate results of calls, shared by all ways of calling
        self.workspaces = Workspaces()
        #: what the machine code calls, see `gradc_runtime.routines`
        self.routine_texts = dict(routine_texts or {})
        self._routines = routines(self.routine_texts)
        #: whether it calls what may leave an exception: SciPy's functions do, where ``scipy.special.seterr`` asks for it
        self.may_raise = any(name.startswith(ufuncs.LOOP_PREFIX) for name in external)
        self._symbols = {
            name: address
            for room in (blas, interrupts, lapack, threads, ufuncs)
            for name, address in room.symbols(external).items()
        }
        self._symbols |= {name: library.address(name) for name, library in self._routines.items()}
        self._libraries: list[Library] = []
        self._cell = ctypes.c_void_p()
        self.go_on_with(object_code)
        self._limits_blas_threads = signature.limits_blas_threads
        fixed = [(signature.constant_slot + k, c.ctypes.data) for k, c in enumerate(self.constants)]
        self._pool = FramePool(signature.slot_count, fixed)
        readable = objects_are_readable()
        self._address: Callable[[np.ndarray], int] = _read_data_pointer if readable else _data_pointer
        self._is_fixed = not signature.size_names
        self._tapes = Tapes(signature.size_names)
        self._input_count = len(signature.inputs)
        self._input_checks = [(spec.dtype, spec.shape if self._is_fixed else None) for spec in signature.inputs]
        fixed_workspace = signature.workspace if isinstance(signature.workspace, int) else 0
        self._fixed: Call = ([(spec.shape, spec.dtype) for spec in signature.outputs], fixed_workspace, ())
        self._rules = [ShapeRule(spec.name, spec.shape) for spec in signature.inputs]
        self._resolved: dict[tuple[tuple[int, ...], ...], Call] = {}

    def __call__(self, values: Sequence[np.ndarray], out: Sequence[np.ndarray] | None = None) -> list[np.ndarray]:
        """The results for these arguments, in new arrays or in those of ``out``."""
        while True:
            try:
                results = self._ran(values, out)
            except MemoryError:
                self._tapes.begin_anew()
                raise
            if results is not None:
                return results

    def _ran(self, values: Sequence[np.ndarray], out: Sequence[np.ndarray] | None) -> list[np.ndarray] | None:
        """The results; None where a tape was too short, which is longer afterwards."""
        if len(values) != self._input_count:
            raise WrongDType(f"the kernel takes {self._input_count} arrays, not {len(values)}")
        for value, (dtype, shape) in zip(values, self._input_checks):  # noqa: B905 - counted above, and strict costs
            if value.dtype is not dtype or not value.flags.c_contiguous:
                self._check_layout(values)
            if shape is not None and value.shape != shape:
                resolve(self._rules, [v.shape for v in values], ())
        makers, workspace, sizes = self._fixed if self._is_fixed else self._resolve(values)
        fresh = out is None
        results = [empty(shape, dtype) for shape, dtype in makers] if fresh else self._checked_out(out or (), makers)
        frame = self._pool.take()
        slots = frame.slots
        if workspace:
            block = self.workspaces.take(workspace)
            slots[self.signature.workspace_slot] = self._address(block)
        slot = 0
        address = self._address
        for array in values:
            slots[slot] = address(array)
            slot += 1
        for array in results:
            slots[slot] = address(array)
            slot += 1
        if sizes:
            slot = self.signature.size_slot
            slots[slot : slot + len(sizes)] = list(sizes)
        try:
            if self._limits_blas_threads:
                with one_thread:
                    status = self._entry(frame.address)
            else:
                status = self._entry(frame.address)
        except SystemError as error:
            interrupts.raise_what_waits(error)
        if workspace:
            self.workspaces.give_back(block)
        if status == TOO_SHORT:
            self._tapes.lengthen(slots[self.signature.status_slot], sizes[len(sizes) - self._tapes.count :])
            return None
        if status:
            self._raise(status, slots)
        self._pool.give_back(frame)
        return results

    def go_on_with(self, object_code: bytes) -> None:
        """Take this machine code from the next call on; calls that are under way end in the code that they are in."""
        library = engine().load(object_code, ["gradc_pointers"], self._symbols)
        self._libraries.append(library)
        prototype = ctypes.CFUNCTYPE if self.signature.releases_gil else ctypes.PYFUNCTYPE
        self._entry = prototype(ctypes.c_int32, ctypes.c_void_p)(library.address("gradc_pointers"))
        self._cell.value = library.address("gradc_pointers")
        self.object_code = object_code

    @property
    def entry_cell(self) -> int:
        """Where the address is kept of the machine code that takes a frame of data pointers."""
        return ctypes.addressof(self._cell)

    def _raise(self, status: int, slots: Any) -> None:
        where = self.signature.status_slot
        if status == INDEX_ERROR:
            index, extent, axis = slots[where : where + 3]
            raise IndexError(f"index {index} is out of bounds for axis {axis} with size {extent}")
        if status in MATRIX_ERRORS:
            raise np.linalg.LinAlgError(MATRIX_ERRORS[status])
        raise RuntimeError(f"kernel status {status}")

    def _resolve(self, values: Sequence[np.ndarray]) -> Call:
        lengths = self._tapes.lengths
        shapes = (*[value.shape for value in values], lengths)
        known = self._resolved.get(shapes)
        if known is None:
            names = self.signature.size_names
            sizes = (*resolve(self._rules, shapes[:-1], names[: len(names) - len(lengths)]), *lengths)
            makers: Makers = [
                (tuple(evaluate(e, sizes) for e in spec.shape), spec.dtype) for spec in self.signature.outputs
            ]
            known = makers, evaluate(self.signature.workspace, sizes), sizes
            if lengths:
                check_room(known[1])
            if len(self._resolved) > 256:
                self._resolved.clear()
            self._resolved[shapes] = known
        return known

    def _check_layout(self, values: Sequence[np.ndarray]) -> None:
        for value, spec in zip(values, self.signature.inputs, strict=True):
            if value.dtype != spec.dtype:
                raise WrongDType(f"{spec.name} has dtype {value.dtype}, the kernel takes {spec.dtype}")
            if not value.flags.c_contiguous:
                raise WrongDType(f"{spec.name} is not C-contiguous; pass np.ascontiguousarray({spec.name})")

    def _checked_out(self, out: Sequence[np.ndarray], makers: Makers) -> list[np.ndarray]:
        if len(out) != len(makers):
            raise WrongDType(f"the kernel has {len(makers)} results, out has {len(out)}")
        for array, (shape, dtype) in zip(out, makers, strict=True):
            if array.shape != shape:
                raise SizeMismatch(f"out has shape {array.shape}, the result {shape}")
            if array.dtype != dtype or not array.flags.carray:
                raise WrongDType(f"out must be a writeable C-contiguous array of {dtype}")
        return list(out)
