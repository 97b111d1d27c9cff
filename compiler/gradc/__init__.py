"""gradc: symbolic differentiation and code generation for NumPy functions."""
