"""What the recurrences of a formula say, computed: each value of a loop at its step, when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradc.evaluate import NUMPY, evaluate
from gradc.evaluate.body import extent_value
from gradc.ir.tape import is_tape
from gradc.ir.tensor import Graph, Input, Tensor
from gradc.ir.walk import graph_order
from gradc.present.recurring import Recurrences, Total
from gradc.present.unfolding import Sweep

Steps = Mapping[Tensor, int]
#: A loop that ends by a condition takes no more.
_MOST_STEPS = 10**6


class RecurrenceValues:
    """Values of what a formula is made of, given those of its inputs.

    Each is read off the recurrences as they stand on the page, not off the loop that they were made from: that they agree
    with it is what this is for.
    """

    def __init__(
        self, recurrences: Recurrences, given: Mapping[Tensor, Any], sizes: Mapping[str, int] | None = None
    ) -> None:
        self._given = dict(given)
        self._sizes = dict(sizes or {})
        self._runs: dict[Any, dict[Any, Any]] = {}
        self._owners: dict[Tensor, tuple[Sweep, tuple[Total, ...]]] = {}
        for sweep, totals in zip(recurrences.sweeps, recurrences.totals, strict=True):
            made = [t for s in (*sweep.states, *[t.state for t in totals]) for t in (s.before, s.after, s.final)]
            made += [s.whole for s in sweep.stacks]
            self._owners |= dict.fromkeys(made, (sweep, totals))

    def value(self, tensor: Tensor, steps: Steps | None = None) -> Any:
        """The value of a tensor at these steps of the loops around it."""
        steps = steps or {}
        inputs = [t for t in graph_order([tensor]) if isinstance(t, Input)]
        given = [self._input(t, steps) for t in inputs]
        return evaluate(Graph(tuple(inputs), (tensor,)), given, NUMPY, self._sizes)[0]

    def _input(self, tensor: Input, steps: Steps) -> Any:
        if tensor in self._given:
            return self._given[tensor]
        if tensor in steps:
            return np.int64(steps[tensor])
        sweep, totals = self._owners[tensor]
        run = self._run(sweep, totals, {step: steps[step] for step in sweep.outer})
        for state in sweep.states:
            path = run[state.before]
            if tensor is state.final:
                return path[0 if sweep.reverse else -1]
            if tensor in (state.before, state.after):
                return path[steps[sweep.step] + int((tensor is state.after) != sweep.reverse)]
        if tensor in run:
            return run[tensor][0]
        (stack,) = (s for s in sweep.stacks if s.whole is tensor)
        return np.array([self.value(stack.value, {**steps, sweep.step: t}) for t in range(run["trips"])])

    def _run(self, sweep: Sweep, totals: tuple[Total, ...], outer: Steps) -> dict[Any, Any]:
        """The values of the states by the number of the step, and the sums over the steps."""
        key = (id(sweep), tuple(outer.values()))
        if key in self._runs:
            return self._runs[key]
        paths: dict[Any, Any] = {s.before: [self.value(s.start, outer)] for s in sweep.states}
        self._runs[key] = paths
        t = 0
        trips = self._trips(sweep)
        order = range(trips - 1, -1, -1) if sweep.reverse else range(trips)
        for t in order:
            here = {**outer, sweep.step: t}
            if sweep.condition is not None and not self.value(sweep.condition, here):
                break
            for before, after in self._following(sweep, paths, here):
                paths[before].insert(0 if sweep.reverse else len(paths[before]), after)
        paths["trips"] = len(order) if sweep.condition is None else t
        for total in totals:
            value = np.array(self.value(total.state.start, outer))
            for t in order:
                step = self.value(total.increment, {**outer, sweep.step: t})
                value = value + step if total.kind == "sum" else value * step
            paths[total.state.final] = [value]
        return paths

    def _trips(self, sweep: Sweep) -> int:
        """How many steps there are, at most where a condition ends them; the reverse of such a loop has as many as it."""
        if sweep.condition is not None:
            return _MOST_STEPS
        if not is_tape(sweep.trip or 0):
            return extent_value(sweep.trip or 0, self._sizes)
        owners = self._owners.values()
        forward, totals = next((s, t) for s, t in owners if s.trip == sweep.trip and s.condition is not None)
        return int(self._run(forward, totals, {})["trips"])

    def _following(self, sweep: Sweep, paths: dict[Any, Any], here: Steps) -> list[tuple[Tensor, Any]]:
        """What the states become; one that is read by another as it is after the step comes first."""
        values: dict[Tensor, Any] = {}
        pending = list(sweep.states)
        now = 0 if sweep.reverse else -1
        given = dict(self._given)
        before: dict[Tensor, Any] = {s.before: paths[s.before][now] for s in sweep.states}
        while pending:
            state = pending.pop(0)
            if {s.after for s in pending} & set(graph_order([state.following])):
                pending.append(state)
                continue
            after: dict[Tensor, Any] = {s.after: values[s.before] for s in sweep.states if s.before in values}
            self._given = {**given, **before, **after}
            values[state.before] = self.value(state.following, here)
            self._given = given
        return list(values.items())
