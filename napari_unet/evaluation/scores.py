"""Scores of a network: one confusion matrix, everything else derived from it."""

from collections.abc import Sequence

import msgspec
import numpy as np
from jaxtyping import Bool, Float64, Int, Int64, UInt8
from scipy import ndimage

from napari_unet.evaluation.estimated_dice import EstimatedDice

_RESAMPLES = 500
_INTERVAL = (2.5, 97.5)  # percentiles of a 95 % interval
AGREEMENT_STROKES = 50  # the newest ones that are compared with the overlay


class ClassScore(msgspec.Struct, frozen=True):
    """Hold the Dice of one class on held-out pixels; None where there is no evidence."""

    class_id: int
    dice: float | None
    low: float | None  # 95 % bootstrap interval over blocks; None with fewer than two blocks
    high: float | None
    pixels: int  # held-out pixels of this class
    blocks: int = 0  # with such pixels
    strokes: int = 0  # pieces: connected pixels of this class within a block


class Milestone(msgspec.Struct, frozen=True):
    """Score a network to compare with, on the same held-out pixels as the one that is shown."""

    step: int
    mean_dice: float | None


class BlockScore(msgspec.Struct, frozen=True):
    """Hold the mean Dice of one held-out block, for showing it on the image."""

    image_id: int
    plane: int
    y0: int
    x0: int
    y1: int
    x1: int
    dice: float


class AreaScore(msgspec.Struct, frozen=True):
    """Hold the Dice on what is painted in one test area, for the classes that are; no class has an interval."""

    image_id: int
    plane: int
    y0: int
    x0: int
    y1: int
    x1: int
    mean_dice: float | None  # over the classes painted in it; None while nothing is
    classes: tuple[ClassScore, ...]

    @property
    def pixels(self) -> int:
        """Count the labelled pixels in the area of the classes that the network knows."""
        return sum(score.pixels for score in self.classes)


class CheckedDice(msgspec.Struct, frozen=True):
    """Hold the Dice over all checked areas at random, with the interval in which that of the whole images lies.

    Attributes
    ----------
    classes : of each the number of areas that it is in is ``checked_areas``
    areas, images, pixels : that stand behind it
    """

    classes: tuple[EstimatedDice, ...]
    areas: int
    images: int
    pixels: int


class Score(msgspec.Struct, frozen=True):
    """Hold all scores of a network; ``mean_dice``, on the held-out pixels, needs evidence for every class."""

    step: int
    mean_dice: float | None
    classes: tuple[ClassScore, ...]
    blocks: tuple[BlockScore, ...] = ()
    areas: tuple[AreaScore, ...] = ()  # apart: their pixels are in no class's Dice above
    checked: CheckedDice | None = None  # over the areas at random that the user has checked
    best: Milestone | None = None
    start: Milestone | None = None  # the first network shown with these classes since the worker began
    estimated: float | None = None  # mean over the classes of the estimated Dice of the painted images
    estimates: tuple[EstimatedDice, ...] = ()  # of each class over all images that were looked at


def confusion(
    truth: UInt8[np.ndarray, "*shape"], prediction: UInt8[np.ndarray, "*shape"], class_ids: Sequence[int]
) -> Int64[np.ndarray, "k k"]:
    """Count pixels by true class (row) and predicted class (column); other true classes do not count."""
    index = np.full(256, len(class_ids), np.int64)
    index[list(class_ids)] = np.arange(len(class_ids))
    rows, columns = index[truth.ravel()], index[prediction.ravel()]
    known = (rows < len(class_ids)) & (columns < len(class_ids))
    size = len(class_ids)
    return np.bincount(rows[known] * size + columns[known], minlength=size * size).reshape(size, size)


def dice(matrix: Int[np.ndarray, "*n k k"]) -> Float64[np.ndarray, "*n k"]:
    """Return 2 |X and Y| / (|X| + |Y|) per class; NaN for a class that is not in the truth."""
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    truth, predicted = matrix.sum(-1), matrix.sum(-2)
    return np.where(truth > 0, 2 * hits / np.maximum(truth + predicted, 1), np.nan)


def iou(matrix: Int[np.ndarray, "*n k k"]) -> Float64[np.ndarray, "*n k"]:
    """Return |X and Y| / |X or Y| per class; NaN for a class that is not in the truth."""
    value = dice(matrix)
    return value / (2 - value)


def precision(matrix: Int[np.ndarray, "*n k k"]) -> Float64[np.ndarray, "*n k"]:
    """Return |X and Y| / |X|, the true share of the prediction, per class; NaN for a class predicted nowhere.

    It is 0, not NaN, for a class that is predicted but not in the truth.
    """
    return _share(np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(-2))


def recall(matrix: Int[np.ndarray, "*n k k"]) -> Float64[np.ndarray, "*n k"]:
    """Return |X and Y| / |Y|, the predicted share of the truth, per class; NaN for a class not in the truth."""
    return _share(np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(-1))


def mean_of_all(values: Float64[np.ndarray, " k"]) -> float | None:
    """Average the classes; None unless every class has a value, for a mean over the easy ones flatters."""
    return float(values.mean()) if values.size and np.isfinite(values).all() else None


def mean_known(values: Float64[np.ndarray, " k"]) -> float | None:
    """Average the classes that have a value; None when none has."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None


def bootstrap_interval(matrices: Int[np.ndarray, "n k k"]) -> Float64[np.ndarray, "2 k"]:
    """Return the 95 % interval of the Dice per class over blocks drawn with replacement; NaN for one block.

    Pixels of a stroke are not independent of each other, blocks nearly are: so blocks are what is drawn.
    """
    count = len(matrices)
    if count < 2:
        return np.full((2, matrices.shape[-1]), np.nan)
    draws = np.random.default_rng(0).integers(count, size=(_RESAMPLES, count))
    values = dice(matrices[draws].sum(axis=1))
    empty = np.isnan(values).all(axis=0)
    values[:, empty] = 0
    interval = np.nanpercentile(values, _INTERVAL, axis=0)
    interval[:, empty] = np.nan
    return interval


def class_scores(
    matrices: Int[np.ndarray, "n k k"], class_ids: Sequence[int], strokes: dict[int, int] | None = None
) -> tuple[ClassScore, ...]:
    """Return the pooled Dice per class with its interval and the evidence behind it."""
    total = matrices.sum(axis=0)
    values, interval = dice(total), bootstrap_interval(matrices)
    blocks_with = (matrices.sum(-1) > 0).sum(0)
    return tuple(
        ClassScore(
            class_id,
            _known(values[i]),
            _known(interval[0, i]) if blocks_with[i] > 1 else None,
            _known(interval[1, i]) if blocks_with[i] > 1 else None,
            int(total[i].sum()),
            int(blocks_with[i]),
            (strokes or {}).get(class_id, 0),
        )
        for i, class_id in enumerate(class_ids)
    )


def area_score(
    place: tuple[int, int, int, int, int, int], matrix: Int[np.ndarray, "k k"], class_ids: Sequence[int]
) -> AreaScore:
    """Score a test area by its confusion matrix.

    Parameters
    ----------
    place : image id, plane, y0, x0, y1, x1
    """
    classes = tuple(score for score in class_scores(matrix[None], class_ids) if score.pixels)
    return AreaScore(*place, mean_known(dice(matrix)), classes)


def stroke_pieces(labels: UInt8[np.ndarray, "y x"], held_out: Bool[np.ndarray, "y x"]) -> dict[int, int]:
    """Count the connected pieces (8 neighbours) of held-out pixels by class."""
    shown = np.where(held_out, labels, 0)
    return {int(k): ndimage.label(shown == k, np.ones((3, 3)))[1] for k in np.unique(shown[shown > 0])}


def segmentation_accuracy(truth: Int[np.ndarray, "y x"], found: Int[np.ndarray, "y x"]) -> float | None:
    """Return SEG of the Cell Tracking Challenge: the mean Jaccard index over true objects; None without any."""
    values = object_overlaps(truth, found)
    return float(values.mean()) if values.size else None


def object_overlaps(truth: Int[np.ndarray, "y x"], found: Int[np.ndarray, "y x"]) -> Float64[np.ndarray, " n"]:
    """Return the Jaccard index of every true object with the found one that matches it, in the order of their numbers.

    A found object matches a true one when it covers more than half of it; an unmatched true object counts 0.
    """
    true_numbers, true_sizes = np.unique(truth[truth > 0], return_counts=True)
    found_sizes = dict(zip(*(part.tolist() for part in np.unique(found[found > 0], return_counts=True)), strict=True))
    both = (truth > 0) & (found > 0)
    pairs, overlaps = np.unique(np.stack([truth[both], found[both]]), axis=1, return_counts=True)
    sizes = dict(zip(true_numbers.tolist(), true_sizes.tolist(), strict=True))
    values = dict.fromkeys(sizes, 0.0)
    for (true, other), overlap in zip(pairs.T.tolist(), overlaps.tolist(), strict=True):
        if 2 * overlap > sizes[true]:
            values[true] = overlap / (sizes[true] + found_sizes[other] - overlap)
    return np.array(list(values.values()), np.float64)


def _share(part: Int[np.ndarray, "*n k"], whole: Int[np.ndarray, "*n k"]) -> Float64[np.ndarray, "*n k"]:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
