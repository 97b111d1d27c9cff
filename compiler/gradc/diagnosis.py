"""`explain_nan`: where a NaN or an infinity comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.errors import ArgumentError
from gradc.function import Function, Transform
from gradc.ir.tensor import Input

if TYPE_CHECKING:
    from gradc.verify.nonfinite import Explanation


def explain_nan(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Explanation:
    """The first operation that gives NaN or infinity at these arguments: in the value of ``f``, else in its derivative.

    An operation without any result there, an inverse of a singular matrix or an index out of range, is named as well.

    Parameters
    ----------
    f
        A function in plain NumPy, or a `Function`: for ``grad(f)`` and the like the function behind it is looked at.
    args, kwargs
        Its arguments: values, not specs. The derivative is that in all floating arguments; of an array result, that of
        the sum of its entries.

    Returns
    -------
    An `Explanation`: false where all is finite. ``print`` tells the operation with its operands, the entry, the user's
    line and what to write instead.

    >>> import numpy as np
    >>> import gradc
    >>> found = gradc.explain_nan(lambda x: np.sum(np.sqrt(x)), np.array([1.0, 0.0]))
    >>> found.where, found.operation, found.operands, found.entry
    ('derivative', 'sqrt', (0.0,), (1,))
    >>> bool(gradc.explain_nan(lambda x: np.sum(np.sqrt(x)), np.array([1.0, 2.0])))
    False

    """
    from gradc.verify.nonfinite import explain

    function = f if isinstance(f, Function) else Function(f, Transform())
    record, values, _ = function.prepared(args, kwargs)
    if len(record.traced) != 1:
        raise ArgumentError(
            f"{function!r} calls its function {len(record.traced)} times; give explain_nan the function itself"
        )
    (traced,) = record.traced
    known: dict[Input, np.ndarray] = dict(zip(record.graph.inputs, values, strict=True))
    for capture in traced.captures:
        if capture.input not in known:
            known[capture.input] = np.asarray(capture.read(function.function), capture.input.dtype)
    return explain(traced.graph, known, [argument.input for argument in traced.arguments], traced.lines)
