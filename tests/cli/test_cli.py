"""The command line: what it prints, its exit status, and that no text is ever evaluated."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

import gradc
from gradc.cli import main
from gradc.verify.parse_formula import function_from_text

ROOT = Path(__file__).resolve().parents[2]
POLYNOMIAL = "2*x**4 + x**3 + 3*x**2 + 5*x + 1"


def run(capsys, *arguments):
    """(status, standard output, standard error)"""
    status = main(arguments)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_derive_at_a_point(capsys):
    status, out, err = run(capsys, "derive", POLYNOMIAL, "--wrt", "x", "--at", "x=2")
    assert status == 0
    assert not err
    assert "d/dx = 8*x**3 + 3*x**2 + 6*x + 5" in out
    assert "63.0" in out
    assert "93.0" in out


def test_derive_latex(capsys):
    assert run(capsys, "derive", POLYNOMIAL, "--latex") == (0, "8 x^{3} + 3 x^{2} + 6 x + 5\n", "")


def test_derive_llvm(capsys):
    status, out, _ = run(capsys, "derive", POLYNOMIAL, "--llvm")
    assert status == 0
    assert "define" in out


def test_derive_as_source(capsys):
    status, out, _ = run(capsys, "derive", POLYNOMIAL, "--numpy")
    assert (status, out) == (
        0,
        "import numpy as np\n\n\ndef f_gradient(x):\n    return 8 * x**3 + 3 * x**2 + 6 * x + 5\n",
    )
    status, out, _ = run(capsys, "derive", POLYNOMIAL, "--c")
    assert status == 0
    assert "void f_gradient(double x, double *out) {" in out


def test_latex_in_and_out(capsys):
    status, out, _ = run(capsys, "derive", r"\sin^2 x", "--latex")
    assert status == 0
    assert function_from_text(out.strip(), ["x"], notation="latex")(0.3) == pytest.approx(math.sin(0.6))


def test_several_points(capsys):
    for points in (["--at", "x=2", "--at", "y=3"], ["--at", "x=2,y=3"]):
        status, out, _ = run(capsys, "derive", "x*y**2", "--wrt", "y", *points)
        assert status == 0
        assert "d/dy = 2*x*y" in out
        assert "12.0" in out


def test_arrays_and_shapes(capsys):
    formula = "sum((X @ w - y)**2)"
    points = "X=[[1,2],[3,4]], w=[1,1], y=[0,1]"
    status, out, _ = run(capsys, "derive", formula, "--wrt", "w", "--at", points)
    assert status == 0
    assert "[42. 60.]" in out
    shapes = ["--shape", "X=m,n", "--shape", "w=n", "--shape", "y=m"]
    status, out, _ = run(capsys, "derive", formula, "--wrt", "w", "--latex", *shapes)
    assert status == 0
    assert "top" in out


def test_a_vector_function_has_a_jacobian(capsys):
    status, out, _ = run(capsys, "derive", "[x[0]*x[1], x[0]]", "--at", "x=[2,3]")
    assert status == 0
    assert "[[3. 2.]" in out


def test_function_of_a_file(capsys, tmp_path):
    model = tmp_path / "model_of_the_test.py"
    model.write_text("import numpy as np\n\n\ndef loss(w, x, y):\n    return np.sum((w * x - y) ** 2)\n")
    status, out, _ = run(capsys, "derive", f"{model}:loss", "--wrt", "w", "--at", "w=3,x=2,y=2")
    assert status == 0
    assert "16.0" in out
    assert run(capsys, "verify", f"{model}:loss", "2*(w*x - y)*x", "--wrt", "w")[0] == 0
    status, _, err = run(capsys, "derive", f"{model}:gain")
    assert (status, err) == (2, f"gradc: {model} has no function gain\n")


@pytest.mark.parametrize(
    ("hand", "points", "status", "word"),
    [
        ("2*(w*x - y)*x", [], 0, "proved"),
        (r"2 x \left(w x - y\right)", [], 0, "proved"),
        ("2*(w*x - y)", [], 1, "the factor x is missing"),
        ("8", ["--at", "w=3,x=2,y=2"], 1, "factor 2 is missing"),
        ("16", ["--at", "w=3,x=2,y=2"], 0, "agrees"),
    ],
)
def test_verify(capsys, hand, points, status, word):
    result, out, err = run(capsys, "verify", "(w*x - y)**2", hand, "--wrt", "w", *points)
    assert result == status
    assert word in out
    assert not err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["derive", "2*+"], "formula ends too early"),
        (["derive", "foo(x)"], "unknown function 'foo'"),
        (["derive", "2 + 3"], "no variable"),
        (["derive", "x*y", "--wrt", "z"], "no z"),
        (["derive", "x", "--at", "z=1"], "no argument z"),
        (["derive", "x", "--at", "x"], "NAME=VALUE"),
        (["derive", "x", "--at", "x=__import__('os')"], "unknown function"),
        (["derive", "x", "--shape", "x=-1"], "a shape is"),
        (["derive", "X @ w", "--shape", "X=2,3", "--shape", "w=4"], "matmul"),
        (["derive", "X @ w"], "--shape X=m,n"),
        (["derive", "x[0]*x[1]"], "--shape X=m,n"),
        (["derive", "nowhere.py:f"], "there is no file"),
        (["verify", "x**2", "2*z"], "unknown name 'z'"),
        (["verify", "x**2", "2*x", "--wrt", "y"], "no y"),
    ],
)
def test_unusable_input(capsys, arguments, message):
    status, out, err = run(capsys, *arguments)
    assert status == 2
    assert message in err
    assert err.startswith("gradc: ")
    assert "Traceback" not in err
    assert not out


def test_a_broken_file_is_one_message(capsys, tmp_path):
    broken = tmp_path / "broken_for_the_test.py"
    broken.write_text("def f(x:\n")
    status, _, err = run(capsys, "derive", f"{broken}:f")
    assert status == 2
    assert "can't be imported: SyntaxError" in err


def test_nothing_is_evaluated(capsys, tmp_path):
    trace = tmp_path / "trace"
    for text in (f"open('{trace}', 'w')", f"[].__class__.__base__('{trace}')", f"__import__('os').mkdir('{trace}')"):
        for arguments in (["derive", text], ["verify", "x", text], ["derive", "x", "--at", f"x={text}"]):
            assert run(capsys, *arguments)[0] == 2
    assert not trace.exists()


def test_version(capsys):
    with pytest.raises(SystemExit) as done:
        main(["--version"])
    assert not done.value.code
    assert capsys.readouterr().out.strip() == f"gradc {gradc.__version__}"


@pytest.mark.parametrize("arguments", [[], ["integrate", "x"], ["derive"], ["verify", "x"]])
def test_wrong_usage(capsys, arguments):
    with pytest.raises(SystemExit) as done:
        main(arguments)
    assert done.value.code == 2


def test_demo(capsys):
    status, out, _ = run(capsys, "demo")
    assert status == 0
    for word in ("LaTeX", "proved", "refuted", "hint", "the factor x is missing", "us a call"):
        assert word in out


def test_as_a_program():
    path = {"PYTHONPATH": f"{ROOT / 'compiler'}:{ROOT / 'runtime'}", "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "gradc.cli", "verify", "x**2", "x"]
    done = subprocess.run(command, capture_output=True, text=True, env=path, check=False)
    assert done.returncode == 1
    assert "the factor 2 is missing" in done.stdout
    assert "\x1b" not in done.stdout


def test_derive_in_two_dimensions_and_as_a_picture(capsys, tmp_path):
    status, out, _ = run(capsys, "derive", "x^2/(1 + y)", "--wrt", "x", "--pretty")
    assert (status, out) == (0, "  2⋅x\n───────\n y + 1\n")
    picture = tmp_path / "graph.svg"
    assert run(capsys, "derive", "(w*x - y)^2", "--wrt", "w", "--at", "w=3,x=2,y=2", "--graph", str(picture))[0] == 0
    assert ">16<" in picture.read_text()
    status, _, err = run(capsys, "derive", "x", "--graph", str(tmp_path / "nowhere" / "graph.svg"))
    assert status == 2
    assert "nowhere" in err
