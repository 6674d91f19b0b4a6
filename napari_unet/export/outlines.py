"""Outlines of objects along the edges of their pixels, so that nothing of an object is lost or added."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Int32, Int64
from skimage.measure import label

from napari_unet.export.verified import array_difference

Ring = Int64[np.ndarray, "_ 2"]  # x, y of pixel corners, the first pixel's being (0, 0); the end is not repeated
Polygon = list[Ring]  # the outside, then the holes

_RIGHT, _DOWN, _LEFT, _UP = range(4)
_STEP = ((0, 1), (1, 0), (0, -1), (-1, 0))  # y, x of an edge in each direction
_TURNS = (3, 0, 1)  # left, straight on, right


@dataclass(frozen=True, slots=True)
class Outline:
    """Outline of one object in one plane."""

    plane: int
    number: int
    polygons: list[Polygon]


def outline_objects(numbers: Int32[np.ndarray, "planes y x"]) -> list[Outline]:
    """Return the outline of every object of every plane, plane after plane, in the order of their numbers."""
    return [
        Outline(plane, number, polygons)
        for plane, of_plane in enumerate(numbers)
        for number, polygons in sorted(trace_outlines(of_plane).items())
    ]


def outline_difference(outlines: Iterable[Outline], numbers: Int32[np.ndarray, "planes y x"]) -> str:
    """Tell in words how the objects inside the outlines differ from what they should be; "" where they do not."""
    rings: list[list[Ring]] = [[] for _ in numbers]
    owners: list[list[int]] = [[] for _ in numbers]
    for outline in outlines:
        for polygon in outline.polygons:
            rings[outline.plane] += polygon
            owners[outline.plane] += [outline.number] * len(polygon)
    for plane, wanted in enumerate(numbers):
        found = fill_outlines(rings[plane], owners[plane], (wanted.shape[0], wanted.shape[1]))
        wrong = array_difference(found, wanted.astype(np.int64))
        if wrong:
            return f"plane {plane}: {wrong}"
    return ""


def trace_outlines(numbers: Int32[np.ndarray, "y x"]) -> dict[int, list[Polygon]]:
    """Return the polygons of every object, by its number; one for each piece that is connected along edges.

    The outside runs clockwise on the screen (y down), holes the other way round. No ring passes a point twice, so
    every polygon is simple and valid; pieces and holes may touch in single points.
    """
    parts = np.asarray(label(numbers, background=0, connectivity=1), np.int64)
    starts, ends, directions, owners = _edges(parts)
    following = _following(starts, ends, directions, owners, parts.size + sum(parts.shape) + 1)
    polygons: dict[int, list[Polygon]] = {}
    number_of_part = np.zeros(int(parts.max(initial=0)) + 1, np.int64)
    number_of_part[parts] = numbers
    last = 0
    for part, ring in _rings(following, directions, owners, starts, parts.shape[1] + 1):
        of_object = polygons.setdefault(int(number_of_part[part]), [])
        if part != last:  # edges are sorted by part and place, so a part's first ring is its outside
            of_object.append([])
            last = part
        of_object[-1].append(ring)
    return polygons


def fill_outlines(rings: Sequence[Ring], numbers: Sequence[int], shape: tuple[int, int]) -> Int64[np.ndarray, "y x"]:
    """Return the label image inside rings that ``trace_outlines`` made, each of the object with the number beside it.

    Raises
    ------
    ValueError
        When a ring leaves the image or is not made of pixel edges.
    """
    height, width = shape
    if not rings:
        return np.zeros(shape, np.int64)
    lengths = np.array([len(ring) for ring in rings])
    x, y = np.concatenate(rings).T
    following = np.arange(1, len(x) + 1)
    following[np.cumsum(lengths) - 1] = np.cumsum(lengths) - lengths
    if x.min() < 0 or y.min() < 0 or x.max() > width or y.max() > height:
        raise ValueError("an outline leaves the image")
    if np.any((x != x[following]) & (y != y[following])):
        raise ValueError("an outline leaves the edges of the pixels")
    upright = x == x[following]
    value = np.repeat(np.asarray(numbers, np.float64), lengths)[upright]
    # An edge that goes down has its object on the left: the number ends there. One that goes up begins it.
    change = np.zeros((height + 1) * (width + 1))
    for rows, sign in ((y, -1), (y[following], 1)):
        place = (rows * (width + 1) + x)[upright]
        change += sign * np.bincount(place, weights=value, minlength=change.size)
    filled = change.reshape(height + 1, width + 1).cumsum(axis=0).cumsum(axis=1)
    return filled[:height, :width].astype(np.int64)


def _edges(parts: Int64[np.ndarray, "y x"]) -> tuple[Int64[np.ndarray, " edges"], ...]:
    """Return every pixel edge on the rim of a part, clockwise around its pixel: its corners, direction and part."""
    padded = np.pad(parts, 1)
    corners = parts.shape[1] + 1
    found: list[tuple[Int64[np.ndarray, " n"], ...]] = []
    for direction, (neighbour, first) in enumerate(
        zip(((-1, 0), (0, 1), (1, 0), (0, -1)), ((0, 0), (0, 1), (1, 1), (1, 0)), strict=True)
    ):
        beside = np.roll(padded, (-neighbour[0], -neighbour[1]), (0, 1))[1:-1, 1:-1]
        rows, columns = np.nonzero((parts > 0) & (beside != parts))
        start = (rows + first[0]) * corners + columns + first[1]
        step = _STEP[direction]
        owner = parts[rows, columns]
        found.append((start, start + step[0] * corners + step[1], np.full(len(start), direction), owner))
    starts, ends, directions, owners = (np.concatenate(values) for values in zip(*found, strict=True))
    order = np.lexsort((directions, starts, owners))
    return starts[order], ends[order], directions[order], owners[order]


def _following(
    starts: Int64[np.ndarray, " edges"],
    ends: Int64[np.ndarray, " edges"],
    directions: Int64[np.ndarray, " edges"],
    owners: Int64[np.ndarray, " edges"],
    corners: int,
) -> Int64[np.ndarray, " edges"]:
    """Return, for each edge, the edge that comes after it on its ring.

    Where a part touches itself in a point there are two: the left one goes on around the same piece of background,
    and a ring around one piece of background passes no point twice.
    """
    keys = (owners * corners + starts) * 4 + directions
    following = np.full(len(keys), -1)
    for turn in _TURNS:
        wanted = (owners * corners + ends) * 4 + (directions + turn) % 4
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        fits = (following < 0) & (keys[place] == wanted)
        following[fits] = place[fits]
    return following


def _rings(
    following: Int64[np.ndarray, " edges"],
    directions: Int64[np.ndarray, " edges"],
    owners: Int64[np.ndarray, " edges"],
    starts: Int64[np.ndarray, " edges"],
    corners: int,
) -> Iterable[tuple[int, Ring]]:
    """Give each closed ring of edges, as the corners at which it turns, with the part that it belongs to."""
    before = np.empty_like(following)
    before[following] = np.arange(len(following))
    turns: Bool[np.ndarray, " edges"] = directions != directions[before]
    next_edge, is_turn = following.tolist(), turns.tolist()
    seen = bytearray(len(next_edge))
    corner_edges: list[int] = []
    firsts, ends = [], []
    for first in range(len(next_edge)):
        if seen[first]:
            continue
        edge = first
        while not seen[edge]:
            seen[edge] = 1
            if is_turn[edge]:
                corner_edges.append(edge)
            edge = next_edge[edge]
        firsts.append(first)
        ends.append(len(corner_edges))
    at: Int64[np.ndarray, " n"] = starts[corner_edges]
    points = np.stack([at % corners, at // corners], axis=1)
    return zip(owners[firsts].tolist(), (points[a:b] for a, b in pairwise([0, *ends])), strict=True)
