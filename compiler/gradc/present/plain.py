"""Notation as plain text: Python's syntax, with NumPy's spelling of matrix operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from gradc.ir.scalar import NamedConstant
from gradc.present import notation as n
from gradc.present.functions import row_of
from gradc.present.notation import Notation
from gradc.present.writer import Binding, Text, Writer, decimal, numerator_and_denominator

_RELATIONS = {
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "equal": "==",
    "not_equal": "!=",
    "in": "in",
}


class PlainWriter(Writer):
    """Writes plain text."""

    def _literal(self, node: n.Literal) -> Text:
        value = node.value
        if isinstance(value, NamedConstant):
            return Text(value.name)
        if isinstance(value, complex):
            return Text(repr(value))
        if isinstance(value, Fraction):
            return Text(f"{value.numerator}/{value.denominator}", Binding.SUM if value < 0 else Binding.PRODUCT)
        text = decimal(value) if isinstance(value, float) else str(int(value))
        return Text(text, Binding.SUM if value < 0 else Binding.ATOM)

    def _name(self, node: n.Name) -> Text:
        return Text(node.plain)

    def _stepped(self, node: n.Stepped) -> Text:
        return Text(f"{node.plain}[{', '.join(map(self.text, node.steps))}]")

    def _trajectory(self, node: n.Trajectory) -> Text:
        return self._stepped(replace(node.state, steps=(*node.state.steps, n.Name(":", ":"))))

    def _entry(self, node: n.Entry) -> Text:
        if isinstance(node.base, n.Stepped) and not node.base.raised:
            return self._entry(n.Entry(node.base.stem, (*node.base.steps, *node.indices)))
        base = self.enclosed(node.base, Binding.ATOM)
        return Text(f"{base.text}[{', '.join(self.text(i) for i in node.indices)}]")

    def _sum(self, node: n.Sum) -> Text:
        text = ""
        for term in node.terms:
            negative, positive = n.split_sign(term)
            written = self.enclosed(positive, Binding.PRODUCT).text
            sign = "-" if negative else "+"
            text += (f" {sign} " if text else ("-" if negative else "")) + written
        return Text(text, Binding.SUM)

    def _product(self, node: n.Product) -> Text:
        negative, positive = n.split_sign(node)
        if negative:
            return Text("-" + self.enclosed(positive, Binding.PRODUCT).text, Binding.SUM)
        over, under = numerator_and_denominator(node.coefficient)
        top: list[Notation] = [n.Literal(over)] if over != 1 or not node.numerator else []
        if not node.denominator and under != 1 and node.numerator:
            top, under = [n.Literal(node.coefficient)], 1
        bottom: list[Notation] = [n.Literal(under)] if under != 1 else []
        text = self._joined([*top, *node.numerator], "*")
        bottom += node.denominator
        if not bottom:
            return Text(text, Binding.PRODUCT)
        if len(bottom) == 1:
            return Text(f"{text}/{self.enclosed(bottom[0], Binding.POWER).text}", Binding.PRODUCT)
        return Text(f"{text}/({self._joined(bottom, '*')})", Binding.PRODUCT)

    def _joined(self, factors: Sequence[Notation], sign: str) -> str:
        return sign.join(self.enclosed(f, Binding.PRODUCT).text for f in factors)

    def _power(self, node: n.Power) -> Text:
        base, exponent = self.enclosed(node.base, Binding.ATOM), self.enclosed(node.exponent, Binding.ATOM)
        return Text(f"{base.text}**{exponent.text}", Binding.POWER)

    def _root(self, node: n.Root) -> Text:
        if node.degree == 2:
            return Text(f"sqrt({self.text(node.base)})")
        return Text(f"{self.enclosed(node.base, Binding.ATOM).text}**(1/{node.degree})", Binding.POWER)

    def _function(self, node: n.Function) -> Text:
        row = row_of(node.name)
        infix = row.plain.startswith("{0}")
        arguments = [self.enclosed(a, Binding.POWER).text if infix else self.text(a) for a in node.arguments]
        if "{0}" not in row.plain:
            return Text(f"{row.plain}({', '.join(arguments)})")
        text = row.plain
        for position, argument in enumerate(arguments):
            text = text.replace(f"{{{position}}}", argument)
        return Text(
            text, Binding.ATOM if row.plain.endswith(")") else Binding.POWER if "**" in row.plain else Binding.SUM
        )

    def _reduction(self, node: n.Reduction) -> Text:
        clauses = []
        for position, letter in enumerate(node.letters):
            bounds = ""
            if node.stops:
                bounds = f" in range({self.text(node.stops[position])})"
            clauses.append(letter.plain + bounds)
        condition = f" if {self.text(node.condition)}" if node.condition is not None else ""
        return Text(f"{node.kind}({self.text(node.body)} for {', '.join(clauses)}{condition})")

    def _relation(self, node: n.Relation) -> Text:
        return Text(f"{self.text(node.left)} {_RELATIONS[node.name]} {self.text(node.right)}", Binding.RELATION)

    def _logic(self, node: n.Logic) -> Text:
        if node.name == "not":
            return Text(f"not ({self.text(node.arguments[0])})", Binding.RELATION)
        return Text(f" {node.name} ".join(self._condition(a) for a in node.arguments), Binding.RELATION)

    def _condition(self, node: Notation) -> str:
        return f"({self.text(node)})" if isinstance(node, n.Logic) else self.text(node)

    def _bracket(self, node: n.Bracket) -> Text:
        return Text(f"[{self.text(node.condition)}]")

    def _cases(self, node: n.Cases) -> Text:
        text = ""
        for value, condition in zip(node.values, node.conditions, strict=False):
            text += f"{self.enclosed(value, Binding.SUM).text} if {self.text(condition)} else "
        last = self.text(node.values[-1]) if len(node.values) > len(node.conditions) else "0"
        return Text(text + last, Binding.RELATION)

    def _array(self, node: n.Array) -> Text:
        rows = [[self.text(entry) for entry in row] for row in node.rows]
        if all(len(row) == 1 for row in rows):
            return Text(f"[{', '.join(row[0] for row in rows)}]")
        return Text("[" + ", ".join(f"[{', '.join(row)}]" for row in rows) + "]")

    def _matrix_product(self, node: n.MatrixProduct) -> Text:
        factors = node.factors
        if node.scalar and factors[0] == n.Transposed(n.Ones()):  # the sum of the entries
            rest = factors[1:-1] if len(factors) > 2 and isinstance(factors[-1], n.Ones) else factors[1:]
            return Text(f"sum({self.text(rest[0] if len(rest) == 1 else n.MatrixProduct(rest))})")
        return Text(" @ ".join(self.enclosed(f, Binding.POWER).text for f in factors), Binding.PRODUCT)

    def _transposed(self, node: n.Transposed) -> Text:
        return Text(f"{self.enclosed(node.base, Binding.ATOM).text}.T")

    def _inverse(self, node: n.Inverse) -> Text:
        return Text(f"inv({self.text(node.base)})")

    def _hadamard(self, node: n.Hadamard) -> Text:
        text = "*".join(self.enclosed(f, Binding.POWER).text for f in node.numerator) or "1"
        for factor in node.denominator:
            text += f"/{self.enclosed(factor, Binding.POWER).text}"
        return Text(text, Binding.PRODUCT)

    def _entrywise_power(self, node: n.EntrywisePower) -> Text:
        return self._power(n.Power(node.base, node.exponent))

    def _ones(self, node: n.Ones) -> Text:
        return Text("ones")

    def _identity(self, node: n.Identity) -> Text:
        return Text("I")

    def _ellipsis(self, node: n.Ellipsis) -> Text:
        return Text(f"... ({node.words})")


PlainWriter.rows = {
    n.Literal: PlainWriter._literal,
    n.Name: PlainWriter._name,
    n.Stepped: PlainWriter._stepped,
    n.Trajectory: PlainWriter._trajectory,
    n.Entry: PlainWriter._entry,
    n.Sum: PlainWriter._sum,
    n.Product: PlainWriter._product,
    n.Power: PlainWriter._power,
    n.Root: PlainWriter._root,
    n.Function: PlainWriter._function,
    n.Reduction: PlainWriter._reduction,
    n.Relation: PlainWriter._relation,
    n.Logic: PlainWriter._logic,
    n.Bracket: PlainWriter._bracket,
    n.Cases: PlainWriter._cases,
    n.Array: PlainWriter._array,
    n.MatrixProduct: PlainWriter._matrix_product,
    n.Transposed: PlainWriter._transposed,
    n.Inverse: PlainWriter._inverse,
    n.Hadamard: PlainWriter._hadamard,
    n.EntrywisePower: PlainWriter._entrywise_power,
    n.Ones: PlainWriter._ones,
    n.Identity: PlainWriter._identity,
    n.Ellipsis: PlainWriter._ellipsis,
}
