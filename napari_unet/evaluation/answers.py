"""The answers of a network for the strokes of a plane, gathered tile by tile."""

import numpy as np
from jaxtyping import Float32, UInt8

from napari_unet.images.tiled_plane import TiledPlane
from napari_unet.images.tiles import Region

_SURE = 0.8  # probability of a class from which on the network is sure of it


class Answers:
    """Hold the classes of a plane as far as it was predicted.

    Attributes
    ----------
    classes : class ids; 0 where nothing was predicted
    sure : the same, 0 also where the network is not sure
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.classes = TiledPlane(shape, np.uint8)
        self.sure = TiledPlane(shape, np.uint8)

    def write(
        self, region: Region, classes: UInt8[np.ndarray, "h w"], probabilities: Float32[np.ndarray, "k h w"]
    ) -> None:
        """Add what is predicted in a region."""
        self.classes.write(region, classes)
        self.sure.write(region, np.where(probabilities.max(axis=0) >= _SURE, classes, 0).astype(np.uint8))
