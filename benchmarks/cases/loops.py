"""Programs whose loops are in the kernel: descents, a differential equation, a recurrent network, a filter."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.measure import Builder, Call, Effort, Row, Target, measured
from benchmarks.namespaces import numpy_of
from benchmarks.native import calling
from benchmarks.systems import load

#: How each system spells NumPy, loops and gradients: ``np``, ``fori_loop``, ``scan``, ``grad(f, argnums)``.
System = SimpleNamespace


# ---------------------------------------------------------------- the programs, written once
# The second parameter is a number's text: in the function it becomes a literal, where a captured float would be an input.


def regression(s: System, rate: str) -> Callable[..., Any]:
    """A straight line by 500 epochs of gradient descent."""

    def fitted(x, y):
        slope = s.grad(lambda b: s.np.mean((b[0] + b[1] * x - y) ** 2), 0)
        return s.fori_loop(0, 500, lambda i, b: b - float(rate) * slope(b), s.np.zeros(2))

    return fitted


def fit(s: System, rate: str) -> Callable[..., Any]:
    """A cubic by 1,000 steps."""

    def fitted(x, y, start):
        slope = s.grad(lambda p: s.np.sum((p[0] + p[1] * x + p[2] * x**2 + p[3] * x**3 - y) ** 2), 0)
        return s.fori_loop(0, 1000, lambda i, p: p - float(rate) * slope(p), start)

    return fitted


def network(s: System, rate: str) -> Callable[..., Any]:
    """Two sigmoid layers by 10,000 iterations."""

    def trained(x, y, first, second):
        def loss(first, second):
            inner = 1 / (1 + s.np.exp(-(x @ first)))
            return s.np.sum((1 / (1 + s.np.exp(-(inner @ second))) - y) ** 2) / 2

        def step(i, weights):
            d_first, d_second = s.grad(loss, (0, 1))(*weights)
            return weights[0] - float(rate) * d_first, weights[1] - float(rate) * d_second

        return s.fori_loop(0, 10_000, step, (first, second))

    return trained


def runge_kutta(s: System, state: Any, p: Any, h: float) -> Any:
    """A step of the Lorenz system."""

    def lorenz(state):
        x, y, z = state[0], state[1], state[2]
        return s.np.stack([p[0] * (y - x), x * (p[1] - z) - y, x * y - p[2] * z])

    first = lorenz(state)
    second = lorenz(state + h / 2 * first)
    third = lorenz(state + h / 2 * second)
    fourth = lorenz(state + h * third)
    return state + h / 6 * (first + 2 * second + 2 * third + fourth)


def integration(s: System, h: str) -> Callable[..., Any]:
    """The gradient of the final state's squared length, after 1,000 RK4 steps, to the initial state and the parameters."""

    def energy(state, p):
        final = s.fori_loop(0, 1000, lambda i, state: runge_kutta(s, state, p, float(h)), state)
        return s.np.sum(final**2)

    return s.grad(energy, (0, 1))  # type: ignore[no-any-return]


#: The parameters of the Lorenz system where they are literals.
LORENZ = (10.0, 28.0, 8 / 3)


def states(s: System, h: str, steps: int = 1000) -> Callable[..., Any]:
    """Where so many steps lead from each of many initial states."""

    def final(state):
        return s.fori_loop(0, steps, lambda i, state: runge_kutta(s, state, LORENZ, float(h)), state)

    return s.vmap(final)  # type: ignore[no-any-return]


def states_gradient(s: System, h: str, steps: int = 100) -> Callable[..., Any]:
    """The gradient of each final state's squared length to its initial state."""

    def energy(state):
        final = s.fori_loop(0, steps, lambda i, state: runge_kutta(s, state, LORENZ, float(h)), state)
        return s.np.sum(final**2)

    return s.vmap(s.grad(energy, 0))  # type: ignore[no-any-return]


def lstm_loss(s: System, scale: str) -> Callable[..., Any]:
    """The mean squared error of an LSTM cell over a sequence."""

    def loss(of_input, of_state, bias, xs, targets):
        n = of_state.shape[1]

        def sigmoid(z):
            return 1 / (1 + s.np.exp(-z))

        def step(carry, x):
            h, c = carry
            z = of_input @ x + of_state @ h + bias
            c = sigmoid(z[n : 2 * n]) * c + sigmoid(z[:n]) * s.np.tanh(z[2 * n : 3 * n])
            h = sigmoid(z[3 * n :]) * s.np.tanh(c)
            return (h, c), h

        _, hs = s.scan(step, (s.np.zeros(n), s.np.zeros(n)), xs)
        return float(scale) * s.np.mean((hs - targets) ** 2)

    return loss


def lstm_gradient(s: System, scale: str) -> Callable[..., Any]:
    """Its gradient in all weights."""
    return s.grad(lstm_loss(s, scale), (0, 1, 2))  # type: ignore[no-any-return]


def filtered(s: System, start: str) -> Callable[..., Any]:
    """y[t] = a y[t-1] + x[t]."""

    def filtered(a, x):
        def step(before, entry):
            y = a * before + entry
            return y, y

        return s.scan(step, float(start), x)[1]

    return filtered


def filter_gradient(s: System, start: str) -> Callable[..., Any]:
    """The gradient of the sum of its squares to a and x."""
    y = filtered(s, start)
    return s.grad(lambda a, x: s.np.sum(y(a, x) ** 2), (0, 1))  # type: ignore[no-any-return]


# ---------------------------------------------------------------- the systems


def _gradc() -> System:
    gradc = load("gradc")
    return System(
        np=np,
        fori_loop=gradc.fori_loop,
        scan=gradc.scan,
        grad=lambda f, argnums: gradc.grad(f, argnums=argnums),
        vmap=gradc.vmap,
    )


def _jax() -> System:
    jax = load("jax")
    return System(np=jax.numpy, fori_loop=jax.lax.fori_loop, scan=jax.lax.scan, grad=jax.grad, vmap=jax.vmap)


def _torch() -> System:
    """Eager: the loops are Python's."""
    torch = load("torch")

    def fori_loop(lower: int, upper: int, body: Callable[..., Any], init: Any) -> Any:
        for i in range(lower, upper):
            init = body(i, init)
        return init

    def scan(body: Callable[..., Any], carry: Any, xs: Any) -> tuple[Any, Any]:
        found = []
        for x in xs:
            carry, y = body(carry, x)
            found.append(y)
        return carry, torch.stack(found)

    namespace = System(**{name: getattr(torch, name) for name in ("exp", "tanh", "stack", "mean")})
    namespace.zeros = partial(torch.zeros, dtype=torch.float64)
    namespace.sum = numpy_of("torch").sum
    return System(np=namespace, fori_loop=fori_loop, scan=scan, grad=torch.func.grad, vmap=torch.func.vmap)


@dataclass(frozen=True)
class Program:
    """A program with a parameter that a first call varies, its arguments, what it is compared with."""

    title: str
    make: Callable[[System, str], Callable[..., Any]]
    parameter: str
    arguments: tuple[Any, ...]
    own: dict[str, Builder] = field(default_factory=dict)
    targets: tuple[Target, ...] = ()
    #: whether eager tensors take part: not where they need seconds
    eager: bool = False

    def builders(self) -> dict[str, Builder]:
        """All candidates."""
        builders: dict[str, Builder] = {"gradc": self.with_gradc, "jax": self.with_jax} | self.own
        return builders | ({"torch": self.with_torch} if self.eager else {})

    def with_gradc(self) -> Call:
        """Called as a user calls it."""
        return Call(load("gradc").jit(self.make(_gradc(), self.parameter)), *self.arguments)

    def with_jax(self) -> Call:
        """Under ``jax.jit``, on arrays that are on the device already."""
        jax = load("jax")
        step = jax.jit(self.make(_jax(), self.parameter))
        on_device = [jax.numpy.asarray(a) for a in self.arguments]
        return Call(lambda: jax.block_until_ready(step(*on_device)))

    def with_torch(self) -> Call:
        """Eager."""
        torch = load("torch")
        return Call(self.make(_torch(), self.parameter), *(torch.as_tensor(a) for a in self.arguments))

    def first_calls(self) -> dict[str, Builder]:
        """Candidates that each time compile a program never seen before, and call it once."""
        parameters = (repr(float(self.parameter) * (1 + 1e-13 * k) + 1e-300 * k) for k in itertools.count(1))

        def again(system: str) -> Any:
            return replace(self, parameter=next(parameters)).builders()[system]()()

        return {system: partial(Call, again, system) for system in ("gradc", "jax")}


def programs(quick: bool) -> list[Program]:
    """All of them."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal(100)
    y = 1 + 2 * x + 0.1 * rng.standard_normal(100)
    wave = np.linspace(-np.pi, np.pi, 2000)
    start = rng.standard_normal(4) / 10
    rows = np.array([[0.0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    labels = np.array([[0.0], [1], [1], [0]])
    weights = 2 * rng.random((3, 4)) - 1, 2 * rng.random((4, 1)) - 1
    state, parameters = np.array([1.0, 2.0, 3.0]), np.array([10.0, 28.0, 8 / 3])
    samples = rng.standard_normal(10**3 if quick else 10**6)
    many = rng.standard_normal((20 if quick else 1000, 3))
    n, m, steps = (4, 3, 5) if quick else (64, 32, 100)
    cell = (
        rng.standard_normal((4 * n, m)) / 10,
        rng.standard_normal((4 * n, n)) / 10,
        np.zeros(4 * n),
        rng.standard_normal((steps, m)),
        rng.standard_normal((steps, n)),
    )

    def in_c(name: str, *arguments: Any) -> dict[str, Builder]:
        return {"C": calling("loops", name, *arguments)}

    wave_data, layers = (wave, np.sin(wave), start), (rows, labels, *weights)
    return [
        Program("linear regression, 500 epochs in the kernel", regression, "0.1", (x, y),
                in_c("regression", x, y, 500, 0.1), (Target(1.3, "C"),), eager=True),
        Program("cubic fit of 2,000 points, 1,000 steps", fit, "1e-6", wave_data,
                in_c("fit", *wave_data, 1000, 1e-6), (Target(1.3, "C"),)),
        Program("network 3-4-1, 10,000 iterations", network, "1.0", layers,
                in_c("network", *layers, 10_000), (Target(1.2, "C"),)),
        Program("RK4, 1,000 steps: gradient", integration, "1e-3", (state, parameters),
                in_c("integration", state, parameters, 1000, 1e-3), (Target(1.3, "C"),)),
        Program(f"RK4, 1,000 steps from {len(many):,} states", states, "1e-3", (many,),
                in_c("states", many, 1000, 1e-3), (Target(1.3, "C"),)),
        Program(f"RK4, 100 steps from {len(many):,} states: gradients", states_gradient, "1e-3", (many,),
                in_c("states_gradient", many, 100, 1e-3), (Target(1.3, "C"),)),
        Program(f"LSTM {m}-{n}, {steps} steps: loss", lstm_loss, "1.0", cell, eager=True),
        Program(f"LSTM {m}-{n}, {steps} steps: gradient", lstm_gradient, "1.0", cell,
                targets=(Target(0.48, "jax"),), eager=True),
        Program(f"recursive filter, {len(samples):,} samples", filtered, "0.0", (0.9, samples),
                in_c("filter", 0.9, samples), (Target(1.3, "C"),)),
        Program(f"recursive filter, {len(samples):,} samples: gradient", filter_gradient, "0.0", (0.9, samples),
                in_c("filter_gradient", 0.9, samples), (Target(1.3, "C"),)),
    ]  # fmt: skip


def run(systems: Collection[str], effort: Effort) -> list[Row]:
    """Each program, and from a program never seen before to its first result."""
    rows = []
    every = programs(effort.is_quick)
    for program in every:
        row = Row(program.title, targets=program.targets, headline=True)
        rows.append(measured(row, program.builders(), systems, _reference(program), effort, 1e-6))
    for program in every:
        row = Row(f"first call: {program.title}", targets=(Target(60e-3),))
        first = replace(effort.one_call(), rounds=min(effort.rounds, 10), candidate_seconds=3.0)
        rows.append(measured(row, program.first_calls(), systems, _reference(program), first, 1e-6))
    return rows


def _reference(program: Program) -> Any:
    """What C gives, or where there is none what torch or jax gives."""
    for builder in (program.own.get("C"), program.with_torch, program.with_jax, program.with_gradc):
        try:
            if builder is not None:
                return builder()()
        except ImportError:
            continue
    raise RuntimeError(f"nothing to compare {program.title} with")
