"""A small picture of an image for a list, from few of its pixels."""

import numpy as np
from jaxtyping import UInt8

from napari_unet.images.image import Image

_PERCENTILES = (0.5, 99.5)


def thumbnail(image: Image, side: int, plane: int | None = None) -> UInt8[np.ndarray, "h w 3"]:
    """Draw a plane, by default the middle one, with a longer side from ``side`` to twice that, or as small as it is.

    Three channels are shown as colours, and the mean of any other number of channels in grey. The percentiles 0.5 and
    99.5 become black and white, NaN becomes black. Of a pyramid a coarse resolution is read.
    """
    image = image.coarse(side)
    every = slice(None, None, thumbnail_step(image, side))
    pixels = image.read(image.planes // 2 if plane is None else plane, every, every).astype(np.float64)
    if image.channels != 3:
        pixels = np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2)
    finite = pixels[np.isfinite(pixels)]
    low, high = np.percentile(finite, _PERCENTILES) if finite.size else (0.0, 0.0)
    scale = 255 / (high - low) if high > low else 0.0
    shown = np.nan_to_num((pixels - low) * scale, nan=0.0, posinf=255.0, neginf=0.0)
    return np.clip(shown, 0, 255).astype(np.uint8)


def thumbnail_step(image: Image, side: int) -> int:
    """Return the step in pixels from one pixel that a thumbnail takes to the next."""
    return max(1, max(image.height, image.width) // side)
