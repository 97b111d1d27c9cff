"""Reading and writing some lanes of a vector: LLVM's masked intrinsics. The memory of other lanes is not touched.

A mask is a typed operand, ``<8 x i1> %mask``. Lanes are neighbours in memory from one address on, or *apart*, each at an
address of its own.
"""

from __future__ import annotations

from gradc.ir.scalar import DType
from gradc.lower.text import FunctionBuilder, Value, intrinsic_suffix, memory_type


def read_lanes(
    builder: FunctionBuilder, where: str, dtype: DType, lanes: int, mask: str, depth: int, *, apart: bool = False
) -> str:
    """The register of the lanes of the mask, in the form of memory, with 0 in the others."""
    kind, (name, place) = memory_type(dtype, lanes), _access("load", "gather", dtype, lanes, apart)
    builder.module.declare(name, kind, [place, f"<{lanes} x i1>", kind])
    operands = f"{place} align {dtype.itemsize} {where}, {mask}, {kind} zeroinitializer"
    return builder.instruction(f"call {kind} @{name}({operands})", depth)


def write_lanes(
    builder: FunctionBuilder, where: str, value: Value, text: str, mask: str, *, apart: bool = False
) -> None:
    """Store the lanes of the mask; ``text`` is the value's register in the form of memory."""
    dtype, lanes = value.dtype, value.lanes
    kind, (name, place) = memory_type(dtype, lanes), _access("store", "scatter", dtype, lanes, apart)
    builder.module.declare(name, "void", [kind, place, f"<{lanes} x i1>"])
    builder.line(f"call void @{name}({kind} {text}, {place} align {dtype.itemsize} {where}, {mask})")


def _access(together: str, one_by_one: str, dtype: DType, lanes: int, apart: bool) -> tuple[str, str]:
    """The intrinsic, and the type of its addresses."""
    suffix = intrinsic_suffix(dtype, lanes)
    if apart:
        return f"llvm.masked.{one_by_one}.{suffix}.v{lanes}p0", f"<{lanes} x ptr>"
    return f"llvm.masked.{together}.{suffix}.p0", "ptr"
