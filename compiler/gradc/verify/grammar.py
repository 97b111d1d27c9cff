"""The grammar that both notations share: operator precedence (a Pratt parser) over a list of tokens.

A notation says what may begin an operand (`Grammar._operand`), what may follow one (`Grammar._suffix`) and which tokens
stand between two operands (`Grammar.infix`).
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from typing import ClassVar, NoReturn

from gradc.verify.open_extents import Identity
from gradc.verify.syntax import Group, Literal, Name, Operation, Syntax, located
from gradc.verify.tokens import Token
from gradc.verify.vocabulary import CONSTANTS, FUNCTIONS

LOOSEST, OR, AND, NOT, COMPARISON, SUM, PRODUCT, SIGN, POWER = 0, 2, 3, 4, 5, 10, 20, 25, 30
_DEEPEST_NESTING = 100

#: What stands beside each other is multiplied as in mathematics: arrays as matrices are, never entrywise by surprise.
IMPLICIT = "juxtapose"


class Grammar:
    """A recursive-descent parser for operands with a loop for binary operators: depth is that of the brackets."""

    #: token text -> (operator of the tree, binding power)
    infix: ClassVar[dict[str, tuple[str, int]]] = {}

    def __init__(self, text: str, tokens: Sequence[Token], parameters: Collection[str] | None) -> None:
        self.text = text
        self.tokens = tokens
        self.place = 0
        self.parameters = None if parameters is None else tuple(parameters)
        self._depth = 0

    # ------------------------------------------------------------ tokens

    @property
    def token(self) -> Token:
        """The token to be read next."""
        return self.tokens[self.place]

    def advance(self) -> Token:
        """The next token, which is now read."""
        token = self.tokens[self.place]
        if token.kind != "end":
            self.place += 1
        return token

    def at(self, *texts: str) -> bool:
        """Whether the next token is one of these."""
        return self.token.text in texts and self.token.kind != "end"

    def expect(self, text: str, why: str = "") -> Token:
        """Read the token ``text``, or say that it is missing."""
        if not self.at(text):
            found = "the formula ends here" if self.token.kind == "end" else f"found {self.token.text!r}"
            self.fail(f"{text!r} expected{f' {why}' if why else ''}, {found}")
        return self.advance()

    def fail(self, message: str, position: int | None = None) -> NoReturn:
        """A `ParseError` with a caret under the position (by default, the next token)."""
        raise located(message, self.text, self.token.position if position is None else position)

    # ------------------------------------------------------------ expressions

    def formula(self) -> Syntax:
        """The whole text: one expression, or several separated by commas; a left-hand side ``name =`` is skipped."""
        self._skip_left_side()
        first = self.expression()
        items = [first]
        while self.at(","):
            self.advance()
            if self.token.kind != "end":
                items.append(self.expression())
        if self.token.kind != "end":
            self.fail(self.unexpected())
        return first if len(items) == 1 else Group(first.position, tuple(items), "(")

    def _skip_left_side(self) -> None:
        equations = [k for k, token in enumerate(self.tokens) if token.text == "="]
        opened = 0
        for k, token in enumerate(self.tokens):
            opened += (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))
            if token.text == "=" and opened == 0 and k == equations[-1]:
                self.place = k + 1

    def unexpected(self) -> str:
        """What to say about a token that can't stand here."""
        if self.token.kind == "end":
            return "the formula ends too early"
        return f"{self.token.text!r} is not expected here"

    def expression(self, least: int = LOOSEST) -> Syntax:
        """An expression of operators that bind at least as tightly as ``least``."""
        self._depth += 1
        if self._depth > _DEEPEST_NESTING:
            self.fail(f"more than {_DEEPEST_NESTING} nested brackets")
        left = self.suffixed(self._operand())
        after_division = False
        while True:
            token = self.token
            found = self.infix.get(token.text) if token.kind in ("op", "command", "name") else None
            if found is None:
                if least >= PRODUCT or not self._begins_factor():
                    break
                if after_division:
                    self.fail("does this stand under the fraction or beside it? write a*b/c or a/(b*c)")
                right = self.expression(PRODUCT)
                left = Operation(token.position, IMPLICIT, (left, right))
                continue
            operator, power = found
            if power <= least:
                break
            left = self.binary(left, operator, power)
            after_division = operator == "/"
        self._depth -= 1
        return left

    def binary(self, left: Syntax, operator: str, power: int) -> Syntax:
        """The operation at the next token, with what stands right of it."""
        token = self.advance()
        if power == COMPARISON:
            return self._comparison(left, operator, token)
        right = self.expression(power - 1 if power == POWER else power)
        return Operation(token.position, operator, (left, right))

    def _comparison(self, left: Syntax, operator: str, token: Token) -> Syntax:
        """``a < b < c`` means both."""
        parts: list[Syntax] = []
        while True:
            right = self.expression(COMPARISON)
            parts.append(Operation(token.position, operator, (left, right)))
            following = self.infix.get(self.token.text)
            if following is None or following[1] != COMPARISON:
                break
            left, operator, token = right, following[0], self.advance()
        result = parts[0]
        for part in parts[1:]:
            result = Operation(part.position, "and", (result, part))
        return result

    def suffixed(self, left: Syntax) -> Syntax:
        """The operand with everything that binds to it from the right."""
        while (following := self._suffix(left)) is not None:
            left = following
        return left

    # ------------------------------------------------------------ what a notation adds

    def _operand(self) -> Syntax:
        """A number, a name, a bracket, a sign and what it applies to."""
        raise NotImplementedError

    def _suffix(self, left: Syntax) -> Syntax | None:
        """What follows an operand directly (an index, a transpose), or None."""
        raise NotImplementedError

    def _begins_factor(self) -> bool:
        """Whether the next token begins an operand, so that a product is meant."""
        raise NotImplementedError

    # ------------------------------------------------------------ names

    def is_parameter(self, name: str) -> bool:
        """Whether ``name`` is known to be a parameter."""
        return self.parameters is not None and name in self.parameters

    def named(self, position: int, spellings: Sequence[str], base: str = "", entry: Sequence[int] = ()) -> Syntax:
        """The parameter or constant with one of the spellings, else that entry of the parameter ``base``."""
        for spelling in spellings:
            if self.is_parameter(spelling):
                return Name(position, spelling)
        if entry and self.is_parameter(base):
            indices = tuple(Literal(position, k) for k in entry)
            return Operation(position, "entry", (Name(position, base), *indices))
        for spelling in spellings:
            if spelling in CONSTANTS:
                return Name(position, spelling)
        if self.parameters is None:
            return Name(position, spellings[0])
        if spellings[0] == "I":
            return Literal(position, Identity())
        return self.fail(self._unknown_name(spellings[0]), position)

    def _unknown_name(self, name: str) -> str:
        assert self.parameters is not None
        known = self.parameters
        factors = split_into(name, known)
        if name in FUNCTIONS:
            return f"{name} is a function: write {name}(...)"
        if factors:
            return f"unknown name {name!r}: did you mean {'*'.join(factors)}?"
        close = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {close[0]}?" if close else f"the parameters are {', '.join(known) or 'none'}"
        return f"unknown name {name!r}: {hint}"

    def unknown_function(self, name: str, position: int) -> NoReturn:
        """Say that ``name`` is no function, and which one may be meant."""
        close = difflib.get_close_matches(name, list(FUNCTIONS), 1)
        self.fail(f"unknown function {name!r}" + (f": did you mean {close[0]}?" if close else ""), position)


def split_into(name: str, parts: Collection[str]) -> list[str] | None:
    """``wx`` as ['w', 'x'] where those are the known parts."""
    best: list[list[str] | None] = [[]] + [None] * len(name)
    for end in range(1, len(name) + 1):
        for part in parts:
            start = end - len(part)
            if start >= 0 and best[start] is not None and name[start:end] == part:
                best[end] = [*(best[start] or []), part]
    return best[-1] or None
