"""The tables of operations and of library calls. Importing this package fills them; one row holds everything about one."""

from gradc.ops import arithmetic, comparison, exponential, linear_algebra, special, trigonometric

__all__ = ["arithmetic", "comparison", "exponential", "linear_algebra", "special", "trigonometric"]
