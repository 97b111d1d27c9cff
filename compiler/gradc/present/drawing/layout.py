"""Where the nodes of a drawing go: layers from left to right, few crossings, straight long edges.

The method is Sugiyama's (Sugiyama, Tagawa, Toda, *Methods for Visual Understanding of Hierarchical System Structures*,
1981): longest-path layers, bends where an edge crosses a layer, barycentres for the order within a layer, and then
positions by repeated medians of the neighbours, kept apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

_ORDER_SWEEPS = 12
_POSITION_SWEEPS = 24


@dataclass
class Place:
    """A node, or a bend of an edge (``node`` is None): its layer, its height in the drawing, and its neighbours."""

    node: int | None
    layer: int
    size: float
    y: float = 0.0
    before: list[Place] = field(default_factory=list)
    after: list[Place] = field(default_factory=list)


@dataclass(frozen=True)
class Arranged:
    """The places of the nodes by number, and for every edge the places it passes."""

    places: list[Place]
    layers: list[list[Place]]
    routes: dict[tuple[int, int], list[Place]]


def arranged(count: int, edges: Sequence[tuple[int, int]], heights: Sequence[float], gap: float) -> Arranged:
    """Arrange nodes 0 .. count - 1, numbered so that every edge goes from a smaller number to a larger one."""
    layer_of = _layers(count, edges)
    places = [Place(k, layer_of[k], heights[k]) for k in range(count)]
    layers: list[list[Place]] = [[] for _ in range(max(layer_of, default=-1) + 1)]
    for place in places:
        layers[place.layer].append(place)
    routes = {edge: _route(places[edge[0]], places[edge[1]], layers) for edge in dict.fromkeys(edges)}
    _order(layers)
    _position(layers, gap)
    return Arranged(places, layers, routes)


def _layers(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Longest paths from the left; then what has no operands moves right, next to its first consumer."""
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for source, target in edges:
        before[target].append(source)
        after[source].append(target)
    layer = [0] * count
    for node in range(count):
        layer[node] = 1 + max((layer[k] for k in before[node]), default=-1)
    for node in range(count):
        if not before[node] and after[node]:
            layer[node] = min(layer[k] for k in after[node]) - 1
    return layer


def _route(source: Place, target: Place, layers: list[list[Place]]) -> list[Place]:
    route = [source]
    for layer in range(source.layer + 1, target.layer):
        bend = Place(None, layer, 8.0)
        layers[layer].append(bend)
        route.append(bend)
    route.append(target)
    for left, right in itertools.pairwise(route):
        left.after.append(right)
        right.before.append(left)
    return route


def _order(layers: list[list[Place]]) -> None:
    for sweep in range(_ORDER_SWEEPS):
        if sweep % 2 == 0:
            for before, layer in itertools.pairwise(layers):
                _sort(layer, before, [p.before for p in layer])
        else:
            for layer, after in reversed(list(itertools.pairwise(layers))):
                _sort(layer, after, [p.after for p in layer])


def _sort(layer: list[Place], beside: Sequence[Place], neighbours: Sequence[list[Place]]) -> None:
    """Order a layer by the barycentres of its neighbours in the layer beside it; who has none stays where it is."""
    position = {id(place): k for k, place in enumerate(beside)}
    key: dict[int, float] = {}
    for own, (place, others) in enumerate(zip(layer, neighbours, strict=True)):
        key[id(place)] = sum(position[id(p)] for p in others) / len(others) if others else float(own)
    layer.sort(key=lambda place: key[id(place)])


def _position(layers: list[list[Place]], gap: float) -> None:
    for layer in layers:
        y = 0.0
        for place in layer:
            place.y = y + place.size / 2
            y += place.size + gap
        for place in layer:
            place.y -= y / 2
    for sweep in range(_POSITION_SWEEPS):
        forwards = sweep % 2 == 0
        for layer in layers if forwards else reversed(layers):
            _pull(layer, forwards, gap)


def _pull(layer: list[Place], forwards: bool, gap: float) -> None:
    """Every place goes to the mean of its neighbours, as far as the places above and below let it."""
    wanted = []
    for place in layer:
        neighbours = (place.before if forwards else place.after) or (place.after if forwards else place.before)
        wanted.append(sum(p.y for p in neighbours) / len(neighbours) if neighbours else place.y)
    lowest = _pushed(layer, wanted, gap)
    highest = [-y for y in reversed(_pushed(layer[::-1], [-y for y in reversed(wanted)], gap))]
    for place, low, high in zip(layer, lowest, highest, strict=True):
        place.y = (low + high) / 2


def _pushed(layer: Sequence[Place], wanted: Sequence[float], gap: float) -> list[float]:
    """The wanted positions in this order, each pushed on by the one before it where they would overlap."""
    result: list[float] = []
    for position, (place, y) in enumerate(zip(layer, wanted, strict=True)):
        if position:
            before = layer[position - 1]
            y = max(y, result[-1] + (before.size + place.size) / 2 + gap)
        result.append(y)
    return result
