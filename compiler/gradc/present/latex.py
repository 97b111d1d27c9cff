"""Notation as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction

from gradc.ir.scalar import NamedConstant, NumberValue
from gradc.present import notation as n
from gradc.present.functions import row_of
from gradc.present.matrix_algebra import is_array
from gradc.present.notation import Name, Notation
from gradc.present.symbols import in_bold
from gradc.present.writer import Binding, Text, Writer, decimal, numerator_and_denominator

_RELATIONS = {
    "less": "<",
    "less_equal": r"\le",
    "greater": ">",
    "greater_equal": r"\ge",
    "equal": "=",
    "not_equal": r"\ne",
    "in": r"\in",
}
_TURNED = {"less": "greater", "less_equal": "greater_equal", "greater": "less", "greater_equal": "less_equal"}
#: Functions that take a symbol without parentheses.
_NAMED = frozenset("sin cos tan sinh cosh tanh arcsin arccos arctan log".split())
_LOGIC = {"and": r" \land ", "or": r" \lor "}
_BIG = {
    "sum": r"\sum",
    "prod": r"\prod",
    "max": r"\max",
    "min": r"\min",
    "argmax": r"\operatorname*{arg\,max}",
    "argmin": r"\operatorname*{arg\,min}",
    "any": r"\bigvee",
    "all": r"\bigwedge",
}
_CONSTANTS = {"pi": r"\pi", "e": "e", "euler_gamma": r"\gamma"}
#: Where a template holds an argument.
_HOLE = re.compile(r"\{(\d)\}")
#: An exponential of a larger argument is written with \exp.
_LARGEST_EXPONENT = 14


class LatexWriter(Writer):
    """Writes LaTeX."""

    def parenthesised(self, written: Text) -> Text:
        """In parentheses that grow with their content."""
        if written.tall:
            return Text(rf"\left({written.text}\right)", Binding.ATOM, True)
        return Text(f"({written.text})")

    def __init__(self, symbols: Iterable[Name] = (), bold: bool = False) -> None:
        """``symbols`` are those of the page: no function is written with one of them. Arrays may be ``bold``."""
        self._taken = frozenset(name.latex for name in symbols)
        self._bold = bold

    def function_name(self, name: str) -> str:
        r"""How a function is written: ``\sigma``, but in words where sigma is somebody's standard deviation."""
        latex = row_of(name).latex
        return rf"\operatorname{{{name}}}" if latex in self._taken else latex

    # ------------------------------------------------------------ atoms

    def _literal(self, node: n.Literal) -> Text:
        return self.number(node.value)

    def number(self, value: NumberValue) -> Text:
        """A number."""
        if isinstance(value, NamedConstant):
            return Text(_CONSTANTS.get(value.name, rf"\mathrm{{{value.name}}}"))
        if isinstance(value, bool):
            return Text(str(int(value)))
        if isinstance(value, complex):
            return self._complex(value)
        if value < 0:
            positive = self.number(-value)
            return Text("-" + positive.text, Binding.SUM, positive.tall)
        if isinstance(value, Fraction):
            return Text(rf"\frac{{{value.numerator}}}{{{value.denominator}}}", Binding.PRODUCT, True)
        if isinstance(value, float):
            return self._float(value)
        return Text(str(value))

    @staticmethod
    def _float(value: float) -> Text:
        if value != value:
            return Text(r"\mathrm{NaN}")
        if value == float("inf"):
            return Text(r"\infty")
        mantissa, _, exponent = decimal(value).partition("e")
        if not exponent:
            return Text(mantissa)
        if mantissa == "1":
            return Text(rf"10^{{{int(exponent)}}}", Binding.POWER)
        return Text(rf"{mantissa} \cdot 10^{{{int(exponent)}}}", Binding.PRODUCT)

    def _complex(self, value: complex) -> Text:
        real, imaginary = decimal(value.real), decimal(abs(value.imag))
        unit = "i" if imaginary == "1" else f"{imaginary} i"
        if value.real == 0:
            return Text(("-" if value.imag < 0 else "") + unit, Binding.SUM if value.imag < 0 else Binding.PRODUCT)
        return Text(f"{real} {'-' if value.imag < 0 else '+'} {unit}", Binding.SUM)

    def _name(self, node: n.Name) -> Text:
        if node.latex.startswith(r"\frac"):
            return Text(node.latex, Binding.PRODUCT, True)
        latex = in_bold(node.latex) if self._bold and node.rank and not node.integer else node.latex
        return Text(latex, Binding.POWER if "^" in latex else Binding.ATOM)

    def _stepped(self, node: n.Stepped) -> Text:
        if not node.raised:
            return self._entry(n.Entry(node.stem, node.steps))
        base = self._name(node.stem).text
        written = (self.text(step) for step in node.steps)
        steps = ",".join(step if "\\" in step else step.replace(" ", "") for step in written)
        return Text(rf"{{{base}}}^{{({steps})}}" if "^" in base else f"{base}^{{({steps})}}", Binding.POWER)

    def _trajectory(self, node: n.Trajectory) -> Text:
        return self._stepped(replace(node.state, steps=(*node.state.steps, n.Name(r"\cdot", ":"))))

    def _entry(self, node: n.Entry) -> Text:
        if isinstance(node.base, n.Stepped) and not node.base.raised:
            return self._entry(n.Entry(node.base.stem, (*node.base.steps, *node.indices)))
        base = self.write(
            replace(node.base, rank=0) if isinstance(node.base, n.Name) else node.base
        )  # a number: not bold
        indices = [self.text(i) for i in node.indices]
        separator = "" if all(re.fullmatch(r"[a-z]", i) for i in indices) else ","
        plain_name = isinstance(node.base, n.Name) and not node.base.subscripted
        written = base.text if plain_name else self.parenthesised(base).text
        raised = isinstance(node.base, n.Stepped)
        return Text(f"{written}_{{{separator.join(indices)}}}", Binding.POWER if raised else Binding.ATOM)

    # ------------------------------------------------------------ arithmetic

    def _sum(self, node: n.Sum) -> Text:
        pieces: list[str] = []
        tall = False
        for position, term in enumerate(node.terms):
            negative, positive = n.split_sign(term)
            last = position == len(node.terms) - 1
            written = self.enclosed(positive, Binding.BIG)
            if _ends_big(positive, kinds=("max", "min", "any", "all")) and not last:
                written = self.parenthesised(written)
            tall = tall or written.tall
            sign = "-" if negative else "+"
            pieces.append(f" {sign} " if pieces else ("-" if negative else ""))
            pieces.append(written.text)
        return Text("".join(pieces), Binding.SUM, tall)

    def _product(self, node: n.Product) -> Text:
        negative, positive = n.split_sign(node)
        if negative:
            written = self.enclosed(positive, Binding.BIG)
            return Text("-" + written.text, Binding.SUM, written.tall)
        over, under = numerator_and_denominator(node.coefficient)
        if not node.denominator:
            if under != 1 and all(_is_plain_factor(f) for f in node.numerator):
                top = self._joined([self.number(over)] if over != 1 else [], node.numerator)
                return Text(rf"\frac{{{top.text}}}{{{under}}}", Binding.PRODUCT, True)
            constants = [f for f in node.numerator if isinstance(f, n.Literal)] if under != 1 else []
            if constants:
                top = self._joined([self.number(over)] if over != 1 else [], constants)
                front = [Text(rf"\frac{{{top.text}}}{{{under}}}", Binding.PRODUCT, True)]
            else:
                front = [self.number(node.coefficient)] if node.coefficient != 1 else []
            return self._joined(front, [f for f in node.numerator if f not in constants])
        *scalars, last = node.numerator or (n.ONE,)
        if scalars and is_array(last) and not any(isinstance(f, n.Reduction) for f in scalars):
            tall = [last]
        else:
            tall = [f for f in node.numerator if _stands_beside(f)]
        flat = [f for f in node.numerator if f not in tall]
        top_front = [self.number(over)] if over != 1 or not flat else []
        top = self._joined(top_front, flat)
        bottom = self._joined([self.number(under)] if under != 1 else [], node.denominator)
        fraction = Text(rf"\frac{{{top.text}}}{{{bottom.text}}}", Binding.PRODUCT, True)
        return self._joined([fraction], tall) if tall else fraction

    def _joined(self, front: Sequence[Text], factors: Sequence[Notation]) -> Text:
        r"""Factors side by side; \cdot where two numbers would run together."""
        alone = len(front) + len(factors) == 1
        written = list(front)
        for position, factor in enumerate(factors):
            last = position == len(factors) - 1
            least = Binding.RELATION if alone else Binding.BIG if last else Binding.PRODUCT
            item = self.enclosed(factor, least)
            if _is_short_call(factor) and not last and not _opens_with_name(factors[position + 1]):
                item = self._with_parentheses(factor)
            number = isinstance(factor, n.MatrixProduct) and factor.scalar
            if (_ends_big(factor) or number) and not last and item.binding < Binding.ATOM:
                item = self.parenthesised(item)
            written.append(item)
        text = written[0].text if written else "1"
        for item in written[1:]:
            collide = text[-1:].isdigit() or re.search(r"\\cdot 10\^\{-?\d+\}$", text)
            text += (r" \cdot " if collide and item.text[:1].isdigit() else " ") + item.text
        if alone:
            return Text(text, written[0].binding, written[0].tall)
        big = bool(factors) and _ends_big(factors[-1])
        return Text(text, Binding.BIG if big else Binding.PRODUCT, any(w.tall for w in written))

    def _power(self, node: n.Power) -> Text:
        exponent = self._exponent(node.exponent)
        base = node.base
        if isinstance(base, n.Function):
            row = row_of(base.name)
            if row.raised and n.is_literal(node.exponent) and not exponent.startswith("-"):
                return self._called(rf"{self.function_name(base.name)}^{{{exponent}}}", base.arguments)
            if base.name == "cbrt":
                return Text(rf"\sqrt[3]{{{self.text(n.Power(base.arguments[0], node.exponent))}}}", Binding.ATOM, True)
        written = self.enclosed(base, Binding.ATOM)
        return Text(f"{written.text}^{{{exponent}}}", Binding.POWER, written.tall)

    def _exponent(self, node: Notation) -> str:
        if isinstance(node, n.Literal) and isinstance(node.value, Fraction):
            return f"{node.value.numerator}/{node.value.denominator}"
        return self.text(node)

    def _root(self, node: n.Root) -> Text:
        degree = "" if node.degree == 2 else f"[{node.degree}]"
        inner = self.write(node.base)
        return Text(rf"\sqrt{degree}{{{inner.text}}}", Binding.ATOM, inner.tall)

    # ------------------------------------------------------------ functions and big operators

    def _function(self, node: n.Function) -> Text:
        if node.name == "exp":
            return self._exponential(node)
        row = row_of(node.name)
        if "{0}" not in row.latex:
            return self._called(self.function_name(node.name), node.arguments)
        infix = row.latex.startswith("{0}")
        inner = [self.enclosed(a, Binding.POWER) if infix else self.write(a) for a in node.arguments]
        text = row.latex
        if not any(a.tall for a in inner):
            text = text.replace(r"\left", "").replace(r"\right", "")
        text = _HOLE.sub(lambda hole: inner[int(hole[1])].text if int(hole[1]) < len(inner) else hole[0], text)
        binding = Binding.ATOM if text.startswith(("|", "\\")) else Binding.PRODUCT
        if row.latex.endswith("^{2}"):
            binding = Binding.POWER
        return Text(text, binding, any(a.tall for a in inner))

    def _called(self, name: str, arguments: Sequence[Notation], short: bool = True) -> Text:
        if short and name.lstrip("\\").partition("^")[0] in _NAMED and _is_symbol(arguments):
            return Text(f"{name} {self.text(arguments[0])}", Binding.PRODUCT)
        inner = [self.write(a) for a in arguments]
        listed = Text(", ".join(a.text for a in inner), Binding.RELATION, any(a.tall for a in inner))
        return Text(name + self.parenthesised(listed).text, Binding.ATOM, listed.tall)

    def _with_parentheses(self, node: Notation) -> Text:
        r"""A function or its power with its argument in parentheses: ``\sin(x) y``."""
        function, exponent = (
            (node.base, f"^{{{self._exponent(node.exponent)}}}") if isinstance(node, n.Power) else (node, "")
        )
        assert isinstance(function, n.Function)
        return self._called(self.function_name(function.name) + exponent, function.arguments, short=False)

    def _exponential(self, node: n.Function) -> Text:
        (argument,) = node.arguments
        if (
            n.size(argument) > _LARGEST_EXPONENT
            or is_array(argument)
            or any(isinstance(p, n.Reduction) for p in n.walk(argument))
        ):
            return self._called(r"\exp", node.arguments)
        return Text(f"e^{{{self._in_one_line(argument)}}}", Binding.POWER)

    def _in_one_line(self, node: Notation) -> str:
        """An exponent, its fraction with a slash where both parts are short: ``-x^{2}/2``."""
        negative, positive = n.split_sign(node)
        if isinstance(positive, n.Product):
            over, under = numerator_and_denominator(positive.coefficient)
            parts = [*positive.numerator, *positive.denominator]
            sums = [p for p in parts if isinstance(p, n.Sum)]
            flat = all(_fits_a_line(p) for p in parts) and not (sums and len(parts) > 1 and sums[0] is parts[0])
            if flat and (under != 1 or positive.denominator):
                top = self._joined(
                    [self.number(over)] if over != 1 or not positive.numerator else [], positive.numerator
                )
                below = self._joined([self.number(under)] if under != 1 else [], positive.denominator)
                several = (under != 1) + len(positive.denominator) > 1
                top = self.parenthesised(top) if top.binding < Binding.BIG else top
                below = self.parenthesised(below) if several or below.binding < Binding.BIG else below
                return ("-" if negative else "") + f"{top.text}/{below.text}"
        return self.text(node)

    def _reduction(self, node: n.Reduction) -> Text:
        letters = ",".join(x.latex for x in node.letters)
        under, over = letters, ""
        if node.condition is not None:
            condition = node.condition
            evident = isinstance(condition, n.Relation) and (condition.left,) == node.letters
            under = self.text(condition) if evident else rf"{letters} \,:\, {self.text(condition)}"
        elif node.last and len(node.letters) == 1:
            under = f"{letters}=0"
            over = f"^{{{self.text(node.last[0])}}}"
        body = self.enclosed(node.body, Binding.BIG)
        return Text(f"{_BIG[node.kind]}_{{{under}}}{over} {body.text}", Binding.BIG, True)

    # ------------------------------------------------------------ conditions

    def _relation(self, node: n.Relation) -> Text:
        left, right = self.write(node.left), self.write(node.right)
        text = f"{left.text} {_RELATIONS[node.name]} {right.text}"
        return Text(text, Binding.RELATION, left.tall or right.tall)

    def _logic(self, node: n.Logic) -> Text:
        if node.name == "not" and isinstance(node.arguments[0], n.Relation):
            turned = n.opposite(node.arguments[0])
            if turned != node:
                return self.write(turned)
        if node.name == "not":
            return Text(rf"\lnot {self.parenthesised(self.write(node.arguments[0])).text}")
        between = _between(node)
        if between is not None:
            low, middle, high = (self.write(part) for part in (between[0].left, between[0].right, between[1].right))
            first, second = (_RELATIONS[relation.name] for relation in between)
            text = f"{low.text} {first} {middle.text} {second} {high.text}"
            return Text(text, Binding.RELATION, low.tall or middle.tall or high.tall)
        tall = any(self.write(a).tall for a in node.arguments)
        return Text(_LOGIC[node.name].join(self._condition(a) for a in node.arguments), Binding.RELATION, tall)

    def _condition(self, node: Notation) -> str:
        written = self.write(node)
        return self.parenthesised(written).text if isinstance(node, n.Logic) and node.name != "not" else written.text

    def _bracket(self, node: n.Bracket) -> Text:
        inner = self.write(node.condition)
        return Text(rf"\left[{inner.text}\right]" if inner.tall else f"[{inner.text}]", Binding.ATOM, inner.tall)

    def _cases(self, node: n.Cases) -> Text:
        rows = []
        for position, value in enumerate(node.values):
            holds = position < len(node.conditions)
            condition = rf"\text{{if }} {self.text(node.conditions[position])}" if holds else r"\text{otherwise}"
            rows.append(f"{self.text(value)} & {condition}")
        return Text(r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}", Binding.PRODUCT, True)

    # ------------------------------------------------------------ matrices

    def _array(self, node: n.Array) -> Text:
        rows = [" & ".join(self.text(entry) for entry in row) for row in node.rows]
        return Text(r"\begin{pmatrix} " + r" \\ ".join(rows) + r" \end{pmatrix}", Binding.ATOM, True)

    def _matrix_product(self, node: n.MatrixProduct) -> Text:
        written = [self.enclosed(f, Binding.POWER) for f in node.factors]
        return Text(" ".join(w.text for w in written), Binding.PRODUCT, any(w.tall for w in written))

    def _transposed(self, node: n.Transposed) -> Text:
        if isinstance(node.base, n.Stepped) and node.base.raised:
            return Text(self.text(node.base).removesuffix("}") + r"\top}", Binding.POWER)
        written = self.enclosed(node.base, Binding.ATOM)
        return Text(rf"{written.text}^\top", Binding.POWER, written.tall)

    def _inverse(self, node: n.Inverse) -> Text:
        turned = isinstance(node.base, n.Transposed)
        written = self.enclosed(node.base.base if isinstance(node.base, n.Transposed) else node.base, Binding.ATOM)
        return Text(written.text + (r"^{-\top}" if turned else "^{-1}"), Binding.POWER, written.tall)

    def _hadamard(self, node: n.Hadamard) -> Text:
        written = [self.enclosed(f, Binding.NEGATIVE) for f in node.numerator]
        text = r" \odot ".join(w.text for w in written) or r"\mathbf{1}"
        for factor in node.denominator:
            text += rf" \oslash {self.enclosed(factor, Binding.NEGATIVE).text}"
        return Text(text, Binding.PRODUCT, any(w.tall for w in written))

    def _entrywise_power(self, node: n.EntrywisePower) -> Text:
        written = self.enclosed(node.base, Binding.ATOM)
        return Text(rf"{written.text}^{{\odot {self.text(node.exponent)}}}", Binding.POWER, written.tall)

    def _ones(self, node: n.Ones) -> Text:
        return Text(r"\mathbf{1}")

    def _identity(self, node: n.Identity) -> Text:
        return Text("I")

    def _ellipsis(self, node: n.Ellipsis) -> Text:
        return Text(rf"\cdots \text{{({node.words})}}")


LatexWriter.rows = {
    n.Literal: LatexWriter._literal,
    n.Name: LatexWriter._name,
    n.Stepped: LatexWriter._stepped,
    n.Trajectory: LatexWriter._trajectory,
    n.Entry: LatexWriter._entry,
    n.Sum: LatexWriter._sum,
    n.Product: LatexWriter._product,
    n.Power: LatexWriter._power,
    n.Root: LatexWriter._root,
    n.Function: LatexWriter._function,
    n.Reduction: LatexWriter._reduction,
    n.Relation: LatexWriter._relation,
    n.Logic: LatexWriter._logic,
    n.Bracket: LatexWriter._bracket,
    n.Cases: LatexWriter._cases,
    n.Array: LatexWriter._array,
    n.MatrixProduct: LatexWriter._matrix_product,
    n.Transposed: LatexWriter._transposed,
    n.Inverse: LatexWriter._inverse,
    n.Hadamard: LatexWriter._hadamard,
    n.EntrywisePower: LatexWriter._entrywise_power,
    n.Ones: LatexWriter._ones,
    n.Identity: LatexWriter._identity,
    n.Ellipsis: LatexWriter._ellipsis,
}


def _is_symbol(arguments: Sequence[Notation]) -> bool:
    r"""Whether a function is written without parentheses: ``\sin x``, ``\log 2``."""
    if len(arguments) != 1:
        return False
    (argument,) = arguments
    if isinstance(argument, n.Literal):
        return isinstance(argument.value, NamedConstant) or (isinstance(argument.value, int) and argument.value >= 0)
    return isinstance(argument, n.Name) and argument.rank == 0 and not argument.latex.startswith(r"\mathrm")


def _is_short_call(node: Notation) -> bool:
    function = node.base if isinstance(node, n.Power) and n.is_literal(node.exponent) else node
    return isinstance(function, n.Function) and function.name in _NAMED and _is_symbol(function.arguments)


def _opens_with_name(node: Notation) -> bool:
    r"""Whether a print starts with the name of a function, so that ``\sin x`` may stand before it."""
    function = node.base if isinstance(node, n.Power) and n.is_literal(node.exponent) else node
    return isinstance(function, n.Function) and function.name in _NAMED


def _is_plain_factor(node: Notation) -> bool:
    """Whether a factor may stand in the numerator over a number: a number, or a power or function of numbers."""
    if isinstance(node, n.Power):
        return _is_plain_factor(node.base) and not isinstance(node.base, n.Function)
    if isinstance(node, n.Root):
        return _is_plain_factor(node.base)
    if isinstance(node, n.Name):
        return node.rank == 0
    return isinstance(node, n.Literal) or (isinstance(node, n.Function) and _is_short_call(node))


def _fits_a_line(node: Notation) -> bool:
    """Whether a part of an exponent can stand beside a slash: no fraction, big operator or array in it."""
    for part in n.walk(node):
        if isinstance(part, n.Product) and (part.denominator or isinstance(part.coefficient, Fraction)):
            return False
        if not isinstance(part, n.Name | n.Literal | n.Power | n.Product | n.Sum | n.Entry | n.Function | n.Root):
            return False
    return n.size(node) <= 12


def _between(node: n.Logic) -> tuple[n.Relation, n.Relation] | None:
    """``a < x and x < b`` as its two relations in that order."""
    if node.name != "and" or len(node.arguments) != 2:
        return None
    upward: list[n.Relation] = []
    for item in node.arguments:
        if not isinstance(item, n.Relation) or item.name not in _TURNED:
            return None
        falling = item.name in ("greater", "greater_equal")
        upward.append(n.Relation(_TURNED[item.name], item.right, item.left) if falling else item)
    for low, high in (upward, upward[::-1]):
        if low.right == high.left and not isinstance(low.right, n.Literal):
            return low, high
    return None


def _ends_big(node: Notation, kinds: Collection[str] = tuple(_BIG)) -> bool:
    """Whether the print ends in a big operator of these kinds, which would swallow what follows.

    A sum or product sign reaches to the next plus or minus, as in the books; max reaches on.
    """
    if isinstance(node, n.Reduction):
        return node.kind in kinds
    return isinstance(node, n.Product) and bool(node.numerator) and _ends_big(node.numerator[-1], kinds)


def _stands_beside(node: Notation) -> bool:
    """Whether a factor is better beside a fraction than in its numerator."""
    if isinstance(node, n.Reduction | n.Cases | n.Array | n.Hadamard | n.Identity | n.Ones):
        return True
    if isinstance(node, n.Function):
        return node.name in ("squared_norm", "frobenius", "tr")
    if isinstance(node, n.Sum):
        return n.size(node) > 24 or any(isinstance(p, n.Reduction | n.MatrixProduct) for p in n.walk(node))
    return isinstance(node, n.MatrixProduct)
