"""A loop tree as a module of LLVM assembly, and its signature."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.errors import CompileError
from gradc.ir.scalar import Apply, Number, Scalar, Size
from gradc.ir.tensor import Extent, Graph, Loop, Tensor
from gradc.ir.walk import post_order
from gradc.lower.frame import Frame, Placement, mentioned
from gradc.lower.loops import TreeEmitter
from gradc.lower.module import Module
from gradc.lower.parallel import is_shared
from gradc.lower.parallel_code import write_shared
from gradc.lower.subprograms import StructuredStatement
from gradc.lower.text import FunctionBuilder
from gradc.lower.tree import Item, Nest, Statement
from gradc_runtime import extents as runtime_extents
from gradc_runtime.engine import Host
from gradc_runtime.loaded import ArraySpec, Signature
from gradc_runtime.tapes import PREFIX as TAPE

#: Operations in one function before the next is begun: LLVM's time grows faster than a function's length.
FUNCTION_LIMIT = 500
#: What the runtime calls the operations of extents.
_EXTENT_OPS = {name: name for name in ("sum", "prod", "power", "floordiv", "mod")} | {
    "minimum": "min",
    "maximum": "max",
}


def size_names(graph: Graph, ordered: Sequence[Statement]) -> tuple[str, ...]:
    """The named sizes that the program mentions: inputs' first, tapes last."""
    names: dict[str, None] = {}
    extents = [e for t in graph.inputs for e in t.shape] + [e for s in ordered for e in s.tensor.extents]
    for part in dict.fromkeys(e for e in extents if isinstance(e, Scalar)):
        names.update((node.name, None) for node in post_order([part]) if isinstance(node, Size))
    for statement in ordered:
        node_of = statement.node if isinstance(statement, StructuredStatement) else None
        if isinstance(node_of, Loop) and isinstance(node_of.trip, Scalar):
            names.update((node.name, None) for node in post_order([node_of.trip]) if isinstance(node, Size))
        names.update((node.name, None) for node in statement.nodes if isinstance(node, Size))
    return tuple(sorted(names, key=lambda name: name.startswith(TAPE)))


def runtime_extent(value: Extent, names: Sequence[str]) -> runtime_extents.Extent:
    """An extent as the runtime's program."""
    if isinstance(value, int):
        return value
    if isinstance(value, Number):
        return int(value.value)  # type: ignore[arg-type]
    if isinstance(value, Size):
        return ("size", names.index(value.name))
    if isinstance(value, Apply) and value.op.name in _EXTENT_OPS:
        return (_EXTENT_OPS[value.op.name], *[runtime_extent(arg, names) for arg in value.args])
    raise CompileError(f"an extent of the form {value!r} can't be computed from the shapes of the arguments")


def signature_of(
    placement: Placement,
    declared: Graph,
    names: tuple[str, ...],
    *,
    releases_gil: bool,
    limits_blas_threads: bool,
    interruptible: bool,
) -> Signature:
    """How the kernel is called: with the inputs and outputs of the graph as it was declared, of which it is the code."""

    def spec(tensor: Tensor, name: str) -> ArraySpec:
        return ArraySpec(name, tensor.dtype, tuple(runtime_extent(e, names) for e in tensor.shape))

    return Signature(
        tuple(spec(t, t.name) for t in declared.inputs),
        tuple(spec(t, f"output {k}") for k, t in enumerate(declared.outputs)),
        names,
        runtime_extent(placement.workspace_bytes, names),
        len(placement.constants),
        releases_gil,
        limits_blas_threads,
        interruptible,
    )


class ProgramWriter:
    """Writes the module: the functions of the tree, and the entries that call them."""

    def __init__(self, placement: Placement, signature: Signature, host: Host) -> None:
        self.module = Module()
        self._signature = signature
        self._frame = Frame(placement, signature, host)

    def write(self, functions: Sequence[Sequence[Item]]) -> Module:
        """The module: the function `gradc_pointers`, what it calls, and nothing else."""
        if len(functions) == 1:
            self._write_part("gradc_pointers", functions[0])
        else:
            names = [f"gradc_part_{position}" for position in range(len(functions))]
            for name, items in zip(names, functions, strict=True):
                self._write_part(name, items)
            self._write_sequence(names)
        return self.module

    def _write_part(self, name: str, items: Sequence[Item]) -> None:
        if is_shared(items):
            (nest,) = items
            assert isinstance(nest, Nest)
            write_shared(self.module, self._frame, name, nest)
            return
        builder = FunctionBuilder(self.module, name, "#0 ")
        TreeEmitter(self._frame.emitter(builder, mentioned(items))).write(items)
        builder.finish()

    def _write_sequence(self, parts: Sequence[str]) -> None:
        """The entry that calls the parts in order, until one fails."""
        lines = ["define i32 @gradc_pointers(ptr %frame) #0 {", "entry:"]
        for position, part in enumerate(parts):
            lines.append(f"  %s{position} = call i32 @{part}(ptr %frame)")
            lines.append(f"  %bad{position} = icmp ne i32 %s{position}, 0")
            lines.append(f"  br i1 %bad{position}, label %fail{position}, label %next{position}")
            lines += [f"fail{position}:", f"  ret i32 %s{position}", f"next{position}:"]
        lines += ["  ret i32 0", "}"]
        self.module.functions.append("\n".join(lines))
