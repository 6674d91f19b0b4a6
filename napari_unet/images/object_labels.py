"""Numbered objects as annotation of every pixel: a class for the objects, background elsewhere and between them."""

import numpy as np
from jaxtyping import Bool, Integer, UInt8
from scipy import ndimage

from napari_unet.errors import UserError

RIDGE = 2  # px of background between objects that touch, one taken from either
_AROUND = (3, 3)


def object_labels(
    objects: Integer[np.ndarray, "y x"], foreground: int = 2, background: int = 1
) -> UInt8[np.ndarray, "y x"]:
    """Give objects a class and everything else another one, with a ridge of it between objects that touch.

    The ridge (Ronneberger et al. 2015) lets a network tell touching objects apart, and what is annotated so has the
    same objects as pieces that do not touch. An object that would be nothing but ridge keeps its pixels.

    Parameters
    ----------
    objects : 0 where no object is, another number on each object
    foreground, background : class ids
    """
    inside = (objects > 0) & ~ridge(objects)
    return np.where(inside, foreground, background).astype(np.uint8)


def ridge(objects: Integer[np.ndarray, "y x"]) -> Bool[np.ndarray, "y x"]:
    """Find the pixels of objects that have another object among their eight neighbours; not of the smallest objects."""
    if not objects.any():
        return np.zeros(objects.shape, np.bool_)
    highest = ndimage.maximum_filter(objects, _AROUND, mode="nearest")
    lowest = ndimage.minimum_filter(np.where(objects > 0, objects, objects.max()), _AROUND, mode="nearest")
    touching = (objects > 0) & ((highest != objects) | (lowest != objects))
    whole = np.setdiff1d(objects[touching], objects[~touching])  # nothing of these would be left
    return touching & ~np.isin(objects, whole)


def without_rim(labels: UInt8[np.ndarray, "*planes y x"], rim: int, where: str) -> UInt8[np.ndarray, "*planes y x"]:
    """Return labels that are 0, which is unlabelled, on so many pixels along the frame of every plane.

    Raises
    ------
    UserError
        NU-A15 where nothing would be left; ``where`` names the labels.
    """
    height, width = labels.shape[-2:]
    if rim < 0 or 2 * rim >= min(height, width):
        what = f"a rim of {rim} px leaves nothing of {height} x {width} px"
        raise UserError("NU-A15", what, where, f"give an unlabelled rim of 0 to {(min(height, width) - 1) // 2} px")
    inside = np.s_[..., rim : height - rim, rim : width - rim]
    kept = np.zeros_like(labels)
    kept[inside] = labels[inside]
    return kept
