"""Local derivatives: one reverse sweep over the scalar DAG of a body gives its derivative with respect to every load.

What is differentiated is real-linear: `Differential` says how a change of a scalar changes the root, be they real or
complex, and whether or not the operations between them are holomorphic.

Adjoints of scalars stay guarded: the derivative of ``[p] e`` is ``[p] e'``, so that what is not evaluated in the value is
not evaluated in the derivative either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

from gradc.errors import TraceError
from gradc.ir.algebra import conjunction, convert, disjunction, guarded, product_of, sum_of
from gradc.ir.conjugates import complex_dtype, conjugated, real_part
from gradc.ir.intern import Node
from gradc.ir.scalar import (
    GUARDS,
    TRUE,
    Apply,
    DType,
    Guard,
    Load,
    Number,
    Scalar,
    Undefined,
    Wirtinger,
    is_apply,
    is_number,
    number,
)
from gradc.ir.source import lines_of
from gradc.ir.walk import post_order
from gradc.ops.loops import Loop
from gradc.simplify.patterns import is_bracket

#: A product or sum with at most this many operands is flattened into the adjoint that multiplies it.
_FLATTEN = 12
#: The same for an adjoint that goes to several operands: opening a longer one would undo the sharing.
_FLATTEN_SHARED = 1


#: A user's product of up to this many factors is opened where a derivative multiplies it.
_OPENED = 4


_PRODUCTS = frozenset({"mul", "neg", "prod", "power"})


@dataclass(frozen=True)
class Differential:
    """How the change dv of a scalar changes the root w: ``dw = direct dv + conjugate conj(dv)``.

    Where w is real and v complex, it is ``dw = Re(direct dv)``. ``conjugate`` None is 0: only complex numbers of a complex
    root have one.
    """

    direct: Scalar
    conjugate: Scalar | None = None

    @property
    def parts(self) -> tuple[Scalar, ...]:
        """The coefficients that there are."""
        return (self.direct,) if self.conjugate is None else (self.direct, self.conjugate)

    def mapped(self, change: Callable[[Scalar], Scalar]) -> Differential:
        """The same change of each coefficient: one that is linear over the real numbers."""
        return Differential(change(self.direct), None if self.conjugate is None else change(self.conjugate))

    def where(self, predicate: Scalar) -> Differential:
        """Strongly zero where the predicate fails."""
        return self.mapped(lambda part: guarded(predicate, part))

    def as_dtype(self, dtype: DType) -> Differential:
        """With coefficients of this dtype, if it is a floating one."""
        return self if dtype.kind not in "fc" else self.mapped(lambda part: convert(part, dtype))

    def along(self, tangent: Scalar, root: DType) -> Scalar:
        """The change of the root, of dtype ``root``, when the scalar moves along a tangent."""
        moved = multiply(tangent, self.direct)
        if root.kind != "c":
            return real_part(moved)
        if self.conjugate is not None:
            moved = sum_of(moved, multiply(conjugated(tangent), self.conjugate))
        return moved

    def pulled_back(self, cotangent: Scalar, variable: DType) -> Scalar:
        """The cotangent of the scalar, of dtype ``variable``, for one of the root: ``Re(cotangent dw)`` in terms of dv."""
        pulled = multiply(cotangent, self.direct)
        if variable.kind != "c":
            return real_part(pulled)
        if self.conjugate is not None:
            pulled = sum_of(pulled, conjugated(multiply(cotangent, self.conjugate)))
        return pulled


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
    dtype = adjoint.dtype if partial.dtype.kind != "c" else complex_dtype(adjoint.dtype)
    return product_of(adjoint, mathematical(partial), flatten=flatten, dtype=dtype)


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
            if node.op.name in _SINGULAR or isinstance(node.op.lower, Loop):
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
    """``seed * d root / d load`` for each wanted load of a real root, see `local_differentials`."""
    return [(item, found.direct) for item, found in local_differentials(root, seed, wanted)]


def local_differentials(root: Scalar, seed: Scalar, wanted: Callable[[Load], bool]) -> list[tuple[Load, Differential]]:
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
    pending: dict[Scalar, list[Differential]] = {root: [Differential(seed)]}
    found: list[tuple[Load, Differential]] = []
    for node in reversed(order):
        parts = pending.pop(node, None)
        if parts is None:
            continue
        adjoint = parts[0] if len(parts) == 1 else _total(parts)
        if all(is_number(part, 0) for part in adjoint.parts):
            continue
        if isinstance(node, Load):
            found.append((node, adjoint))
            continue
        for child, contribution in _pulled_back(node, adjoint, relevant, reached[node], root.dtype):
            if not all(is_number(part, 0) for part in contribution.parts):
                pending.setdefault(child, []).append(contribution)
    return found[::-1]


def _total(parts: Sequence[Differential]) -> Differential:
    conjugates = [part.conjugate for part in parts if part.conjugate is not None]
    flatten = len(parts) <= _FLATTEN
    direct = sum_of(*[part.direct for part in parts], flatten=flatten)
    return Differential(direct, sum_of(*conjugates, flatten=flatten) if conjugates else None)


@contextmanager
def telling_line(node: Node) -> Iterator[None]:
    """An error within names the user's line that made ``node``."""
    try:
        yield
    except TraceError as error:
        where = "".join(f"\n  at {line}" for line in lines_of(node)[-1:])
        raise TraceError(f"{error}{where}") from None


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


def _pulled_back(
    node: Scalar, adjoint: Differential, relevant: set[Scalar], reached: Scalar, root: DType
) -> list[tuple[Scalar, Differential]]:
    """What the adjoint of ``node``, which is evaluated where ``reached``, gives to each of its operands."""
    if isinstance(node, Guard):
        return [(node.body, adjoint.where(node.predicate))]
    if isinstance(node, Number) or not isinstance(node, Apply):
        return []
    assert node.op.partials is not None
    shared = sum(child in relevant for child in node.args) > 1
    result = []
    for child, partial in zip(node.args, node.op.partials(node, *node.args), strict=True):
        if partial is None or child not in relevant:
            continue
        if isinstance(partial, Undefined):
            raise TraceError(str(partial))
        coefficients = partial if isinstance(partial, Wirtinger) else Wirtinger(partial, None)
        contribution = _composed(adjoint, coefficients, (child.dtype.kind, node.dtype.kind, root.kind), shared)
        given = [part for part in (coefficients.direct, coefficients.conjugate) if part is not None]
        if any(map(may_be_singular, given)):
            contribution = contribution.where(disjunction(*map(support_of, adjoint.parts)))
        if reached is not TRUE and not all(isinstance(part, Number) for part in given):
            contribution = contribution.where(reached)
        dtype = complex_dtype(child.dtype) if root.kind == "c" and child.dtype.kind == "f" else child.dtype
        result.append((child, contribution.as_dtype(dtype)))
    return result


def _composed(adjoint: Differential, partial: Wirtinger, kinds: tuple[str, str, str], shared: bool) -> Differential:
    """The adjoint of an operand; ``kinds`` are those of the operand, of the result and of the root."""
    operand, result, root = kinds
    direct = multiply(adjoint.direct, partial.direct, shared)
    if root != "c":
        if result == "c" and operand != "c":
            return Differential(real_part(direct))
        if partial.conjugate is not None and not is_number(partial.conjugate, 0):
            direct = sum_of(direct, conjugated(multiply(adjoint.direct, partial.conjugate)))
        return Differential(direct)
    if result != "c" and operand == "c":  # dv = Re(p du)
        half = number(Fraction(1, 2), adjoint.direct.dtype)
        return Differential(
            multiply(half, direct), multiply(half, multiply(adjoint.direct, conjugated(partial.direct), shared))
        )
    crossed = None
    if adjoint.conjugate is not None:
        crossed = multiply(adjoint.conjugate, conjugated(partial.direct), shared)
    if operand != "c":
        return Differential(direct if crossed is None else sum_of(direct, crossed))
    if partial.conjugate is not None:
        turned = multiply(adjoint.direct, partial.conjugate, shared)
        crossed = turned if crossed is None else sum_of(turned, crossed)
        if adjoint.conjugate is not None:
            direct = sum_of(direct, multiply(adjoint.conjugate, conjugated(partial.conjugate), shared))
    return Differential(direct, crossed)


def one_of(dtype_like: Scalar) -> Scalar:
    """The literal 1 that starts a sweep."""
    return number(1, dtype_like.dtype)
