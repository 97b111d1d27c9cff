"""Numbers behind a derivation: points where everything is defined, and every equation compared there.

Values are computed with many digits, so that a difference quotient tells a derivative from a wrong one beyond doubt;
where that would take too long, in double precision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from gradc.evaluate import MPMATH, NUMPY, evaluate
from gradc.evaluate.body import extent_value
from gradc.evaluate.effort import work
from gradc.ir.algebra import product_of
from gradc.ir.build import as_tensor
from gradc.ir.scalar import DType, Scalar, Size, index, load
from gradc.ir.tensor import Compute, Graph, Input, Shape, Tensor, input_tensor
from gradc.ir.walk import graph_order, post_order
from gradc.simplify.brackets import summed

Array = np.ndarray[Any, Any]
Environment = dict[Input, Array]

#: Points that every equation is compared at (one, where double precision is used), and how many are tried to find them.
POINTS = 3
_TRIED = 40
_DIGITS = 50
#: Scalar operations of a point above which double precision is used.
_LARGEST_EXACT_WORK = 5_000
_GRID = 10_000
#: Arrays with more entries are not written out.
LARGEST_ARRAY = 100_000
#: Half the width of a difference quotient, and the relative difference that counts as equal: a formula's literals are
#: floats, which are rounded where they are multiplied together.
#: Slopes that differ by more have a kink between them.
_BEND = 1e-3
_STEPS = {"exact": (Fraction(1, 10**15), 1e-11), "double": (Fraction(1, 2**17), 1e-5)}


class WrongStepError(Exception):
    """An equation does not hold. Never leaves `gradc.present.steps`: the derivation is told with less detail."""


@dataclass(frozen=True)
class Check:
    """How often an equation was compared; every comparison held."""

    points: int = 0

    @property
    def holds(self) -> bool:
        """Whether it was compared at all."""
        return self.points > 0


class Points:
    """Points of the inputs, to which values of intermediates are added."""

    def __init__(self, graph: Graph, seed: int = 0) -> None:
        self._seed = seed
        self.sizes = _sizes(graph)
        self.exact = work(graph, self.sizes) <= _LARGEST_EXACT_WORK
        self.environments: list[Environment] = []
        for environment in self._candidates(graph):
            values = self._values(graph.outputs, environment)
            if all(is_finite(value).all() for value in values):
                self.environments.append(environment)
            if len(self.environments) == (POINTS if self.exact else 1):
                break

    def _candidates(self, graph: Graph) -> Iterator[Environment]:
        generator = np.random.default_rng(self._seed)
        for number in range(_TRIED):
            low, high = ((-2, 2), (0, 2), (0, 1), (1, 3))[number % 4]
            yield {t: _filled(self._shape(t), t.dtype, low, high, generator) for t in graph.inputs}

    def _shape(self, tensor: Tensor) -> tuple[int, ...]:
        return tuple(extent_value(extent, self.sizes) for extent in tensor.shape)

    def define(self, stand_ins: Mapping[Input, Tensor]) -> None:
        """Add values: each stand-in has that of the tensor, which reads what is known already."""
        for environment in self.environments:
            values = self._values(list(stand_ins.values()), environment)
            environment.update(zip(stand_ins, values, strict=True))

    def draw(self, tensor: Input) -> None:
        """Add a random value."""
        generator = np.random.default_rng(self._seed + 1)
        for environment in self.environments:
            environment[tensor] = _filled(self._shape(tensor), tensor.dtype, -1, 1, generator)

    def values(self, tensors: Sequence[Tensor], environment: Environment) -> list[Array]:
        """The values of tensors at a point."""
        return self._values(tensors, environment)

    def _values(self, tensors: Sequence[Tensor], environment: Environment) -> list[Array]:
        inputs = tuple(t for t in graph_order(tensors) if isinstance(t, Input))
        graph = Graph(inputs, tuple(tensors))
        given = [np.asarray(environment[t]) for t in inputs]
        if not self.exact:
            plain = [np.asarray(v, float) if v.dtype == object else v for v in given]
            return [np.asarray(v) for v in evaluate(graph, plain, NUMPY, self.sizes)]
        import mpmath

        with mpmath.workdps(_DIGITS):
            return [np.asarray(v) for v in evaluate(graph, given, MPMATH, self.sizes)]

    def equal(self, tensors: Sequence[Tensor]) -> Check:
        """Compare the tensors with each other; those of a point where one is undefined don't count."""
        count = 0
        for environment in self.environments if len(tensors) > 1 else ():
            first, *others = self._values(tensors, environment)
            compared = [self._same(first, other) for other in others]
            count += any(compared)
        return Check(count)

    def derivative(self, value: Tensor, variable: Input, derivative: Tensor) -> Check:
        """Compare a derivative, of shape ``value.shape + variable.shape``, with a difference quotient."""
        import mpmath

        count = 0
        generator = np.random.default_rng(self._seed + 2)
        half, _ = _STEPS["exact" if self.exact else "double"]
        for environment in self.environments:
            direction = _filled(self._shape(variable), np.dtype(float), -1, 1, generator)
            with mpmath.workdps(_DIGITS):
                here = self._moved(environment[variable])
                ahead, behind = (
                    self._values([value], {**environment, variable: here + sign * half * direction})[0]
                    for sign in (1, -1)
                )
                quotient = (ahead - behind) / self._moved(np.asarray(2 * half, object))
                along = self._along(derivative, variable, direction, environment)
                try:
                    count += self._same(quotient, np.asarray(along).reshape(np.shape(quotient)))
                except WrongStepError:
                    if not self._has_kink(ahead, self._values([value], environment)[0], behind, float(half)):
                        raise
        return Check(count)

    def _along(self, derivative: Tensor, variable: Input, direction: Array, environment: Environment) -> Array:
        """The derivative times a direction; a big one is multiplied as a formula, so that its zeros take no room."""
        kept = derivative.rank - variable.rank
        if derivative.rank and self.volume(derivative.shape) > LARGEST_ARRAY:
            given = input_tensor("the direction", variable.shape, variable.dtype)
            every = [index(k) for k in range(derivative.rank)]
            inner = derivative.body if isinstance(derivative, Compute) and not derivative.reducer else None
            entry = load(derivative, every) if inner is None else inner
            body = summed(derivative.shape[:kept], variable.shape, product_of(entry, load(given, every[kept:])))
            along = as_tensor(derivative.shape[:kept], body)
            return self._values([along], {**environment, given: direction})[0]
        entries = self.volume(derivative.shape[:kept])
        rows = self._values([derivative], environment)[0].reshape((entries, direction.size))
        return np.asarray((rows * self._moved(direction).reshape((1, direction.size))).sum(axis=1))

    def volume(self, shape: Shape) -> int:
        """How many entries an array of this shape has at the points."""
        return int(np.prod([extent_value(extent, self.sizes) for extent in shape]))

    @staticmethod
    def _has_kink(ahead: Array, here: Array, behind: Array, half: float) -> bool:
        """Whether the slopes on both sides differ: there a derivative is a convention, which no quotient confirms."""
        bend = np.asarray((ahead - here) - (here - behind))
        return any(float(abs(b)) > _BEND * half for b in bend.flat if is_finite(np.asarray(b)).all())

    def _moved(self, values: Array) -> Array:
        """Fractions as numbers of the precision in use."""
        if not self.exact:
            return np.asarray(values, float)
        return np.asarray(MPMATH.array(values, np.dtype(float)), object)

    def _same(self, left: Array, right: Array) -> bool:
        """Whether the two were compared; they are equal, or it is an error."""
        if np.shape(left) != np.shape(right):
            raise WrongStepError(f"shapes {np.shape(left)} and {np.shape(right)}")
        both = is_finite(left) & is_finite(right)
        if not both.any() and both.size:
            return False
        ours, theirs = np.asarray(left)[both], np.asarray(right)[both]
        _, tolerance = _STEPS["exact" if self.exact else "double"]
        scale = max((float(abs(v)) for v in (*ours.flat, *theirs.flat)), default=0.0)
        if any(float(abs(a - b)) > tolerance * max(scale, 1.0) for a, b in zip(ours.flat, theirs.flat, strict=True)):
            raise WrongStepError("the two sides differ")
        return True


def _sizes(graph: Graph) -> dict[str, int]:
    extents = [e for t in graph.inputs for e in t.shape if isinstance(e, Scalar)]
    names = dict.fromkeys(node.name for node in post_order(extents) if isinstance(node, Size))
    return {name: 2 + position % 3 for position, name in enumerate(names)}


def _filled(shape: tuple[int, ...], dtype: DType, low: int, high: int, generator: np.random.Generator) -> Array:
    if dtype.kind == "b":
        return generator.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        return generator.integers(0, 2, shape).astype(dtype)
    count = int(np.prod(shape))
    flat = np.empty(count, dtype=object)
    flat[:] = [Fraction(int(k), _GRID) for k in generator.integers(low * _GRID + 1, high * _GRID, count)]
    return flat.reshape(shape)


def is_finite(values: Array) -> Array:
    """Where the entries are real numbers: neither NaN nor infinite."""
    values = np.asarray(values)
    if values.dtype != object:
        return np.asarray(np.isfinite(values))
    return np.asarray(np.frompyfunc(_finite, 1, 1)(values), dtype=bool)


def _finite(value: Any) -> bool:
    import mpmath

    return isinstance(value, Fraction | int | float | mpmath.mpf) and bool(mpmath.isfinite(value))


__all__ = ["Check", "Points", "WrongStepError", "is_finite"]
