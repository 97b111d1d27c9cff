"""The command line: ``gradc derive``, ``gradc verify``, ``gradc demo``.

Exit status: 0 done or right, 1 refuted, 2 unusable input. Formulas are parsed, never evaluated.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradc
from gradc.errors import ArgumentError, GradcError

if TYPE_CHECKING:
    from gradc.present import Formula
    from gradc.present.drawing import Drawing
    from gradc.verify.verdict import Verdict

DONE, REFUTED, UNUSABLE = 0, 1, 2

_FILE_AND_FUNCTION = re.compile(r"(?P<file>.+\.py):(?P<function>[^\W\d]\w*)")

#: Signs of a formula over arrays.
_ARRAYS = re.compile(r"@|\[|\.T\b|\\top")

_EXAMPLES = """examples:
  gradc derive "2*x**4 + x**3 + 3*x**2 + 5*x + 1" --wrt x --at x=2
  gradc derive "sum((X @ w - y)**2)" --wrt w --shape X=m,n --shape w=n --shape y=m --latex
  gradc derive model.py:loss --wrt w
  gradc derive "sin(x)*exp(-x**2)" --wrt x --steps
  gradc verify "(w*x - y)**2" "2*(w*x - y)" --wrt w
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)  # type: ignore[no-any-return]
    except GradcError as problem:
        return _unusable(f"{problem}{_advice(options)}")
    except RecursionError:
        return _unusable("this is nested too deeply")
    except KeyboardInterrupt:
        return _unusable("interrupted")
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone, as with | head: nothing is wrong
        return DONE


def _advice(options: argparse.Namespace) -> str:
    """What to do about shapes that don't fit, where none were given."""
    formula = getattr(options, "function", "")
    if not formula or options.shape or options.at or not _ARRAYS.search(formula):
        return ""
    return "\n  arguments are numbers unless their shapes are given: --shape X=m,n --shape w=n"


def _unusable(message: str) -> int:
    print(f"gradc: {message}", file=sys.stderr)
    return UNUSABLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gradc",
        description="Derivatives of NumPy functions: as formulas, as machine code, and checked against a hand derivation.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gradc {gradc.__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")

    derive = commands.add_parser("derive", help="derive a formula or a function of a file")
    derive.add_argument("function", help="a formula, or file.py:function")
    _add_function_options(derive)
    shown = derive.add_mutually_exclusive_group()
    shown.add_argument("--latex", action="store_true", help="print only the derivative's LaTeX")
    shown.add_argument("--pretty", action="store_true", help="print the derivative in two dimensions")
    shown.add_argument("--steps", action="store_true", help="tell the derivation step by step")
    shown.add_argument("--numpy", action="store_true", help="print the derivative as NumPy source")
    shown.add_argument("--c", action="store_true", help="print the derivative as a C99 function")
    shown.add_argument("--llvm", action="store_true", help="print the LLVM assembly that is compiled")
    derive.add_argument(
        "--graph",
        metavar="FILE",
        help="draw the function into an SVG file, with values and derivatives where --at gives a point",
    )
    derive.set_defaults(run=_derive)

    verify = commands.add_parser("verify", help="check a derivative that was derived by hand")
    verify.add_argument("function", help="a formula, or file.py:function")
    verify.add_argument("hand", help="the hand-written derivative: a formula, or file.py:function")
    _add_function_options(verify)
    verify.set_defaults(run=_verify)

    demo = commands.add_parser("demo", help="derive, compile, evaluate and check a gradient")
    demo.set_defaults(run=_demo)
    return parser


def _add_function_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wrt", metavar="NAME", help="the argument to differentiate in (by default the first)")
    parser.add_argument(
        "--at",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="the value of an argument: a number, or an array as [[1, 2], [3, 4]]; several: --at x=2,y=3",
    )
    parser.add_argument(
        "--shape",
        action="append",
        default=[],
        metavar="NAME=EXTENTS",
        help="the shape of an argument: numbers, or names that stand for any size: --shape X=m,n",
    )


# ---------------------------------------------------------------- input


def _function(text: str, wrt: str | None) -> Callable[..., Any]:
    """The function of a file, or the formula as a function of its names, ``wrt`` among them."""
    match = _FILE_AND_FUNCTION.fullmatch(text.strip())
    if match is not None:
        return _function_of_file(Path(match["file"]), match["function"])
    from gradc.verify.parse_formula import function_from_text, parse_formula
    from gradc.verify.syntax import names_in

    names = sorted(names_in(parse_formula(text)))
    if not names:
        raise ArgumentError("the formula has no variable to differentiate in")
    if wrt is not None and wrt not in names:
        raise ArgumentError(f"the formula has no {wrt}; its variables are {', '.join(names)}")
    return function_from_text(text, names)


def _function_of_file(path: Path, name: str) -> Callable[..., Any]:
    import importlib.util

    if not path.is_file():
        raise ArgumentError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ArgumentError(f"{path} can't be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except Exception as problem:
        raise ArgumentError(f"{path} can't be imported: {type(problem).__name__}: {problem}") from problem
    finally:
        sys.path.pop(0)
    function = getattr(module, name, None)
    if not callable(function):
        raise ArgumentError(f"{path} has no function {name}")
    return function  # type: ignore[no-any-return]


def _assignments(texts: Sequence[str], option: str) -> dict[str, str]:
    """``["x=2,y=3"]`` as {"x": "2", "y": "3"}; commas inside brackets and shapes stay."""
    found: dict[str, str] = {}
    for text in texts:
        for part in re.split(r",(?=\s*[^\W\d]\w*\s*=)", text):
            name, equals, value = part.partition("=")
            if not equals or not name.strip().isidentifier() or not value.strip():
                raise ArgumentError(f"{option} takes NAME=VALUE, not {part!r}")
            found[name.strip()] = value.strip()
    return found


def _value(text: str) -> Any:
    """A number or an array; arithmetic in it is allowed (``pi/2``), names are not."""
    import numpy as np

    from gradc.verify.parse_formula import function_from_text

    value = function_from_text(text, (), notation="python")()
    if isinstance(value, bool | int):
        return float(value)
    return value if isinstance(value, float) else np.asarray(value, float)


def _spec(text: str) -> Any:
    extents = [extent.strip() for extent in text.strip("()[] ").split(",") if extent.strip()]
    for extent in extents:
        if not extent.isidentifier() and not extent.isdigit():
            raise ArgumentError(f"a shape is numbers or names, separated by commas, not {text!r}")
    return gradc.array([int(extent) if extent.isdigit() else extent for extent in extents])


def _arguments(names: Sequence[str], options: argparse.Namespace) -> tuple[list[Any], bool]:
    """A value or a spec for every parameter, and whether all are values."""
    values = {name: _value(text) for name, text in _assignments(options.at, "--at").items()}
    specs = {name: _spec(text) for name, text in _assignments(options.shape, "--shape").items()}
    for name in (*values, *specs):
        if name not in names:
            raise ArgumentError(f"there is no argument {name}; the arguments are {', '.join(names)}")
    given: list[Any] = [values.get(name, specs.get(name, gradc.scalar())) for name in names]
    return given, all(name in values for name in names)


def _parameters(function: Callable[..., Any]) -> list[str]:
    import inspect

    from gradc.trace.tracing import parameter_names

    names = list(parameter_names(function).positional)
    signature = inspect.signature(function)
    return [name for name in names if signature.parameters[name].default is inspect.Parameter.empty] or names


def _position(wrt: str | None, names: Sequence[str]) -> int:
    if wrt is None:
        return 0
    if wrt not in names:
        raise ArgumentError(f"there is no argument {wrt}; the arguments are {', '.join(names)}")
    return list(names).index(wrt)


# ---------------------------------------------------------------- derive


def _derive(options: argparse.Namespace) -> int:
    function = _function(options.function, options.wrt)
    names = _parameters(function)
    arguments, complete = _arguments(names, options)
    position = _position(options.wrt, names)
    derivative = _derivative(function, position, arguments)
    formula = derivative.formula(*arguments)
    if options.graph:
        drawing = formula.graph(at=dict(zip(names, arguments, strict=False)) if complete else None)
        _save(drawing, options.graph)
    if options.latex:
        print(formula.latex())
    elif options.pretty:
        print(formula.pretty())
    elif options.steps:
        print(formula.steps())
    elif options.numpy:
        print(formula.numpy(), end="")
    elif options.c:
        print(formula.c(), end="")
    elif options.llvm:
        print(derivative.llvm(*arguments))
    else:
        _print_derivation(formula, f"d/d{names[position]}")
        if complete:
            _print_values(function, derivative, names, arguments)
    return DONE


def _save(drawing: Drawing, path: str) -> None:
    try:
        drawing.save(path)
    except OSError as problem:
        raise ArgumentError(f"the drawing can't be written to {path}: {problem.strerror}") from None


def _derivative(function: Callable[..., Any], position: int, arguments: Sequence[Any]) -> Any:
    """The gradient of a scalar function, the Jacobian of another."""
    traced = gradc.jit(function).record_for(*arguments).graph
    scalar = len(traced.outputs) == 1 and traced.outputs[0].rank == 0
    return (gradc.grad if scalar else gradc.jacobian)(function, argnums=position)


def _print_derivation(formula: Formula, label: str) -> None:
    print(f"{label} = {formula}")


def _print_values(
    function: Callable[..., Any], derivative: Any, names: Sequence[str], arguments: Sequence[Any]
) -> None:
    from gradc.verify.verdict import shown_point

    print(f"at {shown_point(dict(zip(names, arguments, strict=True)))}:")
    print(f"  value       {gradc.jit(function)(*arguments)}")
    print(f"  derivative  {derivative(*arguments)}")


# ---------------------------------------------------------------- verify


def _verify(options: argparse.Namespace) -> int:
    function = _function(options.function, options.wrt)
    names = _parameters(function)
    arguments, complete = _arguments(names, options)
    hand: Any = options.hand
    match = _FILE_AND_FUNCTION.fullmatch(hand.strip())
    if match is not None:
        hand = _function_of_file(Path(match["file"]), match["function"])
    elif complete and _is_number(hand):
        hand = _value(hand)
    verdict = gradc.verify(function, hand, *arguments, argnums=_position(options.wrt, names))
    _print_verdict(verdict)
    return DONE if verdict else REFUTED


def _is_number(text: str) -> bool:
    """Whether a text is a number or an array of numbers: then it is the derivative at the point of --at."""
    from gradc.verify.parse_formula import parse_formula
    from gradc.verify.syntax import names_in

    return not names_in(parse_formula(text))


_COLOURS = {"proved": "bold green", "agrees": "bold yellow", "refuted": "bold red"}


def _print_verdict(verdict: Verdict) -> None:
    if not sys.stdout.isatty():
        print(verdict)
        return
    from rich.console import Console
    from rich.text import Text

    text = Text(str(verdict))
    text.stylize(_COLOURS[verdict.status], 0, len(verdict.status))
    if verdict.hint:
        text.highlight_words([verdict.hint], "bold")
    Console(highlight=False).print(text)


# ---------------------------------------------------------------- demo


def _demo(options: argparse.Namespace) -> int:
    """The main job, start to end: derive, compile, evaluate, print, check."""
    import time

    import numpy as np

    def loss(w: Any, X: Any, y: Any) -> Any:
        return np.mean((X @ w - y) ** 2)

    generator = np.random.default_rng(0)
    X = generator.normal(size=(1000, 20))
    truth = generator.normal(size=20)
    y = X @ truth
    w = np.zeros(20)
    gradient = gradc.grad(loss)

    started = time.perf_counter()
    first = gradient(w, X, y)
    prepared = time.perf_counter() - started
    started = time.perf_counter()
    for _ in range(100):
        w = w - 0.2 * gradient(w, X, y)
    called = (time.perf_counter() - started) / 100

    specs = (gradc.vector("n"), gradc.matrix("m", "n"), gradc.vector("m"))
    formula = gradient.formula(*specs)
    section = _Sections()
    section.show("The function, plain NumPy", "def loss(w, X, y):\n    return np.mean((X @ w - y) ** 2)")
    section.show("Its gradient in w", f"{formula}\n\nLaTeX: {formula.latex()}")
    section.show(
        "Compiled and run (X is 1000 x 20)",
        f"traced, derived and compiled in {prepared * 1e3:.0f} ms, then {called * 1e6:.0f} us a call\n"
        f"difference from NumPy by hand: {np.max(np.abs(first - 2 * X.T @ (-y) / 1000)):.1e}\n"
        f"error of w after 100 steps of descent: {np.max(np.abs(w - truth)):.1e}",
    )
    wrong = gradc.verify(loss, "2*X.T @ (X @ w - y)", *specs)
    slip = gradc.verify("(w*x - y)**2", "2*(w*x - y)", argnums=0)
    section.show("A hand derivation that is right", str(gradc.verify(loss, _by_hand, *specs)))
    section.show("Two that are wrong", f"{wrong}\n\n{slip}")
    return DONE


def _by_hand(w: Any, X: Any, y: Any) -> Any:
    """The gradient of the demo's loss as one derives it on paper."""
    return 2 * X.T @ (X @ w - y) / y.size


class _Sections:
    """Titled blocks: panels on a terminal, plain text elsewhere."""

    def __init__(self) -> None:
        self._console: Any = None
        if sys.stdout.isatty():
            from rich.console import Console

            self._console = Console(highlight=False)

    def show(self, title: str, text: str) -> None:
        """Print one block."""
        if self._console is None:
            print(f"{title}\n{'-' * len(title)}\n{text}\n")
            return
        from rich.panel import Panel
        from rich.text import Text

        self._console.print(Panel(_coloured(Text(text)), title=title, title_align="left", border_style="cyan"))


def _coloured(text: Any) -> Any:
    for status, style in _COLOURS.items():
        text.highlight_regex(rf"(?m)^{status}(?=:)", style)
    text.highlight_regex(r"(?m)^\s*hint:.*$", "bold")
    return text


if __name__ == "__main__":
    sys.exit(main())
