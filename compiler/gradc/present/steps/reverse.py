"""The reverse-mode telling: local derivatives multiplied along the paths from the output back to the inputs."""

from __future__ import annotations

from gradc.ir.algebra import Substitution, reindexed, sum_of
from gradc.ir.algebra import product_of as scalar_product
from gradc.ir.build import as_tensor
from gradc.ir.rewrite import replace_tensors
from gradc.ir.scalar import index, load, number
from gradc.ir.tensor import Compute, Input, Tensor, compute, input_tensor
from gradc.ir.walk import loads_of
from gradc.present.notation import Name
from gradc.present.page import printed_length
from gradc.present.steps import rules
from gradc.present.steps.derivation import Line, Side
from gradc.present.steps.parts import Part, Partial, Program, shown
from gradc.present.steps.points import LARGEST_ARRAY, Points
from gradc.present.steps.scribe import Factor, Indices, Scribe, added, entry_of, has_ones, product_of, quotient, summed
from gradc.simplify.brackets import summed as summed_out

#: A derivative that is longer is kept as a symbol in those that follow.
_LONGEST_CARRIED = 14


class Reverse:
    """Tells the reverse sweep of a program."""

    def __init__(self, program: Program, scribe: Scribe, points: Points, brackets: bool, straight: bool) -> None:
        self._program, self._scribe, self._points = program, scribe, points
        #: whether entries that depend on one entry alone are written with a bracket, which the chain rule eliminates
        self._brackets = brackets
        self._output = program.output
        self._straight = straight
        self._seeds = self._output.tensor.rank
        self._letters: Indices = scribe.letters(self._seeds)
        #: the derivative of the output by each variable, over inputs and stand-ins, and as it goes into those before it
        self.adjoints: dict[Input, Tensor] = {}
        self._carried: dict[Input, Tensor] = {}
        self._bars: dict[Input, Name] = {}
        #: the same by the whole function, to compare with
        self.truths = program.derivatives(points, [*[part.stand_in for part in program.inner], *program.wrt])

    # ------------------------------------------------------------ local derivatives

    def local_lines(self) -> list[Line]:
        """The derivative of every part by each of its variables, the output's first."""
        found = []
        for part in reversed(self._program.told):
            for variable, partial in part.partials.items():
                found.append(self._local(part, variable, partial))
        return found

    def _local(self, part: Part, variable: Input, partial: Partial) -> Line:
        check = self._points.derivative(part.definition, variable, partial.whole)
        rank = part.tensor.rank
        letters = self._scribe.letters(rank + variable.rank)
        if partial.diagonal is not None and not self._brackets:
            own = letters[:rank]
            left = self._quotient(part, variable, own, own)
            value = self._scribe.entry(partial.diagonal, own)
        else:
            left = self._quotient(part, variable, letters[:rank], letters[rank:])
            value = self._scribe.entry(partial.whole, letters)
        rule = rules.rules_of(part.definition, variable, part.partials)
        return Line((left, self._scribe.side(value)), rule, check)

    def _name_of(self, variable: Input) -> Name:
        return self._program.symbols[variable]

    def _quotient(self, part: Part, variable: Input, rows: Indices, columns: Indices) -> Side:
        """``d part / d variable``; what else of the part depends on the variable is held fixed."""
        held: list[Side] = []
        if len(part.partials) > 1:
            above = self._reaching(variable)
            held = [self._scribe.side(self._name_of(v)) for v in part.partials if v is not variable and v in above]
        names = self._scribe.named(part.name, rows), self._scribe.named(self._name_of(variable), columns)
        return quotient(names[0], [names[1]], held, self._straight)

    def _reaching(self, variable: Input) -> set[Input]:
        """The stand-ins of parts that depend on a variable."""
        reached = {variable}
        for part in self._program.parts:
            if any(v in reached for v in part.partials):
                reached.add(part.stand_in)
        return reached

    # ------------------------------------------------------------ the sweep

    def chain_lines(self) -> list[Line]:
        """The derivative of the output by each variable, from the output back."""
        lines: list[Line] = []
        variables = [part.stand_in for part in reversed(self._program.inner)] + list(self._program.wrt)
        for variable in variables:
            consumers = sorted(self._program.consumers(variable), key=lambda part: part is not self._output)
            if not consumers:
                self.adjoints[variable] = self._carried[variable] = self._zero(variable)
                continue
            self._sweep_to(variable, consumers)
            if consumers == [self._output]:  # its local derivative says it all
                self._carried[variable] = self._carry(variable, told=True)
                continue
            lines.append(self._line(variable, consumers))
        return lines

    def _sweep_to(self, variable: Input, consumers: list[Part]) -> None:
        terms = [shown(self._contribution(part, variable)) for part in consumers]
        self.adjoints[variable] = terms[0] if len(terms) == 1 else _total(terms)

    def _zero(self, variable: Input) -> Tensor:
        return compute((*self._output.tensor.shape, *variable.shape), number(0, variable.dtype))

    def _contribution(self, part: Part, variable: Input) -> Tensor:
        """What one path adds, its brackets eliminated."""
        partial = part.partials[variable]
        return partial.whole if part is self._output else self._contribution_of(part, variable, partial)

    def _contribution_of(self, part: Part, variable: Input, partial: Partial) -> Tensor:
        if partial.diagonal is not None:
            seeds, rank = self._seeds, variable.rank
            own = [index(seeds + k) for k in range(rank)]
            shape = (*self._output.tensor.shape, *variable.shape)
            carried = load(self._carried[part.stand_in], [index(k) for k in range(seeds + rank)])
            return compute(shape, scalar_product(carried, load(partial.diagonal, own)))
        product = self._contracted(part, variable, partial)
        if partial.whole.rank and isinstance(partial.whole, Compute) and not partial.whole.reducer:
            body = Substitution(
                {
                    item: reindexed(partial.whole.body, item.indices)
                    for item in loads_of(product.body)
                    if item.tensor is partial.whole
                }
            )(product.body)
            value = summed_out(product.shape, product.reduce_extents, body)
            return as_tensor(product.shape, value)
        return product

    def _line(self, variable: Input, consumers: list[Part]) -> Line:
        rank = variable.rank
        columns = self._scribe.letters(rank, skip=self._seeds)
        symbolic: list[Side] = []
        products: list[Side] = []
        sums: list[Tensor] = []
        for part in consumers:
            words, numbers, tensor = self._term(part, variable, columns)
            symbolic.append(words)
            products.append(numbers)
            sums.append(tensor)
        value = self.adjoints[variable]
        left = self._adjoint_name(variable, columns)
        sides = [left, added(symbolic), added(products)]
        entry = self._scribe.side(self._scribe.entry(value, (*self._letters, *columns)))
        sides.append(entry)
        truth = self.truths[variable]
        check = self._points.equal([value, truth, _total(sums)])
        self._carried[variable] = self._carry(variable)
        rule = rules.CHAIN if len(consumers) == 1 else f"{rules.CHAIN}, {rules.PATHS}"
        if any(p.partials[variable].diagonal is not None and p is not self._output for p in consumers):
            rule += f", {rules.BRACKETS}" if self._brackets else ""
        whole = self._whole(variable, value, entry)
        carried = self._carried[variable]
        if isinstance(carried, Input) and carried in self._bars:
            sides.insert(0, self._scribe.named(self._bars[carried], (*self._letters, *columns)))
        return Line(_without_repeats([*sides, *whole]), rule, check)

    def _whole(self, variable: Input, value: Tensor, entry: Side) -> list[Side]:
        """The whole derivative in matrix notation, behind its entry."""
        if value.rank == 0 or variable.rank == 0 or self._seeds:
            return []
        matrix = self._scribe.whole(value)
        if matrix is None:
            return []
        side = self._scribe.side(matrix)
        if side.plain in entry.plain or has_ones(matrix):
            return []
        return [entry_of(side, self._scribe.letters(variable.rank))]

    def _term(self, part: Part, variable: Input, columns: Indices) -> tuple[Side, Side, Tensor]:
        """One path: in symbols, with its local derivatives put in, and as a tensor."""
        partial = part.partials[variable]
        if part is self._output:
            left = self._quotient(part, variable, self._letters, columns)
            entry = self._scribe.factor(self._scribe.entry(partial.whole, (*self._letters, *columns), columns))
            return left, product_of([entry]), partial.whole
        skip = self._seeds + variable.rank
        own = partial.diagonal if not self._brackets else None
        rows = columns if own is not None else self._scribe.letters(part.tensor.rank, skip=skip)
        beside = (*self._letters, *rows, *columns)
        local = (
            self._scribe.entry(own, columns, beside)
            if own is not None
            else self._scribe.entry(partial.whole, (*rows, *columns), beside)
        )
        carried = self._scribe.entry(self._carried[part.stand_in], (*self._letters, *rows), beside)
        factors = [self._scribe.factor(carried), self._scribe.factor(local)]
        symbols = [
            Factor(self._adjoint_name(part.stand_in, rows)),
            Factor(self._quotient(part, variable, rows, columns)),
        ]
        letters = () if own is not None else rows
        return (
            summed(product_of(symbols), letters),
            summed(product_of(factors), letters),
            self._product(part, variable, partial),
        )

    def _product(self, part: Part, variable: Input, partial: Partial) -> Tensor:
        """What is compared: the product as it is written, or without its brackets where it has too many terms."""
        terms = self._points.volume((*self._output.tensor.shape, *partial.whole.shape))
        return (self._contracted if terms <= LARGEST_ARRAY else self._contribution_of)(part, variable, partial)

    def _contracted(self, part: Part, variable: Input, partial: Partial) -> Compute:
        """``sum_k adjoint[o, k] partial[k, a]``, as it is written before anything is simplified."""
        seeds, inner, rank = self._seeds, part.tensor.rank, variable.rank
        shape = (*self._output.tensor.shape, *variable.shape)
        rows = [index(seeds + rank + k) for k in range(inner)]
        left = load(self._carried[part.stand_in], [*[index(k) for k in range(seeds)], *rows])
        right = load(partial.whole, [*rows, *[index(seeds + k) for k in range(rank)]])
        body = scalar_product(left, right)
        if not inner:
            return compute(shape, body)
        return compute(shape, body, reduce_extents=part.tensor.shape, reducer="sum")

    # ------------------------------------------------------------ names of derivatives

    def _adjoint_name(self, variable: Input, columns: Indices) -> Side:
        above = self._scribe.named(self._output.name, self._letters)
        return quotient(above, [self._scribe.named(self._name_of(variable), columns)], straight=self._straight)

    def _carry(self, variable: Input, told: bool = False) -> Tensor:
        """The derivative as later lines use it: written out while it is short, else a symbol."""
        value = self.adjoints[variable]
        letters = self._scribe.letters(value.rank)
        if printed_length(self._scribe.entry(value, letters)) <= _LONGEST_CARRIED or variable in self._program.wrt:
            return value
        name = self._name_of(variable)
        stand_in = input_tensor(f"the adjoint of {name.plain}", value.shape, value.dtype)
        self._bars[stand_in] = Name(rf"\bar{{{name.latex}}}", f"{name.plain}_bar", value.rank)
        self._scribe.names[stand_in] = self._bars[stand_in]
        self._points.define({stand_in: self.truths[variable]})
        return stand_in

    def in_parts(self, variable: Input) -> Tensor:
        """The derivative by a variable over inputs and stand-ins of parts, adjoints that are symbols written out."""
        meaning: dict[Tensor, Tensor] = {}
        for inner, carried in self._carried.items():
            if isinstance(carried, Input) and carried in self._bars:
                (meaning[carried],) = replace_tensors([self.adjoints[inner]], meaning)
        return replace_tensors([self.adjoints[variable]], meaning)[0]

    @property
    def bars(self) -> list[tuple[Name, Side]]:
        """Adjoints that are kept as symbols, with what they stand for."""
        found = []
        for variable, carried in self._carried.items():
            if isinstance(carried, Input) and carried in self._bars:
                found.append((self._bars[carried], self._adjoint_name(variable, ())))
        return found


def _total(tensors: list[Tensor]) -> Tensor:
    if len(tensors) == 1:
        return tensors[0]
    every = [index(k) for k in range(tensors[0].rank)]
    terms = [t.body if isinstance(t, Compute) and t.reducer is None else load(t, every) for t in tensors]
    return compute(tensors[0].shape, sum_of(*terms))


def _without_repeats(sides: list[Side]) -> tuple[Side, ...]:
    kept: list[Side] = []
    for side in sides:
        if all(side.plain.replace(" ", "") != other.plain.replace(" ", "") for other in kept):
            kept.append(side)
    return tuple(kept)


__all__ = ["Reverse"]
