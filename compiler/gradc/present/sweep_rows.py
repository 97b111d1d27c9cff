"""The rows of a page that define what loops make: first values, recurrences with the range of their steps, sums."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from gradc.ir.tensor import Tensor
from gradc.ir.walk import graph_order
from gradc.present import notation as n
from gradc.present.index_form import times
from gradc.present.notation import Name, Notation
from gradc.present.order import ordered_sum
from gradc.present.recurring import Recurrences, Total, is_neutral
from gradc.present.sweep_names import SweepNames
from gradc.present.unfolding import Sweep


@dataclass(frozen=True)
class Steps:
    """For which steps a definition holds: from ``first`` to ``last``, or from 0 until a condition holds, at ``last``."""

    letter: Name
    first: Notation
    last: Notation
    until: Notation | None = None

    @property
    def listed(self) -> tuple[Notation | None, ...]:
        """The steps; None stands for those left out."""
        first, last = (v.value if isinstance(v, n.Literal) else None for v in (self.first, self.last))
        if self.until is not None:
            return (n.ZERO, n.ONE, None)
        if isinstance(first, int) and isinstance(last, int) and abs(first - last) <= 1:
            return (self.first,) if first == last else (self.first, self.last)
        return (self.first, None, self.last)


@dataclass(frozen=True)
class Definition:
    """``name = value``, entry by entry where ``name`` has indices; for all ``steps`` of a loop."""

    name: Notation
    value: Notation
    steps: Steps | None = None


#: The notation of a tensor, and the letters of an entry where it is by entries, as it is where that is asked for.
Written = Callable[[Tensor, bool], tuple[Notation, tuple[Name, ...]]]


class SweepRows:
    """Writes the definitions of all loops; ``defined`` gives that of a named intermediate (once), ``written`` a value."""

    def __init__(
        self,
        recurrences: Recurrences,
        names: SweepNames,
        defined: Callable[[Sequence[Tensor]], Iterator[Definition]],
        written: Written,
        condition: Callable[[Tensor], Notation],
    ) -> None:
        self._recurrences, self._names = recurrences, names
        self._defined, self._written, self._condition = defined, written, condition
        self._totals = {t.state.final: (sweep, t) for sweep, own in self._pairs() for t in own}
        self._stacks = {stack.whole: (sweep, stack) for sweep, _ in self._pairs() for stack in sweep.stacks}
        roots = [t for t in recurrences.outputs if t not in self._stacks]
        roots += recurrences.graph.outputs[recurrences.count :]
        self._read = set(graph_order(t for t in roots if t not in self._totals))  # those are written out

    def _pairs(self) -> Iterator[tuple[Sweep, tuple[Total, ...]]]:
        return zip(self._recurrences.sweeps, self._recurrences.totals, strict=True)

    def rows(self) -> Iterator[Definition]:
        """The definitions, in the order of evaluation."""
        for sweep, totals in self._pairs():
            yield from self._defined([s.start for s in sweep.states])
            rows = [*self._defined([*sweep.roots, *[t.increment for t in totals]]), *self._of(sweep)]
            if rows:
                rows[-1] = replace(rows[-1], steps=self._steps(sweep))
            yield from rows
            for total in totals:
                if total.state.final in self._read:
                    value, letters = self.total(total.state.final) or (n.ZERO, ())
                    yield Definition(_entry(self._names.names[total.state.final], letters), value)

    def line(self, output: Tensor) -> tuple[Notation, tuple[Name, ...]] | None:
        """What an output is that a loop makes step by step, with the letters of its entries; None where it is no such."""
        if output not in self._stacks:
            return self.total(output)
        sweep, stack = self._stacks[output]
        letter, name = self._names.letters[sweep.step], self._names.names[output]
        if not isinstance(name, n.Trajectory):
            value, letters = self._value(stack.value)
            return value, (letter, *letters)
        return name.at(letter), (letter,)

    def total(self, final: Tensor) -> tuple[Notation, tuple[Name, ...]] | None:
        """The sum over the steps that a tensor is, and the letters of its entries; None where it is none."""
        if final not in self._totals:
            return None
        sweep, total = self._totals[final]
        body, letters = self._written(total.increment, False)
        start, own = self._written(total.state.start, False)
        if not is_neutral(total) and own != letters:
            (body, letters), (start, _) = (self._written(t, True) for t in (total.increment, total.state.start))
        step = self._names.letters[sweep.step]
        negative, positive = n.split_sign(body) if total.kind == "sum" else (False, body)
        over: Notation = n.Reduction(
            total.kind, (step,), (self._names.last(sweep),), (self._names.count(sweep),), None, positive
        )
        over = n.scaled(-1, over) if negative else over
        if is_neutral(total):
            return over, letters
        return (ordered_sum([start, over]) if total.kind == "sum" else times(start, over)), letters

    def _of(self, sweep: Sweep) -> Iterator[Definition]:
        names = self._names
        for state in sweep.states:
            yield self._row(names.starts[state.before], state.start)
        for state in sweep.states:
            yield self._row(names.names[state.after], state.following)
        for stack in sweep.stacks:
            name = names.names[stack.whole]
            if isinstance(name, Name) and stack.whole in self._read:
                outer = name.steps if isinstance(name, n.Stepped) else ()
                step = (*outer, names.letters[sweep.step])
                yield self._row(n.Stepped(name.latex, name.plain, name.rank - 1, steps=step, raised=False), stack.value)

    def _row(self, name: Notation, tensor: Tensor) -> Definition:
        value, letters = self._value(tensor)
        return Definition(_entry(name, letters), value)

    def _value(self, tensor: Tensor) -> tuple[Notation, tuple[Name, ...]]:
        return self.total(tensor) or self._written(tensor, False)

    def _steps(self, sweep: Sweep) -> Steps:
        letter = self._names.letters[sweep.step]
        if sweep.condition is not None:
            stop = n.opposite(self._condition(sweep.condition))
            return Steps(letter, n.ZERO, self._names.count(sweep), stop)
        ends = [n.ZERO, self._names.last(sweep)]
        return Steps(letter, *(reversed(ends) if sweep.reverse else ends))


def _entry(name: Notation, letters: tuple[Name, ...]) -> Notation:
    return n.Entry(name, letters) if letters else name
