"""Three sinusoids fitted in amplitude and clamped frequency: six gradients through |.| and min."""

from __future__ import annotations

import numpy as np

import gradc

X = np.arange(100) / 100
DATA = 5 * np.cos(20 * np.pi * X + np.pi / 2) + 4 * np.cos(10 * np.pi * X) + 2 * np.cos(6 * np.pi * X - np.pi / 2)
TRUTH = np.array([-5.0, 4.0, 2.0, 10.0, 5.0, 3.0])
HIGHEST = 20.0


def clamped(frequency):
    return np.minimum(np.abs(frequency), HIGHEST)


def model(A, B, C, L, M, N, x):
    return (
        A * np.sin(2 * np.pi * clamped(L) * x)
        + B * np.cos(2 * np.pi * clamped(M) * x)
        + C * np.sin(2 * np.pi * clamped(N) * x)
    )


def loss(A, B, C, L, M, N):
    return np.mean((model(A, B, C, L, M, N, X) - DATA) ** 2)


def by_hand(A, B, C, L, M, N):
    clamped_L, clamped_M, clamped_N = clamped(L), clamped(M), clamped(N)
    two_pi_x = 2 * np.pi * X
    residual = 2 * (model(A, B, C, L, M, N, X) - DATA) / 100
    inside = [np.sign(value) * (abs(value) < HIGHEST) for value in (L, M, N)]
    return (
        residual @ np.sin(two_pi_x * clamped_L),
        residual @ np.cos(two_pi_x * clamped_M),
        residual @ np.sin(two_pi_x * clamped_N),
        inside[0] * (residual @ (A * two_pi_x * np.cos(two_pi_x * clamped_L))),
        inside[1] * (residual @ (-B * two_pi_x * np.sin(two_pi_x * clamped_M))),
        inside[2] * (residual @ (C * two_pi_x * np.cos(two_pi_x * clamped_N))),
    )


GRADIENT = gradc.grad(loss, argnums=tuple(range(6)))


def test_the_truth_has_no_loss():
    assert gradc.jit(loss)(*TRUTH) < 1e-24


def test_gradient_in_all_six(rng):
    for _ in range(3):
        point = TRUTH * (1 + 0.3 * rng.standard_normal(6))
        np.testing.assert_allclose(GRADIENT(*point), by_hand(*point), rtol=1e-10)


def test_clamps():
    point = (-5.0, 4.0, 2.0, -10.5, 25.0, 3.1)
    gradient = GRADIENT(*point)
    np.testing.assert_allclose(gradient, by_hand(*point), rtol=1e-10)
    assert gradient[4] == 0.0


def test_descent_reaches_the_truth():
    point = TRUTH * np.array([1.02, 0.98, 1.01, 1.01, 0.985, 1.02])
    for _ in range(4000):
        point = point - 2e-3 * np.array(GRADIENT(*point))
    assert loss(*point) < 1e-6
    np.testing.assert_allclose(point, TRUTH, rtol=1e-3)
