"""gradc: symbolic differentiation and code generation for functions written in plain NumPy.

>>> import numpy as np
>>> import gradc
>>> gradc.grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
array([2., 4.])
"""

from gradc import ops as _ops
from gradc._version import __version__
from gradc.api import (
    curl,
    divergence,
    elementwise_grad,
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
    vjp,
    vmap,
)
from gradc.errors import (
    ArgumentError,
    CompileError,
    DTypeError,
    GradcError,
    NonScalarOutputError,
    ParseError,
    ShapeError,
    TraceError,
)
from gradc.function import Function
from gradc.trace.specs import array, matrix, scalar, vector

__all__ = [
    "ArgumentError",
    "CompileError",
    "DTypeError",
    "Function",
    "GradcError",
    "NonScalarOutputError",
    "ParseError",
    "ShapeError",
    "TraceError",
    "__version__",
    "array",
    "curl",
    "divergence",
    "elementwise_grad",
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
    "scalar",
    "stop_gradient",
    "value_and_grad",
    "vector",
    "vjp",
    "vmap",
]

del _ops
