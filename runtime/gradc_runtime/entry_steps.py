"""The steps of plans that find the objects a call depends on, and check them.

Offsets among the operands are bytes from the beginning of the call's memory.
"""

from __future__ import annotations

from gradc_runtime.entry_text import WORD, Field, Step, step
from gradc_runtime.layout import ObjectOffset

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
    """Find the argument of this name. Operands: the name, and at which position to look first."""
    names, name, likely = s.load("ptr", "%call", Field.NAMES), s.operand(0), s.operand(1, "i64")
    offset = s.make(f"add i64 {s.make(f'mul i64 {likely}, {WORD}')}, {ObjectOffset.TUPLE_ITEMS}")
    start, search, found = s.label("start"), s.label("search"), s.label("found")
    s.go(start)
    s.begin(start)
    s.branch(s.equal("ptr", s.load("ptr", names, offset), name), found, search)
    s.begin(search)
    elsewhere = s.call("i64", "gradc_find_name", f"ptr {names}", f"ptr {name}")
    s.go(found)
    s.begin(found)
    position = s.make(f"phi i64 [{likely}, %{start}], [{elsewhere}, %{search}]")
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
    s.store("ptr", s.object, "%call", s.operand(0, "i64"))
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
    s.next(s.call("ptr", "PyMethod_Function", f"ptr {s.object}"))


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
    s.do("Py_IncRef", f"ptr {s.object}")
    s.append(Field.HELD, s.object)
    s.next()


# ---------------------------------------------------------------- checking objects


@step
def same(s: Step) -> None:
    """It is this very object."""
    s.require(s.equal("ptr", s.object, s.operand(0)))
    s.next()


@step
def of_type(s: Step) -> None:
    """It is of exactly this class."""
    s.require(s.equal("ptr", s.load("ptr", s.object, ObjectOffset.TYPE), s.operand(0)))
    s.next()


@step
def has_code(s: Step) -> None:
    """A function has this code. Operands: the function, the code."""
    s.require(s.equal("ptr", s.load("ptr", s.operand(0), ObjectOffset.FUNCTION_CODE), s.operand(1)))
    s.next()


@step
def sized(s: Step) -> None:
    """The tuple or list has so many entries."""
    s.require(s.equal("i64", s.load("i64", s.object, ObjectOffset.SIZE), s.operand(0, "i64")))
    s.next()


@step
def equal(s: Step) -> None:
    """It equals a str, int, float or bytes of the same class."""
    answer = s.call("i32", "PyObject_RichCompareBool", f"ptr {s.object}", f"ptr {s.operand(0)}", "i32 2")
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
    _copy_entries(s, s.at(s.object, ObjectOffset.TUPLE_ITEMS))


@step
def list_entries(s: Step) -> None:
    """Keep the entries of a list of checked size at an offset."""
    _copy_entries(s, s.load("ptr", s.object, ObjectOffset.LIST_ITEMS))


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
    s.require(s.equal("i64", s.call("i64", "PyDict_Size", f"ptr {s.object}"), count))
    matches = s.call("i32", "gradc_match_dict", f"ptr {s.object}", f"i64 {count}", f"ptr {keys}", f"ptr {target}")
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


#: Forget an exception, if there is one, unless it is none that a program handles; whether there is none left.
FORGIVE = """
@gradc_exception = external global i8

define internal i32 @gradc_forgive() #0 {
entry:
  %error = call ptr @PyErr_Occurred()
  %none = icmp eq ptr %error, null
  br i1 %none, label %yes, label %some
some:
  %matches = call i32 @PyErr_ExceptionMatches(ptr @gradc_exception)
  %ordinary = icmp ne i32 %matches, 0
  br i1 %ordinary, label %clear, label %no
clear:
  call void @PyErr_Clear()
  br label %yes
yes:
  ret i32 1
no:
  ret i32 0
}"""

#: Functions that steps share, by name.
SHARED = {"gradc_find_name": FIND_NAME, "gradc_match_dict": MATCH_DICT, "gradc_forgive": FORGIVE}
#: What the entry and the shared functions call of the interpreter.
DECLARED = {
    "Py_IncRef": "declare void @Py_IncRef(ptr)",
    "Py_DecRef": "declare void @Py_DecRef(ptr)",
    "PyThreadState_Get": "declare ptr @PyThreadState_Get()",
    "_PyObject_MakeTpCall": "declare ptr @_PyObject_MakeTpCall(ptr, ptr, ptr, i64, ptr)",
    "PyErr_Clear": "declare void @PyErr_Clear()",
    "PyErr_Occurred": "declare ptr @PyErr_Occurred()",
    "PyErr_ExceptionMatches": "declare i32 @PyErr_ExceptionMatches(ptr)",
    "PyUnicode_Compare": "declare i32 @PyUnicode_Compare(ptr, ptr)",
    "PyDict_Next": "declare i32 @PyDict_Next(ptr, ptr, ptr, ptr)",
    "PyObject_RichCompareBool": "declare i32 @PyObject_RichCompareBool(ptr, ptr, i32)",
}
