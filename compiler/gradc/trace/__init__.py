"""Tracing: a plain NumPy function, run once on traced arrays, becomes a graph."""

from gradc.trace.records import Argument, Capture, Condition, Traced
from gradc.trace.tracer import TracedArray
from gradc.trace.tracing import trace

__all__ = ["Argument", "Capture", "Condition", "Traced", "TracedArray", "trace"]
