"""Rescaling of planes to the pixel size that a network was trained on, and of its answers back."""

import numpy as np
from jaxtyping import Float, Shaped
from skimage.transform import resize

from napari_unet.images.lazy_plane import LazyPlane
from napari_unet.images.plane_stack import PlaneStack

UNCHANGED = (1.0, 1.0)


def rescaled_shape(height: int, width: int, factors: tuple[float, float]) -> tuple[int, int]:
    """Return height and width times their factors, at least one pixel each."""
    return max(1, round(height * factors[0])), max(1, round(width * factors[1]))


def rescaled(
    pixels: Float[np.ndarray, "y x c"] | LazyPlane | PlaneStack, factors: tuple[float, float]
) -> Float[np.ndarray, "h w c"] | LazyPlane | PlaneStack:
    """Rescale a plane by factors of rows and columns: linear between pixels, blurred first where it shrinks.

    A plane that stays as large is not read.
    """
    height, width = rescaled_shape(pixels.shape[0], pixels.shape[1], factors)
    if (height, width) == pixels.shape[:2]:
        return pixels
    shrinks = min(factors) < 1
    return resize(pixels[:, :], (height, width), order=1, mode="edge", anti_aliasing=shrinks, preserve_range=True)


def scaled_back(values: Shaped[np.ndarray, "*k h w"], height: int, width: int) -> Shaped[np.ndarray, "*k y x"]:
    """Rescale values to a height and width, each from the nearest pixel, so that classes are never mixed.

    Values that stay as many come back themselves.
    """
    if values.shape[-2:] == (height, width):
        return values
    rows, columns = (_nearest(old, new) for old, new in zip(values.shape[-2:], (height, width), strict=True))
    return values[..., rows[:, None], columns]


def _nearest(old: int, new: int) -> Shaped[np.ndarray, " new"]:
    return ((np.arange(new) + 0.5) * (old / new)).astype(np.intp).clip(0, old - 1)
