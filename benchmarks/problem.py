"""A function in plain NumPy and the derivative wanted of it: what each system needs to take part, written once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.measure import Builder, Call, leaves
from benchmarks.namespaces import numpy_of, rebound
from benchmarks.systems import load


@dataclass(frozen=True)
class Problem:
    """The derivative ``transform`` of a function in its first argument (an array, or a tuple of arrays)."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    #: ``jit`` (no derivative), ``grad``, ``value_and_grad``, ``jacobian``, ``hessian``, or ``hvp``, where the last argument
    #: is the direction
    transform: str = "grad"
    #: whether the first axis of every argument is a batch
    batched: bool = False
    #: axes of the arguments if only some have a batch axis
    in_axes: Any = 0

    def peers(self) -> dict[str, Builder]:
        """Builders for gradc and for those systems that differentiate NumPy-like functions."""
        builders: dict[str, Builder] = {"gradc": self.with_gradc, "jax": self.with_jax, "torch": self.with_torch}
        if self.transform in ("grad", "value_and_grad"):
            builders["autograd"] = self.with_autograd
        return builders

    # ------------------------------------------------------------ gradc

    def derived(self) -> Any:
        """gradc's `Function`."""
        gradc = load("gradc")
        derived = getattr(gradc, self.transform)(self.function)
        return gradc.vmap(derived, in_axes=self.in_axes) if self.batched else derived

    def with_gradc(self) -> Call:
        """Called as a user calls it: new results each time."""
        return Call(self.derived(), *self.arguments)

    def with_gradc_out(self) -> Call:
        """Into buffers of the caller."""
        derived = self.derived()
        result = derived(*self.arguments)
        out = tuple(np.array(r) for r in result) if isinstance(result, tuple) else np.array(result)
        return Call(derived, *self.arguments, out=out)

    # ------------------------------------------------------------ jax

    def with_jax(self) -> Call:
        """Under ``jax.jit``, on arrays that are on the device already."""
        jax = load("jax")
        function = rebound(self.function, jax.numpy)

        def hvp(x: Any, *rest: Any) -> Any:
            *others, direction = rest
            return jax.jvp(lambda x: jax.grad(function)(x, *others), (x,), (direction,))[1]

        transforms = {"jacobian": jax.jacfwd, "hvp": lambda _: hvp}
        derived = transforms.get(self.transform, getattr(jax, self.transform, None))(function)  # type: ignore[misc]
        step = jax.jit(jax.vmap(derived, self.in_axes) if self.batched else derived)
        on_device = jax.tree_util.tree_map(jax.numpy.asarray, self.arguments)
        return Call(lambda: jax.block_until_ready(step(*on_device)))

    # ------------------------------------------------------------ torch

    def with_torch(self) -> Call:
        """Eager forward and backward for gradients, ``torch.func`` for the rest."""
        torch = load("torch")
        function = rebound(self.function, numpy_of("torch"))
        if self.transform in ("grad", "value_and_grad"):
            return Call(self.torch_step(function))
        arguments = mapped(torch.as_tensor, self.arguments)
        if self.transform == "jit":
            return Call(torch.func.vmap(function, self.in_axes) if self.batched else function, *arguments)
        if self.transform == "hvp":
            *point, direction = arguments
            return Call(lambda: torch.func.jvp(torch.func.grad(function), tuple(point), (direction,))[1])
        transforms = {"jacobian": torch.func.jacfwd, "hessian": torch.func.hessian}
        derived = transforms[self.transform](function)
        step = torch.func.vmap(derived, self.in_axes) if self.batched else derived
        return Call(step, *arguments)

    def torch_step(self, function: Callable[..., Any]) -> Callable[[], Any]:
        """Forward and backward through a function that takes tensors."""
        torch = load("torch")
        arguments = mapped(torch.as_tensor, self.arguments)
        inputs = list(leaves(arguments[0]))
        for tensor in inputs:
            tensor.requires_grad_(True)

        def step() -> Any:
            value = function(*arguments)
            gradient = torch.autograd.grad(value, inputs)
            return (value.detach(), gradient) if self.transform == "value_and_grad" else gradient

        return step

    # ------------------------------------------------------------ autograd, casadi

    def with_autograd(self) -> Call:
        """The tape over NumPy."""
        step = getattr(load("autograd"), self.transform)(rebound(self.function, numpy_of("autograd")))
        return Call(step, *self.arguments)

    def with_casadi(self) -> Call:
        """A Function of vectors, compiled through C, called with its own buffers (no copies)."""
        casadi = load("casadi")
        symbols = [casadi.MX.sym(f"x{k}", len(a)) for k, a in enumerate(self.arguments)]
        direction = symbols[-1] if self.transform == "hvp" else None
        value = rebound(self.function, numpy_of("casadi"))(*(symbols[:-1] if direction is not None else symbols))
        result = casadi.gradient(value, symbols[0])
        if direction is not None:
            result = casadi.jtimes(result, symbols[0], direction)
        results = [value, result] if self.transform == "value_and_grad" else [result]
        return casadi_call(symbols, results, self.arguments)


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """The function applied to every array and number in nested tuples."""
    return tuple(mapped(function, item) for item in value) if isinstance(value, tuple) else function(value)


def casadi_call(symbols: list[Any], results: list[Any], arguments: tuple[np.ndarray, ...]) -> Call:
    """A CasADi Function compiled by the C compiler, reading and writing NumPy buffers."""
    casadi = load("casadi")
    options = {"jit": True, "compiler": "shell", "jit_options": {"flags": ["-O3", "-march=native"], "verbose": False}}
    function = casadi.Function("step", symbols, results, options)
    buffer, evaluate = function.buffer()
    outputs = [np.empty(result.numel()) for result in results]
    for position, array in enumerate(arguments):
        buffer.set_arg(position, memoryview(array))  # type: ignore[arg-type]
    for position, array in enumerate(outputs):
        buffer.set_res(position, memoryview(array))  # type: ignore[arg-type]

    def step() -> Any:
        evaluate()
        return outputs if len(outputs) > 1 else outputs[0]

    step.kept = buffer  # type: ignore[attr-defined]  # evaluate alone doesn't keep it alive
    return Call(step)
