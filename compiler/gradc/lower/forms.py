"""The form of a product's routine: which axis vectors run along, and the call of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil

from gradc.ir.scalar import INT64, DType
from gradc.lower.dots import DottedProduct, copies_right, most_columns
from gradc.lower.module import Module
from gradc.lower.product_routine import SIZE_NAMES, ProductRoutine, ProductSpec, Sizes
from gradc.lower.text import FunctionBuilder, Value, literal, llvm_type
from gradc.lower.tiles import TiledProduct, copies_panels
from gradc.lower.tiles_any import AnyProduct
from gradc.lower.tiling import LATENCY, tile_size
from gradc_runtime.engine import Host, engine

#: What an extent counts as that is known only when the kernel runs.
ASSUMED = 256
#: Multiply-adds from which on a product isn't worth a routine of its own; of one with a short extent, rare in a hot
#: loop, fewer; and the rows that are too few for the common routine.
WORK, THIN, THIN_WORK, FEW_ROWS = 1 << 20, 32, 1 << 18, 8
#: What one more call costs, in multiply-adds of vectors.
CALL = 20

ROUTINES: dict[str, type[ProductRoutine]] = {"tiles": TiledProduct, "dots": DottedProduct, "any": AnyProduct}


@dataclass(frozen=True)
class Choice:
    """How to compute a product: the form, of the exchanged factors or not, and about how long it takes."""

    time: float
    form: str
    sizes: Sizes
    exchanged: bool


def call_routine(
    builder: FunctionBuilder, places: tuple[str, str, str], sizes: Sizes, scale: Value, *, accumulates: bool
) -> None:
    """``C = scale A B``, for the addresses of A, B and C, by the form that takes the least time."""
    host, dtype = engine().host, scale.dtype
    lanes = host.vector_bits // (8 * dtype.itemsize)
    if _is_large(sizes, lanes):
        _call(builder, places, Choice(0.0, "any", sizes, exchanged=False), scale, host, accumulates=accumulates)
        return
    whole = _best(sizes, lanes, host)
    columns = sizes.columns.literal
    if isinstance(columns, int) and columns > lanes and columns % lanes:
        # the few columns that would have a vector for themselves
        edge = columns - columns % lanes
        main = _best(replace(sizes, columns=literal(edge, INT64)), lanes, host)
        rest = _best(replace(sizes, columns=literal(columns - edge, INT64)), lanes, host)
        if main.time + rest.time + CALL < whole.time:
            _call(builder, places, main, scale, host, accumulates=accumulates)
            right = _moved(builder, places[1], dtype, builder.multiply_integers(literal(edge, INT64), sizes.b_column))
            result = _moved(builder, places[2], dtype, builder.multiply_integers(literal(edge, INT64), sizes.c_column))
            _call(builder, (places[0], right, result), rest, scale, host, accumulates=accumulates)
            return
    _call(builder, places, whole, scale, host, accumulates=accumulates)


def _moved(builder: FunctionBuilder, base: str, dtype: DType, offset: Value) -> str:
    return builder.instruction(f"getelementptr {llvm_type(dtype)}, ptr {base}, i64 {offset.text}", builder.depth)


def _best(sizes: Sizes, lanes: int, host: Host) -> Choice:
    exchanged = sizes.transposed()
    candidates = []
    for form, time_of in _TIMES.items():
        for swaps, chosen in enumerate((sizes, exchanged)):
            if form == "tiles" or chosen.a_inner.literal == 1:
                candidates.append(Choice(time_of(chosen, lanes, host), form, chosen, bool(swaps)))
    return min(candidates, key=lambda choice: choice.time)


def _call(
    builder: FunctionBuilder,
    places: tuple[str, str, str],
    choice: Choice,
    scale: Value,
    host: Host,
    *,
    accumulates: bool,
) -> None:
    module, sizes = builder.module, choice.sizes
    spec = ProductSpec.of(choice.form, scale.dtype, sizes, scaled=scale.literal != 1, accumulates=accumulates)
    if choice.form == "any":
        spec = replace(spec, sizes=_unit_strides(spec), scaled=True)
    if not module.has_helper(spec.name):
        module.adopt(_routine(spec, host))
    left, right, result = places
    arguments = [f"ptr {place}" for place in ((right, left, result) if choice.exchanged else places)]
    arguments += [f"i64 {v.text}" for v, known in zip(sizes.values(), spec.sizes, strict=True) if known is None]
    arguments += [f"{scale.type} {scale.text}"] * spec.scaled
    builder.line(f"call void @{spec.name}({', '.join(arguments)})")


@lru_cache(maxsize=256)
def _routine(spec: ProductSpec, host: Host) -> Module:
    """A module that holds the routine alone."""
    module = Module()
    module.helper(spec.name, ROUTINES[spec.form](module, spec, host).text())
    return module


def _unit_strides(spec: ProductSpec) -> tuple[int | None, ...]:
    """Of all that is known, that B and C have neighbours along an axis."""
    kept = ("b_inner", "b_column", "c_column")
    return tuple(1 if name in kept and size == 1 else None for name, size in zip(SIZE_NAMES, spec.sizes, strict=True))


def _is_large(sizes: Sizes, lanes: int) -> bool:
    """Whether the routine for any sizes is as fast as one for these."""
    rows, columns, inner = (_assumed(size) for size in (sizes.rows, sizes.columns, sizes.inner))
    work = rows * columns * inner
    return rows >= FEW_ROWS and columns >= lanes and work >= (THIN_WORK if min(rows, columns, inner) < THIN else WORK)


def _assumed(value: Value) -> int:
    return value.literal if isinstance(value.literal, int) else ASSUMED


def _time_of_tiles(sizes: Sizes, lanes: int, host: Host) -> float:
    """In multiply-adds of vectors, about."""
    rows, columns, inner = _assumed(sizes.rows), _assumed(sizes.columns), _assumed(sizes.inner)
    across = ceil(columns / lanes)
    height, width = tile_size(rows, columns, lanes, host.vector_registers)
    time = across * rows * inner * max(1.0, LATENCY / (height * width))
    if sizes.b_column.literal != 1:
        time += across * inner * (5 if sizes.b_inner.literal == 1 else 2 * lanes)
    elif copies_panels(sizes):
        time += across * inner * 2
    return time + rows * across * _store_time(sizes.c_column, lanes)


def _time_of_dots(sizes: Sizes, lanes: int, host: Host) -> float:
    rows, columns, inner = _assumed(sizes.rows), _assumed(sizes.columns), _assumed(sizes.inner)
    blocks, steps = ceil(rows / lanes), ceil(inner / lanes)
    at_once = most_columns(lanes, host.vector_registers)
    copies = copies_right(sizes)
    loads = lanes * ceil(columns / at_once) + columns * (1 if copies or sizes.b_inner.literal == 1 else 2 * lanes)
    each = steps * (max(lanes * columns, loads) + 0.25 * loads) + columns * (
        3 * lanes + _store_time(sizes.c_row, lanes)
    )
    return blocks * each + copies * columns * inner


def _store_time(stride: Value, lanes: int) -> int:
    return 1 if stride.literal == 1 else 2 * lanes


_TIMES = {"tiles": _time_of_tiles, "dots": _time_of_dots}
