"""The identities of matrix calculus that formulas are measured by, as data."""

from __future__ import annotations

from derivations import algebra, inverses, learning, models, statistics
from derivations.identity import SIZES, Identity

IDENTITIES: tuple[Identity, ...] = (*algebra.ROWS, *inverses.ROWS, *statistics.ROWS, *learning.ROWS, *models.ROWS)

__all__ = ["IDENTITIES", "SIZES", "Identity"]
