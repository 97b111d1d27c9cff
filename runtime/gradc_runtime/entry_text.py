"""Text of the machine code that serves calls: small functions, one per chunk of a plan, written in LLVM assembly.

A chunk is a few steps in a row, ``ptr chunk(ptr %step, ptr %call, ptr %object)``. ``%step`` points to its words in the plan
(its own address, then the operands of its steps), ``%call`` to the memory of the call under way (see `Field`), and
``%object`` is the object that the chunk before has found. It ends by jumping to the next chunk, so that a plan runs through
without returning; or it returns: the result, null after an exception, or a `Leaving`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum

WORD = 8


class Field:
    """Offsets in the memory of a call. The kernel's frame comes after the fields."""

    ARGUMENTS = 0
    COUNT = 8
    NAMES = 16
    #: where the next reference goes that is released when the call ends
    HELD = 24
    #: where the next part of the result goes
    BUILT = 32
    STATUS = 40
    FRAME = 64


class Leaving(IntEnum):
    """What a plan returns instead of an object."""

    #: the arguments, or what the trace relied on, are not what the plan is for
    DIFFERS = 1
    #: Python must serve the call
    PYTHON = 2


Definition = Callable[["Step"], None]

#: What writes each step, by name.
STEPS: dict[str, Definition] = {}


def step(definition: Definition) -> Definition:
    """Enter a step under the name of its function."""
    STEPS[definition.__name__] = definition
    return definition


class Step:
    """Writes the steps of a chunk, one after the other."""

    def __init__(self, name: str) -> None:
        self.name = name
        #: the object that the step before has found
        self.object = "%object"
        #: the functions that the steps call, with their declarations
        self.called: dict[str, str] = {}
        #: operands of the steps before this one, and of all so far
        self._before = self._operands = 0
        self._is_last = True
        self._lines: list[str] = []
        self._count = 0
        self._leaves: set[Leaving] = set()

    @classmethod
    def of(cls, names: Sequence[str]) -> Step:
        """The chunk of these steps."""
        made = cls("gradc_" + "_".join(names))
        for position, name in enumerate(names):
            made._before, made._is_last = made._operands, position == len(names) - 1
            STEPS[name](made)
        return made

    def __str__(self) -> str:
        exits = [f"leave{reason}:\n  ret ptr inttoptr (i64 {reason.value} to ptr)" for reason in sorted(self._leaves)]
        body = "\n".join(["entry:", *self._lines, *exits])
        return f"define ptr @{self.name}(ptr %step, ptr %call, ptr %object) #0 {{\n{body}\n}}"

    # ------------------------------------------------------------ values

    def make(self, instruction: str) -> str:
        """The value of an instruction."""
        self._count += 1
        name = f"%v{self._count}"
        self._lines.append(f"  {name} = {instruction}")
        return name

    def at(self, base: str, offset: int | str) -> str:
        """The address ``offset`` bytes after ``base``."""
        return self.make(f"getelementptr i8, ptr {base}, i64 {offset}")

    def load(self, kind: str, base: str, offset: int | str = 0) -> str:
        """What is at an address."""
        return self.make(f"load {kind}, ptr {self.at(base, offset)}")

    def store(self, kind: str, value: str, base: str, offset: int | str = 0) -> None:
        """Put a value at an address."""
        self._lines.append(f"  store {kind} {value}, ptr {self.at(base, offset)}")

    def operand(self, position: int, kind: str = "ptr") -> str:
        """An operand of the step, from the plan."""
        position += self._before
        self._operands = max(self._operands, position + 1)
        return self.load(kind, "%step", WORD * (1 + position))

    def operand_address(self, position: int) -> str:
        """Where the operands from ``position`` on are."""
        return self.at("%step", WORD * (1 + self._before + position))

    def equal(self, kind: str, one: str, other: str) -> str:
        """Whether two integers or addresses are equal."""
        return self.make(f"icmp eq {kind} {one}, {other}")

    def call(self, result: str, function: str, *arguments: str) -> str:
        """The result of a function of the interpreter's; ``arguments`` are written with their types."""
        self._declare(result, function, arguments)
        return self.make(f"call {result} @{function}({', '.join(arguments)})")

    def do(self, function: str, *arguments: str) -> None:
        """Call a function that gives nothing."""
        self._declare("void", function, arguments)
        self._lines.append(f"  call void @{function}({', '.join(arguments)})")

    def _declare(self, result: str, function: str, arguments: tuple[str, ...]) -> None:
        kinds = ", ".join(argument.split(" ", 1)[0] for argument in arguments)
        self.called[function] = f"declare {result} @{function}({kinds})"

    # ------------------------------------------------------------ control

    def begin(self, label: str) -> None:
        """The block of this name begins."""
        self._lines.append(f"{label}:")

    def branch(self, condition: str, then: str, otherwise: str) -> None:
        """Go on at one of two blocks."""
        self._lines.append(f"  br i1 {condition}, label %{then}, label %{otherwise}")

    def go(self, label: str) -> None:
        """Go on at a block."""
        self._lines.append(f"  br label %{label}")

    def label(self, stem: str) -> str:
        """A new block's name."""
        self._count += 1
        return f"{stem}{self._count}"

    def leave(self, reason: Leaving) -> None:
        """Return without a result."""
        self._lines.append(f"  ret ptr inttoptr (i64 {reason.value} to ptr)")

    def give(self, value: str) -> None:
        """Return an object, or null after an exception."""
        self._lines.append(f"  ret ptr {value}")

    def require(self, condition: str, *more: str, otherwise: Leaving = Leaving.DIFFERS) -> None:
        """Go on only where all conditions hold."""
        for other in more:
            condition = self.make(f"and i1 {condition}, {other}")
        self._leaves.add(otherwise)
        label = self.label("ok")
        self.branch(condition, label, f"leave{otherwise}")
        self.begin(label)

    def require_object(self, value: str, *, else_raise: bool) -> None:
        """Go on only with an object. Null is passed on as the exception it stands for; or it is a difference, unless the
        exception is one like KeyboardInterrupt.
        """
        good, bad = self.label("ok"), self.label("null")
        self.branch(self.equal("ptr", value, "null"), bad, good)
        self.begin(bad)
        if not else_raise:
            raised = self.label("raised")
            self.require_forgiven(raised)
            self.leave(Leaving.DIFFERS)
            self.begin(raised)
        self.give("null")
        self.begin(good)

    def require_forgiven(self, otherwise: str) -> None:
        """Forget an exception, if there is one; go on at a block where it must be passed on."""
        label = self.label("forgiven")
        forgiven = self.call("i32", "gradc_forgive")
        self.branch(self.equal("i32", forgiven, "1"), label, otherwise)
        self.begin(label)

    def next(self, found: str | None = None, step: str | None = None) -> None:
        """Go on with the next step; at the end of the chunk, jump to the next chunk, or to the one at ``step``."""
        self.object = found or self.object
        if not self._is_last:
            assert step is None, "a step with a list of operands ends its chunk"
            return
        following = step or self.at("%step", WORD * (1 + self._operands))
        code = self.load("ptr", following)
        result = self.make(f"musttail call ptr {code}(ptr {following}, ptr %call, ptr {self.object})")
        self.give(result)

    # ------------------------------------------------------------ the call's memory

    def append(self, field: int, value: str) -> None:
        """Put an object on the list of references to release, or of parts of the result."""
        top = self.load("ptr", "%call", field)
        self.store("ptr", value, top)
        self.store("ptr", self.at(top, WORD), "%call", field)

    def push_result(self, value: str) -> None:
        """A new part of the result; null is an exception."""
        self.require_object(value, else_raise=True)
        self.append(Field.BUILT, value)
        self.next()
