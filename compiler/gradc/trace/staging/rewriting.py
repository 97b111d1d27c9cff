"""A function's source with its branches, loops and connectives as calls of operators, which choose when they run.

    if c:                          def on_true():
        y = a          becomes         nonlocal y
    else:                              y = a
        y = b                      def on_false():
                                       nonlocal y
                                       y = b
                                   operators.branch(c, on_true, on_false, ("y",), ())

as AutoGraph does (Moldovan et al., "AutoGraph: Imperative-style Coding with Graph-based Performance", SysML 2019). The names
that a block assigns become closure cells, which the operators read and set.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from typing import Any

from gradc.trace.staging.escapes import Lowering, Returning, is_flag, leaves, name, obstacle
from gradc.trace.staging.escapes import function as new_function
from gradc.trace.staging.names import assigned, declared, exposed, only_appended, own_nodes, parameters, reads, rebound
from gradc.trace.staging.patterns import Matches

#: The name under which rewritten code finds the operators, among the builtins.
OPERATORS = "@operators"

#: A parameter of the functions that rewriting makes of expressions.
MARK = "@later"

_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Eq: "eq",
    ast.NotEq: "ne",
}
_MEMBERSHIP: dict[type[ast.cmpop], str] = {ast.In: "contained", ast.NotIn: "not_contained"}
_ITERABLES = frozenset({"range", "enumerate", "zip", "reversed"})
_KEPT_WHOLE = frozenset({"locals", "vars", "exec", "eval", "dir"})


def rewritten(function: ast.FunctionDef | ast.Lambda) -> ast.FunctionDef | ast.Lambda:
    """The function with operators in the place of control flow."""
    if isinstance(function, ast.Lambda):
        function.body = Expressions().visit(function.body)
        return function
    return FunctionRewriter(function).result()


def _is_kept(function: ast.FunctionDef) -> bool:
    """Whether a function must stay as it is: a generator, or one that looks at its own variables."""
    for node in own_nodes(function.body):
        if isinstance(node, ast.Yield | ast.YieldFrom | ast.Await):
            return True
        if isinstance(node, ast.Name) and node.id in _KEPT_WHOLE:
            return True
    return False


def _at(node: Any, where: ast.AST) -> Any:
    """A generated node, and what is in it without a place, at a place of the user's source."""
    for inner in ast.walk(node):
        if not hasattr(inner, "lineno") and "lineno" in inner._attributes:
            ast.copy_location(inner, where)
    return node


def _operator(operator: str, arguments: Sequence[ast.expr], where: ast.AST) -> ast.Call:
    target = ast.Attribute(ast.Name(OPERATORS, ast.Load()), operator, ast.Load())
    call: ast.Call = _at(ast.Call(target, list(arguments), []), where)
    return call


def _later(value: ast.expr) -> ast.Lambda:
    """``lambda: value``; its parameter marks it as made here."""
    nothing = ast.arguments(posonlyargs=[], args=[], vararg=ast.arg(MARK), kwonlyargs=[], kw_defaults=[], defaults=[])
    made: ast.Lambda = _at(ast.Lambda(nothing, value), value)
    return made


def _iterable(iterable: ast.expr) -> ast.expr:
    """What is gone through: ``range`` and the like as operators."""
    if isinstance(iterable, ast.Call) and isinstance(iterable.func, ast.Name) and iterable.func.id in _ITERABLES:
        if not any(isinstance(a, ast.Starred) for a in iterable.args) and all(k.arg for k in iterable.keywords):
            made = _operator("iterated", [iterable.func, *map(_iterable, iterable.args)], iterable)
            made.keywords = iterable.keywords
            return made
    return iterable


def _clause(target: ast.expr, body: ast.expr) -> ast.Lambda:
    """A function of what a comprehension's clause goes over."""
    later = _later(body)
    if isinstance(target, ast.Name):
        later.args.args = [ast.copy_location(ast.arg(target.id), target)]
        return later
    later.args.args = [ast.copy_location(ast.arg("@item"), target)]
    parts = ast.comprehension(target, ast.Tuple([ast.Name("@item", ast.Load())], ast.Load()), [], 0)
    taken = ast.Subscript(ast.ListComp(body, [parts]), ast.Constant(0), ast.Load())
    later.body = _at(taken, body)
    return later


def _binds(nodes: Sequence[ast.AST]) -> bool:
    """Whether expressions assign, yield or await: then they can't become functions of their own."""
    return any(isinstance(n, ast.NamedExpr | ast.Yield | ast.YieldFrom | ast.Await) for n in own_nodes(nodes))


class Expressions(ast.NodeTransformer):
    """Connectives, conditional expressions and chains of comparisons, as calls."""

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        """``a and b``: b is a function, called where it counts."""
        kept = _binds(node.values[1:])
        self.generic_visit(node)
        if kept:
            return node
        operator = "both" if isinstance(node.op, ast.And) else "either"
        *first, last = node.values
        result = last
        for value in reversed(first):
            result = _operator(operator, [value, _later(result)], node)
        return result

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        """``not a``."""
        self.generic_visit(node)
        return _operator("negated", [node.operand], node) if isinstance(node.op, ast.Not) else node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        """``a if c else b``."""
        kept = _binds([node.body, node.orelse])
        self.generic_visit(node)
        if kept:
            return node
        return _operator("chosen", [node.test, _later(node.body), _later(node.orelse)], node)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """``a < b < c``."""
        contained = _MEMBERSHIP.get(type(node.ops[0])) if len(node.ops) == 1 else None
        kept = len(node.ops) == 1 or _binds(node.comparators) or any(type(op) not in _COMPARISONS for op in node.ops)
        self.generic_visit(node)
        if contained is not None:
            return _operator(contained, [node.left, *node.comparators], node)
        if kept:
            return node
        links = [
            ast.Tuple([ast.Constant(_COMPARISONS[type(op)]), _later(right)], ast.Load())
            for op, right in zip(node.ops, node.comparators, strict=True)
        ]
        return _operator("compared", [node.left, *links], node)

    def visit_ListComp(self, node: ast.ListComp) -> ast.expr:
        """``[a for a in x if c]``."""
        return self._comprehension(node, node.elt, "listed") or node

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.expr:
        """``(a for a in x if c)``."""
        return self._comprehension(node, node.elt, "generated") or node

    def visit_SetComp(self, node: ast.SetComp) -> ast.expr:
        """``{a for a in x if c}``."""
        return self._with_known_tests(node)

    def visit_DictComp(self, node: ast.DictComp) -> ast.expr:
        """``{a: b for a in x if c}``."""
        return self._with_known_tests(node)

    def _with_known_tests(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp) -> ast.expr:
        self.generic_visit(node)
        for clause in node.generators:
            clause.ifs = [_operator("known", [test, ast.Constant("an entry")], test) for test in clause.ifs]
        return node

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp, value: ast.expr, operator: str) -> ast.expr | None:
        """A call, of which each clause is a function of what it goes over."""
        inside = list(ast.walk(node))
        if any(isinstance(n, ast.Lambda) for n in inside) or any(clause.is_async for clause in node.generators):
            self._with_known_tests(node)  # a function within would see another variable
            return None
        if _binds([node]) or any(isinstance(n, ast.NamedExpr) for n in inside):
            self._with_known_tests(node)
            return None
        made, following = self.visit(value), None
        for clause in reversed(node.generators):
            tests = [self.visit(test) for test in clause.ifs]
            test = _later(tests[0]) if len(tests) == 1 else ast.Constant(None)
            if len(tests) > 1:
                test = _later(self.visit(_at(ast.BoolOp(ast.And(), tests), clause.target)))
            if following is None:
                body = _operator("entry", [test, _later(made)], value)
            else:
                body = _operator("inner", [test, _later(following[0]), following[1]], value)
            following = _iterable(self.visit(clause.iter)), _clause(clause.target, body)
        assert following is not None
        return _operator(operator, list(following), node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        """``table[k]``, which may be an entry of a list."""
        self.generic_visit(node)
        is_simple = isinstance(node.slice, ast.Name | ast.BinOp | ast.Call | ast.Subscript | ast.Attribute | ast.IfExp)
        if not isinstance(node.ctx, ast.Load) or not is_simple:
            return node
        return _operator("item", [node.value, node.slice], node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        """An annotation stays."""
        node.value = node.value and self.visit(node.value)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        """Functions within."""
        self.generic_visit(node)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        """Functions within: each is rewritten by itself."""
        return FunctionRewriter(node).result()

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.stmt:
        """Coroutines can't be traced."""
        return node


class FunctionRewriter:
    """Rewrites one ``def``."""

    def __init__(self, function: ast.FunctionDef) -> None:
        self._function = function
        self._count = 0

    def result(self) -> ast.FunctionDef:
        """The function, changed in place."""
        function = self._function
        function.args = Expressions().visit(function.args)
        function.decorator_list = [Expressions().visit(d) for d in function.decorator_list]
        if _is_kept(function):
            return function
        Matches(OPERATORS).within(function)
        body = Lowering().function(function.body)
        self._global = declared(body, ast.Global)
        self._outer = declared(body, ast.Nonlocal)
        self._reads = reads(body)
        names = [n for n in assigned(body) if n not in self._global | self._outer]
        self._shared: set[str] = set()
        made = self._suite(body)
        unbound = [n for n in names if n in self._shared and n not in parameters(function.args)]
        function.body = [*_declaring(unbound, body[0]), *made]
        return function

    # ------------------------------------------------------------ statements

    def _suite(self, statements: Sequence[ast.stmt]) -> list[ast.stmt]:
        return [made for statement in statements for made in self._statement(statement)]

    def _statement(self, node: ast.stmt) -> list[ast.stmt]:
        if isinstance(node, ast.If):
            return self._branch(node)
        if isinstance(node, ast.While):
            return self._while(node)
        if isinstance(node, ast.For):
            return self._for(node)
        if isinstance(node, ast.Assert):
            node.test = _operator("asserted", [Expressions().visit(node.test)], node.test)
            return [node]
        if isinstance(node, ast.With):
            node.items = [Expressions().visit(item) for item in node.items]
            node.body = self._suite(node.body)
            return [node]
        if isinstance(node, ast.ClassDef):
            return [node]
        if isinstance(node, ast.Try):
            return [self._try(node)]
        if isinstance(node, ast.Raise):
            return [_at(ast.Expr(_operator("check_raise", [], node)), node), Expressions().visit(node)]
        return [Expressions().visit(node)]

    def _try(self, node: ast.Try) -> ast.stmt:
        node.body, node.orelse = self._suite(node.body), self._suite(node.orelse)
        node.finalbody = self._suite(node.finalbody)
        for handler in node.handlers:
            check: ast.stmt = _at(ast.Expr(_operator("check_caught", [], handler)), handler)
            handler.body = [check, *self._suite(handler.body)]
        return node

    def _kept(self, node: ast.If | ast.While, why: str) -> list[ast.stmt]:
        """A statement that stays one: its condition must be known."""
        node.test = _operator("known", [Expressions().visit(node.test), ast.Constant(why)], node.test)
        node.body, node.orelse = self._suite(node.body), self._suite(node.orelse)
        return [node]

    def _branch(self, node: ast.If) -> list[ast.stmt]:
        why = obstacle([node])
        returning = isinstance(node, Returning)
        if why is not None or (not returning and leaves([node])):
            return self._kept(node, why or "a return, break or continue that has to stay one")
        names = self._assigned([node])
        before = exposed([node])
        live = [n for n in names if n in before or self._is_read_outside(n, node)]
        live = self._beyond(names) if returning else live
        test = Expressions().visit(node.test)
        body, body_name = self._block("on_true", node.body, names, node)
        arguments = [test, body_name, ast.Constant(None), _texts(live), _texts([n for n in names if n not in live])]
        made: list[ast.stmt] = [body]
        if node.orelse:
            other, arguments[2] = self._block("on_false", node.orelse, names, node)
            made.append(other)
        call = _operator("returned" if returning else "branch", arguments, node.test)
        return [*made, _at(ast.Return(call) if returning else ast.Expr(call), node.test)]

    def _while(self, node: ast.While) -> list[ast.stmt]:
        why = obstacle([node])
        if why is not None or leaves([node, *node.body]) or node.orelse:
            return self._kept(node, why or "an early exit that has to stay one")
        names = self._assigned([node])
        return self._loop(node, names, "repeated", _later(Expressions().visit(node.test)), [node.test])

    def _for(self, node: ast.For) -> list[ast.stmt]:
        why = obstacle([node])
        if why is not None or leaves([node, *node.body]) or node.orelse:
            node.iter = Expressions().visit(node.iter)
            node.body, node.orelse = self._suite(node.body), self._suite(node.orelse)
            return [node]
        names = self._assigned([node])
        iterable = _iterable(Expressions().visit(node.iter))
        taking: ast.stmt = _at(ast.Assign([node.target], ast.Name("@item", ast.Load())), node.target)
        node.body.insert(0, taking)
        return self._loop(node, names, "iterated_over", iterable, [])

    def _loop(
        self,
        node: ast.While | ast.For,
        names: Sequence[str],
        operator: str,
        first: ast.expr,
        tests: list[ast.expr],
    ) -> list[ast.stmt]:
        ended_by = getattr(node, "ended_by", None)
        before = exposed([ast.copy_location(ast.Expr(t), node) for t in tests] + list(node.body))
        carried = [n for n in names if n == ended_by or n in before or self._is_read_outside(n, node)]
        given = ["@item"] if isinstance(node, ast.For) else []
        hard, lists = rebound(node.body), only_appended(node.body)
        body, called = self._block("body", node.body, names, node, given)
        arguments = [
            first,
            called,
            _texts(carried),
            _texts([n for n in carried if n in hard]),
            _texts([n for n in names if n not in carried]),
            ast.Constant(ended_by),
            _texts(lists),
        ]
        where = node.test if isinstance(node, ast.While) else node.iter
        return [body, _at(ast.Expr(_operator(operator, arguments, where)), where)]

    # ------------------------------------------------------------ names

    def _assigned(self, nodes: Sequence[ast.AST]) -> list[str]:
        return [n for n in assigned(nodes) if n != "@item"]

    def _is_read_outside(self, identifier: str, node: ast.stmt) -> bool:
        """Whether a name is read anywhere in the function but in this statement, or by the functions around."""
        if identifier in self._outer or identifier in self._global or is_flag(identifier):
            return True
        return self._reads[identifier] > _count(node)[identifier]

    def _beyond(self, names: Sequence[str]) -> list[str]:
        """Those of the names that outlive the function's call."""
        return [n for n in names if n in self._outer or n in self._global]

    def _block(
        self,
        kind: str,
        statements: Sequence[ast.stmt],
        names: Sequence[str],
        where: ast.AST,
        given: Sequence[str] = (),
    ) -> tuple[ast.FunctionDef, ast.Name]:
        """A block as a function without parameters, or with those given, that assigns names of the function around."""
        self._count += 1
        called = f"@{kind}{self._count}"
        here = assigned(statements)
        free = [n for n in here if n in names and n not in self._global]
        shared = [n for n in here if n in self._global]
        self._shared.update(free)
        body = self._suite(statements)
        declarations: list[ast.stmt] = []
        if free:
            declarations.append(ast.Nonlocal(free))
        if shared:
            declarations.append(ast.Global(shared))
        made = new_function(called, given, [*declarations, *body])
        return _at(made, where), name(called, where)


def _count(node: ast.stmt) -> Counter[str]:
    """How often a statement reads each name; counted once, before it is rewritten."""
    found: Counter[str] | None = getattr(node, "name_reads", None)
    if found is None:
        found = node.name_reads = reads([node])  # type: ignore[attr-defined]
    return found


def _texts(names: Sequence[str]) -> ast.expr:
    return ast.Tuple([ast.Constant(n) for n in names], ast.Load())


def _declaring(names: Sequence[str], where: ast.AST) -> list[ast.stmt]:
    """Makes names local to the function without giving them a value."""
    if not names:
        return []
    targets: list[ast.expr] = [ast.Name(n, ast.Store()) for n in names]
    never = ast.If(ast.Constant(False), [ast.Assign(targets, ast.Constant(None))], [])
    return [_at(never, where)]
