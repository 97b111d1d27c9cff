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
# # A derivation that forgot the chain rule
#
# $\frac{\partial}{\partial w} (w x - y)^2$ at $w = 3$, $x = 2$, $y = 2$.

# %%
import gradc


def loss(w, x, y):
    return (w * x - y) ** 2


gradient = gradc.grad(loss)
print(gradient(3.0, 2.0, 2.0))
gradient.formula()

# %% [markdown]
# Someone computed 8. `verify` takes the number and the point it belongs to:

# %%
verdict = gradc.verify(loss, 8, at={"w": 3.0, "x": 2.0, "y": 2.0})
assert verdict.status == "refuted"
print(verdict)

# %% [markdown]
# The formula behind it was $2 (w x - y)$. Given that, `verify` finds what is missing:

# %%
verdict = gradc.verify(loss, "2*(w*x - y)")
assert verdict.status == "refuted"
print(verdict)

# %%
verdict = gradc.verify(loss, "2*x*(w*x - y)")
assert verdict.status == "proved"
print(verdict)
