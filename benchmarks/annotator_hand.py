"""The hand of a simulated annotator: how long a stroke takes, where it begins and where it corrects.

Speed, search and rate of samples follow published figures for a mouse. They hold for the screen, on which an image is
shown as large as the window: the same stroke is shorter in pixels of a small image, and so is the brush.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from benchmarks.simulated_strokes import BRUSH_WIDTH, STROKE_LENGTH, Stroke, strokes_over, walk
from benchmarks.sloppy_hand import laid, sloppy_strokes, stray

SPEED = 400.0  # px of the screen per second
SEARCH_S = 0.2  # to find the next place, before every stroke
RATE_HZ = 120.0  # samples of the mouse
WINDOW = 1024  # px of the screen for the longer side of an image
FIRST_STROKES = 2  # per class, before there is anything to correct
SMALLEST_ERROR = 100.0  # square px of the screen; what is smaller is not seen
_THINNEST = 3  # px of the image
_FITTING_SHARE = 0.1  # of an error must be reachable by the brush's centre, else the brush is made smaller


@dataclass(frozen=True, slots=True)
class Trace:
    """Samples of the mouse during a stroke.

    Attributes
    ----------
    seconds : of each sample, 0 for the first
    points : y, x in the image, one row per sample
    """

    seconds: np.ndarray
    points: np.ndarray

    @property
    def duration(self) -> float:
        """Seconds from pressing to releasing the button."""
        return float(self.seconds[-1])


@dataclass(frozen=True, slots=True)
class Hand:
    """Paints on images of one size.

    Attributes
    ----------
    zoom : px of the screen per px of the image
    carelessness : 0 to 1, that of ``sloppy_hand.stray``; None for an exact hand, which never leaves a class
    """

    zoom: float
    carelessness: float | None = None

    @property
    def length(self) -> int:
        """Length of the longest stroke, in px of the image."""
        return max(2, round(STROKE_LENGTH / self.zoom))

    @property
    def width(self) -> int:
        """Width of the brush, in px of the image; odd."""
        return max(_THINNEST, 2 * round((BRUSH_WIDTH / self.zoom - 1) / 2) + 1)

    @property
    def smallest_error(self) -> float:
        """Size of the smallest error that is worth a stroke, in square px of the image."""
        return SMALLEST_ERROR / self.zoom**2

    def trace(self, path: np.ndarray) -> Trace:
        """Return when the mouse is where on its way along a path."""
        ways = np.hypot(*np.diff(path, axis=0).T) if len(path) > 1 else np.zeros(0)
        reached = np.concatenate([[0.0], np.cumsum(ways)]) * self.zoom / SPEED
        ticks = np.arange(np.ceil(reached[-1] * RATE_HZ) + 1) / RATE_HZ
        points = np.stack([np.interp(ticks, reached, path[:, axis]) for axis in (0, 1)], axis=1)
        return Trace(ticks, points)

    def first_strokes(self, truth: np.ndarray, classes: int, seed: object) -> list[Stroke]:
        """Return some strokes of each class, the classes in turn; a careless hand makes one to five of each."""
        size = {"length": self.length, "width": self.width}
        if self.carelessness is None:
            return _in_turn(strokes_over(truth, classes, seed, count=FIRST_STROKES, **size))
        return _in_turn(sloppy_strokes(truth, classes, seed, carelessness=self.carelessness, **size))

    def correction(
        self, truth: np.ndarray, shown: np.ndarray, labels: np.ndarray, random: np.random.Generator
    ) -> Stroke | None:
        """Return a stroke over the largest error that is seen, or None when there is none.

        Parameters
        ----------
        truth : class index per pixel
        shown : predicted class index + 1, 0 where nothing is predicted yet
        labels : what is painted already; what is painted rightly is not painted again
        """
        wrong = (shown > 0) & (shown != truth + 1) & (labels != truth + 1)
        spots = sorted(_spots(wrong, truth), key=lambda spot: -len(spot[1]))
        if not spots or len(spots[0][1]) < self.smallest_error:
            return None
        class_index, places = spots[0]
        spot = np.zeros(truth.shape, bool)
        spot[tuple(places.T)] = True
        room, radius = _room(spot, truth == class_index, self.width)
        length = min(self.length, max(2, int(room.sum()) // (2 * radius + 1)))
        stroke = Stroke(class_index, walk(room, random, length), radius)
        if self.carelessness is None:
            return stroke
        return stray(stroke, truth.shape, random, self.carelessness, self.width)

    def laid(self, stroke: Stroke, truth: np.ndarray) -> np.ndarray:
        """Return the labels that a stroke leaves: class index + 1, 0 elsewhere."""
        return laid([stroke], truth, careless=self.carelessness is not None)


def hand_for(shape: tuple[int, ...], carelessness: float | None = None) -> Hand:
    """Return the hand for an image that fills the window."""
    return Hand(WINDOW / max(shape), carelessness)


def _in_turn(strokes: list[Stroke]) -> list[Stroke]:
    """Return the first stroke of each class, then the second of each, and so on."""
    made: Counter[int] = Counter()
    turns = []
    for stroke in strokes:
        turns.append(made[stroke.class_index])
        made[stroke.class_index] += 1
    return [strokes[index] for index in np.argsort(turns, kind="stable")]


def _spots(wrong: np.ndarray, truth: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Find connected errors within one true class: the class and the pixels as rows y, x."""
    for class_index in np.unique(truth[wrong]).tolist():
        parts, count = ndimage.label(wrong & (truth == class_index))
        if count:
            largest = int(np.argmax(np.bincount(parts.ravel())[1:])) + 1
            yield class_index, np.argwhere(parts == largest)


def _room(spot: np.ndarray, inside: np.ndarray, width: int) -> tuple[np.ndarray, int]:
    """Return where the brush's centre stays within the class of an error, and the largest radius that fits."""
    depth = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    for radius in range(width // 2, 0, -1):
        room = spot & (depth > radius)
        if room.sum() >= _FITTING_SHARE * spot.sum():
            return room, radius
    return spot, 0
