"""`TracedArray`: what the user's function computes with while it is traced.

It is a mutable handle on an immutable node, so that ``x[i] = v`` and ``x += v`` mean what they mean in NumPy; a view is a
handle on part of the same storage. All arithmetic goes to the NumPy surface (`gradc.trace.surface`).
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gradc.ir.algebra import conjunction, guarded, reindexed
from gradc.ir.scalar import INT64, TRUE, DType, Index, Load, Number, Scalar, load, number
from gradc.ir.tensor import (
    Compute,
    Extent,
    Shape,
    Tensor,
    compute,
    constant,
    extent_scalar,
)
from gradc.ir.tensor import extent as extent_from
from gradc.ir.walk import loads_of, post_order
from gradc.trace.arrays.known import concrete as concrete
from gradc.trace.arrays.known import known_value as known_value
from gradc.trace.arrays.known import literal_value as literal_value
from gradc.trace.arrays.known import number_value as number_value
from gradc.trace.arrays.operators import Operators
from gradc.trace.arrays.storage import Region, Storage, axes, disjoint, whole
from gradc.trace.context import (
    active_trace,
    dtype_error,
    located,
    note_line,
    shape_error,
    trace_error,
)
from gradc.trace.specs import supported
from gradc.trace.surroundings.access import known_path

_AMBIGUOUS = "The truth value of an array with more than one element is ambiguous. Use a.any() or a.all()"
_BRANCHES = (
    "write np.where(condition, a, b), np.logical_and/or/not, gradc.cond or gradc.while_loop; `if`, `while`, `and`, `or` and "
    "`not` are traced in functions whose source can be read, but not in generators and comprehensions"
)

Literal = bool | int | float | complex
_DTYPES: dict[str, DType] = {char: np.dtype(char) for char in np.typecodes["All"] if char not in "SUVMm"}


class TracedArray(Operators):
    """An array (or number) whose content is known when the compiled function runs.

    ``weak`` marks a Python number: its dtype gives way to that of arrays, and like ``immutable`` NumPy scalars it is not
    changed by ``+=``.
    """

    __slots__ = ("__weakref__", "_cached", "_region", "_storage", "immutable", "weak")
    __array_priority__ = 1000.0

    def __init__(
        self,
        tensor: Tensor | None,
        *,
        weak: bool = False,
        immutable: bool = False,
        storage: Storage | None = None,
        region: Region | None = None,
    ) -> None:
        if storage is None:
            assert tensor is not None
            storage = Storage(tensor)
        self._storage, self._region = storage, region
        self._cached: tuple[int, Tensor] | None = None
        self.weak, self.immutable = weak, immutable or weak

    # ------------------------------------------------------------ content

    @property
    def tensor(self) -> Tensor:
        """The present content, as a node."""
        if self._region is None:
            return self._storage.current()
        if self._cached is None or self._cached[0] != self._storage.version:
            content = self._storage.read(self._region)
            note_line(content)
            self._cached = (self._storage.version, content)
        return self._cached[1]

    def region(self) -> Region | None:
        """The part of the storage that this view covers; None for all of it."""
        return self._region

    @property
    def storage_shape(self) -> Shape:
        """The shape of the storage, of which this array may be a part."""
        return self._storage.shape

    def shares_storage(self, other: TracedArray) -> bool:
        """Whether writes to one array may be seen by the other."""
        return self._storage is other._storage and not (self.immutable or other.immutable)

    def part(self, inner: Region) -> TracedArray:
        """A view of this array: writes to either are seen by both."""
        region = inner if self._region is None else self._region.then(inner)
        return TracedArray(None, storage=self._storage, region=region)

    def write(self, inside: Scalar, value: Scalar) -> None:
        """``value`` (over this array's indices, of its dtype) where ``inside`` holds."""
        if self.immutable:
            raise trace_error("a NumPy scalar can't be assigned to; make it an array with np.array(x)")
        region = whole(self.extents) if self._region is None else self._region
        if not region.writable:
            raise shape_error("assignment destination is read-only; write to a copy, x.copy()")
        chosen = reindexed(inside, region.backward)
        if region.inside is not TRUE and loads_of(chosen):
            # outside the view the predicate's loads may be out of range: it becomes a tensor that is false there
            flags = compute(self._storage.shape, guarded(region.inside, chosen))
            chosen = load(flags, axes(len(flags.shape)))
        else:
            chosen = conjunction(region.inside, chosen)
        self._storage.write(chosen, reindexed(value, region.backward), region.box if inside is TRUE else None)

    # ------------------------------------------------------------ attributes

    @property
    def extents(self) -> Shape:
        """The shape, in the IR's terms: ints, or scalars over named sizes."""
        return self._storage.shape if self._region is None else self._region.shape

    @property
    def shape(self) -> tuple[Any, ...]:
        """The shape, in the user's terms: ints, or traced ints where the size has a name."""
        return tuple(e if isinstance(e, int) else extent_value(e) for e in self.extents)

    @shape.setter
    def shape(self, value: Any) -> None:
        view = self.reshape(value)
        if view._storage is not self._storage:
            raise AttributeError(located("Incompatible shape for in-place modification; use x = x.reshape(...)"))
        self.restrict(view.region())

    def written(self) -> Tensor | None:
        """What the storage holds, if anything has been written to it."""
        return self._storage.current() if self._storage.version else None

    @property
    def is_row_major(self) -> bool:
        """Whether NumPy's array, of which this one is all or a part, would surely lie in memory row by row."""
        return self._storage.is_row_major

    @is_row_major.setter
    def is_row_major(self, value: bool) -> None:
        self._storage.is_row_major = value

    def overlaps(self, other: TracedArray) -> bool:
        """Whether a write to this array may be seen in the other one."""
        one, two = (x.region() or whole(x.extents) for x in (self, other))
        return self._storage is other._storage and not disjoint(one.box, two.box)

    def restrict(self, region: Region | None) -> None:
        """Let this handle see that region of its storage."""
        if self.immutable:
            raise AttributeError(located("a NumPy scalar can't be changed; make it an array with np.array(x)"))
        self._region, self._cached = region, None

    @property
    def real(self) -> TracedArray:
        """The real part: a view."""
        part: TracedArray = _surface().method(self, "real")
        return part

    @real.setter
    def real(self, value: Any) -> None:
        _attributes().set_part(self, "real", value)

    @property
    def imag(self) -> TracedArray:
        """The imaginary part: a view."""
        part: TracedArray = _surface().method(self, "imag")
        return part

    @imag.setter
    def imag(self, value: Any) -> None:
        _attributes().set_part(self, "imag", value)

    @property
    def dtype(self) -> DType:
        """The NumPy dtype, the very object that ``np.dtype`` gives."""
        return _DTYPES[self._storage.dtype.char]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.extents)

    @property
    def size(self) -> Any:
        """The number of entries."""
        return math.prod(self.shape)

    @property
    def flat(self) -> Any:
        """The entries in row-major order."""
        return _surface().method(self, "flat")

    @flat.setter
    def flat(self, value: Any) -> None:
        self.flat[:] = value

    @property
    def itemsize(self) -> int:
        """Bytes per entry."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> Any:
        """Bytes in all."""
        return self.itemsize * self.size

    def __len__(self) -> int:
        if not self.extents:
            raise TypeError("len() of unsized object")
        return operator.index(self.shape[0])

    def __iter__(self) -> Iterator[TracedArray]:
        if not self.extents:
            raise TypeError("iteration over a 0-d array")
        return (self[k] for k in range(len(self)))

    def __repr__(self) -> str:
        extents = ", ".join(str(e) for e in self.extents)
        return f"TracedArray({self.dtype.name}[{extents}])"

    def __format__(self, spec: str) -> str:
        instead = "return it and write its text outside the function"
        return format(concrete(self, "its text", instead).item(), spec) if spec else repr(self)

    # ------------------------------------------------------------ a value is demanded

    def __bool__(self) -> bool:
        if self.extents and self.size != 1:
            raise ValueError(located(_AMBIGUOUS))
        return bool(concrete(self, "the truth value (`if`, `and`, `or`, `not`, `while`)", _BRANCHES))

    def __hash__(self) -> int:
        if not self.immutable:
            raise TypeError("unhashable type: 'numpy.ndarray'")
        return hash(
            concrete(self, "hashing (a set, the key of a dict)", "use a list, or its position as the key").item()
        )

    def __int__(self) -> int:
        return int(concrete(self, "int()", "use x.astype(int), or np.floor"))

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"only integers can be used as an index, not {self.dtype.name}")
        return int(concrete(self, "a Python int", "pass it as a Python int, or name it in static_argnums"))

    def __float__(self) -> float:
        return float(
            concrete(self, "float() and the math module", "use x.astype(float), and np.sin instead of math.sin")
        )

    def __complex__(self) -> complex:
        return complex(concrete(self, "complex()", "use x.astype(complex)"))

    def item(self, *position: Any) -> TracedArray:
        """An entry as a Python number."""
        entry: TracedArray = _surface().method(self, "item")(*position)
        return entry

    def tolist(self) -> Any:
        """Nested lists of traced numbers."""
        return self.item() if not self.extents else [row.tolist() for row in self]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        instead = "use x.astype(dtype) and functions of `numpy`, called inside the traced function"
        value = concrete(self, "turning it into a plain NumPy array", instead)
        return np.array(value, dtype=dtype)

    def __contains__(self, value: Any) -> bool:
        found = _surface().compared(np.equal, self, value)
        instead = "use np.any(x == value), which is a number to compute with"
        return bool(concrete(found, "`in`", instead).any()) if isinstance(found, TracedArray) else bool(found)

    def __copy__(self) -> TracedArray:
        copied: TracedArray = _surface().method(self, "copy")()
        return self if self.immutable else copied

    def __deepcopy__(self, memo: Any) -> TracedArray:
        return self.__copy__()

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise trace_error("a traced array can't be pickled: its value is not known; return it and pickle it outside")

    # ------------------------------------------------------------ NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return _surface().call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _surface().call_function(function, args, kwargs)

    # ------------------------------------------------------------ indexing

    def __getitem__(self, key: Any) -> Any:
        return _indexing().get(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _indexing().put(self, key, value)

    def __delitem__(self, key: Any) -> None:
        raise ValueError(located("cannot delete array elements; use np.delete(x, index), which gives a new array"))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _surface().method(self, name)


# ---------------------------------------------------------------- making traced arrays


def wrap(tensor: Tensor, *, weak: bool = False) -> TracedArray:
    """The result of an operation on the user's line that runs now. One without axes is a NumPy scalar."""
    note_line(tensor)
    return TracedArray(tensor, weak=weak, immutable=not tensor.shape)


def extent_value(extent: Extent) -> TracedArray:
    """An extent as a Python int that the user may compute with."""
    return TracedArray(compute((), extent_scalar(extent)), weak=True)


def extent_of(value: Any, what: str = "an extent") -> Extent:
    """The extent that the user gave: an int, a traced int over named sizes, or an int whose value is then pinned."""
    if isinstance(value, TracedArray):
        body = size_expression(value.tensor)
        if body is not None:
            return extent_from(body)
    return operator.index(value)


def size_expression(tensor: Tensor) -> Scalar | None:
    """The integer expression over named sizes that ``tensor`` is, if it is one."""
    if not isinstance(tensor, Compute) or tensor.shape or tensor.reducer is not None or tensor.dtype != INT64:
        return None
    return None if any(isinstance(node, Load | Index) for node in post_order([tensor.body])) else tensor.body


def lift(value: Any) -> TracedArray:
    """Any value that NumPy computes with, as a traced array: constants, nested lists of traced numbers."""
    if isinstance(value, TracedArray):
        return value
    if type(value) is float and value:
        return _number_handle(value)
    if isinstance(value, bool | int | float | complex) and not isinstance(value, np.generic):
        return TracedArray(compute((), _literal(value)), weak=not isinstance(value, bool), immutable=True)
    if isinstance(value, np.generic):
        check_array(value)
        return TracedArray(compute((), number(value)), immutable=True)
    if isinstance(value, np.ndarray):
        return _lift_array(value)
    if isinstance(value, list | tuple):
        return _lift_sequence(value)
    if hasattr(value, "__array__"):
        return _lift_array(np.asarray(value))
    raise trace_error(f"a {type(value).__name__} is not an array or a number: {value!r}")


@functools.lru_cache(maxsize=512)
def _number_handle(value: float) -> TracedArray:
    """A Python float other than zero (whose sign a table would lose); the handle can't change, so it is shared."""
    return TracedArray(compute((), number(value)), weak=True)


def _literal(value: Literal) -> Number:
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        return number(value, np.uint64) if 0 <= value < 2**64 else number(float(value))
    return number(value)


def _lift_array(value: np.ndarray) -> TracedArray:
    """An array met while tracing. Nobody knows where it came from, so the trace is not used again; the kernel may be."""
    trace = active_trace()
    if trace is None:
        return constant_array(value)
    check_array(value)
    trace.volatile = True
    content = np.array(value)  # whoever holds it may change it before the kernel runs
    return TracedArray(trace.capture(known_path("array", content), content, False))


def constant_array(value: np.ndarray | np.generic) -> TracedArray:
    """A literal array."""
    check_array(value)
    array = np.asarray(value)
    if (
        array.size
        and array.ndim
        and array.size <= 64
        and (array == array.flat[0]).all()
        and not np.signbit(array.real).any()
    ):
        return TracedArray(compute(array.shape, number(array.flat[0].item(), array.dtype)))
    return TracedArray(constant(array) if array.ndim else compute((), number(array.item(), array.dtype)))


def check_array(value: np.ndarray | np.generic) -> None:
    """Refuse arrays that can't be computed with: object arrays, odd dtypes, subclasses with rules of their own."""
    if isinstance(value, np.matrix | np.ma.MaskedArray):
        raise trace_error(f"a {type(value).__name__} has other rules than an array; pass np.asarray(x)")
    dtype = value.dtype
    if supported(dtype):
        return
    if dtype.kind == "O":
        raise dtype_error(f"an object array can't be compiled: {value!r:.80}; give it a number dtype, x.astype(float)")
    raise dtype_error(f"dtype {dtype} is not supported; use float64, float32, complex, an integer dtype or bool")


def _lift_sequence(value: Sequence[Any]) -> TracedArray:
    if contains_traced(value):
        made: TracedArray = _surface().stacked(value)
        return made
    try:
        return constant_array(np.array(value))
    except ValueError as error:  # NumPy's words for a ragged nesting
        raise shape_error(str(error)) from None


def contains_traced(value: Any) -> bool:
    """Whether a nested list holds a traced array."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, TracedArray):
            return True
        if isinstance(item, list | tuple):
            pending.extend(item)
    return False


def _surface() -> Any:
    from gradc.trace import surface

    return surface


def _attributes() -> Any:
    from gradc.trace.arrays import attributes

    return attributes


def _indexing() -> Any:
    from gradc.trace.arrays import indexing

    return indexing
