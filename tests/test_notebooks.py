"""Every notebook runs, and the committed .ipynb is its text together with real outputs."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.name != "run.py")


def test_there_is_one_per_group_of_examples():
    groups = (Path(__file__).parent / "examples").glob("test_*.py")
    assert sorted(path.stem.removeprefix("test_") for path in groups) == NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_notebook_runs(name):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    try:
        runpy.run_path(str(FOLDER / f"{name}.py"), run_name=name)
    finally:
        pyplot.close("all")


@pytest.mark.parametrize("name", NAMES)
def test_committed_notebook_is_its_text_with_outputs(name):
    jupytext = pytest.importorskip("jupytext")
    text, notebook = (jupytext.read(FOLDER / f"{name}.{ending}") for ending in ("py", "ipynb"))
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        (cell.cell_type, cell.source) for cell in text.cells
    ], f"run python notebooks/run.py {name}"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert outputs
    assert not [output for output in outputs if output.output_type == "error"]
