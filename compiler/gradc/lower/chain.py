"""The chain of lowering, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradc.config import checking
from gradc.ir.algebra import product_of, sum_of
from gradc.ir.tensor import Constant, Graph, Tensor, extent, extent_scalar
from gradc.lower import calls
from gradc.lower.blocks import in_blocks
from gradc.lower.complex_parts import in_parts
from gradc.lower.counting import cost_of, total_flops
from gradc.lower.describe import describe
from gradc.lower.frame import Placement
from gradc.lower.fuse import Lifetimes, weight_of
from gradc.lower.kernel import Kernel
from gradc.lower.library import CallStatement
from gradc.lower.module import Module
from gradc.lower.parallel import is_shared, mark_shared, shared_memory
from gradc.lower.plan import aligned, byte_count, plan
from gradc.lower.products import uses_blas
from gradc.lower.program import FUNCTION_LIMIT, ProgramWriter, signature_of, size_names
from gradc.lower.schedule import scheduled
from gradc.lower.streams import mark_streamed
from gradc.lower.structured import is_long
from gradc.lower.subprograms import StructuredStatement, cut_whole, with_inner
from gradc.lower.tree import Item, Statement
from gradc_runtime.engine import FAST_TO_COMPILE, NORMAL, engine
from gradc_runtime.improve import improve_later
from gradc_runtime.loaded import LoadedKernel, Signature

#: Kernels of fewer operations keep the GIL: giving it up costs more than they take.
BRIEF = 3000.0
#: A function of more operations is compiled at the fast level.
LARGE = 4000
#: And so is a kernel without loops of at most so many: it runs as fast either way.
TINY = 32
#: A module of more lines gets plain code first and good code later ...
LONG_TEXT = 100
#: ... if a call does less than this for each line, outside of products, which have code of their own. Good code of a line
#: takes some 20 microseconds more; an operation of plain code takes up to a nanosecond more, the mean is a fifth of that.
OPERATIONS_PER_LINE = 3e4
#: Lines from which on code stays plain: making it good would keep the compiler busy for many seconds.
ENDLESS_TEXT = 30_000


def compile_checked(graph: Graph, observe: Callable[[str, Graph], object] = lambda name, graph: None) -> Kernel:
    """Lower a graph of inputs, constants, comprehensions and library calls."""
    declared = graph
    schedule = scheduled(cut_whole(in_blocks(in_parts(declared))), _functions, observe)
    parts, tensors, functions, ordered = schedule.parts, schedule.tensors, schedule.functions, schedule.ordered
    needs = schedule.needs
    for items in functions:
        mark_streamed(items, parts.whole.outputs)
    graph = parts.whole
    placement = _place(graph, tensors, functions, needs)
    names = size_names(graph, list(with_inner(ordered)))
    flops, outside_products = total_flops(functions)
    interruptible = any(map(is_long, with_inner(ordered)))
    signature = signature_of(
        placement,
        declared,
        names,
        releases_gil=bool(names) or flops > BRIEF or interruptible,
        limits_blas_threads=any(map(_uses_blas, with_inner(ordered))),
        interruptible=interruptible,
    )
    host = engine().host
    writer = ProgramWriter(placement, signature, host)
    module = writer.write(functions)
    level = _level_of(functions)
    loaded = _compiled(module, signature, placement, level, outside_products)
    return Kernel(
        loaded,
        module,
        level,
        lambda: cost_of(graph.outputs, functions, needs, placement.workspace_bytes, names, host.vector_bits),
        lambda: describe(functions, graph.outputs, needs),
    )


def _compiled(
    module: Module, signature: Signature, placement: Placement, level: int, operations: float
) -> LoadedKernel:
    """The module as machine code: a long one with plain code first and good code later, unless the first call is long, too."""
    text = module.without_helpers()
    lines = text.count("\n")
    is_brief = operations < OPERATIONS_PER_LINE * lines
    in_two_steps = is_brief and level == NORMAL and LONG_TEXT < lines < ENDLESS_TEXT and not checking()
    is_plain = in_two_steps or lines >= ENDLESS_TEXT
    object_code = engine().compile(text, FAST_TO_COMPILE if is_plain else level)
    constants = [c.value for c in placement.constants]
    loaded = LoadedKernel(object_code, signature, constants, module.declarations, module.routines())
    if in_two_steps:
        improve_later(loaded, text)
    return loaded


def _level_of(functions: Sequence[Sequence[Item]]) -> int:
    """The level of code generation."""
    weights = [weight_of(items) for items in functions]
    straight = all(_is_straight(item) for items in functions for item in items)
    return FAST_TO_COMPILE if max(weights) > LARGE or (straight and sum(weights) <= TINY) else NORMAL


def _uses_blas(statement: Statement) -> bool:
    return calls.uses_blas(statement) if isinstance(statement, CallStatement) else uses_blas(statement)


def _is_straight(item: Item) -> bool:
    return isinstance(item, Statement) and not item.extents and not isinstance(item, StructuredStatement)


def _functions(items: list[Item]) -> list[list[Item]]:
    """The items in runs of about `FUNCTION_LIMIT` operations; a loop that threads share is on its own."""
    mark_shared(items)
    functions: list[list[Item]] = [[]]
    weight = 0.0
    for item in items:
        own = weight_of([item])
        apart = is_shared([item]) or is_shared(functions[-1])
        if functions[-1] and (apart or weight + own > FUNCTION_LIMIT):
            functions.append([])
            weight = 0.0
        functions[-1].append(item)
        weight += own
    return functions


def _place(graph: Graph, tensors: Sequence[Tensor], functions: Sequence[Sequence[Item]], needs: Lifetimes) -> Placement:
    output_of = {tensor: k for k, tensor in reversed(list(enumerate(graph.outputs)))}
    chosen = {t: byte_count(t, needs.kept_axes.get(t)) for t in tensors if t in needs.stored and t not in output_of}
    shared = shared_memory(functions, needs)
    for tensor, copies in shared.copies.items():
        chosen[tensor] = extent(product_of(extent_scalar(copies), extent_scalar(shared.copy_bytes[tensor])))
    layout = plan(functions, chosen, needs.kept_axes)
    records = aligned(layout.total) if shared.record_bytes else layout.total
    return Placement(
        graph.inputs,
        graph.outputs,
        tuple(t for t in tensors if isinstance(t, Constant)),
        layout.offsets,
        extent(sum_of(extent_scalar(records), shared.record_bytes)),
        output_of,
        needs.kept_axes,
        shared.copy_bytes,
        shared.copies,
        records,
    )
