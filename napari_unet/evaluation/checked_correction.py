"""The correction of the estimated Dice by what it should have been in areas that the user has checked."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int64
from scipy.special import logit

from napari_unet.evaluation.dice_sums import DiceSums
from napari_unet.evaluation.estimated_dice import CLIPPED, Calibration, Correction, Evidence, calibrated_dice

# The estimate counts as much as so many checked pixels of the class; ``benchmarks.checked_estimate`` finds them.
PRIOR_PIXELS = 7000
CORRECTION = "checked_correction"  # fact of a network: shift, share and areas by class id


class CheckedArea(NamedTuple):
    """Hold what a network predicted in an area of which every pixel is known.

    Attributes
    ----------
    matrix : pixels by true class (row) and predicted class (column)
    sums : of the prediction in the area
    """

    image_id: int
    matrix: Int64[np.ndarray, "k k"]
    sums: DiceSums


def correction_by(
    areas: Iterable[tuple[CheckedArea, Evidence]],
    calibration: Calibration | None = None,
    prior_pixels: float = PRIOR_PIXELS,
) -> Correction | None:
    """Compare the estimate in checked areas with the Dice there; None without areas.

    The true pixels of all areas are added up, and so many that agree as well as was expected are added to them. The
    Dice of these together says by how much the estimate is to be moved: by nothing for a class that no area holds,
    fully where the areas hold far more than ``prior_pixels``.

    Parameters
    ----------
    areas : with what was learned from the image of each
    calibration : of the estimate; the shipped one where None
    """
    found = [*areas]
    if not found:
        return None
    matrices = np.stack([area.matrix for area, _ in found])
    expected_hits = sum(_expected_hits(each, calibration) for each in _alike(found))
    # A pixel counts once for its true class, and once for the one that is shown.
    pixels = matrices.sum(axis=(0, 1)) + matrices.sum(axis=(0, 2))
    expected = 2 * expected_hits / np.maximum(pixels, 1)
    hits = np.diagonal(matrices.sum(axis=0))
    true = (2 * hits + 2 * prior_pixels * expected) / (pixels + 2 * prior_pixels)
    shift = logit(true.clip(CLIPPED, 1 - CLIPPED)) - logit(expected.clip(CLIPPED, 1 - CLIPPED))
    seen = (matrices.any(axis=1) | matrices.any(axis=2)).sum(axis=0)
    return Correction(shift, pixels / (pixels + 2 * prior_pixels), seen)


def as_fact(correction: Correction, class_ids: Sequence[int]) -> dict[str, list[Any]]:
    """Return a correction for the facts of a network."""
    parts = (part.tolist() for part in correction)
    return {str(class_id): each for class_id, *each in zip(class_ids, *parts, strict=True)}


def correction_in(facts: dict[str, Any], class_ids: Sequence[int]) -> Correction | None:
    """Return the correction that a network was saved with; None where no area was checked."""
    known = facts.get(CORRECTION)
    if not known:
        return None
    shift, share, areas = zip(*(known.get(str(class_id), (0.0, 0.0, 0)) for class_id in class_ids), strict=True)
    return Correction(np.array(shift, float), np.array(share, float), np.array(areas, np.int64))


def _alike(
    areas: Sequence[tuple[CheckedArea, Evidence]],
) -> Iterable[list[tuple[CheckedArea, Evidence]]]:
    """Yield the areas of painted images, and those of others: of these less is expected."""
    for is_painted in (True, False):
        same = [each for each in areas if each[1].is_painted == is_painted]
        if same:
            yield same


def _expected_hits(
    areas: Sequence[tuple[CheckedArea, Evidence]], calibration: Calibration | None
) -> Float64[np.ndarray, " k"]:
    """Return of how many pixels of each class truth and prediction would agree if the estimate were right."""
    matrix = np.sum([area.matrix for area, _ in areas], axis=0)
    sums = sum((area.sums for area, _ in areas), DiceSums.none(len(matrix)))
    dice, _ = calibrated_dice(sums, areas[0][1], calibration)
    return dice * (matrix.sum(axis=0) + matrix.sum(axis=1)) / 2
