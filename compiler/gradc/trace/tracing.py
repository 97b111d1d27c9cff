"""`trace`: run a function once on traced arrays and keep the graph."""

from __future__ import annotations

import enum
import functools
import inspect
import types
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.errors import DTypeError, TraceError
from gradc.ir.scalar import FLOAT64, DType
from gradc.ir.tensor import Graph, Input, Tensor
from gradc.ir.walk import graph_order
from gradc.trace.arrays.filtered import Filtered
from gradc.trace.arrays.tracer import TracedArray, check_array, lift
from gradc.trace.containers import container_classes, flatten, keeping, leaf_paths, unflatten
from gradc.trace.context import Trace, trace_error, tracing
from gradc.trace.records import Argument, Capture, Traced
from gradc.trace.specs import Spec, lies_by_rows, supported
from gradc.trace.surroundings.access import Path, Root
from gradc.trace.surroundings.conditions import Condition, HasContent
from gradc.trace.surroundings.objects import rely_on_numbers
from gradc.trace.surroundings.paths import root_path
from gradc.trace.surroundings.standins import is_copy, stand_in, static_leaf


@dataclass(frozen=True)
class Names:
    """How the arguments of a function are called."""

    positional: tuple[str, ...]
    variadic: str | None = None
    keywords: frozenset[str] = frozenset()

    def of(self, position: int, count: int) -> str:
        """The name of the positional argument at ``position``, of ``count``."""
        if position < len(self.positional):
            return self.positional[position]
        if self.variadic is not None:
            return f"{self.variadic}[{position - len(self.positional)}]"
        return "x" if count == 1 else f"x{position}"


def parameter_names(function: Any) -> Names:
    """The names of a function's positional parameters."""
    if isinstance(function, types.FunctionType) and not hasattr(function, "__wrapped__"):
        return _names_of_code(function.__code__)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return Names(())
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    variadic = next((p.name for p in parameters if p.kind is inspect.Parameter.VAR_POSITIONAL), None)
    by_name = frozenset(p.name for p in parameters if p.kind is not inspect.Parameter.POSITIONAL_ONLY)
    positional = tuple(p.name for p in parameters if p.kind in kinds)
    innermost = inspect.unwrap(function)
    if isinstance(innermost, np.ufunc):  # out= may be given by position, but is no operand
        positional = positional[: innermost.nin]
    return Names(positional, variadic, by_name)


@functools.lru_cache(maxsize=4096)
def _names_of_code(code: types.CodeType) -> Names:
    positional = code.co_varnames[: code.co_argcount]
    by_name = code.co_varnames[code.co_posonlyargcount : code.co_argcount + code.co_kwonlyargcount]
    variadic = (
        code.co_varnames[code.co_argcount + code.co_kwonlyargcount] if code.co_flags & inspect.CO_VARARGS else None
    )
    return Names(positional, variadic, frozenset(by_name))


# ---------------------------------------------------------------- arguments


def leaf_spec(leaf: Any, differentiated: bool = False) -> Spec | None:
    """The shape and dtype of an argument leaf; None for one that has none (a string, a bool, an object)."""
    if isinstance(leaf, np.ndarray | np.generic):
        check_array(leaf)
        return Spec(leaf.shape, leaf.dtype.newbyteorder("="))
    if isinstance(leaf, bool):
        return None
    if isinstance(leaf, int | float | complex):
        dtype: DType = np.asarray(float(leaf) if differentiated and isinstance(leaf, int) else leaf).dtype
        return Spec((), dtype if supported(dtype) else FLOAT64, weak=True)
    if isinstance(leaf, TracedArray):
        floats = differentiated and leaf.weak and leaf.dtype.kind == "i"
        return Spec(leaf.extents, FLOAT64 if floats else leaf.dtype, leaf.weak)
    if isinstance(leaf, Spec):
        return leaf
    return leaf_spec(np.asarray(leaf)) if hasattr(type(leaf), "__array__") else None


def _check_differentiated(leaf: Any, spec: Spec | None, path: str) -> None:
    if spec is None:
        raise DTypeError(
            f"can't differentiate with respect to {path}: a {type(leaf).__name__} is not a number or an array; "
            "put the numbers in a dict, tuple or dataclass"
        )
    if spec.dtype.kind not in "fc":
        raise DTypeError(
            f"can't differentiate with respect to {path}: it holds {spec.dtype.name}; "
            f"pass {path}.astype(float), or leave it out of argnums"
        )


@dataclass(frozen=True)
class Lifted:
    """Arguments as traced arrays over fresh inputs."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: tuple[Input, ...]
    leaves: tuple[Any, ...]


def lift_arguments(
    trace: Trace,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    names: Sequence[str],
    *,
    static: frozenset[int | str] = frozenset(),
    differentiated: frozenset[int] = frozenset(),
) -> Lifted:
    """The arguments with each array and number replaced by a traced array over an input of its name."""
    inputs: list[Input] = []
    given: list[Any] = []

    def lifted(value: Any, name: str, floats: bool) -> Any:
        leaves, tree = flatten(value)
        for kind in container_classes(value):
            rely_on_numbers(kind)
        made = []
        for leaf, path in zip(leaves, leaf_paths(tree, name), strict=True):
            spec = leaf_spec(leaf, floats)
            if spec is None and not (floats and tree.is_leaf()):
                made.append(static_leaf(leaf, path))
                trace.statics[id(made[-1])] = (made[-1], leaf)
                continue
            if floats:
                _check_differentiated(leaf, spec, path)
            assert spec is not None
            known = leaf if isinstance(leaf, int | np.integer | np.bool_) and not floats else None
            tensor = trace.argument(path, spec.shape, spec.dtype, known)
            inputs.append(tensor)
            given.append(leaf)
            if isinstance(leaf, TracedArray) and not floats:
                trace.aliases[tensor] = leaf
            made.append(TracedArray(tensor, weak=spec.weak, immutable=_immutable(leaf, spec)))
            made[-1].is_row_major = _lies_by_rows(leaf)
        return unflatten(tree, made)

    new_args = tuple(
        static_leaf(value, name) if k in static else lifted(value, name, k in differentiated)
        for k, (value, name) in enumerate(zip(args, names, strict=False))
    )
    new_kwargs = {
        name: static_leaf(value, name) if name in static else lifted(value, name, False)
        for name, value in kwargs.items()
    }
    return Lifted(new_args, new_kwargs, tuple(inputs), tuple(given))


def _lies_by_rows(leaf: Any) -> bool:
    if isinstance(leaf, TracedArray):
        return leaf.is_row_major
    return not isinstance(leaf, np.ndarray) or lies_by_rows(leaf)


def _immutable(leaf: Any, spec: Spec) -> bool:
    if isinstance(leaf, TracedArray):
        return leaf.immutable
    return not isinstance(leaf, np.ndarray) and not spec.shape


# ---------------------------------------------------------------- running the function


def traced_call(
    trace: Trace,
    function: Root,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    path: Path,
    names: Sequence[str] | None = None,
) -> Traced:
    """Run ``function`` on ``args``: their leaves are traced arrays over inputs, or specs, which become fresh inputs."""
    known = parameter_names(function)
    called = names if names is not None else [known.of(k, len(args)) for k in range(len(args))]
    arguments: list[Argument] = []
    handles: list[TracedArray] = []
    trees: dict[int | str, Any] = {}

    def handed_over(value: Any, name: str, argnum: int | str) -> Any:
        leaves, tree = flatten(value)
        paths = leaf_paths(tree, name)
        made: list[Any] = []
        kept: dict[int, Any] = {}
        for leaf, path in zip(leaves, paths, strict=True):
            handle = _handle(trace, leaf, path)
            if isinstance(handle, TracedArray):
                assert isinstance(handle.tensor, Input)
                arguments.append(Argument(path, argnum, handle.tensor, handle.weak))
                handles.append(handle)
            else:
                kept[len(made)] = trace.statics.get(id(leaf), (leaf, leaf))[1]
            made.append(handle)
        trees[argnum] = keeping(tree, kept)
        return unflatten(tree, made)

    new_args = [handed_over(value, called[k], k) for k, value in enumerate(args)]
    new_kwargs = {name: handed_over(value, name, name) for name, value in kwargs.items()}
    runnable = function if is_copy(function) else stand_in(function, path)
    result = runnable(*new_args, **new_kwargs)
    inputs = [argument.input for argument in arguments]
    return _finished(trace, function, result, arguments, trees, written_of(zip(inputs, handles, strict=True)))


def written_of(handles: Iterable[tuple[Input, TracedArray]]) -> tuple[tuple[Input, Tensor], ...]:
    """The inputs that have been written to, and what they hold."""
    contents = []
    for tensor, handle in handles:
        if handle.extents != tensor.shape:
            raise trace_error(f"{tensor.name}.shape = ... would reshape the caller's array; use a view, x.reshape(...)")
        contents.append((tensor, handle.written()))
    return tuple((tensor, content) for tensor, content in contents if content is not None)


def _handle(trace: Trace, leaf: Any, path: str) -> Any:
    """A handle of the call's own, so that what the function writes stays inside it."""
    if isinstance(leaf, TracedArray):
        own = TracedArray(leaf.tensor, weak=leaf.weak, immutable=leaf.immutable)
        own.is_row_major = leaf.is_row_major
        return own
    if isinstance(leaf, Spec):
        return TracedArray(trace.argument(path, leaf.shape, leaf.dtype), weak=leaf.weak, immutable=not leaf.shape)
    return leaf


def _finished(
    trace: Trace,
    function: Root,
    result: Any,
    arguments: Sequence[Argument],
    trees: dict[int | str, Any],
    written: tuple[tuple[Input, Tensor], ...],
) -> Traced:
    leaves, tree = flatten(result)
    kept = {k: leaf for k, leaf in enumerate(leaves) if isinstance(leaf, _KEPT)}
    kept |= {k: trace.statics[id(leaf)][1] for k, leaf in enumerate(leaves) if id(leaf) in trace.statics}
    if any(isinstance(leaf, str) and "TracedArray(" in leaf for leaf in kept.values()):
        raise TraceError(
            "the text of an array needs its value, which is not known while the function is traced; return the array "
            f"and write its text outside the function{_place_of(function)}"
        )
    tree = keeping(tree, kept)
    outputs = [_output(leaf, function) for k, leaf in enumerate(leaves) if k not in kept]
    tensors = tuple(x.tensor for x in outputs)
    captures = used_captures(trace, tensors)
    _refuse_leaks((*tensors, *[content for _, content in written]), trace)
    inputs = tuple(a.input for a in arguments) + tuple(c.input for c in captures)
    return Traced(
        graph=Graph(inputs, tensors),
        arguments=tuple(arguments),
        captures=captures,
        argument_trees=trees,
        out_tree=tree,
        weak_outputs=tuple(x.weak for x in outputs),
        conditions=conditions_of(trace),
        pins=tuple((tensor, value) for tensor, value in trace.pinned.items() if tensor not in trace.captures),
        written=written,
        function=function,
        lines={t: trace.lines[t] for t in graph_order(tensors) if t in trace.lines},
    )


#: Values in a result that are what they are, whatever the arguments.
_KEPT = (str, bytes, np.dtype, enum.Enum, type(Ellipsis), slice, range)


def _refuse_leaks(outputs: Sequence[Tensor], trace: Trace) -> None:
    """What a body of a loop or branch was given has no value outside of it."""
    for node in graph_order(outputs) if trace.local else ():
        if isinstance(node, Input) and node in trace.local:
            raise TraceError(
                f"a value that was computed from {node.name} inside the body of a loop or branch is used outside of it "
                "(or outside of a function that np.vectorize calls once for all entries); return it from the body"
            )


def _output(leaf: Any, function: Root) -> TracedArray:
    if isinstance(leaf, Filtered):
        raise leaf.refusal
    try:
        return lift(leaf)
    except TraceError:
        if hasattr(type(leaf), "__array__"):
            raise
        kind, instead = getattr(leaf, "kind", type(leaf).__name__), "return tuples, lists, dicts or dataclasses of them"
        shown = "" if " at 0x" in repr(leaf) else f" {leaf!r:.80}"
        if isinstance(leaf, Iterable):
            instead = "return its entries, list(...)"
        raise TraceError(
            f"a traced function returns arrays and numbers, not a {kind}{shown}; {instead}{_place_of(function)}"
        ) from None


def _place_of(function: Root) -> str:
    """Where a function is written, as the end of a message."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return "" if code is None else f"\n  in {code.co_name}, {code.co_filename}:{code.co_firstlineno}"


def used_captures(trace: Trace, outputs: Sequence[Any]) -> tuple[Capture, ...]:
    """The captures that the outputs read, in the order in which the function reached them."""
    present = {node for node in graph_order(outputs) if isinstance(node, Input)}
    return tuple(capture for tensor, capture in trace.captures.items() if tensor in present)


def conditions_of(trace: Trace) -> tuple[Condition, ...]:
    """What the trace relies on: types and identities along the paths, and the content of pinned captures."""
    pinned = [
        HasContent(capture.route, trace.pinned[tensor])
        for tensor, capture in trace.captures.items()
        if tensor in trace.pinned
    ]
    return (*[condition for condition, _ in trace.conditions.values()], *pinned)


def trace(
    function: Callable[..., Any],
    args: Sequence[Any] = (),
    kwargs: dict[str, Any] | None = None,
    *,
    static_argnums: Sequence[int] = (),
    differentiated: Sequence[int] = (),
    prefix: str = "",
) -> Traced:
    """Run ``function`` once on traced arrays and keep the graph.

    Arguments are values, containers of them, or specs. ``differentiated`` names the positions where a Python int counts as a
    float; ``prefix`` goes before the inputs' names.

    >>> import numpy as np
    >>> from gradc.trace.specs import vector
    >>> traced = trace(lambda x: np.dot(x, x), [vector("n")])
    >>> [argument.path for argument in traced.arguments], traced.outputs[0].shape
    (['x'], ())
    """
    known = parameter_names(function)
    names = [prefix + known.of(k, len(args)) for k in range(len(args))]
    static = frozenset(k + len(args) if k < 0 else k for k in static_argnums)
    with tracing(Trace(function)) as context:
        lifted = lift_arguments(
            context, args, kwargs or {}, names, static=static, differentiated=frozenset(differentiated)
        )
        return traced_call(context, function, lifted.args, lifted.kwargs, root_path(function), names)
