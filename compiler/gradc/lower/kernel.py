"""What `compile_graph` gives: machine code with everything that is known about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from gradc.errors import DTypeError, ShapeError
from gradc.lower.cost import Cost
from gradc.lower.module import Module
from gradc_runtime.engine import engine
from gradc_runtime.extents import SizeMismatch
from gradc_runtime.loaded import LoadedKernel, WrongDType


class Kernel:
    """A compiled graph. Call it with C-contiguous arrays of the dtypes of the graph's inputs."""

    def __init__(
        self,
        loaded: LoadedKernel,
        module: Module,
        level: int,
        cost: Callable[[], Cost],
        describe: Callable[[], str],
    ) -> None:
        self._loaded = loaded
        self._level = level
        self._cost = cost
        self._describe = describe
        self._module = module

    def __call__(self, values: Sequence[np.ndarray], out: Sequence[np.ndarray] | None = None) -> list[np.ndarray]:
        """The outputs of the graph for these inputs."""
        try:
            return self._loaded(values, out)
        except SizeMismatch as error:
            raise ShapeError(str(error)) from None
        except WrongDType as error:
            raise DTypeError(str(error)) from None

    @cached_property
    def cost(self) -> Cost:
        """Operations, bytes and workspace of a call, by what runs together."""
        return self._cost()

    @cached_property
    def llvm(self) -> str:
        """The LLVM assembly that was compiled."""
        return str(self._module)

    @cached_property
    def lowered(self) -> str:
        """The loop tree, for reading."""
        return self._describe()

    def assembly(self) -> str:
        """The machine's assembly."""
        return engine().assembly(self.llvm, self._level)

    @property
    def loaded(self) -> LoadedKernel:
        """The linked machine code."""
        return self._loaded

    @property
    def object_code(self) -> bytes:
        """The machine code, fit for a cache."""
        return self._loaded.object_code

    @property
    def workspace_bytes(self) -> int:
        """The bytes of intermediate results (of a kernel with symbolic extents: at the assumed extent)."""
        return self.cost.workspace_bytes
