r"""Formulas in LaTeX: ``2 (w x - y) x``, ``\frac{\sin x_1}{x_0}``, ``X^\top (X w - y)``, cases, norms, Greek letters.

Letters beside each other multiply (``wx``), unless together they are a parameter's name. Arrays multiply as matrices:
``X w`` is a matrix product, ``x y^\top`` an outer product, ``\odot`` the entrywise one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import ClassVar

from gradc.verify.grammar import COMPARISON, IMPLICIT, POWER, PRODUCT, SIGN, SUM, Grammar
from gradc.verify.indexed import Mask
from gradc.verify.open_extents import Ones
from gradc.verify.syntax import (
    Application,
    Bracket,
    Entries,
    Group,
    Literal,
    Operation,
    Reduction,
    Syntax,
    iverson,
    located,
)
from gradc.verify.tokens import Token, latex_tokens
from gradc.verify.vocabulary import FUNCTIONS, INVERSES, words

_GREEK = words(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi rho varrho sigma "
    "tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell"
)
_SPELLINGS = {
    "lambda": ("lambda", "lam", "lambda_", "lamda", "lmbda", "λ"),
    "varepsilon": ("varepsilon", "epsilon", "eps"),
}
_STYLES = words("mathbf boldsymbol mathcal mathbb mathsf vec bm")
_ACCENTS = {"hat": "hat", "widehat": "hat", "bar": "bar", "overline": "bar", "tilde": "tilde", "widetilde": "tilde"}
_WORDS = words("operatorname mathrm text mathit textrm")
_FUNCTION_COMMANDS = words(
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh coth exp log ln lg max min det tr"
)
_FENCES = {"(": ")", "[": "]", "{": "}", r"\{": r"\}", r"\lbrace": r"\rbrace", r"\langle": r"\rangle"}
_BARS = {"|": "|", r"\|": r"\|", r"\lvert": r"\rvert", r"\lVert": r"\rVert", r"\vert": r"\vert", r"\Vert": r"\Vert"}
_TRANSPOSES = frozenset(("T", r"\top", r"\intercal", r"\mathsf"))


class LatexGrammar(Grammar):
    """The part of LaTeX that formulas are written in."""

    infix: ClassVar[dict[str, tuple[str, int]]] = {
        **{text: (text, COMPARISON) for text in ("<", "<=", ">", ">=", "==", "!=")},
        **{rf"\{name}": ("<=", COMPARISON) for name in ("le", "leq", "leqslant")},
        **{rf"\{name}": (">=", COMPARISON) for name in ("ge", "geq", "geqslant")},
        **{rf"\{name}": ("!=", COMPARISON) for name in ("ne", "neq")},
        r"\lt": ("<", COMPARISON),
        r"\gt": (">", COMPARISON),
        "+": ("+", SUM),
        "-": ("-", SUM),
        "/": ("/", PRODUCT),
        r"\div": ("/", PRODUCT),
        "*": ("juxtapose", PRODUCT),
        r"\cdot": ("inner", PRODUCT),
        r"\times": ("juxtapose", PRODUCT),
        **{rf"\{name}": ("*", PRODUCT) for name in ("odot", "circ", "ast")},
        r"\oslash": ("/", PRODUCT),
        r"\wedge": ("and", COMPARISON - 1),
        r"\vee": ("or", COMPARISON - 2),
        "^": ("matrix power", POWER),
    }

    def __init__(self, text: str, tokens: Sequence[Token], parameters: Collection[str] | None) -> None:
        super().__init__(text, tokens, parameters)
        self._bars: list[str] = []

    # ------------------------------------------------------------ operands

    def _operand(self) -> Syntax:
        token = self.advance()
        if token.kind == "number":
            return Literal(token.position, int(token.text) if token.text.isdigit() else float(token.text))
        if token.kind == "name":
            return self._letter(token)
        if token.text in ("-", "+"):
            return Operation(token.position, "negate" if token.text == "-" else "plus", (self.expression(SIGN),))
        if token.text in _FENCES:
            return self._fenced(token)
        if token.text in _BARS:
            return self._barred(token)
        if token.kind == "command":
            return self._command(token)
        self.place -= token.kind != "end"
        return self.fail(self.unexpected())

    def _fenced(self, opening: Token) -> Syntax:
        bracket = self._index_bracket() if opening.text == "[" else None
        if bracket is not None:
            return bracket
        items = [self.expression()]
        while self.at(",", ";") and opening.text != "{":
            self.advance()
            items.append(self.expression())
        self.expect(_FENCES[opening.text])
        kind = "[" if opening.text == "[" else "("
        condition = iverson(opening.position, items) if kind == "[" else None
        return condition or (items[0] if len(items) == 1 else Group(opening.position, tuple(items), kind))

    def _barred(self, opening: Token) -> Syntax:
        r"""``|x|`` and ``\|x\|_2``."""
        closing = _BARS[opening.text]
        self._bars.append(closing)
        inner = self.expression()
        self.expect(closing)
        self._bars.pop()
        if opening.text in ("|", r"\lvert", r"\vert"):
            return Application(opening.position, "abs", (inner,))
        order = "2"
        if self.at("_"):
            self.advance()
            order = self._script_text()
        if order not in ("1", "2", "F"):
            self.fail(f"a norm of kind {order!r} is not read; 1, 2 and F are", opening.position)
        keywords = (("ord", Literal(opening.position, 1)),) if order == "1" else ()
        return Application(opening.position, "norm", (inner,), keywords)

    def _command(self, token: Token) -> Syntax:
        name = token.text[1:]
        if name in ("frac", "dfrac", "tfrac", "cfrac"):
            upper, lower = self._argument(), self._argument()
            return Operation(token.position, "/", (upper, lower))
        if name == "sqrt":
            return self._root(token)
        if name == "begin":
            return self._environment(token)
        if name in _WORDS:
            return self._word(Token("name", self._braced_text(), token.position))
        if name in _ACCENTS or name in _STYLES:
            return self._decorated(token)
        if name in _FUNCTION_COMMANDS:
            return self._function(name, token.position)
        if name == "sigma" and self.at("(") and not self.is_parameter("sigma"):
            return self._function("sigmoid", token.position)
        if name == "infty":
            return self.named(token.position, ["inf"])
        if name in _GREEK:
            return self._symbol(token.position, _SPELLINGS.get(name, (name,)))
        if name in ("sum", "prod"):
            return self._reduction(name, token.position)
        return self.fail(rf"\{name} has no meaning in a formula", token.position)

    def _reduction(self, name: str, position: int) -> Syntax:
        r"""``\sum_{i} x_{i}``: it reaches as far as a product does."""
        if not self.at("_"):
            self.fail(rf"\{name} needs the index it runs over: \{name}_{{i}}", position)
        self.advance()
        letters = self._letters(self._script_text())
        if letters is None:
            self.fail(rf"\{name} is read over indices, as \{name}_{{i}}; other ranges are not", position)
        return Reduction(position, name, letters, self.expression(SUM))

    def _letters(self, script: str) -> tuple[str, ...] | None:
        """The indices that a script is made of; None where it is something else."""
        text = script.replace(",", "").replace(" ", "")
        free = [letter for letter in text if letter.isalpha() and not self.is_parameter(letter)]
        return tuple(text) if text and len(free) == len(text) else None

    def _index_bracket(self) -> Syntax | None:
        """``[i = j]`` after its opening bracket, or None."""
        tokens = self.tokens[self.place : self.place + 4]
        if len(tokens) < 4 or tokens[3].text != "]" or tokens[0].kind != "name" or tokens[2].kind != "name":
            return None
        relation = "=" if tokens[1].text == "=" else self.infix.get(tokens[1].text, ("", 0))[0]
        if relation not in ("=", "<", "<=", ">", ">=", "!=") or self._letters(tokens[0].text + tokens[2].text) is None:
            return None
        self.place += 4
        return Bracket(tokens[0].position, Mask(tokens[0].text, relation, tokens[2].text))

    def _root(self, token: Token) -> Syntax:
        degree: Syntax | None = None
        if self.at("["):
            self.advance()
            degree = self.expression()
            self.expect("]")
        inner = self._argument()
        if degree is None:
            return Application(token.position, "sqrt", (inner,))
        inverse = Operation(token.position, "/", (Literal(token.position, 1), degree))
        return Operation(token.position, "**", (inner, inverse))

    def _argument(self) -> Syntax:
        r"""A braced group, or the single token that TeX takes: ``\frac12``."""
        if self.at("{"):
            return self._fenced(self.advance())
        token = self.token
        if token.kind == "number" and len(token.text) > 1:
            digit, rest = token.text[0], token.text[1:]
            remainder = Token("number", rest, token.position + 1)
            self.tokens = [*self.tokens[: self.place], remainder, *self.tokens[self.place + 1 :]]
            return Literal(token.position, int(digit))
        return self._operand()

    # ------------------------------------------------------------ names

    def _letter(self, token: Token) -> Syntax:
        """The longest parameter that the letters here spell, or one letter."""
        letters = [token.text]
        place = self.place
        while self.tokens[place].kind == "name":
            letters.append(self.tokens[place].text)
            place += 1
        for length in range(len(letters), 1, -1):
            if self.is_parameter("".join(letters[:length])):
                self.place += length - 1
                return self._symbol(token.position, ("".join(letters[:length]),))
        return self._symbol(token.position, (token.text,))

    def _word(self, word: Token) -> Syntax:
        r"""``\operatorname{tr}(A)`` or a parameter with a long name, ``\mathrm{rate}``."""
        if word.text == "softmax" and self.at("_"):
            self.advance()
            if self._script_text() not in ("rows", "row"):
                self.fail("softmax is read over the last axis: softmax_{rows}", word.position)
        if not self.is_parameter(word.text) and word.text in FUNCTIONS:
            return self._function(word.text, word.position)
        if self.at("(") and self.parameters is not None and not self.is_parameter(word.text):
            self.unknown_function(word.text, word.position)
        return self._symbol(word.position, (word.text,))

    def _decorated(self, token: Token) -> Syntax:
        r"""``\hat{x}``, ``\mathbf w``."""
        name = token.text[1:]
        inner = self._braced_text() if self.at("{") else self.advance().text
        base = inner.lstrip("\\")
        if name in _STYLES and base == "1":
            return Literal(token.position, Ones())
        if name in _STYLES:
            return self._symbol(token.position, (base,))
        suffix = _ACCENTS[name]
        return self._symbol(token.position, (f"{base}_{suffix}", f"{base}{suffix}", f"{suffix}_{base}"))

    def _symbol(self, position: int, bases: Sequence[str]) -> Syntax:
        """A name with its subscript: ``w_1`` is the parameter w_1 or w1, else entry 1 of w."""
        if not self.at("_"):
            return self.named(position, bases)
        self.advance()
        subscript = self._script_text()
        spellings = [f"{base}{joint}{subscript}" for base in bases for joint in ("_", "")]
        parts = subscript.split(",")
        if all(part.isdigit() for part in parts):
            known = next((base for base in bases if self.is_parameter(base)), bases[0])
            digits = parts if len(parts) > 1 else [subscript]
            return self.named(position, spellings, known, [int(part) for part in digits])
        array = next((base for base in bases if self.is_parameter(base)), None)
        letters = self._letters(subscript) if array is not None else None
        if array is not None and letters is not None and not any(map(self.is_parameter, spellings)):
            return Entries(position, self.named(position, [array]), letters)
        return self.named(position, spellings)

    def _script_text(self) -> str:
        if self.at("{"):
            return self._braced_text()
        token = self.advance()
        if token.kind == "number" and len(token.text) > 1:
            self.fail("write braces around a script of several digits", token.position)
        return token.text.lstrip("\\")

    def _braced_text(self) -> str:
        opening = self.expect("{")
        depth, parts = 1, list[str]()
        while True:
            token = self.advance()
            if token.kind == "end":
                self.fail("this brace is not closed", opening.position)
            depth += (token.text == "{") - (token.text == "}")
            if depth == 0:
                break
            if token.text not in ("{", "}", r"\text", r"\mathrm"):
                parts.append(token.text.lstrip("\\"))
        return "".join(parts)

    # ------------------------------------------------------------ functions

    def _function(self, name: str, position: int) -> Syntax:
        r"""``\sin x``, ``\sin^2 x``, ``\sin^{-1} x``, ``\log_{10} x``, ``\max(a, b)``."""
        exponent: Syntax | None = None
        if name in ("max", "min") and self.at("_"):
            return self._reduction(name, position)
        if name == "log" and self.at("_"):
            self.advance()
            base = self._script_text()
            if base not in ("2", "10", "e"):
                self.fail("logarithms to base 2, 10 and e are read", position)
            name = "log" if base == "e" else f"log{base}"
        if self.at("^"):
            self.advance()
            exponent = self._argument()
            if _is_minus_one(exponent) and name in INVERSES:
                name, exponent = INVERSES[name], None
        value = Application(position, name, self._operands(name, position))
        return value if exponent is None else Operation(position, "**", (value, exponent))

    def _operands(self, name: str, position: int) -> tuple[Syntax, ...]:
        if self.at("(", "[", "{", r"\{", *_BARS) and not self.at(*self._bars):
            inner = self._operand()
            return inner.items if isinstance(inner, Group) and name in ("max", "min") else (inner,)
        if not self._begins_factor():
            self.fail(f"{name} of what?", position)
        factors = [self._powered()]
        while self._begins_factor() and not self._at_function() and not self.at("(", "["):
            factors.append(self._powered())
        argument = factors[0]
        for factor in factors[1:]:
            argument = Operation(factor.position, IMPLICIT, (argument, factor))
        return (argument,)

    def _powered(self) -> Syntax:
        operand = self.suffixed(self._operand())
        while self.at("^"):
            operand = self.binary(operand, *self.infix["^"])
        return operand

    def _at_function(self) -> bool:
        return self.token.kind == "command" and self.token.text[1:] in _FUNCTION_COMMANDS | _WORDS

    # ------------------------------------------------------------ suffixes

    def _suffix(self, left: Syntax) -> Syntax | None:
        if self.at("'"):
            return Operation(self.advance().position, "transpose", (left,))
        if self.at("_"):
            position = self.advance().position
            script = self._script_text()
            if not all(part.isdigit() for part in script.split(",")):
                self.fail(f"entry {script!r} is not a number", position)
            indices = tuple(Literal(position, int(part)) for part in script.split(","))
            return Operation(position, "entry", (left, *indices))
        return self._script(left) if self.at("^") else None

    def _script(self, left: Syntax) -> Syntax | None:
        """A transpose, an entrywise power or a power; one braced group or one token, as TeX reads it."""
        position = self.advance().position
        braced = self.at("{")
        inside = self.tokens[self.place + braced]
        closed = not braced or self.tokens[min(self.place + 2, len(self.tokens) - 1)].text == "}"
        if inside.text in _TRANSPOSES and closed and not self.is_parameter(inside.text):
            self.place += 3 if braced else 1
            if inside.text == r"\mathsf":
                self._script_text()
            return Operation(position, "transpose", (left,))
        if braced and inside.text == "-" and self.tokens[self.place + 2].text in _TRANSPOSES:
            self.place += 4 if self.tokens[self.place + 3].text == "}" else 3
            inverse = Operation(position, "matrix power", (left, Literal(position, -1)))
            return Operation(position, "transpose", (inverse,))
        if braced and inside.text in (r"\odot", r"\circ"):
            self.place += 2
            exponent = self.expression()
            self.expect("}")
            return Operation(position, "**", (left, exponent))
        return Operation(position, "matrix power", (left, _exact(self._argument())))

    # ------------------------------------------------------------ environments

    def _environment(self, token: Token) -> Syntax:
        name = self._braced_text().rstrip("*")
        if name not in ("cases", "pmatrix", "bmatrix", "matrix"):
            self.fail(f"the environment {name!r} is not read", token.position)
        rows: list[list[Syntax | None]] = [[]]
        while not self.at(r"\end"):
            if self.at("&"):
                self.advance()
            elif self.at(r"\\"):
                self.advance()
                rows.append([])
            else:
                rows[-1].append(self._cell())
        self.advance()
        self._braced_text()
        rows = [row for row in rows if row]
        return self._cases(rows, token.position) if name == "cases" else self._matrix(rows, token.position)

    def _cell(self) -> Syntax | None:
        """One cell; None for the words 'otherwise' and 'if'."""
        if self.at(r"\text", r"\mathrm", r"\operatorname"):
            start = self.place
            self.advance()
            words = self._braced_text().strip(" ,")
            if words in ("otherwise", "else"):
                return None
            if words not in ("if", "for", "where"):
                self.place = start
        cell = self.expression()
        if self.at(",", "."):
            self.advance()
        return cell

    def _cases(self, rows: list[list[Syntax | None]], position: int) -> Syntax:
        if any(len(row) != 2 or row[0] is None for row in rows) or not rows:
            self.fail("cases need a value and a condition in every row", position)
        last_value, last_condition = rows[-1]
        result = last_value if last_condition is None and last_value is not None else Literal(position, 0)
        for value, condition in reversed(rows[:-1] if last_condition is None else rows):
            if condition is None or value is None:
                self.fail("'otherwise' belongs in the last row", position)
            result = Operation(position, "where", (condition, value, result))
        return result

    def _matrix(self, rows: list[list[Syntax | None]], position: int) -> Syntax:
        cells = [tuple(cell for cell in row if cell is not None) for row in rows]
        if len(cells) > 1 and all(len(row) == 1 for row in cells):
            return Group(position, tuple(row[0] for row in cells), "[")
        return Group(position, tuple(Group(position, row, "[") for row in cells), "[")

    def _begins_factor(self) -> bool:
        token = self.token
        if self._bars and token.text == self._bars[-1]:
            return False
        if token.kind in ("number", "name") or token.text in _FENCES or token.text in _BARS:
            return True
        closing = (r"\end", r"\\", *_FENCES.values(), *_BARS.values())
        return token.kind == "command" and token.text not in self.infix and token.text not in closing


def _is_minus_one(node: Syntax) -> bool:
    return (
        isinstance(node, Operation)
        and node.operator == "negate"
        and isinstance(node.operands[0], Literal)
        and node.operands[0].value == 1
    )


def _exact(exponent: Syntax) -> Syntax:
    """``-1`` as the literal it is, so that a matrix power sees a whole number."""
    if isinstance(exponent, Operation) and exponent.operator == "negate":
        inner = exponent.operands[0]
        if isinstance(inner, Literal) and isinstance(inner.value, int | float | Fraction):
            return Literal(exponent.position, -inner.value)
    return exponent


def parse_latex(text: str, parameters: Collection[str] | None = None) -> Syntax:
    """The tree of a formula in LaTeX; with ``parameters`` None every unknown name is taken for one."""
    if not text.strip():
        raise located("an empty formula", text, 0)
    return LatexGrammar(text, latex_tokens(text), parameters).formula()
