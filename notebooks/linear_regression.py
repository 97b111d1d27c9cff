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
# # Straight lines by gradient descent

# %%
import matplotlib.pyplot as plt
import numpy as np

import gradc


def loss(b, x, y):
    return np.mean((b[0] + b[1] * x - y) ** 2)


rng = np.random.default_rng(0)
x = rng.standard_normal(100)
y = 1.0 + 2.0 * x + 0.5 * rng.standard_normal(100)

gradient = gradc.grad(loss)
gradient.formula(gradc.vector(2), gradc.vector("n"), gradc.vector("n"))

# %%
b = np.zeros(2)
for _ in range(500):
    b = b - 0.1 * gradient(b, x, y)

exact, *_ = np.linalg.lstsq(np.column_stack([np.ones(100), x]), y, rcond=None)
assert np.allclose(b, exact, atol=1e-6)
print("descent      ", b)
print("least squares", exact)

# %% [markdown]
# In matrix form the formula is the one in the books.


# %%
def squares(w, X, y):
    return np.sum((X @ w - y) ** 2)


gradc.grad(squares).formula(gradc.vector("n"), gradc.matrix("m", "n"), gradc.vector("m"))

# %% [markdown]
# ## Seventeen points
#
# A sum of squares, rate $10^{-4}$, 500 steps; value and gradients come from one kernel.

# %%
X = np.array(
    [3.3, 4.4, 5.5, 6.71, 6.93, 4.168, 9.779, 6.182, 7.59, 2.167, 7.042, 10.791, 5.313, 7.997, 5.654, 9.27, 3.1]
)
Y = np.array(
    [1.7, 2.76, 2.09, 3.19, 1.694, 1.573, 3.366, 2.596, 2.53, 1.221, 2.827, 3.465, 1.65, 2.904, 2.42, 2.94, 1.3]
)


def sum_of_squares(w, b, x, y):
    return np.sum((w * x + b - y) ** 2)


step = gradc.value_and_grad(sum_of_squares, argnums=(0, 1))
w, b = 0.5, 0.0
losses = []
for _ in range(500):
    value, (dw, db) = step(w, b, X, Y)
    w, b = w - 1e-4 * dw, b - 1e-4 * db
    losses.append(value)
print(f"w = {w:.4f}, b = {b:.4f}, loss = {losses[-1]:.4f}")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3))
left.plot(X, Y, "o", X, w * X + b, "-")
left.set_xlabel("$x$")
right.semilogy(losses)
right.set_xlabel("step")
right.set_ylabel("sum of squares")
figure.tight_layout()
plt.show()
