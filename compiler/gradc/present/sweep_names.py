"""How the values of loops are written: ``h^{(t)}`` before a step, ``h^{(t+1)}`` after it, ``h^{(T)}`` at the end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from gradc.ir.algebra import sum_of
from gradc.ir.scalar import Load, index
from gradc.ir.tape import is_tape
from gradc.ir.tensor import Input, Tensor, extent_scalar
from gradc.present import notation as n
from gradc.present.index_form import IndexForm
from gradc.present.notation import Name, Notation, Stepped, Trajectory
from gradc.present.recurring import Recurrences
from gradc.present.symbols import symbol
from gradc.present.unfolding import Stack, State, Sweep, step_letter

_LETTERS = ("s", "u", "v", "z", "q", "r", "g", "c")
#: Names that tell nothing: of what a function takes as it is, and of what the compiler moved out of a loop.
_NAMELESS = re.compile(r"(init|carry|state|captured|steady|step|residual|_|args|s)(_\d+)*(?P<marks>(_bar|_dot)*)")


class SweepNames:
    """Notation for what stands for the values of loops; ``taken`` are the symbols of the formula."""

    def __init__(self, recurrences: Recurrences, taken: Sequence[Name]) -> None:
        self._recurrences = recurrences
        self._initials = {name.plain[:1].lower() for name in taken}
        self._plain = {name.plain for name in taken}
        self._used: set[str] = set()
        self._spare: dict[tuple[int, str], str] = {}
        self.letters: dict[Input, Name] = {}
        for sweep in recurrences.sweeps:
            letter = step_letter(sweep.step)
            self.letters[sweep.step] = Name(letter, letter, integer=True)
        self.names: dict[Tensor, Notation] = dict(self.letters.items())
        self.starts: dict[Tensor, Stepped] = {}
        self._ends = self._unknown_counts()
        for sweep, totals in zip(recurrences.sweeps, recurrences.totals, strict=True):
            outer = tuple(self.letters[step] for step in sweep.outer)
            for state in sweep.states:
                self._state(state, sweep, outer)
            for stack in sweep.stacks:
                self._stack(stack, sweep, outer)
            for total in totals:
                name = self._symbol(total.state.stem, total.state.final, as_it_is=not sweep.outer)
                self.names[total.state.final] = self._at(name, outer) if outer else name

    def count(self, sweep: Sweep) -> Notation:
        """How many steps there are."""
        if sweep.trip is None or is_tape(sweep.trip):
            return self._ends[sweep.trip if sweep.trip is not None else sweep.step]
        return IndexForm({}, ()).scalar(sum_of(extent_scalar(sweep.trip)), ())

    def last(self, sweep: Sweep) -> Notation:
        """The number of the last step."""
        assert sweep.trip is not None
        if is_tape(sweep.trip):
            return n.shifted(self.count(sweep), -1)
        return IndexForm({}, ()).scalar(sum_of(extent_scalar(sweep.trip), -1), ())

    def _unknown_counts(self) -> dict[object, Name]:
        """A letter for the number of steps of each loop that ends by a condition: a sweep, or the tape that it leaves."""
        open_ended = [s for s in self._recurrences.sweeps if s.trip is None or is_tape(s.trip)]
        keys = dict.fromkeys(s.step if s.trip is None else s.trip for s in open_ended)
        letters = [c for c in ("T", "N", "K") if c not in self._plain]
        letters += [f"T_{k}" for k in range(1, len(keys) + 1)]
        return {key: replace(symbol(letter), integer=True) for key, letter in zip(keys, letters, strict=False)}

    @staticmethod
    def _at(name: Name, steps: tuple[Notation, ...]) -> Stepped:
        return Stepped(name.latex, name.plain, name.rank, steps=steps)

    def _state(self, state: State, sweep: Sweep, outer: tuple[Name, ...]) -> None:
        name = self._symbol(state.stem, state.before)
        step = self.letters[sweep.step]
        ends: list[Notation] = [n.ZERO, self.count(sweep)]
        places: list[Notation] = [step, n.shifted(step, 1)]
        if sweep.reverse:
            ends.reverse()
            places.reverse()
        self.starts[state.before] = self._at(name, (*outer, ends[0]))
        self.names[state.final] = self._at(name, (*outer, ends[1]))
        self.names[state.before] = self._at(name, (*outer, places[0]))
        self.names[state.after] = self._at(name, (*outer, places[1]))

    def _stack(self, stack: Stack, sweep: Sweep, outer: tuple[Name, ...]) -> None:
        for state in sweep.states:
            ends = {state.before: int(sweep.reverse), state.after: int(not sweep.reverse)}
            if stack.value is state.following or _is_whole(stack.value, state.after):
                shift = ends[state.after]
            elif _is_whole(stack.value, state.before):
                shift = ends[state.before]
            else:
                continue
            named = self.names[state.before]
            assert isinstance(named, Stepped)
            self.names[stack.whole] = Trajectory(self._at(named.stem, outer), shift)
            return
        name = self._symbol(stack.stem, stack.whole, as_it_is=not sweep.outer)
        self.names[stack.whole] = self._at(name, outer) if outer else name

    def _symbol(self, stem: str, tensor: Tensor, as_it_is: bool = False) -> Name:
        """A symbol that no other value of a loop has, and where it stands ``as_it_is``, nothing else."""
        nameless = _NAMELESS.fullmatch(stem)
        plain = f"{self._letter(tensor, stem)}{nameless['marks']}" if nameless else stem
        wanted, count = plain, 1
        while wanted in self._used or (as_it_is and wanted in self._plain):
            count += 1
            wanted = f"{plain}_{count}"
        self._used.add(wanted)
        return symbol(wanted, tensor.rank)

    def _letter(self, tensor: Tensor, stem: str) -> str:
        """A letter for what has no name: the same for an adjoint as for its state."""
        key = (tensor.rank, re.sub(r"(_bar|_dot)+$", "", stem))
        if key not in self._spare:
            used = self._initials | {value.lower() for value in self._spare.values()}
            letter = next((c for c in _LETTERS if c not in used), "w")
            self._spare[key] = letter.upper() if tensor.rank == 2 else letter
        return self._spare[key]


def _is_whole(tensor: Tensor, other: Tensor) -> bool:
    """Whether a tensor is another one, or reads just that."""
    body = getattr(tensor, "body", None)
    if tensor is other:
        return True
    return isinstance(body, Load) and body.tensor is other and body.indices == tuple(map(index, range(other.rank)))
