"""gradc: symbolic differentiation and code generation for functions written in plain NumPy.

>>> import numpy as np
>>> import gradc
>>> gradc.grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
array([2., 4.])
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

# The room `gradc.verify` is imported first: later, its import would put the package in the place of the function.
from gradc import ops as _ops
from gradc import verify as _verify
from gradc._version import __version__
from gradc.api import (
    check_grads,
    curl,
    divergence,
    elementwise_grad,
    equal,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jit,
    jvp,
    laplacian,
    linearize,
    stop_gradient,
    value_and_grad,
    verify,
    vjp,
    vmap,
)
from gradc.config import get_num_threads, set_num_threads
from gradc.control import checkpoint, cond, custom_derivative, fori_loop, scan, while_loop
from gradc.errors import (
    ArgumentError,
    CompileError,
    DTypeError,
    GradcError,
    NonScalarOutputError,
    ParseError,
    SettingError,
    ShapeError,
    TraceError,
)
from gradc.function import Function
from gradc.trace.specs import array, matrix, scalar, vector

if _TYPE_CHECKING:
    from gradc.diagnosis import explain_nan
    from gradc.implicit import root
    from gradc.plotting import plot
    from gradc.symbolic import from_sympy

__all__ = [
    "ArgumentError",
    "CompileError",
    "DTypeError",
    "Function",
    "GradcError",
    "NonScalarOutputError",
    "ParseError",
    "SettingError",
    "ShapeError",
    "TraceError",
    "__version__",
    "array",
    "check_grads",
    "checkpoint",
    "cond",
    "curl",
    "custom_derivative",
    "divergence",
    "elementwise_grad",
    "equal",
    "explain_nan",
    "fori_loop",
    "from_sympy",
    "get_num_threads",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "laplacian",
    "linearize",
    "matrix",
    "plot",
    "root",
    "scalar",
    "scan",
    "set_num_threads",
    "stop_gradient",
    "value_and_grad",
    "vector",
    "verify",
    "vjp",
    "vmap",
    "while_loop",
]

del _ops, _verify

#: Names whose modules are imported at their first use.
_LATER = {
    "explain_nan": "gradc.diagnosis",
    "from_sympy": "gradc.symbolic",
    "plot": "gradc.plotting",
    "root": "gradc.implicit",
}


def __getattr__(name: str) -> _Any:
    if name not in _LATER:
        raise AttributeError(f"module 'gradc' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_LATER[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
