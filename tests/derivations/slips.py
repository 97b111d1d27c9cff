"""All derivations with slips, and the halves they fall into."""

from __future__ import annotations

from tests.derivations.slip_losses import LOSSES, STATISTICS
from tests.derivations.slip_matrices import FORMS, INVERSES, JACOBIANS
from tests.derivations.slip_rows import Derivation
from tests.derivations.slip_scalars import CALCULUS, PHYSICS

DERIVATIONS: tuple[Derivation, ...] = (*CALCULUS, *PHYSICS, *STATISTICS, *LOSSES, *FORMS, *JACOBIANS, *INVERSES)
