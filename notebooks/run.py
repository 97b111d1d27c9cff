"""Execute the notebooks and write their outputs: ``python notebooks/run.py [name ...]``.

The text (``name.py``, percent format) is what one edits; ``name.ipynb`` is made from it here, outputs included.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """All notebooks."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.name != Path(__file__).name)


def execute(name: str) -> None:
    """Run one notebook from its text and write the .ipynb beside it."""
    notebook = jupytext.read(FOLDER / f"{name}.py")
    for position, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{position}"  # so that running again changes nothing but the outputs
    NotebookClient(notebook, timeout=300, record_timing=False, resources={"metadata": {"path": FOLDER}}).execute()
    notebook.metadata.pop("language_info", None)
    nbformat.write(notebook, FOLDER / f"{name}.ipynb")


if __name__ == "__main__":
    for chosen in sys.argv[1:] or names():
        execute(chosen)
        print(chosen)
