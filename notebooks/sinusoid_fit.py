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
# # Three sinusoids, six parameters
#
# $A \sin 2\pi L x + B \cos 2\pi M x + C \sin 2\pi N x$ fitted to data, with the frequencies clamped by $|\cdot|$ and
# $\min$: functions with kinks are differentiated too.

# %%
import matplotlib.pyplot as plt
import numpy as np

import gradc

x = np.arange(100) / 100
data = 5 * np.cos(20 * np.pi * x + np.pi / 2) + 4 * np.cos(10 * np.pi * x) + 2 * np.cos(6 * np.pi * x - np.pi / 2)


def clamped(frequency):
    return np.minimum(np.abs(frequency), 20.0)


def model(A, B, C, L, M, N):
    first = A * np.sin(2 * np.pi * clamped(L) * x)
    second = B * np.cos(2 * np.pi * clamped(M) * x)
    third = C * np.sin(2 * np.pi * clamped(N) * x)
    return first + second + third


def loss(A, B, C, L, M, N):
    return np.mean((model(A, B, C, L, M, N) - data) ** 2)


truth = np.array([-5.0, 4.0, 2.0, 10.0, 5.0, 3.0])
start = truth * np.array([1.02, 0.98, 1.01, 1.01, 0.985, 1.02])
step = gradc.value_and_grad(loss, argnums=tuple(range(6)))
value, gradient = step(*start)
print(value)
print(np.round(gradient, 3))

# %% [markdown]
# Started near the truth, plain gradient descent finds it.

# %%
point, losses = start, []
for _ in range(4000):
    value, gradient = step(*point)
    point = point - 2e-3 * np.array(gradient)
    losses.append(value)
assert losses[-1] < 1e-6
print("loss", losses[-1])
print("found", np.round(point, 4))

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
left.plot(x, data, "k.", label="data")
left.plot(x, model(*start), alpha=0.6, label="start")
left.plot(x, model(*point), label="found")
left.legend(frameon=False)
right.semilogy(losses)
right.set_xlabel("step")
right.set_ylabel("mean squared error")
figure.tight_layout()
plt.show()

# %% [markdown]
# A frequency beyond the clamp has no influence, so its derivative is zero; a negative one counts by its size.

# %%
_, gradient = step(-5.0, 4.0, 2.0, -10.5, 25.0, 3.1)
assert gradient[4] == 0
print(np.round(gradient, 3))
