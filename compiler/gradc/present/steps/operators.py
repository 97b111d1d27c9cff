"""Divergence, curl and Laplacian: the partial derivatives that they add up, and the sum."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.differentiate import gradient, jacobian_forward
from gradc.ir.algebra import difference, equal, guarded, sum_of
from gradc.ir.scalar import Scalar, index, load, number
from gradc.ir.tensor import Extent, Tensor, compute
from gradc.present.notation import Literal
from gradc.present.steps.derivation import Line, Side, Step
from gradc.present.steps.parts import shown
from gradc.present.steps.points import Check, Points
from gradc.present.steps.scribe import Scribe, quotient
from gradc.present.steps.tell import Task

_GENERAL = {
    "divergence": Side("div f = sum(df[i]/dp[i] for i)", r"\nabla \cdot f = \sum_i \frac{\partial f_i}{\partial p_i}"),
    "laplacian": Side(
        "laplacian f = sum(d^2f/dp[i]^2 for i)", r"\nabla^{2} f = \sum_i \frac{\partial^2 f}{\partial p_i^2}"
    ),
    "curl": Side(
        "curl f = [df[2]/dp[1] - df[1]/dp[2], df[0]/dp[2] - df[2]/dp[0], df[1]/dp[0] - df[0]/dp[1]]",
        r"\nabla \times f = \begin{pmatrix} \partial_1 f_2 - \partial_2 f_1 \\ \partial_2 f_0 - \partial_0 f_2 \\ "
        r"\partial_0 f_1 - \partial_1 f_0 \end{pmatrix}",
    ),
}


def tell_operator(kind: str, task: Task, outputs: Sequence[Tensor]) -> list[Step]:
    """The steps of a vector operator, every partial derivative compared with a difference quotient."""
    (goal,) = task.goals
    point = goal.wrt
    extent = point.shape[0]
    if not isinstance(extent, int):
        return _of_any_size(kind, task, outputs[0])
    points = Points(task.graph)
    scribe = Scribe(task.names, task.graph.inputs)
    count = extent
    if kind == "laplacian":
        field = gradient([outputs[0]], [compute((), number(1, outputs[0].dtype))], [point])[0]
        components = [_entry(field, k) for k in range(count)]
        check = points.derivative(outputs[0], point, field)
    else:
        components = _components(outputs)
        check = None
    defined = _definition(kind, task, scribe, points, outputs)
    lines: list[Line] = (
        [] if check is None else [_gradient_line(task, scribe, components, k, check) for k in range(count)]
    )
    used: dict[tuple[int, int], Tensor] = {}
    for i, k in _partials_of(kind, len(components)):
        partial = jacobian_forward(components[i], point)
        held = points.derivative(components[i], point, partial)
        used[i, k] = _entry(partial, k)
        lines.append(_partial_line(kind, task, scribe, used[i, k], (i, k), held))
    total = _total(kind, used, extent)
    final = points.equal([total, goal.result])
    return [
        defined,
        Step("The definition", (Line((_GENERAL[kind],), "", None),)),
        Step("The partial derivatives", tuple(lines)),
        Step("Add them up", (Line((goal.left, goal.printed), "", final),)),
    ]


def _of_any_size(kind: str, task: Task, output: Tensor) -> list[Step]:
    """The same for a point of any size: one partial derivative stands for all."""
    (goal,) = task.goals
    points, scribe = Points(task.graph), Scribe(task.names, task.graph.inputs)
    letters = scribe.letters(1)
    below, i = scribe.named(task.names[goal.wrt], letters), index(0)
    field, lines = output, []
    if kind == "laplacian":
        field = gradient([output], [compute((), number(1, output.dtype))], [goal.wrt])[0]
        value = scribe.side(scribe.entry(shown(field), letters))
        check = points.derivative(output, goal.wrt, field)
        lines.append(Line((quotient(scribe.side(task.function), [below]), value), "", check))
    jacobian = jacobian_forward(field, goal.wrt)
    own = compute(goal.wrt.shape, load(jacobian, [i, i]))
    above = scribe.named(task.function, () if kind == "laplacian" else letters)
    left = quotient(above, [below, below] if kind == "laplacian" else [below])
    value = scribe.side(scribe.entry(shown(own), letters))
    lines.append(Line((left, value), "", points.derivative(field, goal.wrt, jacobian)))
    total = compute((), load(own, [i]), reduce_extents=own.shape, reducer="sum")
    form = shown(output)
    whole, named = scribe.shorter(form)
    function = Line((scribe.named(task.function, named), scribe.side(whole)), "", points.equal([form, output]))
    return [
        Step("The function", (function,)),
        Step("The definition", (Line((_GENERAL[kind],), "", None),)),
        Step("The partial derivatives", tuple(lines)),
        Step("Add them up", (Line((goal.left, goal.printed), "", points.equal([total, goal.result])),)),
    ]


def _definition(kind: str, task: Task, scribe: Scribe, points: Points, outputs: Sequence[Tensor]) -> Step:
    parts = [outputs[0]] if kind == "laplacian" else _components(outputs)
    lines = []
    for k, part in enumerate(parts):
        name = scribe.named(task.function, () if kind == "laplacian" else (Literal(k),))
        form = shown(part)
        lines.append(Line((name, scribe.side(scribe.entry(form, ()))), "", points.equal([form, part])))
    return Step("The function" if kind == "laplacian" else "The components", tuple(lines))


def _components(outputs: Sequence[Tensor]) -> list[Tensor]:
    if len(outputs) > 1:
        return list(outputs)
    (output,) = outputs
    extent = output.shape[0]
    return [_entry(output, k) for k in range(extent if isinstance(extent, int) else 0)]


def _entry(tensor: Tensor, position: int) -> Tensor:
    return compute((), load(tensor, [number(position)]))


def _partials_of(kind: str, count: int) -> list[tuple[int, int]]:
    """Component and variable of the partial derivatives that count."""
    if kind != "curl":
        return [(k, k) for k in range(count)]
    return [(i, k) for i in range(count) for k in range(count) if i != k]


def _gradient_line(task: Task, scribe: Scribe, components: Sequence[Tensor], k: int, check: Check) -> Line:
    left = quotient(scribe.side(task.function), [scribe.named(task.names[task.goals[0].wrt], (Literal(k),))])
    return Line((left, scribe.side(scribe.entry(shown(components[k]), ()))), "", check)


def _partial_line(kind: str, task: Task, scribe: Scribe, partial: Tensor, place: tuple[int, int], check: Check) -> Line:
    i, k = place
    below = scribe.named(task.names[task.goals[0].wrt], (Literal(k),))
    if kind == "laplacian":
        left = quotient(scribe.side(task.function), [below, below])
    else:
        left = quotient(scribe.named(task.function, (Literal(i),)), [below])
    return Line((left, scribe.side(scribe.entry(shown(partial), ()))), "", check)


def _total(kind: str, used: dict[tuple[int, int], Tensor], extent: Extent) -> Tensor:
    if kind != "curl":
        return compute((), sum_of(*[load(t) for t in used.values()]))
    rows: list[Scalar] = []
    for k in range(3):
        a, b = (k + 1) % 3, (k + 2) % 3
        rows.append(guarded(equal(index(0), number(k)), difference(load(used[b, a]), load(used[a, b]))))
    return compute((extent,), sum_of(*rows))
