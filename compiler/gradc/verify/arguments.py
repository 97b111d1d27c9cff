"""The arguments of a check: names, example values and specs, positions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradc.errors import ArgumentError
from gradc.trace.containers import flatten
from gradc.trace.specs import Spec, scalar
from gradc.trace.tracing import parameter_names


def title_of(f: Callable[..., Any] | str) -> str:
    """What a verdict calls the function."""
    if isinstance(f, str):
        return f if len(f) <= 60 else "the formula"
    name = getattr(f, "__name__", "") or type(f).__name__
    return "the function" if name == "<lambda>" else str(name)


def names_of(function: Callable[..., Any], args: Sequence[Any]) -> list[str]:
    """The names of its parameters; made-up ones where it does not tell."""
    known = parameter_names(function)
    if not args and takes_nothing(function):
        return []
    return list(known.positional) or [known.of(k, max(len(args), 1)) for k in range(max(len(args), 1))]


def takes_nothing(function: Callable[..., Any]) -> bool:
    """Whether the function says that it has no parameters: a constant."""
    try:
        return not inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def arguments_of(function: Callable[..., Any], names: Sequence[str], args: Sequence[Any], at: Any) -> tuple[Any, ...]:
    """The arguments, from ``args`` or ``at``; scalars where neither gives any."""
    if at is not None:
        if args:
            raise ArgumentError("give the point by at= or after the hand derivation, not both")
        args = _from_at(function, names, at)
    if not args:
        return tuple(scalar() for _ in _required(function, names))
    if len(args) < len(_required(function, names)):
        missing = list(names)[len(args) : len(_required(function, names))]
        raise ArgumentError(f"no value or spec for {', '.join(missing)}")
    return tuple(args)


def _from_at(function: Callable[..., Any], names: Sequence[str], at: Any) -> Sequence[Any]:
    if isinstance(at, Mapping):
        unknown = [name for name in at if name not in names]
        if unknown:
            raise ArgumentError(f"at= gives {', '.join(unknown)}, but the parameters are {', '.join(names)}")
        given = [name for name in names if name in at]
        if given != list(names)[: len(given)] or len(given) < len(_required(function, names)):
            missing = [name for name in names if name not in at]
            raise ArgumentError(f"at= needs a value for {', '.join(missing)} too")
        return [at[name] for name in given]
    return at if isinstance(at, tuple) else (at,)


def _required(function: Callable[..., Any], names: Sequence[str]) -> list[str]:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return list(names)
    return [name for name in names if name not in parameters or parameters[name].default is inspect.Parameter.empty]


def positions(argnums: int | Sequence[int], count: int) -> tuple[int, ...]:
    """The positions of the arguments that are differentiated, counted from the front."""
    wanted = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for position in wanted:
        if not -count <= position < count:
            raise ArgumentError(f"argnums={argnums}: the function takes {count} arguments here")
    return tuple(position % count for position in wanted)


def check_signature(hand: Callable[..., Any], count: int) -> None:
    """Raise where the hand derivation does not take as many arguments."""
    try:
        inspect.signature(hand).bind(*[None] * count)
    except TypeError as problem:
        raise ArgumentError(f"the hand derivation must take the {count} arguments of the function: {problem}") from None
    except ValueError:
        return


def point_values(args: Sequence[Any], names: Sequence[str]) -> list[np.ndarray[Any, Any]]:
    """The arrays in the arguments, leaf by leaf; raises where one is a spec."""
    values = []
    for value, name in zip(args, names, strict=False):
        for leaf in flatten(value)[0]:
            if isinstance(leaf, Spec):
                raise ArgumentError(f"a number or an array is the derivative at a point: give {name} a value (at=)")
            values.append(np.asarray(leaf))
    return values
