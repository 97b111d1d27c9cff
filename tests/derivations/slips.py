"""All derivations with slips, and the halves they fall into."""

from __future__ import annotations

from derivations.slip_losses import LOSSES, STATISTICS
from derivations.slip_matrices import FORMS, INVERSES, JACOBIANS
from derivations.slip_rows import Derivation
from derivations.slip_scalars import CALCULUS, PHYSICS

DERIVATIONS: tuple[Derivation, ...] = (*CALCULUS, *PHYSICS, *STATISTICS, *LOSSES, *FORMS, *JACOBIANS, *INVERSES)
