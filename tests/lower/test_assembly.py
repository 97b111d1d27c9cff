"""The machine code of the hot loops: as wide as the registers are, without calls, without spilled registers."""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hot_loop import hot_loop

import gradc
from gradc_runtime.engine import engine


def widest_register() -> str:
    """The widest vector register of the machine, or a reason to skip."""
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("the finder reads x86-64 assembly")
    host = engine().host
    if not host.has_fma:
        pytest.skip("neither AVX-512 nor AVX2 with FMA")
    return "zmm" if host.vector_bits == 512 else "ymm"


def waves(x):
    return np.sum(np.sin(x) * np.exp(-(x**2)) + np.log1p(x**2))


def polynomial(x):
    return np.sum(((0.3 * x - 1.2) * x + 0.7) * x**2 + x)


def weighted(w, x):
    return np.sum(w * x)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        pytest.param(gradc.value_and_grad(polynomial), 1, id="polynomial"),
        pytest.param(gradc.jit(weighted), 2, id="dot product"),
        pytest.param(gradc.value_and_grad(waves), 1, id="waves"),
    ],
)
@pytest.mark.parametrize("length", [4096, 10_007])
def test_hot_loop_is_wide_and_stays_in_registers(
    function: Callable[..., Any], arguments: int, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRADC_CHECK", raising=False)
    widest = widest_register()
    points = np.linspace(-1, 1, length)
    loop = hot_loop(function.asm(*[points] * arguments))  # type: ignore[attr-defined]
    assert len(loop.packed) >= 2, loop.instructions
    assert loop.registers == {widest}, loop.packed
    assert loop.calls == []
    # of half the registers a long body needs one or two more
    assert len(loop.spills) <= (0 if engine().host.vector_registers == 32 else len(loop.packed) // 20)


def projection(camera, point):
    rotation, away = camera[0:3], point - camera[3:6]
    angle = np.sqrt(np.sum(rotation**2))
    axis = rotation / angle
    along = axis * np.sum(axis * away)
    seen = along + np.cos(angle) * (away - along) + np.sin(angle) * np.cross(axis, away)
    return camera[6] * seen[0:2] / seen[2]


def test_a_batch_of_small_jacobians_is_a_loop_over_vectors_of_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADC_CHECK", raising=False)
    widest = widest_register()
    jacobians = gradc.vmap(gradc.jacobian(projection))
    loop = hot_loop(jacobians.asm(np.ones((1003, 7)), np.ones((1003, 3))))
    assert len(loop.packed) > 100
    assert loop.registers == {widest}
    assert loop.calls == []


def test_the_finder_tells_loops_apart() -> None:
    """An outer loop with a spill around an inner one; a rare call out of line; a scalar loop."""
    text = """
f:
	movq	%rdi, 8(%rsp)
.LBB0_1:
	vmovupd	%zmm9, 64(%rsp)
	.p2align	4
.LBB0_2:
	vmovupd	(%rdi), %zmm0
	vcmppd	$1, %zmm0, %zmm1, %k0
	kortestb	%k0, %k0
	jne	.LBB0_5
.LBB0_3:
	vfmadd231pd	%zmm0, %zmm2, %zmm3
	addq	$64, %rdi
	cmpq	%rdi, %rsi
	jne	.LBB0_2
	decq	%rcx
	jne	.LBB0_1
.LBB0_4:
	vaddsd	(%rdx), %xmm0, %xmm0
	vmovsd	%xmm0, 8(%rsp)
	callq	*%rax
	decq	%rdx
	jne	.LBB0_4
	retq
.LBB0_5:
	callq	sin
	jmp	.LBB0_3
"""
    loop = hot_loop(text)
    assert loop.packed == ["vfmadd231pd %zmm0, %zmm2, %zmm3"]
    assert loop.registers == {"zmm"}
    assert loop.calls == []
    assert loop.spills == []
    scalar = hot_loop(text.replace("vfmadd231pd", "nop").replace("vaddsd	(%rdx), %xmm0", "vaddpd	(%rdx), %xmm0"))
    assert scalar.registers == {"xmm"}
    assert scalar.calls == ["callq *%rax"]
    assert scalar.spills == ["vmovsd %xmm0, 8(%rsp)"]
