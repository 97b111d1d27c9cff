"""The package as users get it: what an import costs, what the wheel holds, and that the parts agree on the version."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import gradc

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("llvmlite", "sympy", "scipy", "mpmath", "rich", "opt_einsum", "matplotlib", "IPython")


def in_fresh_python(code: str) -> str:
    path = f"import sys; sys.path[:0] = {[str(ROOT / 'compiler'), str(ROOT / 'runtime')]!r}; "
    done = subprocess.run([sys.executable, "-c", path + code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_import_pulls_in_nothing_heavy():
    loaded = in_fresh_python(f"import gradc; print([name for name in {HEAVY!r} if name in sys.modules])")
    assert loaded == "[]"


def test_a_first_gradient_pulls_in_what_it_needs_only():
    unneeded = sorted({*HEAVY, "numpy.random"} - {"llvmlite"})
    loaded = in_fresh_python(
        "import numpy; before = set(sys.modules); import gradc; "
        "gradc.grad(lambda x: numpy.sin(x) * x + x**2)(2.0); "
        f"print([name for name in {unneeded!r} if name in sys.modules and name not in before])"
    )
    assert loaded == "[]"


def test_public_names_are_there():
    missing = [name for name in gradc.__all__ if not hasattr(gradc, name)]
    assert not missing
    assert {"jit", "grad", "value_and_grad", "hessian", "vmap", "verify", "vector", "TraceError"} <= set(gradc.__all__)


def test_runtime_does_not_need_the_compiler():
    assert in_fresh_python("import gradc_runtime; print('gradc' in sys.modules)") == "False"


def test_version_comes_from_one_place():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    version_file = ROOT / project["tool"]["hatch"]["version"]["path"]
    assert f'"{gradc.__version__}"' in version_file.read_text()


def test_command_line_entry():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"gradc": "gradc.cli:main"}
    assert gradc.__version__ in in_fresh_python(
        "from gradc.cli import main\ntry: main(['--version'])\nexcept SystemExit as done: assert not done.code"
    )


def test_wheel_holds_both_packages_and_nothing_else(tmp_path):
    builder = pytest.importorskip("hatchling.builders.wheel")
    (wheel,) = builder.WheelBuilder(str(ROOT)).build(directory=str(tmp_path))
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"gradc", "gradc_runtime", f"gradc-{gradc.__version__}.dist-info"}
    assert {"gradc/py.typed", "gradc_runtime/py.typed", "gradc/ir/tensor.py", "gradc_runtime/__init__.py"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
