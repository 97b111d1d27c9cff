"""The value of a formula as it is written: notation evaluated on arrays, so that a print is proved and not only a graph.

Vectors are columns. A vector of ones has no length of its own: what it multiplies is summed or broadcast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradc.ir.scalar import NamedConstant
from gradc.present import notation as n

RELATIONS: dict[str, Callable[..., Any]] = {
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
}
CONSTANTS = {"pi": math.pi, "e": math.e, "euler_gamma": np.euler_gamma}


def softmax(x: Any) -> Any:
    """The softmax of a column."""
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def row_softmax(z: Any) -> Any:
    """The softmax of every row."""
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in ("sin", "cos", "exp", "log", "tanh", "sign", "abs", "maximum")},
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "softplus": lambda z: np.logaddexp(0, z),
    "softmax": softmax,
    "row_softmax": row_softmax,
    "diag": np.diagflat,
    "diagonal": lambda x: np.diag(x)[:, None],
    "vec": lambda x: x.reshape(-1, 1, order="F"),
    "tr": np.trace,
    "det": np.linalg.det,
    "norm": np.linalg.norm,
    "frobenius_norm": np.linalg.norm,
    "squared_norm": lambda x: np.sum(x**2),
    "frobenius": lambda x: np.sum(x**2),
    "max": np.max,
    "min": np.min,
}


def _is_identity(node: n.Notation) -> bool:
    return isinstance(node.numerator[-1] if isinstance(node, n.Product) and node.numerator else node, n.Identity)


class Written:
    """Evaluates notation; ``values`` are the arrays behind symbols, ``size`` is that of the identity matrix."""

    def __init__(self, values: Mapping[str, Any], size: int) -> None:
        self.values = {k: np.asarray(v)[:, None] if np.ndim(v) == 1 else np.asarray(v) for k, v in values.items()}
        self.size = size

    def value(self, node: n.Notation) -> Any:
        """The value of a piece."""
        return getattr(self, "_" + type(node).__name__.lower())(node)

    def _literal(self, node: n.Literal) -> Any:
        return CONSTANTS[node.value.name] if isinstance(node.value, NamedConstant) else float(node.value)  # type: ignore[arg-type]

    def _name(self, node: n.Name) -> Any:
        return self.values[node.plain]

    def _entry(self, node: n.Entry) -> Any:
        base = self.value(node.base)
        indices = tuple(int(self.value(i)) for i in node.indices)
        return base[indices if len(indices) == base.ndim else (*indices, 0)]

    def _sum(self, node: n.Sum) -> Any:
        """Identity matrices are of the size of the matrices beside them."""
        outer = self.size
        others = [np.shape(self.value(t)) for t in node.terms if not _is_identity(t)]
        self.size = max((s[0] for s in others if len(s) == 2), default=1)
        self.size = self.size if self.size > 1 else outer
        total = sum(self.value(t) for t in node.terms)
        self.size = outer
        return total

    def _product(self, node: n.Product) -> Any:
        result: Any = float(node.coefficient)  # type: ignore[arg-type]
        for factor in node.numerator:
            result = result * self.value(factor)
        for factor in node.denominator:
            result = result / self.value(factor)
        return result

    def _power(self, node: n.Power) -> Any:
        base = self.value(node.base)
        whole = isinstance(node.base, n.Name | n.Transposed) and np.ndim(base) == 2 and base.shape[0] > 1
        exponent = self.value(node.exponent)
        return np.linalg.matrix_power(base, int(exponent)) if whole else base**exponent

    def _root(self, node: n.Root) -> Any:
        return self.value(node.base) ** (1 / node.degree)

    def _function(self, node: n.Function) -> Any:
        if node.name == "kron":
            return self._kronecker(*node.arguments)
        return FUNCTIONS[node.name](*(self.value(a) for a in node.arguments))

    def _kronecker(self, left: n.Notation, right: n.Notation) -> Any:
        """An identity matrix beside a matrix fills the rows that are left."""
        if isinstance(left, n.Identity) and isinstance(right, n.Identity):
            return np.eye(self.size)
        if isinstance(left, n.Identity):
            other = self.value(right)
            return np.kron(np.eye(self.size // other.shape[0]), other)
        other = self.value(left)
        identity = isinstance(right, n.Identity)
        return np.kron(other, np.eye(self.size // other.shape[0]) if identity else self.value(right))

    def _relation(self, node: n.Relation) -> Any:
        return RELATIONS[node.name](self.value(node.left), self.value(node.right))

    def _bracket(self, node: n.Bracket) -> Any:
        return np.asarray(self.value(node.condition)).astype(float)

    def _transposed(self, node: n.Transposed) -> Any:
        return self.value(node.base).T

    def _inverse(self, node: n.Inverse) -> Any:
        return np.linalg.inv(self.value(node.base))

    def _hadamard(self, node: n.Hadamard) -> Any:
        result: Any = 1.0
        for factor in node.numerator:
            result = result * self.value(factor)
        for factor in node.denominator:
            result = result / self.value(factor)
        return result

    def _entrywisepower(self, node: n.EntrywisePower) -> Any:
        return self.value(node.base) ** self.value(node.exponent)

    def _ones(self, node: n.Ones) -> Any:
        return np.ones((1, 1))  # broadcast

    def _identity(self, node: n.Identity) -> Any:
        return np.eye(self.size)

    def _matrixproduct(self, node: n.MatrixProduct) -> Any:
        result = self._multiplied(node.factors)
        return result.item() if node.scalar else result

    def _multiplied(self, factors: Sequence[n.Notation]) -> Any:
        """From the right; a row of ones sums over what follows, or broadcasts at the end; a column broadcasts."""
        result, summed = np.ones((1, 1)), False
        for factor in reversed(factors):
            if isinstance(factor, n.Ones):
                assert result.shape[0] == 1
            elif isinstance(factor, n.Transposed) and isinstance(factor.base, n.Ones):
                result = np.sum(result, axis=0, keepdims=True)
            elif summed:
                result = np.sum(self.value(factor), axis=1, keepdims=True) @ result
            else:
                result = self.value(factor) @ result if result.shape != (1, 1) else self.value(factor) * result
            summed = isinstance(factor, n.Ones)
        return result
