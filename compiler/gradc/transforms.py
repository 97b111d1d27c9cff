"""The transforms behind the public functions: each takes a traced function and gives the outputs of the new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.differentiate import batch, gradient, jacobian_forward, jacobian_reverse, pushforward
from gradc.errors import ArgumentError, DTypeError, NonScalarOutputError, ShapeError
from gradc.function import Label, Outcome, TraceCall, Transform
from gradc.ir.algebra import convert, difference, equal, guarded, sum_of
from gradc.ir.scalar import FLOAT64, DType, Scalar, index, load, number
from gradc.ir.source import lines_of
from gradc.ir.tensor import Extent, Shape, Tensor, compute
from gradc.simplify import simplify_outputs
from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.containers import NAMESPACE, flatten, leaf_paths, optree, unflatten
from gradc.trace.movement.applying import batch_with
from gradc.trace.records import Argument, Traced
from gradc.trace.specs import Spec

Argnums = int | tuple[int, ...]

batch_with(batch)  # what np.vectorize and np.apply_along_axis do is vmap


def tuple_tree(children: Sequence[Any]) -> Any:
    """The structure of a tuple of structures."""
    return optree().treespec_tuple(list(children), none_is_leaf=False, namespace=NAMESPACE)


def shape_text(shape: Shape) -> str:
    """``(100, n)``, as a user writes a shape."""
    inner = ", ".join(str(e) for e in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def _at(tensor: Tensor) -> str:
    return "".join(f"\n  {line}" for line in lines_of(tensor)[-1:])


# ---------------------------------------------------------------- what is differentiated


@dataclass(frozen=True)
class Differential(Transform):
    """A transform that differentiates with respect to some positional arguments."""

    argnums: Argnums = 0

    def differentiated(self) -> tuple[int, ...]:
        return self.argnums if isinstance(self.argnums, tuple) else (self.argnums,)

    def wanted(self, traced: Traced) -> list[tuple[Argument, ...]]:
        """The leaves of each differentiated argument, in the order of ``argnums``."""
        return [self._leaves(traced, argnum) for argnum in self.differentiated()]

    def _leaves(self, traced: Traced, argnum: int) -> tuple[Argument, ...]:
        positional = [key for key in traced.argument_trees if isinstance(key, int)]
        count = max(positional, default=-1) + 1
        position = argnum + count if argnum < 0 else argnum
        leaves = traced.leaves_of(position)
        if not leaves:
            raise ArgumentError(
                f"argnums={argnum} names no array or number among the {count} positional argument(s); "
                f"argnums counts from 0, and an argument that is differentiated is passed by position"
            )
        for leaf in leaves:
            if leaf.input.dtype.kind not in "fc":
                raise DTypeError(
                    f"can't differentiate with respect to {leaf.path}: its dtype is {leaf.input.dtype.name}; "
                    f"pass {leaf.path}.astype(float), or leave it out of argnums"
                )
        return leaves

    def tree(self, traced: Traced) -> Any:
        """The structure of a gradient: that of the argument, or a tuple of them."""
        count = max((key for key in traced.argument_trees if isinstance(key, int)), default=-1) + 1
        trees = [traced.argument_trees[a + count if a < 0 else a] for a in self.differentiated()]
        return tuple_tree(trees) if isinstance(self.argnums, tuple) else trees[0]

    def first_order(self, traced: Traced) -> list[Label]:
        """The labels of first derivatives by each input."""
        return [("derivative", (leaf.path,)) for leaves in self.wanted(traced) for leaf in leaves]

    def labels(self, traced: Sequence[Traced]) -> list[Label]:
        return self.first_order(traced[0]) * len(traced[0].outputs)

    def inputs(self, traced: Traced) -> list[Tensor]:
        """The differentiated inputs, flat."""
        return [leaf.input for leaves in self.wanted(traced) for leaf in leaves]


def scalar_output(tensor: Tensor, verb: str, holomorphic: bool = False) -> None:
    """Check that a gradient can be asked of ``tensor``: a real one, or a complex one of a holomorphic function."""
    if tensor.shape != ():
        raise NonScalarOutputError(
            f"{verb} needs a scalar, but the output has shape {shape_text(tensor.shape)}; "
            f"sum it, use elementwise_grad, or give vjp a cotangent{_at(tensor)}"
        )
    if tensor.dtype.kind == "c":
        if not holomorphic:
            instead = "give vjp a cotangent, or pass holomorphic=True" if "grad" in verb else "take its real part"
            raise DTypeError(f"{verb} needs a real output, not {tensor.dtype.name}; {instead}{_at(tensor)}")
    elif holomorphic or tensor.dtype.kind != "f":
        needed = "a complex" if holomorphic else "a real floating"
        raise DTypeError(f"{verb} needs {needed} output, not {tensor.dtype.name}{_at(tensor)}")


def complex_inputs(inputs: Sequence[Tensor], verb: str) -> None:
    """Check that ``holomorphic=True`` can be said of a function of these inputs."""
    for tensor in inputs:
        if tensor.dtype.kind != "c":
            raise DTypeError(f"{verb} with holomorphic=True needs complex arguments, not {tensor.dtype.name}")


def _split_aux(traced: Traced, has_aux: bool, verb: str) -> tuple[Tensor, list[Tensor], Any]:
    """The differentiated output, the auxiliary ones, and the structure of the latter."""
    outputs = list(traced.outputs)
    if outputs and traced.weak_outputs[0] and outputs[0].dtype.kind in "biu":  # the function returns a Python int
        outputs[0] = compute(outputs[0].shape, convert(load(outputs[0]), FLOAT64))
    children = traced.out_tree.children()
    if has_aux:
        if traced.out_tree.type is not tuple or len(children) != 2 or children[0].num_leaves != 1:
            raise NonScalarOutputError("with has_aux=True the function returns a pair (value, auxiliary)")
        return outputs[0], outputs[1:], children[1]
    if len(outputs) != 1 or children:
        raise NonScalarOutputError(
            f"{verb} needs one scalar output, but the function returns {len(outputs)} value(s) in a "
            f"{traced.out_tree.type.__name__ if traced.out_tree.type else 'container'}; "
            "return the scalar alone, or (value, auxiliary) with has_aux=True"
        )
    return outputs[0], [], None


def _constant(shape: Shape, value: int, dtype: DType) -> Tensor:
    return compute(shape, number(value, dtype))


# ---------------------------------------------------------------- gradients


@dataclass(frozen=True)
class Grad(Differential):
    """The gradient of a scalar."""

    has_aux: bool = False
    with_value: bool = False
    holomorphic: bool = False

    @property
    def name(self) -> str:
        return "value_and_grad" if self.with_value else "grad"

    def labels(self, traced: Sequence[Traced]) -> list[Label]:
        value: list[Label] = [("value", ())]
        aux: list[Label] = [("", ())] * (len(traced[0].outputs) - 1)
        first = self.first_order(traced[0])
        return [*value, *aux, *first] if self.with_value else [*first, *aux]

    def apply(self, traced: Traced) -> Outcome:
        output, aux, aux_tree = _split_aux(traced, self.has_aux, self.name)
        scalar_output(output, self.name, self.holomorphic)
        if self.holomorphic:
            complex_inputs(self.inputs(traced), self.name)
        output, *aux = simplify_outputs([output, *aux])
        gradients = gradient([output], [_constant((), 1, output.dtype)], self.inputs(traced))
        tree = self.tree(traced)
        leaf = traced.out_tree if aux_tree is None else traced.out_tree.children()[0]
        if self.with_value:
            value_tree = tuple_tree([leaf, aux_tree]) if self.has_aux else leaf
            return Outcome((output, *aux, *gradients), tuple_tree([value_tree, tree]))
        if self.has_aux:
            return Outcome((*gradients, *aux), tuple_tree([tree, aux_tree]))
        return Outcome(gradients, tree)


@dataclass(frozen=True)
class ElementwiseGrad(Differential):
    """The derivative of an elementwise function: the gradient of the sum of its output."""

    def apply(self, traced: Traced) -> Outcome:
        outputs = simplify_outputs(traced.outputs)
        ones = [_constant(t.shape, 1, t.dtype) for t in outputs]
        for output in outputs:
            if output.dtype.kind != "f":
                raise DTypeError(f"elementwise_grad needs a real floating output, not {output.dtype.name}{_at(output)}")
        return Outcome(gradient(outputs, ones, self.inputs(traced)), self.tree(traced))


# ---------------------------------------------------------------- Jacobians


@dataclass(frozen=True)
class Jacobian(Differential):
    """The Jacobian, ``out.shape + in.shape``; ``mode`` is 'forward', 'reverse' or 'auto'."""

    mode: str = "auto"
    holomorphic: bool = False

    @property
    def name(self) -> str:
        return {"forward": "jacfwd", "reverse": "jacrev"}.get(self.mode, "jacobian")

    def apply(self, traced: Traced) -> Outcome:
        inputs = self.inputs(traced)
        if self.holomorphic:
            complex_inputs(inputs, self.name)
        outputs = simplify_outputs(traced.outputs)
        blocks = [self._block(output, wrt) for output in outputs for wrt in inputs]
        return Outcome(tuple(blocks), traced.out_tree.compose(self.tree(traced)))

    def _block(self, output: Tensor, wrt: Tensor) -> Tensor:
        if output.dtype.kind not in "fc":
            return _constant(output.shape + wrt.shape, 0, wrt.dtype)
        mode = self.mode
        if not self.holomorphic:
            mode = self._real_side(output, wrt)
        elif output.dtype.kind != "c":
            raise DTypeError(
                f"{self.name} with holomorphic=True needs a complex output, not {output.dtype.name}{_at(output)}"
            )
        reverse = mode == "reverse" or (mode == "auto" and _smaller(output.shape, wrt.shape))
        return jacobian_reverse(output, wrt) if reverse else jacobian_forward(output, wrt)

    def _real_side(self, output: Tensor, wrt: Tensor) -> str:
        """The mode whose directions are real: each is one of the input in forward mode, of the output in reverse mode."""
        possible = {"auto", "forward", "reverse"}
        if wrt.dtype.kind == "c":
            possible -= {"auto", "forward"}
        if output.dtype.kind == "c":
            possible -= {"auto", "reverse"}
        mode = next(iter(possible), None) if self.mode == "auto" and "auto" not in possible else self.mode
        if mode is None or mode not in possible:
            raise DTypeError(
                f"{self.name} of a {output.dtype.name} output by a {wrt.dtype.name} argument: one complex number can't say "
                "how it changes; pass holomorphic=True if the function is holomorphic, or take real and imaginary parts"
                f"{_at(output)}"
            )
        return mode


def _smaller(left: Shape, right: Shape) -> bool:
    """Whether there are certainly fewer entries on the left."""
    if all(isinstance(e, int) for e in (*left, *right)):
        return int(np.prod(left)) < int(np.prod(right))  # type: ignore[arg-type]
    return len(left) < len(right)


@dataclass(frozen=True)
class Hessian(Differential):
    """Second derivatives of a scalar: forward mode over reverse mode."""

    holomorphic: bool = False

    def labels(self, traced: Sequence[Traced]) -> list[Label]:
        first = self.first_order(traced[0])
        return [("derivative", (*a, *b)) for _, a in first for _, b in first]

    def apply(self, traced: Traced) -> Outcome:
        output, _, _ = _split_aux(traced, False, "hessian")
        scalar_output(output, "hessian", self.holomorphic)
        (output,) = simplify_outputs([output])
        inputs = self.inputs(traced)
        if self.holomorphic:
            complex_inputs(inputs, "hessian")
        elif any(wrt.dtype.kind == "c" for wrt in inputs):
            raise DTypeError(
                "hessian needs real arguments; pass holomorphic=True if the function is holomorphic, the real and "
                "imaginary parts as two arguments, or use hvp for the change of the gradient along a direction"
            )
        first = simplify_outputs(gradient([output], [_constant((), 1, output.dtype)], inputs))
        blocks = [jacobian_forward(g, wrt) for g in first for wrt in inputs]
        tree = self.tree(traced)
        return Outcome(tuple(blocks), tree.compose(tree))


# ---------------------------------------------------------------- directional derivatives


def _directions(arguments: Sequence[Any], tree: Any, inputs: Sequence[Tensor], what: str) -> list[Tensor]:
    """The leaves of the arguments as directions for the inputs: same structure, same shapes."""
    leaves, structure = flatten(tuple(arguments))
    found = [
        (leaf, path) for leaf, path in zip(leaves, structure.paths(), strict=True) if isinstance(leaf, TracedArray)
    ]
    given = [leaf for leaf, _ in found]
    if len(given) != len(inputs):
        raise ShapeError(
            f"{len(inputs)} {what}(s) needed, {len(given)} given: one for each primal, in the same structure"
        )
    if [path for _, path in found] != tree.paths():
        raise ShapeError(f"the {what} has another structure than what it belongs to: give {_described(tree)}")
    result: list[Tensor] = []
    for direction, wrt in zip(given, inputs, strict=True):
        tensor = direction.tensor
        if tensor.shape != wrt.shape:
            raise ShapeError(
                f"the {what} has shape {shape_text(tensor.shape)}, but what it belongs to has shape {shape_text(wrt.shape)}"
            )
        if tensor.dtype.kind == "c" and wrt.dtype.kind != "c":
            raise DTypeError(f"the {what} is {tensor.dtype.name}, but what it belongs to is {wrt.dtype.name}")
        every = [index(k) for k in range(tensor.rank)]
        result.append(compute(tensor.shape, convert(load(tensor, every), wrt.dtype)))
    return result


def _described(tree: Any) -> str:
    """The places of the leaves, for a message."""
    return ", ".join(leaf_paths(tree, "")[:6]) or "nothing"


@dataclass(frozen=True)
class Jvp(Transform):
    """``(*primals, *tangents)`` to ``(value, tangent)``, or to the tangent alone."""

    primal_count: int
    with_value: bool = True

    def differentiated(self) -> tuple[int, ...]:
        return tuple(range(2 * self.primal_count))

    def parameters(self, names: list[str]) -> list[str]:
        return [*names[: self.primal_count], *[f"d{name}" for name in names[: self.primal_count]]]

    def run(self, call: TraceCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
        primals, tangents = args[: self.primal_count], args[self.primal_count :]
        traced = call(primals, kwargs)
        wrt = [leaf.input for leaf in traced.arguments if isinstance(leaf.argnum, int)]
        tree = tuple_tree([traced.argument_trees[k] for k in range(self.primal_count)])
        directions = _directions(tangents, tree, wrt, "tangent")
        outputs = simplify_outputs(traced.outputs)
        pushed = pushforward(outputs, wrt, directions)
        if not self.with_value:
            return Outcome(pushed, traced.out_tree)
        return Outcome((*outputs, *pushed), tuple_tree([traced.out_tree, traced.out_tree]))


@dataclass(frozen=True)
class Vjp(Transform):
    """``(*primals, cotangent)`` to a tuple of cotangents, one per primal."""

    primal_count: int

    def differentiated(self) -> tuple[int, ...]:
        return tuple(range(self.primal_count + 1))

    def parameters(self, names: list[str]) -> list[str]:
        return [*names[: self.primal_count], "cotangent"]

    def run(self, call: TraceCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
        primals, cotangent = args[: self.primal_count], args[self.primal_count :]
        traced = call(primals, kwargs)
        outputs = simplify_outputs(traced.outputs)
        given = _directions(cotangent, tuple_tree([traced.out_tree]), outputs, "cotangent")
        wrt = [leaf.input for leaf in traced.arguments if isinstance(leaf.argnum, int)]
        trees = [traced.argument_trees[k] for k in range(self.primal_count)]
        return Outcome(gradient(outputs, given, wrt), tuple_tree(trees))


@dataclass(frozen=True)
class Hvp(Differential):
    """``(*args, v)`` to the Hessian of a scalar times v: forward mode along v over reverse mode."""

    def parameters(self, names: list[str]) -> list[str]:
        return [*names, "v"]

    def run(self, call: TraceCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
        if len(args) < 2:
            raise ArgumentError("hvp(f) takes the arguments of f and then the vector v: hvp(f)(x, v)")
        traced = call(args[:-1], kwargs)
        output, _, _ = _split_aux(traced, False, "hvp")
        scalar_output(output, "hvp")
        (output,) = simplify_outputs([output])
        inputs = self.inputs(traced)
        directions = _directions(args[-1:], tuple_tree([self.tree(traced)]), inputs, "vector")
        first = simplify_outputs(gradient([output], [_constant((), 1, output.dtype)], inputs))
        return Outcome(pushforward(first, inputs, directions), self.tree(traced))


# ---------------------------------------------------------------- batching


@dataclass(frozen=True)
class Vmap(Transform):
    """The function over a batch axis. ``in_axes`` is an int or None for all arguments, or a tuple with one per argument."""

    in_axes: int | tuple[int | None, ...] = 0
    out_axes: int = 0

    def run(self, call: TraceCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
        axes = self._axes(len(args))
        extents: list[tuple[Extent, str]] = []
        singles, batched = [], []
        for argument, axis in zip(args, axes, strict=True):
            if axis is None:
                singles.append(argument)
                continue
            leaves, tree = flatten(argument)
            specs = []
            for leaf in leaves:
                if not isinstance(leaf, TracedArray):  # a static value, for every example
                    specs.append(leaf)
                    continue
                spec, extent, moved = _without_axis(leaf, axis)
                extents.append((extent, shape_text(leaf.tensor.shape)))
                specs.append(spec)
                batched.append(moved)
            singles.append(unflatten(tree, specs))
        extent = _common_extent(extents)
        traced = call(tuple(singles), kwargs)
        fresh = [leaf.input for leaf in traced.arguments if _is_batched(leaf, axes)]
        outputs = batch(simplify_outputs(traced.outputs), dict(zip(fresh, batched, strict=True)), extent)
        return Outcome(tuple(_moved_to(t, self.out_axes) for t in outputs), traced.out_tree)

    def _axes(self, count: int) -> tuple[int | None, ...]:
        if not isinstance(self.in_axes, tuple):
            return (self.in_axes,) * count
        if len(self.in_axes) != count:
            raise ArgumentError(f"in_axes={self.in_axes} has {len(self.in_axes)} entries for {count} arguments")
        return self.in_axes


def _is_batched(leaf: Argument, axes: Sequence[int | None]) -> bool:
    return isinstance(leaf.argnum, int) and axes[leaf.argnum] is not None


def _without_axis(leaf: TracedArray, axis: int) -> tuple[Spec, Extent, Tensor]:
    """One example of a batch: its spec, the extent of the batch, and the batch with its axis in front."""
    tensor = leaf.tensor
    if not -tensor.rank <= axis < tensor.rank:
        raise ShapeError(f"an argument of shape {shape_text(tensor.shape)} has no axis {axis} to map over")
    position = axis % tensor.rank
    rest = tensor.shape[:position] + tensor.shape[position + 1 :]
    if position:
        others = [index(k) for k in range(1, tensor.rank)]
        body = load(tensor, [*others[:position], index(0), *others[position:]])
        tensor = compute((tensor.shape[position], *rest), body)
    return Spec(rest, tensor.dtype), leaf.tensor.shape[position], tensor


def _common_extent(extents: Sequence[tuple[Extent, str]]) -> Extent:
    if not extents:
        raise ArgumentError("vmap needs at least one argument with a batch axis: in_axes is None for all of them")
    first = extents[0]
    for extent, shape in extents[1:]:
        if extent != first[0]:
            raise ShapeError(
                f"the batch axes differ: {first[0]} (argument of shape {first[1]}) and {extent} (argument of shape {shape})"
            )
    return first[0]


def _moved_to(tensor: Tensor, axis: int) -> Tensor:
    """The tensor with its leading axis moved to ``axis``."""
    position = axis % tensor.rank
    if position == 0:
        return tensor
    shape = (*tensor.shape[1 : position + 1], tensor.shape[0], *tensor.shape[position + 1 :])
    others = [index(k) for k in range(position)] + [index(k) for k in range(position + 1, tensor.rank)]
    return compute(shape, load(tensor, [index(position), *others]))


# ---------------------------------------------------------------- vector calculus


@dataclass(frozen=True)
class VectorField(Differential):
    """Divergence, curl and Laplacian of functions of one vector."""

    operator: str = "divergence"

    @property
    def name(self) -> str:
        return self.operator

    def labels(self, traced: Sequence[Traced]) -> list[Label]:
        return [(self.operator, ())]

    def apply(self, traced: Traced) -> Outcome:
        inputs = self.inputs(traced)
        if len(inputs) != 1 or inputs[0].rank != 1:
            raise ShapeError(f"{self.operator} takes a function of one vector p = (x, y, ...)")
        point = inputs[0]
        if point.dtype.kind == "c":
            raise DTypeError(f"{self.operator} needs real coordinates, not {point.dtype.name}")
        outputs = simplify_outputs(traced.outputs)
        if self.operator == "laplacian":
            return self._laplacian(outputs, point)
        components = _components(outputs, self.operator)
        if self.operator == "curl":
            return self._curl(components, point)
        return self._divergence(components, point)

    def _laplacian(self, outputs: Sequence[Tensor], point: Tensor) -> Outcome:
        if len(outputs) != 1:
            raise NonScalarOutputError("laplacian needs a scalar field, but the function returns several values")
        scalar_output(outputs[0], "laplacian")
        (first,) = simplify_outputs(gradient(outputs, [_constant((), 1, outputs[0].dtype)], [point]))
        return Outcome((_trace(jacobian_forward(first, point)),), leaf_tree())

    def _divergence(self, components: list[Tensor], point: Tensor) -> Outcome:
        if point.shape[0] != len(components):
            raise ShapeError(
                f"divergence needs as many components as coordinates: {len(components)} for a point of shape "
                f"{shape_text(point.shape)}"
            )
        terms = [load(_partial(component, point, k)) for k, component in enumerate(components)]
        return Outcome((compute((), sum_of(*terms)),), leaf_tree())

    def _curl(self, components: list[Tensor], point: Tensor) -> Outcome:
        if len(components) != 3 or point.shape != (3,):
            raise ShapeError(
                f"curl needs three components over p = (x, y, z), but the field has {len(components)} over a point of "
                f"shape {shape_text(point.shape)}"
            )

        def entry(i: int, k: int) -> Scalar:
            return load(_partial(components[i], point, k))

        curls = [difference(entry((r + 2) % 3, (r + 1) % 3), entry((r + 1) % 3, (r + 2) % 3)) for r in range(3)]
        body = sum_of(*[guarded(equal(index(0), r), c) for r, c in enumerate(curls)])
        return Outcome((compute((3,), body),), leaf_tree())


def leaf_tree() -> Any:
    """The structure of a single array."""
    return flatten(0)[1]


def _components(outputs: Sequence[Tensor], operator: str) -> list[Tensor]:
    """The components of a vector field, each a scalar: from one vector, or from a list of scalars."""
    if len(outputs) == 1 and outputs[0].rank == 1 and isinstance(outputs[0].shape[0], int):
        vector = outputs[0]
        return [compute((), load(vector, [k])) for k in range(outputs[0].shape[0])]
    if all(t.rank == 0 for t in outputs):
        return list(outputs)
    shapes = ", ".join(shape_text(t.shape) for t in outputs)
    raise ShapeError(
        f"{operator} needs a vector field: one vector, or a list of scalars; the output has shape {shapes}"
    )


def _partial(component: Tensor, point: Tensor, position: int) -> Tensor:
    """The derivative of a scalar along one coordinate."""
    if component.dtype.kind not in "fc":
        return _constant((), 0, point.dtype)
    direction = compute(point.shape, guarded(equal(index(0), position), number(1, point.dtype)))
    return pushforward([component], [point], [direction])[0]


def _trace(matrix: Tensor) -> Tensor:
    return compute((), load(matrix, [index(0), index(0)]), reduce_extents=matrix.shape[:1], reducer="sum")
