"""Tracing: a plain NumPy function, run once on traced arrays, becomes a graph.

In the order in which it happens:

`tracing`      runs the function and keeps the graph; `specs`, `containers`, `records` say what goes in and comes out
`standins`     the traced copy of the function; `paths`, `modules`, `objects` say what it finds instead of globals, modules,
               objects; what it reaches by itself becomes an input that is read at each call
`access`       how it is reached, and `conditions`, what the trace relies on about it
`context`      the trace that is under way: captures, pinned values, the user's line
`tracer`       the traced array; `operators` its operators, `attributes` what it is made of, `storage` what its views and
               writes share, `layout` where memory order would decide, `known` the values that are settled; `builtin_types`
               is float, int and type of it
`surface`      from a NumPy call to its meaning, by the tables of the families of functions:
               `ufuncs` calls of ufuncs, by the rows of `ufunc_rows` and `elementwise`; `ufunc_methods`, `ufunc_scatter` their
               methods; `composed`, `closeness`, `bits` what is made of them; `special_functions` SciPy's
               `reductions`, `statistics`, `cumulative`, `missing`, `differences`, `norms` what goes along axes
               `contraction`, `einsum`, `sliding`, `polynomials` products; `linear_algebra`, `eigenvalues`, `singular_values`
               `sorting`, `order_statistics`, `binning`, `fourier` what a library call does, and reading through it
               `shaping`, `joining`, `padding`, `repeating`, `flipping`, `taking`, `diagonals`, `windows` data movement
               `creation`, `ranges`, `index_tricks` new arrays; `applying` functions of the user's, entry by entry
               `outputs` is ``out=``; `environment` what asks about dtypes, files and settings
`indexing`     ``x[key]``; `keys` what the key says, `masked` and `selected` keys with masks whose content is not known
`control`      loops and branches as nodes, `closures` functions as sub-graphs, `custom` rules of the user's own; `staging_*`
               turns plain Python ``if``, ``while`` and ``for`` on traced values into them
`sympy_*`      SymPy's expressions as graphs

Every operation makes one small comprehension, exactly as written: nothing is merged or simplified here.
"""

from gradc.trace.conditions import Condition
from gradc.trace.records import Argument, Capture, Traced
from gradc.trace.tracer import TracedArray
from gradc.trace.tracing import trace

__all__ = ["Argument", "Capture", "Condition", "Traced", "TracedArray", "trace"]
