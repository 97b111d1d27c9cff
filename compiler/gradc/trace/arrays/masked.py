"""``x[..., mask]`` and ``x[..., mask] = v`` where the mask is computed from the arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.trace.arrays.keys import check_mask, consumed, expanded
from gradc.trace.arrays.storage import entry
from gradc.trace.arrays.tracer import TracedArray, known_value, lift
from gradc.trace.context import trace_error

if TYPE_CHECKING:
    from gradc.trace.arrays.selected import Selection

_SIZE = "the number of true entries of the mask is not known while the function is traced"


def selected() -> Any:
    """The module of selections, which reductions need to be there for."""
    from gradc.trace.arrays import selected

    return selected


@dataclass(frozen=True)
class MaskedPart:
    """A view of the array with the mask's axes at ``position``."""

    view: TracedArray
    mask: TracedArray
    position: int

    def read(self) -> Selection:
        """The selected entries."""
        chosen: Selection = selected().selecting(self.view, self.mask, self.position)
        return chosen

    def write(self, value: Any) -> None:
        """The value where the mask is true; it is evaluated nowhere else."""
        from gradc.trace.arrays.indexing import assigned_indices, fitting

        view, after = self.view, self.view.ndim - self.position - self.mask.ndim
        spread = self.mask.reshape(self.mask.shape + (1,) * after)
        target = selected().Selection(view, self.mask, after)
        new = fitting(lift(self._operand(target, value)), view)
        if 0 in view.extents:
            return
        inside = entry(spread.tensor, selected().spread_indices(spread, view))
        view.write(inside, entry(new, assigned_indices(new, view.extents)))

    def _operand(self, target: Selection, value: Any) -> Any:
        if hasattr(value, "mask") and value.mask.tensor is not self.mask.tensor:
            raise trace_error("x[mask] = y[other]: the masks must be the same; use x = np.where(mask, y, x)")
        if not hasattr(value, "mask") and _rows(lift(value), target.after) > 1:
            raise trace_error(
                f"x[mask] = values: {_SIZE}; assign a number, or y[mask], or write x = np.where(mask, values, x)"
            )
        return target.operand(value)


def _rows(value: TracedArray, after: int) -> Any:
    """The extent that meets the selected axis."""
    return value.extents[value.ndim - after - 1] if value.ndim > after else 1


def masked_part(x: TracedArray, key: Any) -> MaskedPart | None:
    """The part of ``x`` that a key with a mask names, if the mask's content is not known; None for all other keys."""
    items = _with_masks(key if isinstance(key, tuple) else (key,))
    masks = [item for item in items if _is_mask(item) and known_value(item) is None]
    if not masks:
        return None
    arrays = [item for item in items if isinstance(item, list | np.ndarray | TracedArray)]
    if len(arrays) > 1:
        raise trace_error(f"a mask with other index arrays: {_SIZE}; use np.where(mask, x, 0), or index twice")
    (mask,) = masks
    basic: list[Any] = []
    axis, position, advanced = 0, 0, []
    for place, item in enumerate(expanded(tuple(items), x)):
        if item is mask:
            check_mask(mask.extents, x.extents[axis : axis + mask.ndim])
            position = sum(not _is_integer(i) for i in basic)
            basic += [slice(None)] * mask.ndim
        else:
            basic.append(item)
        if item is mask or _is_integer(item):
            advanced.append(place)
        axis += consumed(item)
    view = x[(*basic, Ellipsis)]
    if advanced != list(range(advanced[0], advanced[-1] + 1)):  # NumPy puts the selected axis first then
        inside = list(range(position, position + mask.ndim))
        view = view.transpose(inside + [k for k in range(view.ndim) if k not in inside])
        position = 0
    return MaskedPart(view, mask, position)


def _are_all_indices(group: Sequence[Any], count: int) -> bool:
    """Whether these are the indices of one mask, for each of its axes in order."""
    places = [getattr(item, "place", None) for item in group]
    return places == list(range(count)) and all(item.mask.tensor is group[0].mask.tensor for item in group)


def _is_mask(item: Any) -> bool:
    return isinstance(item, TracedArray) and item.dtype.kind == "b"


def _is_integer(item: Any) -> bool:
    return item is not None and item is not Ellipsis and not isinstance(item, slice)


def _with_masks(items: Sequence[Any]) -> list[Any]:
    """The items, with all of the indices of a mask, ``np.nonzero(mask)``, as the mask; lists with traced bools as arrays."""
    result: list[Any] = []
    pending = list(items)
    while pending:
        item = pending.pop(0)
        if isinstance(item, list):
            array = lift(item)
            item = array if array.dtype.kind == "b" else item
        if not isinstance(item, selected().Selection):
            result.append(item)
            continue
        count = item.mask.ndim
        group = [item, *pending[: count - 1]]
        if not _are_all_indices(group, count):
            return list(items)
        result.append(item.mask)
        del pending[: count - 1]
    return result
