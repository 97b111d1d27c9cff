"""Structured control flow: `cond`, `while_loop`, `fori_loop`, `scan`, `checkpoint`, as in JAX.

Inside a traced function each becomes one node of the graph, whatever the number of steps; called on plain values they run in
Python and give the same.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from gradc.errors import ArgumentError
from gradc.trace.arrays.tracer import TracedArray, known_value
from gradc.trace.containers import flatten, unflatten
from gradc.trace.context import active_trace, current_trace, trace_error


def _traced() -> Any:
    """The traced forms, imported where they are needed."""
    from gradc.trace import control

    return control


def _segments() -> Any:
    """Loops in segments, which are made of loops."""
    from gradc import segments

    return segments


def _check_callable(name: str, **functions: Any) -> None:
    for what, function in functions.items():
        if not callable(function):
            raise ArgumentError(f"{name} takes a function as {what}, not {function!r:.60}")


def cond(pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any) -> Any:
    """``true_fun(*operands)`` if ``pred`` holds, else ``false_fun(*operands)``; only that one is computed.

    Parameters
    ----------
    pred
        A number or an array without axes; it counts as true unless it is 0.
    true_fun, false_fun
        Functions of the operands whose results have the same structure and shapes. They may read arrays from outside.
    operands
        Arrays, numbers, and containers of them.

    Raises
    ------
    ShapeError, TraceError
        If the results of the two functions differ in shape or structure.

    >>> import numpy as np
    >>> import gradc
    >>> f = gradc.jit(lambda x: gradc.cond(x > 0, np.sqrt, lambda x: 0 * x, x))
    >>> f(4.0), f(-1.0), gradc.grad(f)(4.0)
    (2.0, -0.0, 0.25)

    """
    _check_callable("cond", true_fun=true_fun, false_fun=false_fun)
    if isinstance(pred, TracedArray) and active_trace() is not None:
        if known_value(pred) is None:
            return _traced().branch(pred, true_fun, false_fun, operands)
    return true_fun(*operands) if pred else false_fun(*operands)


def while_loop(cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init: Any) -> Any:
    """``x = init; while cond_fun(x): x = body_fun(x)``; the last x.

    What is carried, an array, a number or a container of them, keeps its structure, shapes and dtypes. Derivatives of any
    order and mode exist; they are those of the steps that were taken: that a small change would alter their number isn't
    seen. Reverse mode keeps what each step leaves behind on a tape that grows with the steps.

    >>> import gradc
    >>> halvings = gradc.jit(lambda x: gradc.while_loop(lambda s: s[0] > 1, lambda s: (s[0] / 2, s[1] + 1), (x, 0))[1])
    >>> print(halvings(1000.0))
    10

    """
    _check_callable("while_loop", cond_fun=cond_fun, body_fun=body_fun)
    if active_trace() is not None:
        return _traced().while_loop(cond_fun, body_fun, init)
    state = init
    while cond_fun(state):
        state = body_fun(state)
    return state


def fori_loop(
    lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init: Any, checkpoint: bool | int = False
) -> Any:
    """``x = init; for i in range(lower, upper): x = body_fun(i, x)``; the last x.

    What is carried keeps its structure, shapes and dtypes. Bounds that are computed from arguments, and not known while
    tracing (as ints are, also those of closures, and extents of arrays), make it a `while_loop`.
    With ``checkpoint=True`` reverse mode keeps one state per segment of about the square root of the steps, see `scan`.

    >>> import numpy as np
    >>> import gradc
    >>> power = gradc.jit(lambda a, x: gradc.fori_loop(0, 10, lambda i, v: a @ v, x))
    >>> power(np.array([[1.0, 1.0], [1.0, 0.0]]), np.array([1.0, 0.0]))
    array([89., 55.])

    """
    _check_callable("fori_loop", body_fun=body_fun)
    checkpoint = _segment_setting(checkpoint)
    if active_trace() is not None:
        lower, upper = _settled(lower), _settled(upper)
        if checkpoint is not False:
            begin, end = (_known("fori_loop", bound) for bound in (lower, upper))
            return _segments().loop_in_segments(begin, end - begin, checkpoint, body_fun, init)
        return _traced().fori_loop(lower, upper, body_fun, init)
    state = init
    for i in range(lower, upper):
        state = body_fun(i, state)
    return state


def _known(name: str, value: Any) -> int:
    """A number that has to be known while tracing."""
    if isinstance(value, TracedArray):
        value = known_value(value)
    if value is None:
        raise trace_error(
            f"{name} with checkpoint= takes a number of steps that is known while tracing; leave checkpoint= out, or give "
            "the number as an int"
        )
    return int(value)


def _segment_setting(setting: Any) -> bool | int:
    """What checkpoint= says: whether there are segments, or how many steps they have."""
    if isinstance(setting, TracedArray) and setting.dtype.kind in "biu" and not setting.ndim:
        known = known_value(setting)
        setting = setting if known is None else known[()]
    if isinstance(setting, bool | np.bool_):
        return bool(setting)
    if not isinstance(setting, int | np.integer) or setting < 1:
        raise ArgumentError(f"checkpoint= is True, False or the number of steps of a segment, not {setting!r:.60}")
    return int(setting)


def _settled(bound: Any) -> Any:
    """A bound that is an int of a closure, a default or a module: its value, so that the trips are known."""
    value = known_value(bound) if isinstance(bound, TracedArray) and bound.dtype.kind in "iu" else None
    return bound if value is None or value.ndim else int(value)


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    checkpoint: bool | int = False,
) -> tuple[Any, Any]:
    """``carry, y = f(carry, x)`` for each x in xs; the last carry, and the ys stacked along a new first axis.

    Parameters
    ----------
    f
        A function of the carry and a slice of xs that returns the next carry and a y (or None).
    init
        The first carry: an array, a number, or a container of them; it keeps its structure, shapes and dtypes.
    xs
        Arrays with a common first extent, or a container of them; None with ``length``.
    length
        The number of steps, where xs doesn't say.
    reverse
        Whether to go from the last x to the first; each y stands where its x does.
    checkpoint
        Whether reverse mode keeps one carry per segment of about the square root of the steps, and computes the rest again:
        the memory of twice the root for one more run. A number says how many steps a segment has. Values stay the same.

    >>> import numpy as np
    >>> import gradc
    >>> decay = gradc.jit(lambda a, x: gradc.scan(lambda s, v: (a * s + v, s), 0.0, x))
    >>> last, before = decay(0.5, np.ones(4))
    >>> print(last, before)
    1.875 [0.   1.   1.5  1.75]
    >>> def energy(a, kept):
    ...     return gradc.scan(lambda s, _: (np.sin(a * s + 1), None), 0.0, length=1000, checkpoint=kept)[0] ** 2
    >>> every, few = (gradc.grad(energy, static_argnums=1) for _ in range(2))
    >>> bool(np.isclose(every(0.5, False), few(0.5, True), rtol=1e-12))
    True
    >>> every.cost().workspace_bytes > 8 * few.cost().workspace_bytes
    True

    """
    _check_callable("scan", f=f)
    checkpoint = _segment_setting(checkpoint)
    if active_trace() is not None:
        if checkpoint is not False:
            count = _known("scan", _traced().steps_of(xs, length))
            return _segments().scan_in_segments(f, init, xs, count, checkpoint, reverse)  # type: ignore[no-any-return]
        return _traced().scan(f, init, xs, length, reverse)  # type: ignore[no-any-return]
    leaves, tree = flatten(xs)
    counts = {len(leaf) for leaf in leaves} | ({length} if length is not None else set())
    if len(counts) != 1:
        raise ArgumentError(f"scan needs xs of one common first extent, or length=; it has {sorted(counts)}")
    steps = range(counts.pop())
    carry, found = init, []
    for k in reversed(steps) if reverse else steps:
        carry, y = f(carry, unflatten(tree, [leaf[k] for leaf in leaves]))
        found.append(flatten(y))
    if reverse:
        found.reverse()
    if not found:
        return carry, _of_no_steps(f, init, xs, length)
    stacked = [np.stack(ys) for ys in zip(*[ys for ys, _ in found], strict=True)]
    return carry, unflatten(found[0][1], stacked)


def _of_no_steps(f: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, length: int | None) -> Any:
    """What a scan of no steps stacks: arrays of the shapes that a trace of f gives, without rows."""
    from gradc.api import jit

    return jit(lambda start, given: _traced().scan(f, start, given, length, False)[1])(init, xs)


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """``f``, of which reverse mode keeps the arguments only and computes the rest again: less memory for more work.

    Inside a long `scan`, a body that is a checkpointed scan of its own keeps one carry per outer step: the square root of
    the memory for one more run (Griewank and Walther, *Evaluating Derivatives*, chapter 12).

    >>> import numpy as np
    >>> import gradc
    >>> heavy = gradc.checkpoint(lambda x: np.exp(np.sin(x)))
    >>> print(gradc.grad(lambda x: np.sum(heavy(x)))(np.zeros(2)))
    [1. 1.]

    """
    _check_callable("checkpoint", f=f)

    @functools.wraps(f)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if active_trace() is None:
            return f(*args, **kwargs)
        return _traced().checkpointed(lambda given: f(*given[0], **given[1]), [(args, kwargs)])

    return checkpointed


class custom_derivative:
    """A function whose derivative is what you say: a decorator, with rules by JAX's conventions.

    - ``f.defjvp(rule)``: ``rule(primals, tangents)`` returns ``(result, tangent)``; the tangent is linear in the tangents, so
      reverse mode, its transpose, is known as well.
    - ``f.defvjp(fwd, bwd)``: ``fwd(*args)`` returns ``(result, residuals)``, ``bwd(residuals, cotangent)`` a tuple with a
      cotangent per argument (None for zeros).

    Both may be given: each serves its mode. The rules are differentiated themselves where a second derivative is asked for.

    Raises
    ------
    TraceError
        If a rule returns something else, if there is none for the mode that is asked for, or if the function reads a traced
        array from outside that is differentiated: pass it as an argument.

    >>> import numpy as np
    >>> import gradc
    >>> @gradc.custom_derivative
    ... def softplus(x):
    ...     return np.logaddexp(0.0, x)
    >>> @softplus.defjvp
    ... def rule(primals, tangents):
    ...     (x,), (dx,) = primals, tangents
    ...     return softplus(x), dx / (1 + np.exp(-x))
    >>> gradc.grad(softplus)(0.0), gradc.grad(gradc.grad(softplus))(0.0)
    (0.5, 0.25)

    """

    def __init__(self, f: Callable[..., Any]) -> None:
        _check_callable("custom_derivative", f=f)
        functools.update_wrapper(self, f)
        self._function = f
        self._forward: Callable[..., Any] | None = None
        self._pair: tuple[Callable[..., Any], Callable[..., Any]] | None = None

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Give the rule for forward mode; returns the rule."""
        _check_callable("defjvp", rule=rule)
        self._forward = rule
        return rule

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Give the rule for reverse mode."""
        _check_callable("defvjp", fwd=fwd, bwd=bwd)
        self._pair = fwd, bwd

    def __call__(self, *args: Any) -> Any:
        if active_trace() is None or (self._forward is None and self._pair is None):
            return self._function(*args)
        from gradc.trace.custom import with_rule

        name = getattr(self._function, "__name__", "f")
        return with_rule(self, name, self._function, args, self._forward, self._pair)

    def __gradc_stand_in__(self, path: Any, stand_in: Any) -> custom_derivative:
        """The same function over traced copies; the rule may call it by its name."""
        from gradc.trace.surroundings.paths import identical

        identical(self, path)
        twin = custom_derivative(stand_in(self._function, path.attribute("_function")))
        current_trace().copies["object", id(self)] = (twin, self, path)
        if self._forward is not None:
            twin._forward = stand_in(self._forward, path.attribute("_forward"))
        if self._pair is not None:
            twin._pair = tuple(stand_in(f, path.attribute("_pair")) for f in self._pair)
        return twin
