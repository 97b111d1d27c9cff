"""Which ops the ufuncs of `scipy.special` are."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from gradc.ir.scalar import DType
from gradc.ops.loops import MODULE, rows_of
from gradc.trace.context import dtype_error, trace_error

#: What to write instead of functions that have complex results.
INSTEAD = {
    "kelvin": "use ber, bei, ker, kei and their derivatives berp, beip, kerp, keip",
    "modfresnelp": "use fresnel",
    "modfresnelm": "use fresnel",
    "sph_harm": "use lpmv with np.cos and np.sin",
    "wofz": "use erfcx, dawsn or voigt_profile",
    "hankel1": "use jv and yv: its real and imaginary part",
    "hankel2": "use jv and yv: its real and minus its imaginary part",
    "hankel1e": "use jve and yve",
    "hankel2e": "use jve and yve",
    "_lambertw": "for x > 0 use scipy.special.wrightomega(np.log(x)), the real branch",
}


def rows_of_special(ufunc: np.ufunc) -> tuple[str, ...] | None:
    """The op of each result of a ufunc of `scipy.special`; None for other ufuncs."""
    module = sys.modules.get(MODULE)
    name = ufunc.__name__
    if module is None or getattr(module, name, None) is not ufunc:
        return None
    if not any(set(types.replace("->", "")) <= set("dl") for types in ufunc.types):
        instead = INSTEAD.get(name, "compute it outside the function and pass the result in")
        raise trace_error(f"scipy.special.{name.lstrip('_')} is complex, which can't be traced; {instead}")
    return tuple(op.name for op in rows_of(ufunc, MODULE, name))


def refuse_complex(ufunc: np.ufunc, dtypes: Sequence[DType]) -> None:
    """Special functions are traced on real numbers."""
    if any(dtype.kind == "c" for dtype in dtypes):
        raise dtype_error(
            f"scipy.special.{ufunc.__name__.lstrip('_')} of complex numbers can't be traced; pass real numbers, x.real"
        )
