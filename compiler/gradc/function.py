"""`Function`: a user's function under a transform, traced and compiled once per signature."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from gradc.ir.tensor import Tensor
from gradc.trace.records import Traced


@dataclass(frozen=True)
class Outcome:
    """What a transform gives: tensors over the traced graph's inputs, and the structure (a treedef) they fill."""

    outputs: tuple[Tensor, ...]
    tree: Any


#: Traces the user's function: ``call(args, kwargs)``. Leaves are `TracedArray`s as `Transform.run` got them, or `Spec`s (then the
#: leaf is a fresh input of that shape, to be replaced by `gradc.ir.rewrite.replace_tensors`).
TraceCall = Callable[[tuple[Any, ...], dict[str, Any]], Traced]


@dataclass(frozen=True)
class Transform:
    """What is done to a traced function. `Transform()` itself does nothing: it is `jit`.

    A subclass is a frozen dataclass whose fields are the transform's options; they (with the class) are the key under which
    compiled kernels are shared. Most override `apply` only. One whose arguments are not those of the function
    (``vmap``, ``hvp``) overrides `run`, and `parameters` if it adds arguments.
    """

    @property
    def name(self) -> str:
        """The name that users see."""
        return type(self).__name__.lower() if type(self) is not Transform else "jit"

    @property
    def key(self) -> Hashable:
        """What tells this transform from others."""
        return (type(self), self)

    def differentiated(self) -> tuple[int, ...]:
        """Positions of the arguments that are differentiated: there a Python int counts as a float."""
        return ()

    def parameters(self, names: list[str]) -> list[str]:
        """Names of the positional parameters of the transformed function, from those of the function itself."""
        return names

    def run(self, call: TraceCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
        """Trace and transform. ``args`` and ``kwargs`` hold `TracedArray`s whose tensors are Inputs."""
        return self.apply(call(args, kwargs))

    def apply(self, traced: Traced) -> Outcome:
        """The transformed outputs, over the inputs of ``traced.graph``."""
        return Outcome(traced.graph.outputs, traced.out_tree)
