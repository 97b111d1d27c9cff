"""The rules of differentiation by name, with what they say in general, and identities that simplify."""

from __future__ import annotations

from collections.abc import Iterable

from gradc.ir.scalar import Apply, Guard, Load, Number, Scalar, is_apply
from gradc.ir.tensor import Compute, Tensor
from gradc.ir.walk import graph_order, loads_of, post_order
from gradc.present.steps.derivation import Side

CHAIN, PATHS = "chain rule", "sum over paths"
SUM, CONSTANT, PRODUCT, QUOTIENT, POWER = "sum rule", "constant multiple", "product rule", "quotient rule", "power rule"
MATRIX, REDUCTION, BRACKETS = "matrix product", "sum of entries", "bracket elimination"
CASES, EXTREME = "case by case", "the extreme entry"
SELECTED, PRODUCT_OF_ALL = "entries selected", "product of entries"

#: What each rule says, as plain text and LaTeX.
STATEMENTS: dict[str, Side] = {
    CHAIN: Side(
        "df/dx = df/du * du/dx",
        r"\frac{\partial f}{\partial x} = \frac{\partial f}{\partial u} \cdot \frac{\partial u}{\partial x}",
    ),
    PATHS: Side(
        "df/dx = df/du * du/dx + df/dv * dv/dx",
        r"\frac{\partial f}{\partial x} = \frac{\partial f}{\partial u} \frac{\partial u}{\partial x}"
        r" + \frac{\partial f}{\partial v} \frac{\partial v}{\partial x}",
    ),
    SUM: Side("d(u + v) = du + dv", r"\mathrm{d}(u + v) = \mathrm{d}u + \mathrm{d}v"),
    CONSTANT: Side("d(c*u) = c*du", r"\mathrm{d}(c u) = c \, \mathrm{d}u"),
    PRODUCT: Side("d(u*v) = v*du + u*dv", r"\mathrm{d}(u v) = v \, \mathrm{d}u + u \, \mathrm{d}v"),
    QUOTIENT: Side(
        "d(u/v) = (v*du - u*dv)/v**2", r"\mathrm{d}\frac{u}{v} = \frac{v \, \mathrm{d}u - u \, \mathrm{d}v}{v^{2}}"
    ),
    POWER: Side("d(u**n) = n*u**(n - 1)*du", r"\mathrm{d}u^{n} = n u^{n-1} \, \mathrm{d}u"),
    MATRIX: Side("d(A @ B) = dA @ B + A @ dB", r"\mathrm{d}(A B) = \mathrm{d}A \, B + A \, \mathrm{d}B"),
    REDUCTION: Side("d(sum(u[i] for i)) = sum(du[i] for i)", r"\mathrm{d}\sum_i u_i = \sum_i \mathrm{d}u_i"),
    BRACKETS: Side("sum([i == j]*a[i] for i) = a[j]", r"\sum_i [i = j] \, a_i = a_j"),
}

_OWN = {
    "abs": "derivative of abs: the sign",
    "where": CASES,
    "maximum": CASES,
    "minimum": CASES,
    "pow": POWER,
    "power": POWER,
    "square": POWER,
    "reciprocal": POWER,
    "sqrt": "derivative of the square root",
    "root": "derivative of the square root",
    "log": "derivative of log",
    "neg": CONSTANT,
    "add": SUM,
    "sub": SUM,
    "sum": SUM,
}
_SILENT = frozenset({"convert", "stop_gradient", "real"})
#: So many rules are named for one derivative.
_MOST = 3


def rules_of(definition: Tensor, variable: Tensor, variables: Iterable[Tensor]) -> str:
    """The names of the rules that differentiate a definition by one of its variables, outermost first."""
    rules: list[str] = []
    below, varying = _below(definition, [variable]), _below(definition, variables)
    for node in reversed(graph_order([definition])):
        if node not in below or not isinstance(node, Compute):
            continue
        rules += _rules_of_body(node, below, varying)
    distinct = list(dict.fromkeys(rules))
    if len(distinct) > 1 and SUM in distinct and REDUCTION in distinct:
        distinct.remove(SUM)
    if len(distinct) > 1 and CONSTANT in distinct and any(r in distinct for r in (POWER, PRODUCT, QUOTIENT)):
        distinct.remove(CONSTANT)
    return ", ".join(distinct[:_MOST] or [SELECTED])


def _below(definition: Tensor, variables: Iterable[Tensor]) -> set[object]:
    reached: set[object] = set(variables)
    for node in graph_order([definition]):
        if isinstance(node, Compute) and any(i.tensor in reached for i in loads_of(node.body, node.domain)):
            reached.add(node)
    return reached


def _rules_of_body(node: Compute, below: set[object], varying: set[object]) -> list[str]:
    def varies(scalar: Scalar, among: set[object] = below) -> bool:
        return any(item.tensor in among for item in loads_of(scalar))

    rules: list[str] = []
    if node.reducer in ("max", "min"):
        rules.append(EXTREME)
    if node.reducer == "prod":
        rules.append(PRODUCT_OF_ALL)
    if node.reducer == "sum":
        rules.append(MATRIX if _is_contraction(node.body) else REDUCTION)
    for scalar in reversed(post_order([node.body])):
        if isinstance(scalar, Guard) and varies(scalar.body):
            rules.append(SELECTED)
        if not isinstance(scalar, Apply) or scalar.dtype.kind not in "fc" or scalar.op.name in _SILENT:
            continue
        if varies(scalar):
            rules += _rules_of_operation(scalar, [varies(c, varying) for c in scalar.children], MATRIX in rules)
    return rules


def _rules_of_operation(scalar: Apply, varying: list[bool], contracted: bool) -> list[str]:
    name = scalar.op.name
    if name in ("mul", "prod"):
        if contracted:
            return []
        same = len(set(scalar.children)) < len(scalar.children)
        return [POWER if same and name == "mul" else PRODUCT if sum(varying) > 1 else CONSTANT]
    if name == "div":
        return [QUOTIENT if varying[1] else CONSTANT]
    if name in ("pow", "power") and varying[1]:
        return ["derivative of a power with a variable exponent"]
    if name in ("add", "sub", "sum"):
        return [SUM]
    return [_OWN.get(name, f"derivative of {name}")]


def _is_contraction(body: Scalar) -> bool:
    factors = body.children if is_apply(body, "mul") or is_apply(body, "prod") else ()
    return sum(isinstance(f, Load) for f in factors) >= 2


# ---------------------------------------------------------------- identities

_IDENTITIES: dict[str, Side] = {
    "sigmoid": Side(
        "sigmoid(x) = 1/(1 + exp(-x)) = exp(x)/(1 + exp(x))",
        r"\sigma(x) = \frac{1}{1 + e^{-x}} = \frac{e^{x}}{1 + e^{x}}",
    ),
    "softplus": Side("softplus(x) = log(1 + exp(x))", r"\operatorname{softplus}(x) = \log(1 + e^{x})"),
    "softmax": Side(
        "softmax(x)[i] = exp(x[i])/sum(exp(x[j]) for j)",
        r"\operatorname{softmax}(x)_i = \frac{e^{x_i}}{\sum_j e^{x_j}}",
    ),
    "tanh": Side("tanh(x) = sinh(x)/cosh(x)", r"\tanh x = \frac{\sinh x}{\cosh x}"),
    "cosh": Side("cosh(x) = (exp(x) + exp(-x))/2", r"\cosh x = \frac{e^{x} + e^{-x}}{2}"),
    "tan": Side("tan(x) = sin(x)/cos(x)", r"\tan x = \frac{\sin x}{\cos x}"),
    "sign": Side("x/|x| = sign(x)", r"\frac{x}{|x|} = \operatorname{sign} x"),
}
_PYTHAGORAS = Side("sin(x)**2 + cos(x)**2 = 1", r"\sin^2 x + \cos^2 x = 1")
_HYPERBOLIC = Side("cosh(x)**2 - sinh(x)**2 = 1", r"\cosh^2 x - \sinh^2 x = 1")


def identities(before: Iterable[str], after: Iterable[str]) -> list[Side]:
    """The identities that lead from an expression with functions ``before`` to one with functions ``after``."""
    had, have = set(before), set(after)
    found = [side for name, side in _IDENTITIES.items() if name in have and name not in had]
    if {"sin", "cos"} <= had and not have & {"sin", "cos"}:
        found.append(_PYTHAGORAS)
    if {"sinh", "cosh"} <= had and not have & {"sinh", "cosh", "tanh"}:
        found.append(_HYPERBOLIC)
    return found


def terms_of(definition: Tensor) -> tuple[Scalar, ...]:
    """The terms of a displayed sum of several; none where it is no sum."""
    if not isinstance(definition, Compute) or definition.reducer is not None or not is_apply(definition.body, "sum"):
        return ()
    return tuple(t for t in definition.body.children if not isinstance(t, Number))
