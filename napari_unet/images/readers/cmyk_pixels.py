"""Pixels in four inks (CMYK), handed out as red, green and blue."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Shaped

from napari_unet.images.lazy_array import LazyArray, Sliceable


@dataclass(frozen=True, eq=False)
class CmykPixels(LazyArray):
    """Convert an array of inks when it is sliced, as is usual without a colour profile.

    Attributes
    ----------
    inks : unsigned integers, sliced by a full key
    axis : of ``inks``, along which cyan, magenta, yellow and black lie
    """

    inks: Sliceable
    axis: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the sizes of the axes: three colours in the place of four inks."""
        sizes = [int(size) for size in self.inks.shape]
        sizes[self.axis] = 3
        return tuple(sizes)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of a colour, which is that of an ink."""
        return np.dtype(self.inks.dtype)

    def read(self, key: tuple[Any, ...]) -> Shaped[np.ndarray, "..."]:
        """Read the inks of a full key and convert them."""
        ends = (*key[: self.axis], slice(None), *key[self.axis + 1 :])
        axis = sum(isinstance(part, slice) for part in key[: self.axis])
        inks = np.moveaxis(np.asarray(self.inks[ends]), axis, 0).astype(np.float64)
        most = float(np.iinfo(self.dtype).max)
        colours = (most - inks[:3]) * (most - inks[3]) / most
        rounded = np.moveaxis(np.rint(colours), 0, axis).astype(self.dtype)
        return np.asarray(rounded[(*(slice(None),) * axis, key[self.axis])])
