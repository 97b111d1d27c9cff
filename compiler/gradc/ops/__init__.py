"""The tables of operations and of library calls. Importing this package fills them; one row holds everything about one."""

from gradc.ops import (
    arithmetic,
    comparison,
    exponential,
    fourier,
    integers,
    linear_algebra,
    recurrence,
    singular_values,
    sorting,
    special,
    special_bessel,
    special_distributions,
    special_gamma,
    special_integrals,
    special_polynomials,
    trigonometric,
)

__all__ = [
    "arithmetic",
    "comparison",
    "exponential",
    "fourier",
    "integers",
    "linear_algebra",
    "recurrence",
    "singular_values",
    "sorting",
    "special",
    "special_bessel",
    "special_distributions",
    "special_gamma",
    "special_integrals",
    "special_polynomials",
    "trigonometric",
]
