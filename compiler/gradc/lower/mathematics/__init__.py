"""Elementary functions as code of our own, for any number of lanes: `is_inline` says which, `template` gives the code.

The functions of one operand that share work form a family: sine and cosine one reduction, exp and expm1 one polynomial.
What a call doesn't use of its family is left out by LLVM.
"""

from __future__ import annotations

from collections.abc import Callable
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
from gradc.lower.text import Template
from gradc_runtime.engine import engine

Definition = Callable[..., tuple[Real, ...]]


@dataclass(frozen=True)
class Function:
    """An elementary function: one result of a family, perhaps finished by a formula of operands and that result."""

    family: Definition
    position: int = 0
    finish: Definition | None = None


FUNCTIONS: dict[str, Function] = {
    "exp": Function(exponentials.exponentials),
    "expm1": Function(exponentials.exponentials, 1),
    "exp2": Function(exponentials.exponential_of_two),
    "log": Function(logarithms.logarithm),
    "log1p": Function(logarithms.logarithm_of_one_plus),
    "log2": Function(logarithms.logarithm_to_base("log2")),
    "log10": Function(logarithms.logarithm_to_base("log10")),
    "sin": Function(trigonometric.sine_and_cosine, 0, trigonometric.far_from_zero("sin")),
    "cos": Function(trigonometric.sine_and_cosine, 1, trigonometric.far_from_zero("cos")),
    "tan": Function(trigonometric.tangent, 0, trigonometric.far_from_zero("tan")),
    "asin": Function(inverse_trigonometric.arc_sine),
    "acos": Function(inverse_trigonometric.arc_cosine),
    "atan": Function(inverse_trigonometric.arc_tangent),
    "atan2": Function(inverse_trigonometric.arc_tangent_of_two),
    "sinh": Function(hyperbolic.hyperbolic_sine_and_cosine),
    "cosh": Function(hyperbolic.hyperbolic_sine_and_cosine, 1),
    "tanh": Function(hyperbolic.hyperbolic_tangent),
    "asinh": Function(hyperbolic.inverse_hyperbolic_sine),
    "acosh": Function(hyperbolic.inverse_hyperbolic_cosine),
    "atanh": Function(hyperbolic.inverse_hyperbolic_tangent),
    "erf": Function(error_functions.error_function),
    "erfc": Function(error_functions.complementary_error_function),
    "cbrt": Function(powers.cube_root),
    "hypot": Function(powers.hypotenuse),
    "pow": Function(powers.power),
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
