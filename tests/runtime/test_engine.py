"""LLVM as the runtime uses it."""

from __future__ import annotations

import platform

import llvmlite.binding as llvm
import pytest

from gradc_runtime.engine import NORMAL, engine

STRIDED_LOOP = """
define i32 @gradc_pointers(ptr %frame) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %far = mul i64 %i, 1000003
  %place = getelementptr double, ptr %frame, i64 %far
  %x = load double, ptr %place
  %y = fadd double %x, %x
  store double %y, ptr %place
  %next = add nsw i64 %i, 1
  %more = icmp slt i64 %next, 1000
  br i1 %more, label %loop, label %exit
exit:
  ret i32 0
}
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads x86 assembly")
def test_strength_reduction_is_left_out():
    assert "imul" in engine().assembly(STRIDED_LOOP)


def test_others_find_llvm_as_it_was():
    host = engine().host
    machine = llvm.Target.from_triple(host.triple).create_target_machine(
        cpu=host.cpu, features=host.features, opt=NORMAL
    )

    def with_llvmlite_alone() -> str:
        module = llvm.parse_assembly(STRIDED_LOOP, context=llvm.create_context())
        module.triple = host.triple
        return str(machine.emit_assembly(module))

    before = with_llvmlite_alone()
    assert with_llvmlite_alone() == before


CARRIED_ON_THE_STACK = """
define double @decay(double %weight, i64 %count) {
entry:
  %state = alloca [8 x i8], align 64
  %following = alloca [8 x i8], align 64
  store double 1.0, ptr %state
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %x = load double, ptr %state
  %y = fmul double %x, %weight
  store double %y, ptr %following
  call void @llvm.memcpy.p0.p0.i64(ptr %state, ptr %following, i64 8, i1 false)
  %next = add nsw i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %loop, label %exit
exit:
  %last = load double, ptr %state
  ret double %last
}

declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1 immarg)
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads x86 assembly")
def test_what_a_loop_carries_on_the_stack_is_in_registers():
    assert "rsp" not in engine().assembly(CARRIED_ON_THE_STACK)
