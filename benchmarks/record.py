"""Putting a run's tables where they are read: RESULTS.md, and between marks in NOTES.md and the README."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
README = HERE.parent / "README.md"


def between_marks(path: Path, mark: str, text: str) -> None:
    """Replace what stands between ``<!-- mark -->`` and ``<!-- end of mark -->``."""
    begin, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    old = path.read_text()
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(old):
        raise ValueError(f"{path.name} has no place marked {begin}")
    path.write_text(pattern.sub(lambda _: f"{begin}\n{text}\n{end}", old))


def record(heading: str, summary: str, table: str, targets: str, remarks: str, elementary: str) -> None:
    """Write the run down."""
    results = HERE / "RESULTS.md"
    between_marks(results, "elementary functions", elementary)
    between_marks(results, "run", f"{heading}\n\n{summary}\n\n## Everything\n\n{table}\n\n{remarks}")
    between_marks(HERE / "NOTES.md", "targets", f"{heading}\n\n{targets}")
    between_marks(README, "speed", summary)
