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
# # Check your derivation
#
# Five exercises. Each has a right answer and the wrong ones that people write most often. `gradc.verify` tells which is
# which: **proved** comes with the rules of the proof, **refuted** with a small counterexample and, where one correction
# mends it, with a hint.

# %%
import numpy as np

import gradc
from gradc import matrix, vector

# %% [markdown]
# ## 1. The chain rule
#
# $L = (w x - y)^2$. What is $\partial L / \partial w$?


# %%
def loss(w, x, y):
    return (w * x - y) ** 2


right = gradc.verify(loss, r"2 x (w x - y)")
assert right.status == "proved"
print(right)

# %%
wrong = gradc.verify(loss, "2*(w*x - y)")
assert wrong.status == "refuted"
print(wrong)

# %% [markdown]
# A number at a point can be checked as well. "I get 8, the program says 16: why?"

# %%
print(gradc.verify(loss, 8, at={"w": 3.0, "x": 2.0, "y": 2.0}))

# %% [markdown]
# Here is how the 16 comes about, step by step, and as a picture with the values above the operations and the derivatives
# of $L$ below them.

# %%
formula = gradc.grad(loss).formula()
formula.steps()

# %%
formula.graph(at={"w": 3.0, "x": 2.0, "y": 2.0})

# %% [markdown]
# ## 2. A mean
#
# $f(x) = \operatorname{mean}(3 (x + 2)^2)$ over the $n$ entries of a vector.


# %%
def mean_of_squares(x):
    return np.mean(3 * (x + 2) ** 2)


right = gradc.verify(mean_of_squares, lambda x: 6 * (x + 2) / len(x), vector("n"))
assert right.status == "proved"
print(right)

# %% [markdown]
# The mean is easily taken for a sum:

# %%
wrong = gradc.verify(mean_of_squares, lambda x: 6 * (x + 2), vector("n"))
assert wrong.status == "refuted"
print(wrong)

# %% [markdown]
# ## 3. A composition
#
# $g(u, v) = u v$ with $u = \log(x_0 x_1)$ and $v = \sin x_1$.


# %%
def composition(x):
    return np.log(x[0] * x[1]) * np.sin(x[1])


def by_hand(x):
    return np.array([np.sin(x[1]) / x[0], np.sin(x[1]) / x[1] + np.log(x[0] * x[1]) * np.cos(x[1])])


right = gradc.verify(composition, by_hand, vector(2))
assert right.status == "proved"
print(right)


# %% [markdown]
# In the second entry the product rule has two terms. With one of them dropped:


# %%
def one_term(x):
    return np.array([np.sin(x[1]) / x[0], np.log(x[0] * x[1]) * np.cos(x[1])])


wrong = gradc.verify(composition, one_term, vector(2))
assert wrong.status == "refuted"
print(wrong)

# %% [markdown]
# ## 4. Least squares in matrix notation
#
# $L(w) = \|X w - y\|^2$ for a matrix $X$ of any size.


# %%
def squares(w, X, y):
    return np.sum((X @ w - y) ** 2)


sizes = vector("n"), matrix("m", "n"), vector("m")
right = gradc.verify(squares, r"2 X^\top (X w - y)", *sizes)
assert right.status == "proved"
print(right)

# %% [markdown]
# The factor 2, and the Hessian: $2 X^\top X$.

# %%
wrong = gradc.verify(squares, r"X^\top (X w - y)", *sizes)
assert wrong.status == "refuted"
print(wrong)

# %%
second = gradc.verify(squares, r"2 X^\top X", *sizes, order=2)
assert second.status == "proved"
print(second)

# %% [markdown]
# ## 5. A valley and its Hessian
#
# $f(p) = (1 - p_0)^2 + 2 (p_1 - p_0^2)^2$.


# %%
def valley(p):
    return (1 - p[0]) ** 2 + 2 * (p[1] - p[0] ** 2) ** 2


def gradient(p):
    return np.array([-2 * (1 - p[0]) - 8 * p[0] * (p[1] - p[0] ** 2), 4 * (p[1] - p[0] ** 2)])


def hessian(p):
    return np.array([[2 - 8 * p[1] + 24 * p[0] ** 2, -8 * p[0]], [-8 * p[0], 4.0]])


assert gradc.verify(valley, gradient, vector(2)).status == "proved"
right = gradc.verify(valley, hessian, vector(2), order=2)
assert right.status == "proved"
print(right)


# %% [markdown]
# A sign lost in the inner derivative of $(1 - p_0)^2$:


# %%
def lost_sign(p):
    return np.array([2 * (1 - p[0]) - 8 * p[0] * (p[1] - p[0] ** 2), 4 * (p[1] - p[0] ** 2)])


wrong = gradc.verify(valley, lost_sign, vector(2))
assert wrong.status == "refuted"
print(wrong)

# %% [markdown]
# ## Plain identities
#
# `gradc.equal` compares two expressions. It knows about domains: $\log x^2 = 2 \log x$ holds for positive $x$ only.

# %%
print(gradc.equal("sin(x)^2 + cos(x)^2", "1"))
print(gradc.equal("log(x^2)", "2*log(x)"))
