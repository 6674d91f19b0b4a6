"""A plane together with its neighbours, as a network with context reads it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from napari_unet.images.lazy_plane import LazyPlane


@dataclass(frozen=True, slots=True)
class PlaneStack:
    """Normalised planes whose channels follow each other, the lowest plane's first; read where it is sliced."""

    planes: tuple[Float32[np.ndarray, "y x _"] | LazyPlane, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels of all planes."""
        height, width, channels = self.planes[0].shape
        return height, width, channels * len(self.planes)

    def __getitem__(self, region: tuple[slice, slice]) -> Float32[np.ndarray, "h w c"]:
        """Pixels of these rows and columns."""
        return np.concatenate([plane[region] for plane in self.planes], axis=2)
