"""Programs whose loops are in the kernel: fitting, integrating, filtering; each against an independent reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.linalg import solve
from scipy.signal import lfilter

import gradc


@pytest.fixture(autouse=True)
def long_runs_by_the_kernel_alone(request, monkeypatch):
    """What is long has its own reference: the evaluator would take hours."""
    if request.node.get_closest_marker("slow"):
        monkeypatch.setenv("GRADC_CHECK", "0")


def complex_step(function: Callable[..., Any], *arguments: Any, step: float = 1e-30) -> list[Any]:
    """The gradient of a number by the imaginary part of a step of 1e-30: exact to rounding, in plain NumPy."""
    gradients = []
    for k, argument in enumerate(arguments):
        gradient = np.empty(np.shape(argument))
        for place in np.ndindex(gradient.shape):
            moved = np.array(argument, dtype=complex)
            moved[place] += 1j * step
            gradient[place] = np.imag(function(*arguments[:k], moved, *arguments[k + 1 :])) / step
        gradients.append(gradient)
    return gradients


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# ---------------------------------------------------------------- gradient descent


def test_linear_regression_in_one_kernel(rng):
    x = rng.standard_normal(100)
    y = 1 + 2 * x + 0.1 * rng.standard_normal(100)

    @gradc.jit
    def fitted(x, y, rate):
        slope = gradc.grad(lambda b: np.mean((b[0] + b[1] * x - y) ** 2))
        return gradc.fori_loop(0, 500, lambda i, b: b - rate * slope(b), np.zeros(2))

    b = np.zeros(2)
    for _ in range(500):
        residual = b[0] + b[1] * x - y
        b = b - 0.1 * 2 * np.array([residual.mean(), (residual * x).mean()])
    np.testing.assert_allclose(fitted(x, y, 0.1), b, rtol=1e-12)
    exact, *_ = np.linalg.lstsq(np.column_stack([np.ones(100), x]), y, rcond=None)
    np.testing.assert_allclose(fitted(x, y, 0.1), exact, rtol=1e-10)


def test_how_a_fit_depends_on_its_data(rng):
    """The derivative through the descent is that of the least-squares solution, which is linear in y."""
    x, y = rng.standard_normal(20), rng.standard_normal(20)

    def fitted(y):
        slope = gradc.grad(lambda b: np.mean((b[0] + b[1] * x - y) ** 2))
        return gradc.fori_loop(0, 500, lambda i, b: b - 0.2 * slope(b), np.zeros(2))

    exact = np.linalg.pinv(np.column_stack([np.ones(20), x]))
    np.testing.assert_allclose(gradc.jacobian(fitted)(y), exact, atol=1e-10)
    np.testing.assert_allclose(gradc.grad(lambda y: fitted(y)[1])(y), exact[1], atol=1e-10)


def test_a_cubic_fitted_to_the_sine():
    x = np.linspace(-np.pi, np.pi, 2000)
    y = np.sin(x)

    @gradc.jit
    def fitted(x, y, start):
        slope = gradc.grad(lambda p: np.sum((p[0] + p[1] * x + p[2] * x**2 + p[3] * x**3 - y) ** 2))
        return gradc.fori_loop(0, 1000, lambda i, p: p - 1e-6 * slope(p), start)

    p = np.array([0.1, -0.2, 0.3, 0.0])
    actual = fitted(x, y, p)
    for _ in range(1000):
        twice = 2 * (p[0] + p[1] * x + p[2] * x**2 + p[3] * x**3 - y)
        p = p - 1e-6 * np.array([twice.sum(), (twice * x).sum(), (twice * x**2).sum(), (twice * x**3).sum()])
    np.testing.assert_allclose(actual, p, rtol=1e-11)


INPUTS = np.array([[0.0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
LABELS = np.array([[0.0], [1], [1], [0]])


@pytest.mark.parametrize("iterations", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_network_of_two_layers_trained_in_one_kernel(iterations, rng):
    weights = 2 * rng.random((3, 4)) - 1, 2 * rng.random((4, 1)) - 1

    def loss(weights):
        return np.sum((sigmoid(sigmoid(INPUTS @ weights[0]) @ weights[1]) - LABELS) ** 2) / 2

    @gradc.jit
    def trained(first, second):
        def step(i, weights):
            d_first, d_second = gradc.grad(loss)(weights)
            return weights[0] - d_first, weights[1] - d_second

        return gradc.fori_loop(0, iterations, step, (first, second))

    actual = trained(*weights)
    first, second = weights
    for _ in range(iterations):
        inner = sigmoid(INPUTS @ first)
        outer = sigmoid(inner @ second)
        d_outer = (outer - LABELS) * outer * (1 - outer)
        d_inner = (d_outer @ second.T) * inner * (1 - inner)
        first, second = first - INPUTS.T @ d_inner, second - inner.T @ d_outer
    np.testing.assert_allclose(actual[0], first, rtol=1e-7)
    np.testing.assert_allclose(actual[1], second, rtol=1e-7)
    if iterations == 10_000:
        assert np.max(np.abs(sigmoid(sigmoid(INPUTS @ actual[0]) @ actual[1]) - LABELS)) < 0.05


# ---------------------------------------------------------------- differential equations


def lorenz(state, parameters):
    (x, y, z), (sigma, rho, beta) = state, parameters
    return np.stack([sigma * (y - x), x * (rho - z) - y, x * y - beta * z])


def three_bodies(state, masses):
    """Positions and velocities in the plane, (2, 3, 2); a little softened."""
    position, velocity = state[0], state[1]
    apart = position[None, :, :] - position[:, None, :]
    cubed = (np.sum(apart**2, axis=2) + 1e-4) ** 1.5
    return np.stack([velocity, np.sum(masses[None, :, None] * apart / cubed[:, :, None], axis=1)])


def rk4(field, state, parameters, h):
    """One step of the classical method."""
    first = field(state, parameters)
    second = field(state + h / 2 * first, parameters)
    third = field(state + h / 2 * second, parameters)
    fourth = field(state + h * third, parameters)
    return state + h / 6 * (first + 2 * second + 2 * third + fourth)


ANGLES = 2 * np.pi * np.arange(3) / 3
TRIANGLE = np.stack(
    [
        np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1),
        0.7 * np.stack([-np.sin(ANGLES), np.cos(ANGLES)], axis=1),
    ]
)
SYSTEMS = {
    "lorenz": (lorenz, np.array([1.0, 2.0, 3.0]), np.array([10.0, 28.0, 8 / 3]), 1e-3),
    "three bodies": (three_bodies, TRIANGLE, np.array([1.0, 0.9, 1.1]), 1e-3),
}
EACH_SYSTEM = pytest.mark.parametrize("system", SYSTEMS)


def integrated(system: str, steps: int) -> Callable[[Any, Any], Any]:
    """The sum of squares of the final state, the loop in the kernel."""
    field, _, _, h = SYSTEMS[system]

    def energy(state, parameters):
        final = gradc.fori_loop(0, steps, lambda i, s: rk4(field, s, parameters, h), state)
        return np.sum(final**2)

    return energy


def in_rows(system: str, outer: int, inner: int) -> Callable[[Any, Any], Any]:
    """The same over outer * inner steps, of which reverse mode keeps a state every ``inner`` steps."""
    field, _, _, h = SYSTEMS[system]

    def energy(state, parameters):
        def row(state, parameters):
            return gradc.fori_loop(0, inner, lambda i, s: rk4(field, s, parameters, h), state)

        final, _ = gradc.scan(lambda s, _: (gradc.checkpoint(row)(s, parameters), None), state, length=outer)
        return np.sum(final**2)

    return energy


def in_numpy(system: str, steps: int) -> Callable[[Any, Any], Any]:
    field, _, _, h = SYSTEMS[system]

    def energy(state, parameters):
        for _ in range(steps):
            state = rk4(field, state, parameters, h)
        return np.sum(state**2)

    return energy


@EACH_SYSTEM
@pytest.mark.parametrize("steps", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_runge_kutta_and_its_gradient(steps, system):
    _, state, parameters, _ = SYSTEMS[system]
    energy, reference = integrated(system, steps), in_numpy(system, steps)
    np.testing.assert_allclose(gradc.jit(energy)(state, parameters), reference(state, parameters), rtol=1e-11)
    ours = gradc.grad(energy, argnums=(0, 1))(state, parameters)
    for actual, expected in zip(ours, complex_step(reference, state, parameters), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-9)


@EACH_SYSTEM
def test_checkpoints_give_the_same_gradient_in_less_memory(system):
    _, state, parameters, _ = SYSTEMS[system]
    plain = gradc.grad(integrated(system, 144), argnums=(0, 1))
    kept = gradc.grad(in_rows(system, 12, 12), argnums=(0, 1))
    for actual, expected in zip(kept(state, parameters), plain(state, parameters), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-9)
    assert kept.cost().workspace_bytes < plain.cost().workspace_bytes / 4


@pytest.mark.slow
@EACH_SYSTEM
def test_a_hundred_thousand_steps(system):
    """Over steps that are a hundred times shorter; memory is that of the residuals, and with checkpoints of their root."""
    field, state, parameters, h = SYSTEMS[system]
    steps, shorter = 100_000, h / 100

    def step(s, parameters):
        return rk4(field, s, parameters, shorter)

    def plain(state, parameters):
        return np.sum(gradc.fori_loop(0, steps, lambda i, s: step(s, parameters), state) ** 2)

    def kept(state, parameters):
        row = gradc.checkpoint(lambda s, p: gradc.fori_loop(0, 400, lambda i, s: step(s, p), s))
        return np.sum(gradc.scan(lambda s, _: (row(s, parameters), None), state, length=250)[0] ** 2)

    ours = [gradc.grad(f, argnums=(0, 1)) for f in (plain, kept)]
    every, few = ours[0](state, parameters), ours[1](state, parameters)
    # the longer steps reach the same time: their derivative differs by their error only
    near = gradc.grad(integrated(system, 1000), argnums=(0, 1))(state, parameters)
    for a, b, c in zip(every, few, near, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(a, c, rtol=1e-6, atol=1e-6)
    values = steps * state.size
    assert ours[0].cost().workspace_bytes < 8 * 100 * values
    assert ours[1].cost().workspace_bytes < 2e6


# ---------------------------------------------------------------- sequences


def lstm_step(h, c, x, weights):
    of_input, of_state, bias = weights
    n = len(h)
    z = of_input @ x + of_state @ h + bias
    c = sigmoid(z[n : 2 * n]) * c + sigmoid(z[:n]) * np.tanh(z[2 * n : 3 * n])
    return sigmoid(z[3 * n :]) * np.tanh(c), c


def test_an_lstm_over_a_sequence(rng):
    n, m, steps = 4, 3, 7
    weights = (0.5 * rng.standard_normal((4 * n, m)), 0.5 * rng.standard_normal((4 * n, n)), rng.standard_normal(4 * n))
    xs, targets = rng.standard_normal((steps, m)), rng.standard_normal((steps, n))

    def loss(of_input, of_state, bias, xs):
        def step(carry, x):
            h, c = lstm_step(*carry, x, (of_input, of_state, bias))
            return (h, c), h

        _, outputs = gradc.scan(step, (np.zeros(n), np.zeros(n)), xs)
        return np.mean((outputs - targets) ** 2)

    def reference(of_input, of_state, bias, xs):
        h, c, total = np.zeros(n), np.zeros(n), 0.0
        for x, target in zip(xs, targets, strict=True):
            h, c = lstm_step(h, c, x, (of_input, of_state, bias))
            total = total + np.sum((h - target) ** 2)
        return total / targets.size

    arguments = (*weights, xs)
    value, gradients = gradc.value_and_grad(loss, argnums=(0, 1, 2, 3))(*arguments)
    np.testing.assert_allclose(value, reference(*arguments), rtol=1e-13)
    for actual, expected in zip(gradients, complex_step(reference, *arguments), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-14)


def test_the_likelihood_of_a_kalman_filter(rng):
    """A particle that drifts, seen with noise; the reference is the density of all observations taken together."""
    steps, dt = 25, 0.3
    move, seen = np.array([[1.0, dt], [0.0, 1.0]]), np.array([1.0, 0.0])
    shape = np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
    ys = np.cumsum(rng.standard_normal(steps))

    def log_likelihood(logs, ys):
        drift, noise = np.exp(logs[0]), np.exp(logs[1])

        def step(carry, y):
            mean, cov, total = carry
            mean, cov = move @ mean, move @ cov @ move.T + drift * shape
            spread = seen @ cov @ seen + noise
            gain, residual = cov @ seen / spread, y - seen @ mean
            total = total - 0.5 * (np.log(2 * np.pi * spread) + residual**2 / spread)
            return (mean + gain * residual, cov - np.outer(gain, seen @ cov), total), None

        (_, _, total), _ = gradc.scan(step, (np.zeros(2), np.eye(2), 0.0), ys)
        return total

    def together(logs, ys):
        drift, noise = np.exp(logs[0]), np.exp(logs[1])
        covs, cov = [], np.eye(2)
        for _ in range(steps):
            cov = move @ cov @ move.T + drift * shape
            covs.append(cov)
        joint = np.empty((steps, steps), dtype=np.result_type(logs, float))
        for i in range(steps):
            across = covs[i]
            for j in range(i, steps):
                joint[i, j] = joint[j, i] = across[0, 0]
                across = across @ move.T
        joint = joint + noise * np.eye(steps)
        sign, log_det = np.linalg.slogdet(joint)
        return -0.5 * (ys @ solve(joint, ys) + log_det + np.log(sign) + steps * np.log(2 * np.pi))

    logs = np.log([0.4, 0.2])
    np.testing.assert_allclose(gradc.jit(log_likelihood)(logs, ys), together(logs, ys), rtol=1e-11)
    expected = complex_step(together, logs, ys)
    ours = gradc.grad(log_likelihood, argnums=(0, 1))(logs, ys)
    np.testing.assert_allclose(ours[0], expected[0], rtol=1e-9)
    np.testing.assert_allclose(ours[1], expected[1], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("length", [1000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_a_recursive_filter(length, rng):
    """y[t] = a y[t-1] + x[t]; its adjoint is the same filter, run backwards."""
    x, a = rng.standard_normal(length), 0.9

    def filtered(a, x):
        def step(before, entry):
            y = a * before + entry
            return y, y

        return gradc.scan(step, 0.0, x)[1]

    y = lfilter([1.0], [1.0, -a], x)
    np.testing.assert_allclose(gradc.jit(filtered)(a, x), y, rtol=1e-10, atol=1e-11)
    by_a, by_x = gradc.grad(lambda a, x: np.sum(filtered(a, x) ** 2), argnums=(0, 1))(a, x)
    adjoint = lfilter([1.0], [1.0, -a], 2 * y[::-1])[::-1]
    np.testing.assert_allclose(by_x, adjoint, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(by_a, np.sum(adjoint[1:] * y[:-1]), rtol=1e-9)


# ---------------------------------------------------------------- roots and fields


def test_newtons_method_and_the_implicit_function_theorem():
    """Kepler's equation E - e sin E = M."""
    anomaly = gradc.root(lambda angle, mean, eccentricity: angle - eccentricity * np.sin(angle) - mean, 1.0)
    mean, eccentricity = 1.3, 0.4
    angle = anomaly(mean, eccentricity)
    assert abs(angle - eccentricity * np.sin(angle) - mean) < 1e-14
    slope = 1 - eccentricity * np.cos(angle)
    np.testing.assert_allclose(
        gradc.grad(anomaly, argnums=(0, 1))(mean, eccentricity), [1 / slope, np.sin(angle) / slope], rtol=1e-13
    )
    second = gradc.grad(gradc.grad(anomaly))(mean, eccentricity)
    np.testing.assert_allclose(second, -eccentricity * np.sin(angle) / slope**3, rtol=1e-12)


def test_the_root_of_a_system_and_its_derivative(rng):
    """x with A x + x^3 = b."""
    matrix = np.eye(3) * 4 + 0.5 * rng.standard_normal((3, 3))
    b = rng.standard_normal(3)
    solution = gradc.root(lambda x, matrix, b: matrix @ x + x**3 - b, np.zeros(3))
    x = solution(matrix, b)
    np.testing.assert_allclose(matrix @ x + x**3, b, atol=1e-13)
    slope = np.linalg.inv(matrix + np.diag(3 * x**2))
    np.testing.assert_allclose(gradc.jacobian(solution, argnums=1)(matrix, b), slope, rtol=1e-11, atol=1e-13)
    adjoint = slope.T @ np.ones(3)
    ours = gradc.grad(lambda m: np.sum(solution(m, b)))(matrix)
    np.testing.assert_allclose(ours, -np.outer(adjoint, x), rtol=1e-11, atol=1e-13)


def laplacian(u):
    """The five-point star, with a border of zeros."""
    wide = np.pad(u, 1)
    return wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:] - 4 * u


@pytest.mark.parametrize("size", [12, pytest.param(128, marks=pytest.mark.slow)])
def test_the_heat_equation_and_the_gradient_to_the_initial_field(size, rng):
    """A step is a symmetric matrix: the adjoint is 200 steps on the field of weights."""
    start, weights = rng.standard_normal((size, size)), rng.standard_normal((size, size))

    def final(u, conductivity):
        return gradc.fori_loop(0, 200, lambda i, u: u + conductivity * laplacian(u), u)

    def stepped(u, conductivity):
        for _ in range(200):
            u = u + conductivity * laplacian(u)
        return u

    np.testing.assert_allclose(gradc.jit(final)(start, 0.2), stepped(start, 0.2), rtol=1e-11, atol=1e-13)
    by_field, by_conductivity = gradc.grad(lambda u, c: np.sum(weights * final(u, c)), argnums=(0, 1))(start, 0.2)
    np.testing.assert_allclose(by_field, stepped(weights, 0.2), rtol=1e-11, atol=1e-13)
    expected = np.imag(np.sum(weights * stepped(start, 0.2 + 1e-30j))) / 1e-30
    np.testing.assert_allclose(by_conductivity, expected, rtol=1e-10)


def test_residuals_that_read_entries_of_other_residuals() -> None:
    """Each is kept whole or in parts, whatever the others read of it."""

    def total(x: Any, y: Any) -> Any:
        def step(_: Any, state: Any) -> Any:
            x, y = state
            a = np.sin(0.3 * x) - 0.5 * np.sinh(y * 0.2)
            b = np.stack([np.sinh(a[2]), np.log1p(a[1] * a[1]), np.exp(0.3 * x[2])])
            return b * 0.5, x[::-1] * np.arctan(0.3 * x[2])

        x, y = gradc.fori_loop(0, 3, step, (x, y))
        return np.sum(x**2 + y**2)

    point = np.array([0.3, -0.2, 0.5]), np.array([0.1, 0.7, -0.4])
    for reverse, forward in zip(
        gradc.grad(total, (0, 1))(*point), gradc.jacfwd(total, argnums=(0, 1))(*point), strict=True
    ):
        np.testing.assert_allclose(reverse, forward, rtol=1e-12, atol=1e-16)
