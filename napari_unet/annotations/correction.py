"""What a user may say of an image that its file does not say, or says wrongly."""

import math

from napari_unet.errors import UserError
from napari_unet.images.image import PixelSize

PIXEL_UNITS = ("pixel", "nm", "um", "mm")


def refuse_pixel_size(pixel_size: PixelSize, name: str) -> None:
    """Raise where lengths in this unit could not be computed for the image of that name.

    Raises
    ------
    UserError
        NU-I30.
    """
    edges = (pixel_size.y, pixel_size.x)
    if pixel_size.unit not in PIXEL_UNITS or not all(math.isfinite(edge) and edge > 0 for edge in edges):
        raise UserError(
            "NU-I30",
            f"a pixel of {pixel_size.y:g} x {pixel_size.x:g} {pixel_size.unit} is not possible",
            name,
            f"give height and width above 0 and one of the units {', '.join(PIXEL_UNITS)}",
        )
