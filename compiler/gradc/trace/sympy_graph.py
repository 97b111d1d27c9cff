"""A SymPy expression as a graph: one walk over its shared nodes, one comprehension for all of its entries.

No source text is printed and none is run. Equal subexpressions are one node, so common ones are computed once.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from gradc.errors import ParseError
from gradc.ir.algebra import conjunction, convert, disjunction, equal, guarded, negated, negation, product_of, sum_of
from gradc.ir.build import as_tensor
from gradc.ir.scalar import BOOL, EULER_GAMMA, FLOAT64, INT64, PI, DType, E, Scalar, apply, index, load, number
from gradc.ir.tensor import Extent, Shape, Tensor, compute, extent_scalar
from gradc.trace.elementwise import broadcast_indices, broadcast_shapes
from gradc.trace.special_functions import gamma, log_gamma, polygamma
from gradc.trace.tracer import TracedArray, lift, wrap

#: SymPy's class -> the operation, where one argument goes in and one value comes out.
_FUNCTIONS = {
    "exp": "exp", "log": "log", "sin": "sin", "cos": "cos", "tan": "tan", "asin": "arcsin", "acos": "arccos",
    "atan": "arctan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "asinh": "arcsinh", "acosh": "arccosh",
    "atanh": "arctanh", "Abs": "abs", "sign": "sign", "floor": "floor", "ceiling": "ceil", "erf": "erf", "erfc": "erfc",
    "atan2": "arctan2",
    # rewritten for precision by sympy.codegen
    "expm1": "expm1", "log1p": "log1p", "exp2": "exp2", "log2": "log2", "log10": "log10", "Sqrt": "sqrt", "Cbrt": "cbrt",
}  # fmt: skip
_RECIPROCALS = {
    "sec": "cos", "csc": "sin", "cot": "tan", "sech": "cosh", "csch": "sinh", "coth": "tanh",
    "asec": "arccos", "acsc": "arcsin", "acot": "arctan", "asech": "arccosh", "acsch": "arcsinh", "acoth": "arctanh",
}  # fmt: skip
_RELATIONS = {
    "StrictLessThan": "less", "LessThan": "less_equal", "StrictGreaterThan": "greater",
    "GreaterThan": "greater_equal", "Equality": "equal", "Unequality": "not_equal",
}  # fmt: skip
_CONSTANTS = {"Pi": PI, "Exp1": E, "EulerGamma": EULER_GAMMA}

#: Longer sums over an expression of no array are a reduction like all others; a matrix of more entries has no place here.
_LARGEST_MATRIX = 100_000


@dataclass
class Scope:
    """Where an expression is converted: the values of its symbols, and the indices that sums around it run over.

    ``shape`` is that of the numbers among the arguments, broadcast; its axes come first, those of the sums after them.
    """

    values: Mapping[Any, TracedArray]
    arrays: Mapping[Any, TracedArray]
    shape: Shape
    dtype: DType
    indices: tuple[tuple[Any, Scalar, Extent], ...] = ()
    memo: dict[Any, Scalar] = field(default_factory=dict)

    @property
    def extents(self) -> Shape:
        """All axes: of the numbers, then of the sums."""
        return (*self.shape, *[extent for _, _, extent in self.indices])


def sympy_graph(expression: Any, values: Mapping[Any, Any], arrays: Mapping[Any, Any]) -> TracedArray:
    r"""A SymPy expression, matrix or array as a traced array.

    Parameters
    ----------
    expression
        What SymPy calls an expression, a relation, a matrix, or an array of them.
    values
        The numbers (or arrays of numbers, which broadcast) that symbols stand for.
    arrays
        What ``IndexedBase``\\ s and ``MatrixSymbol``\\ s stand for.

    Returns
    -------
    A number for an expression (of the broadcast shape of the values); for a matrix its entries, rows first.

    Raises
    ------
    ParseError
        A symbol has no value, or a function has no counterpart.

    """
    numbers = {symbol: lift(value) for symbol, value in values.items()}
    tensors = {symbol: lift(value) for symbol, value in arrays.items()}
    entries = _entries(expression)
    symbols = _symbols([expression] if entries is None else entries[1])
    used = [value for symbol, value in numbers.items() if symbol in symbols]
    shape = broadcast_shapes(*[x.extents for x in used]) if used else ()
    dtypes = [x.dtype for x in (*numbers.values(), *tensors.values()) if x.dtype.kind in "fc" and not x.weak]
    dtype = np.result_type(*dtypes) if dtypes else FLOAT64
    scope = Scope(numbers, tensors, shape, dtype)
    weak = all(x.weak for x in (*numbers.values(), *tensors.values()))
    if entries is None:
        return wrap(as_tensor(shape, _converted(expression, scope)), weak=weak)
    own, items = entries
    scalars = [as_tensor(shape, _floating(_converted(item, scope), dtype)) for item in items]
    return wrap(_arranged(scalars, own, shape, dtype))


def _symbols(items: Sequence[Any]) -> set[Any]:
    """The symbols below some expressions; every distinct node is visited once."""
    seen: set[Any] = set()
    stack = list(items)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(node.args)
    return {node for node in seen if getattr(node, "is_Symbol", False)}


def _entries(expression: Any) -> tuple[tuple[int, ...], list[Any]] | None:
    """Shape and entries of an explicit matrix or array."""
    if getattr(expression, "is_Matrix", False):
        explicit = (
            expression.as_explicit()
            if not hasattr(expression, "_rep") and hasattr(expression, "as_explicit")
            else expression
        )
        if explicit.rows * explicit.cols > _LARGEST_MATRIX:
            raise ParseError(f"a matrix of {explicit.rows} x {explicit.cols} entries is too large to be written out")
        return (explicit.rows, explicit.cols), list(explicit.flat() if hasattr(explicit, "flat") else explicit)
    if type(expression).__name__.endswith("NDimArray"):
        import itertools

        positions = itertools.product(*[range(extent) for extent in expression.shape])
        return tuple(expression.shape), [expression[position] for position in positions]
    return None


def _arranged(scalars: Sequence[Tensor], own: tuple[int, ...], shape: Shape, dtype: DType) -> Tensor:
    """The entries as one array, the axes of the matrix in front."""
    inner = [index(len(own) + k) for k in range(len(shape))]
    terms = []
    for place, tensor in zip(np.ndindex(*own), scalars, strict=True):
        here = conjunction(*[equal(index(k), position) for k, position in enumerate(place) if own[k] > 1])
        terms.append(guarded(here, load(tensor, inner)))
    return compute((*own, *shape), sum_of(*terms, dtype=dtype) if terms else number(0, dtype))


# ---------------------------------------------------------------- the walk


def _converted(root: Any, scope: Scope) -> Scalar:
    """The scalar of an expression; every distinct node is converted once."""
    memo = scope.memo
    stack = [root]
    while stack:
        node = stack[-1]
        if node in memo:
            stack.pop()
            continue
        handler = _HANDLERS.get(type(node).__name__)
        if handler is None:
            handler = _by_family(node)
        if handler in _WHOLE:
            memo[node] = handler(node, [], scope)
            stack.pop()
            continue
        missing = [argument for argument in node.args if argument not in memo]
        if missing:
            stack.extend(missing)
            continue
        memo[node] = handler(node, [memo[argument] for argument in node.args], scope)
        stack.pop()
    return memo[root]


Handler = Callable[[Any, list[Scalar], Scope], Scalar]


def _by_family(node: Any) -> Handler:
    """The handler of a node whose class is not listed: a subclass of one that is, or a number."""
    for kind in type(node).__mro__:
        if kind.__name__ in _HANDLERS:
            return _HANDLERS[kind.__name__]
    if getattr(node, "is_number", False) and not node.free_symbols:
        return _number
    return _unknown


def _unknown(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    raise ParseError(
        f"SymPy's {type(node).__name__} has no counterpart here; rewrite {node!s:.60} in elementary functions"
    )


def _floating(scalar: Scalar, dtype: DType) -> Scalar:
    return scalar if scalar.dtype.kind in "fc" else convert(scalar, dtype)


def _floats(scalars: Sequence[Scalar], scope: Scope) -> list[Scalar]:
    return [_floating(s, scope.dtype) for s in scalars]


# ---------------------------------------------------------------- leaves


def _integer(node: Any, _: list[Scalar], scope: Scope) -> Scalar:
    value = int(node)
    return number(value if abs(value) < 2**53 else float(value), scope.dtype)


def _rational(node: Any, _: list[Scalar], scope: Scope) -> Scalar:
    return number(Fraction(int(node.p), int(node.q)), scope.dtype)


def _number(node: Any, _: list[Scalar], scope: Scope) -> Scalar:
    name = type(node).__name__
    if name in _CONSTANTS:
        return number(_CONSTANTS[name], scope.dtype)
    if name in ("NaN", "ComplexInfinity"):
        return number(float("nan"), scope.dtype)
    value = complex(node)
    if value.imag:
        if scope.dtype.kind != "c":
            raise ParseError(f"{node} is no real number; pass complex arguments for a complex result")
        return number(value, scope.dtype)
    return number(value.real, scope.dtype)


def _symbol(node: Any, _: list[Scalar], scope: Scope) -> Scalar:
    for symbol, position, _extent in reversed(scope.indices):
        if symbol == node:
            return convert(position, scope.dtype)
    value = scope.values.get(node)
    if value is None:
        known = ", ".join(map(str, (*scope.values, *scope.arrays)))
        raise ParseError(f"{node} is none of the arguments ({known}); list it among args")
    axes = [index(k) for k in range(len(scope.shape))]
    places = broadcast_indices(value.extents, scope.shape, axes)
    entry = load(value.tensor, places)
    return entry if entry.dtype.kind == "b" else _floating(entry, scope.dtype)


def _truth(node: Any, _: list[Scalar], scope: Scope) -> Scalar:
    return number(bool(node))


def _entry(node: Any, _: list[Scalar], scope: Scope) -> Scalar:
    """``x[i, j]`` or ``M[i, j]``: indices are sums of bound indices and integers."""
    is_matrix = type(node).__name__ == "MatrixElement"
    base = node.parent if is_matrix else node.base
    value = scope.arrays.get(base, scope.arrays.get(getattr(base, "label", base)))
    if value is None:
        raise ParseError(f"{base} is none of the arguments; list it among args")
    places = [_place(i, scope) for i in node.indices]
    tensor = value.tensor
    if is_matrix and tensor.rank == 1:
        places = places[:1]
    if len(places) != tensor.rank:
        raise ParseError(f"{node} has {len(places)} indices, but the argument has {tensor.rank} axes")
    return _floating(
        load(tensor, [_counted(p, extent) for p, extent in zip(places, tensor.shape, strict=True)]), scope.dtype
    )


def _counted(place: Scalar, extent: Extent) -> Scalar:
    """A literal negative index counts from the end."""
    value = getattr(place, "value", 0)
    return sum_of(place, extent_scalar(extent)) if isinstance(value, int) and value < 0 else place


def _place(expression: Any, scope: Scope) -> Scalar:
    """An index expression as an integer scalar."""
    if expression.is_Integer:
        return number(int(expression))
    bound = {symbol: position for symbol, position, _ in scope.indices}
    if expression in bound:
        return bound[expression]
    if expression.is_Add:
        return sum_of(*[_place(term, scope) for term in expression.args], dtype=INT64)
    if expression.is_Mul:
        return product_of(*[_place(factor, scope) for factor in expression.args])
    extent = _named_extent(expression, scope)
    if extent is not None:
        return extent
    value = scope.values.get(expression)
    if value is not None and not value.extents:
        entry = load(value.tensor, ())
        return entry if entry.dtype.kind in "iu" else number(operator.index(value))
    raise ParseError(f"{expression} is no index: sums of integers and of indices that a sum runs over are")


def _named_extent(symbol: Any, scope: Scope) -> Scalar | None:
    """The extent that a symbol names in the shape of an argument: ``IndexedBase("x", shape=(n,))``."""
    for base, value in scope.arrays.items():
        for axis, extent in enumerate(getattr(base, "shape", None) or ()):
            if extent == symbol and axis < value.tensor.rank:
                return extent_scalar(value.tensor.shape[axis])
    return None


# ---------------------------------------------------------------- sums and products over an index


def _reduction(node: Any, _: list[Scalar], scope: Scope) -> Scalar:
    """``Sum`` or ``Product``, the innermost index first."""
    reducer = "sum" if type(node).__name__ == "Sum" else "prod"
    inner = scope
    for limit in reversed(node.limits):  # the first limit is the innermost
        if len(limit) != 3:
            raise ParseError(f"{node} has no limits for {limit[0]}")
        low, count = _range(node, limit, inner)
        position = len(inner.extents)
        bound = sum_of(index(position), low)
        inner = Scope(inner.values, inner.arrays, inner.shape, inner.dtype, (*inner.indices, (limit[0], bound, count)))
    body = _floating(_converted(node.function, inner), scope.dtype)
    outer = scope.extents
    tensor = compute(outer, body, reduce_extents=inner.extents[len(outer) :], reducer=reducer)
    return load(tensor, [index(k) for k in range(len(outer))])


def _range(node: Any, limit: Any, scope: Scope) -> tuple[Scalar, Extent]:
    """The first value of an index, and how many it takes."""
    from gradc.ir.tensor import extent

    symbol, low, high = limit
    first = _bound(node, symbol, low, scope)
    last = _bound(node, symbol, high, scope)
    if first.free or last.free:
        raise ParseError(
            f"the limits of {symbol} depend on another index; write the condition as a Piecewise inside the sum"
        )
    count = extent(sum_of(last, 1, -1 * first.value if hasattr(first, "value") else _negative(first)))
    return first, max(count, 0) if isinstance(count, int) else count


def _negative(scalar: Scalar) -> Scalar:
    return negated(scalar)


def _bound(node: Any, symbol: Any, limit: Any, scope: Scope) -> Scalar:
    if limit.is_Integer:
        return number(int(limit))
    parts = limit.args if limit.is_Add else (limit,)
    terms: list[Scalar] = []
    for part in parts:
        if part.is_Integer:
            terms.append(number(int(part)))
            continue
        coefficient, rest = part.as_coeff_Mul()
        known = _named_extent(rest, scope)
        if known is None and rest in scope.values:
            known = number(operator.index(scope.values[rest]))
        if known is None and coefficient == 1:
            known = _extent_behind(node, symbol, rest, scope)
        if known is None:
            raise ParseError(f"the limit {limit} of {symbol} is not known: {rest} is no argument and no extent of one")
        terms.append(product_of(int(coefficient), known))
    return sum_of(*terms, dtype=INT64)


def _extent_behind(node: Any, symbol: Any, name: Any, scope: Scope) -> Scalar | None:
    """What n is in ``Sum(x[i], (i, 0, n - 1))``: the extent of the axis that i runs over."""
    import sympy

    for entry in sorted(node.function.atoms(sympy.Indexed), key=str):
        for axis, position in enumerate(entry.indices):
            value = scope.arrays.get(entry.base, scope.arrays.get(entry.base.label))
            if position == symbol and value is not None:
                return extent_scalar(value.tensor.shape[axis])
    return None


# ---------------------------------------------------------------- operations


def _add(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    """A sum from the left; what has a negative coefficient is subtracted."""
    plus: list[Scalar] = []
    minus: list[Scalar] = []
    for argument, value in zip(node.args, _floats(arguments, scope), strict=True):
        opposite = _opposite(value)
        if opposite is not None and argument.is_Mul:
            minus.append(opposite)
        else:
            plus.append(value)
    if not plus:
        plus.append(apply("neg", minus.pop(0)))
    result = plus[0]
    for value in plus[1:]:
        result = apply("add", result, value)
    for value in minus:
        result = apply("sub", result, value)
    return result


def _opposite(scalar: Scalar) -> Scalar | None:
    """x where the scalar was written -x."""
    op = getattr(scalar, "op", None)
    return scalar.children[0] if op is not None and op.name == "neg" else None


def _mul(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    """A product from the left, over the product of what stands below; a sign stands in front."""
    upper: list[Scalar] = []
    lower: list[Scalar] = []
    negative = False
    for argument, value in zip(node.args, arguments, strict=True):
        if argument.is_Rational:
            p, q = int(argument.p), int(argument.q)
            negative ^= p < 0
            if abs(p) != 1:
                upper.append(number(abs(p), scope.dtype))
            if q != 1:
                lower.append(number(q, scope.dtype))
        elif argument.is_Pow and argument.exp.is_Rational and argument.exp.is_negative:
            lower.append(_power_of(_floating(scope.memo[argument.base], scope.dtype), -argument.exp, scope))
        else:
            upper.append(_floating(value, scope.dtype))
    product = _folded("mul", upper) if upper else number(1, scope.dtype)
    if lower:
        product = apply("div", product, _folded("mul", lower))
    return apply("neg", product) if negative else product


def _folded(name: str, values: Sequence[Scalar]) -> Scalar:
    result = values[0]
    for value in values[1:]:
        result = apply(name, result, value)
    return result


def _pow(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    base, exponent = _floats(arguments, scope)
    if type(node.base).__name__ == "Exp1":
        return apply("exp", exponent)
    if node.exp.is_Rational:
        if node.exp.is_negative:
            return apply("div", number(1, scope.dtype), _power_of(base, -node.exp, scope))
        return _power_of(base, node.exp, scope)
    return apply("pow", base, exponent)


def _power_of(base: Scalar, exponent: Any, scope: Scope) -> Scalar:
    """A power with a positive rational exponent."""
    p, q = int(exponent.p), int(exponent.q)
    if p == q:
        return base
    if q == 2:
        root = apply("sqrt", base)
        whole, rest = divmod(p, 2)
        if whole == 0:
            return root
        if whole <= 3 and rest:
            return apply("mul", _power_of(base, type(exponent)(whole), scope) if whole > 1 else base, root)
    if q == 1 and p <= 64:
        return apply("power", base, number(p, scope.dtype))
    return apply("pow", base, number(Fraction(p, q), scope.dtype))


def _function(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    name = type(node).__name__
    if name == "log" and len(arguments) == 2:
        top, base = (apply("log", a) for a in _floats(arguments, scope))
        return apply("div", top, base)
    return apply(_FUNCTIONS[name], *_floats(arguments, scope))


def _reciprocal(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    name = type(node).__name__
    argument, one = _floating(arguments[0], scope.dtype), number(1, scope.dtype)
    if name.startswith("a"):
        return apply(_RECIPROCALS[name], apply("div", one, argument))
    return apply("div", one, apply(_RECIPROCALS[name], argument))


def _extremum(name: str) -> Handler:
    return lambda node, arguments, scope: _folded(name, _floats(arguments, scope))


def _relation(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    return apply(_RELATIONS[type(node).__name__], *_floats(arguments, scope))


def _condition(scalar: Scalar) -> Scalar:
    return scalar if scalar.dtype == BOOL else apply("not_equal", scalar, number(0, scalar.dtype))


def _connective(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    name, parts = type(node).__name__, [_condition(a) for a in arguments]
    if name == "And":
        return conjunction(*parts)
    if name == "Or":
        return disjunction(*parts)
    if name == "Not":
        return negation(parts[0])
    if name == "Xor":
        return _folded("not_equal", parts)
    if name == "Implies":
        return disjunction(negation(parts[0]), parts[1])
    return apply("equal", *parts)


def _piecewise(node: Any, _: list[Scalar], scope: Scope) -> Scalar:
    """The first branch whose condition holds; NaN where none does. What is not chosen doesn't count in derivatives."""
    result: Scalar = number(float("nan"), scope.dtype)
    for value, condition in reversed([(branch.args[0], branch.args[1]) for branch in node.args]):
        entry = _converted(value, scope)
        if condition == True:  # noqa: E712
            result = _floating(entry, scope.dtype) if entry.dtype != BOOL else entry
            continue
        test = _condition(_converted(condition, scope))
        entry = entry if entry.dtype == result.dtype else _floating(entry, scope.dtype)
        result = apply("where", test, entry, result)
    return result


def _ite(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    return apply("where", _condition(arguments[0]), *arguments[1:])


def _heaviside(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    x, *rest = _floats(arguments, scope)
    half = rest[0] if rest else number(0.5, scope.dtype)
    zero, one = number(0, scope.dtype), number(1, scope.dtype)
    return apply("where", apply("less", x, zero), zero, apply("where", apply("greater", x, zero), one, half))


def _delta(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    return convert(apply("equal", *_floats(arguments[:2], scope)), scope.dtype)


def _sinc(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    x = _floating(arguments[0], scope.dtype)
    zero, one = number(0, scope.dtype), number(1, scope.dtype)
    at_zero = apply("equal", x, zero)
    safe = apply("where", at_zero, one, x)
    return apply("where", at_zero, one, apply("div", apply("sin", safe), safe))


def _modulo(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    return apply("mod", *_floats(arguments, scope))


def _fraction(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    x = _floating(arguments[0], scope.dtype)
    return apply("sub", x, apply("floor", x))


def _gamma(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    name, args = type(node).__name__, _floats(arguments, scope)
    if name == "gamma":
        return gamma(args[0])
    if name == "loggamma":
        return log_gamma(args[0])
    if name == "factorial":
        return gamma(apply("add", args[0], number(1, scope.dtype)))
    if name == "beta":
        total = log_gamma(apply("add", *args))
        return apply("exp", apply("sub", apply("add", *[log_gamma(a) for a in args]), total))
    if name == "digamma":
        return polygamma(0, args[0])
    order = node.args[0]
    if not order.is_Integer or order < 0:
        raise ParseError(f"{node}: the order of a polygamma function is a fixed integer here")
    return polygamma(int(order), args[1])


def _error_function(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    """``erf(a, b)`` and ``erfi`` by what they are made of."""
    a, b = _floats(arguments, scope)
    return apply("sub", apply("erf", b), apply("erf", a))


def _same(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    return _floating(arguments[0], scope.dtype)


def _determinant_or_trace(node: Any, _: list[Scalar], scope: Scope) -> Scalar:
    return _converted(node.doit(), scope) if node.doit() != node else _unknown(node, [], scope)


_HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(_FUNCTIONS, _function),
    **dict.fromkeys(_RECIPROCALS, _reciprocal),
    **dict.fromkeys(_RELATIONS, _relation),
    **dict.fromkeys(("Integer", "Zero", "One", "NegativeOne"), _integer),
    **dict.fromkeys(("Float", "Pi", "Exp1", "EulerGamma", "Infinity", "NegativeInfinity", "NaN", "ImaginaryUnit"), _number),
    **dict.fromkeys(("BooleanTrue", "BooleanFalse"), _truth),
    **dict.fromkeys(("And", "Or", "Not", "Xor", "Implies", "Equivalent"), _connective),
    **dict.fromkeys(("gamma", "loggamma", "digamma", "polygamma", "factorial", "beta"), _gamma),
    **dict.fromkeys(("Sum", "Product"), _reduction),
    **dict.fromkeys(("Indexed", "MatrixElement"), _entry),
    **dict.fromkeys(("Symbol", "Dummy"), _symbol),
    **dict.fromkeys(("Determinant", "Trace", "Derivative", "Integral"), _determinant_or_trace),
    "Rational": _rational,
    "Half": _rational,
    "Add": _add,
    "Mul": _mul,
    "Pow": _pow,
    "Piecewise": _piecewise,
    "ITE": _ite,
    "Max": _extremum("maximum"),
    "Min": _extremum("minimum"),
    "Heaviside": _heaviside,
    "KroneckerDelta": _delta,
    "sinc": _sinc,
    "Mod": _modulo,
    "frac": _fraction,
    "erf2": _error_function,
    "UnevaluatedExpr": _same,
    "re": _same,
    "conjugate": _same,
}  # fmt: skip

#: Handlers that walk what lies below by themselves (or have nothing below).
_WHOLE = frozenset(
    (_integer, _rational, _number, _symbol, _truth, _entry, _reduction, _piecewise, _determinant_or_trace, _unknown)
)
