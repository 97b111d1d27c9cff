"""Formulas in Python notation: ``2*(w*x - y)``, ``np.sin(x)**2``, ``X.T @ (X @ w - y)``, and ``^`` for powers."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import ClassVar

from gradc.verify.grammar import (
    AND,
    COMPARISON,
    LOOSEST,
    NOT,
    OR,
    POWER,
    PRODUCT,
    SIGN,
    SUM,
    Grammar,
)
from gradc.verify.syntax import Application, Group, Literal, Name, Operation, Slice, Syntax, iverson
from gradc.verify.tokens import Token, python_tokens
from gradc.verify.vocabulary import CONSTANTS, FUNCTIONS, METHODS, MODULES

_LITERALS = {"True": True, "False": False, "None": None}
_RESERVED = frozenset(("if", "else", "and", "or", "not", "lambda", "for", "in", "is", "import", "def", "return"))
_SUBSCRIPTED = re.compile(r"([^\W\d]\w*?)_?(\d+)")


class PythonGrammar(Grammar):
    """Python's expressions without statements; a number may multiply what follows it, as in ``2(x + 1)``."""

    infix: ClassVar[dict[str, tuple[str, int]]] = {
        "or": ("or", OR),
        "and": ("and", AND),
        "|": ("or", COMPARISON + 1),
        "&": ("and", COMPARISON + 2),
        **{text: (text, COMPARISON) for text in ("<", "<=", ">", ">=", "==", "!=")},
        "+": ("+", SUM),
        "-": ("-", SUM),
        **{text: (text, PRODUCT) for text in ("*", "/", "//", "%", "@")},
        "**": ("**", POWER),
        "^": ("**", POWER),
    }

    def expression(self, least: int = LOOSEST) -> Syntax:
        """An expression, perhaps a conditional one: ``a if p else b``."""
        value = super().expression(least)
        if least == LOOSEST and self.at("if"):
            position = self.advance().position
            condition = super().expression(LOOSEST)
            self.expect("else", "after 'if'")
            return Operation(position, "where", (condition, value, self.expression()))
        return value

    def _operand(self) -> Syntax:
        token = self.advance()
        if token.kind == "number":
            return Literal(token.position, _number(token.text))
        if token.kind == "name":
            return self._word(token)
        if token.text in ("-", "+"):
            operator = "negate" if token.text == "-" else "plus"
            return Operation(token.position, operator, (self.expression(SIGN),))
        if token.text in ("(", "["):
            return self._bracket(token)
        if token.text == "...":
            return Literal(token.position, ...)
        self.place -= token.kind != "end"
        return self.fail(self.unexpected())

    def _word(self, token: Token) -> Syntax:
        if token.text == "not":
            return Operation(token.position, "not", (self.expression(NOT),))
        if token.text in _LITERALS:
            return Literal(token.position, _LITERALS[token.text])
        if token.text in _RESERVED:
            self.fail(f"{token.text!r} is not part of a formula; write one expression", token.position)
        if token.text in MODULES and self.at(".") and not self.is_parameter(token.text):
            return self._member(token)
        if self.at("(") and not self.is_parameter(token.text) and token.text not in CONSTANTS:
            return self._call(token)
        if token.text == "sqrt":  # the sign before a name: a pasted root
            return Application(token.position, "sqrt", (self.expression(SIGN),))
        match = _SUBSCRIPTED.fullmatch(token.text)
        if match is None:
            return self.named(token.position, [token.text])
        base, digits = match.groups()
        return self.named(token.position, [token.text, f"{base}{digits}", f"{base}_{digits}"], base, [int(digits)])

    def _member(self, module: Token) -> Syntax:
        """``np.sin(x)``, ``np.linalg.norm(x)``, ``math.pi``."""
        while self.at("."):
            self.advance()
            word = self.advance()
            if word.kind != "name":
                self.fail("a name expected after '.'", word.position)
            if word.text not in MODULES:
                break
        return self._call(word) if self.at("(") else Name(word.position, self._constant(word))

    def _constant(self, word: Token) -> str:
        if word.text not in ("pi", "e", "inf", "euler_gamma"):
            self.fail(f"{word.text!r} is neither a constant nor called with arguments", word.position)
        return word.text

    def _call(self, word: Token) -> Syntax:
        if word.text not in FUNCTIONS:
            self.unknown_function(word.text, word.position)
        positional, keywords = self._arguments()
        return Application(word.position, word.text, positional, keywords)

    def _arguments(self) -> tuple[tuple[Syntax, ...], tuple[tuple[str, Syntax], ...]]:
        self.expect("(")
        positional: list[Syntax] = []
        keywords: list[tuple[str, Syntax]] = []
        while not self.at(")"):
            following = self.tokens[min(self.place + 1, len(self.tokens) - 1)]
            if self.token.kind == "name" and following.text == "=":
                key = self.advance().text
                self.advance()
                keywords.append((key, self.expression()))
            else:
                positional.append(self.expression())
            if not self.at(")"):
                self.expect(",", "or ')'")
        self.advance()
        return tuple(positional), tuple(keywords)

    def _bracket(self, opening: Token) -> Syntax:
        closing = ")" if opening.text == "(" else "]"
        items: list[Syntax] = []
        comma = False
        while not self.at(closing):
            items.append(self.expression())
            if not self.at(closing):
                self.expect(",", f"or {closing!r}")
                comma = True
        self.advance()
        if opening.text == "(" and not comma:
            return items[0] if items else self.fail("empty brackets", opening.position)
        condition = None if comma or opening.text == "(" else iverson(opening.position, items)
        return condition or Group(opening.position, tuple(items), opening.text)

    def _suffix(self, left: Syntax) -> Syntax | None:
        if self.at("["):
            return self._index(left)
        if self.at("."):
            return self._attribute(left)
        if self.at("'"):
            return Operation(self.advance().position, "transpose", (left,))
        if self.at("^"):
            following = self.tokens[self.place + 1]
            if following.text == "T" and not self.is_parameter("T"):
                position = self.advance().position
                self.advance()
                return Operation(position, "transpose", (left,))
        return None

    def _index(self, left: Syntax) -> Syntax:
        position = self.advance().position
        parts: list[Syntax] = []
        while not self.at("]"):
            parts.append(self._index_part())
            if not self.at("]"):
                self.expect(",", "or ']'")
        self.advance()
        if not parts:
            self.fail("an index expected between the brackets", position)
        condition = iverson(position, parts)
        if condition is not None:  # 2 x [x > 0]
            return Operation(position, "*", (left, condition))
        return Operation(position, "entry", (left, *parts))

    def _index_part(self) -> Syntax:
        position = self.token.position
        parts: list[Syntax] = [Literal(position, None)] * 3
        for k in range(3):
            if not self.at(":", ",", "]"):
                parts[k] = self.expression()
                if k == 0 and not self.at(":"):
                    return parts[0]
            if not self.at(":") or k == 2:
                break
            self.advance()
        return Slice(position, (parts[0], parts[1], parts[2]))

    def _attribute(self, left: Syntax) -> Syntax:
        self.advance()
        word = self.advance()
        if word.text == "T":
            return Application(word.position, "transpose", (left,))
        if word.text not in METHODS:
            self.fail(f"{word.text!r} is not an attribute that a formula may use", word.position)
        positional, keywords = self._arguments()
        return Application(word.position, word.text, (left, *positional), keywords)

    def _begins_factor(self) -> bool:
        token = self.token
        if token.kind == "name":
            return token.text not in _RESERVED
        return token.text == "(" or (token.kind == "number" and self.tokens[self.place - 1].text in (")", "]"))


def _number(text: str) -> int | float:
    plain = text.replace("_", "")
    return int(plain) if plain.isdigit() else float(plain)


def parse_python(text: str, parameters: Collection[str] | None = None) -> Syntax:
    """The tree of a formula in Python notation; with ``parameters`` None every unknown name is taken for one."""
    return PythonGrammar(text, python_tokens(text), parameters).formula()
