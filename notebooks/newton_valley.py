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
# # Newton's method in a curved valley
#
# $(1 - x)^2 + 2 (y - x^2)^2$ from $(3, 2)$, by SciPy's Newton-CG with gradient and Hessian from gradc.

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

import gradc


def valley(p):
    x, y = p
    return (1 - x) ** 2 + 2 * (y - x**2) ** 2


gradient, hessian = gradc.grad(valley), gradc.hessian(valley)
gradient.formula(gradc.vector(2))

# %%
hessian.formula(gradc.vector(2))

# %%
path = [np.array([3.0, 2.0])]
found = minimize(
    gradc.jit(valley), path[0], method="Newton-CG", jac=gradient, hess=hessian, callback=lambda p: path.append(p.copy())
)
assert np.allclose(found.x, 1, atol=1e-4)
print(found.x, "after", found.nit, "steps")

# %% [markdown]
# Without forming the Hessian: only its products with vectors.

# %%
found = minimize(gradc.jit(valley), path[0], method="Newton-CG", jac=gradient, hessp=gradc.hvp(valley))
assert np.allclose(found.x, 1, atol=1e-4)
print(found.x, "after", found.nit, "steps")

# %%
x, y = np.meshgrid(np.linspace(-1, 3.5, 200), np.linspace(-2, 10, 200))
figure, axes = plt.subplots(figsize=(6, 3.5))
axes.contour(x, y, np.log1p(valley((x, y))), 20, cmap="Greys")
axes.plot(*np.transpose(path), "o-")
axes.plot(1, 1, "k*", markersize=12)
axes.set_xlabel("$x$")
axes.set_ylabel("$y$")
plt.show()
