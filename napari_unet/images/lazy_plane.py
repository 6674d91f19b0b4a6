"""A plane that stays in its file: for images larger than memory."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float32, Num

from napari_unet.images.image import Image
from napari_unet.images.normalisation import Normalisation
from napari_unet.images.recently_used import RecentlyUsed

PIECE = 1024  # px, the side of a square that is read and kept at once

# A key is the number of the image and of the plane, and for a piece its row and column; -1 follows for a raw plane.
Planes = RecentlyUsed[tuple[int, ...], Num[np.ndarray, "y x c"]]


@dataclass(frozen=True, slots=True)
class LazyPlane:
    """Read a normalised plane where it is sliced, and no more of it.

    Attributes
    ----------
    kept : cache of pieces, for planes that are read again and again; None to keep nothing
    image_id : number that tells the pieces of this image from others in ``kept``
    """

    image: Image
    plane: int
    normalisation: Normalisation
    kept: Planes | None = field(default=None, repr=False)
    image_id: int = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return height, width and number of channels."""
        return self.image.height, self.image.width, self.image.channels

    def __getitem__(self, region: tuple[slice, slice]) -> Float32[np.ndarray, "h w c"]:
        """Read the pixels of these rows and columns; they are the same as those of the whole plane."""
        if self.kept is None:
            return self._read(*region)
        (y0, y1, _), (x0, x1, _) = (part.indices(side) for part, side in zip(region, self.shape, strict=False))
        pixels = np.empty((y1 - y0, x1 - x0, self.shape[2]), np.float32)
        for y in range(y0 // PIECE * PIECE, y1, PIECE):
            for x in range(x0 // PIECE * PIECE, x1, PIECE):
                rows, columns = slice(max(y, y0), min(y + PIECE, y1)), slice(max(x, x0), min(x + PIECE, x1))
                piece = self._piece(self.kept, y, x)
                part = piece[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
                pixels[rows.start - y0 : rows.stop - y0, columns.start - x0 : columns.stop - x0] = part
        return pixels

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Float32[np.ndarray, "y x c"]:
        return np.asarray(self._read(slice(None), slice(None)), dtype=dtype)

    def _piece(self, kept: Planes, y: int, x: int) -> Float32[np.ndarray, "h w c"]:
        key = (self.image_id, self.plane, y // PIECE, x // PIECE)
        return kept.get(key, lambda: self._read(slice(y, y + PIECE), slice(x, x + PIECE)))

    def _read(self, rows: slice, columns: slice) -> Float32[np.ndarray, "h w c"]:
        return self.normalisation.apply(self.image.read(self.plane, rows, columns))
