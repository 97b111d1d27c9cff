"""The steps of plans that build the result: each ``build_`` step adds a part, or puts the last parts together.

Offsets among the operands are bytes from the beginning of the call's memory.
"""

from __future__ import annotations

from gradc_runtime.entry_text import WORD, Field, Step, step
from gradc_runtime.layout import ObjectOffset

# ---------------------------------------------------------------- the result


@step
def build_float(s: Step) -> None:
    """A Python float from the double at an offset."""
    s.push_result(s.call("ptr", "PyFloat_FromDouble", f"double {s.load('double', '%call', s.operand(0, 'i64'))}"))


@step
def build_single(s: Step) -> None:
    """A Python float from the 32-bit float at an offset."""
    value = s.load("float", "%call", s.operand(0, "i64"))
    s.push_result(s.call("ptr", "PyFloat_FromDouble", f"double {s.make(f'fpext float {value} to double')}"))


@step
def build_complex(s: Step) -> None:
    """A Python complex from the two doubles at an offset."""
    place = s.at("%call", s.operand(0, "i64"))
    parts = [s.load("double", place, offset) for offset in (0, WORD)]
    s.push_result(s.call("ptr", "PyComplex_FromDoubles", *[f"double {part}" for part in parts]))


@step
def build_integer(s: Step) -> None:
    """A Python int from the 64 bits at an offset."""
    s.push_result(s.call("ptr", "PyLong_FromLongLong", f"i64 {s.load('i64', '%call', s.operand(0, 'i64'))}"))


@step
def build_truth(s: Step) -> None:
    """A Python bool from the byte at an offset."""
    value = s.make(f"zext i8 {s.load('i8', '%call', s.operand(0, 'i64'))} to i64")
    s.push_result(s.call("ptr", "PyBool_FromLong", f"i64 {value}"))


@step
def build_scalar(s: Step) -> None:
    """A NumPy scalar of a dtype from what is at an offset."""
    place, dtype = s.at("%call", s.operand(0, "i64")), s.operand(1)
    s.push_result(s.call("ptr", "gradc_numpy_scalar", f"ptr {place}", f"ptr {dtype}", "ptr null"))


@step
def build_kept(s: Step) -> None:
    """The object kept at an offset."""
    kept = s.load("ptr", "%call", s.operand(0, "i64"))
    s.do("Py_IncRef", f"ptr {kept}")
    s.push_result(kept)


@step
def build_constant(s: Step) -> None:
    """The object named."""
    s.do("Py_IncRef", f"ptr {s.operand(0)}")
    s.push_result(s.operand(0))


@step
def build_tuple(s: Step) -> None:
    """A tuple of the last parts."""
    made = s.call("ptr", "PyTuple_New", f"i64 {s.operand(0, 'i64')}")
    s.require_object(made, else_raise=True)
    _fill(s, made, s.at(made, ObjectOffset.TUPLE_ITEMS))
    s.push_result(made)


@step
def build_list(s: Step) -> None:
    """A list of the last parts."""
    made = s.call("ptr", "PyList_New", f"i64 {s.operand(0, 'i64')}")
    s.require_object(made, else_raise=True)
    _fill(s, made, s.load("ptr", made, ObjectOffset.LIST_ITEMS))
    s.push_result(made)


def _fill(s: Step, made: str, items: str) -> None:
    """Move the last parts of the result into a new container."""
    size = s.make(f"mul i64 {s.operand(0, 'i64')}, {WORD}")
    first = s.at(s.load("ptr", "%call", Field.BUILT), s.make(f"sub i64 0, {size}"))
    s.call("ptr", "memcpy", f"ptr {items}", f"ptr {first}", f"i64 {size}")
    s.store("ptr", first, "%call", Field.BUILT)


@step
def build_dict(s: Step) -> None:
    """An empty dict, to be filled by `build_entry`."""
    s.push_result(s.call("ptr", "PyDict_New"))


@step
def build_entry(s: Step) -> None:
    """The last part goes into the dict before it, under this key."""
    top = s.load("ptr", "%call", Field.BUILT)
    owner, value = s.load("ptr", top, -2 * WORD), s.load("ptr", top, -WORD)
    failed = s.call("i32", "PyDict_SetItem", f"ptr {owner}", f"ptr {s.operand(0)}", f"ptr {value}")
    s.store("ptr", s.at(top, -WORD), "%call", Field.BUILT)
    s.do("Py_DecRef", f"ptr {value}")
    good, bad = s.label("ok"), s.label("bad")
    s.branch(s.equal("i32", failed, "0"), good, bad)
    s.begin(bad)
    s.give("null")
    s.begin(good)
    s.next()


@step
def build_by(s: Step) -> None:
    """What this callable makes of the last part."""
    top = s.load("ptr", "%call", Field.BUILT)
    value = s.load("ptr", top, -WORD)
    made = s.call("ptr", "PyObject_CallOneArg", f"ptr {s.operand(0)}", f"ptr {value}")
    s.store("ptr", s.at(top, -WORD), "%call", Field.BUILT)
    s.do("Py_DecRef", f"ptr {value}")
    s.push_result(made)


@step
def finish(s: Step) -> None:
    """The one part that is left is the result."""
    last = s.at(s.load("ptr", "%call", Field.BUILT), -WORD)
    s.store("ptr", last, "%call", Field.BUILT)
    s.give(s.load("ptr", last))
