"""(w x - y)^2 differentiated by hand with the chain rule's factor forgotten: refuted, and the factor named."""

from __future__ import annotations

import gradc

AT = {"w": 3.0, "x": 2.0, "y": 2.0}


def loss(w, x, y):
    return (w * x - y) ** 2


def test_gradient_is_sixteen():
    gradient = gradc.grad(loss)(3.0, 2.0, 2.0)
    assert gradient == 16.0
    assert type(gradient) is float


def test_the_right_derivation_is_proved():
    assert gradc.verify(loss, "2*x*(w*x - y)").status == "proved"
    assert gradc.verify(loss, "2 x \\left(w x - y\\right)").status == "proved"
    assert gradc.verify(loss, lambda w, x, y: 2 * x**2 * w - 2 * x * y).status == "proved"
    assert gradc.verify(loss, 16, at=AT)


def test_the_missing_factor_is_named():
    verdict = gradc.verify(loss, "2*(w*x - y)")
    assert not verdict
    assert verdict.status == "refuted"
    assert "factor x" in verdict.hint
    assert "missing" in verdict.hint
    assert "factor x" in str(verdict)


def test_a_wrong_number_is_refuted_at_the_point():
    verdict = gradc.verify(loss, 8, at=AT)
    assert verdict.status == "refuted"
    assert verdict.hint
    assert "16" in str(verdict)
    assert "8" in str(verdict)


def test_a_wrong_sign_is_named():
    verdict = gradc.verify(loss, "-2*x*(w*x - y)")
    assert verdict.status == "refuted"
    assert "sign" in verdict.hint
