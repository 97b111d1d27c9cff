"""The steps of plans that hand data to the kernel and run it.

Offsets among the operands are bytes from the beginning of the call's memory.
"""

from __future__ import annotations

from gradc_runtime.entry_text import STEPS, WORD, Field, Leaving, Step, step
from gradc_runtime.layout import ArrayOffset, ObjectOffset

#: Ranks up to this one have a check of their own.
UNROLLED_RANKS = 3

# ---------------------------------------------------------------- numbers and arrays for the kernel


@step
def number(s: Step) -> None:
    """A float, or a NumPy scalar, of checked class: its value is read where it is."""
    s.store("ptr", s.at(s.object, ObjectOffset.NUMBER), "%call", s.operand(0, "i64"))
    s.next()


@step
def number_copy(s: Step) -> None:
    """A number like that which may go away during the call. Operands: its slot, and where the value goes."""
    _store_number(s, "i64", s.load("i64", s.object, ObjectOffset.NUMBER))


@step
def wide_number_copy(s: Step) -> None:
    """The same of a number of two words. Operands: its slot, and where the value goes."""
    place = s.at("%call", s.operand(1, "i64"))
    for offset in (0, WORD):
        s.store("i64", s.load("i64", s.object, ObjectOffset.NUMBER + offset), place, offset)
    s.store("ptr", place, "%call", s.operand(0, "i64"))
    s.next()


@step
def integer(s: Step) -> None:
    """An int of 64 bits. Operands: its slot, and where the value goes."""
    overflow = s.make("alloca i32")
    value = s.call("i64", "PyLong_AsLongLongAndOverflow", f"ptr {s.object}", f"ptr {overflow}")
    s.require(s.equal("i32", s.load("i32", overflow), "0"))
    _store_number(s, "i64", value)


@step
def integer_as_float(s: Step) -> None:
    """An int as a float. Operands: its slot, and where the value goes."""
    value = s.call("double", "PyLong_AsDouble", f"ptr {s.object}")
    doubtful, good, bad = s.label("doubtful"), s.label("ok"), s.label("bad")
    s.branch(s.make(f"fcmp oeq double {value}, -1.0"), doubtful, good)
    s.begin(doubtful)
    error = s.call("ptr", "PyErr_Occurred")
    s.branch(s.equal("ptr", error, "null"), good, bad)
    s.begin(bad)
    s.do("PyErr_Clear")
    s.leave(Leaving.DIFFERS)
    s.begin(good)
    _store_number(s, "double", value)


def _store_number(s: Step, kind: str, value: str) -> None:
    place = s.at("%call", s.operand(1, "i64"))
    s.store(kind, value, place)
    s.store("ptr", place, "%call", s.operand(0, "i64"))
    s.next()


@step
def same_bytes(s: Step) -> None:
    """The number in a slot has these bytes. Operands: slot, how many, where they are."""
    present = s.load("ptr", "%call", s.operand(0, "i64"))
    order = s.call("i32", "memcmp", f"ptr {present}", f"ptr {s.operand(2)}", f"i64 {s.operand(1, 'i64')}")
    s.require(s.equal("i32", order, "0"))
    s.next()


def _check_array(s: Step, rank: int | None) -> None:
    """Operands: slot, ndarray, flags, byte order and number of the dtype, then the extents (the rank before them if it
    isn't given).
    """
    slot, flags = s.operand(0, "i64"), s.operand(2, "i32")
    s.require(s.equal("ptr", s.load("ptr", s.object, ObjectOffset.TYPE), s.operand(1)))
    present = s.make(f"and i32 {s.load('i32', s.object, ArrayOffset.FLAGS)}, {flags}")
    dtype = s.load("ptr", s.object, ArrayOffset.DTYPE)
    ndim = str(rank) if rank is not None else s.operand(5, "i32")
    s.require(
        s.equal("i32", present, flags),
        s.equal("i8", s.load("i8", dtype, ArrayOffset.DTYPE_BYTE_ORDER), s.operand(3, "i8")),
        s.equal("i32", s.load("i32", dtype, ArrayOffset.DTYPE_NUMBER), s.operand(4, "i32")),
        s.equal("i32", s.load("i32", s.object, ArrayOffset.RANK), ndim),
    )
    if rank is not None:
        if rank:
            shape = s.load("ptr", s.object, ArrayOffset.SHAPE)
            axes = [(s.load("i64", shape, WORD * axis), s.operand(5 + axis, "i64")) for axis in range(rank)]
            s.require(*[s.equal("i64", present, expected) for present, expected in axes])
        following = None
    else:
        size = s.make(f"mul i64 {s.make(f'zext i32 {ndim} to i64')}, {WORD}")
        shape, extents = s.load("ptr", s.object, ArrayOffset.SHAPE), s.operand_address(6)
        order = s.call("i32", "memcmp", f"ptr {shape}", f"ptr {extents}", f"i64 {size}")
        s.require(s.equal("i32", order, "0"))
        following = s.at(extents, size)
    s.store("ptr", s.load("ptr", s.object, ArrayOffset.DATA), "%call", slot)
    s.next(step=following)


def array_step(rank: int) -> str:
    """The name of the step that checks an array of this rank."""
    return f"array_of_rank_{rank}" if rank <= UNROLLED_RANKS else "array"


for _rank in range(UNROLLED_RANKS + 1):
    STEPS[array_step(_rank)] = lambda s, rank=_rank: _check_array(s, rank)  # type: ignore[misc]
STEPS["array"] = lambda s: _check_array(s, None)


@step
def apart(s: Step) -> None:
    """Two arrays don't overlap. Operands: the slot and bytes of each."""
    one, size = s.load("ptr", "%call", s.operand(0, "i64")), s.operand(1, "i64")
    other, other_size = s.load("ptr", "%call", s.operand(2, "i64")), s.operand(3, "i64")
    before = s.make(f"icmp ule ptr {s.at(one, size)}, {other}")
    after = s.make(f"icmp ule ptr {s.at(other, other_size)}, {one}")
    s.require(s.make(f"or i1 {before}, {after}"), otherwise=Leaving.PYTHON)
    s.next()


# ---------------------------------------------------------------- the kernel


@step
def new_array(s: Step) -> None:
    """A new array for a result. Operands: slot, where the object is kept, ndarray, dtype, rank, where the extents are."""
    dtype = s.operand(3)
    s.do("Py_IncRef", f"ptr {dtype}")
    made = s.call(
        "ptr",
        "gradc_numpy_new",
        f"ptr {s.operand(2)}",
        f"ptr {dtype}",
        f"i32 {s.operand(4, 'i32')}",
        f"ptr {s.operand(5)}",
        "ptr null",
        "ptr null",
        "i32 0",
        "ptr null",
    )
    s.require_object(made, else_raise=True)
    s.append(Field.HELD, made)
    s.store("ptr", made, "%call", s.operand(1, "i64"))
    s.store("ptr", s.load("ptr", made, ArrayOffset.DATA), "%call", s.operand(0, "i64"))
    s.next()


@step
def set_slot(s: Step) -> None:
    """A slot holds this word."""
    s.store("i64", s.operand(1, "i64"), "%call", s.operand(0, "i64"))
    s.next()


@step
def set_address(s: Step) -> None:
    """A slot holds the address of this place in the call's memory."""
    s.store("ptr", s.at("%call", s.operand(1, "i64")), "%call", s.operand(0, "i64"))
    s.next()


@step
def take_workspace(s: Step) -> None:
    """A workspace from a list of free ones, or a new one. Operands: slot, where the object is kept, the list, its maker."""
    free = s.operand(2)
    size = s.call("i64", "PyList_Size", f"ptr {free}")
    reuse, make, taken = s.label("reuse"), s.label("make"), s.label("taken")
    place = s.operand(1, "i64")
    s.branch(s.make(f"icmp sgt i64 {size}, 0"), reuse, make)
    s.begin(reuse)
    last = s.make(f"sub i64 {size}, 1")
    block = s.call("ptr", "PyList_GetItem", f"ptr {free}", f"i64 {last}")
    s.do("Py_IncRef", f"ptr {block}")
    s.call("i32", "PyList_SetSlice", f"ptr {free}", f"i64 {last}", f"i64 {size}", "ptr null")
    s.store("ptr", block, "%call", place)
    s.go(taken)
    s.begin(make)
    made = s.call("ptr", "PyObject_CallNoArgs", f"ptr {s.operand(3)}")
    s.require_object(made, else_raise=True)
    s.store("ptr", made, "%call", place)
    s.go(taken)
    s.begin(taken)
    found = s.load("ptr", "%call", place)
    s.append(Field.HELD, found)
    s.store("ptr", s.load("ptr", found, ArrayOffset.DATA), "%call", s.operand(0, "i64"))
    s.next()


@step
def give_back(s: Step) -> None:
    """Put a workspace back. Operands: where the object is kept, the list, how many it may hold."""
    free = s.operand(1)
    size = s.call("i64", "PyList_Size", f"ptr {free}")
    block = s.load("ptr", "%call", s.operand(0, "i64"))
    limit = s.operand(2, "i64")
    room, on = s.label("room"), s.label("on")
    s.branch(s.make(f"icmp slt i64 {size}, {limit}"), room, on)
    s.begin(room)
    failed = s.call("i32", "PyList_Append", f"ptr {free}", f"ptr {block}")
    lost = s.label("lost")
    s.branch(s.equal("i32", failed, "0"), on, lost)
    s.begin(lost)
    s.do("PyErr_Clear")
    s.go(on)
    s.begin(on)
    s.next()


@step
def hook(s: Step) -> None:
    """Call this."""
    answer = s.call("ptr", "PyObject_CallNoArgs", f"ptr {s.operand(0)}")
    s.require_object(answer, else_raise=True)
    s.do("Py_DecRef", f"ptr {answer}")
    s.next()


@step
def run(s: Step) -> None:
    """Run the kernel whose address is kept here."""
    _run(s)
    s.next()


@step
def run_without_lock(s: Step) -> None:
    """Run the kernel whose address is kept here, while other threads run Python."""
    thread = s.call("ptr", "PyEval_SaveThread")
    _run(s)
    s.do("PyEval_RestoreThread", f"ptr {thread}")
    s.next()


def _run(s: Step) -> None:
    kernel = s.load("ptr", s.operand(0))
    status = s.make(f"call i32 {kernel}(ptr {s.at('%call', Field.FRAME)})")
    s.store("i32", status, "%call", Field.STATUS)


@step
def nothing_raised(s: Step) -> None:
    """No ufunc's loop left an exception; Python repeats a call that did, and raises."""
    good, bad = s.label("ok"), s.label("bad")
    error = s.call("ptr", "PyErr_Occurred")
    s.branch(s.equal("ptr", error, "null"), good, bad)
    s.begin(bad)
    s.do("PyErr_Clear")
    s.leave(Leaving.PYTHON)
    s.begin(good)
    s.next()


@step
def succeeded(s: Step) -> None:
    """The kernel gave no failure; Python repeats one that did, and raises."""
    s.require(s.equal("i32", s.load("i32", "%call", Field.STATUS), "0"), otherwise=Leaving.PYTHON)
    s.next()
