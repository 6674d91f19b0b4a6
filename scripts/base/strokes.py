"""Strokes as a user might paint them on a tile, drawn by chance: most inside their class, some not."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from benchmarks.simulated_strokes import Stroke, covered
from benchmarks.sloppy_hand import drawn_carelessness, stray

_PIXELS = 160  # labelled pixels per class that the head is fitted to, at most
_SMALLEST = 20  # px of a class that is painted at all
_MOST = 5  # strokes per class
_LENGTHS, _RADII = (4, 30), (0.7, 4)  # px: half of a stroke's length, and its brush
_LARGEST_SLIP = 4.0  # px: radius of a dab in a wrong class
_UNPAINTED = -1


class Strokes(NamedTuple):
    """Painted pixels of a tile.

    Attributes
    ----------
    places : int64 (n,), flat indices, each once
    classes : int64 (n,), as they were painted, which is not always right
    """

    places: Tensor
    classes: Tensor


@dataclass(frozen=True, slots=True)
class Hand:
    """How well annotators paint.

    Attributes
    ----------
    careless : share of the tiles whose strokes stray and spill over, with a brush that may be wider than the thing
    slips : share of the tiles where a few pixels get a wrong class
    """

    careless: float = 0.0
    slips: float = 0.0


def strokes_on(labels: np.ndarray, random: np.random.Generator, hand: Hand) -> Strokes | None:
    """Draw one to five strokes per class of (side, side).

    None where fewer than two classes can be painted.
    """
    painted = np.full(labels.shape, _UNPAINTED)
    carelessness = drawn_carelessness(random) if random.random() < hand.careless else None
    for class_index in np.unique(labels):
        inside = labels == class_index
        touched = _exact(inside, random) if carelessness is None else _spilled(inside, random, carelessness)
        painted[touched] = class_index
    if random.random() < hand.slips:
        _slip(painted, random)
    flat = painted.ravel()
    present = np.unique(flat[flat != _UNPAINTED])
    if len(present) < 2:
        return None
    places = torch.from_numpy(np.concatenate([_some(np.flatnonzero(flat == each), random) for each in present]))
    return Strokes(places, torch.from_numpy(flat)[places])


@dataclass(frozen=True, slots=True)
class _Line:
    """A straight stroke: the middle in px, the direction in radians, half of the length and the brush's radius."""

    row: int
    column: int
    angle: float
    half: float
    radius: float


def _lines(inside: np.ndarray, random: np.random.Generator) -> list[_Line]:
    """Draw straight strokes whose middles lie where ``inside`` is true; none where that is too small."""
    rows, columns = np.nonzero(inside)
    if len(rows) < _SMALLEST:
        return []
    lines = []
    for _ in range(int(random.integers(1, _MOST + 1))):
        at = int(random.integers(len(rows)))
        angle, half, radius = random.uniform(0, np.pi), random.uniform(*_LENGTHS), random.uniform(*_RADII)
        lines.append(_Line(int(rows[at]), int(columns[at]), angle, half, radius))
    return lines


def _exact(inside: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return which pixels of (side, side) are painted by strokes that never leave their class."""
    y, x = np.mgrid[: inside.shape[0], : inside.shape[1]].astype(np.float32)
    painted = np.zeros_like(inside)
    for line in _lines(inside, random):
        dy, dx = y - line.row, x - line.column
        along = dy * np.sin(line.angle) + dx * np.cos(line.angle)
        across = dx * np.sin(line.angle) - dy * np.cos(line.angle)
        painted |= (np.abs(along) < line.half) & (np.abs(across) < line.radius)
    return painted & inside


def _spilled(inside: np.ndarray, random: np.random.Generator, carelessness: float) -> np.ndarray:
    """Return which pixels of (side, side) are painted by strokes that should be in this class."""
    painted = np.zeros_like(inside)
    depth = ndimage.distance_transform_edt(inside)
    for line in _lines(inside, random):
        fitting = int(min(line.radius, depth[line.row, line.column] - 1))
        exact = Stroke(0, _way(inside, line), fitting)
        painted |= covered(stray(exact, inside.shape, random, carelessness), inside.shape)
    return painted


def _way(inside: np.ndarray, line: _Line) -> np.ndarray:
    """Return the part of a line around its middle that is inside: y and x, a row per pixel of the way."""
    offsets = np.arange(-int(line.half), int(line.half) + 1)
    way = np.stack([line.row + offsets * np.sin(line.angle), line.column + offsets * np.cos(line.angle)], -1)
    rows, columns = np.round(way).astype(int).T
    free = (rows >= 0) & (rows < inside.shape[0]) & (columns >= 0) & (columns < inside.shape[1])
    free[free] = inside[rows[free], columns[free]]
    middle = int(line.half)
    blocked = np.flatnonzero(~free)
    first = blocked[blocked < middle].max(initial=-1) + 1
    last = blocked[blocked > middle].min(initial=len(way))
    return way[first:last]


def _slip(painted: np.ndarray, random: np.random.Generator) -> None:
    """Give a dab of painted pixels of (side, side) another of the painted classes."""
    rows, columns = np.nonzero(painted != _UNPAINTED)
    present = np.unique(painted[rows, columns])
    if len(present) < 2:
        return
    at = int(random.integers(len(rows)))
    near = np.hypot(rows - rows[at], columns - columns[at]) < random.uniform(1, _LARGEST_SLIP)
    others = present[present != painted[rows[at], columns[at]]]
    painted[rows[near], columns[near]] = others[int(random.integers(len(others)))]


def _some(flat: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return random.choice(flat, _PIXELS, replace=False) if len(flat) > _PIXELS else flat
