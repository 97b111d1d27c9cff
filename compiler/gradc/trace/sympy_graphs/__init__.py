"""SymPy's expressions as graphs."""
