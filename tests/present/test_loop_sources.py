"""`formula.numpy()` and `formula.c()` of functions with loops and branches: real loops, and the function's values."""

from __future__ import annotations

import re

import numpy as np
import pytest
from tests.present.loop_programs import PROGRAMS, chosen, descent, energy, filtered, halving, likelihood, newton, random
from tests.present.test_c_source import check, needs_compiler
from tests.present.test_loop_formulas import computed
from tests.present.test_numpy_source import assert_same, run
from tests.trace.test_random_staging import POINTS
from tests.trace.test_random_staging import written as random_program

import gradc
from gradc.errors import ArgumentError


def checked(function, specs, arguments, folder):
    """A library of its own for each: one that is loaded is not loaded again."""
    own = folder / str(len(list(folder.iterdir())))
    own.mkdir()
    check(function, specs, arguments, own)


DERIVED = [name for name, (_, _, is_derived) in PROGRAMS.items() if is_derived]


def derived(name: str):
    function, arguments, _ = PROGRAMS[name]
    return gradc.grad(function, argnums=tuple(range(len(arguments)))), arguments


@pytest.mark.parametrize("name", PROGRAMS)
def test_numpy_source_runs_to_the_same_values(name):
    function, arguments, _ = PROGRAMS[name]
    assert_same(run(gradc.jit(function).formula(*arguments).numpy(), arguments), function(*arguments))


@pytest.mark.parametrize("name", DERIVED)
def test_numpy_source_of_a_gradient_runs_to_the_same_values(name):
    function, arguments = derived(name)
    assert_same(run(function.formula(*arguments).numpy(), arguments), function(*arguments))


@needs_compiler
@pytest.mark.parametrize("name", [name for name in PROGRAMS if name != "likelihood"])
def test_c_source_computes_the_same_values(name, tmp_path):
    function, arguments, is_derived = PROGRAMS[name]
    checked(gradc.jit(function), arguments, arguments, tmp_path)
    if is_derived:
        checked(derived(name)[0], arguments, arguments, tmp_path)


@needs_compiler
def test_named_extents_are_numbers_of_steps(tmp_path):
    specs = gradc.scalar(), gradc.vector("n")
    for function in (gradc.grad(energy), gradc.jit(filtered)):
        checked(function, specs, (0.7, random(9)), tmp_path)
        source = function.formula(*specs).numpy()
        assert "for t in range(n):" in source
        assert_same(run(source, (0.7, random(9))), function(0.7, random(9)))


def test_a_loop_reads_as_a_person_would_write_it():
    assert gradc.jit(filtered).formula(gradc.scalar(), gradc.vector("n")).numpy() == (
        "import numpy as np\n\n\n"
        "def filtered(a, x):\n"
        "    n = len(x)\n"
        "    y = 0.0\n"
        "    steps = np.empty(n)\n"
        "    for t in range(n):\n"
        "        total = a * y + x[t]\n"
        "        steps[t] = total\n"
        "        y = total\n"
        "    return steps\n"
    )
    assert gradc.jit(newton).formula(2.0).numpy() == (
        "import numpy as np\n\n\n"
        "def newton(a):\n"
        "    x = 1.0\n"
        "    while np.abs(x * x - a) > 1e-12:\n"
        "        x = x - (x * x - a) / (2 * x)\n"
        "    return x\n"
    )
    assert "    while (t > 0.001) & (n < 100):\n        n, s, t = n + 1, s + t, t * 0.5\n" in (
        gradc.jit(halving).formula(1.0).numpy()
    )
    assert (
        "    if p > 0:\n        chosen = np.tanh(x)\n    else:\n" in gradc.jit(chosen).formula(random(3), 1.0).numpy()
    )


def test_c_loops_read_as_a_person_would_write_them():
    source = gradc.jit(newton).formula(2.0).c()
    assert "    double x = 1.0;\n    while (fabs(x * x - a) > 1e-12) {\n" in source
    source = gradc.jit(filtered).formula(gradc.scalar(), gradc.vector("n")).c()
    assert "    for (int64_t t = 0; t < (int64_t)(n); t++) {\n" in source
    source = gradc.grad(lambda *at: np.sum(descent(*at) ** 2), argnums=1).formula(random(4, 3), random(4), 0.1).c()
    assert re.search(r"for \(int64_t t\w* = 12; t\w*-- > 0;\) \{", source)
    assert "malloc" not in source


def test_library_calls_in_loops_are_no_c():
    with pytest.raises(
        ArgumentError, match=r"inv has no C source: it is a library call; formula\.numpy\(\) may have it"
    ):
        gradc.jit(likelihood).formula(*PROGRAMS["likelihood"][1]).c()


@needs_compiler
def test_what_a_step_allocates_it_frees(tmp_path):
    """Temporaries of a named extent are on the heap; a while loop's tape grows."""

    def f(x):
        def step(state):
            k, x = state
            y = np.sin(x)
            return k + 1, y / np.sqrt(np.sum(y**2) + 1)

        return np.sum(gradc.while_loop(lambda state: state[0] < 1000, step, (0, x))[1])

    for function in (gradc.jit(f), gradc.grad(f)):
        source = function.formula(gradc.vector("n")).c()
        assert source.count("malloc(") + source.count(" = NULL;") == source.count("free(")
        checked(function, (gradc.vector("n"),), (random(50),), tmp_path)


@needs_compiler
def test_states_that_change_places(tmp_path):
    def f(x, y):
        def step(t, state):
            a, b, u, v = state
            return b, a, v, u * a

        a, b, u, v = gradc.fori_loop(0, 5, step, (1.0, 2.0, x, y))
        return a * u - b * v

    arguments = random(3), random(3) + 1
    checked(gradc.jit(f), arguments, arguments, tmp_path)
    assert_same(run(gradc.jit(f).formula(*arguments).numpy(), arguments), f(*arguments))


@needs_compiler
@pytest.mark.parametrize("seed", [3, 4, 5, 10, 20, 21])
def test_random_programs(seed, tmp_path):
    """Branches, loops and early exits within each other, and their adjoints."""
    function = random_program(seed, tmp_path)
    (tmp_path / "c").mkdir()

    def number(a, b, c, v):
        first, second, *others = function(a, b, c, v)
        return first + np.sum(second * np.arange(1.0, 5.0)) + 0.5 * sum(np.sum(other) for other in others)

    for compiled in (gradc.jit(number), gradc.grad(number, argnums=(0, 3))):
        for point in POINTS:
            arguments = (*point, np.array([0.3, -0.8, 1.4, 0.1]))
            formula = compiled.formula(*arguments)
            wanted = compiled(*arguments)
            with np.errstate(all="ignore"):
                assert_same(run(formula.numpy(), arguments), wanted)
                assert_same(computed(formula, arguments), wanted)
        checked(compiled, arguments, arguments, tmp_path / "c")
