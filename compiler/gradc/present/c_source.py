"""`formula.c()`: a self-contained C99 function, written to be read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from gradc.errors import ArgumentError
from gradc.ir.algebra import is_index_predicate, linear_terms
from gradc.ir.scalar import TRUE, Apply, Guard, Index, Load, NamedConstant, Number, Scalar, Size, is_apply
from gradc.ir.tensor import Call, Compute, Constant, Extent, Graph, Input, MultiNode, Tensor, extent_scalar
from gradc.ir.walk import graph_order, post_order, use_counts
from gradc.present.signature import Signature

_TYPES = {"float64": "double", "float32": "float", "int64": "int64_t", "int32": "int32_t", "bool": "bool"}
_CONSTANTS = {"pi": "3.141592653589793", "e": "2.718281828459045", "euler_gamma": "0.5772156649015329"}
#: Binding strengths of C.
_CONDITION, _OR, _AND, _EQUAL, _RELATION, _SUM, _PRODUCT, _UNARY, _ATOM = range(9)
_BINARY = {
    "add": ("+", _SUM), "sub": ("-", _SUM), "mul": ("*", _PRODUCT), "div": ("/", _PRODUCT), "sum": ("+", _SUM),
    "prod": ("*", _PRODUCT), "less": ("<", _RELATION), "less_equal": ("<=", _RELATION), "greater": (">", _RELATION),
    "greater_equal": (">=", _RELATION), "equal": ("==", _EQUAL), "not_equal": ("!=", _EQUAL), "and": ("&&", _AND),
    "or": ("||", _OR),
}  # fmt: skip
_FUNCTIONS = {
    "abs": "fabs", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "arcsinh": "asinh",
    "arccosh": "acosh", "arctanh": "atanh", "root": "sqrt", "maximum": "maximum", "minimum": "minimum", "rint": "rint",
    **{name: name for name in (
        "exp expm1 exp2 log log2 log10 log1p sin cos tan sinh cosh tanh sqrt cbrt floor ceil trunc erf erfc isnan isinf "
        "isfinite signbit copysign hypot sign sigmoid softplus logaddexp"
    ).split()},
}  # fmt: skip
_ACCUMULATORS = {
    "sum": "sum", "prod": "product", "max": "largest", "min": "smallest", "argmax": "place", "argmin": "place",
    "any": "found", "all": "holds",
}  # fmt: skip
#: Functions that libm lacks, written out where they are used.
_HELPERS = {
    "maximum": "static double maximum(double a, double b) { return a >= b || isnan(a) ? a : b; }",
    "minimum": "static double minimum(double a, double b) { return a <= b || isnan(a) ? a : b; }",
    "sign": "static double sign(double x) { return isnan(x) ? x : (x > 0) - (x < 0); }",
    "sigmoid": "static double sigmoid(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }",
    "softplus": "static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }",
    "logaddexp": "static double logaddexp(double a, double b) {\n"
    "    return a == b ? a + 0.6931471805599453 : fmax(a, b) + log1p(exp(-fabs(a - b)));\n}",
    "square": "static double square(double x) { return x * x; }",
    "position": "static int64_t position(int64_t k, int64_t n) { return k < 0 ? k + n : k; }",
    "floor_divide": "static int64_t floor_divide(int64_t a, int64_t b) {\n"
    "    return a / b - (a % b != 0 && (a < 0) != (b < 0));\n}",
    "modulo": "static int64_t modulo(int64_t a, int64_t b) { return (a % b + b) % b; }",
    "remainder_of": "static double remainder_of(double a, double b) { return a - floor(a / b) * b; }",
}
_KEYWORDS = frozenset(
    "auto break case char const continue default do double else enum extern float for goto if inline int long register "
    "restrict return short signed sizeof static struct switch typedef union unsigned void volatile while bool size_t "
    "out exp log sin cos tan sqrt pow main j0 j1 y0 y1 jn yn gamma".split()
)


def c_source(graph: Graph, signature: Signature, formula: str = "") -> str:
    """A C99 function that computes the outputs of the graph.

    Arrays are row-major pointers, numbers are values, named extents come first as ``size_t``; results are written through
    the last parameters. ``formula`` goes into the comment above. Raises `ArgumentError` for library calls and structured
    control flow.
    """
    return _Writer(graph, signature).source(formula)


class _Writer:
    def __init__(self, graph: Graph, signature: Signature) -> None:
        self._graph, self._signature = graph, signature
        self._sizes = sorted({s.name for t in graph.inputs for e in t.shape for s in _sizes(e)})
        self._taken = {*_KEYWORDS, *_HELPERS, *self._sizes}
        self._names: dict[Tensor, str] = {}
        for tensor, path in zip(graph.inputs, signature.inputs, strict=True):
            self._names[tensor] = self._free(re.sub(r"\W+", "_", path).strip("_") or "x")
        self._helpers: set[str] = set()
        self._lines: list[str] = []
        self._allocated: list[str] = []

    def source(self, formula: str) -> str:
        """The whole text."""
        inputs = dict(self._names)
        count = len(self._graph.outputs)
        outs = ["out"] if count == 1 else [f"out_{k}" for k in range(count)]
        self._taken.update(outs)
        targets = self._targets(outs)
        for node in graph_order(self._graph.outputs):
            self._node(node, targets)
        for tensor, out in zip(self._graph.outputs, outs, strict=True):
            if targets.get(tensor) != out:
                self._copy(tensor, out)
        self._lines += [f"free({name});" for name in reversed(self._allocated)]
        parameters = [f"size_t {name}" for name in self._sizes]
        parameters += [_parameter(t, inputs[t], "const ") for t in self._graph.inputs]
        parameters += [f"{_type(t)} *{out}" for t, out in zip(self._graph.outputs, outs, strict=True)]
        body = "\n".join(f"    {line}" if line else "" for line in self._lines)
        helpers = [text for name, text in _HELPERS.items() if name in self._helpers]
        comment = _comment(formula)
        head = f"void {self._signature.name}({', '.join(parameters)}) {{"
        if len(head) > 100:
            head = f"void {self._signature.name}(\n    " + ",\n    ".join(parameters) + "\n) {"
        return "\n".join([*self._includes(body), "", *[f"{h}\n" for h in helpers], *comment, head, body, "}", ""])

    def _includes(self, body: str) -> list[str]:
        texts = body + "".join(_HELPERS[name] for name in self._helpers)
        wanted = ["math.h"]
        wanted += ["stdbool.h"] if re.search(r"\bbool\b|\btrue\b|\bfalse\b", texts) else []
        wanted += ["stddef.h"]
        types = texts + " ".join(_type(t) for t in (*self._graph.inputs, *self._graph.outputs))
        wanted += ["stdint.h"] if re.search(r"int\d\d_t", types) else []
        wanted += ["stdlib.h"] if self._allocated else []
        if "bool" in types and "stdbool.h" not in wanted:
            wanted.insert(1, "stdbool.h")
        return [f"#include <{name}>" for name in wanted]

    def _free(self, wanted: str) -> str:
        name, count = wanted, 1
        while name in self._taken:
            count += 1
            name = f"{wanted}_{count}"
        self._taken.add(name)
        return name

    def _targets(self, outs: Sequence[str]) -> dict[Tensor, str]:
        """Outputs that are computed in place: each tensor at its first position."""
        targets: dict[Tensor, str] = {}
        for tensor, out in zip(self._graph.outputs, outs, strict=True):
            if isinstance(tensor, Compute):
                targets.setdefault(tensor, out)
        return targets

    # ------------------------------------------------------------ nodes

    def _node(self, node: Any, targets: dict[Tensor, str]) -> None:
        if isinstance(node, Input):
            return
        if isinstance(node, Compute):
            self._compute(node, targets.get(node))
        elif isinstance(node, Constant):
            name = self._names[node] = self._free("data")
            values = ", ".join(_literal(v, node.dtype.kind) for v in node.value.ravel().tolist())
            self._lines.append(f"static const {_type(node)} {name}[] = {{{values}}};")
        elif isinstance(node, MultiNode):
            what = getattr(node, "name", type(node).__name__.lower())
            if isinstance(node, Call):
                what = f"call ({node.policy})"
            raise ArgumentError(
                f"{what} has no C source: it is a library call or a control structure; formula.numpy() may have it"
            )

    def _compute(self, node: Compute, out: str | None) -> None:
        name = out
        if out is None:
            name = self._free(_ACCUMULATORS.get(node.reducer or "", "t") if not node.rank else "t")
            if not node.rank:
                pass
            elif all(isinstance(e, int) for e in node.shape) and _count(node.shape) <= 1024:
                self._lines.append(f"{_type(node)} {name}[{_count(node.shape)}];")
            else:
                size = " * ".join([*[self._index(e) for e in node.shape], f"sizeof({_type(node)})"])
                self._lines.append(f"{_type(node)} *{name} = malloc({size});")
                self._allocated.append(name)
        assert name is not None
        self._names[node] = name
        axes = self._axes(len(node.extents))
        for k in range(node.rank):
            self._open(axes[k], node.shape[k], k)
        target = f"{name}[{self._offset([axes[k] for k in range(node.rank)], node.shape)}]" if node.rank else name
        if out is not None and not node.rank:
            target = f"{out}[0]"
        declared = f"{_type(node)} {name}" if not node.rank and out is None else target
        if node.reducer is None:
            value, lines = _Body(self, axes).value(node.body)
            self._emit(node.rank, [*lines, f"{declared} = {value};"])
        else:
            self._reduce(node, axes, target, declared)
        for k in reversed(range(node.rank)):
            self._emit(k, ["}"])
        if out is not None and not node.rank:
            self._names[node] = f"{out}[0]"

    def _axes(self, count: int) -> list[str]:
        letters = [c for c in "ijklmpqrst" if c not in self._taken]
        letters += [f"i{k}" for k in range(count)]
        return letters[:count]

    def _open(self, axis: str, extent: Extent, depth: int) -> None:
        self._emit(depth, [f"for (size_t {axis} = 0; {axis} < {self._index(extent)}; {axis}++) {{"])

    def _emit(self, depth: int, lines: Sequence[str]) -> None:
        self._lines += ["    " * depth + line for line in lines]

    def _reduce(self, node: Compute, axes: list[str], target: str, declared: str) -> None:
        depth = node.rank
        starts = {"sum": "0", "prod": "1", "max": "-INFINITY", "min": "INFINITY", "any": "false", "all": "true"}
        if declared.startswith(f"{_type(node)} "):
            total = target  # a number of its own
        else:
            total = self._free(_ACCUMULATORS[node.reducer or ""])
            self._taken.discard(total)
        arg = node.reducer in ("argmax", "argmin")
        if arg:
            start = "-INFINITY" if node.reducer == "argmax" else "INFINITY"
            self._emit(depth, [f"int64_t {total} = 0;", f"{_type_of(node.body)} best = {start};"])
        else:
            start = starts[node.reducer or ""]
            if node.dtype.kind in "iu" and "INFINITY" in start:
                start = "INT64_MIN" if start.startswith("-") else "INT64_MAX"
            self._emit(depth, [f"{_type(node)} {total} = {start};"])
        for k, extent in enumerate(node.reduce_extents):
            self._open(axes[depth + k], extent, depth + k)
        inside = depth + len(node.reduce_extents)
        body = _Body(self, axes)
        if node.domain is not TRUE:
            condition, lines = body.value(node.domain)
            self._emit(inside, [*lines, f"if (!({condition})) continue;"])
        value, lines = body.value(node.body)
        self._emit(inside, [*lines, *self._step(node, total, value, axes[-1])])
        for k in reversed(range(len(node.reduce_extents))):
            self._emit(depth + k, ["}"])
        if total != target:
            self._emit(depth, [f"{declared} = {total};"])

    def _step(self, node: Compute, total: str, value: str, axis: str) -> list[str]:
        if node.reducer in ("sum", "prod"):
            return [f"{total} {'+' if node.reducer == 'sum' else '*'}= {value};"]
        if node.reducer in ("any", "all"):
            return [f"{total} = {total} {'||' if node.reducer == 'any' else '&&'} ({value});"]
        if node.reducer in ("max", "min"):
            name = "maximum" if node.reducer == "max" else "minimum"
            if node.dtype.kind in "iu":
                sign = ">" if node.reducer == "max" else "<"
                return [f"if ({value} {sign} {total}) {total} = {value};"]
            self._helpers.add(name)
            return [f"{total} = {name}({total}, {value});"]
        sign = ">" if node.reducer == "argmax" else "<"
        return [
            f"{_type_of(node.body)} value = {value};",
            f"if (value {sign} best || (isnan(value) && !isnan(best))) {{",
            "    best = value;",
            f"    {total} = {axis};",
            "}",
        ]

    def _copy(self, tensor: Tensor, out: str) -> None:
        name = self._names[tensor]
        if not tensor.rank:
            self._lines.append(f"{out}[0] = {name};")
            return
        count = " * ".join(self._index(e) for e in tensor.shape)
        self._lines += [f"for (size_t i = 0; i < {count}; i++) {{", f"    {out}[i] = {name}[i];", "}"]

    # ------------------------------------------------------------ places

    def _index(self, extent: Extent) -> str:
        return str(extent) if isinstance(extent, int) else _Body(self, []).inline(extent_scalar(extent))

    def _offset(self, places: Sequence[str], shape: Sequence[Extent]) -> str:
        """Row-major: ``i * n + j``."""
        offset = places[0]
        for place, extent in zip(places[1:], shape[1:], strict=True):
            inner = offset if re.fullmatch(r"[\w.]+(?: \* \w+)*", offset) else f"({offset})"
            outer = place if re.fullmatch(r"[\w.\[\]]+", place) else f"({place})"
            size = self._index(extent)
            size = size if re.fullmatch(r"\w+", size) else f"({size})"
            offset = f"{inner} * {size} + {outer}"
        return offset

    def load(self, node: Load, places: Sequence[str]) -> str:
        """One entry of an array."""
        name = self._names[node.tensor]
        return f"{name}[{self._offset(places, node.tensor.shape)}]" if places else name

    def helper(self, name: str) -> str:
        """A function that is written out above."""
        self._helpers.add(name)
        return name


class _Body:
    """A scalar expression: shared parts are named before it, guarded parts stay inside their condition."""

    def __init__(self, writer: _Writer, axes: Sequence[str]) -> None:
        self._writer, self._axes = writer, axes
        self._texts: dict[Scalar, tuple[str, int]] = {}

    def inline(self, root: Scalar) -> str:
        """The expression alone."""
        for node in post_order([root]):
            self._texts[node] = self._text(node)
        return self._texts[root][0]

    def value(self, root: Scalar) -> tuple[str, list[str]]:
        """The expression, and the declarations in front of it."""
        counts = use_counts([root])
        conditional = _conditional([root])
        lines: list[str] = []
        for node in post_order([root]):
            text = self._text(node)
            shared = counts[node] > 1 and isinstance(node, Apply) and node is not root
            if (
                (shared or len(text[0]) > 100)
                and node not in conditional
                and isinstance(node, Apply)
                and node is not root
            ):
                name = self._writer._free("u")
                lines.append(f"{_type_of(node)} {name} = {text[0]};")
                text = (name, _ATOM)
            self._texts[node] = text
        return self._texts[root][0], lines

    def _part(self, node: Scalar, need: int) -> str:
        text, binding = self._texts[node]
        return f"({text})" if binding < need else text

    def _text(self, node: Scalar) -> tuple[str, int]:
        if isinstance(node, Number):
            text = _literal(node.value, node.dtype.kind)
            return text, _SUM if text.startswith("-") else _ATOM
        if isinstance(node, Index):
            return self._axes[node.position], _ATOM
        if isinstance(node, Size):
            return node.name, _ATOM
        if isinstance(node, Load):
            return self._writer.load(node, [self._texts[i][0] for i in node.indices]), _ATOM
        if isinstance(node, Guard):
            return f"{self._part(node.predicate, _OR)} ? {self._part(node.body, _OR)} : 0", _CONDITION
        assert isinstance(node, Apply)
        return self._apply(node)

    def _apply(self, node: Apply) -> tuple[str, int]:
        name, args = node.op.name, node.args
        if name in ("stop_gradient", "real", "conj"):
            return self._texts[args[0]]
        if name == "where":
            condition, chosen, other = (self._part(a, _OR) for a in args)
            return f"{condition} ? {chosen} : {other}", _CONDITION
        if name == "position":
            return f"{self._writer.helper('position')}({self._texts[args[0]][0]}, {self._texts[args[1]][0]})", _ATOM
        if name == "neg":
            return f"-{self._part(args[0], _UNARY)}", _SUM
        if name == "not":
            return f"!{self._part(args[0], _UNARY)}", _UNARY
        if name == "convert":
            if args[0].dtype.kind in "iub" and node.dtype.kind == "f" and isinstance(args[0], Size | Index):
                return f"(double){self._part(args[0], _UNARY)}", _UNARY
            return f"({_TYPES[node.dtype.name]}){self._part(args[0], _UNARY)}", _UNARY
        if name in ("power", "pow"):
            return self._power(node)
        if is_index_predicate(node):
            return self._balanced(node)
        if name in _BINARY:
            return self._binary(node)
        if name in ("floordiv", "mod"):
            return self._division(node)
        if name not in _FUNCTIONS:
            raise ArgumentError(f"{name} has no C source")
        function = _FUNCTIONS[name]
        if function in _HELPERS:
            self._writer.helper(function)
        return f"{function}({', '.join(self._texts[a][0] for a in args)})", _ATOM

    def _binary(self, node: Apply) -> tuple[str, int]:
        sign, binding = _BINARY[node.op.name]
        args = list(node.args)
        if node.op.name == "prod" and node.dtype.kind == "f":
            return self._product(args)
        if node.op.name == "sum":
            args.sort(key=lambda a: (self._texts[a][0].startswith("-"), isinstance(a, Number) and a.dtype.kind in "iu"))
        first, *rest = args
        text = self._part(first, binding)
        for arg in rest:
            part = self._texts[arg][0]
            if (
                node.op.name == "sum"
                and part.startswith("-")
                and self._texts[arg][1] >= _SUM
                and not is_apply(arg, "sum")
            ):
                text += f" - {part[1:]}"
            else:
                text += f" {sign} {self._part(arg, binding + 1)}"
        return text, binding

    def _balanced(self, node: Apply) -> tuple[str, int]:
        """``i + 2 <= n`` for ``i - n + 2 <= 0``: extents and counters have no sign."""
        sign, binding = _BINARY[node.op.name]
        terms, constant = linear_terms(node.args[0])
        sides: tuple[list[str], list[str]] = ([], [])
        for atom, coefficient in terms.items():
            factor = "" if abs(coefficient) == 1 else f"{abs(coefficient)} * "
            sides[coefficient < 0].append(f"{factor}{self._part(atom, _PRODUCT + bool(factor))}")
        if constant:
            sides[constant < 0].append(str(abs(constant)))
        left, right = (" + ".join(side) or "0" for side in sides)
        return f"{left} {sign} {right}", binding

    def _product(self, args: list[Scalar]) -> tuple[str, int]:
        upper = [a for a in args if not _is_inverse(a)]
        lower = [a for a in args if _is_inverse(a)]
        if not lower:
            minus = any(isinstance(a, Number) and a.value == -1 for a in upper)
            upper = [a for a in upper if not (isinstance(a, Number) and a.value == -1)]
            upper.sort(key=lambda a: not isinstance(a, Number))
            text = " * ".join([self._part(a, _PRODUCT + (k > 0)) for k, a in enumerate(upper)])
            return (f"-{text}", _SUM) if minus else (text, _SUM if text.startswith("-") else _PRODUCT)
        top, binding = self._product(upper) if upper else ("1.0", _ATOM)
        top = f"({top})" if binding < _PRODUCT and not top.startswith("-") else top
        below = [self._positive_power(a.children[0], -a.children[1].value) for a in lower]  # type: ignore[attr-defined]
        bottom = " * ".join(f"({t})" if b < _PRODUCT + 1 else t for t, b in below)
        text = f"{top} / {bottom}" if len(below) == 1 else f"{top} / ({bottom})"
        return text, _SUM if text.startswith("-") else _PRODUCT

    def _power(self, node: Apply) -> tuple[str, int]:
        base, exponent = node.args
        value = exponent.value if isinstance(exponent, Number) else None
        if isinstance(value, int | Fraction) and not isinstance(value, bool):
            if value < 0:
                text, binding = self._positive_power(base, -value)
                return f"1.0 / {f'({text})' if binding < _PRODUCT + 1 else text}", _PRODUCT
            return self._positive_power(base, value)
        return f"pow({self._texts[base][0]}, {self._texts[exponent][0]})", _ATOM

    def _positive_power(self, base: Scalar, exponent: int | Fraction) -> tuple[str, int]:
        text = self._texts[base][0]
        if exponent == 1:
            return self._texts[base]
        if exponent == Fraction(1, 2):
            return f"sqrt({text})", _ATOM
        if exponent in (2, 3) and re.fullmatch(r"[\w.]+(?:\[[^\[\]]*\])?", text):
            return " * ".join([text] * int(exponent)), _PRODUCT
        if exponent == 2:
            return f"{self._writer.helper('square')}({text})", _ATOM
        return f"pow({text}, {_literal(exponent, 'f')})", _ATOM

    def _division(self, node: Apply) -> tuple[str, int]:
        a, b = (self._texts[x][0] for x in node.args)
        if node.dtype.kind == "f":
            if node.op.name == "floordiv":
                return f"floor({self._part(node.args[0], _PRODUCT)} / {self._part(node.args[1], _PRODUCT + 1)})", _ATOM
            return f"{self._writer.helper('remainder_of')}({a}, {b})", _ATOM
        name = "floor_divide" if node.op.name == "floordiv" else "modulo"
        return f"{self._writer.helper(name)}({a}, {b})", _ATOM


def _is_inverse(node: Scalar) -> bool:
    if not (is_apply(node, "power") or is_apply(node, "pow")):
        return False
    exponent = node.children[1]
    return isinstance(exponent, Number) and isinstance(exponent.value, int | Fraction) and exponent.value < 0


def _conditional(roots: Sequence[Scalar]) -> set[Scalar]:
    """What is evaluated only under a condition: below guards and branches, and what such parts share."""
    found: set[Scalar] = set()
    for node in post_order(roots):
        branches: tuple[Scalar, ...] = ()
        if isinstance(node, Guard):
            branches = (node.body,)
        elif is_apply(node, "where"):
            branches = node.children[1:]
        elif is_apply(node, "and") or is_apply(node, "or"):
            branches = node.children
        if branches:
            found.update(n for n in post_order(branches) if any(isinstance(m, Load) for m in post_order([n])))
    return found


def _sizes(extent: Extent) -> list[Size]:
    return [] if isinstance(extent, int) else [n for n in post_order([extent]) if isinstance(n, Size)]


def _count(shape: Sequence[Extent]) -> int:
    count = 1
    for extent in shape:
        assert isinstance(extent, int)
        count *= extent
    return count


def _type(tensor: Tensor) -> str:
    return _type_of(tensor)


def _type_of(node: Any) -> str:
    name = node.dtype.name
    if name not in _TYPES:
        raise ArgumentError(f"{name} has no C source; use float64 or float32")
    return _TYPES[name]


def _parameter(tensor: Tensor, name: str, const: str) -> str:
    return f"{const}{_type(tensor)} *{name}" if tensor.rank else f"{_type(tensor)} {name}"


def _literal(value: Any, kind: str) -> str:
    """A number as C; a float has a decimal point."""
    if isinstance(value, NamedConstant):
        return _CONSTANTS[value.name]
    if isinstance(value, bool):
        return str(value).lower() if kind == "b" else str(int(value))
    if kind in "iu":
        return str(int(value))
    number = float(value)
    if number != number:
        return "NAN"
    if number in (float("inf"), float("-inf")):
        return "INFINITY" if number > 0 else "-INFINITY"
    return repr(number)


def _comment(formula: str) -> list[str]:
    lines = formula.replace("*/", "* /").splitlines()
    if not lines:
        return []
    return [f"/* {lines[0]} */"] if len(lines) == 1 else ["/*", *[f" * {line}" for line in lines], " */"]
