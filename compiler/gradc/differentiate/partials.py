"""Local derivatives: one reverse sweep over the scalar DAG of a body gives its derivative with respect to every load.

Adjoints of scalars stay guarded: the derivative of ``[p] e`` is ``[p] e'``, so that what is not evaluated in the value is
not evaluated in the derivative either.
"""

from __future__ import annotations

from collections.abc import Callable

from gradc.ir.algebra import conjunction, convert, disjunction, guarded, product_of, sum_of
from gradc.ir.scalar import GUARDS, TRUE, Apply, Guard, Load, Number, Scalar, is_apply, is_number, number
from gradc.ir.walk import post_order
from gradc.simplify.patterns import is_bracket

#: A product or sum with at most this many operands is flattened into the adjoint that multiplies it.
_FLATTEN = 12
#: The same for an adjoint that goes to several operands: opening a longer one would undo the sharing.
_FLATTEN_SHARED = 1


#: A user's product of up to this many factors is opened where a derivative multiplies it.
_OPENED = 4


_PRODUCTS = frozenset({"mul", "neg", "prod", "power"})


def mathematical(scalar: Scalar) -> Scalar:
    """A small product as the user wrote it, made free to be reordered; a larger one stays shared as it is."""
    if isinstance(scalar, Load) or (isinstance(scalar, Apply) and scalar.op.name not in _PRODUCTS):
        return scalar
    factors: list[Scalar] = []
    pending = [scalar]
    sign = 1
    while pending:
        factor = pending.pop()
        if is_apply(factor, "mul"):
            pending.extend(factor.children)
        elif is_apply(factor, "neg"):
            sign = -sign
            pending.extend(factor.children)
        else:
            factors.append(factor)
        if len(factors) + len(pending) > _OPENED:
            return scalar
    return product_of(sign, *factors, dtype=scalar.dtype)


def multiply(adjoint: Scalar, partial: Scalar, shared: bool = False) -> Scalar:
    """``adjoint * partial``: collected while it is small, nested where it is not or where others use the adjoint too."""
    if is_number(partial, 1):
        return adjoint
    if is_number(adjoint, 1) and adjoint.dtype == partial.dtype:
        return mathematical(partial)
    limit = _FLATTEN_SHARED if shared else _FLATTEN
    flatten = all(
        not is_apply(factor, "prod") or len(factor.children) <= most
        for factor, most in ((adjoint, limit), (partial, _FLATTEN))
    )
    return product_of(adjoint, mathematical(partial), flatten=flatten, dtype=adjoint.dtype)


def support_of(adjoint: Scalar) -> Scalar:
    """Where an adjoint is not strongly zero, as far as its outermost guards tell.

    Multiplying inside the support is what keeps ``where(x > 0, log(x), 0)`` finite at 0 when ``log(x)`` has several
    consumers: as safe as distributing over the guarded terms, but linear however often a value fans out. Brackets are not
    carried: they are solved, not tested.
    """
    terms = adjoint.children if is_apply(adjoint, "sum") else (adjoint,)
    if not all(isinstance(term, Guard) for term in terms):
        return TRUE
    return disjunction(*[_without_brackets(term.predicate) for term in terms])  # type: ignore[attr-defined]


def _without_brackets(predicate: Scalar) -> Scalar:
    parts = predicate.children if is_apply(predicate, "and") else (predicate,)
    return conjunction(*[p for p in parts if not is_bracket(p)])


_SINGULAR = frozenset(
    {
        "power",
        "pow",
        "div",
        "log",
        "log2",
        "log10",
        "log1p",
        "sqrt",
        "tan",
        "exp",
        "expm1",
        "exp2",
        "sinh",
        "cosh",
        "convert",
    }
)


def may_be_singular(partial: Scalar) -> bool:
    """Whether a local derivative may be infinite or NaN at finite arguments.

    Its first few levels tell: what it multiplies by, not how its operands came about.
    """
    top, seen = [partial], {partial}
    for node in top:
        parts: tuple[Scalar, ...] = ()
        if isinstance(node, Apply):
            if node.op.name in _SINGULAR:
                return True
            if node.op.name in ("prod", "sum"):
                parts = node.children
        elif isinstance(node, Guard):
            parts = node.children
        for part in parts:
            if part not in seen:
                seen.add(part)
                top.append(part)
    return False


def local_derivatives(root: Scalar, seed: Scalar, wanted: Callable[[Load], bool]) -> list[tuple[Load, Scalar]]:
    """``seed * d root / d load`` for each wanted load, in evaluation order (loads with derivative 0 are left out)."""
    order = post_order([root])
    relevant: set[Scalar] = set()
    for node in order:
        if isinstance(node, Load):
            if node.dtype.kind in "fc" and wanted(node):
                relevant.add(node)
        elif any(child in relevant for child in _differentiable_children(node)):
            relevant.add(node)
    if root not in relevant:
        return []
    reached = where_reached(root)
    pending: dict[Scalar, list[Scalar]] = {root: [seed]}
    found: list[tuple[Load, Scalar]] = []
    for node in reversed(order):
        parts = pending.pop(node, None)
        if parts is None:
            continue
        adjoint = parts[0] if len(parts) == 1 else sum_of(*parts, flatten=len(parts) <= _FLATTEN)
        if is_number(adjoint, 0):
            continue
        if isinstance(node, Load):
            found.append((node, adjoint))
            continue
        for child, contribution in _pulled_back(node, adjoint, relevant, reached[node]):
            if not is_number(contribution, 0):
                pending.setdefault(child, []).append(contribution)
    return found[::-1]


def where_reached(root: Scalar) -> dict[Scalar, Scalar]:
    """For each scalar below ``root``, where it is evaluated: the guards above it. Only there are loads in range."""
    order = post_order([root])
    if not root.holds & GUARDS:
        return dict.fromkeys(order, TRUE)
    parts: dict[Scalar, list[Scalar]] = {root: [TRUE]}
    reached: dict[Scalar, Scalar] = {}
    for node in reversed(order):
        here = reached[node] = TRUE if TRUE in parts[node] else disjunction(*parts[node])
        for child in node.children:
            if child.children or isinstance(child, Load):
                inside = conjunction(here, node.predicate) if isinstance(node, Guard) and child is node.body else here
                parts.setdefault(child, []).append(inside)
            else:
                parts.setdefault(child, [TRUE])
    return reached


def _differentiable_children(node: Scalar) -> tuple[Scalar, ...]:
    if isinstance(node, Guard):
        return (node.body,)
    if isinstance(node, Apply) and node.op.partials is not None:
        return node.args
    return ()


def _pulled_back(node: Scalar, adjoint: Scalar, relevant: set[Scalar], reached: Scalar) -> list[tuple[Scalar, Scalar]]:
    """What the adjoint of ``node``, which is evaluated where ``reached``, gives to each of its operands."""
    if isinstance(node, Guard):
        return [(node.body, guarded(node.predicate, adjoint))]
    if isinstance(node, Number) or not isinstance(node, Apply):
        return []
    assert node.op.partials is not None
    shared = sum(child in relevant for child in node.args) > 1
    result = []
    for child, partial in zip(node.args, node.op.partials(node, *node.args), strict=True):
        if partial is None or child not in relevant:
            continue
        contribution = multiply(adjoint, partial, shared)
        if may_be_singular(partial):
            contribution = guarded(support_of(adjoint), contribution)
        if reached is not TRUE and not isinstance(partial, Number):
            contribution = guarded(reached, contribution)
        result.append((child, _as_dtype(contribution, child)))
    return result


def _as_dtype(contribution: Scalar, child: Scalar) -> Scalar:
    if contribution.dtype == child.dtype or child.dtype.kind not in "fc":
        return contribution
    return convert(contribution, child.dtype)


def one_of(dtype_like: Scalar) -> Scalar:
    """The literal 1 that starts a sweep."""
    return number(1, dtype_like.dtype)
