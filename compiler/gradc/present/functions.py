r"""How functions are written: one row each. Rows fall back on the op's own ``latex`` field and its name.

``latex`` is a name (``\sin``) that takes its arguments in parentheses, or a template that holds them at ``{0}``,
``{1}``; ``plain`` likewise. A name with ``raised`` carries its powers: ``\sin^{2}(x)``.
"""

from __future__ import annotations

from dataclasses import dataclass

from gradc.ir.scalar import OPS


@dataclass(frozen=True)
class FunctionRow:
    """How one function is written."""

    latex: str
    plain: str
    raised: bool = False


ROWS: dict[str, FunctionRow] = {
    **{
        name: FunctionRow("\\" + name, name, raised=True)
        for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "log")
    },
    "arcsinh": FunctionRow(r"\operatorname{arsinh}", "arcsinh", raised=True),
    "arccosh": FunctionRow(r"\operatorname{arcosh}", "arccosh", raised=True),
    "arctanh": FunctionRow(r"\operatorname{artanh}", "arctanh", raised=True),
    "log2": FunctionRow(r"\log_{2}", "log2"),
    "log10": FunctionRow(r"\log_{10}", "log10"),
    "abs": FunctionRow(r"\left|{0}\right|", "abs"),
    "floor": FunctionRow(r"\left\lfloor {0} \right\rfloor", "floor"),
    "ceil": FunctionRow(r"\left\lceil {0} \right\rceil", "ceil"),
    "cbrt": FunctionRow(r"\sqrt[3]{{0}}", "cbrt"),
    "sign": FunctionRow(r"\operatorname{sign}", "sign"),
    "trunc": FunctionRow(r"\operatorname{trunc}", "trunc"),
    "rint": FunctionRow(r"\operatorname{round}", "rint"),
    "maximum": FunctionRow(r"\max", "maximum"),
    "minimum": FunctionRow(r"\min", "minimum"),
    "floordiv": FunctionRow(r"\left\lfloor {0} / {1} \right\rfloor", "{0} // {1}"),
    "mod": FunctionRow(r"\operatorname{mod}", "{0} % {1}"),
    "bitwise_and": FunctionRow(r"\left({0} \mathbin{\&} {1}\right)", "({0} & {1})"),
    "bitwise_or": FunctionRow(r"\left({0} \mathbin{|} {1}\right)", "({0} | {1})"),
    "bitwise_xor": FunctionRow(r"\left({0} \oplus {1}\right)", "({0} ^ {1})"),
    "left_shift": FunctionRow(r"\left({0} \ll {1}\right)", "({0} << {1})"),
    "right_shift": FunctionRow(r"\left({0} \gg {1}\right)", "({0} >> {1})"),
    "gcd": FunctionRow(r"\gcd", "gcd"),
    "position": FunctionRow("{0}", "{0}"),  # an index into an array, written as it is read
    "conj": FunctionRow(r"\overline{{0}}", "conj"),
    "real": FunctionRow(r"\operatorname{Re}", "real"),
    "imag": FunctionRow(r"\operatorname{Im}", "imag"),
    "kron": FunctionRow(r"{0} \otimes {1}", "kron"),
    "vec": FunctionRow(r"\operatorname{vec}", "vec"),
    "tr": FunctionRow(r"\operatorname{tr}", "trace"),
    "diagonal": FunctionRow(r"\operatorname{diag}", "diag"),  # the vector; ``diag`` is the matrix
    "diag": FunctionRow(r"\operatorname{diag}", "diag"),
    "squared_norm": FunctionRow(r"\left\|{0}\right\|^{2}", "norm({0})**2"),
    "frobenius": FunctionRow(r"\left\|{0}\right\|_{\mathrm{F}}^{2}", "norm({0})**2"),
    "frobenius_norm": FunctionRow(r"\left\|{0}\right\|_{\mathrm{F}}", "norm({0})"),
    "det": FunctionRow(r"\det", "det"),
    "norm": FunctionRow(r"\left\|{0}\right\|", "norm({0})"),
    "max": FunctionRow(r"\max", "max"),
    "min": FunctionRow(r"\min", "min"),
    "reversed": FunctionRow(r"\operatorname{rev}", "flip"),
    "softmax": FunctionRow(r"\operatorname{softmax}", "softmax"),
    "row_softmax": FunctionRow(r"\operatorname{softmax}_{\mathrm{rows}}", "row_softmax"),
    "logsumexp": FunctionRow(r"\operatorname{logsumexp}", "logsumexp"),
}


def row_of(name: str) -> FunctionRow:
    """The row of a function; an op without a row is written upright by its name."""
    row = ROWS.get(name)
    if row is None:
        op = OPS.get(name)
        latex = op.latex if op is not None and isinstance(op.latex, str) else None
        escaped = name.replace("_", r"\_")
        row = ROWS[name] = FunctionRow(latex or rf"\operatorname{{{escaped}}}", name)
    return row


#: What a full statement adds, after their name, about functions that NumPy has no name for.
IDENTITIES = {
    "sigmoid": r"(x) = \frac{1}{1 + e^{-x}}",
    "softplus": r"(x) = \log(1 + e^{x})",
}
