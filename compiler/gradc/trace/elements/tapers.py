"""Windows of signal processing that have a parameter."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradc.trace.arrays.tracer import TracedArray, concrete, constant_array, lift
from gradc.trace.elements.elementwise import apply_ufunc
from gradc.trace.registry import FUNCTIONS, implements


@implements(np.kaiser)
def kaiser(M: Any, beta: Any) -> TracedArray:
    """The Kaiser window of a known number of points: its shape parameter may be traced."""
    count = concrete(lift(M), "the number of points of np.kaiser", "pass it as a Python int").item()
    if count <= 1:
        return lift(np.kaiser(count, 1.0))
    half = (count - 1) / 2.0
    arch = np.sqrt(1 - ((np.arange(0, count) - half) / half) ** 2.0)
    bessel = FUNCTIONS[np.i0]
    shape = apply_ufunc(np.multiply, [lift(beta), 1.0])
    result: TracedArray = bessel(shape * constant_array(arch)) / bessel(shape)
    return result
