"""Every form of the NumPy surface, against NumPy's values and their differences."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from gradc.errors import ArgumentError, DTypeError, ShapeError, TraceError
from gradc.function import Function, Transform
from surface import table
from surface.form import COLUMNS, Form
from surface.forms import FORMS, REFUSED
from surface.outcomes import NOTHING, WORKS, cells
from surface.public import public_names

#: A refusal that helps says one of these.
_INSTEAD = re.compile(r"\b(use|write|pass|compute|give|return|make|call|sort|choose|outside)\b")


@pytest.mark.parametrize("row", FORMS, ids=str)
def test_form(row: Form) -> None:
    """The value and the derivatives are right wherever a number comes; what the row doesn't except works."""
    shown = cells(row)
    for column in COLUMNS:
        works = shown[column] in (WORKS, NOTHING)
        assert works or column in row.lacks or column == "complex", f"{column}: {shown[column]}"
        assert not works or column not in row.lacks, f"{column} works, though the row says that it lacks it"
    assert table.cells_shown(row) == shown, "tests/numpy_surface.md is out of date: python tests/surface/table.py"


@pytest.mark.parametrize("row", REFUSED, ids=str)
def test_refused_form(row: Form) -> None:
    """A call that can't be traced says so on the user's line, and what to write instead."""
    with pytest.raises((TraceError, DTypeError, ShapeError, ArgumentError), match=_INSTEAD) as caught:
        Function(row.function, Transform())(*row.arguments)
    assert "forms_" in str(caught.value), "the user's line is not named"
    assert table.refusal_shown(row) == str(caught.value).splitlines()[0]


def test_every_public_function_is_in_the_table() -> None:
    covered = {name for row in [*FORMS, *REFUSED] for name in row.names}
    assert sorted(set(public_names()) - covered) == []


def test_no_form_is_there_twice() -> None:
    keys = Counter((row.covers, row.text, row.inputs) for row in FORMS)
    assert [key for key, count in keys.items() if count > 1] == []
