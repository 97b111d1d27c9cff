"""The table of operations. Importing this package fills it; one row holds everything about one operation."""

from gradc.ops import arithmetic, comparison, exponential, special, trigonometric

__all__ = ["arithmetic", "comparison", "exponential", "special", "trigonometric"]
