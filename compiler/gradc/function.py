"""`Function`: a user's function under a transform, traced and compiled once per signature."""

from __future__ import annotations

import functools
import types
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.compiled import Record, lock, prepared
from gradc.compiled_arguments import copy_results, run_into, shown, signature_of, value_of
from gradc.errors import ArgumentError
from gradc.ir.rewrite import replace_tensors
from gradc.ir.tensor import Graph, Input, Tensor
from gradc.showing import Shown
from gradc.trace.arrays.tracer import TracedArray, lift, wrap
from gradc.trace.containers import unflatten
from gradc.trace.context import Trace, active_trace, current_trace, trace_error, tracing
from gradc.trace.elements.elementwise import astype
from gradc.trace.records import Capture, Traced
from gradc.trace.specs import scalar
from gradc.trace.surroundings.conditions import Satisfies
from gradc.trace.surroundings.paths import StandInOf, constant_path, root_path
from gradc.trace.tracing import (
    Lifted,
    conditions_of,
    lift_arguments,
    parameter_names,
    traced_call,
    used_captures,
    written_of,
)
from gradc.written import Written, arrays_of, check_written, store
from gradc_runtime.entry import FastCallable
from gradc_runtime.layout import calls_are_possible


@dataclass(frozen=True)
class Outcome:
    """What a transform gives: tensors over the traced graph's inputs, and the structure (a treedef) they fill."""

    outputs: tuple[Tensor, ...]
    tree: Any


#: What an output is: its kind, and the paths it is differentiated by.
Label = tuple[str, tuple[str, ...]]

#: Traces the user's function: ``call(args, kwargs)``. Leaves are `TracedArray`s as `Transform.run` got them, or `Spec`s
#: (then the leaf is a fresh input of that shape, to be replaced by `gradc.ir.rewrite.replace_tensors`).
TraceCall = Callable[[tuple[Any, ...], dict[str, Any]], Traced]


@dataclass(frozen=True)
class Transform:
    """What is done to a traced function. `Transform()` itself does nothing: it is `jit`.

    A subclass is a frozen dataclass whose fields are the transform's options; they (with the class) are the key under which
    compiled kernels are shared. Most override `apply` only. One whose arguments are not those of the function
    (``vmap``, ``hvp``) overrides `run`, and `parameters` if it adds arguments.
    """

    @property
    def name(self) -> str:
        """The name that users see."""
        return type(self).__name__.lower() if type(self) is not Transform else "jit"

    @property
    def key(self) -> Hashable:
        """What tells this transform from others."""
        return (type(self), self)

    def differentiated(self) -> tuple[int, ...]:
        """Positions of the arguments that are differentiated: there a Python int counts as a float."""
        return ()

    def parameters(self, names: list[str]) -> list[str]:
        """Names of the positional parameters of the transformed function, from those of the function itself."""
        return names

    def labels(self, traced: Sequence[Traced]) -> list[Label]:
        """What each output is, for formulas: ``("value", ())``, ``("derivative", ("x",))``. Empty: nothing is known."""
        return []

    def run(self, call: TraceCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
        """Trace and transform. ``args`` and ``kwargs`` hold `TracedArray`s whose tensors are Inputs."""
        return self.apply(call(args, kwargs))

    def apply(self, traced: Traced) -> Outcome:
        """The transformed outputs, over the inputs of ``traced.graph``."""
        return Outcome(traced.graph.outputs, traced.out_tree)


# ---------------------------------------------------------------- records


class Table:
    """The records of one function code under one transform, by signature; shared by all Functions made of them."""

    def __init__(self, keep: Any) -> None:
        self.keep = keep
        self.records: dict[Hashable, list[Record]] = {}
        self.traces = 0

    def keep_record(self, key: Hashable, record: Record) -> None:
        """Remember a record; the oldest go when there are many."""
        with lock:
            self.records[key] = [record, *self.records.get(key, ())][:_RECORDS_KEPT]
            if len(self.records) > _SIGNATURES_KEPT:
                del self.records[next(iter(self.records))]


#: Records of one signature that differ by what was captured or pinned; signatures of one function.
_RECORDS_KEPT = 16
_SIGNATURES_KEPT = 512

_tables: OrderedDict[Hashable, Table] = OrderedDict()
_TABLES_KEPT = 1024


def _function_key(function: Any) -> tuple[Hashable, Any]:
    """What tells functions apart, and what must stay alive for that. Closures over other values share a key."""
    if isinstance(function, types.FunctionType):
        code, scope = function.__code__, function.__globals__
        return ("code", id(code), id(scope)), (code, scope)
    if isinstance(function, types.MethodType):
        key, keep = _function_key(function.__func__)
        return ("method", key, type(function.__self__)), keep
    if isinstance(function, functools.partial):
        key, keep = _function_key(function.func)
        return ("partial", key, len(function.args), tuple(function.keywords)), keep
    if isinstance(function, Function):
        key, keep = _function_key(function.function)
        return ("transformed", function.transform.key, key, function.static_argnums), keep
    return ("object", id(function)), function


def _table_of(key: Hashable, keep: Any) -> Table:
    with lock:
        table = _tables.get(key)
        if table is None:
            table = _tables[key] = Table(keep)
            if len(_tables) > _TABLES_KEPT:
                _tables.popitem(last=False)
        else:
            _tables.move_to_end(key)
        return table


def _static(function: Any, argnums: int | Sequence[int], argnames: str | Sequence[str]) -> tuple[int | str, ...]:
    """Static arguments by position and by name, whichever way they were named."""
    listed = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    names = (argnames,) if isinstance(argnames, str) else tuple(argnames)
    if not all(isinstance(k, int) for k in listed) or not all(isinstance(n, str) for n in names):
        raise ArgumentError(f"static_argnums is an int or several, static_argnames a str or several: {listed}, {names}")
    known = parameter_names(function)
    unknown = [name for name in names if name not in known.keywords and name not in known.positional]
    if unknown and (known.keywords or known.positional):
        raise ArgumentError(
            f"static_argnames={unknown}: the function has no such parameter, but {list(known.positional)}"
        )
    positions = [known.positional.index(name) for name in names if name in known.positional]
    called = [known.positional[k] for k in listed if 0 <= k < len(known.positional)]
    return tuple(dict.fromkeys([*listed, *positions, *called, *names]))


def _captures(trace: Trace, outputs: Sequence[Tensor], changed: Mapping[Input, Tensor]) -> tuple[Capture, ...]:
    """The captures that the outputs and the written arrays read, or that are written."""
    return used_captures(trace, (*outputs, *changed.values(), *changed))


def _write_back(calls: Sequence[Traced], lifted: Lifted, actual: Mapping[Tensor, Tensor], *, is_stored: bool) -> None:
    """Arrays of the trace under way that a compiled function writes to get their new content."""
    handles = dict(zip(lifted.inputs, lifted.leaves, strict=True))
    changed = [(t, content) for traced in calls for t, content in traced.written]
    contents = replace_tensors([content for _, content in changed], actual)
    for (tensor, _), content in zip(changed, contents, strict=True):
        handle = handles[tensor]
        if not isinstance(handle, TracedArray):
            raise trace_error(f"a compiled function writes to {tensor.name}, an array that isn't traced; pass a copy")
        for other, leaf in handles.items():
            if other is not tensor and isinstance(leaf, TracedArray) and handle.overlaps(leaf):
                raise trace_error(
                    f"{tensor.name} and {other.name} share memory, and the function writes to {tensor.name}; pass a copy"
                )
        if is_stored:
            handle[...] = wrap(content)


# ---------------------------------------------------------------- Function


class Function(FastCallable, Shown):
    """A function under a transform: callable, traced at the first call, compiled once per signature.

    >>> import numpy as np
    >>> double = Function(lambda x: 2 * x, Transform())
    >>> double(np.array([1.0, 2.0]))
    array([2., 4.])
    """

    def __init__(
        self,
        function: Callable[..., Any],
        transform: Transform,
        static_argnums: int | Sequence[int] = (),
        static_argnames: str | Sequence[str] = (),
    ) -> None:
        if not callable(function):
            raise ArgumentError(f"{transform.name} takes a function, not {function!r:.80}")
        self.function = function
        self.transform = transform
        self._given_static = (static_argnums, static_argnames)
        self.static_argnums = _static(function, static_argnums, static_argnames)
        functools.update_wrapper(self, function, updated=())
        self._last: Record | None = None
        self._served: dict[Hashable, int] = {}

    @functools.cached_property
    def _table(self) -> Table:
        key, keep = _function_key(self.function)
        return _table_of((self.transform.key, key, self.static_argnums), keep)

    @functools.cached_property
    def _takes_out(self) -> bool:
        return "out" in parameter_names(self.function).keywords

    def __repr__(self) -> str:
        return f"<{self.transform.name} of {getattr(self.function, '__qualname__', self.function)}>"

    def __getstate__(self) -> dict[str, Any]:
        """A copy has the function and the transform; what was compiled is found again by them."""
        state = vars(self) | {"_last": None, "_served": {}}
        state.pop("_table", None)
        return state

    def __get__(self, instance: Any, owner: type | None = None) -> Function:
        """A Function in a class body is a method."""
        if instance is None:
            return self
        return Function(types.MethodType(self.function, instance), self.transform, *self._given_static)

    @property
    def traces(self) -> int:
        """How many times the function has been traced under this transform (by any `Function` that shares the records)."""
        return self._table.traces

    @property
    def parameters(self) -> list[str]:
        """The names of the positional parameters."""
        return self.transform.parameters(list(parameter_names(self.function).positional))

    # ------------------------------------------------------------ calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if active_trace() is not None:
            return self._inlined(args, kwargs)
        out, names = None, tuple(kwargs)
        if kwargs and not self._takes_out:
            out = kwargs.pop("out", None)
        given = (args, kwargs, names, out)
        record, values, numbers = self.prepared(args, kwargs)
        if record.written:
            return self._writing(record, values, args, kwargs, out, numbers)
        if out is not None:
            run_into(record, values, out)
            self._consider_plan(record, given, numbers)
            return out
        results = record.kernel(values)
        self._consider_plan(record, given, numbers)
        leaves = [shown(result, numbers) for result in results]
        return leaves[0] if record.tree is None else unflatten(record.tree, leaves)

    def _writing(
        self,
        record: Record,
        values: list[np.ndarray],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        out: Any,
        numbers: bool,
    ) -> Any:
        """A call of a function that writes to arrays of the caller's."""
        _, leaves, _ = signature_of(*self._bound(args, kwargs), self.static_argnums)
        arrays = arrays_of(leaves, record.captures, self.function)
        check_written(record.written, arrays, [tensor.name for tensor in record.graph.inputs])
        count = len(record.graph.outputs)
        every = record.storing_kernel(values) if record.is_stored else record.kernel(values)
        results, contents = every[:count], every[count:]
        if record.is_stored:
            store(record.written, contents, arrays)
        if out is not None:
            copy_results(record, results, out)
            return out
        leaves = [shown(result, numbers) for result in results]
        return leaves[0] if record.tree is None else unflatten(record.tree, leaves)

    def prepared(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Record, list[np.ndarray], bool]:
        """The record for a call, the values of its graph's inputs, and whether all arguments are Python numbers."""
        if kwargs:
            args, kwargs = self._bound(args, kwargs)
        key, leaves, numbers = signature_of(args, kwargs, self.static_argnums)
        record, captured = self._record(key, leaves, args, kwargs)
        values = [value_of(leaf, tensor) for leaf, tensor in zip(leaves, record.graph.inputs, strict=False)]
        return record, values + captured, numbers

    def _consider_plan(
        self, record: Record, given: tuple[tuple[Any, ...], dict[str, Any], tuple[str, ...], Any], numbers: bool
    ) -> None:
        """After calls number 2, 4, 8, ... of a form that Python served: machine code is to serve the next ones.

        ``given`` are the arguments as they came: by position, by name without ``out``, all names in order, ``out``.
        """
        form = (record, len(given[0]), given[2])
        served = self._served[form] = self._served.get(form, 0) + 1
        if (
            served < 2
            or served & (served - 1)
            or type(self).__call__ is not Function.__call__
            or not calls_are_possible()
        ):
            return
        from gradc.compiled_plan import Call, plan_of

        plan = plan_of(record, self.function, Call(*given, self.static_argnums, numbers))
        if plan is not None:
            self.add_plan(plan)
        if len(self._served) > _SIGNATURES_KEPT:
            self._served.clear()

    def _record(
        self, key: Hashable, leaves: Sequence[Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Record, list[np.ndarray]]:
        """The record for a call, and the present values of its captures."""
        function = self.function
        known = self._table.records.get(key)
        if known is not None:
            for record in known:
                if (not record.conditions and not record.pins) or record.holds(function, leaves):
                    captured = record.captured(function) if record.captures else []
                    if captured is not None:
                        self._note_last(record)
                        return record, captured
        # Another thread may replace what the function reaches by itself at any moment: the values that the trace has seen
        # are of the right types and shapes, what a second look finds need not be.
        record, seen = self._derived(args, kwargs)
        self._note_last(record)
        if not record.volatile:
            self._table.keep_record(key, record)
        return record, seen

    def _note_last(self, record: Record) -> None:
        self._last = record
        self.forget_last_plan()

    def _differentiated(self, count: int) -> frozenset[int]:
        return frozenset(k + count if k < 0 else k for k in self.transform.differentiated())

    def _static_of(self, count: int) -> frozenset[int | str]:
        """The static arguments of a call with so many by position: their positions, and their names."""
        return frozenset(k + count if isinstance(k, int) and k < 0 else k for k in self.static_argnums)

    def _names(self, count: int) -> list[str]:
        known = parameter_names(self.function)
        listed = self.transform.parameters([known.of(k, count) for k in range(count)])
        return [listed[k] if k < len(listed) else known.of(k, count) for k in range(count)]

    def _derived(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Record, list[np.ndarray]]:
        """Trace and transform: the whole way from the user's function to the graph of the new one.

        Also gives the values of the captures, as the trace has seen them.
        """
        self._table.traces += 1
        count = len(args)
        with tracing(Trace(self.function)) as trace:
            lifted = lift_arguments(
                trace,
                args,
                kwargs,
                self._names(count),
                static=self._static_of(count),
                differentiated=self._differentiated(count),
            )
            calls: list[Traced] = []

            def call(inner_args: tuple[Any, ...], inner_kwargs: dict[str, Any]) -> Traced:
                calls.append(traced_call(trace, self.function, inner_args, inner_kwargs, root_path(self.function)))
                return calls[-1]

            outcome = self.transform.run(call, lifted.args, lifted.kwargs)
            changed = {t: c for traced in calls for t, c in traced.written} | dict(written_of(trace.handles))
            captures = _captures(trace, outcome.outputs, changed)
            places = {tensor: k for k, tensor in enumerate(lifted.inputs)}
            pins = tuple((places[t], v) for t, v in trace.pinned.items() if t in places)
            graph = Graph(lifted.inputs + tuple(c.input for c in captures), outcome.outputs)
            tree = None if outcome.tree.is_leaf() else outcome.tree
            order = {tensor: k for k, tensor in enumerate(graph.inputs)}
            written = tuple(Written(t.name, order[t], c) for t, c in changed.items() if t in order)
            conditions = conditions_of(trace)
            is_stored = type(self.transform) is Transform
            record = Record(tuple(calls), graph, tree, captures, conditions, pins, trace.volatile, written, is_stored)
            return record, [prepared(trace.values[c.input], c.input) for c in captures]

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments given by name go to their position where those before it are given."""
        names = parameter_names(self.function).positional
        rest = dict(kwargs)
        while rest and len(args) < len(names) and names[len(args)] in rest:
            args = (*args, rest.pop(names[len(args)]))
        return args, rest

    # ------------------------------------------------------------ inside another trace

    def _inlined(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The transformed function as part of the trace that is under way."""
        outer = active_trace()
        assert outer is not None
        args, kwargs = self._bound(args, kwargs)
        count = len(args)
        lifted = lift_arguments(
            outer,
            args,
            kwargs,
            self._names(count),
            static=self._static_of(count),
            differentiated=self._differentiated(count),
        )
        path = constant_path(self.function)
        calls: list[Traced] = []

        def call(inner_args: tuple[Any, ...], inner_kwargs: dict[str, Any]) -> Traced:
            calls.append(traced_call(outer, self.function, inner_args, inner_kwargs, path))
            return calls[-1]

        outcome = self.transform.run(call, lifted.args, lifted.kwargs)
        given = [lift(leaf) for leaf in lifted.leaves]
        actual: dict[Tensor, Tensor] = {t: astype(x, t.dtype).tensor for t, x in zip(lifted.inputs, given, strict=True)}
        weak = all(x.weak for x in given)
        tensors = replace_tensors(outcome.outputs, actual)
        results = [wrap(t, weak=weak and not t.shape) for t in tensors]
        _write_back(calls, lifted, actual, is_stored=type(self.transform) is Transform)
        return unflatten(outcome.tree, results)

    def __gradc_stand_in__(self, path: Any, stand_in: StandInOf) -> Function:
        """What traced code finds instead: the same transform of the traced copy."""
        transform, static, given = self.transform, self.static_argnums, self._given_static

        def is_same(present: Function) -> bool:
            return present.transform == transform and present.static_argnums == static

        current_trace().rely_on(Satisfies(path, "transform of", is_same, by_identity=True), self)
        return Function(stand_in(self.function, path.attribute("function")), transform, *given)

    # ------------------------------------------------------------ looking inside

    def record_for(self, *args: Any, **kwargs: Any) -> Record:
        """All stages for these example values or specs; with none, those of the last call, or else scalars."""
        if not args and not kwargs:
            plan = self.last_plan()
            last = self._last if plan is None else plan.tag
            if last is not None:
                return last
            args = tuple(scalar() for _ in self.parameters)
        args, kwargs = self._bound(args, kwargs)
        key, leaves, _ = signature_of(args, kwargs, self.static_argnums)
        return self._record(key, leaves, args, kwargs)[0]
