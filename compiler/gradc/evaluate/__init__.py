"""The reference semantics: a plain interpreter of graphs, generic over the numbers it computes with."""

from gradc.evaluate.evaluator import evaluate
from gradc.evaluate.exact import MPMATH, SYMPY
from gradc.evaluate.numbers import COMPLEX, NUMPY, NumberSystem, Rounding

__all__ = ["COMPLEX", "MPMATH", "NUMPY", "SYMPY", "NumberSystem", "Rounding", "evaluate"]
