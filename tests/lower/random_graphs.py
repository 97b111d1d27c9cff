"""Random graphs of comprehensions: reductions, domains, guards, shifted and permuted and gathered loads."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from gradc.ir.algebra import convert, difference, equal, guarded, less, less_equal, product_of, sum_of
from gradc.ir.build import comprehension
from gradc.ir.scalar import Scalar, apply, load, number, size
from gradc.ir.tensor import Extent, Graph, Input, Tensor, input_tensor

FLOAT = np.dtype("f8")
REDUCERS = ("sum", "sum", "sum", "max", "min", "prod", "argmax")


class RandomGraph:
    """One random program with arguments for it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        fixed = [self.random.choice([1, 2, 3, 5, 9, 17, 40]) for _ in range(2)]
        self.symbolic = self.random.random() < 0.4
        self.extents: list[Extent] = [*fixed, size("n")] if self.symbolic else fixed
        self.sizes = {"n": self.random.choice([1, 2, 7, 33])}
        self.inputs = [self._input(f"x{k}") for k in range(3)]
        if self.symbolic:
            self.inputs.append(input_tensor("xn", (size("n"),), FLOAT))
        self.values = [self._value(t) for t in self.inputs]
        self.indices = input_tensor("where", (self.extents[0],), "i8")
        self.values.append(self.numbers.integers(0, fixed[1], fixed[0]))
        self.pool: list[Tensor] = list(self.inputs)
        for _ in range(self.random.randint(2, 7)):
            self.pool.append(self._compute())
        made = self.pool[len(self.inputs) :]
        outputs = [t for t in made if self.random.random() < 0.4] + [made[-1]]
        self.graph = Graph((*self.inputs, self.indices), tuple(outputs))

    def _input(self, name: str) -> Input:
        rank = self.random.randint(0, 3)
        return input_tensor(name, [self.random.choice(self.extents) for _ in range(rank)], FLOAT)

    def _value(self, tensor: Tensor) -> np.ndarray:
        shape = [e if isinstance(e, int) else self.sizes["n"] for e in tensor.shape]
        return np.asarray(self.numbers.normal(size=shape))

    def _compute(self) -> Tensor:
        rank = self.random.randint(0, 3)
        shape = [self.random.choice(self.extents) for _ in range(rank)]
        reduce = [self.random.choice(self.extents) for _ in range(self.random.choice([0, 0, 1, 1, 2]))]
        reducer = self.random.choice(REDUCERS) if reduce else None
        if reducer == "argmax":
            reduce = reduce[:1]
        axes = [*shape, *reduce]

        def body(*indices: Scalar) -> Scalar:
            return self._scalar(axes, indices, self.random.randint(1, 3))

        def domain(*indices: Scalar) -> Scalar:
            return self._predicate(axes, indices)

        node = comprehension(
            shape,
            body,
            reduce=reduce,
            reducer=reducer,
            domain=domain if reduce and self.random.random() < 0.3 else None,
        )
        if reducer == "argmax":
            return comprehension(shape, lambda *i: convert(load(node, i), FLOAT))
        return node

    def _predicate(self, axes: Sequence[Extent], indices: Sequence[Scalar]) -> Scalar:
        first = self.random.choice(indices)
        second: Scalar | int = self.random.choice([*indices, 0, 1, 3])
        relation = self.random.choice([less_equal, less_equal, less, equal])
        return relation(first, second) if self.random.random() < 0.5 else relation(second, first)

    def _scalar(self, axes: Sequence[Extent], indices: Sequence[Scalar], depth: int) -> Scalar:
        kind = self.random.random()
        if depth == 0 or kind < 0.25:
            return self._load(axes, indices)
        inner = self._scalar(axes, indices, depth - 1)
        if kind < 0.35:
            return apply(self.random.choice(["sin", "tanh", "abs", "neg", "sigmoid"]), inner)
        if kind < 0.45 and indices:
            return guarded(self._predicate(axes, indices), inner)
        if kind < 0.55:
            condition = apply("less", inner, number(0.2, FLOAT))
            return guarded(condition, self._scalar(axes, indices, depth - 1))
        other = self._scalar(axes, indices, depth - 1)
        if kind < 0.65:
            return apply("where", apply("less", inner, other), inner, number(0.5, FLOAT))
        if kind < 0.75:
            return sum_of(product_of(self.random.choice([-1, 2, 0.25]), inner, dtype=FLOAT), other, dtype=FLOAT)
        if kind < 0.85:
            return product_of(inner, other, dtype=FLOAT)
        return apply(self.random.choice(["add", "sub", "mul", "maximum", "minimum"]), inner, other)

    def _load(self, axes: Sequence[Extent], indices: Sequence[Scalar]) -> Scalar:
        tensor = self.random.choice(self.pool[-4:] if self.random.random() < 0.6 else self.pool)
        guards: list[Scalar] = []
        places = [self._place(extent, axes, indices, guards) for extent in tensor.shape]
        value: Scalar = load(tensor, places)
        for predicate in guards:
            value = guarded(predicate, value)
        return value

    def _place(self, extent: Extent, axes: Sequence[Extent], indices: Sequence[Scalar], guards: list[Scalar]) -> Scalar:
        fitting = [i for i, e in zip(indices, axes, strict=True) if e == extent]
        if not fitting:
            return number(0)
        position = self.random.choice(fitting)
        kind = self.random.random()
        if kind < 0.6:
            return position
        if kind < 0.7:
            return difference(difference(extent, 1), position)
        if kind < 0.85:
            shifted = sum_of(position, self.random.choice([-2, -1, 1, 2]))
            guards += [less_equal(0, shifted), less(shifted, extent)]
            return shifted
        gathers = [i for i, e in zip(indices, axes, strict=True) if e == self.extents[0]]
        if extent == self.extents[1] and gathers:
            return load(self.indices, (gathers[0],))
        return position
