"""``match`` as a chain of branches: for patterns of numbers and of tuples of them, whose subject may be traced.

    match k:                       @subject = k
        case 1 | 2: y = a          if @subject == 1 or @subject == 2:
        case n if n > 9: y = n         y = a
        case _: y = b      is      else:
                                       n = @subject
                                       if n > 9: ...

Statements with other patterns (of classes with parts, of mappings, with stars) stay what they are.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

#: The operator that tells whether a subject is a sequence of some length.
IS_SEQUENCE = "is_sequence"


class _Other(Exception):
    """A pattern that stays."""


@dataclass
class _Case:
    """What a pattern asks, and the names that it binds."""

    tests: list[ast.expr] = field(default_factory=list)
    names: dict[str, ast.expr] = field(default_factory=dict)


class Matches(ast.NodeTransformer):
    """Replaces the `match` statements of one function; ``operators`` is the name of the operators' module."""

    def __init__(self, operators: str) -> None:
        self._operators = operators
        self._count = 0

    def within(self, function: ast.FunctionDef) -> None:
        """Replace those in the function's own body."""
        self.generic_visit(function)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """A function within is looked at by itself."""
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """So is a class."""
        return node

    def visit_Match(self, node: ast.Match) -> ast.AST | list[ast.stmt]:
        """A chain of branches."""
        self.generic_visit(node)
        self._count += 1
        subject = f"@subject{self._count}"
        try:
            cases = [self._case(case.pattern, _read(subject)) for case in node.cases]
        except _Other:
            return node
        chain: list[ast.stmt] = []
        for case, found in zip(reversed(node.cases), reversed(cases), strict=True):
            chain = _branch(case, found, chain)
        given = ast.Assign([ast.Name(subject, ast.Store())], node.subject)
        return [_at(statement, node) for statement in (given, *chain)]

    # ------------------------------------------------------------ patterns

    def _case(self, pattern: ast.pattern, subject: ast.expr) -> _Case:
        found = _Case()
        self._add(pattern, subject, found)
        return found

    def _add(self, pattern: ast.pattern, subject: ast.expr, found: _Case) -> None:
        if isinstance(pattern, ast.MatchValue):
            found.tests.append(_at(ast.Compare(subject, [ast.Eq()], [pattern.value]), pattern))
        elif isinstance(pattern, ast.MatchSingleton):
            found.tests.append(_at(ast.Compare(subject, [ast.Is()], [ast.Constant(pattern.value)]), pattern))
        elif isinstance(pattern, ast.MatchOr):
            self._add_any(pattern, subject, found)
        elif isinstance(pattern, ast.MatchAs):
            if pattern.pattern is not None:
                self._add(pattern.pattern, subject, found)
            if pattern.name is not None:
                found.names[pattern.name] = subject
        elif isinstance(pattern, ast.MatchClass) and not (pattern.patterns or pattern.kwd_patterns):
            called = ast.Call(ast.Name("isinstance", ast.Load()), [subject, pattern.cls], [])
            found.tests.append(_at(called, pattern))
        elif isinstance(pattern, ast.MatchSequence):
            self._add_parts(pattern, subject, found)
        else:
            raise _Other

    def _add_any(self, pattern: ast.MatchOr, subject: ast.expr, found: _Case) -> None:
        choices = [self._case(choice, subject) for choice in pattern.patterns]
        if any(choice.names for choice in choices):
            raise _Other
        if all(choice.tests for choice in choices):
            found.tests.append(_at(ast.BoolOp(ast.Or(), [_all(choice.tests) for choice in choices]), pattern))

    def _add_parts(self, pattern: ast.MatchSequence, subject: ast.expr, found: _Case) -> None:
        if any(isinstance(part, ast.MatchStar) for part in pattern.patterns):
            raise _Other
        is_sequence = ast.Attribute(ast.Name(self._operators, ast.Load()), IS_SEQUENCE, ast.Load())
        asked = ast.Call(is_sequence, [subject, ast.Constant(len(pattern.patterns))], [])
        found.tests.append(_at(asked, pattern))
        for k, part in enumerate(pattern.patterns):
            self._add(part, _at(ast.Subscript(subject, ast.Constant(k), ast.Load()), part), found)


def _branch(case: ast.match_case, found: _Case, otherwise: list[ast.stmt]) -> list[ast.stmt]:
    """A case, followed by the others."""
    binding: list[ast.stmt] = [
        _at(ast.Assign([ast.Name(name, ast.Store())], value), case.pattern) for name, value in found.names.items()
    ]
    if not found.tests and case.guard is None:
        return [*binding, *case.body]
    if not found.tests:
        assert case.guard is not None
        return [*binding, _if(case.guard, case.body, otherwise)]
    test = _all(found.tests)
    if case.guard is not None:
        guard = _Substituted(found.names).visit(case.guard)
        test = _at(ast.BoolOp(ast.And(), [test, guard]), case.guard)
    return [_if(test, [*binding, *case.body], otherwise)]


class _Substituted(ast.NodeTransformer):
    def __init__(self, values: dict[str, ast.expr]) -> None:
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._values.get(node.id, node)


def _if(test: ast.expr, body: Sequence[ast.stmt], otherwise: list[ast.stmt]) -> ast.stmt:
    return ast.copy_location(ast.If(test, list(body), otherwise), test)


def _all(tests: list[ast.expr]) -> ast.expr:
    return tests[0] if len(tests) == 1 else ast.copy_location(ast.BoolOp(ast.And(), tests), tests[0])


def _read(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


_Node = TypeVar("_Node", bound=ast.AST)


def _at(node: _Node, where: ast.AST) -> _Node:
    """A node at a place of the user's source."""
    for inner in ast.walk(node):
        if not hasattr(inner, "lineno") and "lineno" in inner._attributes:
            ast.copy_location(inner, where)
    return node
