"""All forms, from the families' tables."""

from __future__ import annotations

import importlib
import pkgutil

import surface
from surface.form import Form


def _tables() -> list[str]:
    return sorted(m.name for m in pkgutil.iter_modules(surface.__path__) if m.name.startswith("forms_"))


def family(name: str) -> list[Form]:
    """The forms of one table."""
    forms: list[Form] = importlib.import_module(f"surface.{name}").FORMS
    return forms


#: Every form of every table.
FORMS: list[Form] = [row for name in _tables() for row in family(name)]
#: Calls that are refused: forms whose value is an error that says what to write instead.
REFUSED: list[Form] = [
    row for name in _tables() for row in getattr(importlib.import_module(f"surface.{name}"), "REFUSED", [])
]
