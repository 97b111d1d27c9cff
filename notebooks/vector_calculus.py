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
# # Divergence, curl, Laplacian
#
# A field along $x$, $V(p) = (f(x, z), 0, 0)$, with a polynomial, an arctangent and the power 2.69 in $f$.

# %%
import matplotlib.pyplot as plt
import numpy as np

import gradc


def f(x, z):
    return 3 * x**2 * z - 2 * x * z**3 + np.arctan(x * z) + x**2.69


def field(p):
    x, _, z = p
    return np.array([f(x, z), 0, 0])


def potential(p):
    x, y, z = p
    return f(x, z) * y**2 + np.sin(x * y)


point = np.array([1.3, -0.4, 0.7])
print(gradc.divergence(field)(point))
print(gradc.curl(field)(point))
print(gradc.laplacian(potential)(point))

# %%
gradc.divergence(field).formula(gradc.vector(3))

# %%
gradc.curl(field).formula(gradc.vector(3))

# %% [markdown]
# ## Two identities
#
# $\nabla \cdot (\nabla \times V) = 0$ and $\nabla \times \nabla f = 0$. Not nearly zero at some points: the derived
# expressions simplify to 0.

# %%
divergence_of_curl = gradc.divergence(gradc.curl(field)).formula(gradc.vector(3))
curl_of_gradient = gradc.curl(gradc.grad(potential)).formula(gradc.vector(3))
assert divergence_of_curl.latex() == "0"
assert all(entry == 0 for entry in curl_of_gradient.sympy())
print(divergence_of_curl.latex(), curl_of_gradient.sympy())

# %% [markdown]
# A negative base under the power 2.69 has no real value. NumPy gives NaN, and so does the derivative.

# %%
with np.errstate(invalid="ignore"):
    print(f(np.float64(-1.3), 0.7), gradc.divergence(field)(np.array([-1.3, -0.4, 0.7])))

# %% [markdown]
# Over a grid, with `vmap`: the divergence of the field in the plane $y = 0$.

# %%
x, z = np.meshgrid(np.linspace(0.1, 2, 60), np.linspace(-1, 1, 60))
grid = np.stack([x.ravel(), np.zeros(x.size), z.ravel()], axis=1)
divergence = gradc.vmap(gradc.divergence(field))(grid).reshape(x.shape)
figure, axes = plt.subplots(figsize=(5, 3))
image = axes.pcolormesh(x, z, divergence, cmap="viridis", shading="auto")
figure.colorbar(image, label=r"$\nabla \cdot V$")
axes.set_xlabel("$x$")
axes.set_ylabel("$z$")
plt.show()
