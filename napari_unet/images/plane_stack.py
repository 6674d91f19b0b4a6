"""A plane together with its neighbours, as a network with context reads it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from napari_unet.images.lazy_plane import LazyPlane


@dataclass(frozen=True, slots=True)
class PlaneStack:
    """Join the channels of neighbouring normalised planes, those of the lowest plane first; read where it is sliced."""

    planes: tuple[Float32[np.ndarray, "y x _"] | LazyPlane, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return height, width and the number of channels of all planes together."""
        height, width, channels = self.planes[0].shape
        return height, width, channels * len(self.planes)

    def __getitem__(self, region: tuple[slice, slice]) -> Float32[np.ndarray, "h w c"]:
        """Read the pixels of these rows and columns."""
        return np.concatenate([plane[region] for plane in self.planes], axis=2)
