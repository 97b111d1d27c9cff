"""The README is true: its Python sessions and command lines are run, and print what it says."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[1] / "README.md"
TEXT = README.read_text()
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(language: str) -> list[tuple[int, str]]:
    """Line number and content of the fenced blocks in a language."""
    found = re.finditer(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    return [(TEXT.count("\n", 0, match.start()) + 1, match.group(1)) for match in found]


def commands() -> list[tuple[str, str]]:
    """Every ``$ gradc ...`` of the console blocks with the output printed below it."""
    pairs = []
    for _, block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            if command.startswith("gradc "):
                pairs.append((command, output))
    return pairs


def test_python_sessions():
    sessions = blocks("python")
    assert sessions
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=FLAGS)
    names: dict[str, object] = {}
    report: list[str] = []
    for line, session in sessions:
        test = parser.get_doctest(session, names, "README", str(README), line)
        assert test.examples, f"README.md:{line} runs nothing"
        runner.run(test, out=report.append, clear_globs=False)
        names = test.globs
    assert not runner.failures, "".join(report)


@pytest.mark.parametrize(("command", "output"), commands())
def test_command_lines(command, output, capsys):
    from gradc.cli import main

    main(shlex.split(command)[1:])
    printed = capsys.readouterr().out
    assert doctest.OutputChecker().check_output(output, printed, FLAGS), printed


def test_speed_table_is_the_recorded_one():
    recorded = (README.parent / "benchmarks" / "RESULTS.md").read_text()
    speed = re.search("<!-- speed -->\n(.*?)\n<!-- end of speed -->", TEXT, re.DOTALL)
    assert speed
    assert len(speed[1].splitlines()) > 5
    assert speed[1] in recorded


def test_the_picture_is_what_graph_draws():
    import gradc

    drawing = gradc.grad(lambda w, x, y: (w * x - y) ** 2).formula().graph(at=(3.0, 2.0, 2.0))
    picture = re.search(r"\]\((notebooks/\S+\.svg)\)", TEXT)
    assert picture is not None
    assert without_tips((README.parent / picture[1]).read_text()) == without_tips(drawing.svg)


def without_tips(svg):
    return re.sub("<title>.*?</title>", "", svg, flags=re.DOTALL)
