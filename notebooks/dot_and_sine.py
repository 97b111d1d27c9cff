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
# # A gradient, and a function that has none
#
# `gradc.grad` takes a plain NumPy function and gives the function that computes its gradient: derived symbolically,
# compiled to machine code at the first call.

# %%
import matplotlib.pyplot as plt
import numpy as np

import gradc


def f(x):
    return 2 * np.dot(x, x)


gradient = gradc.grad(f)
gradient(np.arange(4.0))

# %% [markdown]
# The same object shows what it computes, here for vectors of any length $n$.

# %%
gradient.formula(gradc.vector("n"))

# %% [markdown]
# ## An elementwise function
#
# The sine of 100 numbers is 100 numbers. That has a derivative at every point but no gradient, and the error says so.

# %%
x = np.linspace(-np.pi, np.pi, 100)
try:
    gradc.grad(np.sin)(x)
except gradc.NonScalarOutputError as error:
    print(str(error).splitlines()[0])

# %%
derivative = gradc.elementwise_grad(np.sin)
print(derivative(x)[[10, 50]])
assert np.allclose(derivative(x), np.cos(x), rtol=1e-14, atol=1e-15)
derivative.formula(gradc.vector("n"))

# %%
figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(x, np.sin(x), label=r"$f(x) = \sin x$")
axes.plot(x, derivative(x), label="$f'(x)$, by gradc")
axes.legend(frameon=False)
axes.set_xlabel("$x$")
plt.show()
