"""The public functions: each takes a function written in plain NumPy and returns a `Function`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.errors import ArgumentError
from gradc.function import Function, Transform
from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.containers import flatten, unflatten
from gradc.trace.elements.elementwise import elementwise
from gradc.transforms import (
    Argnums,
    ElementwiseGrad,
    Grad,
    Hessian,
    Hvp,
    Jacobian,
    Jvp,
    VectorField,
    Vjp,
    Vmap,
)

if TYPE_CHECKING:
    from gradc.ir.tensor import Graph
    from gradc.verify.verdict import Verdict

UserFunction = Callable[..., Any]


def _argnums(argnums: int | Sequence[int]) -> Argnums:
    """argnums as a hashable option: an int, or a tuple of distinct ints."""
    if isinstance(argnums, int | np.integer) and not isinstance(argnums, bool):
        return int(argnums)
    if isinstance(argnums, tuple | list) and all(isinstance(a, int) for a in argnums):
        if not argnums or len(set(argnums)) != len(argnums):
            raise ArgumentError(f"argnums={tuple(argnums)} must name at least one argument, each once")
        return tuple(argnums)
    raise ArgumentError(f"argnums is an int or a tuple of ints, not {argnums!r}")


def jit(
    f: UserFunction, static_argnums: int | Sequence[int] = (), static_argnames: str | Sequence[str] = ()
) -> Function:
    """``f`` compiled.

    An argument that is used as a Python int (``range(k)``, a shape, an axis) is static by itself; ``static_argnums`` (by name:
    ``static_argnames``) says outright which arguments are handed to ``f`` as they are, with code of its own for each value.

    An array that ``f`` writes to (an argument, or one that it reaches by itself) has its new content afterwards, as under
    NumPy. Derivatives are those of ``f`` as mathematics: they leave the caller's arrays as they are.

    >>> import numpy as np
    >>> import gradc
    >>> f = gradc.jit(lambda x: np.sum(x**2))
    >>> print(f(np.arange(4.0)))
    14.0
    """
    return Function(f, Transform(), static_argnums, static_argnames)


def grad(
    f: UserFunction,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    holomorphic: bool = False,
) -> Function:
    """The gradient of a scalar-valued function.

    By a complex z = x + i y the gradient of a real f is ``df/dx - i df/dy`` (to descend, step along its conjugate). A complex
    output has a gradient only where f is holomorphic: with ``holomorphic=True`` it is ``df/dz``.

    Parameters
    ----------
    f
        A function written in plain NumPy that returns one real scalar (with ``has_aux``, a pair of that and anything).
    argnums
        Which positional arguments to differentiate: an int (negative counts from the end), or a tuple, which gives a
        tuple of gradients.
    has_aux
        Whether ``f`` returns ``(value, auxiliary)``; the result is then ``(gradient, auxiliary)``.
    static_argnums, static_argnames
        Arguments that are handed to ``f`` as they are, as for `jit`.
    holomorphic
        Whether ``f`` is a holomorphic function of complex arguments, with a complex result. It is not checked.

    Returns
    -------
    A `Function` of the same arguments; the gradient has the structure, shape and dtype of the argument.

    Raises
    ------
    NonScalarOutputError
        Where the output is not one scalar.
    DTypeError
        Where the argument holds integers, or the output is not real.

    >>> import numpy as np
    >>> import gradc
    >>> gradc.grad(lambda x: 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1)(2.0)
    93.0
    >>> gradc.grad(lambda x: 2 * np.dot(x, x))(np.arange(4.0))
    array([ 0.,  4.,  8., 12.])
    >>> gradc.grad(lambda z: np.abs(z) ** 2)(3 + 4j)
    (6-8j)

    """
    transform = Grad(_argnums(argnums), bool(has_aux), holomorphic=bool(holomorphic))
    return Function(f, transform, static_argnums, static_argnames)


def value_and_grad(
    f: UserFunction,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    holomorphic: bool = False,
) -> Function:
    """``(value, gradient)`` of a scalar-valued function, from one kernel.

    The arguments are those of `grad`. With ``has_aux`` the result is ``((value, auxiliary), gradient)``.

    >>> import gradc
    >>> gradc.value_and_grad(lambda w: (3 * w - 2) ** 2)(1.0)
    (1.0, 6.0)
    """
    transform = Grad(_argnums(argnums), bool(has_aux), with_value=True, holomorphic=bool(holomorphic))
    return Function(f, transform, static_argnums, static_argnames)


def elementwise_grad(f: UserFunction, argnums: int | Sequence[int] = 0) -> Function:
    """The derivative of an elementwise function, entry by entry: the gradient of the sum of its output.

    >>> import numpy as np
    >>> import gradc
    >>> gradc.elementwise_grad(np.square)(np.array([1.0, 2.0, 3.0]))
    array([2., 4., 6.])
    """
    return Function(f, ElementwiseGrad(_argnums(argnums)))


def jacfwd(f: UserFunction, argnums: int | Sequence[int] = 0, holomorphic: bool = False) -> Function:
    """The Jacobian by forward mode, of shape ``output.shape + input.shape``; the argument is real, or see `jacobian`.

    >>> import numpy as np
    >>> import gradc
    >>> gradc.jacfwd(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return Function(f, Jacobian(_argnums(argnums), "forward", bool(holomorphic)))


def jacrev(f: UserFunction, argnums: int | Sequence[int] = 0, holomorphic: bool = False) -> Function:
    """The Jacobian by reverse mode, of shape ``output.shape + input.shape``; the output is real, or see `jacobian`.

    >>> import numpy as np
    >>> import gradc
    >>> gradc.jacrev(lambda x: np.array([x[0] * x[1], x[0]]))(np.array([2.0, 3.0]))
    array([[3., 2.],
           [1., 0.]])
    """
    return Function(f, Jacobian(_argnums(argnums), "reverse", bool(holomorphic)))


def jacobian(
    f: UserFunction, argnums: int | Sequence[int] = 0, sparse: bool = False, holomorphic: bool = False
) -> Function:
    """The Jacobian, of shape ``output.shape + input.shape``, by the mode that has fewer directions.

    Complex outputs of real arguments have complex entries; those of real outputs by a complex z = x + i y are
    ``df/dx - i df/dy``. Where both are complex, ``holomorphic=True`` says that ``df/dz`` exists and is meant.

    An output (argument) that is a container gives a container of Jacobians. With ``sparse=True`` the result is a
    `scipy.sparse` CSR array with a row per output entry and a column per input entry; its pattern comes from the formula.

    >>> import numpy as np
    >>> import gradc
    >>> gradc.jacobian(np.cumsum)(np.ones(3))
    array([[1., 0., 0.],
           [1., 1., 0.],
           [1., 1., 1.]])
    """
    if sparse:
        from gradc.sparse import SparseFunction

        return SparseFunction(f, _argnums(argnums), second_order=False, holomorphic=bool(holomorphic))
    return Function(f, Jacobian(_argnums(argnums), holomorphic=bool(holomorphic)))


def hessian(
    f: UserFunction, argnums: int | Sequence[int] = 0, sparse: bool = False, holomorphic: bool = False
) -> Function:
    """The second derivatives of a scalar-valued function, of shape ``input.shape + input.shape``.

    The arguments are real; or complex with ``holomorphic=True``, see `grad`.

    With ``sparse=True`` the result is a `scipy.sparse` CSR array with a row and a column per input entry.

    >>> import numpy as np
    >>> import gradc
    >>> gradc.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    if sparse:
        from gradc.sparse import SparseFunction

        return SparseFunction(f, _argnums(argnums), second_order=True, holomorphic=bool(holomorphic))
    return Function(f, Hessian(_argnums(argnums), holomorphic=bool(holomorphic)))


def hvp(f: UserFunction, argnums: int | Sequence[int] = 0) -> Function:
    """The Hessian of a scalar-valued function times a vector, ``hvp(f)(x, v)``, without forming the Hessian.

    The vector comes after the arguments of ``f`` and has the structure of the differentiated argument.

    >>> import numpy as np
    >>> import gradc
    >>> gradc.hvp(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """
    return Function(f, Hvp(_argnums(argnums)))


def jvp(f: UserFunction, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """``(value, tangent)``: the function at ``primals`` and its derivative along ``tangents`` (forward mode).

    The derivative along a complex tangent is that along its real and imaginary part together, holomorphic or not.

    >>> import numpy as np
    >>> import gradc
    >>> gradc.jvp(lambda x: x**2, (3.0,), (1.0,))
    (9.0, 6.0)
    """
    primals, tangents = _sequence(primals, "primals"), _sequence(tangents, "tangents")
    if len(primals) != len(tangents):
        raise ArgumentError(f"jvp needs one tangent per primal: {len(primals)} primals, {len(tangents)} tangents")
    value, tangent = Function(f, Jvp(len(primals)))(*primals, *tangents)
    return value, tangent


def vjp(f: UserFunction, *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """``(value, pullback)``; ``pullback(cotangent)`` gives a tuple of cotangents, one per primal (reverse mode).

    A cotangent c of w stands for ``sum Re(c dw)``: nothing is conjugated, and that of z = x + i y has the derivative by x as
    its real part and minus that by y as its imaginary part. Of a holomorphic function it is ``c df/dz``.

    >>> import numpy as np
    >>> import gradc
    >>> value, pullback = gradc.vjp(lambda x, y: x * y, 2.0, 5.0)
    >>> value, pullback(1.0)
    (10.0, (5.0, 2.0))
    """
    transposed = Function(f, Vjp(len(primals)))

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        """The cotangents of the primals for a cotangent of the output."""
        return transposed(*primals, cotangent)  # type: ignore[no-any-return]

    return jit(f)(*primals), pullback


def linearize(f: UserFunction, *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """``(value, pushforward)``; ``pushforward(*tangents)`` is the tangent map at the point, reusable.

    >>> import numpy as np
    >>> import gradc
    >>> value, pushforward = gradc.linearize(np.sin, 0.0)
    >>> value, pushforward(2.0)
    (0.0, 2.0)
    """
    tangent_map = Function(f, Jvp(len(primals), with_value=False))

    def pushforward(*tangents: Any) -> Any:
        """The tangent of the output for tangents of the primals."""
        if len(tangents) != len(primals):
            raise ArgumentError(f"the pushforward takes {len(primals)} tangent(s), one per primal, not {len(tangents)}")
        return tangent_map(*primals, *tangents)

    return jit(f)(*primals), pushforward


def vmap(f: UserFunction, in_axes: int | Sequence[int | None] = 0, out_axes: int = 0) -> Function:
    """``f`` over a batch axis, in one kernel.

    Loops of many examples run for a few of them at a time, from the first step to the last, adjoint included: their states
    stay in vector registers, and threads share the examples. That holds for 16 and more, whose steps are a few operations.

    Parameters
    ----------
    in_axes
        The axis of each argument that is mapped over: one int for all, or a sequence with an int, or None for an
        argument that every example shares, per argument.
    out_axes
        Where the batch axis is in the outputs.

    >>> import numpy as np
    >>> import gradc
    >>> gradc.vmap(np.dot)(np.ones((2, 3)), np.arange(6.0).reshape(2, 3))
    array([ 3., 12.])

    """
    axes = in_axes if isinstance(in_axes, int) else tuple(in_axes)
    return Function(f, Vmap(axes, int(out_axes)))


def divergence(f: UserFunction) -> Function:
    """The divergence of a vector field: ``f`` takes a point p = (x, y, z) and returns a vector (or a list of scalars).

    >>> import numpy as np
    >>> import gradc
    >>> print(gradc.divergence(lambda p: p**2)(np.array([1.0, 2.0, 3.0])))
    12.0
    """
    return Function(f, VectorField(0, "divergence"))


def curl(f: UserFunction) -> Function:
    """The curl of a vector field over three coordinates.

    >>> import numpy as np
    >>> import gradc
    >>> gradc.curl(lambda p: np.array([-p[1], p[0], 0.0]))(np.array([1.0, 2.0, 3.0]))
    array([0., 0., 2.])
    """
    return Function(f, VectorField(0, "curl"))


def laplacian(f: UserFunction) -> Function:
    """The Laplacian of a scalar field: the sum of its second derivatives along the coordinates.

    >>> import numpy as np
    >>> import gradc
    >>> print(gradc.laplacian(lambda p: np.sum(p**2))(np.array([1.0, 2.0, 3.0])))
    6.0
    """
    return Function(f, VectorField(0, "laplacian"))


def stop_gradient(x: Any) -> Any:
    """``x`` itself, but no derivative passes through it. Containers give containers; outside a trace it does nothing.

    >>> import gradc
    >>> gradc.grad(lambda x: x * gradc.stop_gradient(x))(3.0)
    3.0
    """
    leaves, tree = flatten(x)
    held = [
        elementwise("stop_gradient", [leaf], [leaf.dtype], weak=leaf.weak) if isinstance(leaf, TracedArray) else leaf
        for leaf in leaves
    ]
    return unflatten(tree, held)


def verify(
    f: UserFunction | str,
    hand: Any,
    *args: Any,
    argnums: int | Sequence[int] | None = None,
    at: Any = None,
    order: int = 1,
    symmetric: str | Sequence[str] = (),
    positive: str | Sequence[str] = (),
    seconds: float = 5.0,
) -> Verdict:
    """Check a derivative that was derived by hand: proved, agrees, or refuted with a counterexample and a hint.

    Parameters
    ----------
    f
        The function, or a formula as text.
    hand
        The claimed derivative in ``argnums``: a Python function of the same arguments, a formula as text (``"4*x"``,
        ``^`` or ``**`` for powers, or LaTeX), a SymPy expression or matrix, a `Formula`, a `Function`, or a number or
        array at the point that ``args`` give. With several ``argnums``, a tuple, or a dict by the arguments' names.
    args
        Example values or specs, which give the shapes; none means scalars.
    argnums
        The argument that is differentiated (by default the first), or several.
    at
        The same as ``args`` by keyword: a value, a tuple, or a dict by name.
    order
        2 for Hessians and second derivatives.
    symmetric, positive
        Names of arguments that are symmetric matrices, or above 0.
    seconds
        How long a proof may be looked for.

    >>> import gradc
    >>> verdict = gradc.verify(lambda w, x, y: (w * x - y) ** 2, "2*(w*x - y)")
    >>> verdict.status, verdict.hint
    ('refuted', 'the factor x is missing (the inner derivative: chain rule)')

    """
    from gradc.verify.check import verify as check

    return check(
        f,
        hand,
        *args,
        argnums=argnums,
        at=at,
        order=order,
        symmetric=symmetric,
        positive=positive,
        seconds=seconds,
        show=_shown,
    )


def equal(
    f: UserFunction | str,
    g: Any,
    *args: Any,
    at: Any = None,
    symmetric: str | Sequence[str] = (),
    positive: str | Sequence[str] = (),
    seconds: float = 5.0,
) -> Verdict:
    """Whether ``g`` is the same function as ``f`` wherever ``f`` is defined: proved, agrees or refuted.

    ``f`` and ``g`` are functions, formulas as text, SymPy expressions or `Formula` objects (``g``); the other parameters
    are those of `verify`.

    >>> import gradc
    >>> gradc.equal("cosh(x)^2 - sinh(x)^2", "1").status
    'proved'
    >>> bool(gradc.equal("sqrt(x^2)", "x"))
    False
    """
    from gradc.verify.check import equal as check

    return check(f, g, *args, at=at, symmetric=symmetric, positive=positive, seconds=seconds, show=_shown)


def _shown(graph: Graph) -> tuple[str, str]:
    """The formula of a graph for a verdict: plain text and LaTeX."""
    from gradc.present import formula_of

    parts = list(formula_of(graph))
    latex = [part.latex() for part in parts]
    return ", ".join(str(part) for part in parts), latex[0] if len(latex) == 1 else rf"\left({', '.join(latex)}\right)"


def check_grads(
    f: UserFunction,
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("forward", "reverse"),
    *,
    rtol: float | None = None,
) -> None:
    """Raise an `AssertionError` where the derivatives of ``f`` at ``args`` and numerical differentiation differ.

    Derivatives up to ``order`` are compiled and compared, along random directions, with the complex step and with
    extrapolated differences of ``f`` itself; ``rtol`` is the relative difference that passes.

    >>> import numpy as np
    >>> import gradc
    >>> gradc.check_grads(lambda x: np.sum(np.sin(x) ** 2), (np.arange(3.0),))
    """
    from gradc.lower import compile_graph
    from gradc.verify.numeric import check_grads as check

    def run(graph: Graph, values: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        prepared = [np.require(v, t.dtype, "C") for v, t in zip(values, graph.inputs, strict=True)]
        return compile_graph(graph)(prepared)

    check(f, args, order, modes, rtol=rtol, run=run)


def _sequence(values: Sequence[Any], what: str) -> tuple[Any, ...]:
    if not isinstance(values, tuple | list):
        raise ArgumentError(f"{what} is a tuple with one entry per argument, not {type(values).__name__}")
    return tuple(values)
