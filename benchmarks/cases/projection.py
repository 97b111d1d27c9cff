"""Rotation and projection residual of the bundle-adjustment camera: its 2x15 Jacobian at 100,000 points."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

import numpy as np

from benchmarks.expressions import drjit_jacobian, heyoka_derivatives
from benchmarks.measure import Builder, Call, Effort, Row, Target, measured
from benchmarks.native import calling
from benchmarks.problem import Problem

#: Per point: 15 parameters and 2 features are read, 30 entries written.
BYTES, FLOPS = 8 * (15 + 2 + 30), 320


def residual(z, feature):
    """Weighted reprojection error of one observation.

    z: rotation vector, centre, focal length, principal point, two radial distortions, the point, the weight.
    """
    rotation, centre, focal, principal, point, weight = z[0:3], z[3:6], z[6], z[7:9], z[11:14], z[14]
    away = point - centre
    angle = np.sqrt(np.sum(rotation**2))
    axis = rotation / angle
    cosine, sine = np.cos(angle), np.sin(angle)
    seen = away * cosine + np.cross(axis, away) * sine + axis * (np.sum(axis * away) * (1 - cosine))
    image = seen[0:2] / seen[2]
    radius = np.sum(image**2)
    distortion = 1 + z[9] * radius + z[10] * radius**2
    return weight * (focal * distortion * image + principal - feature)


def by_hand(z: np.ndarray, feature: np.ndarray) -> np.ndarray:
    """The Jacobians as a person derives them, over the whole batch in NumPy.

    With d = point - centre, y = cos d + A (r x d) + B (r.d) r, where A = sin/|r|, B = (1 - cos)/|r|^2.
    """
    r, d, focal, weight = z[:, 0:3], z[:, 11:14] - z[:, 3:6], z[:, 6:7], z[:, 14:15]
    square = np.sum(r * r, axis=1, keepdims=True)
    angle = np.sqrt(square)
    cosine, first = np.cos(angle), np.sin(angle) / angle
    second = (1 - cosine) / square
    along, cross = np.sum(r * d, axis=1, keepdims=True), np.cross(r, d)
    y = cosine * d + first * cross + second * along * r
    slope = (cosine - first) / square * cross - first * d + (first - 2 * second) / square * along * r
    image = y[:, :2] / y[:, 2:]
    radius = np.sum(image**2, axis=1, keepdims=True)
    stretch = 1 + z[:, 9:10] * radius + z[:, 10:11] * radius**2
    bend = 2 * (z[:, 9:10] + 2 * z[:, 10:11] * radius)
    result = np.zeros((len(z), 2, 15))
    for i in range(2):
        by_image = bend * image[:, i : i + 1] * image
        by_image[:, i : i + 1] += stretch
        scaled = weight * focal / y[:, 2:] * by_image
        p = np.concatenate([scaled, -np.sum(scaled * image, axis=1, keepdims=True)], axis=1)
        pr = np.sum(p * r, axis=1, keepdims=True)
        row = result[:, i]
        row[:, 0:3] = (
            np.sum(p * slope, axis=1, keepdims=True) * r + first * np.cross(d, p) + second * (pr * d + along * p)
        )
        row[:, 11:14] = cosine * p + first * np.cross(p, r) + second * pr * r
        row[:, 3:6] = -row[:, 11:14]
        here = image[:, i : i + 1]
        row[:, 6:7] = weight * stretch * here
        row[:, 7 + i : 8 + i] = weight
        row[:, 9:10] = weight * focal * radius * here
        row[:, 10:11] = radius * row[:, 9:10]
        row[:, 14:15] = focal * stretch * here + z[:, 7 + i : 8 + i] - feature[:, i : i + 1]
    return result


def observations(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and features that a camera may have."""
    rng = np.random.default_rng(count)
    z = 0.3 * rng.standard_normal((count, 15))
    z[:, 6] += 2
    z[:, 13] += 4
    z[:, 14] += 1
    return z, rng.standard_normal((count, 2))


def run(systems: Collection[str], effort: Effort) -> list[Row]:
    """New results and the caller's buffer; a number of points that is no multiple of anything; the points' axis last."""
    rows = []
    for count in (10**5, 10**5 + 7, 10**3):
        z, feature = observations(min(count, 10 * effort.largest))
        problem = Problem(residual, (z, feature), "jacobian", batched=True)
        builders = problem.peers() | {
            "C": calling("projection", "jacobian", z, feature),
            "NumPy": partial(Call, by_hand, z, feature),
        }
        if count == 10**5:
            builders["heyoka"] = partial(with_heyoka, z, feature)
            builders["drjit"] = partial(with_drjit, z, feature)
        expected = by_hand(z, feature)
        rows.append(_row(len(z), builders, expected, systems, effort, ""))
        out = np.empty((len(z), 2, 15))
        into = {"gradc": problem.with_gradc_out, "C": calling("projection", "jacobian_into", z, feature, out)}
        rows.append(_row(len(z), into, expected, systems, effort, " into out="))
    columns = (np.ascontiguousarray(z.T), np.ascontiguousarray(feature.T))
    permuted = {
        "gradc": Problem(residual, columns, "jacobian", batched=True, in_axes=1).with_gradc_out,
        "C": calling("projection", "jacobian_of_columns_into", *columns, out),
    }
    return [*rows, _row(len(z), permuted, expected, systems, effort, " into out=, points' axis last")]


def with_heyoka(z: np.ndarray, feature: np.ndarray) -> Call:
    """All entries compiled as one function."""
    return heyoka_derivatives(residual, z, feature).shown(by_point)


def with_drjit(z: np.ndarray, feature: np.ndarray) -> Call:
    """Two backward sweeps, recorded once."""
    return drjit_jacobian(residual, z, feature, 2).shown(by_point)


def by_point(columns: Any) -> np.ndarray:
    """A structure of arrays as an array of structures."""
    return np.array(columns).T


def _row(
    count: int,
    builders: Mapping[str, Builder],
    expected: np.ndarray,
    systems: Collection[str],
    effort: Effort,
    suffix: str,
) -> Row:
    row = Row(
        f"rotation + projection Jacobian{suffix}, {count:,} points",
        targets=(Target(1.1, "C"), *([] if suffix else [Target(1 / 8, "jax")])),
        items=count,
        bytes=BYTES * count,
        flops=FLOPS * count,
        headline=count == 10**5 and not suffix,
    )
    return measured(row, builders, systems, expected, effort)
