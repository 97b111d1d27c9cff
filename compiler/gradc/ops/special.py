"""Special functions."""

from __future__ import annotations

import math

from gradc.ir.algebra import power_of
from gradc.ir.scalar import apply, number
from gradc.ops.table import function, times

_TWO_OVER_ROOT_PI = 2.0 / math.sqrt(math.pi)

function(
    "erf",
    lambda y, x: times(number(_TWO_OVER_ROOT_PI, y.dtype), apply("exp", times(-1, power_of(x, 2)))),
    numpy="scipy.special.erf",
    latex=r"\operatorname{erf}",
    cost=65,
)
function(
    "erfc",
    lambda y, x: times(number(-_TWO_OVER_ROOT_PI, y.dtype), apply("exp", times(-1, power_of(x, 2)))),
    numpy="scipy.special.erfc",
    latex=r"\operatorname{erfc}",
    cost=120,
)
