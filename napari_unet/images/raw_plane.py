"""A plane as its image holds it, which is normalised where the network computes."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Num

from napari_unet.images.image import Image
from napari_unet.images.lazy_plane import Planes
from napari_unet.images.normalisation import Normalisation

_WHOLE = -1  # marks the key of a whole raw plane, which no row of a piece has


@dataclass(frozen=True, slots=True)
class RawPlane:
    """Read a plane where it is sliced, in the image's own type; its context planes are joined as channels.

    Attributes
    ----------
    planes : numbers of the planes that are joined, the lowest first
    normalisation : of a single plane, all planes having the same
    kept : cache of whole planes, for images that decode more than they are asked for; None to read each part alone
    image_id : number that tells the planes of this image from others in ``kept``
    """

    image: Image
    planes: tuple[int, ...]
    normalisation: Normalisation
    kept: Planes | None = field(default=None, repr=False)
    image_id: int = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return height, width and the number of channels of all planes together."""
        return self.image.height, self.image.width, self.image.channels * len(self.planes)

    @property
    def joined_normalisation(self) -> Normalisation:
        """Return the normalisation of the channels of all planes together."""
        return self.normalisation.repeated(len(self.planes))

    def __getitem__(self, region: tuple[slice, slice]) -> Num[np.ndarray, "h w c"]:
        """Read the pixels of these rows and columns; do not write into them."""
        parts = [self._part(plane, *region) for plane in self.planes]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)

    def _part(self, plane: int, rows: slice, columns: slice) -> Num[np.ndarray, "h w c"]:
        if self.kept is None:
            return self.image.read(plane, rows, columns)
        return self.kept.get((self.image_id, plane, _WHOLE), lambda: self.image.read(plane))[rows, columns]
