"""Pixels of an image in the order of a layer's axes, read when napari asks for them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Shaped

from napari_unet.images.lazy_array import LazyArray, Sliceable


@dataclass(frozen=True, eq=False)
class LayerPixels(LazyArray):
    """Stands for an array with its axes in another order, and is sliced like it.

    Attributes
    ----------
    pixels : shape, dtype and slicing by integers and slices
    order : for each axis of the layer, that of the pixels
    """

    pixels: Sliceable
    order: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the sizes of the layer's axes."""
        return tuple(int(self.pixels.shape[axis]) for axis in self.order)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of a pixel as stored."""
        return np.dtype(self.pixels.dtype)

    def read(self, key: tuple[Any, ...]) -> Shaped[np.ndarray, "..."]:
        """Read the pixels of a full key."""
        wanted: list[Any] = [None] * self.ndim
        for axis, part in zip(self.order, key, strict=True):
            wanted[axis] = part
        kept = [axis for axis, part in zip(self.order, key, strict=True) if isinstance(part, slice)]
        found = np.asarray(self.pixels[tuple(wanted)])
        return found.transpose([sorted(kept).index(axis) for axis in kept])
