"""The steps that plans are made of: finding objects, checking them, running the kernel, building the result.

Offsets among the operands are bytes from the beginning of the call's memory.
"""

from __future__ import annotations

from collections.abc import Callable

from gradc_runtime.entry_text import WORD, Field, Leaving, Step
from gradc_runtime.layout import ArrayOffset, ObjectOffset

Definition = Callable[[Step], None]

#: What writes each step, by name.
STEPS: dict[str, Definition] = {}

#: Ranks up to this one have a check of their own.
UNROLLED_RANKS = 3


def step(definition: Definition) -> Definition:
    """Enter a step under the name of its function."""
    STEPS[definition.__name__] = definition
    return definition


# ---------------------------------------------------------------- how the function was called


@step
def positional(s: Step) -> None:
    """So many positional arguments and no others."""
    s.require(
        s.equal("i64", s.load("i64", "%call", Field.COUNT), s.operand(0, "i64")),
        s.equal("ptr", s.load("ptr", "%call", Field.NAMES), "null"),
    )
    s.next()


@step
def named(s: Step) -> None:
    """So many positional arguments and so many named ones."""
    names = s.load("ptr", "%call", Field.NAMES)
    s.require(
        s.equal("i64", s.load("i64", "%call", Field.COUNT), s.operand(0, "i64")), s.make(f"icmp ne ptr {names}, null")
    )
    s.require(s.equal("i64", s.load("i64", names, ObjectOffset.SIZE), s.operand(1, "i64")))
    s.next()


@step
def argument(s: Step) -> None:
    """Find the positional argument at this offset."""
    s.next(s.load("ptr", s.load("ptr", "%call", Field.ARGUMENTS), s.operand(0, "i64")))


@step
def keyword(s: Step) -> None:
    """Find the argument of this name."""
    names = s.load("ptr", "%call", Field.NAMES)
    position = s.call("i64", "gradc_find_name", f"ptr {names}", f"ptr {s.operand(0)}")
    s.require(s.make(f"icmp sge i64 {position}, 0"))
    place = s.make(f"add i64 {position}, {s.load('i64', '%call', Field.COUNT)}")
    arguments = s.load("ptr", "%call", Field.ARGUMENTS)
    s.next(s.load("ptr", arguments, s.make(f"mul i64 {place}, {WORD}")))


#: The position of a name among the names of a call, or -1: by identity, then by content.
FIND_NAME = f"""
define internal i64 @gradc_find_name(ptr %names, ptr %name) #0 {{
entry:
  %count.at = getelementptr i8, ptr %names, i64 {ObjectOffset.SIZE}
  %count = load i64, ptr %count.at
  %items = getelementptr i8, ptr %names, i64 {ObjectOffset.TUPLE_ITEMS}
  br label %same
same:
  %k = phi i64 [0, %entry], [%k.next, %same.next]
  %done = icmp eq i64 %k, %count
  br i1 %done, label %equal, label %same.one
same.one:
  %item.at = getelementptr ptr, ptr %items, i64 %k
  %item = load ptr, ptr %item.at
  %found = icmp eq ptr %item, %name
  br i1 %found, label %found.same, label %same.next
same.next:
  %k.next = add i64 %k, 1
  br label %same
found.same:
  ret i64 %k
equal:
  %j = phi i64 [0, %same], [%j.next, %equal.next]
  %over = icmp eq i64 %j, %count
  br i1 %over, label %absent, label %equal.one
equal.one:
  %other.at = getelementptr ptr, ptr %items, i64 %j
  %other = load ptr, ptr %other.at
  %order = call i32 @PyUnicode_Compare(ptr %other, ptr %name)
  %matches = icmp eq i32 %order, 0
  br i1 %matches, label %found.equal, label %equal.next
equal.next:
  %j.next = add i64 %j, 1
  br label %equal
found.equal:
  ret i64 %j
absent:
  ret i64 -1
}}"""


# ---------------------------------------------------------------- finding objects


@step
def register(s: Step) -> None:
    """Find the object that was kept at this offset."""
    s.next(s.load("ptr", "%call", s.operand(0, "i64")))


@step
def keep(s: Step) -> None:
    """Keep the object at this offset."""
    s.store("ptr", "%object", "%call", s.operand(0, "i64"))
    s.next()


@step
def constant(s: Step) -> None:
    """Find this very object."""
    s.next(s.operand(0))


@step
def dict_item(s: Step) -> None:
    """Find what a dict has under a key."""
    found = s.call("ptr", "PyDict_GetItemWithError", f"ptr {s.operand(0)}", f"ptr {s.operand(1)}")
    s.require_object(found, else_raise=False)
    s.next(found)


@step
def list_item(s: Step) -> None:
    """Find the entry of a list at this position."""
    owner, position = s.operand(0), s.operand(1, "i64")
    s.require(s.make(f"icmp ult i64 {position}, {s.load('i64', owner, ObjectOffset.SIZE)}"))
    items = s.load("ptr", owner, ObjectOffset.LIST_ITEMS)
    s.next(s.load("ptr", items, s.make(f"mul i64 {position}, {WORD}")))


@step
def tuple_item(s: Step) -> None:
    """Find the entry of a tuple at this position."""
    owner, position = s.operand(0), s.operand(1, "i64")
    s.require(s.make(f"icmp ult i64 {position}, {s.load('i64', owner, ObjectOffset.SIZE)}"))
    offset = s.make(f"add i64 {s.make(f'mul i64 {position}, {WORD}')}, {ObjectOffset.TUPLE_ITEMS}")
    s.next(s.load("ptr", owner, offset))


@step
def cell_content(s: Step) -> None:
    """Find what a closure cell holds."""
    found = s.load("ptr", s.operand(0), ObjectOffset.CELL_CONTENT)
    s.require(s.make(f"icmp ne ptr {found}, null"))
    s.next(found)


@step
def attribute(s: Step) -> None:
    """Find an attribute of an object, as Python does."""
    _find_attribute(s, s.operand(0))


def _find_attribute(s: Step, owner: str) -> None:
    found = s.call("ptr", "PyObject_GetAttr", f"ptr {owner}", f"ptr {s.operand(1)}")
    s.require_object(found, else_raise=False)
    s.append(Field.HELD, found)
    s.next(found)


@step
def attribute_of(s: Step) -> None:
    """Find an attribute of the object kept at this offset."""
    _find_attribute(s, s.load("ptr", "%call", s.operand(0, "i64")))


@step
def class_attribute(s: Step) -> None:
    """Find what a class or its bases hold under a name (perhaps nothing)."""
    s.next(s.call("ptr", "_PyType_Lookup", f"ptr {s.operand(0)}", f"ptr {s.operand(1)}"))


@step
def method_function(s: Step) -> None:
    """Find the function of the method that was found."""
    s.next(s.call("ptr", "PyMethod_Function", "ptr %object"))


@step
def function_code(s: Step) -> None:
    """Find the code of a function."""
    s.next(s.call("ptr", "PyFunction_GetCode", f"ptr {s.operand(0)}"))


@step
def function_defaults(s: Step) -> None:
    """Find the defaults of a function (perhaps none)."""
    s.next(s.call("ptr", "PyFunction_GetDefaults", f"ptr {s.operand(0)}"))


@step
def function_keyword_defaults(s: Step) -> None:
    """Find the defaults of a function's keyword-only parameters (perhaps none)."""
    s.next(s.call("ptr", "PyFunction_GetKwDefaults", f"ptr {s.operand(0)}"))


@step
def hold(s: Step) -> None:
    """Keep the object alive until the call ends: whoever lends it may let it go."""
    s.do("Py_IncRef", "ptr %object")
    s.append(Field.HELD, "%object")
    s.next()


# ---------------------------------------------------------------- checking objects


@step
def same(s: Step) -> None:
    """It is this very object."""
    s.require(s.equal("ptr", "%object", s.operand(0)))
    s.next()


@step
def of_type(s: Step) -> None:
    """It is of exactly this class."""
    s.require(s.equal("ptr", s.load("ptr", "%object", ObjectOffset.TYPE), s.operand(0)))
    s.next()


@step
def sized(s: Step) -> None:
    """The tuple or list has so many entries."""
    s.require(s.equal("i64", s.load("i64", "%object", ObjectOffset.SIZE), s.operand(0, "i64")))
    s.next()


@step
def equal(s: Step) -> None:
    """It equals a str, int, float or bytes of the same class."""
    answer = s.call("i32", "PyObject_RichCompareBool", "ptr %object", f"ptr {s.operand(0)}", "i32 2")
    s.require(s.equal("i32", answer, "1"))
    s.next()


@step
def satisfied(s: Step) -> None:
    """A callable gives something true."""
    answer = s.call("ptr", "PyObject_CallNoArgs", f"ptr {s.operand(0)}")
    s.require_object(answer, else_raise=False)
    truth = s.call("i32", "PyObject_IsTrue", f"ptr {answer}")
    s.do("Py_DecRef", f"ptr {answer}")
    s.require(s.equal("i32", truth, "1"))
    s.next()


@step
def tuple_entries(s: Step) -> None:
    """Keep the entries of a tuple of checked size at an offset."""
    _copy_entries(s, s.at("%object", ObjectOffset.TUPLE_ITEMS))


@step
def list_entries(s: Step) -> None:
    """Keep the entries of a list of checked size at an offset."""
    _copy_entries(s, s.load("ptr", "%object", ObjectOffset.LIST_ITEMS))


def _copy_entries(s: Step, source: str) -> None:
    count, target = s.operand(0, "i64"), s.at("%call", s.operand(1, "i64"))
    size = s.make(f"mul i64 {count}, {WORD}")
    s.call("ptr", "memcpy", f"ptr {target}", f"ptr {source}", f"i64 {size}")
    s.next()


@step
def dict_entries(s: Step) -> None:
    """The dict has these keys in this order; keep its values at an offset. Operands: count, offset, the keys."""
    count, offset = s.operand(0, "i64"), s.operand(1, "i64")
    keys, target = s.operand_address(2), s.at("%call", offset)
    s.require(s.equal("i64", s.call("i64", "PyDict_Size", "ptr %object"), count))
    matches = s.call("i32", "gradc_match_dict", "ptr %object", f"i64 {count}", f"ptr {keys}", f"ptr {target}")
    s.require(s.equal("i32", matches, "1"))
    s.next(step=s.at(keys, s.make(f"mul i64 {count}, {WORD}")))


#: Whether a dict has these keys in this order: the same objects, or of the same class and equal. Its values are copied.
MATCH_DICT = f"""
define internal i32 @gradc_match_dict(ptr %dict, i64 %count, ptr %keys, ptr %target) #0 {{
entry:
  %position = alloca i64
  %key = alloca ptr
  %value = alloca ptr
  store i64 0, ptr %position
  br label %loop
loop:
  %k = phi i64 [0, %entry], [%k.next, %keep]
  %done = icmp eq i64 %k, %count
  br i1 %done, label %yes, label %one
one:
  %more = call i32 @PyDict_Next(ptr %dict, ptr %position, ptr %key, ptr %value)
  %has = icmp ne i32 %more, 0
  br i1 %has, label %compare, label %no
compare:
  %given = load ptr, ptr %key
  %wanted.at = getelementptr ptr, ptr %keys, i64 %k
  %wanted = load ptr, ptr %wanted.at
  %same = icmp eq ptr %given, %wanted
  br i1 %same, label %keep, label %classes
classes:
  %given.type.at = getelementptr i8, ptr %given, i64 {ObjectOffset.TYPE}
  %wanted.type.at = getelementptr i8, ptr %wanted, i64 {ObjectOffset.TYPE}
  %given.type = load ptr, ptr %given.type.at
  %wanted.type = load ptr, ptr %wanted.type.at
  %alike = icmp eq ptr %given.type, %wanted.type
  br i1 %alike, label %content, label %no
content:
  %answer = call i32 @PyObject_RichCompareBool(ptr %given, ptr %wanted, i32 2)
  %equal = icmp eq i32 %answer, 1
  br i1 %equal, label %keep, label %no
keep:
  %item = load ptr, ptr %value
  %item.at = getelementptr ptr, ptr %target, i64 %k
  store ptr %item, ptr %item.at
  %k.next = add i64 %k, 1
  br label %loop
yes:
  ret i32 1
no:
  ret i32 0
}}"""


# ---------------------------------------------------------------- numbers and arrays for the kernel


@step
def number(s: Step) -> None:
    """A float, or a NumPy scalar, of checked class: its value is read where it is."""
    s.store("ptr", s.at("%object", ObjectOffset.NUMBER), "%call", s.operand(0, "i64"))
    s.next()


@step
def integer(s: Step) -> None:
    """An int of 64 bits. Operands: its slot, and where the value goes."""
    overflow = s.make("alloca i32")
    value = s.call("i64", "PyLong_AsLongLongAndOverflow", "ptr %object", f"ptr {overflow}")
    s.require(s.equal("i32", s.load("i32", overflow), "0"))
    _store_number(s, "i64", value)


@step
def integer_as_float(s: Step) -> None:
    """An int as a float. Operands: its slot, and where the value goes."""
    value = s.call("double", "PyLong_AsDouble", "ptr %object")
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
    s.require(s.equal("ptr", s.load("ptr", "%object", ObjectOffset.TYPE), s.operand(1)))
    present = s.make(f"and i32 {s.load('i32', '%object', ArrayOffset.FLAGS)}, {flags}")
    dtype = s.load("ptr", "%object", ArrayOffset.DTYPE)
    ndim = str(rank) if rank is not None else s.operand(5, "i32")
    s.require(
        s.equal("i32", present, flags),
        s.equal("i8", s.load("i8", dtype, ArrayOffset.DTYPE_BYTE_ORDER), s.operand(3, "i8")),
        s.equal("i32", s.load("i32", dtype, ArrayOffset.DTYPE_NUMBER), s.operand(4, "i32")),
        s.equal("i32", s.load("i32", "%object", ArrayOffset.RANK), ndim),
    )
    if rank is not None:
        if rank:
            shape = s.load("ptr", "%object", ArrayOffset.SHAPE)
            axes = [(s.load("i64", shape, WORD * axis), s.operand(5 + axis, "i64")) for axis in range(rank)]
            s.require(*[s.equal("i64", present, expected) for present, expected in axes])
        following = None
    else:
        size = s.make(f"mul i64 {s.make(f'zext i32 {ndim} to i64')}, {WORD}")
        shape, extents = s.load("ptr", "%object", ArrayOffset.SHAPE), s.operand_address(6)
        order = s.call("i32", "memcmp", f"ptr {shape}", f"ptr {extents}", f"i64 {size}")
        s.require(s.equal("i32", order, "0"))
        following = s.at(extents, size)
    s.store("ptr", s.load("ptr", "%object", ArrayOffset.DATA), "%call", slot)
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
    """Run the kernel at this address."""
    _run(s)
    s.next()


@step
def run_without_lock(s: Step) -> None:
    """Run the kernel at this address while other threads run Python."""
    thread = s.call("ptr", "PyEval_SaveThread")
    _run(s)
    s.do("PyEval_RestoreThread", f"ptr {thread}")
    s.next()


def _run(s: Step) -> None:
    status = s.make(f"call i32 {s.operand(0)}(ptr {s.at('%call', Field.FRAME)})")
    s.store("i32", status, "%call", Field.STATUS)


@step
def succeeded(s: Step) -> None:
    """The kernel gave no failure; Python repeats one that did, and raises."""
    s.require(s.equal("i32", s.load("i32", "%call", Field.STATUS), "0"), otherwise=Leaving.PYTHON)
    s.next()


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


#: Functions that steps share, by name.
SHARED = {"gradc_find_name": FIND_NAME, "gradc_match_dict": MATCH_DICT}
#: What the entry and the shared functions call of the interpreter.
DECLARED = {
    "Py_IncRef": "declare void @Py_IncRef(ptr)",
    "Py_DecRef": "declare void @Py_DecRef(ptr)",
    "PyThreadState_Get": "declare ptr @PyThreadState_Get()",
    "_PyObject_MakeTpCall": "declare ptr @_PyObject_MakeTpCall(ptr, ptr, ptr, i64, ptr)",
    "PyUnicode_Compare": "declare i32 @PyUnicode_Compare(ptr, ptr)",
    "PyDict_Next": "declare i32 @PyDict_Next(ptr, ptr, ptr, ptr)",
    "PyObject_RichCompareBool": "declare i32 @PyObject_RichCompareBool(ptr, ptr, i32)",
}
