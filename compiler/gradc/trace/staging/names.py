"""Which names a piece of source assigns, reads, and reads before it assigns them."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SUITES = ("body", "orelse", "finalbody")


def own_nodes(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes that run in the scope of ``nodes``: not the bodies of functions and classes within."""
    pending = list(nodes)
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, ast.Lambda):
            pending.extend(default for default in (*node.args.defaults, *node.args.kw_defaults) if default is not None)
        elif isinstance(node, _DEFINITIONS):
            pending.extend(node.decorator_list)
            if isinstance(node, ast.ClassDef):
                pending.extend((*node.bases, *node.keywords))
            else:
                pending.extend(d for d in (*node.args.defaults, *node.args.kw_defaults) if d is not None)
        else:
            pending.extend(ast.iter_child_nodes(node))


def _bound_by(node: ast.AST) -> list[str]:
    """The names that a node itself binds."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return [node.id]
    if isinstance(node, _DEFINITIONS):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).split(".")[0] for alias in node.names]
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        return [node.name] if node.name else []
    if isinstance(node, ast.MatchMapping):
        return [node.rest] if node.rest else []
    return []


def assigned(nodes: Iterable[ast.AST]) -> dict[str, None]:
    """The names that are bound in this scope, in order; the variables of comprehensions are theirs."""
    found: dict[str, None] = {}
    pending = list(nodes)[::-1]
    while pending:
        node = pending.pop()
        for name in _bound_by(node):
            found[name] = None
        if isinstance(node, _COMPREHENSIONS):
            pending.extend(inner.target for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr))
        elif isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            outside = [inner for inner in own_nodes([node]) if isinstance(inner, ast.NamedExpr)]
            pending.extend(inner.target for inner in outside)
        else:
            pending.extend(list(ast.iter_child_nodes(node))[::-1])
    return found


def rebound(statements: Sequence[ast.stmt]) -> set[str]:
    """The names that are given another value; ``x += v`` alone may leave an array where it is."""
    kept = {id(node.target) for node in own_nodes(statements) if isinstance(node, ast.AugAssign)}
    return set(assigned(node for node in own_nodes(statements) if id(node) not in kept and _is_binding(node)))


def only_appended(statements: Sequence[ast.stmt]) -> list[str]:
    """The names that are there for nothing but ``name.append(value)`` as a statement."""
    appended: Counter[str] = Counter()
    for statement in statements:
        for node in ast.walk(statement):
            call = node.value if isinstance(node, ast.Expr) else None
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "append":
                if isinstance(call.func.value, ast.Name) and len(call.args) == 1 and not call.keywords:
                    appended[call.func.value.id] += 1
    every = Counter(n.id for s in statements for n in ast.walk(s) if isinstance(n, ast.Name))
    return [name for name, count in appended.items() if every[name] == count]


def _is_binding(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) or bool(_bound_by(node) and not isinstance(node, _DEFINITIONS))


def parameters(arguments: ast.arguments) -> list[str]:
    """The names of a function's parameters."""
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return [argument.arg for argument in every if argument is not None]


def declared(nodes: Iterable[ast.AST], kind: type[ast.Global] | type[ast.Nonlocal]) -> set[str]:
    """The names in ``global`` or ``nonlocal`` statements of this scope."""
    return {name for node in own_nodes(nodes) if isinstance(node, kind) for name in node.names}


def reads(nodes: Iterable[ast.AST]) -> Counter[str]:
    """How often each name is read, also by functions within."""
    found: Counter[str] = Counter()
    for root in nodes:
        for node in ast.walk(root):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
                found[node.id] += 1
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                found[node.target.id] += 1
            elif isinstance(node, ast.Nonlocal):  # a function within changes it
                found.update(node.names)
    return found


# ---------------------------------------------------------------- read before assigned


def exposed(statements: Sequence[ast.stmt]) -> set[str]:
    """The names whose value from before may be read: on some path no assignment comes first."""
    return _Flow().suite(statements, frozenset())[0]


class _Flow:
    """Walks statements in order, with the names that are certainly assigned so far."""

    def suite(self, statements: Sequence[ast.stmt], known: frozenset[str]) -> tuple[set[str], frozenset[str]]:
        found: set[str] = set()
        for statement in statements:
            more, known = self.statement(statement, known)
            found |= more
        return found, known

    def statement(self, node: ast.stmt, known: frozenset[str]) -> tuple[set[str], frozenset[str]]:
        if isinstance(node, ast.If):
            return self._branches(self._unknown([node.test], known), known | _walrus(node.test), node)
        if isinstance(node, ast.While):
            found = self._unknown([node.test], known)
            return found | self._suites(node, known | _walrus(node.test)), known | _walrus(node.test)
        if isinstance(node, ast.For | ast.AsyncFor):
            found = self._unknown([node.iter], known) | self._unknown([node.target], known)
            return found | self._suites(node, known | frozenset(assigned([node.target]))), known
        if isinstance(node, ast.With):
            found = self._unknown(node.items, known)
            inner, after = self.suite(node.body, known | frozenset(assigned(node.items)))
            return found | inner, after
        if any(isinstance(getattr(node, field, None), list) and getattr(node, field) for field in _SUITES):
            if not isinstance(node, _DEFINITIONS):  # try, match: taken whole
                return self._unknown([node], known), known
        found = self._unknown([node], known)
        removed = {n.id for n in own_nodes([node]) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Del)}
        return found, (known | frozenset(assigned([node]))) - removed

    def _branches(self, found: set[str], known: frozenset[str], node: ast.If) -> tuple[set[str], frozenset[str]]:
        one, after_one = self.suite(node.body, known)
        other, after_other = self.suite(node.orelse, known)
        return found | one | other, after_one & after_other

    def _suites(self, node: ast.While | ast.For | ast.AsyncFor, known: frozenset[str]) -> set[str]:
        return self.suite(node.body, known)[0] | self.suite(node.orelse, known - frozenset(assigned([node])))[0]

    def _unknown(self, nodes: Iterable[ast.AST], known: frozenset[str]) -> set[str]:
        return {name for name in reads(nodes) if name not in known}


def _walrus(test: ast.expr) -> frozenset[str]:
    """What a test assigns in any case: it begins with it."""
    return frozenset([test.target.id]) if isinstance(test, ast.NamedExpr) else frozenset()
