"""Random programs, every way; see `runner`. The long run is ``-m slow``, or ``python tests/property/runner.py``."""

import numpy as np
import pytest
from grammar import random_program
from random_programs import Program, Statement, shrink
from runner import failure_of, report

SAMPLE = 30
FULL = 2000


@pytest.mark.parametrize("seed", range(SAMPLE))
def test_random_program(seed):
    program = random_program(seed)
    failure = failure_of(program)
    assert failure is None, report(program, failure)


@pytest.mark.slow
def test_many_random_programs():
    reports = []
    for seed in range(SAMPLE, FULL):
        program = random_program(seed)
        failure = failure_of(program)
        if failure is not None:
            reports.append(report(program, failure))
    assert not reports, "\n\n".join(reports)


def test_programs_depend_on_the_seed_alone():
    assert random_program(3).describe() == random_program(3).describe()
    assert len({random_program(seed).source for seed in range(50)}) > 45


def test_generated_programs_are_safe_at_their_point():
    for seed in range(100):
        program = random_program(seed)
        assert program.safe()
        assert np.all(np.isfinite(program.function()(*program.point)))


def test_shrinking_finds_the_guilty_statement():
    lines = ["np.sin({a})", "{a} * 2.0", "np.cosh({a})", "{a} + 1.0", "np.tanh({a})"]
    names = ["x", *(f"v{k}" for k in range(len(lines)))]
    statements = tuple(Statement(names[k + 1], "{o} = " + line, (names[k],)) for k, line in enumerate(lines))
    program = Program((("x", np.array([0.5, 0.7])),), statements, names[-1])
    small = shrink(program, lambda p: "cosh" in p.source)
    assert [s.template for s in small.statements if "cosh" in s.template]
    assert len(small.statements) <= 2
