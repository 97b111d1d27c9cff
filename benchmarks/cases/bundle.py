"""Bundle adjustment: the Jacobian of every observation, cameras and points gathered by index."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import numpy as np

from benchmarks.cases.projection import BYTES, FLOPS, by_hand, by_point, observations, residual, with_heyoka
from benchmarks.expressions import heyoka_derivatives
from benchmarks.measure import Builder, Call, Effort, Row, Target, measured
from benchmarks.namespaces import numpy_of, rebound
from benchmarks.native import calling
from benchmarks.problem import mapped
from benchmarks.systems import load

CAMERAS, POINTS = 49, 1000


def jacobians_with(np: Any, derived: Callable[..., Any]) -> Callable[..., Any]:
    """All Jacobians by a system's derivative of `residual`, in its own NumPy."""

    def jacobians(cameras, points, weights, camera_of, point_of, features):
        z = np.concatenate([cameras[camera_of], points[point_of], weights[:, None]], 1)
        return derived(z, features)

    return jacobians


def with_gradc(arguments: tuple[np.ndarray, ...]) -> Call:
    """The gathers and the Jacobians in one kernel."""
    gradc = load("gradc")
    return Call(gradc.jit(jacobians_with(np, gradc.vmap(gradc.jacobian(residual)))), *arguments)


def with_heyoka_gathering(arguments: tuple[np.ndarray, ...], gathered: np.ndarray, features: np.ndarray) -> Call:
    """The gathers by NumPy, column by column into heyoka's layout; then its compiled function."""
    cameras, points, _, camera_of, point_of, _ = arguments
    call = heyoka_derivatives(residual, gathered, features)
    (columns,) = call.arguments
    camera_columns, point_columns = np.ascontiguousarray(cameras.T), np.ascontiguousarray(points.T)
    of_cameras, of_points = columns[:11], columns[11:14]

    def jacobians() -> Any:
        np.take(camera_columns, camera_of, axis=1, out=of_cameras, mode="clip")
        np.take(point_columns, point_of, axis=1, out=of_points, mode="clip")
        return call()

    return Call(jacobians).shown(by_point)


def with_gradc_gathered(gathered: np.ndarray, features: np.ndarray) -> Call:
    """The Jacobians alone, of rows that were gathered beforehand."""
    gradc = load("gradc")
    return Call(gradc.jit(gradc.vmap(gradc.jacobian(residual))), gathered, features)


def with_jax(arguments: tuple[np.ndarray, ...]) -> Call:
    """``jax.jit`` of gathers and ``vmap(jacfwd)``."""
    jax = load("jax")
    step = jax.jit(jacobians_with(jax.numpy, jax.vmap(jax.jacfwd(rebound(residual, jax.numpy)))))
    on_device = [jax.numpy.asarray(a) for a in arguments]
    return Call(lambda: jax.block_until_ready(step(*on_device)))


def with_torch(arguments: tuple[np.ndarray, ...]) -> Call:
    """``torch.func.vmap(jacfwd)``."""
    torch = load("torch")
    derived = torch.func.vmap(torch.func.jacfwd(rebound(residual, numpy_of("torch"))))
    return Call(jacobians_with(torch, derived), *mapped(torch.as_tensor, arguments))


def run(systems: Collection[str], effort: Effort) -> list[Row]:
    """10,000 observations, and a few more; and the Jacobians alone, of rows that were gathered beforehand."""
    rows = []
    for count in (10**4, 10**4 + 5):
        count = min(count, 10 * effort.largest)
        z, features = observations(count)
        rng = np.random.default_rng(count)
        cameras, points, weights = z[:CAMERAS, :11].copy(), z[:POINTS, 11:14].copy(), z[:, 14].copy()
        camera_of, point_of = rng.integers(0, CAMERAS, count), rng.integers(0, len(points), count)
        arguments = (cameras, points, weights, camera_of, point_of, features)
        gathered = np.concatenate([cameras[camera_of], points[point_of], weights[:, None]], axis=1)
        expected = by_hand(gathered, features)
        whole: dict[str, Builder] = {
            "gradc": partial(with_gradc, arguments),
            "C": calling("projection", "bundle", *arguments),
            "heyoka": partial(with_heyoka_gathering, arguments, gathered, features),
            "jax": partial(with_jax, arguments),
            "torch": partial(with_torch, arguments),
        }
        targets = (Target(1.1, "C"), *(Target(1.0, name) for name in ("heyoka", "jax", "torch")))
        row = _row(f"bundle adjustment: Jacobians, {count:,} observations", count, targets, count == 10**4)
        rows.append(measured(row, whole, systems, expected, effort))
        alone: dict[str, Builder] = {
            "gradc": partial(with_gradc_gathered, gathered, features),
            "heyoka": partial(with_heyoka, gathered, features),
        }
        row = _row(f"bundle adjustment: the same gathered beforehand, {count:,}", count, ())
        rows.append(measured(row, alone, systems, expected, effort))
    return rows


def _row(name: str, count: int, targets: tuple[Target, ...], headline: bool = False) -> Row:
    return Row(name, targets=targets, items=count, bytes=BYTES * count, flops=FLOPS * count, headline=headline)
