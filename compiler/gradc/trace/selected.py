"""``x[mask]`` where the mask is computed from the arguments: how many entries it has is not known while tracing.

What can be said of such a selection without its size is said: elementwise operations, reductions, and assigning it back
through the same mask. It is kept in the shape of the mask; entries that are not selected are never evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.ir.algebra import guarded
from gradc.ir.tensor import compute
from gradc.trace import reductions, statistics
from gradc.trace.context import trace_error
from gradc.trace.elementwise import apply_ufunc
from gradc.trace.storage import axes, entry
from gradc.trace.tracer import TracedArray, lift, wrap

_UNKNOWN = "the number of true entries of the mask is not known while the function is traced; use np.where(mask, x, 0)"

_REDUCTIONS: dict[str, Callable[..., TracedArray]] = {
    "sum": reductions.sum_,
    "prod": reductions.prod,
    "mean": statistics.mean,
    "any": reductions.any_,
    "all": reductions.all_,
}
_FUNCTIONS: dict[Any, str] = {np.sum: "sum", np.prod: "prod", np.mean: "mean", np.any: "any", np.all: "all"}


class Selection(np.lib.mixins.NDArrayOperatorsMixin):
    """The entries of ``values`` where ``mask`` (of the same shape) is true."""

    def __init__(self, values: TracedArray, mask: TracedArray) -> None:
        tensor = mask.tensor
        indices = axes(mask.ndim)
        self.values = wrap(compute(tensor.shape, guarded(entry(tensor, indices), entry(values.tensor, indices))))
        self.mask = TracedArray(tensor)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        kwargs.pop("out", None)  # what `*=` gives; the result is assigned back through the mask
        if method != "__call__" or kwargs:
            raise trace_error(f"np.{ufunc.__name__}.{method} of x[mask]: {_UNKNOWN}")
        return Selection(apply_ufunc(ufunc, [self._operand(x) for x in inputs]), self.mask)

    def _operand(self, value: Any) -> Any:
        if isinstance(value, Selection):
            if value.mask.tensor is not self.mask.tensor:
                raise trace_error(f"two selections by different masks can't be combined: {_UNKNOWN}")
            return value.values
        if lift(value).ndim:
            raise trace_error(f"a selection can't be combined with an array of shape {lift(value).shape}: {_UNKNOWN}")
        return value

    def __array_function__(self, function: Any, types: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        name = _FUNCTIONS.get(function)
        if name is None or args[0] is not self or len(args) > 1 or kwargs:
            raise trace_error(f"np.{function.__name__} of x[mask]: {_UNKNOWN}")
        return self.reduced(name)

    def reduced(self, name: str) -> TracedArray:
        """A reduction over the selected entries."""
        return _REDUCTIONS[name](self.values, where=self.mask)

    def sum(self) -> TracedArray:
        """The sum of the selected entries."""
        return self.reduced("sum")

    def mean(self) -> TracedArray:
        """The mean of the selected entries."""
        return self.reduced("mean")

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the entries."""
        return self.values.dtype

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise trace_error(f"x[mask].{name}: {_UNKNOWN}")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise trace_error(f"x[mask] as an array: {_UNKNOWN}")

    def __len__(self) -> int:
        raise trace_error(f"len(x[mask]): {_UNKNOWN}")

    def __iter__(self) -> Any:
        raise trace_error(f"iteration over x[mask]: {_UNKNOWN}")

    def __getitem__(self, key: Any) -> Any:
        raise trace_error(f"x[mask][...]: {_UNKNOWN}")
