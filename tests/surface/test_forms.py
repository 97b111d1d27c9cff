"""Every form of the NumPy surface, against NumPy's values and their differences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from zlib import crc32

import pytest

from gradc.errors import ArgumentError, DTypeError, ShapeError, TraceError
from gradc.function import Function, Transform
from surface import table
from surface.form import COLUMNS, Form
from surface.forms import FORMS, REFUSED
from surface.outcomes import NOTHING, WORKS, cells
from surface.public import public_names

#: A refusal that helps says one of these.
_INSTEAD = re.compile(r"\b(use|write|pass|compute|give|return|make|call|slice|leave|sort|choose|outside)\b")


#: The columns that take longest are looked at for every third form, unless slow tests are asked for.
_DOUBLE = ("value", "forward", "reverse", "second")


def _is_sampled(row: Form) -> bool:
    return crc32(str(row).encode()) % 3 == 0


@pytest.mark.parametrize("row", FORMS, ids=str)
def test_form(row: Form) -> None:
    """The value and the derivatives are right wherever a number comes; what the row doesn't except works."""
    _check(row, COLUMNS if _is_sampled(row) else _DOUBLE)


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in FORMS if not _is_sampled(row)], ids=str)
def test_form_in_other_dtypes(row: Form) -> None:
    """The same in float32 and complex, for the forms that are left out otherwise."""
    _check(row, [column for column in COLUMNS if column not in _DOUBLE])


def _check(row: Form, columns: Sequence[str]) -> None:
    shown = cells(row, columns)
    on_page = table.cells_shown(row)
    for column in columns:
        works = shown[column] in (WORKS, NOTHING)
        assert works or column in row.lacks or column == "complex", f"{column}: {shown[column]}"
        assert not works or column not in row.lacks, f"{column} works, though the row says that it lacks it"
    assert {c: on_page.get(c) for c in columns} == shown, (
        "tests/numpy_surface.md is out of date: python tests/surface/table.py"
    )


@pytest.mark.parametrize("row", REFUSED, ids=str)
def test_refused_form(row: Form) -> None:
    """A call that can't be traced says so on the user's line, and what to write instead."""
    with pytest.raises((TraceError, DTypeError, ShapeError, ArgumentError)) as caught:
        Function(row.function, Transform())(*row.arguments)
    if not isinstance(caught.value, ShapeError):  # shapes that don't fit have no replacement
        assert _INSTEAD.search(str(caught.value))
    assert "forms_" in str(caught.value), "the user's line is not named"
    assert table.refusal_shown(row) == str(caught.value).splitlines()[0]


def test_every_public_function_is_in_the_table() -> None:
    covered = {name for row in [*FORMS, *REFUSED] for name in row.names}
    assert sorted(set(public_names()) - covered) == []


def test_no_form_is_there_twice() -> None:
    keys = Counter((row.covers, row.text, row.inputs) for row in FORMS)
    assert [key for key, count in keys.items() if count > 1] == []


def test_the_readme_tells_the_size_of_the_page() -> None:
    found = re.search(r"^(\d+) public functions; (\d+) forms", table.PAGE.read_text("utf-8"), re.MULTILINE)
    assert found is not None
    readme = " ".join((table.PAGE.parents[1] / "README.md").read_text("utf-8").split())
    assert f"({found[1]} with SciPy's), {int(found[2]):,} forms" in readme
    assert int(found[2]) == len(FORMS)
