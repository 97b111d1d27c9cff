"""Elementary functions as code of our own, for any number of lanes: `is_inline` says which.

For vectors `template` gives code to be pasted. One lane calls a `routine` of the same operations: its bits don't depend on
where in an array it stands, and scalar code stays short.

The functions of one operand that share work form a family: sine and cosine one reduction, exp and expm1 one polynomial.
What nobody takes of a family is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gradc.ir.scalar import DType
from gradc.lower.mathematics import (
    error_functions,
    exponentials,
    hyperbolic,
    inverse_trigonometric,
    logarithms,
    powers,
    trigonometric,
)
from gradc.lower.mathematics.formula import DOUBLE, SINGLE, Formula, Real
from gradc.lower.module import Template
from gradc.lower.text import llvm_type
from gradc_runtime.engine import engine

Definition = Callable[..., tuple[Real, ...]]


@dataclass(frozen=True)
class Function:
    """An elementary function: one result of a family."""

    family: Definition
    position: int = 0
    #: whether the results of the family come from one routine: they are mostly wanted together
    together: bool = False
    #: of the first operand: its results are further operands, and shared by calls with other second operands
    before: Definition | None = None

    def computed(self, formula: Formula, operands: Sequence[Real]) -> tuple[Real, ...]:
        """All results of the family."""
        further = () if self.before is None else self.before(formula, operands[0])
        return self.family(formula, *operands, *further)


@dataclass(frozen=True)
class Routine:
    """A function for one lane; of several results, a vector."""

    name: str
    text: str
    #: the type of the result
    kind: str
    #: the place of the wanted result, if there are several
    position: int | None
    declarations: tuple[tuple[str, str, tuple[str, ...]], ...]


FUNCTIONS: dict[str, Function] = {
    "exp": Function(exponentials.exponentials),
    "expm1": Function(exponentials.exponentials, 1),
    "exp2": Function(exponentials.exponential_of_two),
    "log": Function(logarithms.logarithm),
    "log1p": Function(logarithms.logarithm_of_one_plus),
    "log2": Function(logarithms.logarithm_to_base("log2")),
    "log10": Function(logarithms.logarithm_to_base("log10")),
    "sin": Function(trigonometric.sine_and_cosine, together=True),
    "cos": Function(trigonometric.sine_and_cosine, 1, together=True),
    "tan": Function(trigonometric.tangent),
    "asin": Function(inverse_trigonometric.arc_sine),
    "acos": Function(inverse_trigonometric.arc_cosine),
    "atan": Function(inverse_trigonometric.arc_tangent),
    "atan2": Function(inverse_trigonometric.arc_tangent_of_two),
    "sinh": Function(hyperbolic.hyperbolic_sine_and_cosine, together=True),
    "cosh": Function(hyperbolic.hyperbolic_sine_and_cosine, 1, together=True),
    "tanh": Function(hyperbolic.hyperbolic_tangent),
    "asinh": Function(hyperbolic.inverse_hyperbolic_sine),
    "acosh": Function(hyperbolic.inverse_hyperbolic_cosine),
    "atanh": Function(hyperbolic.inverse_hyperbolic_tangent),
    "erf": Function(error_functions.error_function),
    "erfc": Function(error_functions.complementary_error_function),
    "cbrt": Function(powers.cube_root),
    "hypot": Function(powers.hypotenuse),
    "pow": Function(powers.power, before=powers.logarithm_of_base),
    "sigmoid": Function(hyperbolic.logistic),
    "softplus": Function(hyperbolic.logistic, 1),
}


def is_inline(name: str, dtype: DType) -> bool:
    """Whether a call of the C library's function becomes code of ours: on machines with fused multiply-add."""
    return name in FUNCTIONS and dtype.str[1:] in ("f8", "f4") and engine().host.has_fma


@lru_cache(maxsize=512)
def template(definition: Definition, arity: int, itemsize: int, lanes: int, vector_bits: int) -> Template:
    """The code of a definition."""
    formula = Formula(DOUBLE if itemsize == 8 else SINGLE, lanes, vector_bits)
    return formula.template(definition(formula, *[formula.operand(position) for position in range(arity)]))


def members(name: str) -> list[str]:
    """The functions whose results come from the routine of this one, in order."""
    function = FUNCTIONS[name]
    if not function.together:
        return [name]
    return [other for other, f in FUNCTIONS.items() if f.family is function.family]


@lru_cache(maxsize=256)
def routine(name: str, arity: int, itemsize: int, lanes: int = 1, vector_bits: int = 0) -> Routine:
    """A function, of one lane or several."""
    function = FUNCTIONS[name]
    together = members(name)
    formula = Formula(DOUBLE if itemsize == 8 else SINGLE, lanes, vector_bits)
    operands = [Real(formula, f"%x{position}") for position in range(arity)]
    family = function.computed(formula, operands)
    code = formula.template([family[FUNCTIONS[other].position] for other in together])
    symbol = f"gradc_{'_'.join(together)}_{formula.suffix}"
    joined, last, kind = _side_by_side(formula, code.results)
    parameters = ", ".join(f"{formula.real} {operand.text}" for operand in operands)
    body = "\n".join([code.lines, *joined, f"  ret {kind} {last}", code.cold]).replace("#", "").replace("?L", "%entry")
    text = formula.function(f"{kind} @{symbol}({parameters}) #0", symbol, f"{{\nentry:\n{body}\n}}")
    for helper, own in code.helpers:  # a routine calls no other: it has its own
        text = f"{text}\n\n{own}".replace(f"@{helper}", f"@{symbol}_far")
    place = together.index(name) if len(together) > 1 else None
    return Routine(symbol, text, kind, place, code.declarations)


def _side_by_side(formula: Formula, results: Sequence[str]) -> tuple[list[str], str, str]:
    """One result, or two as one vector, the lanes of the first before those of the second: code, register and type."""
    if len(results) == 1:
        return [], results[0], formula.real
    first, second = results
    kind = llvm_type(formula.format.dtype, 2 * formula.lanes)
    if formula.lanes == 1:
        lines = [
            f"  %r = insertelement {kind} poison, {formula.real} {first}, i32 0",
            f"  %both = insertelement {kind} %r, {formula.real} {second}, i32 1",
        ]
    else:
        mask = ", ".join(f"i32 {lane}" for lane in range(2 * formula.lanes))
        operands = f"{formula.real} {first}, {formula.real} {second}"
        lines = [f"  %both = shufflevector {operands}, <{2 * formula.lanes} x i32> <{mask}>"]
    return lines, "%both", kind
