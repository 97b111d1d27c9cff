"""Checking a hand derivation: proofs, numerical agreement, counterexamples and hints; formulas given as text.

The package shares its name with the public function `gradc.verify`. Whichever of the two the name is bound to (a test runner
that imports a file of this package first binds the package), calling it checks a derivation.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallableRoom(ModuleType):
    def __call__(self, *args: Any, **keywords: Any) -> Any:
        from gradc.verify.check import verify

        return verify(*args, **keywords)


sys.modules[__name__].__class__ = _CallableRoom
