"""How much less can be expected of an image than of those that were painted on, as the network is less sure of it."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from napari_unet.errors import UserError
from napari_unet.evaluation.dice_sums import DiceSums
from napari_unet.evaluation.estimated_dice import EstimatedDice, raw_dice

# Of the mean Dice. ``benchmarks.honesty novelty`` finds that doubt foretells a drop, and neither brightness, contrast
# and texture of an image nor the distance of its features from painted ones do.
MUCH_LESS = 0.05
# The same for a file, where only the estimates of images that were learned from are known, of classes that had one.
MUCH_LESS_OF_FILES = 0.1


def expected_drop(sums: DiceSums, painted: DiceSums) -> float:
    """Return by how much the Dice of an image is expected to be lower, mean over the classes that are shown in it.

    Parameters
    ----------
    sums : of the image
    painted : of images that were painted on
    """
    shown = (sums.shown > 0) & (painted.shown > 0)
    return float((raw_dice(painted) - raw_dice(sums))[shown].mean()) if np.any(shown) else 0.0


def drop_from(
    learned: Sequence[EstimatedDice], class_ids: Sequence[int], values: Float64[np.ndarray, " k"]
) -> float | None:
    """Return by how much less is estimated of an image than of those that were learned from.

    Parameters
    ----------
    learned : the estimates of a network over the images that it had predicted when it was saved
    class_ids : the class of each value
    values : the Dice that is estimated of the image; NaN for a class that is not shown

    Returns
    -------
    The mean over the classes of which both are known; None where there is none.
    """
    known = {estimate.class_id: estimate.value for estimate in learned if estimate.value is not None}
    pairs = zip(class_ids, values.tolist(), strict=True)
    drops = [known[class_id] - value for class_id, value in pairs if class_id in known and not np.isnan(value)]
    return float(np.mean(drops)) if drops else None


def doubt_line(name: str) -> str:
    """Return the line for an image of which less is expected; how much less is mostly more than what is expected."""
    what = "the network is less sure of this image than of painted ones: expect more errors"
    return str(UserError("NU-I35", what, name, "paint some strokes on it, where the prediction is wrong"))
