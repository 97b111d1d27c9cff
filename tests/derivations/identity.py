"""What one identity is: a function as a user writes it, its derivative on paper, and the same as NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import gradc

Transform = Literal["value", "grad", "jacobian", "hessian"]
#: Extents at which identities are tried; ``n`` first, so that data matrices are tall and wide.
SIZES: tuple[dict[str, int], ...] = ({"n": 3, "m": 4, "k": 2}, {"n": 4, "m": 2, "k": 3})


@dataclass(frozen=True)
class Identity:
    """One identity. The derivative is that by the first argument; ``f`` and ``hand`` take the same arguments.

    ``latex`` is the right-hand side as a book prints it. ``draw`` makes a random point where a box of positive numbers
    is no domain: positive definite matrices, labels that are rows of a one-hot matrix. ``entries`` is the same by entries,
    where ``latex`` has the Kronecker products of vec by vec.
    """

    name: str
    group: str
    transform: Transform
    f: Callable[..., Any]
    specs: tuple[Any, ...]
    latex: str
    hand: Callable[..., Any]
    draw: tuple[str, ...] = ()
    entries: str = ""

    def derived(self) -> Any:
        """The transform of ``f``."""
        transforms = {"value": gradc.jit, "grad": gradc.grad, "jacobian": gradc.jacobian, "hessian": gradc.hessian}
        return transforms[self.transform](self.f)

    def point(self, rng: np.random.Generator, sizes: dict[str, int]) -> list[Any]:
        """Random arguments of these extents."""
        kinds = self.draw + ("box",) * (len(self.specs) - len(self.draw))
        shapes = [tuple(sizes.get(getattr(e, "name", ""), e) for e in spec.shape) for spec in self.specs]
        return [_drawn(rng, kind, shape) for kind, shape in zip(kinds, shapes, strict=True)]


def _drawn(rng: np.random.Generator, kind: str, shape: tuple[int, ...]) -> Any:
    box = rng.uniform(0.2, 0.9, shape)
    if kind == "definite":
        return box @ box.T + np.eye(shape[0])
    if kind == "regular":
        return box + 2 * np.eye(shape[0])
    if kind == "large":
        return box + 8
    if kind == "centred":
        return rng.uniform(-1, 1, shape)
    if kind == "labels":
        return np.eye(shape[1])[rng.integers(0, shape[1], shape[0])]
    return box if shape else float(box)
