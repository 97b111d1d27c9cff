"""The loop tree as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gradc.ir.algebra import Substitution
from gradc.ir.scalar import TRUE, Load, Scalar, load
from gradc.ir.tensor import Cond, Extent, Input, Loop, Tensor, input_tensor
from gradc.ir.text import index_name, scalar_text
from gradc.lower.calls import title_of
from gradc.lower.fuse import Lifetimes
from gradc.lower.library import CallStatement
from gradc.lower.subprograms import Follower, StructuredStatement, with_inner
from gradc.lower.symmetry import is_symmetric
from gradc.lower.tree import Item, Nest, Statement, statements

#: What the sub-graphs of a node are.
_PARTS = {"Loop": ("step", "condition"), "Cond": ("if it holds", "else"), "Call": ("body",)}


def describe(functions: Sequence[Sequence[Item]], outputs: Sequence[Tensor], needs: Lifetimes) -> str:
    """The tree, one line per loop and statement; ``register`` results are never stored."""
    names = names_of(functions, outputs)
    lines: list[str] = []
    for number, items in enumerate(functions):
        if len(functions) > 1:
            lines.append(f"part {number}:")
        _items(items, 1 if len(functions) > 1 else 0, names, needs, lines)
    return "\n".join(lines)


def names_of(functions: Sequence[Sequence[Item]], outputs: Sequence[Tensor]) -> dict[Tensor, str]:
    """What the results are called: ``out0``, ... and ``v3``, ..."""
    names: dict[Tensor, str] = {}
    for position, tensor in enumerate(outputs):
        names.setdefault(tensor, f"out{position}")
    for statement in with_inner(s for items in functions for s in statements(list(items))):
        names.setdefault(statement.tensor, f"v{len(names)}")
    return names


def head_of(item: Item) -> str:
    """The first line of a loop, or what a product is."""
    if isinstance(item, StructuredStatement):
        return _structured_name(item)
    if isinstance(item, Statement):
        return _product_name(item)
    how = "unrolled " if item.unrolled else "descending " if item.descending else ""
    together = ", in parallel" if item.shared else ""
    return f"{how}for {index_name(item.depth)} < {_extent_text(item.extent)}{together}"


def _structured_name(statement: StructuredStatement) -> str:
    node = statement.node
    if isinstance(node, Cond):
        return "branch"
    if isinstance(node, Loop):
        order = " backwards" if node.reverse else ""
        return (
            "loop while a condition holds"
            if node.trip is None or node.condition is not None
            else f"loop of {_extent_text(node.trip)} steps{order}"
        )
    if statement.blocks is not None:
        return f"block of {statement.blocks.length} examples"
    return "call that is kept whole"


def _product_name(statement: Statement) -> str:
    if isinstance(statement, CallStatement):
        return title_of(statement)
    what = "symmetric product" if is_symmetric(statement) else "matrix product"
    product = statement.product
    is_part = product is not None and (product.below, product.above) != (None, None)
    what = f"triangle of {what}" if is_part else what
    return f"strip of {what}" if statement.is_in_strips else what


def _items(items: Iterable[Item], level: int, names: dict[Tensor, str], needs: Lifetimes, lines: list[str]) -> None:
    indent = "  " * level
    for item in items:
        if isinstance(item, Nest):
            lines.append(f"{indent}{head_of(item)}:")
            _items(item.items, level + 1, names, needs, lines)
        elif isinstance(item, StructuredStatement):
            lines.append(f"{indent}{names[item.tensor]} = {head_of(item)}:")
            for part, program in zip(_PARTS[type(item.node).__name__], item.programs, strict=False):
                lines.append(f"{indent}  {part}:")
                _items(program.items, level + 2, names, program.schedule.needs, lines)
        elif not isinstance(item, Follower):
            *lets, text = _statement_text(item, names).split("\n")
            where = "" if item.tensor in needs.stored else "register "
            lines += [f"{indent}{let}" for let in lets]
            lines.append(f"{indent}{where}{text}")


def _extent_text(extent: Extent) -> str:
    return str(extent) if isinstance(extent, int) else scalar_text(extent).replace("\n", " ")


def _statement_text(statement: Statement, names: dict[Tensor, str]) -> str:
    stand_ins: dict[Scalar, Scalar] = {}
    for node in statement.nodes:
        if isinstance(node, Load) and node.tensor in names:
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
        line = f"{name} = {_product_name(statement)}, {body}"
    elif isinstance(statement, CallStatement):
        given = ", ".join(
            names.get(t) or (t.name if isinstance(t, Input) else "a constant") for t in statement.operands
        )
        line = f"{names[statement.tensor]} = {_product_name(statement)} of {given}"
    elif statement.kind == "accumulate":
        how = "+=" if statement.tensor.reducer == "sum" else f"{statement.tensor.reducer}="
        line = f"{name} {how} {body}{condition}"
    else:
        kind = "running " if statement.kind == "scan" else ""
        line = f"{name} = {kind}{statement.tensor.reducer} of {body}{condition}"
    return "\n".join([*lets, line])
