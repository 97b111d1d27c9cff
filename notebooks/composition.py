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
# # The chain rule over two outputs
#
# $f(x) = (\log(x_0 x_1), \sin x_1)$ and $g(x) = x_0 x_1$: what is the gradient of $g(f(x))$? By hand, with the product
# rule,
#
# $$\nabla (g \circ f) = \left(\frac{\sin x_1}{x_0},\; \frac{\sin x_1}{x_1} + \log(x_0 x_1) \cos x_1\right).$$

# %%
import numpy as np

import gradc


def f(x):
    return np.log(x[0] * x[1]), np.sin(x[1])


def g(x):
    return x[0] * x[1]


def composed(x):
    return g(f(x))


gradient = gradc.grad(composed)
point = np.array([0.5, 0.75])
gradient(point)

# %%
gradient.formula(gradc.vector(2))

# %% [markdown]
# Is the hand derivation right? `verify` compares it with the derived graph, symbolically.


# %%
def by_hand(x):
    return np.array([np.sin(x[1]) / x[0], np.sin(x[1]) / x[1] + np.log(x[0] * x[1]) * np.cos(x[1])])


verdict = gradc.verify(composed, by_hand, gradc.vector(2))
assert verdict
print(verdict)


# %% [markdown]
# Forgetting half of the product rule does not pass.


# %%
def halfway(x):
    return np.array([np.sin(x[1]) / x[0], np.sin(x[1]) / x[1]])


refuted = gradc.verify(composed, halfway, gradc.vector(2))
assert not refuted
print(refuted)

# %% [markdown]
# Finite differences, a check that knows no calculus:

# %%
step = 1e-6
differences = np.array([(composed(point + step * e) - composed(point - step * e)) / (2 * step) for e in np.eye(2)])
assert np.allclose(differences, gradient(point), rtol=1e-8)
gradc.check_grads(composed, (point,), order=2)
differences - gradient(point)
