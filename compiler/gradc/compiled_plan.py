"""From a record and the form of a call to a plan by which machine code serves such calls (`gradc_runtime.entry_plan`)."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.compiled_arguments import leaf_key
from gradc.compiled_guards import Guards
from gradc.trace.containers import flatten, unflatten
from gradc.trace.tracing import parameter_names
from gradc_runtime.entry import Plan
from gradc_runtime.entry_plan import NoPlan, PlanWriter, byte_count

if TYPE_CHECKING:
    from gradc.compiled import Record
    from gradc_runtime.loaded import LoadedKernel

#: Classes whose objects a plan compares by value; others are compared by identity.
_COMPARED = (str, bytes, int, float)
#: Steps that make a Python number of a result without axes.
_NUMBERS = {
    "float64": "build_float",
    "float32": "build_single",
    "complex128": "build_complex",
    "int64": "build_integer",
    "bool": "build_truth",
}
#: Python numbers that hold their value as arrays of this dtype do.
_PYTHON_NUMBERS: dict[type, Any] = {float: np.dtype(np.float64), complex: np.dtype(np.complex128)}
#: NumPy scalars that hold their value as arrays do.
_SCALARS = frozenset("?bhilqpBHILQPfdFD")


@dataclasses.dataclass(frozen=True)
class Call:
    """A call as the user made it, ``out`` taken from the named arguments."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    #: the names in the order of the call, ``out`` among them
    names: tuple[str, ...]
    out: Any
    static: tuple[int | str, ...]
    #: whether all arguments are Python numbers, and so the results
    numbers: bool


def plan_of(record: Record, function: Any, call: Call) -> Plan | None:
    """The plan for calls like this one, which the record has just served; None where Python must serve them."""
    from gradc.lower.kernel import Kernel

    if (
        record.volatile
        or record.written
        or type(record.kernel) is not Kernel
        or record.kernel.loaded.signature.size_names
        or record.kernel.loaded.signature.interruptible
    ):
        return None
    try:
        return _PlanMaker(record, function, call, record.kernel.loaded).plan()
    except NoPlan:
        return None


class _PlanMaker:
    def __init__(self, record: Record, function: Any, call: Call, kernel: LoadedKernel) -> None:
        self._record, self._function, self._call = record, function, call
        self._signature = kernel.signature
        self._writer = PlanWriter(kernel)
        self._inputs = 0
        #: slot and bytes of the arrays among the inputs
        self._arrays: list[tuple[int, int]] = []

    def plan(self) -> Plan:
        """All steps in order."""
        self._arguments()
        self._captures()
        outputs = self._signature.outputs
        if self._call.out is not None:
            returned = self._given_outputs()
            self._writer.run()
            self._writer.step("build_kept", returned)
            return self._writer.finish(self._record)
        places = [
            self._writer.new_result(k) if spec.shape else self._writer.new_number(k) for k, spec in enumerate(outputs)
        ]
        self._writer.run()
        self._result(places)
        return self._writer.finish(self._record)

    # ------------------------------------------------------------ arguments

    def _arguments(self) -> None:
        """The arguments, in the order of the inputs: those by position, then those named."""
        writer, call = self._writer, self._call
        names = parameter_names(self._function)
        known = names.keywords | set(names.positional)
        if not known.issuperset(call.kwargs) or (call.out is not None and not isinstance(call.out, tuple | np.ndarray)):
            raise NoPlan
        count = len(call.kwargs) + (call.out is not None)
        writer.step("named", len(call.args), count) if count else writer.step("positional", len(call.args))
        rest = dict(call.kwargs)
        moved = list(itertools.takewhile(rest.__contains__, names.positional[len(call.args) :]))
        total = len(call.args) + len(moved)
        static = [position in call.static or position - total in call.static for position in range(total)]
        for position, value in enumerate(call.args):
            writer.step("argument", 8 * position)
            self._argument(value, static[position])
        for position, name in enumerate(moved, len(call.args)):
            self._keyword(name)
            self._argument(rest.pop(name), static[position])
        for name, value in rest.items():
            self._keyword(name)
            self._argument(value, is_static=name in call.static)

    def _keyword(self, name: str) -> None:
        self._writer.step("keyword", self._writer.refer(sys.intern(name)), self._call.names.index(name))

    def _argument(self, value: Any, is_static: bool) -> None:
        """The object found is an argument like ``value``."""
        if is_static:
            self._static(value)
            return
        leaves, tree = flatten(value)
        inputs: dict[tuple[Any, ...], int | None] = {}
        for path, leaf in zip(tree.paths(), leaves, strict=True):
            _, is_input, _ = leaf_key(leaf)
            inputs[tuple(path)] = self._inputs if is_input else None
            self._inputs += is_input
        self._tree(value, (), inputs, lent=False)

    def _tree(self, value: Any, path: tuple[Any, ...], inputs: dict[tuple[Any, ...], int | None], lent: bool) -> None:
        """The object found is a container or leaf like ``value``; ``lent``: others may take it away during the call."""
        writer, kind = self._writer, type(value)
        if path in inputs:
            position = inputs[path]
            if position is None:
                self._static(value)
            else:
                self._leaf(value, position, lent)
            return
        if value is None:
            writer.step("same", writer.refer(None))
            return
        if lent:
            writer.step("hold")
        writer.step("of_type", writer.refer(kind))
        if dataclasses.is_dataclass(kind):
            place = writer.room(8)
            writer.step("keep", place)
            for field in dataclasses.fields(kind):
                writer.step("attribute_of", place, writer.refer(field.name))
                self._tree(getattr(value, field.name), (*path, field.name), inputs, lent=False)
            return
        place = writer.room(8 * len(value))
        for position, (key, entry) in enumerate(self._entries(value, place)):
            writer.step("register", place + 8 * position)
            self._tree(entry, (*path, key), inputs, lent or not isinstance(value, tuple))

    def _entries(self, value: Any, place: int) -> list[tuple[Any, Any]]:
        """Keep the entries of a tuple, list or dict at an offset; their keys and themselves."""
        writer, kind = self._writer, type(value)
        if kind is dict and all(type(key) in (str, int) for key in value):
            writer.step("dict_entries", len(value), place, *[writer.refer(key) for key in value])
            return list(value.items())
        if kind is not list and kind is not tuple and not (isinstance(value, tuple) and hasattr(kind, "_fields")):
            raise NoPlan
        writer.step("sized", len(value))
        writer.step("list_entries" if kind is list else "tuple_entries", len(value), place)
        return list(enumerate(value))

    def _static(self, value: Any) -> None:
        """The object found is one that is no input: it is compared."""
        writer = self._writer
        if type(value) in _COMPARED:
            writer.step("of_type", writer.refer(type(value)))
            writer.step("equal", writer.refer(value))
        else:
            writer.step("same", writer.refer(value))

    def _leaf(self, value: Any, position: int, lent: bool) -> None:
        """The object found is an array or number like ``value``, for this input."""
        writer, spec, kind = self._writer, self._signature.inputs[position], type(value)
        slot = writer.input_slot(position)
        if kind is np.ndarray:
            if lent:
                writer.step("hold")
            fits = value.dtype == spec.dtype and value.dtype.isnative and value.shape == spec.shape
            if not (fits and value.flags.c_contiguous and value.flags.aligned):
                raise NoPlan
            writer.expect_array(slot, value.dtype, value.shape)
            self._arrays.append((slot, byte_count(value.dtype, value.shape)))
        elif spec.shape:
            raise NoPlan
        elif kind is int and spec.dtype in (np.float64, np.int64):
            writer.step("of_type", writer.refer(int))
            writer.step("integer" if spec.dtype == np.int64 else "integer_as_float", slot, writer.room(8))
        elif _PYTHON_NUMBERS.get(kind) == spec.dtype or (
            issubclass(kind, np.generic) and kind is value.dtype.type and value.dtype == spec.dtype and _is_plain(value)
        ):
            writer.step("of_type", writer.refer(kind))
            name = "number" if not lent else "number_copy" if spec.dtype.itemsize <= 8 else "wide_number_copy"
            writer.step(name, slot, *([writer.room(spec.dtype.itemsize)] if lent else []))
        else:
            raise NoPlan
        for pinned, content in self._record.pins:
            if pinned == position:
                expected = np.array(content, spec.dtype).tobytes()
                writer.step("same_bytes", slot, len(expected), writer.bytes_at(expected))

    # ------------------------------------------------------------ captures

    def _captures(self) -> None:
        guards = Guards(self._writer, self._function)
        for condition in self._record.conditions:
            guards.condition(condition)
        for position, capture in enumerate(self._record.captures, self._inputs):
            value, lent = guards.found(capture.route)
            if capture.weak != (not isinstance(value, np.ndarray | np.generic)) or isinstance(value, bool):
                raise NoPlan
            self._leaf(value, position, lent)

    # ------------------------------------------------------------ results

    def _given_outputs(self) -> int:
        """The caller's buffers for the results; the offset where the object to return is kept."""
        writer, out = self._writer, self._call.out
        self._keyword("out")
        returned = writer.room(8)
        writer.step("keep", returned)
        if isinstance(out, tuple):
            if type(out) is not tuple:
                raise NoPlan
            place = writer.room(8 * len(out))
            writer.step("of_type", writer.refer(tuple))
            writer.step("sized", len(out))
            writer.step("tuple_entries", len(out), place)
            buffers = out
        else:
            buffers = (out,)
        if len(buffers) != len(self._signature.outputs):
            raise NoPlan
        taken = list(self._arrays)
        for position, (buffer, spec) in enumerate(zip(buffers, self._signature.outputs, strict=True)):
            if type(buffer) is not np.ndarray or buffer.shape != spec.shape or not spec.dtype.isnative:
                raise NoPlan
            if isinstance(out, tuple):
                writer.step("register", place + 8 * position)
            slot, count = writer.output_slot(position), byte_count(spec.dtype, buffer.shape)
            writer.expect_array(slot, spec.dtype, buffer.shape, writeable=True)
            for other, other_count in taken:
                writer.expect_apart(slot, count, other, other_count)
            taken.append((slot, count))
        return returned

    def _result(self, places: Sequence[int]) -> None:
        """Build the result of the outputs, which are kept at these offsets."""
        tree = self._record.tree
        skeleton = 0 if tree is None else unflatten(tree, range(len(places)))
        if _is_built(skeleton):
            self._build(skeleton, places)
            return
        for position in range(len(places)):
            self._build(position, places)
        self._writer.step("build_list", len(places))
        self._writer.step("build_by", self._writer.refer(partial(unflatten, tree)))

    def _build(self, skeleton: Any, places: Sequence[int]) -> None:
        """A container whose leaves are the numbers of the outputs."""
        writer = self._writer
        if skeleton is None:
            writer.step("build_constant", writer.refer(None))
        elif isinstance(skeleton, int):
            self._build_leaf(skeleton, places[skeleton])
        elif isinstance(skeleton, dict):
            writer.step("build_dict")
            for key, entry in skeleton.items():
                self._build(entry, places)
                writer.step("build_entry", writer.refer(key))
        else:
            for entry in skeleton:
                self._build(entry, places)
            writer.step("build_tuple" if isinstance(skeleton, tuple) else "build_list", len(skeleton))

    def _build_leaf(self, position: int, place: int) -> None:
        writer, spec = self._writer, self._signature.outputs[position]
        if spec.shape:
            writer.step("build_kept", place)
        elif not self._call.numbers:
            writer.step("build_scalar", place, writer.refer(spec.dtype))
        elif spec.dtype.name in _NUMBERS:
            writer.step(_NUMBERS[spec.dtype.name], place)
        else:
            raise NoPlan


def _is_plain(value: np.generic) -> bool:
    return value.dtype.char in _SCALARS


def _is_built(skeleton: Any) -> bool:
    """Whether steps can build the container: it holds only tuples, lists and dicts proper."""
    if type(skeleton) in (tuple, list):
        return all(_is_built(entry) for entry in skeleton)
    if type(skeleton) is dict:
        return all(_is_built(entry) for entry in skeleton.values())
    return skeleton is None or type(skeleton) is int
