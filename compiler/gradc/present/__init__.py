"""What a reader sees of a graph: formulas in LaTeX, plain text and SymPy."""

from gradc.present.formula import Formula, formula_of

__all__ = ["Formula", "formula_of"]
