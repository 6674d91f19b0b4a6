"""How much less can be expected of an image than of those that were painted on, as the network is less sure of it."""

import numpy as np

from napari_unet.evaluation.dice_sums import DiceSums
from napari_unet.evaluation.estimated_dice import raw_dice

# Of the mean Dice. ``benchmarks.honesty novelty`` finds that doubt foretells a drop, and neither brightness, contrast
# and texture of an image nor the distance of its features from painted ones do.
MUCH_LESS = 0.05


def expected_drop(sums: DiceSums, painted: DiceSums) -> float:
    """Return by how much the Dice of an image is expected to be lower, mean over the classes that are shown in it.

    Parameters
    ----------
    sums : of the image
    painted : of images that were painted on
    """
    shown = (sums.shown > 0) & (painted.shown > 0)
    return float((raw_dice(painted) - raw_dice(sums))[shown].mean()) if np.any(shown) else 0.0
