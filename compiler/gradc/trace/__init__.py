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
`surface`      from a NumPy call to its meaning, by the tables of `elementwise`, `reductions`, `contraction`, `shaping`,
               `joining`, `creation`, `selection`, `special_functions`; `indexing` is ``x[key]``, `keys` what
               the key says, `masked` and `selected` keys with masks whose content is not known

Every operation makes one small comprehension, exactly as written: nothing is merged or simplified here.
"""

from gradc.trace.conditions import Condition
from gradc.trace.records import Argument, Capture, Traced
from gradc.trace.tracer import TracedArray
from gradc.trace.tracing import trace

__all__ = ["Argument", "Capture", "Condition", "Traced", "TracedArray", "trace"]
