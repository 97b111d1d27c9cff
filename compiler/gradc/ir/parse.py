"""Reading the text form: ``parse_graph(str(graph))`` gives back the very same nodes.

Nodes are built exactly as written: nothing is simplified. The grammar is that of `gradc.ir.text`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple, TypeVar

import numpy as np

from gradc.errors import ParseError
from gradc.ir.scalar import (
    BOOL,
    COMPLEX128,
    FLOAT64,
    INT64,
    NAMED_CONSTANTS,
    OPS,
    TRUE,
    DType,
    NumberValue,
    Scalar,
    apply,
    guard,
    index,
    load,
    number,
    size,
)
from gradc.ir.tensor import (
    REDUCERS,
    Extent,
    Graph,
    Input,
    MultiNode,
    ResultType,
    Tensor,
    call,
    compute,
    cond,
    constant,
    extent,
    extern,
    input_tensor,
    loop,
    projection,
)
from gradc.ir.text import ATOM, INFIX, is_index_name

_FLOAT = r"(?:nan|inf|\d+\.\d+(?:e[+-]?\d+)?|\d+e[+-]?\d+)"
_TOKEN = re.compile(
    rf"""\s*(?:
      (?P<complex>\{{-?{_FLOAT}[+-]{_FLOAT}j\}})
    | (?P<fraction>-?\d+/\d+)
    | (?P<float>-?{_FLOAT}(?![\w]))
    | (?P<exact>-?\d+\.(?!\d))
    | (?P<int>-?\d+)
    | (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<let>%\d+)
    | (?P<name>[^\W\d]\w*)
    | (?P<symbol><=|>=|==|!=|[-+*^<>()\[\]{{}},:;=.@%])
    )""",
    re.VERBOSE,
)
_COMPLEX_PARTS = re.compile(rf"\{{(-?{_FLOAT})([+-]{_FLOAT})j\}}")
_OPERATORS = {symbol: (name, binding) for name, (symbol, binding) in INFIX.items()}
_DEFAULT_DTYPE = {
    "int": INT64,
    "exact": FLOAT64,
    "fraction": FLOAT64,
    "float": FLOAT64,
    "complex": COMPLEX128,
}

T = TypeVar("T")


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise _unreadable(text, position, "what stands here is no part of the text form")
        tokens.append(_Token(match.lastgroup, match.group(match.lastgroup), match.start(match.lastgroup)))
        position = match.end()
    tokens.append(_Token("end", "", end))
    return tokens


def _unreadable(text: str, position: int, why: str) -> ParseError:
    line_start = text.rfind("\n", 0, position) + 1
    line = text[line_start:].split("\n", 1)[0]
    caret = " " * (position - line_start) + "^"
    return ParseError(f"line {text.count(chr(10), 0, position) + 1}: {why}\n  {line}\n  {caret}")


class _Parser:
    """A recursive-descent parser. Expressions nest as deep as a line is long: deep bodies come in lets."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._at = 0
        self._graphs: dict[str, Graph] = {}
        self._tensors: dict[str, Tensor] = {}
        self._multi: dict[str, MultiNode] = {}
        self._lets: dict[str, Scalar] = {}

    # ------------------------------------------------------------ tokens

    def _error(self, why: str) -> ParseError:
        return _unreadable(self._text, self._tokens[self._at].position, why)

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _sees(self, text: str) -> bool:
        token = self._tokens[self._at]
        return token.text == text and token.kind in ("symbol", "name")

    def _accept(self, text: str) -> bool:
        if self._sees(text):
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise self._error(f"expected {text!r}")

    def _word(self) -> str:
        """A name, quoted or not."""
        token = self._next()
        if token.kind == "string":
            return str(json.loads(token.text))
        if token.kind != "name":
            self._at -= 1
            raise self._error("expected a name")
        return token.text

    def _reference(self) -> str:
        """A tensor's name as the tables have it: quoted names keep their quotes."""
        token = self._next()
        if token.kind not in ("name", "string"):
            self._at -= 1
            raise self._error("expected the name of a tensor")
        return token.text

    def _group(self, item: Callable[[], T], opening: str, closing: str) -> list[T]:
        self._expect(opening)
        items: list[T] = []
        while not self._accept(closing):
            if items:
                self._expect(",")
            items.append(item())
        return items

    def _integer(self) -> int:
        token = self._next()
        if token.kind != "int":
            self._at -= 1
            raise self._error("expected an integer")
        return int(token.text)

    def _dtype(self) -> DType:
        word = self._word()
        try:
            return np.dtype(word)
        except TypeError:
            self._at -= 1
            raise self._error(f"{word!r} is no dtype") from None

    # ------------------------------------------------------------ scalars

    def expression(self, least: int = 0) -> Scalar:
        left = self._atom()
        while True:
            token = self._tokens[self._at]
            operator = _OPERATORS.get(token.text) if token.kind in ("symbol", "name") else None
            if operator is None or operator[1] < least:
                return left
            left = self._operation(left, token.text, *operator)

    def _operation(self, left: Scalar, symbol: str, name: str, binding: int) -> Scalar:
        operands = [left]
        while self._accept(symbol):
            operands.append(self.expression(binding + 1))
            if OPS[name].arity == 2:
                break
        return apply(name, *operands)

    def _atom(self) -> Scalar:
        token = self._next()
        if token.kind in _DEFAULT_DTYPE:
            return self._number(_value(token), _DEFAULT_DTYPE[token.kind])
        if token.kind == "let":
            if token.text not in self._lets:
                self._at -= 1
                raise self._error(f"{token.text} is not defined")
            return self._lets[token.text]
        if token.text == "(":
            inner = self.expression()
            self._expect(")")
            return inner
        if token.text == "[":
            predicate = self.expression()
            self._expect("]")
            return guard(predicate, self.expression(ATOM))
        if token.kind not in ("name", "string"):
            self._at -= 1
            raise self._error("expected an expression")
        return self._named(token)

    def _named(self, token: _Token) -> Scalar:
        if self._sees("["):
            return load(self._tensor(token), self._group(self.expression, "[", "]"))
        if token.kind == "string":
            self._at -= 1
            raise self._error("a quoted name here is a tensor's: its indices are missing")
        if token.text in ("true", "false"):
            return self._number(token.text == "true", BOOL)
        if token.text in NAMED_CONSTANTS:
            return self._number(NAMED_CONSTANTS[token.text], FLOAT64)
        if token.text == "size":
            return size(self._word())
        if self._sees("(") or self._sees("@"):
            return self._application(token)
        if is_index_name(token.text):
            return index("ijkl".index(token.text) if len(token.text) == 1 else int(token.text[1:]))
        return size(token.text)

    def _application(self, token: _Token) -> Scalar:
        if token.text not in OPS:
            self._at -= 1
            raise self._error(f"there is no op {token.text!r}")
        dtype = self._dtype() if self._accept("@") else None
        return apply(token.text, *self._group(self.expression, "(", ")"), dtype=dtype)

    def _number(self, value: NumberValue, dtype: DType) -> Scalar:
        return number(value, self._dtype() if self._accept("@") else dtype)

    def _tensor(self, token: _Token) -> Tensor:
        if token.text not in self._tensors:
            self._at -= 1
            raise self._error(f"there is no tensor {token.text}")
        return self._tensors[token.text]

    def _let(self) -> None:
        name = self._next().text
        self._expect("=")
        self._lets[name] = self.expression()
        self._expect(";")

    def _skip_lets(self) -> None:
        while self._accept("let"):
            self._let()

    # ------------------------------------------------------------ graphs

    def graphs(self) -> Graph:
        while self._accept("subgraph"):
            name = self._word()
            self._graphs[name] = self._graph()
        self._expect("graph")
        result = self._graph()
        if self._tokens[self._at].kind != "end":
            raise self._error("the program has ended")
        return result

    def _graph(self) -> Graph:
        self._tensors, self._multi, self._lets = {}, {}, {}
        inputs = tuple(self._group(self._input, "(", ")"))
        self._expect("{")
        while not self._accept("return"):
            self._statement()
        outputs: list[Tensor] = []
        while not self._accept("}"):
            if outputs:
                self._expect(",")
            outputs.append(self._operand())
        return Graph(inputs, tuple(outputs))

    def _operand(self) -> Tensor:
        return self._tensor(self._next())

    def _operands(self) -> list[Tensor]:
        return self._group(self._operand, "(", ")")

    def _input(self) -> Input:
        self._skip_lets()
        token = self._next()
        self._at -= 1
        name, reference = self._word(), token.text
        if self._accept("as"):
            reference = self._reference()
        self._expect(":")
        result = self._type()
        node = input_tensor(name, result.shape, result.dtype)
        self._tensors[reference] = node
        return node

    def _extent(self) -> Extent:
        return extent(self.expression())

    def _type(self) -> ResultType:
        dtype = self._dtype()
        return ResultType(tuple(self._group(self._extent, "[", "]")), dtype)

    def _statement(self) -> None:
        self._skip_lets()
        if self._accept("free"):
            self._input()
            return
        if self._sees("return"):
            return
        name = self._word()
        if self._accept("="):
            self._multi[name] = self._multi_node()
            return
        self._expect(":")
        result = self._type()
        self._expect("=")
        self._tensors[name] = self._definition(result)

    def _definition(self, result: ResultType) -> Tensor:
        if self._accept("constant"):
            return self._constant(result)
        token = self._tokens[self._at]
        if token.text in self._multi:
            self._at += 1
            self._expect(".")
            return projection(self._multi[token.text], self._integer())
        return self._compute(result)

    def _constant(self, result: ResultType) -> Tensor:
        shape = tuple(int(e) for e in result.shape if isinstance(e, int))
        if self._tokens[self._at + 1].text == "base64":
            self._expect("(")
            self._expect("base64")
            content = base64.b64decode(self._word())
            self._expect(")")
            entries = np.frombuffer(content, result.dtype.newbyteorder("<")).astype(result.dtype)
        else:
            entries = np.array(self._group(self._entry, "(", ")"), result.dtype)
        return constant(entries.reshape(shape))

    def _entry(self) -> Any:
        return _value(self._next())

    def _compute(self, result: ResultType) -> Tensor:
        reducer, axes = None, []
        if self._tokens[self._at].text in REDUCERS and self._tokens[self._at + 1].text not in ("(", "@"):
            reducer = self._word()
            while not self._accept(":"):
                self._accept(",")
                self._word()
                self._expect("<")
                axes.append(extent(self.expression(_ABOVE_COMPARISON)))
        self._skip_lets()
        domain: Scalar = TRUE
        if reducer is not None and self._sees("where") and not self._sees_call():
            self._expect("where")
            domain = self.expression()
            self._expect(":")
        body = self.expression()
        node = compute(result.shape, body, reduce_extents=axes, reducer=reducer, domain=domain)
        if node.dtype != result.dtype:
            raise self._error(f"this is {node.dtype}, declared as {result.dtype}")
        return node

    def _sees_call(self) -> bool:
        """Whether ``where`` begins an application of the op, not a domain: its parentheses hold commas."""
        depth = 0
        for token in self._tokens[self._at + 1 :]:
            if token.kind == "symbol":
                depth += (token.text in "([{") - (token.text in ")]}")
                if token.text == "," and depth == 1:
                    return True
            if depth == 0:
                return False
        return False

    # ------------------------------------------------------------ nodes with several results

    def _multi_node(self) -> MultiNode:
        kind = self._word()
        builders = {"loop": self._loop, "cond": self._cond, "extern": self._extern, "call": self._call}
        if kind not in builders:
            raise self._error(f"there is no node {kind!r}")
        self._expect("(")
        node = builders[kind]()
        self._expect(")")
        return node

    def _graph_name(self) -> Graph:
        name = self._word()
        if name not in self._graphs:
            raise self._error(f"there is no subgraph {name}")
        return self._graphs[name]

    def _loop(self) -> MultiNode:
        body = self._graph_name()
        self._expect(",")
        condition = None if self._accept("none") else self._graph_name()
        self._expect(",")
        trip = None if self._accept("none") else self._extent()
        groups = []
        for _ in range(3):
            self._expect(",")
            groups.append(self._operands())
        init, sequences, captured = groups
        reverse = self._accept(",")
        if reverse:
            self._expect("reverse")
        return loop(
            body,
            trip=trip,
            init=init,
            sequences=sequences,
            captured=captured,
            condition=condition,
            reverse=reverse,
        )

    def _cond(self) -> MultiNode:
        predicate = self._operand()
        self._expect(",")
        true_graph = self._graph_name()
        self._expect(",")
        false_graph = self._graph_name()
        self._expect(",")
        return cond(predicate, true_graph, false_graph, self._operands())

    def _extern(self) -> MultiNode:
        name = self._word()
        self._expect(",")
        parameters = [(pair[0], pair[1]) for pair in self._group(self._parameter, "[", "]")]
        self._expect(",")
        operands = self._operands()
        self._expect(",")
        return extern(name, operands, self._group(self._type, "(", ")"), parameters)

    def _parameter(self) -> list[Any]:
        return self._group(self._parameter_part, "[", "]")

    def _parameter_part(self) -> Any:
        token = self._next()
        return json.loads(token.text) if token.kind == "string" else _value(token)

    def _call(self) -> MultiNode:
        policy = self._word()
        self._expect(",")
        tag = self._word()
        self._expect(",")
        graph = self._graph_name()
        self._expect(",")
        return call(graph, self._operands(), policy, tag)


_ABOVE_COMPARISON = INFIX["less"][1] + 1


def _value(token: _Token) -> NumberValue:
    if token.kind == "int":
        return int(token.text)
    if token.kind == "exact":
        return int(token.text[:-1])
    if token.kind == "fraction":
        return Fraction(token.text)
    if token.kind == "complex":
        parts = _COMPLEX_PARTS.match(token.text)
        assert parts is not None
        return complex(float(parts[1]), float(parts[2]))
    if token.text in ("true", "false"):
        return token.text == "true"
    return float(token.text)


def parse_graph(text: str) -> Graph:
    """The program that ``text`` spells; its nodes are those that were printed.

    >>> import gradc.ops
    >>> graph = parse_graph("graph(x: float64[n]) { t0: float64[] = sum i<n: x[i] ^ 2.  return t0 }")
    >>> parse_graph(str(graph)).outputs[0] is graph.outputs[0]
    True
    """
    return _Parser(text).graphs()
