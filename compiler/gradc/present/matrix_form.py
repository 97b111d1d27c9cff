"""Graphs in matrix notation, recognised node by node.

Every scalar part of a body is seen as an array over the axes it depends on: a number, a vector over (i) or a matrix over
(i, j). A sum over axes of a product of such parts is a contraction, whose network of axes is read as matrix products,
inner products, traces and diagonal matrices (`gradc.present.contraction`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from gradc.ir.algebra import floor_divide, linear_terms, modulo
from gradc.ir.scalar import (
    TRUE,
    Apply,
    Guard,
    Index,
    Load,
    Number,
    Scalar,
    Size,
    index,
    is_apply,
    is_number,
)
from gradc.ir.tensor import Compute, Constant, Projection, Tensor, extent_scalar
from gradc.ir.walk import loads_of
from gradc.present import matrix_algebra as m
from gradc.present import notation as n
from gradc.present.contraction import Contraction
from gradc.present.index_form import IndexForm, applied, size_name, times, written_constant
from gradc.present.library import written_call
from gradc.present.matrix_sums import signed, summed
from gradc.present.notation import Notation

Axes = tuple[int, ...]

#: Of the entry ij of a matrix by the entry kl of another: the rows of both, the columns of both, and the result's own.
_ROWS: Axes = (0, 2)
_COLUMNS: Axes = (1, 3)
_RESULT: Axes = (0, 1)


class NoMatrixFormError(Exception):
    """The graph has no matrix notation here; index notation is left. Never leaves `gradc.present`."""


@dataclass(frozen=True)
class View:
    """An array over the axes of the enclosing comprehension: rows, then columns."""

    notation: Notation
    axes: Axes = ()

    def over(self, axes: Axes) -> Notation:
        """The notation with the axes in this order, broadcast along those it lacks."""
        if self.axes == axes:
            return self.notation
        if self.axes == axes[::-1]:
            return m.transposed(self.notation)
        if len(axes) == 2 and len(self.axes) == 1:
            if self.axes[0] == axes[0]:
                return m.multiplied([self.notation, m.transposed(m.ONES)])
            return m.multiplied([m.ONES, m.transposed(self.notation)])
        return self.notation  # a number, added to every entry


class MatrixForm:
    """Builds matrix notation; ``names`` gives the symbols of inputs and of named intermediates."""

    def __init__(self, names: Mapping[Tensor, Notation]) -> None:
        self._names = names
        self._tensors: dict[Tensor, Notation] = {}

    def output(self, tensor: Tensor) -> Notation:
        """An output as an array, written out even where it has a name."""
        return signed(self._compute(tensor)) if isinstance(tensor, Compute) else self.tensor(tensor)

    def tensor(self, tensor: Tensor) -> Notation:
        """A tensor of rank 2 at most."""
        name = self._names.get(tensor)
        if name is not None:
            if isinstance(name, n.Trajectory) or (isinstance(name, n.Name) and name.rank > 2):
                raise NoMatrixFormError
            return name
        if tensor not in self._tensors:
            written = written_constant(tensor) if isinstance(tensor, Constant) else None
            if written is not None:
                return written
            self._tensors[tensor] = self._compute(tensor) if isinstance(tensor, Compute) else self._call(tensor)
        return self._tensors[tensor]

    def at_step(self, item: Load) -> n.Stepped | None:
        """``x[t, :]`` as ``x_t``, where t is the number of a step: what a loop reads of an array at one step."""
        name = self._names.get(item.tensor)
        free = [k for k, i in enumerate(item.indices) if i.free]
        count = free[0] if free else len(item.indices)
        axes = [i for i in item.indices[count:] if isinstance(i, Index)]
        steps = [self._names.get(s.tensor) for i in item.indices[:count] for s in loads_of(i)]
        if len(set(axes)) < item.tensor.rank - count or not count or len(axes) > 2 or not all(map(is_letter, steps)):
            return None
        if not steps:
            return None
        places = tuple(IndexForm(self._names, ()).scalar(i, ()) for i in item.indices[:count])
        if isinstance(name, n.Trajectory):
            return name.at(places[0]) if count == 1 else None
        if isinstance(name, n.Stepped) or not isinstance(name, n.Name):
            return None
        return n.Stepped(name.latex, name.plain, name.rank, steps=places, raised=False)

    def vectorised(self, tensor: Tensor) -> Notation:
        """The derivative of a matrix by a matrix, as the matrix that takes vec of a change to vec of the effect.

        ``vec`` stacks columns, as in the books: the derivative of ``A X B`` is ``B' (x) A``.
        """
        if (
            not isinstance(tensor, Compute)
            or tensor.rank != 4
            or tensor.reducer is not None
            or tensor.domain is not TRUE
        ):
            raise NoMatrixFormError
        return _Body(self, tensor, ()).vectorised(tensor.body)

    def _call(self, tensor: Tensor) -> Notation:
        """A result of a library call on arrays."""
        if isinstance(tensor, Projection):
            operands = [self.tensor(t) for t in tensor.source.operands]
            written = written_call(tensor.source, tensor.position, operands, self._is_square)
            if written is not None:
                return written
        raise NoMatrixFormError

    def _is_square(self, notation: Notation) -> bool:
        """Whether this is a symbol, or the transpose of one, of a square matrix."""
        symbol = notation.base if isinstance(notation, n.Transposed) else notation
        return any(t.rank == 2 and t.shape[0] == t.shape[1] for t, name in self._names.items() if name == symbol)

    def _compute(self, node: Compute) -> Notation:
        rank = len(node.shape)
        if rank > 2 or node.domain is not TRUE:
            raise NoMatrixFormError
        axes = tuple(range(rank))
        if node.reducer is None:
            return _filled(_Body(self, node, ()).view(node.body), axes)
        reduced = tuple(range(rank, len(node.extents)))
        if node.reducer == "sum":
            return _filled(_Body(self, node, reduced).summed(node.body), axes)
        if node.reducer in ("max", "min") and rank == 0:
            inner = _Body(self, node, ()).view(node.body)
            if sorted(inner.axes) == list(reduced):
                return n.Function(node.reducer, (inner.notation,))
        raise NoMatrixFormError


def is_letter(name: Notation | None) -> bool:
    """Whether this is the letter of an integer: of the number of a step."""
    return isinstance(name, n.Name) and name.integer


def _entrywise_power(base: Notation, exponent: int | float | Fraction) -> Notation:
    if exponent == Fraction(1, 2):
        return n.Root(base, 2)
    return base if exponent == 1 else m.entrywise_power(base, n.Literal(exponent))


def _spread(term: Notation, axes: Axes) -> Notation:
    """A term of an array; a number computed from arrays is a multiple of ones, plain numbers go without saying."""
    if not axes or m.is_array(term) or not _has_array(term):
        return term
    return m.times_number(term, m.ONES if len(axes) == 1 else n.MatrixProduct((m.ONES, m.transposed(m.ONES))))


def _has_array(node: Notation) -> bool:
    pending = [node]
    while pending:
        item = pending.pop()
        if m.is_array(item):
            return not isinstance(node, n.Function)  # max x is a number at sight
        pending.extend(item.parts)
    return False


def _is_diagonal(notation: Notation) -> bool:
    core = m.split_scale(notation)[3]
    return isinstance(core, n.Identity) or (isinstance(core, n.Function) and core.name == "diag")


def _upright(notation: Notation, axes: Axes) -> View:
    """A matrix in the orientation with fewer transposes."""
    if len(axes) == 2:
        turned = m.transposed(notation)
        if m.transposes(turned) < m.transposes(notation):
            return View(turned, axes[::-1])
    return View(notation, axes)


def _filled(view: View, axes: Axes) -> Notation:
    """A result over exactly these axes: numbers become multiples of ones."""
    if view.axes or not axes:
        return view.over(axes)
    ones = m.ONES if len(axes) == 1 else n.MatrixProduct((m.ONES, m.transposed(m.ONES)))
    return m.entrywise([view.notation]) if m.is_array(view.notation) else m.times_number(view.notation, ones)


class _Body:
    """The scalar parts of one comprehension as views."""

    def __init__(self, form: MatrixForm, node: Compute, reduced: Axes) -> None:
        self._form = form
        self._reduced = reduced
        self._extents = node.extents
        self._memo: dict[Scalar, View] = {}

    def summed(self, body: Scalar) -> View:
        """The body summed over the reduced axes."""
        predicates, core = _guards(body)
        factors = [self._delta_or_bracket(p) for p in predicates]
        factors += self._factors(core)
        contraction = Contraction([(f.notation, f.axes) for f in factors], self._reduced)
        result = contraction.result()
        if result is None:
            raise NoMatrixFormError
        return _upright(*result)

    def _factors(self, product: Scalar) -> list[View]:
        parts = product.children if is_apply(product, "prod") else (product,)
        return [self.view(p) for p in parts]

    # ------------------------------------------------------------ views

    def view(self, scalar: Scalar) -> View:
        """A part of the body as an array over the axes it depends on."""
        if scalar not in self._memo:
            self._memo[scalar] = self._view(scalar)
        return self._memo[scalar]

    def _view(self, scalar: Scalar) -> View:
        if isinstance(scalar, Number):
            return View(n.Literal(scalar.value))
        if isinstance(scalar, Size):
            return View(size_name(scalar))
        if isinstance(scalar, Load):
            return self._load(scalar)
        if isinstance(scalar, Guard):
            return self._product([*_guards(scalar)[0]], _guards(scalar)[1])
        if not isinstance(scalar, Apply):
            raise NoMatrixFormError
        if scalar.op.name == "where":
            return self._where(scalar)
        if scalar.dtype.kind == "b":
            return self._condition(scalar)
        if scalar.op.name == "prod":
            return self._product([], scalar)
        if scalar.op.name == "power":
            return self._power(scalar)
        if scalar.op.name == "convert" and scalar.args[0].dtype.kind == "b":
            return self._condition(scalar.args[0])
        arguments = [self.view(a) for a in scalar.args]
        axes = _union(arguments)
        if scalar.op.name == "sum":
            written = [a.over(axes) for a in arguments]
            if len(axes) == 2 and any(_is_diagonal(w) for w in written):  # no number is added to a diagonal matrix
                written = [w if m.is_array(w) else _filled(View(w), axes) for w in written]
            return View(summed([_spread(w, axes) for w in written]), axes)
        return View(applied(scalar, [a.over(axes) for a in arguments]), axes)

    def _where(self, scalar: Apply) -> View:
        """``where(p, x, 0)`` is x times a bracket, entrywise; the rectifier is the maximum that it is."""
        predicate, chosen, other = scalar.args
        if not is_number(other, 0):
            raise NoMatrixFormError
        condition, value = self._condition(predicate), self.view(chosen)
        axes = _union([condition, value])
        bracket, array = condition.over(axes), value.over(axes)
        if bracket in (_comparison("greater", array), _comparison("greater_equal", array)):
            return View(n.Function("maximum", (array, n.ZERO)), axes)
        return View(m.entrywise([array, bracket]) if axes else times(array, bracket), axes)

    def _load(self, item: Load) -> View:
        at_step = self._form.at_step(item)
        if at_step is not None:
            axes = tuple(i.position for i in item.indices if isinstance(i, Index))
            return View(replace(at_step, rank=len(axes)), axes)
        array = self._form.tensor(item.tensor)
        if all(isinstance(i, Number) for i in item.indices) and item.indices:
            indices = tuple(n.Literal(i.value) for i in item.indices if isinstance(i, Number))
            return View(n.Entry(array, indices))
        axes = tuple(i.position for i in item.indices if isinstance(i, Index))
        if len(axes) != len(item.indices):
            raise NoMatrixFormError
        if len(axes) == 2 and axes[0] == axes[1]:
            return View(n.Function("diagonal", (array,)), axes[:1])
        return View(array, axes)

    def _power(self, scalar: Apply) -> View:
        base, exponent = (self.view(a) for a in scalar.args)
        if not base.axes and not exponent.axes:
            return View(applied(scalar, [base.notation, exponent.notation]))
        value = exponent.notation.value if isinstance(exponent.notation, n.Literal) else None
        if isinstance(value, int | float | Fraction) and value < 0:
            return View(m.entrywise([], [_entrywise_power(base.notation, -value)]), base.axes)
        plain = applied(scalar, [base.notation, exponent.notation])
        if isinstance(plain, n.Root):
            return View(plain, base.axes)
        axes = _union([base, exponent])
        return View(m.entrywise_power(base.over(axes), exponent.over(axes)), axes)

    # ------------------------------------------------------------ products without a sum

    def _kronecker(self, core: Scalar) -> View | None:
        """``A[i // p, j // q] B[i % p, j % q]``."""
        loads = [f for f in core.children if isinstance(f, Load)] if is_apply(core, "prod") else []
        if len(core.children) != 2 or len(loads) != 2 or loads[0].tensor.rank != loads[1].tensor.rank:
            return None
        loads.sort(key=lambda item: any(is_apply(i, "mod") for i in item.indices))
        outer, inner = loads
        axes = tuple(range(outer.tensor.rank))
        for axis, extent in zip(axes, inner.tensor.shape, strict=True):
            position, divisor = index(axis), extent_scalar(extent)
            quotient, remainder = floor_divide(position, divisor), modulo(position, divisor)
            if outer.indices[axis] is not quotient or inner.indices[axis] is not remainder:
                return None
        return View(n.Function("kron", tuple(self._form.tensor(item.tensor) for item in loads)), axes)

    def vectorised(self, body: Scalar) -> Notation:
        """A sum of terms over rows i, k and columns j, l as Kronecker products."""
        terms = body.children if is_apply(body, "sum") else (body,)
        return summed([self._vectorised_term(t) for t in terms])

    def _vectorised_term(self, term: Scalar) -> Notation:
        numbers: list[Notation] = []
        groups: dict[Axes, list[tuple[Notation, Axes]]] = {_ROWS: [], _COLUMNS: [], _RESULT: []}
        for factor in self._flat_factors(term):
            place = next((g for g in groups if set(factor.axes) <= set(g)), None)
            if place is None:
                raise NoMatrixFormError
            if factor.axes:
                groups[place].append((factor.notation, factor.axes))
            else:
                numbers.append(factor.notation)
        if groups[_RESULT]:  # an entrywise function
            if [[f for f, _ in groups[g]] for g in (_COLUMNS, _ROWS)] != [[n.Identity()], [n.Identity()]]:
                raise NoMatrixFormError
            array: Notation = m.diagonal(n.Function("vec", (self._joined(groups[_RESULT], _RESULT),)))
        else:
            parts = (self._joined(groups[_COLUMNS], _COLUMNS), self._joined(groups[_ROWS], _ROWS))
            (c, o, u, columns), (d, p, v, rows) = (m.split_scale(part) for part in parts)
            assert columns is not None
            assert rows is not None
            both = columns == rows == n.Identity()
            kronecker = n.Identity() if both else n.Function("kron", (columns, rows))
            array = m.scaled_array(c * d, (*o, *p), (*u, *v), kronecker)
        return m.times_number(times(*numbers), array)

    def _flat_factors(self, term: Scalar) -> list[View]:
        if is_apply(term, "prod"):
            return [v for part in term.children for v in self._flat_factors(part)]
        if isinstance(term, Guard):
            predicates, core = _guards(term)
            return [*(self._delta_or_bracket(p) for p in predicates), *self._flat_factors(core)]
        return [self.view(term)]

    def _joined(self, parts: Sequence[tuple[Notation, Axes]], axes: Axes) -> Notation:
        if not parts:
            return n.MatrixProduct((m.ONES, m.transposed(m.ONES)))
        result = Contraction(parts, ()).result()
        if result is None:
            raise NoMatrixFormError
        return View(*result).over(axes)

    def _product(self, predicates: Sequence[Scalar], core: Scalar) -> View:
        kronecker = self._kronecker(core) if not predicates else None
        if kronecker is not None:
            return kronecker
        factors = [self._delta_or_bracket(p) for p in predicates] + self._factors(core)
        if not any(f.axes for f in factors):
            return View(times(*[f.notation for f in factors]))
        result = Contraction([(f.notation, f.axes) for f in factors], ()).result()
        if result is None:
            raise NoMatrixFormError
        return _upright(*result)

    def _delta_or_bracket(self, predicate: Scalar) -> View:
        """``[i = j]`` is the identity matrix; a comparison of arrays is a bracket, entrywise."""
        if is_apply(predicate, "equal") and predicate.children[0].dtype.kind == "i":
            terms, literal = linear_terms(predicate.children[0])
            indices = [t for t in terms if isinstance(t, Index)]
            if len(indices) == len(terms) == 2 and not literal and sorted(terms.values()) == [-1, 1]:
                first, second = sorted(i.position for i in indices)
                if self._extents[first] != self._extents[second]:
                    raise NoMatrixFormError  # not square: no identity matrix
                return View(n.Identity(), (first, second))
        return self._condition(predicate)

    def _condition(self, predicate: Scalar) -> View:
        if not isinstance(predicate, Apply) or len(predicate.args) != 2 or predicate.args[0].dtype.kind not in "fc":
            raise NoMatrixFormError
        left, right = (self.view(a) for a in predicate.args)
        axes = _union([left, right])
        return View(n.Bracket(n.Relation(predicate.op.name, left.over(axes), right.over(axes))), axes)


def _comparison(name: str, array: Notation) -> Notation:
    return n.Bracket(n.Relation(name, array, n.ZERO))


def _guards(scalar: Scalar) -> tuple[tuple[Scalar, ...], Scalar]:
    """``[p and q] e`` as ((p, q), e)."""
    if not isinstance(scalar, Guard):
        return (), scalar
    predicate = scalar.predicate
    return (predicate.children if is_apply(predicate, "and") else (predicate,)), scalar.body


def _union(views: Sequence[View]) -> Axes:
    """The axes of an entrywise operation, in the order of the first array that has them all."""
    together = tuple(sorted({a for v in views for a in v.axes}))
    if len(together) > 2:
        raise NoMatrixFormError
    turned = together[::-1]
    return turned if sum(v.axes == turned for v in views) > sum(v.axes == together for v in views) else together
