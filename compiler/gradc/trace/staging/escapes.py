"""Leaving early: ``return`` in branches and loops, ``break`` and ``continue``, written as branches and flags.

Where one side of an `if` always leaves, what follows moves to the other side; where it is short, to both. Then no flag is
needed. Otherwise leaving sets a flag, and what follows stands under ``if not flag``. A ``return`` that ends a function stays
one: when both sides of an `if` return, the choice between them is the function's result.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence
from dataclasses import dataclass

from gradc.trace.staging.names import own_nodes

#: The flag of a return inside a loop, and what is returned. No identifier of the user's is like these.
RETURNED, VALUE = "@returned", "@value"
_BROKEN, _SKIPPED, _RAN_OUT = "@broken", "@skipped", "@ran out"

#: What follows an `if` that leaves on some paths only is repeated on both sides, if it has no more nodes than this.
_REPEATED = 150

_LOOPS = (ast.While, ast.For)
_OPAQUE = (ast.Match, ast.AsyncFor, ast.AsyncWith, *([ast.TryStar] if hasattr(ast, "TryStar") else []))


class Returning(ast.If):
    """An `if` both of whose sides return."""


@dataclass(frozen=True)
class Flags:
    """What leaving sets inside a loop: its own flags; None outside of loops."""

    broken: str | None
    skipped: str | None


def leaves(statements: Sequence[ast.AST]) -> bool:
    """Whether a return, or a break or continue of a loop around, is among the statements."""
    return any(_leaves(s, inside_loop=False) for s in statements)


def _leaves(node: ast.AST, inside_loop: bool) -> bool:
    if isinstance(node, ast.Return):
        return True
    if isinstance(node, ast.Break | ast.Continue):
        return not inside_loop
    if not isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case) or _is_definition(node):
        return False
    if isinstance(node, (*_LOOPS, ast.AsyncFor)):
        inner = any(_leaves(s, True) for s in node.body)
        return inner or any(_leaves(s, inside_loop) for s in node.orelse)
    return any(_leaves(child, inside_loop) for child in ast.iter_child_nodes(node))


def _is_definition(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def always_leaves(statements: Sequence[ast.stmt]) -> bool:
    """Whether the end of the statements is never reached."""
    return any(_always(statement) for statement in statements)


def _always(node: ast.stmt) -> bool:
    if isinstance(node, ast.Return | ast.Break | ast.Continue | ast.Raise):
        return True
    if isinstance(node, ast.If):
        return always_leaves(node.body) and always_leaves(node.orelse)
    if isinstance(node, ast.While):
        return _is_endless(node)
    return isinstance(node, ast.With) and always_leaves(node.body)


def _is_endless(node: ast.stmt) -> bool:
    """Whether a loop is only left by a return."""
    if not (isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and node.test.value):
        return False
    return not any(_breaks(s, ast.Break) for s in node.body)


def obstacle(nodes: Sequence[ast.AST]) -> str | None:
    """What in these statements can't be moved into a function of its own, in words."""
    for node in own_nodes(nodes):
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return "a yield"
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
            return "an await"
        if isinstance(node, _OPAQUE) and leaves([node]):
            return (
                f"a return, break or continue inside `{'match' if isinstance(node, ast.Match) else 'try ... except*'}`"
            )
        if isinstance(node, ast.Try) and leaves(node.finalbody):
            return "a return, break or continue inside `finally`"
        if isinstance(node, _LOOPS) and leaves(node.orelse):
            return "a return, break or continue in the `else` of a loop"
    return None


def function(called: str, parameters: Sequence[str], body: Sequence[ast.stmt]) -> ast.FunctionDef:
    """A `def`, without places of its own."""
    made = ast.parse("def f(): pass").body[0]
    assert isinstance(made, ast.FunctionDef)
    for node in ast.walk(made):
        for place in ("lineno", "col_offset", "end_lineno", "end_col_offset"):
            if hasattr(node, place):
                delattr(node, place)
    made.name, made.body = called, list(body)
    made.args.args = [ast.arg(parameter) for parameter in parameters]
    return made


def is_flag(identifier: str) -> bool:
    """Whether a name is a flag that loops look at when they run."""
    return identifier == RETURNED or identifier.startswith((_BROKEN, _RAN_OUT))


def name(identifier: str, where: ast.AST) -> ast.Name:
    """A name that is read, at a place of the user's source."""
    return ast.copy_location(ast.Name(identifier, ast.Load()), where)


def assign(identifier: str, value: ast.expr, where: ast.AST) -> ast.stmt:
    """``identifier = value``, at a place of the user's source."""
    target = ast.copy_location(ast.Name(identifier, ast.Store()), where)
    return ast.copy_location(ast.Assign([target], ast.copy_location(value, where)), where)


def _set(identifier: str, value: bool, where: ast.AST) -> ast.stmt:
    return assign(identifier, ast.Constant(value), where)


def _if(kind: type[ast.If], test: ast.expr, body: list[ast.stmt], orelse: list[ast.stmt], where: ast.AST) -> ast.stmt:
    return ast.copy_location(kind(test, body or [ast.copy_location(ast.Pass(), where)], orelse), where)


class Lowering:
    """Rewrites the statements of one function."""

    def __init__(self) -> None:
        self._count = 0

    def function(self, statements: Sequence[ast.stmt]) -> list[ast.stmt]:
        """The body of a function."""
        return self._tail(list(statements))

    # ------------------------------------------------------------ where a return may stay one

    def _tail(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        done: list[ast.stmt] = []
        for k, node in enumerate(statements):
            rest = statements[k + 1 :]
            if isinstance(node, ast.Return):
                return [*done, node]
            if not leaves([node]) or isinstance(node, _OPAQUE) or obstacle([node]):
                done.extend(self._inside(node))
                continue
            if isinstance(node, ast.If) and (always_leaves(node.body) or always_leaves(node.orelse)):
                return [*done, self._returning(node, rest)]
            if isinstance(node, ast.With) and always_leaves(node.body):
                node.body = self._tail(node.body)
                return [*done, node]
            if isinstance(node, ast.If) and _size(rest) <= _REPEATED:
                return [*done, self._returning(node, rest)]
            done.append(_set(RETURNED, False, node))
            endless = _is_endless(node)
            done.extend(self._statement(node, None))
            if endless:
                return [*done, ast.copy_location(ast.Return(name(VALUE, node)), node)]
            left = ast.copy_location(ast.Return(name(VALUE, node)), node)
            test = ast.copy_location(ast.If(name(RETURNED, node), [left], []), node)
            return [*done, self._returning(test, rest)]
        return done

    def _returning(self, node: ast.If, rest: list[ast.stmt]) -> ast.stmt:
        body = self._ended(node.body + ([] if always_leaves(node.body) else rest), node)
        orelse = self._ended(node.orelse + ([] if always_leaves(node.orelse) else copy.deepcopy(rest)), node)
        return _if(Returning, node.test, body, orelse, node)

    def _ended(self, statements: list[ast.stmt], where: ast.AST) -> list[ast.stmt]:
        done = self._tail(statements)
        if done and (isinstance(done[-1], Returning | ast.Return | ast.Raise) or always_leaves(done)):
            return done
        return [*done, ast.copy_location(ast.Return(ast.copy_location(ast.Constant(None), where)), where)]

    # ------------------------------------------------------------ where leaving sets flags

    def _suite(self, statements: Sequence[ast.stmt], flags: Flags | None) -> list[ast.stmt]:
        done: list[ast.stmt] = []
        for k, node in enumerate(statements):
            rest = list(statements[k + 1 :])
            if isinstance(node, ast.Return):
                value = node.value or ast.Constant(None)
                return [*done, assign(VALUE, value, node), _set(RETURNED, True, node), *self._break(flags, node)]
            if isinstance(node, ast.Break):
                return [*done, *self._break(flags, node)]
            if isinstance(node, ast.Continue):
                assert flags is not None
                assert flags.skipped is not None
                return [*done, _set(flags.skipped, True, node)]
            if not leaves([node]) or obstacle([node]):
                done.extend(self._inside(node))
                continue
            settled = isinstance(node, ast.If) and (always_leaves(node.body) or always_leaves(node.orelse))
            if isinstance(node, ast.If) and (settled or _size(rest) <= _REPEATED):
                body = self._suite(node.body + ([] if always_leaves(node.body) else rest), flags)
                again = [] if always_leaves(node.orelse) else copy.deepcopy(rest)
                return [*done, _if(ast.If, node.test, body, self._suite(node.orelse + again, flags), node)]
            done.extend(self._statement(node, flags))
            if rest:
                done.append(_if(ast.If, self._goes_on(flags, node), self._suite(rest, flags), [], node))
            return done
        return done

    def _break(self, flags: Flags | None, where: ast.AST) -> list[ast.stmt]:
        return [] if flags is None or flags.broken is None else [_set(flags.broken, True, where)]

    def _goes_on(self, flags: Flags | None, where: ast.AST) -> ast.expr:
        names = [RETURNED] if flags is None else [flag for flag in (flags.broken, flags.skipped) if flag is not None]
        tests: list[ast.expr] = [
            ast.copy_location(ast.UnaryOp(ast.copy_location(ast.Not(), where), name(n, where)), where) for n in names
        ]
        return tests[0] if len(tests) == 1 else ast.copy_location(ast.BoolOp(ast.And(), tests), where)

    def _statement(self, node: ast.stmt, flags: Flags | None) -> list[ast.stmt]:
        """A compound statement that leaves on some paths, by flags; flags that it may set are set to False before."""
        if isinstance(node, ast.If):
            node.body, node.orelse = self._suite(node.body, flags) or [_pass(node)], self._suite(node.orelse, flags)
            return [node]
        if isinstance(node, ast.With):
            node.body = self._suite(node.body, flags)
            return [node]
        if isinstance(node, ast.Try):
            return self._try(node, flags)
        assert isinstance(node, _LOOPS)
        returns = any(isinstance(n, ast.Return) for n in own_nodes(node.body))
        made = self._loop(node)
        if returns and flags is not None:  # it leaves the loop around, too
            made.append(_if(ast.If, name(RETURNED, node), self._break(flags, node), [], node))
        return made

    def _try(self, node: ast.Try, flags: Flags | None) -> list[ast.stmt]:
        """What stands under ``else`` is skipped where the body has been left."""
        left = leaves(node.body)
        node.body, node.finalbody = self._suite(node.body, flags), self._suite(node.finalbody, flags)
        for handler in node.handlers:
            handler.body = self._suite(handler.body, flags) or [_pass(node)]
        node.orelse = self._suite(node.orelse, flags)
        if left and node.orelse:
            node.orelse = [_if(ast.If, self._goes_on(flags, node), node.orelse, [], node)]
        return [node]

    def _inside(self, node: ast.stmt) -> list[ast.stmt]:
        """A statement that is not left early; loops within may be."""
        if obstacle([node]):
            return [node]
        if isinstance(node, _LOOPS):
            return self._loop(node)
        return self._statement(node, None) if isinstance(node, ast.If | ast.With | ast.Try) else [node]

    def _loop(self, node: ast.While | ast.For) -> list[ast.stmt]:
        """A loop whose body sets flags, and what follows it; it carries the name of the flag that ends it."""
        if isinstance(node, ast.While) and any(isinstance(n, ast.NamedExpr) for n in own_nodes([node.test])):
            return self._tested_within(node)
        self._count += 1
        ends = any(_leaves(s, False) and _breaks(s) for s in node.body)
        skips = any(_continues(s) for s in node.body)
        flags = Flags(f"{_BROKEN}{self._count}" if ends else None, f"{_SKIPPED}{self._count}" if skips else None)
        node.body = self._suite(node.body, flags)
        if flags.skipped is not None:
            node.body.insert(0, _set(flags.skipped, False, node.body[0]))
        if flags.broken is None:
            return [node, *self._suite_after(node, None)]
        node.ended_by = flags.broken  # type: ignore[union-attr]
        return [_set(flags.broken, False, node), node, *self._suite_after(node, flags.broken)]

    def _tested_within(self, node: ast.While) -> list[ast.stmt]:
        """``while (y := f(x)) > 1`` with the test in the body, so that what it assigns is carried as well."""
        test, after, where = node.test, node.orelse, node.test
        failed = ast.copy_location(ast.UnaryOp(ast.copy_location(ast.Not(), where), test), where)
        left: list[ast.stmt] = [ast.copy_location(ast.Break(), where)]
        if not after:
            node.body.insert(0, _if(ast.If, failed, left, [], where))
            node.test = ast.copy_location(ast.Constant(True), where)
            return self._loop(node)
        self._count += 1
        ran_out = f"{_RAN_OUT}{self._count}"
        left.insert(0, _set(ran_out, True, where))
        node.body.insert(0, _if(ast.If, failed, left, [], where))
        node.test, node.orelse = ast.copy_location(ast.Constant(True), where), []
        after_all = _if(ast.If, name(ran_out, node), self._suite(after, None), [], node)
        return [_set(ran_out, False, where), *self._loop(node), after_all]

    def _suite_after(self, node: ast.While | ast.For, broken: str | None) -> list[ast.stmt]:
        """What stands under the loop's ``else``."""
        after, node.orelse = node.orelse, []
        if not after:
            return []
        if broken is None:
            return self._suite(after, None)
        test = ast.copy_location(ast.UnaryOp(ast.copy_location(ast.Not(), node), name(broken, node)), node)
        return [_if(ast.If, test, self._suite(after, None), [], node)]


def _size(statements: Sequence[ast.stmt]) -> int:
    return sum(1 for statement in statements for _ in ast.walk(statement))


def _pass(where: ast.AST) -> ast.stmt:
    return ast.copy_location(ast.Pass(), where)


def _continues(node: ast.AST) -> bool:
    if isinstance(node, ast.Continue):
        return True
    if isinstance(node, (*_LOOPS, ast.AsyncFor)) or _is_definition(node):
        return False
    return any(_continues(child) for child in ast.iter_child_nodes(node))


def _breaks(node: ast.AST, *kinds: type[ast.stmt]) -> bool:
    """Whether a return, or a break of the loop around, is in a statement; or one of the kinds alone."""
    wanted = kinds or (ast.Return, ast.Break)
    if isinstance(node, wanted):
        return True
    if _is_definition(node):
        return False
    if isinstance(node, (*_LOOPS, ast.AsyncFor)):
        returns = ast.Return in wanted and any(isinstance(n, ast.Return) for n in own_nodes([node]))
        return returns or any(_breaks(s, *kinds) for s in node.orelse)
    return any(_breaks(child, *kinds) for child in ast.iter_child_nodes(node))
