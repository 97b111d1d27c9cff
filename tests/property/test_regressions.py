"""Programs that once went wrong, made small: every way of computing them agrees by now."""

import numpy as np
import pytest
from runner import failure_in


def repeated_and_seeded(y):
    v = np.repeat(y, 2)
    return np.array([np.sum(v**2), 1.0])


def column_against_row(y, z):
    return np.linalg.norm(np.where(z <= y, np.exp(0.2 * z), y) + 4.0)


def float_remainder_of_a_copy(x):
    v = np.cos(np.prod(1.0 + x)) % 0.9
    return np.maximum(x, v) + 0.1


def outer_product(y):
    return np.outer(y, y)


def product_along_an_axis(x):
    return 0.5 * np.prod(1.0 + 0.1 * x**2, axis=-1) ** 2


def cumulated_product(y):
    v = y[::-1]
    return np.cumprod(1.0 + 0.1 * np.concatenate([v, v**2]))


def python_float_among_entries(y):
    return np.array([np.sum(y), y[0] ** 2, 1.5])


def appended_differences(y):
    v = np.where(y**2 > -1.0, y, np.log(y))
    return np.append(v, v - y)


def masked_blocks(z):
    v = z.copy()
    v[v > 0] = 0.5
    return np.block([[v, v], [v * 2, v]])


def appended_functions(y):
    v = np.exp(y - np.max(y)) / 2.0
    w = np.where(v**2 > -1.0, v, np.log(v))
    return np.append(w, w - v)


def shifted_selection(x):
    v1 = np.take(x, [0, -1, 0], axis=-1)
    v2 = np.where(v1 > 0.0, np.sqrt(v1), v1**2)
    v3 = v2.copy()
    v3[1:] = v2[:-1]
    return v3


def empty_write(y):
    v = np.full((1, 1), 0.7) * y
    v.ravel()[1:] = 0.25
    return v


def appended_scatter(x):
    copied = x.copy()
    copied[[0, 1]] += x[[1, 0]]
    return np.append(x * 1.0, copied)


def gathered_pieces(x):
    doubled = x * 2.0
    return np.sin(np.concatenate([doubled, doubled**2], axis=-1))[:, np.array([0, 7, -1, 3, 5])]


PICK = np.array([0, 0, 1, 1])


def difference_of_equal_pieces(y):
    """Its derivatives are 0; a kernel may add one of the two products in one rounding."""
    v = (1.2 + y**2) ** -1.5
    v = np.array(v)
    reversed_view = v[::-1]
    reversed_view[0] = 1.0
    reversed_view += 0.5
    v = v[np.abs(PICK)][1:]
    return np.arctan2(v - v, 1.0 + v**2)


CASES = [
    (difference_of_equal_pieces, [np.array([-0.506, 0.61])]),
    (gathered_pieces, [np.array([[0.889, -1.003, 0.113, 1.216], [-1.548, 0.677, 1.281, 1.341]])]),
    (appended_scatter, [np.array([-0.877, -0.148, -0.473, 0.207])]),
    (empty_write, [np.array([0.181])]),
    (shifted_selection, [np.array([0.097, 1.571])]),
    (appended_functions, [np.array([[1.3, 1.517], [0.2, 0.3]])]),
    (appended_differences, [np.array([[1.3, 1.517], [0.2, 0.3]])]),
    (masked_blocks, [np.array([[-0.335, -1.009], [0.439, 1.159]])]),
    (python_float_among_entries, [np.array([0.5, -0.3])]),
    (product_along_an_axis, [np.array([[0.267, -0.017, -1.538, -1.594]])]),
    (cumulated_product, [np.array([0.076, -0.007, -0.535, -1.588])]),
    (outer_product, [np.array([0.897, 0.497, 0.321, -1.409])]),
    (repeated_and_seeded, [np.array([-0.97, -1.264, 1.215, -0.435])]),
    (column_against_row, [np.array([[0.634], [0.196], [0.309]]), np.array([-0.044, -0.481, -1.19, -1.044])]),
    (float_remainder_of_a_copy, [np.array([0.474, -0.146, -0.801])]),
]


@pytest.mark.parametrize(("function", "point"), CASES, ids=lambda v: getattr(v, "__name__", ""))
def test_once_wrong(function, point):
    failure = failure_in(function, point)
    assert failure is None, f"{failure.kind}: {failure.detail}"
