"""A plane that stays in its file: for images larger than memory."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from napari_unet.images.image import Image
from napari_unet.images.normalisation import Normalisation


@dataclass(frozen=True, slots=True)
class LazyPlane:
    """A normalised plane of which no more is read than what is sliced out of it."""

    image: Image
    plane: int
    normalisation: Normalisation

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.image.height, self.image.width, self.image.channels

    def __getitem__(self, region: tuple[slice, slice]) -> Float32[np.ndarray, "h w c"]:
        """Pixels of these rows and columns, the same as of the whole plane."""
        return self.normalisation.apply(self.image.read(self.plane, *region))
