"""Calls of elementary functions in straight-line code become lanes of vectors, with what is around them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from exact_functions import ARITY, arguments
from small_network import by_hand, network, trained

import gradc
from gradc.lower.mathematics import FUNCTIONS
from gradc.lower.packing import Packing
from gradc.lower.straight import Line, RoutineCall, understood
from gradc_runtime.engine import engine

pytestmark = pytest.mark.skipif(not engine().host.has_fma, reason="elementary functions are the C library's here")

#: What NumPy calls the functions of `gradc.lower.mathematics`.
NAMES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "pow": "power"} | {
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
}
WIDTH = engine().host.vector_bits // 64


def calls_of_routines(text: str) -> int:
    """How many elementary functions are called for one lane."""
    return len(re.findall(r"= call (?:double|float|<2 x \w+>) @gradc_\w+_f(?:32|64)\(", text))


# ---------------------------------------------------------------- the same bits


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"sigmoid", "softplus", "erf", "erfc"}))
@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("count", [2, 3, 5, 8, 10])
def test_lanes_have_the_bits_of_single_calls(name: str, dtype: str, count: int) -> None:
    operands = [a[: 4 * count] for a in arguments(name, dtype, 4 * count, 3)]
    function = getattr(np, NAMES.get(name, name))
    together, alone = gradc.jit(lambda *a: function(*a)), gradc.jit(lambda *a: function(*a))
    with np.errstate(all="ignore"):
        for first in range(0, len(operands[0]), count):
            some = [a[first : first + count] for a in operands]
            found = together(*some)
            single = [alone(*[a[k] for a in some]) for k in range(len(some[0]))]
            assert found.tobytes() == np.array(single, dtype).tobytes()
    assert len(operands) == ARITY.get(name, 1)


@pytest.mark.parametrize("function", [np.exp, np.sin, np.tanh, np.log, np.sqrt])
@pytest.mark.parametrize("count", [2, 3, 4, 5, 8])
def test_short_arrays_are_vectors(function: Callable[..., Any], count: int) -> None:
    text = gradc.jit(lambda x: function(x) * x).llvm(np.ones(count))
    assert calls_of_routines(text) <= (count == WIDTH + 1)


def test_angles_far_from_zero_among_others() -> None:
    """Code with blocks of its own, in front of a loop, a branch and more of the kind."""

    def function(x: Any, many: Any) -> Any:
        near = np.sin(x) * np.cos(x)
        total = np.sum(np.exp(many * near[0]))
        return near + gradc.cond(total > 0, lambda s: np.tan(s), lambda s: s, x) + np.sin(x * total)

    x, many = np.array([1e22, 0.5, -3e9, 7.0]), np.linspace(0, 1, 1000)
    total = np.sum(np.exp(many * (np.sin(x) * np.cos(x))[0]))
    expected = np.sin(x) * np.cos(x) + np.tan(x) + np.sin(x * total)
    np.testing.assert_allclose(gradc.jit(function)(x, many)[1::2], expected[1::2], rtol=1e-12)
    first = np.sin(x[0]) * np.cos(x[0]) + np.tan(x[0])
    assert abs(gradc.jit(function)(x, many)[0] - first) <= 1 + 1e-12  # less than a rounding of that sine's operand


# ---------------------------------------------------------------- what is joined


@pytest.mark.parametrize(("dtype", "tolerance"), [("f8", 1e-10), ("f4", 1e-2)])
def test_a_small_network_is_all_vectors(dtype: str, tolerance: float) -> None:
    compiled, arrays = gradc.jit(trained), network(dtype)
    for found, expected in zip(compiled(*arrays), by_hand(*arrays), strict=True):
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    text = compiled.llvm(*arrays)
    assert calls_of_routines(text) == 0
    kind = "double" if dtype == "f8" else "float"
    alone = re.findall(rf"= f(?:add|sub|mul|div) {kind} |= call {kind} @llvm.fma", text)
    assert len(alone) <= (0 if WIDTH == 8 else 16)  # in narrow vectors, sums along them are not worth turning these


def test_calls_that_need_each_other_stay_in_order() -> None:
    def function(x: Any) -> Any:
        y = np.zeros(6)
        y[0] = np.exp(-x[0])
        for k in range(1, 6):
            y[k] = np.exp(-y[k - 1] * x[k])
        return y

    x = np.linspace(0.1, 1, 6)
    expected = np.exp(-x)
    for k in range(1, 6):
        expected[k] = np.exp(-expected[k - 1] * x[k])
    np.testing.assert_allclose(gradc.jit(function)(x), expected, rtol=1e-14)


@pytest.mark.parametrize("count", [2, 3, 4, 7, 8])
def test_states_that_are_changed_in_place(count: int) -> None:
    def function(x: Any) -> Any:
        def step(i: Any, state: Any) -> Any:
            state = state.copy()
            for k in range(count):
                state[k] = np.tanh(state[k] + np.sin(state[k - 1]) * 0.3)
            return state * np.exp(-0.1 * state)

        return gradc.fori_loop(0, 9, step, x)

    x = np.linspace(-1, 1, count)
    expected = x.copy()
    for _ in range(9):
        for k in range(count):
            expected[k] = np.tanh(expected[k] + np.sin(expected[k - 1]) * 0.3)
        expected = expected * np.exp(-0.1 * expected)
    np.testing.assert_allclose(gradc.jit(function)(x), expected, rtol=1e-13)


# ---------------------------------------------------------------- straight-line code read back


def read(code: str, calls: dict[str, RoutineCall] | None = None, places: Any = None) -> list[Line]:
    return understood(["  " + line.strip() for line in code.strip().split("\n")], calls or {}, places or {})


def needs(lines: list[Line], later: int, earlier: int) -> bool:
    """Whether one line has to come after another."""
    return any(number == earlier or needs(lines, number, earlier) for number in lines[later].before)


def places_of(*names: str) -> dict[str, tuple[str, str, int]]:
    return {f"%{name}": (f"%{name[0]}", "0", int(name[1:])) for name in names}


@pytest.mark.parametrize(
    ("earlier", "later", "in_order"),
    [
        ("store double %x, ptr %a0, align 8", "%v1 = load double, ptr %a0, align 8", True),
        ("store double %x, ptr %a0, align 8", "%v1 = load double, ptr %a1, align 8", False),
        ("store double %x, ptr %a0, align 8", "%v1 = load double, ptr %b0, align 8", False),
        ("store double %x, ptr %a0, align 8", "%v1 = load float, ptr %a1, align 4", True),
        ("%v1 = load double, ptr %a0, align 8", "store double %x, ptr %a0, align 8", True),
        ("%v1 = load double, ptr %a0, align 8", "store double %x, ptr %a1, align 8", False),
        ("%v1 = load double, ptr %a0, align 8", "store double %x, ptr %b0, align 8", True),
        ("store double %x, ptr %a0, align 8", "store double %y, ptr %a0, align 8", True),
        ("store double %x, ptr %a0, align 8", "store double %y, ptr %a1, align 8", False),
        ("store double %x, ptr %a0, align 8", "call void @llvm.memcpy.p0.p0.i64(ptr %b0, ptr %a0, i64 8, i1 0)", True),
        ("call void @gradc_product(ptr %a0, ptr %b0)", "%v1 = load double, ptr %b0, align 8", True),
        ("call void @other()", "store double %x, ptr %a0, align 8", True),
        ("%v1 = call double @gradc_exp_f64(double %x)", "store double %x, ptr %a0, align 8", False),
        ("store i64 %i, ptr %a0", "%v1 = load double, ptr %b0, align 8", True),
        ("%v1 = fadd double %x, %y", "%v2 = fmul double %v1, %y", True),
        ("%v1 = fadd double %x, %y", "%v2 = fmul double %x, %y", False),
    ],
)
def test_what_comes_before_what(earlier: str, later: str, in_order: bool) -> None:
    lines = read(f"{earlier}\n{later}", places=places_of("a0", "a1", "b0"))
    assert needs(lines, 1, 0) == in_order


CALLS = """
%v1 = load double, ptr %a0, align 8
%v2 = load double, ptr %a1, align 8
%v3 = call double @gradc_exp_f64(double %v1)
%v4 = call double @gradc_exp_f64(double %v2)
%v5 = fmul double %v3, %x
%v6 = fmul double %x, %v4
store double %v5, ptr %b0, align 8
store double %v6, ptr %b1, align 8
"""


def packs(code: str, **calls: str) -> list[tuple[str, ...]]:
    """The registers, or the stored ones, that become vectors."""
    found = {f"%{name}": RoutineCall("exp", (f"%{operand}",), 8) for name, operand in calls.items()}
    packing = Packing(read(code, found, places_of("a0", "a1", "b0", "b1")), 512)
    packing.search()
    return sorted({p.names if p.lines[0].name else p.columns[0] for p in packing.pack_of.values()} | set())


def test_what_leads_to_calls_and_what_is_stored_of_them() -> None:
    expected = [("%v1", "%v2"), ("%v3", "%v4"), ("%v5", "%v6")]
    assert packs(CALLS, v3="v1", v4="v2") == expected


def test_calls_of_calls_are_not_joined_with_them() -> None:
    code = CALLS.replace("exp_f64(double %v2)", "exp_f64(double %v3)")
    assert packs(code, v3="v1", v4="v3") == []


def test_without_calls_nothing_is_joined() -> None:
    assert packs("\n".join(line for line in CALLS.split("\n") if "call" not in line)) == []


def test_long_chains_and_shared_operands_take_no_time_and_no_stack() -> None:
    """Squares of squares: each line is an operand twice."""
    lines = ["%a0 = fadd double %x, 1.0", "%b0 = fadd double %y, 1.0"]
    for k in range(2000):
        lines += [f"%a{k + 1} = fmul double %a{k}, %a{k}", f"%b{k + 1} = fmul double %b{k}, %b{k}"]
    lines += [f"%e{k} = call double @gradc_exp_f64(double %{name}2000)" for k, name in enumerate("ab")]
    found = packs("\n".join(lines), e0="a2000", e1="b2000")
    assert ("%e0", "%e1") in found
    assert ("%a2000", "%b2000") in found


# ---------------------------------------------------------------- where results go


def test_entries_apart_from_each_other_are_stored_one_by_one() -> None:
    x = np.array([0.617, -0.485, 1.56, 0.096])
    np.testing.assert_allclose(gradc.jacobian(lambda x: np.expm1(0.2 * x))(x), np.diag(0.2 * np.exp(0.2 * x)))


def test_a_sine_whose_cosine_is_wanted_elsewhere() -> None:
    def function(y: Any) -> Any:
        return np.sin(y[0]) * np.cos(y * 1.0 + np.sin(y))

    y = np.random.default_rng(4).normal(size=(3, 3))
    eps = 1e-30
    expected = [np.imag(function(y + 1j * eps * e.reshape(3, 3))) / eps for e in np.eye(9)]
    found = gradc.jacobian(function)(y)
    np.testing.assert_allclose(found.reshape(9, 9).T, np.array(expected).reshape(9, 9), rtol=1e-12, atol=1e-14)
