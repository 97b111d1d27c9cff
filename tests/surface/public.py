"""The public names of NumPy and SciPy's special functions that a traced function may call."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
from scipy import special

#: Objects and classes of NumPy's that are used like functions.
_LIKE_FUNCTIONS = (
    "r_",
    "c_",
    "s_",
    "index_exp",
    "mgrid",
    "ogrid",
    "vectorize",
    "ndenumerate",
    "ndindex",
    "nditer",
    "poly1d",
)


def _is_function(value: Any) -> bool:
    return callable(value) and not isinstance(value, type | types.ModuleType)


def public_names() -> dict[str, str]:
    """Every name, as users write it, and the table it belongs to."""
    names = {f"np.{n}": "numpy" for n in np.__all__ if _is_function(getattr(np, n, None)) or n in _LIKE_FUNCTIONS}
    names |= {f"np.linalg.{n}": "numpy.linalg" for n in np.linalg.__all__ if _is_function(getattr(np.linalg, n))}
    names |= {f"np.fft.{n}": "numpy.fft" for n in np.fft.__all__ if _is_function(getattr(np.fft, n))}
    names |= {f"ndarray.{n}": "ndarray" for n in dir(np.ndarray) if not n.startswith("_")}
    names |= {f"special.{n}": "scipy.special" for n in dir(special) if isinstance(getattr(special, n), np.ufunc)}
    return names
