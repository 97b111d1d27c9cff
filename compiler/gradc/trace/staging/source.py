"""The source of a function that is traced, rewritten and compiled under its own file and lines."""

from __future__ import annotations
import __future__

import ast
import dis
import functools
import inspect
import linecache
import types
from collections.abc import Iterator

from gradc.trace.staging.escapes import function as new_function
from gradc.trace.staging.names import own_nodes, parameters
from gradc.trace.staging.rewriting import MARK, rewritten

_Function = ast.FunctionDef | ast.Lambda

#: Bytecode that chooses or repeats.
_CHOOSING = frozenset(
    code
    for name, code in dis.opmap.items()
    if name.startswith(("POP_JUMP", "JUMP_IF", "FOR_ITER", "UNARY_NOT", "TO_BOOL"))
)
_FUTURES = functools.reduce(
    lambda flags, name: flags | getattr(__future__, name).compiler_flag, __future__.all_feature_names, 0
)
_FILES_KEPT = 64
_ALONE = "@function"


def staged_code(function: types.FunctionType) -> types.CodeType:
    """The function's code with operators in the place of its control flow; its own code where it has none, or no source.

    The free variables are the same, though there may be fewer of them.
    """
    return _staged(function.__code__, function.__qualname__)


def has_source(code: types.CodeType) -> bool:
    """Whether the source of some code can be read."""
    return bool(linecache.getlines(code.co_filename))


@functools.lru_cache(maxsize=1024)
def _staged(code: types.CodeType, qualified: str) -> types.CodeType:
    if not _chooses(code):
        return code
    node = _node_of(code)
    if node is None:
        return code
    owner = qualified.split(".")[-2] if "." in qualified else ""
    if not _is_source_of(_compiled(node, code, owner), code):
        return code
    node = _node_of(code)
    assert node is not None
    return _renamed(_compiled(rewritten(_prepared(node, code)), code, owner), code)


def _chooses(code: types.CodeType) -> bool:
    """Whether there is anything to rewrite."""
    choosing = any(op in _CHOOSING for op in code.co_code[::2])
    return choosing or any(_chooses(inner) for inner in code.co_consts if isinstance(inner, types.CodeType))


# ---------------------------------------------------------------- reading


def _node_of(code: types.CodeType) -> _Function | None:
    """The definition that some code was compiled from."""
    if code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        return None
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename)
    if not 0 < code.co_firstlineno <= len(lines):
        return None
    if code.co_name == "<lambda>":
        return _lambda_of(code, "".join(lines))
    return _definition_of(code, lines)


def _definition_of(code: types.CodeType, lines: list[str]) -> ast.FunctionDef | None:
    first = code.co_firstlineno - 1
    try:
        block = inspect.getblock(lines[first:])
        # as the body of an `if`, an indented block keeps its columns and its texts over several lines
        indented = block[0][:1].isspace()
        tree = ast.parse(("if 1:\n" if indented else "") + "".join(block))
    except (SyntaxError, IndentationError):
        return None
    found = tree.body[0].body[0] if indented and isinstance(tree.body[0], ast.If) else tree.body[0]
    if not isinstance(found, ast.FunctionDef) or found.name != code.co_name:
        return None
    ast.increment_lineno(found, first - (1 if indented else 0))
    return found


def _lambda_of(code: types.CodeType, text: str) -> ast.Lambda | None:
    """The lambda on the code's first line whose body spans the code's places."""
    places = [
        (line, column, last, end)
        for line, last, column, end in code.co_positions()
        if line is not None and last is not None and column is not None and end is not None and end > column
    ]
    if not places:
        return None
    begin, end = min(place[:2] for place in places), max(place[2:] for place in places)
    fitting = [
        node
        for node in _lambdas(code.co_filename, text)
        if node.lineno == code.co_firstlineno and _begin(node) <= begin and end <= _end(node.body)
    ]
    node = max(fitting, key=_begin, default=None)
    return None if node is None else _copied(node)


def _begin(node: ast.Lambda) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _end(node: ast.expr) -> tuple[int, int]:
    return node.end_lineno or 0, node.end_col_offset or 0


@functools.lru_cache(maxsize=_FILES_KEPT)
def _lambdas(file: str, text: str) -> tuple[ast.Lambda, ...]:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return ()
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.Lambda))


def _copied(node: ast.Lambda) -> ast.Lambda:
    import copy

    return copy.deepcopy(node)


# ---------------------------------------------------------------- compiling


def _prepared(node: _Function, code: types.CodeType) -> _Function:
    """The definition with ``super()`` spelt out: it may move into a function of its own."""
    first = parameters(node.args)
    if "__class__" in code.co_freevars and first:
        body = node.body if isinstance(node.body, list) else [node.body]
        for inner in own_nodes(body):
            if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "super":
                if not inner.args:
                    names = [ast.Name("__class__", ast.Load()), ast.Name(first[0], ast.Load())]
                    inner.args = [ast.copy_location(n, inner) for n in names]
    return node


def _compiled(node: _Function, code: types.CodeType, owner: str) -> types.CodeType:
    """The code of a definition: it is compiled inside a function whose parameters are the free variables."""
    node.args.defaults = [ast.copy_location(ast.Constant(None), node) for _ in node.args.defaults]
    node.args.kw_defaults = [d and ast.copy_location(ast.Constant(None), node) for d in node.args.kw_defaults]
    if isinstance(node, ast.FunctionDef):
        node.name, node.decorator_list, node.returns = _ALONE, [], None  # its own name is a global, or a free variable
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
    body: ast.stmt = node if isinstance(node, ast.FunctionDef) else ast.copy_location(ast.Expr(node), node)
    factory = new_function("@factory", code.co_freevars, [body])
    if owner and not owner.startswith("<"):
        _Mangling(owner.lstrip("_")).visit(body)
    module = ast.fix_missing_locations(ast.Module([ast.copy_location(factory, node)], []))
    outer = compile(module, code.co_filename, "exec", flags=code.co_flags & _FUTURES, dont_inherit=True)
    made = next(c for c in outer.co_consts if isinstance(c, types.CodeType))
    called = _ALONE if isinstance(node, ast.FunctionDef) else "<lambda>"
    return next(c for c in made.co_consts if isinstance(c, types.CodeType) and c.co_name == called)


class _Mangling(ast.NodeTransformer):
    """Private names of a class, as its methods know them."""

    def __init__(self, owner: str) -> None:
        self._owner = owner

    def _mangled(self, name: str) -> str:
        return f"_{self._owner}{name}" if name.startswith("__") and not name.endswith("__") else name

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """``self.__x``."""
        node.attr = self._mangled(node.attr)
        self.generic_visit(node)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """``__x``."""
        node.id = self._mangled(node.id)
        return node


def _is_source_of(compiled: types.CodeType, code: types.CodeType) -> bool:
    """Whether the source that was read is the code's: the file may have changed since."""
    same_signature = (
        compiled.co_varnames[: _parameter_count(compiled)] == code.co_varnames[: _parameter_count(code)]
        and compiled.co_freevars == code.co_freevars
    )
    if any(name.startswith("@py") for name in code.co_names):  # pytest has rewritten the assertions
        return same_signature
    return same_signature and compiled.co_names == code.co_names and _constants(compiled) == _constants(code)


def _parameter_count(code: types.CodeType) -> int:
    variadic = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_argcount + code.co_kwonlyargcount + variadic


def _constants(code: types.CodeType) -> list[str]:
    return [repr(c) for c in code.co_consts if not isinstance(c, types.CodeType)]


def _renamed(made: types.CodeType, code: types.CodeType) -> types.CodeType:
    """The code under the user's name of the function, also in the parts that rewriting made functions of."""

    def inside(inner: types.CodeType, name: str, qualified: str) -> types.CodeType:
        is_made = inner.co_name.startswith("@") or MARK in inner.co_varnames
        own, full = (name, qualified) if is_made else (inner.co_name, f"{qualified}.<locals>.{inner.co_name}")
        return finished(inner, own, full)

    def finished(inner: types.CodeType, name: str, qualified: str) -> types.CodeType:
        constants = tuple(inside(c, name, qualified) if isinstance(c, types.CodeType) else c for c in _all(inner))
        return inner.replace(co_consts=constants, co_name=name, co_qualname=qualified)

    return finished(made, code.co_name, code.co_qualname)


def _all(code: types.CodeType) -> Iterator[object]:
    yield from code.co_consts
