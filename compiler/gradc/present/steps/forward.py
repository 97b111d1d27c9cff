"""The forward-mode telling: the differential of every part, from the inputs to the output."""

from __future__ import annotations

from dataclasses import fields, replace

from gradc.differentiate import identity_seed, pushforward
from gradc.ir.rewrite import replace_tensors
from gradc.ir.tensor import Input, Tensor, input_tensor
from gradc.present import matrix_algebra as m
from gradc.present import notation as n
from gradc.present.notation import Name, Notation
from gradc.present.page import printed_length
from gradc.present.steps import rules
from gradc.present.steps.derivation import Line, Side
from gradc.present.steps.parts import Part, Program, in_terms_of_itself, shown
from gradc.present.steps.points import Check, Points
from gradc.present.steps.scribe import Scribe, is_zero

_LONGEST_CARRIED = 30
#: The space before a differential.
_THIN = r"\, "


class Forward:
    """Tells the forward sweep of a program along a differential of its input."""

    def __init__(self, program: Program, scribe: Scribe, points: Points) -> None:
        self._program, self._scribe, self._points = program, scribe, points
        (self._wrt,) = program.wrt
        self._differentials: dict[Input, Input] = {}
        #: the differential of each part over inputs, stand-ins and the differentials of its variables
        self._pushed: dict[Input, Tensor] = {}
        self._checks: dict[Input, Check] = {}
        self._stand_in(self._wrt, program.symbols[self._wrt])
        points.draw(self._differentials[self._wrt])
        for part in program.parts:
            self._push(part)

    def _stand_in(self, variable: Input, name: Name) -> Input:
        tensor = input_tensor(f"the differential of {name.plain}", variable.shape, variable.dtype)
        self._differentials[variable] = tensor
        self._scribe.names[tensor] = Name(rf"{_THIN}\mathrm{{d}}{name.latex}", f"d{name.plain}", variable.rank)
        return tensor

    def _push(self, part: Part) -> None:
        variables = list(part.partials)
        moved = [self._differentials[v] for v in variables]
        (pushed,) = pushforward([part.definition], variables, moved)
        shown_form = shown(pushed)
        if part is not self._program.output:
            shown_form = in_terms_of_itself(shown_form, part)
        self._pushed[part.stand_in] = shown_form
        tangent = self._stand_in(part.stand_in, part.name)
        (truth,) = pushforward([part.tensor], [self._wrt], [self._differentials[self._wrt]])
        self._points.define({tangent: truth})
        checks = [self._points.derivative(part.definition, v, p.whole).points for v, p in part.partials.items()]
        equal = self._points.equal([self._pushed[part.stand_in], tangent])
        self._checks[part.stand_in] = Check(min([equal.points, *checks]))

    def local_lines(self) -> list[Line]:
        """The differential of every part, in the order of evaluation."""
        lines = []
        for part in self._program.parts:
            pushed = self._pushed[part.stand_in]
            if is_zero(pushed):
                continue
            value, letters = self._scribe.shorter(pushed)
            left = self._left(part, len(letters))
            named = [rules.rules_of(part.definition, v, part.partials) for v in part.partials]
            rule = ", ".join(list(dict.fromkeys(", ".join(named).split(", ")))[:3])
            lines.append(Line((left, self._side(value)), rule, self._checks[part.stand_in]))
        return lines

    def _side(self, notation: Notation) -> Side:
        names = {self._scribe.names[t] for t in self._differentials.values()}
        return self._scribe.side(differentials_last(notation, names))

    def _left(self, part: Part, letters: int) -> Side:
        name = self._scribe.names[self._differentials[part.stand_in]]
        assert isinstance(name, Name)
        side = self._scribe.named(name, self._scribe.letters(letters))
        return Side(side.plain, side.latex.removeprefix(_THIN))

    def chain_lines(self) -> list[Line]:
        """The differentials put into each other, until only the input's is left."""
        meaning: dict[Tensor, Tensor] = {}
        lines = []
        for part in self._program.parts:
            pushed = self._pushed[part.stand_in]
            (whole,) = replace_tensors([pushed], meaning)
            if whole is not pushed:
                displayed = shown(whole)
                value, letters = self._scribe.shorter(displayed)
                check = self._points.equal([displayed, self._differentials[part.stand_in]])
                before = self._side(self._scribe.shorter(pushed)[0])
                sides = [self._left(part, len(letters)), self._side(value)]
                if before.plain != sides[1].plain:
                    lines.append(Line(tuple(sides), rules.CHAIN, check))
                whole = displayed
            letters_all = self._scribe.letters(part.tensor.rank)
            if printed_length(self._scribe.entry(whole, letters_all)) <= _LONGEST_CARRIED:
                meaning[self._differentials[part.stand_in]] = whole
        return lines

    def derivative_line(self) -> tuple[Side, Side]:
        """The output's differential, as the derivative times the input's."""
        output, wrt = (self._scribe.names[self._differentials[t]] for t in (self._program.output.stand_in, self._wrt))
        sides = self._scribe.side(output), self._scribe.side(wrt)
        return Side(sides[0].plain, sides[0].latex.removeprefix(_THIN)), Side(
            sides[1].plain, sides[1].latex.removeprefix(_THIN)
        )

    def in_parts(self) -> Tensor:
        """The derivative over inputs and stand-ins of parts: the forward sweep seeded with every direction at once."""
        tangents: dict[Input, Tensor] = {self._wrt: identity_seed(self._wrt.shape, self._wrt.dtype)}
        for part in self._program.parts:
            variables = [v for v in part.partials if v in tangents]
            seeds = [tangents[v] for v in variables]
            tangents[part.stand_in] = pushforward([part.definition], variables, seeds, seed_shape=self._wrt.shape)[0]
        return shown(tangents[self._program.output.stand_in])


def differentials_last(notation: Notation, names: set[Notation]) -> Notation:
    """``2 u du``, not ``2 du u``: in products what holds a differential stands last, and an inner product ends in it."""

    def moved(item: Notation) -> Notation:
        changes: dict[str, Notation | tuple[Notation, ...]] = {}
        for part in fields(item):
            value = getattr(item, part.name)
            if isinstance(value, Notation):
                changes[part.name] = moved(value)
            elif isinstance(value, tuple) and value and all(isinstance(v, Notation) for v in value):
                changes[part.name] = tuple(moved(v) for v in value)
        changed = replace(item, **changes) if changes else item
        if isinstance(changed, n.Product):
            return replace(changed, numerator=tuple(sorted(changed.numerator, key=holds)))
        if isinstance(changed, n.Hadamard):
            return replace(changed, numerator=tuple(sorted(changed.numerator, key=holds)))
        if isinstance(changed, n.MatrixProduct) and changed.scalar and holds(changed.factors[0]):
            return replace(changed, factors=tuple(m.transposed(f) for f in reversed(changed.factors)))
        return changed

    def holds(item: Notation) -> bool:
        return item in names or any(holds(part) for part in item.parts)

    return moved(notation)
