"""LLVM as the runtime uses it."""

from __future__ import annotations

import platform

import llvmlite.binding as llvm
import pytest

from gradc_runtime.engine import NORMAL, engine


def polynomial_loop(degree: int) -> str:
    """``y[i] = p(x[i])``, each coefficient of p being used twice."""
    lines = []
    for k in range(degree):
        lines.append(f"  %a{k + 1} = call double @llvm.fma.f64(double %a{k}, double %x, double {k + 1}.25)")
        lines.append(f"  %b{k + 1} = call double @llvm.fma.f64(double %b{k}, double %a{k + 1}, double {k + 1}.25)")
    steps = "\n".join(lines)
    return f"""
define i32 @gradc_pointers(ptr %frame) {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %place = getelementptr double, ptr %frame, i64 %i
  %x = load double, ptr %place
  %a0 = fadd double %x, %x
  %b0 = fmul double %x, %x
{steps}
  %y = fadd double %a{degree}, %b{degree}
  store double %y, ptr %place
  %next = add nsw i64 %i, 1
  %more = icmp slt i64 %next, 1000
  br i1 %more, label %loop, label %exit
exit:
  ret i32 0
}}
declare double @llvm.fma.f64(double, double, double)
"""


@pytest.mark.skipif(platform.machine() != "x86_64" or not engine().host.has_fma, reason="reads x86 assembly with FMA")
def test_the_literals_of_a_loop_occupy_no_registers():
    assembly = engine().assembly(polynomial_loop(12))
    before_the_loop = assembly[assembly.index("gradc_pointers:") : assembly.index(".LBB0_1:")]
    assert ".LCPI" not in before_the_loop
    assert ".LCPI" in assembly[assembly.index(".LBB0_1:") :]


def test_others_find_llvm_as_it_was():
    host = engine().host
    machine = llvm.Target.from_triple(host.triple).create_target_machine(
        cpu=host.cpu, features=host.features, opt=NORMAL
    )

    def with_llvmlite_alone() -> str:
        module = llvm.parse_assembly(polynomial_loop(12), context=llvm.create_context())
        module.triple = host.triple
        return str(machine.emit_assembly(module))

    before = with_llvmlite_alone()
    engine().compile(polynomial_loop(3))
    assert with_llvmlite_alone() == before
