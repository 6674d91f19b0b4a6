"""A simulated annotator: smooth strokes that stay inside their class, the same ones for the same seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from napari_unet.api import ensure_classes
from napari_unet.images.image import Image
from napari_unet.project.project import Project

STROKES_PER_CLASS = 5
STROKE_LENGTH = 120  # px along the path
BRUSH_WIDTH = 9  # px, the panel's default
_FITTING_SHARE = 0.1  # of a class must be reachable by the brush's centre, else the brush is made smaller
_SMALLEST_SPOT = 40  # px of connected room that an annotator would bother to paint in, where there are larger ones
_WOBBLE = 0.25  # radians of turning per px
_TURNS = 24  # directions tried where the way is blocked, the straight ones first


@dataclass(frozen=True, slots=True)
class Stroke:
    """The way of a brush through one class.

    Attributes
    ----------
    class_index : 0 is the background; its label is ``class_index + 1``
    path : y, x of the brush's centre, one row per px of the way
    radius : of the brush; it covers ``2 * radius + 1`` px
    """

    class_index: int
    path: np.ndarray
    radius: int


def add_strokes(project: Project, image: Image, labels: np.ndarray, names: Sequence[str]) -> None:
    """Add an image with strokes as the hand paints them: all are trained on, unless the project holds some out."""
    ensure_classes(project, len(names), names)
    project.commit(project.add_image(image).id, 0, labels)


def strokes_over(
    truth: np.ndarray,
    classes: int,
    seed: object,
    *,
    count: int = STROKES_PER_CLASS,
    length: int = STROKE_LENGTH,
    width: int = BRUSH_WIDTH,
) -> list[Stroke]:
    """Draw some strokes per class, each from a random pixel well inside the class.

    Parameters
    ----------
    truth : class index per pixel, (y, x)
    seed : whatever ``numpy.random.default_rng`` takes
    count : strokes of each class
    length, width : px of the longest stroke and of the widest brush
    """
    random = np.random.default_rng(seed)  # type: ignore[arg-type]
    strokes = []
    for class_index in range(classes):
        room, radius = _room(truth == class_index, width)
        strokes += [Stroke(class_index, walk(room, random, length), radius) for _ in range(count)]
    return strokes


def painted(strokes: list[Stroke], truth: np.ndarray) -> np.ndarray:
    """Paint the strokes: 0 unlabelled, else class index + 1; nothing outside a stroke's own class."""
    labels = np.zeros(truth.shape, np.uint8)
    for stroke in strokes:
        labels[covered(stroke, truth.shape) & (truth == stroke.class_index)] = stroke.class_index + 1
    return labels


def covered(stroke: Stroke, shape: tuple[int, ...]) -> np.ndarray:
    """Return which pixels (y, x) of an image of this shape the brush of a stroke passes over, as booleans."""
    rows, columns = np.round(stroke.path).astype(int).T
    over = np.zeros(shape, bool)
    # Distances are needed around the way only.
    near = tuple(slice(max(0, line.min() - stroke.radius), line.max() + stroke.radius + 1) for line in (rows, columns))
    away = np.ones_like(over[near])
    away[rows - near[0].start, columns - near[1].start] = False
    over[near] = ndimage.distance_transform_edt(away) <= stroke.radius
    return over


def walk(room: np.ndarray, random: np.random.Generator, length: int) -> np.ndarray:
    """Draw the way of a brush's centre from a random pixel: ``length`` points a px apart, all in the room."""
    pixels = np.argwhere(room)
    here = pixels[random.integers(len(pixels))].astype(float)
    heading = random.uniform(0, 2 * np.pi)
    path = [here]
    for _ in range(length - 1):
        heading = _free_heading(room, here, heading + random.normal(0, _WOBBLE), random.choice((-1, 1)))
        ahead = _ahead(here, heading)
        if not _is_free(room, ahead):
            break  # a spot of a single pixel
        here = ahead
        path.append(here)
    return np.array(path)


def _room(inside: np.ndarray, width: int) -> tuple[np.ndarray, int]:
    """Return where the brush's centre may go, and the radius of the largest brush that fits a fair part of it."""
    if not inside.any():
        raise ValueError("the image lacks a class that is to be painted")
    depth = ndimage.distance_transform_edt(inside)
    for radius in range(width // 2, 0, -1):
        room = depth > radius
        if room.sum() >= _FITTING_SHARE * inside.sum():
            return _without_spots(room), radius
    return _without_spots(inside), 0


def _without_spots(room: np.ndarray) -> np.ndarray:
    parts, _ = ndimage.label(room, np.ones((3, 3)))
    large = np.bincount(parts.ravel()) >= _SMALLEST_SPOT
    large[0] = False
    return large[parts] if large.any() else room


def _free_heading(room: np.ndarray, here: np.ndarray, heading: float, side: int) -> float:
    for turn in range(_TURNS):
        angle = (turn + 1) // 2 * (2 * np.pi / _TURNS) * (side if turn % 2 else -side)
        if _is_free(room, _ahead(here, heading + angle)):
            return heading + angle
    return heading + np.pi


def _ahead(here: np.ndarray, heading: float) -> np.ndarray:
    return here + np.array((np.sin(heading), np.cos(heading)))


def _is_free(room: np.ndarray, place: np.ndarray) -> bool:
    row, column = (round(float(value)) for value in place)
    return 0 <= row < room.shape[0] and 0 <= column < room.shape[1] and bool(room[row, column])
