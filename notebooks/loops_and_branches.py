# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Loops, branches and rules of one's own
#
# Loops are part of the kernel: a fit, an orbit or a filter runs without returning to Python, and is differentiated as a whole.

# %%
import matplotlib.pyplot as plt
import numpy as np

import gradc

rng = np.random.default_rng(0)

# %% [markdown]
# ## Gradient descent inside one kernel

# %%
x = rng.standard_normal(100)
y = 1 + 2 * x + 0.1 * rng.standard_normal(100)


@gradc.jit
def fitted(x, y, rate):
    slope = gradc.grad(lambda b: np.mean((b[0] + b[1] * x - y) ** 2))
    return gradc.fori_loop(0, 500, lambda i, b: b - rate * slope(b), np.zeros(2))


exact = np.linalg.lstsq(np.column_stack([np.ones(100), x]), y, rcond=None)[0]
assert np.allclose(fitted(x, y, 0.1), exact)
print(fitted(x, y, 0.1).round(6))

# %% [markdown]
# ## How an orbit depends on its start
#
# The Lorenz system by the classical Runge-Kutta method. The tangent of the start grows with the distance of two orbits.


# %%
def lorenz(state):
    x, y, z = state
    return np.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])


def step(state, h=0.01):
    first = lorenz(state)
    second = lorenz(state + h / 2 * first)
    third = lorenz(state + h / 2 * second)
    fourth = lorenz(state + h * third)
    return state + h / 6 * (first + 2 * second + 2 * third + fourth)


def orbit(start):
    return gradc.scan(lambda s, _: (step(s), s), start, length=2000)[1]


start = np.array([1.0, 2.0, 3.0])
path, tangent = gradc.jvp(orbit, (start,), (np.array([1.0, 0.0, 0.0]),))

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
left.plot(path[:, 0], path[:, 2], linewidth=0.6)
left.set_xlabel("$x$")
left.set_ylabel("$z$")
right.semilogy(0.01 * np.arange(2000), np.linalg.norm(tangent, axis=1))
right.set_xlabel("$t$")
right.set_ylabel("length of the tangent")
figure.tight_layout()
plt.show()

# %% [markdown]
# ## A long loop backwards: memory
#
# Reverse mode keeps what the adjoint of each step reads. With `checkpoint=True` it keeps a state per segment of about the
# square root of the steps, and computes the rest again.


# %%
def height(start, steps, kept):
    return gradc.fori_loop(0, steps, lambda i, s: step(s, 1e-5), start, checkpoint=kept)[2]


every, few = (gradc.grad(height, static_argnums=(1, 2)) for _ in range(2))
assert np.allclose(every(start, 100_000, False), few(start, 100_000, True))
for name, gradient in (("all steps", every), ("segments", few)):
    print(f"{name}: {gradient.cost().workspace_bytes / 1e3:,.0f} kB")

# %% [markdown]
# ## A recursive filter and its adjoint

# %%
noise = rng.standard_normal(300)


@gradc.jit
def smoothed(a, x):
    return gradc.scan(lambda before, v: (a * before + (1 - a) * v,) * 2, 0.0, x)[1]


loss = gradc.value_and_grad(lambda a: np.mean((smoothed(a, noise) - 0.1) ** 2))
for a in (0.5, 0.9, 0.99):
    print(a, *np.round(loss(a), 6))

# %% [markdown]
# ## Plain Python: `while` and `if`


# %%
def cube_root(a):
    x = a if a > 1 else 1.0
    while abs(x**3 - a) > 1e-12 * a:
        x = x - (x**3 - a) / (3 * x**2)
    return x


assert np.isclose(gradc.jit(cube_root)(27.0), 3)
print(gradc.jit(cube_root)(27.0), gradc.grad(cube_root)(27.0), "1 / 27 =", 1 / 27)

# %% [markdown]
# ## A rule of one's own
#
# The derivative of $\log(1 + e^x)$ as written is $e^x / (1 + e^x)$, infinity over infinity where $x$ is large.


# %%
@gradc.custom_derivative
def log1pexp(x):
    return np.where(x < 30, np.log1p(np.exp(np.minimum(x, 30.0))), x)


@log1pexp.defjvp
def rule(primals, tangents):
    (x,), (dx,) = primals, tangents
    return log1pexp(x), dx / (1 + np.exp(-x))


assert gradc.grad(log1pexp)(1000.0) == 1
print(gradc.grad(log1pexp)(0.0), gradc.grad(log1pexp)(1000.0), gradc.grad(gradc.grad(log1pexp))(0.0))

# %% [markdown]
# ## A root and its derivative
#
# Kepler's equation $E - e \sin E = M$, solved by Newton's method in the kernel and differentiated by the implicit function
# theorem: $dE/dM = 1 / (1 - e \cos E)$.

# %%
anomaly = gradc.root(lambda angle, mean, e: angle - e * np.sin(angle) - mean, 1.0)
angle = anomaly(1.3, 0.4)
assert np.isclose(gradc.grad(anomaly)(1.3, 0.4), 1 / (1 - 0.4 * np.cos(angle)))
print(angle, gradc.grad(anomaly)(1.3, 0.4))
