"""Tracing: a plain NumPy function, run once on traced arrays, becomes a graph.

In the order in which it happens:

`tracing`       runs the function and keeps the graph; `specs`, `containers`, `records` say what goes in and comes out
`surroundings/` the traced copy of the function (`standins`), and what it finds instead of globals, modules and objects: what
                it reaches by itself becomes an input that is read at each call (`access`); `conditions` is what the trace
                relies on about it
`context`       the trace that is under way: captures, pinned values, the user's line
`arrays/`       the traced array (`tracer`), its operators and attributes; `storage` what its views and writes share, `layout`
                where memory order would decide, `known` the values that are settled; ``x[key]``: `indexing`, `keys`, and
                `masked` and `selected` for masks whose content is not known
`surface`       from a NumPy call to its meaning, by `registry`, the tables of the families of functions:
                `elements/` ufuncs, their methods and what is composed of them; SciPy's special functions; ``math``
                `reducing/` what goes along axes, sorting and counting; `products/` contractions, linear algebra, Fourier
                `movement/` where entries come from and go to; new arrays; functions of the user's, entry by entry
                `environment` what asks about dtypes, files and settings
`control`       loops and branches as nodes, `closures` functions as sub-graphs, `custom` rules of the user's own
`staging/`      turns plain Python ``if``, ``while`` and ``for`` on traced values into them
`sympy_graphs/` SymPy's expressions as graphs

Every operation makes one small comprehension, exactly as written: nothing is merged or simplified here.
"""

from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.records import Argument, Capture, Traced
from gradc.trace.surroundings.conditions import Condition
from gradc.trace.tracing import trace

__all__ = ["Argument", "Capture", "Condition", "Traced", "TracedArray", "trace"]
