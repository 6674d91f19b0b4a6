"""How much less can be expected of an image than of those that were painted on, as the network is less sure of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from napari_unet.errors import UserError
from napari_unet.evaluation.dice_sums import DiceSums
from napari_unet.evaluation.estimated_dice import raw_dice

PAINTED = "painted_dice"  # fact of a network: ``shown_dice`` of the images that were learned from, by class id
# Of the mean Dice. ``benchmarks.honesty novelty`` finds that doubt foretells a drop, and neither brightness, contrast
# and texture of an image nor the distance of its features from painted ones do.
MUCH_LESS = 0.05


def shown_dice(sums: DiceSums) -> Float64[np.ndarray, " k"]:
    """Return ``raw_dice`` of every class that is shown, NaN of the others."""
    return np.where(sums.shown > 0, raw_dice(sums), np.nan)


def expected_drop(dice: Float64[np.ndarray, " k"], painted: Float64[np.ndarray, " k"]) -> float | None:
    """Return by how much the Dice of an image is expected to be lower than that of painted images.

    Parameters
    ----------
    dice : ``shown_dice`` of the image
    painted : the same of images that were painted on

    Returns
    -------
    The mean over the classes that both show; None where there is none.
    """
    drops = painted - dice
    known = ~np.isnan(drops)
    return float(drops[known].mean()) if known.any() else None


def is_much_less(drop: float | None) -> bool:
    """Tell whether an expected drop is so large that the image is unlike the painted ones; False for None."""
    return drop is not None and drop > MUCH_LESS


def painted_fact(painted: DiceSums, class_ids: Sequence[int]) -> dict[str, float]:
    """Return ``shown_dice`` of painted images for the facts of a network, of the classes that are shown."""
    values = shown_dice(painted).tolist()
    return {str(class_id): value for class_id, value in zip(class_ids, values, strict=True) if not np.isnan(value)}


def painted_in(facts: dict[str, Any], class_ids: Sequence[int]) -> Float64[np.ndarray, " k"]:
    """Return ``shown_dice`` of the painted images that a network was saved with, NaN where it is not known."""
    known = facts.get(PAINTED, {})
    return np.array([known.get(str(class_id), np.nan) for class_id in class_ids], float)


def doubt_line(name: str) -> str:
    """Return the line for an image of which less is expected; how much less is mostly more than what is expected."""
    what = "the network is less sure of this image than of painted ones: expect more errors"
    return str(UserError("NU-I35", what, name, "paint some strokes on it, where the prediction is wrong"))
