"""Functions that kernels share."""

from __future__ import annotations

import ctypes

import pytest

import gradc_runtime.routines as module
from gradc_runtime.engine import FAST_TO_COMPILE, NORMAL, engine
from gradc_runtime.routines import routines


def adding(number: int) -> dict[str, str]:
    return {"gradc_add": f"define i64 @gradc_add(i64 %i) {{ %j = add i64 %i, {number} ret i64 %j }}"}


def test_the_text_tells_routines_apart():
    first, second = routines(adding(1))["gradc_add"], routines(adding(2))["gradc_add"]
    call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
    assert call(first.address("gradc_add"))(40) == 41
    assert call(second.address("gradc_add"))(40) == 42


def test_what_is_used_stays_and_what_is_not_goes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "KEPT", 0)
    used = routines(adding(3))["gradc_add"]
    assert routines(adding(3))["gradc_add"] is used
    text = adding(3)["gradc_add"]
    del used
    assert text not in module._known


def test_a_cold_routine_is_compiled_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    levels: list[int] = []
    compile_text = engine().compile

    def noted(text: str, level: int = NORMAL) -> bytes:
        levels.append(level)
        return compile_text(text, level)

    monkeypatch.setattr(engine(), "compile", noted)
    text = "define i64 @gradc_{name}(i64 %i) {marks}nounwind {{ %j = mul i64 %i, 3 ret i64 %j }}"
    routines({f"gradc_{name}": text.format(name=name, marks=marks) for name, marks in (("hot", ""), ("rare", "cold "))})
    assert levels == [NORMAL, FAST_TO_COMPILE]
