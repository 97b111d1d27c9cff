"""What the routines for matrix products share: their arguments, and how results are stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

from gradc.ir.scalar import INT64, DType
from gradc.lower.module import Module
from gradc.lower.routine import Routine
from gradc.lower.text import Value, literal
from gradc_runtime.engine import Host

#: The extents and strides (in entries) that a routine is about, in the order of its arguments.
SIZE_NAMES = ("rows", "columns", "inner", "a_row", "a_inner", "b_inner", "b_column", "c_row", "c_column")


@dataclass(frozen=True)
class Sizes:
    """Extents and strides of ``C = A B``."""

    rows: Value
    columns: Value
    inner: Value
    a_row: Value
    a_inner: Value
    b_inner: Value
    b_column: Value
    c_row: Value
    c_column: Value

    def values(self) -> tuple[Value, ...]:
        """All of them, in the order of `SIZE_NAMES`."""
        return tuple(getattr(self, name) for name in SIZE_NAMES)

    def transposed(self) -> Sizes:
        """The sizes of ``C' = B' A'``."""
        return Sizes(
            self.columns,
            self.rows,
            self.inner,
            self.b_column,
            self.b_inner,
            self.a_inner,
            self.a_row,
            self.c_column,
            self.c_row,
        )


@dataclass(frozen=True)
class ProductSpec:
    """What distinguishes the routines: the form, and the sizes (None: an argument)."""

    form: str
    dtype: DType
    sizes: tuple[int | None, ...]
    scaled: bool
    accumulates: bool

    @staticmethod
    def of(form: str, dtype: DType, sizes: Sizes, *, scaled: bool, accumulates: bool) -> ProductSpec:
        """What is known when the code is written."""
        known = tuple(v.literal if isinstance(v.literal, int) else None for v in sizes.values())
        return ProductSpec(form, dtype, known, scaled, accumulates)

    @property
    def name(self) -> str:
        """The routine's name."""
        parts = ["n" if size is None else str(size) for size in self.sizes]
        suffix = "s" * self.scaled + "a" * self.accumulates
        return "_".join(["gradc", self.form, self.dtype.str[1:], *parts, *([suffix] if suffix else [])])


class ProductRoutine(ABC):
    """``void name(A, B, C, unknown sizes..., [scale])``."""

    def __init__(self, module: Module, spec: ProductSpec, host: Host) -> None:
        self.spec = spec
        self.dtype = spec.dtype
        self.lanes = host.vector_bits // (8 * spec.dtype.itemsize)
        self.registers = host.vector_registers
        arguments = [("ptr", "A"), ("ptr", "B"), ("ptr", "C")]
        values: dict[str, Value] = {}
        for name, known in zip(SIZE_NAMES, spec.sizes, strict=True):
            if known is None:
                arguments.append(("i64", name))
            values[name] = literal(known, INT64) if known is not None else Value(f"%{name}", INT64)
        self.sizes = Sizes(**values)
        scale = Value("%scale", spec.dtype)
        if spec.scaled:
            arguments.append((scale.type, "scale"))
        self.r = Routine(module, spec.name, arguments, host)
        self.scale = self.r.splat(scale, self.lanes) if spec.scaled else None

    @abstractmethod
    def text(self) -> str:
        """The routine."""

    def known(self, size: Value) -> int | None:
        """A size, if the code may depend on it."""
        return size.literal if isinstance(size.literal, int) else None

    def store(self, total: Value, at: str, stride: Value, mask: str | None, *, first: bool) -> None:
        """Store the sums, scaled, to entries ``stride`` apart; added to what is there if they are not the first."""
        r = self.r
        if not first:
            before = r.gather(at, total.dtype, stride, self.lanes, mask)
            total = r.add(before, total) if self.scale is None else r.multiply_add(self.scale, total, before)
        elif self.scale is not None:
            total = r.multiply(self.scale, total)
        r.scatter(replace(total, depth=r.depth), at, stride, mask)
