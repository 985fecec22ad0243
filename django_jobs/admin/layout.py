"""Where the steps of a graph are drawn: in ranks, so that few lines cross."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

#: Times that the ranks are put in order, there and back again.
SWEEPS = 4

#: A step, or a place at which a line goes through a rank: its ends, and which rank.
Place = Hashable


class Point(NamedTuple):
    """A place in the drawing: its rank from the left, and how far it is below the middle."""

    rank: int
    row: float


class Layout(NamedTuple):
    """Where all is drawn."""

    points: dict[int, Point]
    #: For each pair of steps the points that its line goes through, both ends included.
    lines: dict[tuple[int, int], list[Point]]
    #: Rows of the longest rank.
    height: int


def layout(steps: Sequence[int], before: Mapping[int, Sequence[int]]) -> Layout:
    """Return where to draw steps; each comes in the sequence after those ``before`` it.

    Layered, after Sugiyama, Tagawa and Toda (1981): the rank of a step is the longest way to it,
    and within the ranks each place is moved to the mean of its neighbours.
    """
    ranks = _ranks(steps, before)
    layers: list[list[Place]] = [[] for _ in range(max(ranks.values(), default=-1) + 1)]
    for step in steps:
        layers[ranks[step]].append(step)
    ways = {}
    for after in steps:
        for one in before.get(after, ()):
            between: list[Place] = [
                (one, after, rank) for rank in range(ranks[one] + 1, ranks[after])
            ]
            for place, rank in zip(between, range(ranks[one] + 1, ranks[after]), strict=True):
                layers[rank].append(place)
            ways[one, after] = [one, *between, after]
    _put_in_order(layers, list(ways.values()))
    points = {
        place: Point(rank, row - (len(layer) - 1) / 2)
        for rank, layer in enumerate(layers)
        for row, place in enumerate(layer)
    }
    return Layout(
        {step: points[step] for step in steps},
        {ends: [points[place] for place in way] for ends, way in ways.items()},
        max(map(len, layers), default=0),
    )


def _ranks(steps: Sequence[int], before: Mapping[int, Sequence[int]]) -> dict[int, int]:
    ranks: dict[int, int] = {}
    for step in steps:
        ranks[step] = max((ranks[one] + 1 for one in before.get(step, ())), default=0)
    return ranks


def _put_in_order(layers: list[list[Place]], ways: Sequence[Sequence[Place]]) -> None:
    """Move each place to the mean of its neighbours in the rank before, and back from the last."""
    lefts: dict[Place, list[Place]] = {}
    rights: dict[Place, list[Place]] = {}
    for way in ways:
        for left, right in pairwise(way):
            lefts.setdefault(right, []).append(left)
            rights.setdefault(left, []).append(right)
    for _ in range(SWEEPS):
        for neighbours, order in ((lefts, layers[1:]), (rights, layers[-2::-1])):
            rows = {place: row for layer in layers for row, place in enumerate(layer)}
            for layer in order:
                _sort(layer, neighbours, rows)


def _sort(
    layer: list[Place], neighbours: Mapping[Place, Sequence[Place]], rows: dict[Place, int]
) -> None:
    def mean(place: Place) -> float:
        found = neighbours.get(place)
        return rows[place] if not found else sum(rows[one] for one in found) / len(found)

    layer.sort(key=mean)
    rows.update((place, row) for row, place in enumerate(layer))
