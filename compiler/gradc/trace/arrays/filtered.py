"""Lists whose length is not known while tracing: those of a comprehension with a traced condition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from gradc.trace.arrays.selected import Selection
from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.context import trace_error

_UNKNOWN = (
    "how many entries a list has that a traced condition filters is not known while tracing; use sum(), max(), min(), any(), "
    "all(), len() or functions of numpy of it, go over it with a `for` statement, or write np.where(condition, value, 0)"
)


class Filtered:
    """Values, each of which is in the list where its flag holds."""

    def __init__(self, flags: list[Any], values: list[Any]) -> None:
        self.flags, self.values = flags, values
        #: why it can't leave the function: it names the line that made it
        self.refusal = trace_error(_UNKNOWN)

    def selection(self) -> Selection:
        """The same as the selected entries of an array."""
        from gradc.trace.movement.joining import stacked

        return Selection(stacked(self.values), stacked(self.flags))

    def entries(self) -> Iterator[tuple[Any, Any]]:
        """Pairs of flag and value."""
        return zip(self.flags, self.values, strict=True)

    def traced_length(self) -> TracedArray:
        """``len()`` as a number to compute with."""
        count: TracedArray = self.selection().traced_length()
        return count

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise trace_error(_UNKNOWN)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        given = [arg.selection() if isinstance(arg, Filtered) else arg for arg in args]
        return function(*given, **kwargs)

    __array_ufunc__ = None
    __len__ = __iter__ = __getitem__ = __setitem__ = __contains__ = __bool__ = __array__ = _refuse
    __add__ = __radd__ = __mul__ = __rmul__ = __iadd__ = __eq__ = __ne__ = __lt__ = __gt__ = _refuse
    __hash__ = None  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()


def unfiltered(value: Any) -> Any:
    """A list with traced conditions as a selection; a generator's entries as a list; other values as they are."""
    if hasattr(type(value), "collected"):
        value = value.collected()
    return value.selection() if isinstance(value, Filtered) else value
