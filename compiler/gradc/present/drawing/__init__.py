"""Drawings of graphs: one node an operation, with values and adjoints beside it, as SVG."""

from gradc.present.drawing.drawing import Drawing, draw

__all__ = ["Drawing", "draw"]
