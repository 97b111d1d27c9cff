"""Expressions in words: a graph's display form as a line of NumPy notation, for verdicts and hints."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradc.ir import algebra
from gradc.ir.scalar import Apply, Guard, Index, Load, NamedConstant, Number, Scalar, Size, index, is_apply, number
from gradc.ir.tensor import Compute, Constant, Input, Projection, Tensor
from gradc.ir.walk import free_indices, post_order

_LONGEST = 160
_MOST_NODES = 150
_MOST_ENTRIES = 4
_LARGEST_DENOMINATOR = 100_000
_COMPARISONS = {
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "equal": "==",
    "not_equal": "!=",
}
_WRITTEN = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
_SUM, _MATRIX_PRODUCT, _PRODUCT, _SIGN, _POWER, _ATOM = 1, 2, 3, 4, 5, 6

Text = tuple[str, int]


def tensor_words(tensor: Tensor, limit: int = _LONGEST) -> str:
    """The tensor in NumPy notation, or nothing where that would be long.

    >>> import gradc.ops
    >>> from gradc.ir.parse import parse_graph
    >>> g = parse_graph("graph(w: float64[], x: float64[]) { t0: float64[] = 2. * x[] * sin(w[])  return t0 }")
    >>> tensor_words(g.outputs[0])
    '2*sin(w)*x'
    """
    if not isinstance(tensor, Compute):
        return getattr(tensor, "name", "")
    if len(post_order([tensor.body])) > _MOST_NODES:
        return ""
    text = _entries_text(tensor) or _tensor_text(tensor)[0]
    return text if len(text) <= limit else ""


def _entries_text(tensor: Compute) -> str:
    """``[a, b]`` for a short vector whose entries differ in kind."""
    (extent, *others) = tensor.shape or (0,)
    has_brackets = any(algebra.is_index_predicate(node) for node in post_order([tensor.body]))
    if others or not isinstance(extent, int) or not 0 < extent <= _MOST_ENTRIES or tensor.reducer or not has_brackets:
        return ""
    entries = [_text(algebra.reindexed(tensor.body, [number(k)]), 0)[0] for k in range(extent)]
    return f"[{', '.join(entries)}]"


def scalar_words(scalar: Scalar, rank: int) -> str:
    """One scalar over the indices of a tensor of this rank."""
    return _text(scalar, rank)[0]


def operand_words(tensor: Tensor) -> str:
    """A tensor as an operand of a formula."""
    return _operand(tensor)[0]


def _tensor_text(tensor: Compute) -> Text:
    if tensor.reducer is None:
        return _text(tensor.body, tensor.rank)
    product = _matrix_product(tensor)
    if product:
        return product, _MATRIX_PRODUCT
    inner = _text(tensor.body, tensor.rank + len(tensor.reduce_extents))[0]
    axis = (
        ""
        if tensor.rank == 0
        else ", over " + ", ".join("ijkl"[tensor.rank + k] for k in range(len(tensor.reduce_extents)))
    )
    return f"{tensor.reducer}({inner}{axis})", _ATOM


def _matrix_product(tensor: Compute) -> str:
    """``sum_k A[i,k] x[k]`` as ``A @ x``."""
    if tensor.reducer != "sum" or not (is_apply(tensor.body, "prod") or is_apply(tensor.body, "mul")):
        return ""
    if len(tensor.body.children) != 2:
        return ""
    if tensor.domain is not algebra.conjunction() or len(tensor.reduce_extents) != 1:
        return ""
    factors = tensor.body.children
    if not all(isinstance(f, Load) and all(isinstance(i, Index) for i in f.indices) for f in factors):
        return ""
    bound = tensor.rank
    places = [tuple(i.position for i in f.indices if isinstance(i, Index)) for f in factors if isinstance(f, Load)]
    order = [0, 1] if (places[0] and places[0][0] == 0) or places[1] == (bound,) or not places[1] else [1, 0]
    texts = []
    for side, k in enumerate(order):
        factor, place = factors[k], places[k]
        assert isinstance(factor, Load)
        name = _wrapped(_operand(factor.tensor), _POWER)
        transposed = len(place) == 2 and place[1 if side == 0 else 0] != bound
        texts.append(f"{name}.T" if transposed else name)
    free = [p for place in places for p in place if p != bound]
    return " @ ".join(texts) if sorted(free) == list(range(tensor.rank)) and len(set(free)) == len(free) else ""


def _operand(tensor: Tensor) -> Text:
    if isinstance(tensor, Input):
        return tensor.name, _ATOM
    if isinstance(tensor, Compute):
        return _tensor_text(tensor)
    if isinstance(tensor, Constant) and tensor.value.size <= 4:
        return str(tensor.value.tolist()), _ATOM
    if isinstance(tensor, Projection):
        operands = ", ".join(_operand(operand)[0] for operand in getattr(tensor.source, "operands", ()))
        return f"{getattr(tensor.source, 'name', 'result')}({operands or '...'})", _ATOM
    return "const", _ATOM


def _wrapped(text: Text, least: int) -> str:
    return text[0] if text[1] >= least else f"({text[0]})"


def _text(root: Scalar, rank: int) -> Text:
    memo: dict[Scalar, Text] = {}
    for node in post_order([root], prune=lambda s: isinstance(s, Load)):
        memo[node] = _node_text(node, memo, rank)
    return memo[root]


def _node_text(node: Scalar, memo: dict[Scalar, Text], rank: int) -> Text:
    if isinstance(node, Number):
        return _number_text(node)
    if isinstance(node, Index):
        return "ijkl"[node.position] if node.position < 4 else f"i{node.position}", _ATOM
    if isinstance(node, Size):
        return node.name, _ATOM
    if isinstance(node, Load):
        return _load_text(node, rank)
    if isinstance(node, Guard):
        return f"where({memo[node.predicate][0]}, {memo[node.body][0]}, 0)", _ATOM
    assert isinstance(node, Apply)
    return _apply_text(node, [memo[argument] for argument in node.args])


def _number_text(node: Number) -> Text:
    value = node.value
    if isinstance(value, NamedConstant):
        return value.name, _ATOM
    if isinstance(value, Fraction) and value.denominator > _LARGEST_DENOMINATOR:
        return f"{float(value):.12g}", _ATOM if value > 0 else _SUM
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}", _PRODUCT if value > 0 else _SUM
    return f"{value:.12g}" if isinstance(value, float) else str(
        value
    ), _ATOM if node.dtype.kind == "b" or value >= 0 else _SUM  # type: ignore[operator]


def _load_text(node: Load, rank: int) -> Text:
    name = _operand(node.tensor)
    if not node.indices:
        return name
    count = len(node.indices)
    in_order = all(i is index(rank - count + k) for k, i in enumerate(node.indices)) and count <= rank
    if in_order:
        return name
    if count == 1 and rank == 2 and node.indices[0] is index(0):
        return f"{_wrapped(name, _POWER)}[:, None]", _ATOM
    if count == 2 and node.indices == (index(1), index(0)):
        return f"{_wrapped(name, _POWER)}.T", _ATOM
    places = ", ".join(_text(i, rank)[0] for i in node.indices)
    return f"{_wrapped(name, _POWER)}[{places}]", _ATOM


def _apply_text(node: Apply, args: Sequence[Text]) -> Text:
    name = node.op.name
    if name == "add":
        return _sum_text([_wrapped(arg, _SUM) for arg in args]), _SUM
    if name == "sum":
        return _sum_text([_wrapped(arg, _SUM) for arg in _constants_last(node, args)]), _SUM
    if name == "sub":
        return f"{_wrapped(args[0], _SUM)} - {_wrapped(args[1], _MATRIX_PRODUCT)}", _SUM
    if name in ("prod", "mul"):
        return _product_text(node, args)
    if name == "div":
        return f"{_wrapped(args[0], _PRODUCT)}/{_wrapped(args[1], _SIGN)}", _PRODUCT
    if name == "neg":
        return f"-{_wrapped(args[0], _PRODUCT)}", _SUM
    if name in ("power", "pow"):
        return _power_text(node, args)
    if name == "convert":
        return args[0]
    if name in _COMPARISONS:
        return f"{_wrapped(args[0], _SUM)} {_COMPARISONS[name]} {_wrapped(args[1], _SUM)}", 0
    if name in ("and", "or"):
        return f" {name} ".join(_wrapped(arg, 1) for arg in args), 0
    return f"{name}({', '.join(arg[0] for arg in args)})", _ATOM


def _constants_last(node: Apply, args: Sequence[Text]) -> list[Text]:
    """Terms with the most symbols first, negative ones late, numbers last."""
    weights = [(isinstance(c, Number), t[0].startswith("-"), t[0]) for c, t in zip(node.args, args, strict=True)]
    return [args[k] for k in sorted(range(len(args)), key=lambda k: weights[k])]


def _sum_text(terms: Sequence[str]) -> str:
    text = terms[0]
    for term in terms[1:]:
        text += f" - {term[1:]}" if term.startswith("-") else f" + {term}"
    return text


def _product_text(node: Apply, args: Sequence[Text]) -> Text:
    upper: list[str] = []
    lower: list[str] = []
    sign = ""
    for child, text in sorted(zip(node.args, args, strict=True), key=lambda item: _factor_rank(item[0], item[1])):
        if isinstance(child, Number) and child.value == -1:
            sign = "-"
        elif isinstance(child, Number) and isinstance(child.value, Fraction):
            sign = "-" if child.value < 0 else sign
            upper += [str(abs(child.value.numerator))] if abs(child.value.numerator) != 1 else []
            lower.append(str(child.value.denominator))
        elif isinstance(child, Number) and text[0].startswith("-"):
            sign = "-"
            upper.append(text[0][1:])
        elif is_apply(child, "power") and _is_negative(child.children[1]):
            lower.append(_reciprocal(text[0]))
        else:
            upper.append(_wrapped(text, _PRODUCT))
    text_above = "*".join(upper) or "1"
    below = lower[0] if len(lower) == 1 else "*".join(lower)
    if not lower:
        return sign + text_above, _SUM if sign else _PRODUCT
    return f"{sign}{text_above}/{below if len(lower) == 1 else f'({below})'}", _SUM if sign else _PRODUCT


def _factor_rank(child: Scalar, text: Text) -> tuple[bool, bool, str]:
    return not isinstance(child, Number), text[1] < _PRODUCT, text[0]


def _is_negative(exponent: Scalar) -> bool:
    return isinstance(exponent, Number) and isinstance(exponent.value, int | Fraction) and exponent.value < 0


def _reciprocal(text: str) -> str:
    """The denominator that the text of a negative power shows."""
    return text.removeprefix("1/")


def _power_text(node: Apply, args: Sequence[Text]) -> Text:
    exponent = node.args[1]
    value = exponent.value if isinstance(exponent, Number) else None
    if value == Fraction(1, 2):
        return f"sqrt({args[0][0]})", _ATOM
    if value == Fraction(-1, 2):
        return f"1/sqrt({args[0][0]})", _PRODUCT
    wrapped = _wrapped(args[0], _ATOM)
    if isinstance(value, int | Fraction) and value < 0:
        return f"1/{wrapped}" if value == -1 else f"1/{wrapped}**{_wrapped(_number_words(-value), _ATOM)}", _PRODUCT
    return f"{wrapped}**{_wrapped(args[1], _ATOM)}", _POWER


def _number_words(value: int | Fraction) -> Text:
    return (str(value), _ATOM) if isinstance(value, int) or value.denominator == 1 else (str(value), _PRODUCT)


__all__ = ["free_indices", "operand_words", "scalar_words", "tensor_words"]
