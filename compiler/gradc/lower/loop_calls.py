"""Calls of the inner loops of ufuncs: the lanes go through memory on the stack, all of them in one call.

A loop takes addresses, a count and steps: ``void (char **args, intp *dims, intp *steps, void *data)``. Each function has
one such set per signature and number of lanes. Count and steps are written once at its start; a call stores its operands
and the addresses (loops may count these up), calls, and loads the results. Nothing is shared with another thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.lower.text import FunctionBuilder, Value, llvm_type
from gradc.ops.loops import Loop
from gradc_runtime.ufuncs import loop_types, symbol_names, ufunc_at

if TYPE_CHECKING:
    from gradc.lower.machine import Machine


@dataclass(frozen=True)
class _Room:
    """Where a function keeps the lanes of operands and results, and what describes them to a loop."""

    cells: tuple[str, ...]
    addresses: str
    #: where each cell's address is kept
    places: tuple[str, ...]
    count: str
    steps: str


class LoopCalls:
    """The calls in one function. The same call is written once, whichever of its results is wanted."""

    def __init__(self, builder: FunctionBuilder) -> None:
        self._builder = builder
        self._rooms: dict[tuple[str, int], _Room] = {}
        self._known: dict[Any, list[Value]] = {}

    def results(self, e: Machine, loop: Loop, args: Sequence[Value]) -> list[Value]:
        """All results of the loop for these operands, which have as many lanes as each other."""
        types = loop_types(ufunc_at(loop.path), [arg.dtype for arg in args])
        letters = types.replace("->", "")
        given = [e.convert(arg, np.dtype(letter)) for arg, letter in zip(args, letters, strict=False)]
        lanes = max(arg.lanes for arg in given)
        key = (loop.path, types, lanes, *[arg.text for arg in given])
        known = self._known.get(key)
        if known is None:
            depth = max(arg.depth for arg in given)
            known = self._called(symbol_names(loop.path, types), letters, given, lanes, depth)
            self._builder.remember(self._known, key, known, depth)
        return known

    def _called(
        self, symbols: tuple[str, str], letters: str, given: Sequence[Value], lanes: int, depth: int
    ) -> list[Value]:
        builder, room = self._builder, self._room(letters, lanes)
        loop, data = symbols
        builder.module.declare(loop, "void", ["ptr"] * 4)
        builder.module.declare(data, "void", [])  # an address only
        lines = builder.scopes[depth].lines
        for arg, cell in zip(given, room.cells, strict=False):
            kind = llvm_type(arg.dtype, lanes)
            lines.append(f"  store {kind} {arg.text}, ptr {cell}, align {arg.dtype.itemsize}")
        lines += [f"  store ptr {cell}, ptr {place}" for cell, place in zip(room.cells, room.places, strict=True)]
        described = f"ptr {room.addresses}, ptr {room.count}, ptr {room.steps}"
        lines.append(f"  call void @{loop}({described}, ptr @{data})")
        results = []
        for letter, cell in zip(letters[len(given) :], room.cells[len(given) :], strict=True):
            dtype = np.dtype(letter)
            text = f"load {llvm_type(dtype, lanes)}, ptr {cell}, align {dtype.itemsize}"
            results.append(Value(builder.instruction(text, depth), dtype, depth, lanes))
        return results

    def _room(self, letters: str, lanes: int) -> _Room:
        room = self._rooms.get((letters, lanes))
        if room is None:
            room = self._rooms[letters, lanes] = self._made(letters, lanes)
        return room

    def _made(self, letters: str, lanes: int) -> _Room:
        builder, lines = self._builder, self._builder.scopes[0].lines
        dtypes = [np.dtype(letter) for letter in letters]
        cells = tuple(builder.on_stack(f"{llvm_type(d, lanes)}, align 64") for d in dtypes)
        addresses = builder.on_stack(f"[{len(cells)} x ptr]")
        steps = builder.on_stack(f"[{len(cells)} x i64]")
        count = builder.on_stack("i64")
        lines.append(f"  store i64 {lanes}, ptr {count}")
        places = []
        for position, dtype in enumerate(dtypes):
            step = builder.instruction(f"getelementptr i64, ptr {steps}, i64 {position}", 0)
            lines.append(f"  store i64 {dtype.itemsize}, ptr {step}")
            places.append(builder.instruction(f"getelementptr ptr, ptr {addresses}, i64 {position}", 0))
        return _Room(cells, addresses, tuple(places), count, steps)
