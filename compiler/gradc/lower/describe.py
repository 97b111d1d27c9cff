"""The loop tree as text, and what a call of it costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

from gradc.ir.algebra import Substitution
from gradc.ir.scalar import TRUE, Apply, Load, Number, Scalar, Size, load
from gradc.ir.tensor import Compute, Extent, Graph, Tensor, input_tensor
from gradc.ir.text import index_name, scalar_text
from gradc.lower.fuse import Lifetimes
from gradc.lower.kernel import ASSUMED_EXTENT, Cost
from gradc.lower.symmetry import is_symmetric
from gradc.lower.tree import Item, Nest, Statement, statements


def describe(functions: Sequence[Sequence[Item]], outputs: Sequence[Tensor], needs: Lifetimes) -> str:
    """The tree, one line per loop and statement; ``register`` results are never stored."""
    names: dict[Tensor, str] = {}
    for position, tensor in enumerate(outputs):
        names.setdefault(tensor, f"out{position}")
    ordered = [s for items in functions for s in statements(list(items))]
    for statement in ordered:
        names.setdefault(statement.tensor, f"v{len(names)}")
    lines: list[str] = []
    for number, items in enumerate(functions):
        if len(functions) > 1:
            lines.append(f"part {number}:")
        _items(items, 1 if len(functions) > 1 else 0, names, needs, lines)
    return "\n".join(lines)


def _items(items: Iterable[Item], level: int, names: dict[Tensor, str], needs: Lifetimes, lines: list[str]) -> None:
    indent = "  " * level
    for item in items:
        if isinstance(item, Nest):
            how = "unrolled " if item.unrolled else "descending " if item.descending else ""
            together = ", in parallel" if item.shared else ""
            lines.append(f"{indent}{how}for {index_name(item.depth)} < {_extent_text(item.extent)}{together}:")
            _items(item.items, level + 1, names, needs, lines)
        else:
            *lets, text = _statement_text(item, names).split("\n")
            where = "" if item.tensor in needs.stored else "register "
            lines += [f"{indent}{let}" for let in lets]
            lines.append(f"{indent}{where}{text}")


def _extent_text(extent: Extent) -> str:
    return str(extent) if isinstance(extent, int) else scalar_text(extent).replace("\n", " ")


def _statement_text(statement: Statement, names: dict[Tensor, str]) -> str:
    stand_ins: dict[Scalar, Scalar] = {}
    for node in statement.nodes:
        if isinstance(node, Load) and isinstance(node.tensor, Compute):
            tensor = node.tensor
            stand_in = input_tensor(names[tensor], tensor.shape, tensor.dtype)
            rename = Substitution(stand_ins)
            stand_ins[node] = load(stand_in, [rename(i) for i in node.indices])
    rename = Substitution(stand_ins)
    *lets, body = scalar_text(rename(statement.body)).split("\n")
    target = ", ".join(scalar_text(rename(position)) for position in statement.target)
    condition = "" if statement.domain is TRUE else f" where {scalar_text(rename(statement.domain))}".replace("\n", " ")
    name = f"{names[statement.tensor]}[{target}]"
    if statement.kind == "map":
        line = f"{name} = {body}"
    elif statement.kind == "product":
        what = "symmetric product" if is_symmetric(statement) else "matrix product"
        if statement.product is not None and (statement.product.below, statement.product.above) != (None, None):
            what = f"triangle of {what}"
        if statement.is_in_strips:
            what = f"strip of {what}"
        line = f"{name} = {what}, {body}"
    elif statement.kind == "accumulate":
        how = "+=" if statement.tensor.reducer == "sum" else f"{statement.tensor.reducer}="
        line = f"{name} {how} {body}{condition}"
    else:
        kind = "running " if statement.kind == "scan" else ""
        line = f"{name} = {kind}{statement.tensor.reducer} of {body}{condition}"
    return "\n".join([*lets, line])


# ---------------------------------------------------------------- cost


def _assumed(extent: Extent) -> int:
    if isinstance(extent, int):
        return extent
    if isinstance(extent, Size):
        return ASSUMED_EXTENT
    values = [_assumed(part) for part in extent.children]
    if isinstance(extent, Number):
        return int(extent.value)  # type: ignore[arg-type]
    assert isinstance(extent, Apply)
    name = extent.op.name
    if name == "sum":
        return sum(values)
    if name in ("minimum", "maximum"):
        return min(values) if name == "minimum" else max(values)
    if name == "floordiv":
        return values[0] // max(values[1], 1)
    if name == "power":
        return int(values[0] ** values[1])
    return values[0] % max(values[1], 1) if name == "mod" else prod(values)


def _flops(statement: Statement) -> float:
    tensor = statement.tensor
    times = prod(_assumed(e) for e in (tensor.extents if statement.kind == "product" else statement.extents))
    each = sum(n.op.cost for n in statement.nodes if isinstance(n, Apply) and n.dtype.kind == "f")
    return float(times * (each + (tensor.reducer is not None)))


def _bytes(tensor: Tensor, axes: Iterable[int] | None = None) -> int:
    chosen = range(tensor.rank) if axes is None else axes
    return tensor.dtype.itemsize * prod(_assumed(tensor.shape[a]) for a in chosen)


def cost_of(graph: Graph, functions: Sequence[Sequence[Item]], needs: Lifetimes, workspace: Extent) -> Cost:
    """What a call costs: functions count as their table's cost, buffers as read and written once each."""
    ordered = [s for items in functions for s in statements(list(items))]
    own = set(graph.outputs)
    passing = sum(_bytes(t) for t in (*graph.inputs, *graph.outputs))
    between = sum(_bytes(t, needs.kept_axes.get(t)) for t in needs.stored if t not in own)
    loops = sum(isinstance(item, Nest) or item.kind == "product" for items in functions for item in items)
    return Cost(
        flops=sum(_flops(s) for s in ordered),
        bytes_moved=float(passing + 2 * between),
        kernels=loops or 1,
        workspace_bytes=_assumed(workspace),
    )
