"""A drawing as SVG text: boxes with labels, arrows, and values above and adjoints below each box."""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gradc.present.drawing.layout import Arranged, Place, arranged

_HEIGHT = 28.0
_LINE = 15.0
_GAP = 18.0
_BETWEEN_LAYERS = 44.0
_MARGIN = 16.0
_LETTER, _SMALL_LETTER = 8.2, 6.6

_FILLS = {"input": ("#e8f1fd", "#3b73b9"), "operation": ("#f6f6f4", "#77756d"), "output": ("#fdf1dc", "#b87514")}
VALUE, ADJOINT = "#1a7f37", "#c62838"


@dataclass(frozen=True)
class Box:
    """A node as it is drawn. ``tip`` is shown while the pointer rests on it."""

    label: str
    kind: str
    value: str = ""
    adjoint: str = ""
    tip: str = ""

    @property
    def width(self) -> float:
        """The width of the box itself."""
        return max(30.0, _LETTER * len(self.label) + 16)

    @property
    def reach(self) -> float:
        """The width with what stands above and below."""
        return max(self.width, _SMALL_LETTER * max(len(self.value), len(self.adjoint)))

    @property
    def height(self) -> float:
        """The height with what stands above and below."""
        return _HEIGHT + _LINE * bool(self.value) + _LINE * bool(self.adjoint)


def svg(boxes: Sequence[Box], edges: Sequence[tuple[int, int]], caption: Sequence[tuple[str, str]] = ()) -> str:
    """The picture; ``caption`` is a legend of (text, colour)."""
    arrangement = arranged(len(boxes), edges, [box.height for box in boxes], _GAP)
    columns, right = _columns(boxes, arrangement)
    top = min((p.y - p.size / 2 for p in arrangement.places), default=0.0) - _MARGIN
    bottom = max((p.y + p.size / 2 for p in arrangement.places), default=0.0) + _MARGIN
    height = bottom - top + (_LINE + 4) * bool(caption)
    body = [*_edges(boxes, arrangement, columns, top), *_nodes(boxes, arrangement, columns, top)]
    body += _legend(caption, height - 8)
    return "\n".join([_head(max(right, 60.0), height), *body, "</svg>"])


def _head(width: float, height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="STIX Two Text, Cambria, Georgia, serif" font-size="15">\n'
        '<defs><marker id="gradc-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0.8 L7.5 4 L0 7.2 z" fill="#8a887f"/></marker></defs>\n'
        f'<rect width="{width:.0f}" height="{height:.0f}" rx="6" fill="#ffffff"/>'
    )


def _columns(boxes: Sequence[Box], arrangement: Arranged) -> tuple[list[float], float]:
    """The middle of every layer, and the width of the whole."""
    middles, x = [], _MARGIN
    for layer in arrangement.layers:
        width = max((boxes[p.node].reach for p in layer if p.node is not None), default=20.0)
        middles.append(x + width / 2)
        x += width + _BETWEEN_LAYERS
    return middles, x - _BETWEEN_LAYERS + _MARGIN


def _middle(boxes: Sequence[Box], place: Place) -> float:
    """The height of the middle of the box: the value above it takes more room than nothing below."""
    if place.node is None:
        return place.y
    box = boxes[place.node]
    return place.y + (_LINE * bool(box.value) - _LINE * bool(box.adjoint)) / 2


def _edges(boxes: Sequence[Box], arrangement: Arranged, columns: Sequence[float], top: float) -> Iterable[str]:
    for route in arrangement.routes.values():
        points = [(columns[p.layer], _middle(boxes, p) - top) for p in route]
        first, last = route[0].node, route[-1].node
        assert first is not None
        assert last is not None
        points[0] = (points[0][0] + boxes[first].width / 2, points[0][1])
        points[-1] = (points[-1][0] - boxes[last].width / 2 - 1, points[-1][1])
        path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
        for (x, y), (to_x, to_y) in itertools.pairwise(points):
            bend = (to_x - x) / 2
            path += f" C{x + bend:.1f} {y:.1f} {to_x - bend:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
        yield f'<path d="{path}" fill="none" stroke="#8a887f" stroke-width="1.3" marker-end="url(#gradc-arrow)"/>'


def _nodes(boxes: Sequence[Box], arrangement: Arranged, columns: Sequence[float], top: float) -> Iterable[str]:
    for place in arrangement.places:
        assert place.node is not None
        box = boxes[place.node]
        x, y = columns[place.layer], _middle(boxes, place) - top
        fill, stroke = _FILLS[box.kind]
        radius = _HEIGHT / 2 if box.kind != "operation" else 6
        italic = ' font-style="italic"' if box.kind == "input" else ""
        yield "<g>"
        if box.tip:
            yield f"<title>{html.escape(box.tip)}</title>"
        yield (
            f'<rect x="{x - box.width / 2:.1f}" y="{y - _HEIGHT / 2:.1f}" width="{box.width:.1f}" height="{_HEIGHT:.0f}" '
            f'rx="{radius:.0f}" fill="{fill}" stroke="{stroke}" stroke-width="1.2"/>'
        )
        yield f'<text x="{x:.1f}" y="{y + 5:.1f}" text-anchor="middle"{italic}>{html.escape(box.label)}</text>'
        yield from _beside(box.value, x, y - _HEIGHT / 2 - 4, VALUE)
        yield from _beside(box.adjoint, x, y + _HEIGHT / 2 + 12, ADJOINT)
        yield "</g>"


def _beside(text: str, x: float, y: float, colour: str) -> Iterable[str]:
    if text:
        yield (
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" font-size="12" fill="{colour}">{html.escape(text)}</text>'
        )


def _legend(caption: Sequence[tuple[str, str]], y: float) -> Iterable[str]:
    x = _MARGIN
    for text, colour in caption:
        yield f'<text x="{x:.1f}" y="{y:.1f}" font-size="12" fill="{colour}">{html.escape(text)}</text>'
        x += _SMALL_LETTER * len(text) + 18
