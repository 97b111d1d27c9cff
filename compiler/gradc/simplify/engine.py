"""The compute form: the simplified graph that is differentiated further and lowered.

Two passes over the nodes, operands first. `inline_producers` writes producers into consumers. `rewrite` applies the rule
tables bottom-up to each body, flattens and collects products and sums that nothing else uses, tidies index arithmetic; in a
sum it eliminates brackets and pulls invariant factors out. Hash-consing merges what has become equal.

What the user wrote (`add`, `mul`, ...) is only touched by rules that are exact or improve the value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradc.config import checking
from gradc.ir.algebra import guarded, power_of, product_of, rebuild, reindexed, sum_of
from gradc.ir.bounds import tidy_node
from gradc.ir.build import as_tensor
from gradc.ir.conjugates import PARTS
from gradc.ir.rewrite import reprojected
from gradc.ir.scalar import TRUE, Apply, DType, Guard, Load, Number, Scalar, apply, index, is_apply, load, number
from gradc.ir.source import carry_lines
from gradc.ir.tensor import Compute, Graph, Projection, Shape, Tensor, compute
from gradc.ir.walk import graph_order, post_order
from gradc.simplify.brackets import summed
from gradc.simplify.collapse import collapsed
from gradc.simplify.inline import inline_producers
from gradc.simplify.patterns import is_view
from gradc.simplify.rules import COMPLEX, DERIVED, WRITTEN
from gradc.simplify.structured import structured

#: Nested products and sums of at most this many operands are flattened even where they are shared.
_SMALL_NEST = 3
_LARGEST_FLAT = 24


def simplify(graph: Graph) -> Graph:
    """The compute form of a graph: same inputs, same values, less work."""
    written = Graph(graph.inputs, inline_producers(structured(graph.outputs, simplify)))
    if checking():
        from gradc.ir.check import check

        check(written)
    return Graph(graph.inputs, rewrite(written.outputs))


def simplify_outputs(outputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The compute form of some outputs."""
    return rewrite(inline_producers(structured(outputs, simplify)))


def rewrite(outputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Rules, collection and bracket elimination, body by body."""
    nodes = [node for node in graph_order(outputs) if isinstance(node, Compute | Projection)]
    run = _Rewriter([node for node in nodes if isinstance(node, Compute)])
    for node in nodes:
        if isinstance(node, Compute):
            run.visit(node)
        else:
            run.images[node] = reprojected(node, run.images)
    return tuple(run.images.get(t, t) for t in outputs)


class _Rewriter:
    """The images of the nodes so far, and of their scalars: bodies over the same extents share what is rewritten once."""

    def __init__(self, nodes: Sequence[Compute]) -> None:
        self.images: dict[Tensor, Tensor] = {}
        self._uses: dict[Scalar, int] = {}
        self._scalars: dict[Shape, dict[Scalar, Scalar]] = {}
        seen = post_order([root for node in nodes for root in (node.body, node.domain)])
        for scalar in seen:
            for child in scalar.children:
                self._uses[child] = self._uses.get(child, 0) + 1

    def visit(self, node: Compute) -> None:
        """Give ``node`` its rewritten image."""
        body = self._rewritten(node.body, node.extents)
        domain = self._rewritten(node.domain, node.extents) if node.domain is not TRUE else TRUE
        if node.reducer == "sum":
            body = _as_product(_collapsed_factors(body))
            image = as_tensor(node.shape, summed(node.shape, node.reduce_extents, body, domain))
        elif node.reducer is None:
            image = as_tensor(node.shape, _collapsed_terms(body))
        else:
            image = compute(node.shape, body, reduce_extents=node.reduce_extents, reducer=node.reducer, domain=domain)
        self.images[node] = image
        carry_lines(node, image)

    def _rewritten(self, root: Scalar, extents: Shape) -> Scalar:
        memo = self._scalars.setdefault(extents, {})
        for node in post_order([root], prune=memo.__contains__):
            if node not in memo:
                memo[node] = self._rewritten_node(node, memo, extents)
        return memo[root]

    def _rewritten_node(self, node: Scalar, memo: dict[Scalar, Scalar], extents: Shape) -> Scalar:
        old = node.children
        new = [memo[child] for child in old]
        if isinstance(node, Load):
            return self._read(self.images.get(node.tensor, node.tensor), new)
        rebuilt = node if all(a is b for a, b in zip(old, new, strict=True)) else rebuild(node, new)
        return tidy_node(_simplified_node(rebuilt, [self._uses[child] > 1 for child in old]), extents)

    def _read(self, tensor: Tensor, indices: Sequence[Scalar]) -> Scalar:
        """A load; what has turned out to be a literal or a view is written out."""
        if is_view(tensor):
            assert isinstance(tensor, Compute)
            return reindexed(tensor.body, indices)
        return load(tensor, indices)


def _collapsed_terms(body: Scalar) -> Scalar:
    """The body with sums that cancel when multiplied out collapsed: itself, what its guards hold, and factors."""
    if isinstance(body, Guard):
        return guarded(body.predicate, _collapsed_terms(body.body))
    if is_apply(body, "sum") and any(isinstance(term, Guard) for term in body.children):
        return sum_of(*[_collapsed_terms(term) for term in body.children], flatten=False, dtype=body.dtype)
    return collapsed(body) if is_apply(body, "sum") else _collapsed_factors(body)


def _collapsed_factors(body: Scalar) -> Scalar:
    """The body with factors that cancel collapsed; a product with such a factor is nothing at all.

    So vanishes what a shift by hand, as in ``s - np.max(s)``, adds to the derivative of a softmax.
    """
    if isinstance(body, Guard):
        return guarded(body.predicate, _collapsed_factors(body.body))
    if is_apply(body, "sum") and any(isinstance(term, Guard) for term in body.children):
        return sum_of(*[_collapsed_factors(term) for term in body.children], flatten=False, dtype=body.dtype)
    if not is_apply(body, "prod") or not any(is_apply(factor, "sum") for factor in body.children):
        return body
    factors = [collapsed(factor) for factor in body.children]
    changed = any(new is not old for new, old in zip(factors, body.children, strict=True))
    return product_of(*factors, flatten=False, dtype=body.dtype) if changed else body


def _as_product(body: Scalar) -> Scalar:
    """A product of two loads under a sum is the same with its operands in canonical order: one spelling for ``A @ x``."""
    if is_apply(body, "mul") and all(isinstance(c, Load) for c in body.children):
        return product_of(*body.children, flatten=False)
    return body


# ---------------------------------------------------------------- scalar bodies


def _simplified_node(node: Scalar, shared: Sequence[bool]) -> Scalar:
    if not isinstance(node, Apply) or node.dtype.kind not in "fc":
        return node
    if node.op.name in PARTS:
        return PARTS[node.op.name](node.args[0])
    if node.op.name in ("sum", "prod"):
        opened = _flattened(node, shared)
        if is_apply(opened, "prod"):
            opened = _with_stored_powers_cancelled(opened)
        return COMPLEX.rewrite(DERIVED.rewrite(opened))
    rewritten = DERIVED.rewrite(WRITTEN.rewrite(node))
    return stable_logarithm(rewritten)


def _flattened(node: Apply, shared: Sequence[bool]) -> Scalar:
    """Operands of the same kind, and a user's small sums and products, opened where nothing else uses them."""
    kind = node.op.name
    flags = shared if len(shared) == len(node.args) else [True] * len(node.args)
    operands: list[Scalar] = []
    for operand, is_shared in zip(node.args, flags, strict=True):
        if not is_shared or _is_small(operand) or is_apply(operand, "power"):
            operand = mathematical_form(operand, kind)
        if is_apply(operand, kind) and (not is_shared or len(operand.children) <= _SMALL_NEST):
            operands.extend(operand.children)
        else:
            operands.append(operand)
    if operands == list(node.args) or len(operands) > _LARGEST_FLAT:
        return node
    combine = sum_of if kind == "sum" else product_of
    return combine(*operands, flatten=False, dtype=node.dtype)


def _with_stored_powers_cancelled(product: Scalar) -> Scalar:
    """A product that reads ``x`` and a tensor that holds ``y * x^-1``: x goes to the power that it cancels with."""
    factors = list(product.children)
    for factor in product.children:
        if isinstance(factor, Load):
            image, partner = _absorbing(factor, factors)
            if partner is not None and factor in factors:
                factors[factors.index(factor)] = image
                factors.remove(partner)
    return (
        product if len(factors) == len(product.children) else product_of(*factors, flatten=False, dtype=product.dtype)
    )


def _absorbing(item: Load, factors: Sequence[Scalar]) -> tuple[Scalar, Scalar | None]:
    """A read of a stored product with one of the factors in it, and that factor.

    What is left is stored where the product was, unless it is nothing to compute.
    """
    stored = item.tensor
    if not isinstance(stored, Compute) or stored.reducer is not None:
        return item, None
    for base, exponent in map(_power_parts, _factors_of(stored.body)):
        partner = _cancelling(reindexed(base, item.indices), exponent, factors)
        if partner is None:
            continue
        left = product_of(stored.body, power_of(base, number(_power_parts(partner)[1], base.dtype)), dtype=stored.dtype)
        if isinstance(left, Load | Number):
            return reindexed(left, item.indices), partner
        if stored.rank < max(f.tensor.rank for f in factors if isinstance(f, Load)):
            image = compute(stored.shape, left)
            carry_lines(stored, image)
            return load(image, item.indices), partner
    return item, None


def _factors_of(body: Scalar) -> tuple[Scalar, ...]:
    if is_apply(body, "prod"):
        return body.children
    return (body,) if is_apply(body, "power") else ()


def _cancelling(base: Scalar, exponent: int, factors: Sequence[Scalar]) -> Scalar | None:
    """The factor that is a power of the base with an exponent of the other sign."""
    if not isinstance(base, Load):
        return None
    for factor in factors:
        other, power = _power_parts(factor)
        if other is base and power * exponent < 0:
            return factor
    return None


def _power_parts(factor: Scalar) -> tuple[Scalar, int]:
    if is_apply(factor, "power"):
        base, exponent = factor.children
        if isinstance(exponent, Number) and isinstance(exponent.value, int):
            return base, exponent.value
    return factor, 1


def _is_small(operand: Scalar) -> bool:
    return all(isinstance(child, Load) or not child.children for child in operand.children)


def mathematical_form(operand: Scalar, kind: str) -> Scalar:
    """An operation as the user wrote it, as the ``prod`` (or ``sum``) it is, so that its parent may collect it."""
    if not isinstance(operand, Apply):
        return operand
    form = _PRODUCT_FORMS.get(operand.op.name)
    if form is None and kind == "sum":
        form = _SUM_FORMS.get(operand.op.name)
    return form(operand.dtype, *operand.args) if form else operand


_PRODUCT_FORMS: dict[str, Callable[..., Scalar]] = {
    "mul": lambda dtype, a, b: product_of(a, b, dtype=dtype),
    "neg": lambda dtype, a: product_of(-1, a, dtype=dtype),
    "div": lambda dtype, a, b: product_of(a, power_of(b, -1), dtype=dtype),
    "pow": lambda dtype, a, b: power_of(a, b),
}


def _power_of_quotient(dtype: DType, base: Scalar, exponent: Scalar) -> Scalar:
    """``(a / b)^n`` as ``a^n b^-n``, which its neighbours may cancel."""
    integral = isinstance(exponent, Number) and isinstance(exponent.value, int)
    if not integral or not (is_apply(base, "div") or is_apply(base, "mul")):
        return apply("power", base, exponent)
    second = exponent if is_apply(base, "mul") else product_of(-1, exponent, dtype=dtype)
    left, right = base.children
    return product_of(power_of(left, exponent), power_of(right, second), dtype=dtype)


_PRODUCT_FORMS["power"] = _power_of_quotient
_SUM_FORMS: dict[str, Callable[..., Scalar]] = {
    "add": lambda dtype, a, b: sum_of(a, b, dtype=dtype),
    "sub": lambda dtype, a, b: sum_of(a, product_of(-1, b), dtype=dtype),
}


# ---------------------------------------------------------------- log of a sum of exponentials


def stable_logarithm(node: Scalar) -> Scalar:
    """``log(sum_k exp(e))`` as ``m + log(sum_k exp(e - m))`` with m the maximum of e, which no longer overflows.

    The value does not depend on m, so m carries no derivative; nor does the m of a user who shifts by hand.
    """
    if node.dtype.kind == "c":  # which have no maximum
        return node
    if is_apply(node, "log") and isinstance(node.children[0], Load):
        return _shifted_logarithm(node.children[0]) or node
    if is_apply(node, "add"):
        for shift, logarithm in (node.children, node.children[::-1]):
            if is_apply(logarithm, "log") and isinstance(shift, Load) and isinstance(logarithm.children[0], Load):
                return _without_shift_derivative(shift, logarithm.children[0]) or node
    return node


def _without_shift_derivative(shift: Load, item: Load) -> Scalar | None:
    """``m + log(sum_k exp(e - m))`` with no derivative through m."""
    total = item.tensor
    if not isinstance(total, Compute) or total.reducer != "sum" or not is_apply(total.body, "exp"):
        return None
    exponent = total.body.children[0]
    if not is_apply(exponent, "sub") or not isinstance(exponent.children[1], Load):
        return None
    inner = exponent.children[1]
    at_item = reindexed(inner, item.indices)
    if at_item is not shift:
        return None
    body = apply("exp", apply("sub", exponent.children[0], apply("stop_gradient", inner)))
    frozen = compute(total.shape, body, reduce_extents=total.reduce_extents, reducer="sum", domain=total.domain)
    return apply("add", apply("stop_gradient", shift), apply("log", load(frozen, item.indices)))


def _shifted_logarithm(item: Load) -> Scalar | None:
    total = item.tensor
    if not isinstance(total, Compute) or total.reducer != "sum" or total.domain is not TRUE:
        return None
    if not is_apply(total.body, "exp") or _is_shifted(total.body.children[0]):
        return None
    exponent = total.body.children[0]
    highest = compute(total.shape, exponent, reduce_extents=total.reduce_extents, reducer="max")
    own = [index(k) for k in range(total.rank)]
    top = load(highest, own)
    finite = apply("where", apply("isfinite", top), top, number(0, top.dtype))
    shift = compute(total.shape, apply("stop_gradient", finite))
    reduced = compute(
        total.shape,
        apply("exp", apply("sub", exponent, load(shift, own))),
        reduce_extents=total.reduce_extents,
        reducer="sum",
    )
    return apply("add", load(shift, item.indices), apply("log", load(reduced, item.indices)))


def _is_shifted(exponent: Scalar) -> bool:
    """Whether the user already subtracts something that was reduced from the same entries."""
    if not is_apply(exponent, "sub") or not isinstance(exponent.children[1], Load):
        return False
    shift = exponent.children[1].tensor
    seen = [node for node in graph_order([shift]) if isinstance(node, Compute)][-4:]
    return any(node.reducer == "max" for node in seen)
