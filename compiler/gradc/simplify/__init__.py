"""Simplification. Two exits: the compute form (`simplify`: least work) and the display form (what a person writes)."""

from gradc.simplify.engine import simplify, simplify_outputs

__all__ = ["simplify", "simplify_outputs"]
