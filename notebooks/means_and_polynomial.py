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
# # Means of polynomials, and a quartic
#
# Where the mean's $1/n$ goes is the usual slip. Three means over ones:

# %%
import matplotlib.pyplot as plt
import numpy as np

import gradc

print(gradc.grad(lambda x: np.mean(3 * (x + 2) ** 2))(np.ones((2, 2))))
print(gradc.grad(lambda x: np.mean(x + 2))(np.ones(5)))
print(gradc.grad(lambda x: np.mean(2 * (x + 5) ** 2))(np.ones((2, 2))))


# %% [markdown]
# ## A quartic
#
# A Python number in, Python numbers out: the value and the slope at 2.


# %%
def quartic(x):
    return 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1


print(gradc.value_and_grad(quartic)(2.0))
slope = gradc.grad(quartic)
print(slope.formula().latex())
slope.formula()

# %%
points = np.linspace(-1.5, 1.2, 200)
figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(points, quartic(points), label="$f$")
axes.plot(points, gradc.elementwise_grad(quartic)(points), label="$f'$")
axes.plot(points, gradc.elementwise_grad(gradc.elementwise_grad(quartic))(points), label="$f''$")
axes.legend(frameon=False)
plt.show()


# %% [markdown]
# ## A formula that reduces
#
# By hand the gradient of $\operatorname{mean}(2 (3x + 2)^2)$ over six entries is $12 (3x + 2) / 6$.


# %%
def scaled(x):
    return np.mean(2 * (3 * x + 2) ** 2)


x = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
value, gradient = gradc.value_and_grad(scaled)(x)
assert value == 140
print(value)
print(gradient)
gradc.grad(scaled).formula(gradc.matrix(2, 3))

# %%
verdict = gradc.verify(scaled, "12*(3*x + 2)/6", gradc.matrix(2, 3))
assert verdict
print(verdict)
