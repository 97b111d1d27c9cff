"""Right derivations in other forms: none refuted, nearly all proved. The whole set runs in the benchmark."""

from __future__ import annotations

import pytest

from derivations.true_forms import TRUE_FORMS, TrueForm

#: Right, but not proved: roots inside roots.
UNPROVED = [form for form in TRUE_FORMS if "sqrt(3 + 2*sqrt(2))" in form.name]
SAMPLE = [form for form in TRUE_FORMS[::9] if form not in UNPROVED]


def test_there_are_enough_of_them() -> None:
    assert len(TRUE_FORMS) >= 300
    assert len({form.name for form in TRUE_FORMS}) == len(TRUE_FORMS)


@pytest.mark.parametrize("form", SAMPLE, ids=[form.name for form in SAMPLE])
def test_a_true_form_is_proved(form: TrueForm) -> None:
    verdict = form.check()
    assert verdict.status == "proved", str(verdict)


@pytest.mark.parametrize("form", UNPROVED)
def test_what_is_not_proved_agrees(form: TrueForm) -> None:
    assert form.check().status == "agrees"
