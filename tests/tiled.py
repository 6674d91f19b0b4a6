"""Arrays as the planes of tiles that the package keeps."""

import numpy as np

from napari_unet.images.tiled_plane import TiledPlane
from napari_unet.images.tiles import Region


def tiled(values: np.ndarray) -> TiledPlane:
    """Return the plane of an array (y, x) that holds every tile in which something is not 0."""
    plane = TiledPlane(values.shape, values.dtype)
    for place in plane.places(Region(0, 0, *plane.shape)):
        part = values[plane.area(place).slices]
        if part.any():
            plane.tiles[place] = part.copy()
    return plane
