"""The pixels of a stroke that ran over the border of its thing: at its end the network surely says another class."""

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from napari_unet.evaluation.answers import Answers
from napari_unet.images.tiled_plane import TiledPlane
from napari_unet.images.tiles import Region

_REACH = 3  # px from where a stroke ends to pixels that may lie beyond the border
_AGREED = 0.9  # share of the pixels farther inside that must be predicted as they are painted
FEWEST = 10  # pixels: of the inside to judge by, and of an end to be told


def spill_over(
    class_id: int,
    box: Region,
    inside: Bool[np.ndarray, "h w"],
    labels: TiledPlane,
    seen: Bool[np.ndarray, "h w"],
    answers: Answers,
) -> Bool[np.ndarray, "h w"]:
    """Return the pixels of a stroke that lie beyond the border of its thing, as far as the network can tell.

    A stroke without an inside has none: nothing tells there whether the hand or the network errs. Labels that end at
    other labels have none either: such an end was drawn on purpose.

    Parameters
    ----------
    box, inside : a region around the stroke, and its pixels there
    labels : everything that is painted on the plane
    seen : those of the stroke's pixels that are trained on and predicted
    """
    sure = answers.sure[box.slices]
    beyond = seen & (sure > 0) & (sure != class_id)
    if np.count_nonzero(beyond) >= FEWEST:
        at_the_end = _near_unlabelled(labels, box)
        core = answers.classes[box.slices][seen & ~at_the_end]
        beyond &= at_the_end
        if core.size >= FEWEST and np.mean(core == class_id) >= _AGREED and np.count_nonzero(beyond) >= FEWEST:
            return beyond
    return np.zeros_like(inside)


def _near_unlabelled(labels: TiledPlane, box: Region) -> Bool[np.ndarray, "h w"]:
    """Mark the pixels of a region that lie at most ``_REACH`` px, in both directions, from an unlabelled one."""
    around = box.grown(_REACH).clipped(*labels.shape)
    near = ndimage.maximum_filter(labels[around.slices] == 0, 2 * _REACH + 1, mode="nearest")
    return near[box.seen_from(around).slices]
