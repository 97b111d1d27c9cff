"""What each form gives, column by column: the cells of the table."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

from surface import checks
from surface.checks import Case, Refused
from surface.form import COLUMNS, Form

WORKS, NOTHING = "yes", "-"


def outcome(row: Form, column: str) -> str:
    """The cell: that it works, that there is nothing to show, or the error of gradc's that the user gets.

    A number that differs from NumPy's, and an error that isn't gradc's own, is raised.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _CHECKS[column](row) or WORKS
    except Refused as refusal:
        cause = refusal.__cause__
        return f"{type(cause).__name__}: {refusal}"


def cells(row: Form, columns: Sequence[str] = COLUMNS) -> dict[str, str]:
    """Cells of a form."""
    return {column: outcome(row, column) for column in columns}


def _value(row: Form) -> None:
    checks.check_value(Case(row))


def _derivative(check: Callable[[Case], None]) -> Callable[[Form], str | None]:
    def checked(row: Form) -> str | None:
        case = Case(row)
        if not case.places or not case.near(0.0):
            return NOTHING
        check(case)
        return None

    return checked


def _maybe(check: Callable[[Form], str | None]) -> Callable[[Form], str | None]:
    return lambda row: NOTHING if check(row) == checks.NUMPY_REFUSES else None


_CHECKS: dict[str, Callable[[Form], str | None]] = {
    "value": _value,
    "forward": _derivative(checks.check_forward),
    "reverse": _derivative(checks.check_reverse),
    "second": _derivative(checks.check_second),
    "float32": _maybe(checks.check_single),
    "complex": _maybe(checks.check_complex),
}
