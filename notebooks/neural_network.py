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
# # Backpropagation, proved
#
# Two layers of sigmoids learn exclusive-or. The well-known hand derivation is
#
# $$\delta_2 = (l_2 - y)\, l_2 (1 - l_2), \qquad \delta_1 = (\delta_2 S_1^\top)\, l_1 (1 - l_1),$$
#
# with gradients $l_1^\top \delta_2$ and $X^\top \delta_1$.

# %%
import matplotlib.pyplot as plt
import numpy as np

import gradc

X = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
y = np.array([[0.0], [1.0], [1.0], [0.0]])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def layers(S0, S1):
    l1 = sigmoid(X @ S0)
    return l1, sigmoid(l1 @ S1)


def loss(S0, S1):
    return np.sum((layers(S0, S1)[1] - y) ** 2) / 2


def deltas(S0, S1):
    l1, l2 = layers(S0, S1)
    delta2 = (l2 - y) * l2 * (1 - l2)
    delta1 = (delta2 @ S1.T) * l1 * (1 - l1)
    return X.T @ delta1, l1.T @ delta2


# %% [markdown]
# Are the deltas the gradient? Not at a few points: as expressions.

# %%
verdict = gradc.verify(loss, deltas, gradc.matrix(3, 4), gradc.matrix(4, 1), argnums=(0, 1))
assert verdict
print(verdict)

# %% [markdown]
# ## Training

# %%
rng = np.random.default_rng(1)
S0, S1 = 2 * rng.random((3, 4)) - 1, 2 * rng.random((4, 1)) - 1
step = gradc.value_and_grad(loss, argnums=(0, 1))
errors = []
for _ in range(5000):
    value, (g0, g1) = step(S0, S1)
    S0, S1 = S0 - g0, S1 - g1
    errors.append(value)
output = layers(S0, S1)[1]
assert np.mean(np.abs(output - y)) < 0.05
output.ravel().round(3)

# %%
figure, axes = plt.subplots(figsize=(6, 3))
axes.loglog(np.arange(1, 5001), errors)
axes.set_xlabel("step")
axes.set_ylabel("loss")
plt.show()
