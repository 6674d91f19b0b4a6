"""The size above which an image is never held in memory as a whole."""

from napari_unet.images.image import LARGE, Image

_MOST_PLANES = 16  # the most planes of the largest size whose mask is held: 1 GiB, and four times that for the objects


def is_large(image: Image) -> bool:
    """Tell whether a plane, or the mask of all planes, is too large to be held in memory."""
    plane = image.height * image.width
    return plane > LARGE or image.planes * plane > _MOST_PLANES * LARGE
