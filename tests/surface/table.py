"""``tests/numpy_surface.md``: what works of NumPy, made by running every form.

python tests/surface/table.py            write it anew
python tests/surface/table.py fft        show the lines of the forms whose function's name holds "fft"
"""

from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

if __name__ == "__main__":
    for folder in ("compiler", "runtime", "tests"):
        sys.path.insert(0, str(Path(__file__).parents[2] / folder))

from gradc.errors import GradcError
from gradc.function import Function, Transform
from surface.form import COLUMNS, Form
from surface.forms import FORMS, REFUSED
from surface.outcomes import NOTHING, WORKS, cells
from surface.public import public_names

PAGE = Path(__file__).parents[1] / "numpy_surface.md"

_HEAD = """# The NumPy surface

Made by running every form: `python tests/surface/table.py`. A form is a call as users write it; `tests/surface/forms_*.py` has
a row for each, with its inputs. Values are compared with NumPy's, derivatives with differences of the eighth order.

- **value**: compiled, it gives NumPy's values, dtypes and shapes. **forward**, **reverse**: the first derivative in either
  mode. **second**: forward over reverse. **float32**: values and gradient stay float32. **complex**: values and both first
  derivatives on complex inputs, by JAX's convention.
- `yes`: it does. `-`: there is nothing to show (integer results, or NumPy has no such form). Anything else is the error that
  the user gets.
"""


def refusal(row: Form) -> str:
    """The first line of the error that a form gives."""
    try:
        Function(row.function, Transform())(*row.arguments)
    except GradcError as error:
        return str(error).splitlines()[0]
    raise AssertionError(f"{row} is not refused")


def line_of(row: Form, shown: dict[str, str]) -> str:
    """The line of a form."""
    return _joined([_code(row.covers), _code(row.text), row.inputs, *[shown[c] for c in COLUMNS]])


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def _joined(parts: list[str]) -> str:
    return f"| {' | '.join(parts)} |"


def _section(title: str, rows: list[tuple[Form, dict[str, str]]], refused: list[tuple[Form, str]]) -> list[str]:
    lines = [f"## {title}", ""]
    if rows:
        lines += [_joined(["functions", "form", "inputs", *COLUMNS]), "|---" * (3 + len(COLUMNS)) + "|"]
        lines += [line_of(row, shown) for row, shown in rows] + [""]
    if refused:
        lines += ["Refused:", "", _joined(["functions", "form", "inputs", "error"]), "|---|---|---|---|"]
        lines += [
            _joined([_code(row.covers), _code(row.text), row.inputs, text.replace("|", "\\|")]) for row, text in refused
        ] + [""]
    return lines


def _counts(rows: list[tuple[Form, dict[str, str]]]) -> list[str]:
    works = Counter(column for _, shown in rows for column in COLUMNS if shown[column] == WORKS)
    whole = sum(all(shown[c] == WORKS for c in ("value", "forward", "reverse")) for _, shown in rows)
    nothing = Counter(column for _, shown in rows for column in COLUMNS if shown[column] == NOTHING)
    return [
        f"{len(public_names())} public functions; {len(rows)} forms, {whole} of them in all of value, forward and reverse.",
        "",
        _joined(["", *COLUMNS]),
        "|---" * (1 + len(COLUMNS)) + "|",
        _joined(["works", *[str(works[c]) for c in COLUMNS]]),
        _joined(["nothing to show", *[str(nothing[c]) for c in COLUMNS]]),
        _joined(["refused", *[str(len(rows) - works[c] - nothing[c]) for c in COLUMNS]]),
        "",
    ]


def _run(position: int) -> dict[str, str] | str:
    """The cells of a form, or what is wrong with it."""
    row = FORMS[position]
    try:
        return cells(row)
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        return f"{row}\n    {type(error).__name__}: {' '.join(lines)[:300]}"


def outcomes() -> list[tuple[Form, dict[str, str]]]:
    """Every form with its cells; those that give a wrong number or fail are named, and end the program."""
    with ProcessPoolExecutor(mp_context=get_context("fork")) as pool:
        found = list(pool.map(_run, range(len(FORMS)), chunksize=8))
    wrong = [text for text in found if isinstance(text, str)]
    if wrong:
        sys.exit("\n".join([*wrong, f"{len(wrong)} of {len(FORMS)} forms are wrong; the page is as it was"]))
    return [(row, shown) for row, shown in zip(FORMS, found, strict=True) if isinstance(shown, dict)]


def page() -> str:
    """The whole page."""
    rows = sorted(outcomes(), key=lambda pair: pair[0].names[0].lower())
    refused = sorted([(row, refusal(row)) for row in REFUSED], key=lambda pair: pair[0].names[0].lower())
    home = public_names()
    titles = [*dict.fromkeys(home.values()), "more"]
    lines = [_HEAD, *_counts(rows)]
    for title in titles:
        here = [(r, shown) for r, shown in rows if home.get(r.names[0], "more") == title]
        not_here = [(r, text) for r, text in refused if home.get(r.names[0], "more") == title]
        lines += _section(title, here, not_here)
    return "\n".join(lines).rstrip() + "\n"


@lru_cache
def _shown() -> dict[tuple[str, str, str], list[str]]:
    """The page's lines by functions, form and inputs."""
    lines = [
        line.replace("\\|", "\0")[2:-2].split(" | ") for line in PAGE.read_text("utf-8").splitlines() if "`" in line
    ]
    texts = [[part.replace("\0", "|") for part in line] for line in lines if len(line) > 3]
    return {(functions.strip("`"), form[1:-1], inputs): rest for functions, form, inputs, *rest in texts}


def _rest(row: Form) -> list[str]:
    return _shown().get((row.covers, row.text, row.inputs), [""])


def cells_shown(row: Form) -> dict[str, str]:
    """The cells that the page shows for a form."""
    return dict(zip(COLUMNS, _rest(row), strict=False))


def refusal_shown(row: Form) -> str:
    """The error that the page shows for a form."""
    return _rest(row)[0]


def main(words: list[str]) -> None:
    """Write the page, or show some of its lines."""
    if not words:
        PAGE.write_text(page(), "utf-8")
        return
    for row in FORMS:
        if any(word in row.covers for word in words):
            try:
                sys.stdout.write(line_of(row, cells(row)) + "\n")
            except Exception as error:
                sys.stdout.write(f"{row}: {type(error).__name__}: {error}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
