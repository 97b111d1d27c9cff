"""The arguments and results of a call that Python serves: its signature, the kernel's arrays, the caller's buffers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from gradc.compiled import Record, prepared
from gradc.errors import ArgumentError, DTypeError, ShapeError
from gradc.ir.tensor import Input, Tensor
from gradc.trace.containers import flatten
from gradc.trace.specs import Spec, lies_by_rows
from gradc.trace.surroundings.standins import IMMUTABLE
from gradc.trace.tracing import leaf_spec


def leaf_key(leaf: Any) -> tuple[Hashable, bool, bool]:
    """The key of a leaf, whether it is an input, and whether it is a Python number."""
    kind = type(leaf)
    if kind is float or kind is int or kind is complex:
        return (kind,), True, True
    if kind is np.ndarray:
        return _array_key(leaf), True, False
    if isinstance(leaf, Spec):
        return leaf, True, leaf.weak
    spec = leaf_spec(leaf)
    if spec is not None:
        return (spec, isinstance(leaf, np.ndarray)), True, spec.weak
    if kind is slice:  # has no hash before Python 3.12
        return (kind, *[leaf_key(bound) for bound in (leaf.start, leaf.stop, leaf.step)], repr(leaf)), False, True
    return (kind, leaf if isinstance(leaf, IMMUTABLE) else id(leaf)), False, True


def signature_of(
    args: tuple[Any, ...], kwargs: dict[str, Any], static: tuple[int | str, ...]
) -> tuple[Hashable, list[Any], bool]:
    """The key of a call, its input leaves in order, and whether all of them are Python numbers."""
    keys: list[Hashable] = []
    leaves: list[Any] = []
    numbers = True
    for position, value in enumerate(args):
        kind = type(value)
        if static and (position in static or position - len(args) in static):
            keys.append(("static", _static_key(value)))
        elif kind is float:
            keys.append(float)
            leaves.append(value)
        elif kind is np.ndarray:
            keys.append(_array_key(value))
            leaves.append(value)
            numbers = False
        elif kind is np.float64:
            keys.append(np.float64)
            leaves.append(value)
            numbers = False
        else:
            numbers &= _add_tree(value, keys, leaves)
    for name, value in kwargs.items():
        keys.append(name)
        if name in static:
            keys.append(("static", _static_key(value)))
            continue
        numbers &= _add_tree(value, keys, leaves)
    return tuple(keys), leaves, numbers


def _array_key(array: np.ndarray) -> Hashable:
    """Dtype and shape; memory order where ``reshape`` may not be a view, which is another meaning for what is written."""
    if lies_by_rows(array):
        return (array.dtype, array.shape)
    return (array.dtype, array.shape, "not by rows")


def _static_key(value: Any) -> Hashable:
    try:
        hash(value)
    except TypeError:
        raise ArgumentError(
            f"a static argument must be hashable, not a {type(value).__name__}: {value!r:.80}"
        ) from None
    return (type(value), value)


def _add_tree(value: Any, keys: list[Hashable], leaves: list[Any]) -> bool:
    found, tree = flatten(value)
    numbers = True
    keys.append(tree)
    for leaf in found:
        key, is_input, is_number = leaf_key(leaf)
        keys.append(key)
        if is_input:
            leaves.append(leaf)
            numbers &= is_number
    return numbers


def shown(result: np.ndarray, number: bool) -> Any:
    """A result as the user gets it: without axes it is a number, Python's or NumPy's."""
    if result.ndim:
        return result
    return result.item() if number else result[()]


def value_of(leaf: Any, tensor: Input) -> np.ndarray:
    """An argument as the array that the kernel takes."""
    if type(leaf) is np.ndarray:
        return prepared(leaf, tensor)
    if isinstance(leaf, Spec):
        raise ArgumentError(f"{tensor.name} is a spec, not a value")
    return np.array(leaf, tensor.dtype, order="C", copy=None if isinstance(leaf, np.ndarray) else True)


def run_into(record: Record, values: Sequence[np.ndarray], out: Any) -> Any:
    """Write the results into the caller's buffers."""
    buffers = _buffers_for(record, out)
    direct = all(b.flags.carray for b in buffers) and not _overlap(buffers, values)
    if direct:
        record.kernel(values, buffers)
    else:
        copy_results(record, record.kernel(values), out)
    return out


def copy_results(record: Record, results: Sequence[np.ndarray], out: Any) -> None:
    """Copy results into the caller's buffers."""
    for buffer, result in zip(_buffers_for(record, out), results, strict=True):
        np.copyto(buffer, result)


def _buffers_for(record: Record, out: Any) -> list[Any]:
    """The caller's buffers, one for each result."""
    buffers, tree = flatten(out)
    wanted = record.graph.outputs
    if (tree != record.tree) if record.tree is not None else len(buffers) != 1:
        raise ArgumentError(
            f"out= has another structure than the result: {len(buffers)} buffers for {len(wanted)} results"
        )
    for buffer, tensor in zip(buffers, wanted, strict=True):
        _check_out(buffer, tensor)
    return buffers


def _check_out(buffer: Any, tensor: Tensor) -> None:
    if not isinstance(buffer, np.ndarray):
        raise ArgumentError(f"out= takes arrays to write into, not {type(buffer).__name__}")
    if buffer.dtype.newbyteorder("=") != tensor.dtype:
        raise DTypeError(f"out= has dtype {buffer.dtype}, but the result is {tensor.dtype}")
    named = [e for e in tensor.shape if not isinstance(e, int)]
    if len(buffer.shape) != len(tensor.shape) or (not named and buffer.shape != tensor.shape):
        raise ShapeError(f"out= has shape {buffer.shape}, but the result has shape {tensor.shape}")
    if not buffer.flags.writeable:
        raise ArgumentError("out= is read-only")


def _overlap(buffers: Sequence[np.ndarray], values: Sequence[np.ndarray]) -> bool:
    for position, buffer in enumerate(buffers):
        others = [*values, *buffers[:position]]
        if not buffer.dtype.isnative or any(np.may_share_memory(buffer, other) for other in others):
            return True
    return False
