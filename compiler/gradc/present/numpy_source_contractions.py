"""Sums of products as products of matrices, or as an einsum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradc.ir.scalar import Index, Scalar, is_apply, is_number
from gradc.ir.tensor import Tensor
from gradc.ir.walk import loads_of
from gradc.present.numpy_source_reading import factors_of
from gradc.present.numpy_source_scalars import Bodies
from gradc.present.numpy_source_spaces import Space
from gradc.present.numpy_source_text import Terms, Value


class Contractions:
    """The products of factors that share reduced axes."""

    def __init__(self, terms: Terms, bodies: Bodies, values: Mapping[Tensor, Value]) -> None:
        self._terms, self._bodies, self._values = terms, bodies, values

    def order(self, scalars: Sequence[Scalar], space: Space) -> tuple[int, ...]:
        """The order of axes in which the largest array read has them; the rest in front."""
        best: list[int] = []
        for item in loads_of(*scalars):
            if item.tensor not in self._values:
                continue
            axes = [
                i.position for k in self._values[item.tensor].axes for i in (item.indices[k],) if isinstance(i, Index)
            ]
            if len(axes) == len(set(axes)) and len(axes) > len(best):
                best = axes
        rest = [axis for axis in space.order if axis not in best]
        return (*rest, *best) if best != sorted(best) else space.order

    def sum_of_products(self, body: Scalar, box: Space, reduced: tuple[int, ...]) -> Value | None:
        """A sum of products as products of matrices, or as an einsum."""
        factors, coefficient = factors_of(body)
        inner = [f for f in factors if f.free & set(reduced)]
        outer = [f for f in factors if not f.free & set(reduced)]
        if not inner:
            return None
        if len(reduced) == 1:
            value = self._matrix_product(inner, box, reduced[0])
        else:
            value = self._bilinear(inner, box, reduced) or self._einsum(inner, box, reduced)
        if value is None:
            return None
        order = tuple(dict.fromkeys((*value.axes, *box.order)))
        return self._bodies.quotient(
            [value, *[self._bodies.value(f, box.arranged(order)) for f in outer]], [], coefficient, box.arranged(order)
        )

    def _group(self, factors: Sequence[Scalar], box: Space, target: Sequence[int]) -> Value:
        """The product of factors as an array with these axes."""
        order = self.order(factors, box)
        arranged = box.arranged(order)
        values = [self._bodies.value(f, arranged) for f in factors]
        product = self._bodies.quotient(values, [], None, arranged) if len(values) > 1 else values[0]
        return self._bodies.reordered(product, [a for a in target if a in product.axes])

    def _matrix_product(self, factors: Sequence[Scalar], box: Space, k: int) -> Value | None:
        outputs = sorted(set().union(*[f.free for f in factors]) - {k})
        vectors = [f for f in factors if f.free == {k}]
        matrices = [f for f in factors if len(f.free) > 1]
        if len(outputs) > 2 or any(len(f.free) > 2 for f in factors):
            return self._einsum(factors, box, (k,))
        if not outputs:
            return self._dot(vectors, box, k)
        if len(outputs) == 1:
            if not vectors:
                return None
            left = self._group(matrices, box, (outputs[0], k))
            right = self._group(vectors, box, (k,))
            return Value(self._terms.binary("@", left.term, right.term), (outputs[0],))
        i, j = outputs
        left_factors = [f for f in matrices if i in f.free]
        right_factors = [f for f in matrices if j in f.free]
        if not left_factors or not right_factors:
            return None
        left = self._group([*left_factors, *vectors], box, (i, k))
        right = self._group(right_factors, box, (k, j))
        return Value(self._terms.binary("@", left.term, right.term), (i, j))

    def _dot(self, vectors: Sequence[Scalar], box: Space, k: int) -> Value | None:
        if len(vectors) == 1:
            factor = vectors[0]
            if (is_apply(factor, "power") or is_apply(factor, "pow")) and is_number(factor.children[1], 2):
                base = self._bodies.value(factor.children[0], box)
                if base.axes:
                    return Value(self._terms.binary("@", base.term, base.term), ())
            return None
        left, right = self._group(vectors[:-1], box, (k,)), self._group(vectors[-1:], box, (k,))
        if not left.axes or not right.axes:
            return None
        return Value(self._terms.binary("@", left.term, right.term), ())

    def _bilinear(self, factors: Sequence[Scalar], box: Space, reduced: tuple[int, ...]) -> Value | None:
        """``x A y``, to a number."""
        if len(reduced) != 2 or any(f.free - set(reduced) for f in factors):
            return None
        k, m = reduced
        left, right = [f for f in factors if f.free == {k}], [f for f in factors if f.free == {m}]
        matrices = [f for f in factors if f.free == {k, m}]
        if not (left and right and matrices):
            return None
        parts = [self._group(left, box, (k,)), self._group(matrices, box, (k, m)), self._group(right, box, (m,))]
        product = self._terms.binary("@", parts[0].term, parts[1].term)
        return Value(self._terms.binary("@", product, parts[2].term), ())

    def _einsum(self, factors: Sequence[Scalar], box: Space, reduced: tuple[int, ...]) -> Value | None:
        """Where broadcasting would make an array larger than every factor."""
        everything = sorted(set().union(*[f.free for f in factors]))
        if len(factors) < 2 or any(set(everything) <= f.free for f in factors) or len(everything) < 3:
            return None
        groups: dict[frozenset[int], list[Scalar]] = {}
        for factor in factors:
            groups.setdefault(factor.free, []).append(factor)
        values = [self._natural(group, box) for group in groups.values()]
        letters = dict(zip(everything, "ijklmnpqrst", strict=False))
        outputs = [a for a in everything if a not in reduced]
        subscripts = ",".join("".join(letters[a] for a in v.axes) for v in values)
        result = "".join(letters[a] for a in outputs)
        holes = ", ".join(f"{{{k}}}" for k in range(len(values)))
        term = self._terms.make(f'np.einsum("{subscripts}->{result}", {holes})', [v.term for v in values], hint="sum")
        return Value(term, tuple(outputs))

    def _natural(self, factors: Sequence[Scalar], box: Space) -> Value:
        arranged = box.arranged(self.order(factors, box))
        values = [self._bodies.value(f, arranged) for f in factors]
        return self._bodies.quotient(values, [], None, arranged) if len(values) > 1 else values[0]
