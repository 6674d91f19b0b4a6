"""Pixels of an image in the order of a layer's axes, read when napari asks for them."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Shaped

from napari_unet.images.reading import full_key


@dataclass(frozen=True, eq=False)
class LayerPixels:
    """An array with its axes in another order, sliced like the one it stands for.

    Attributes
    ----------
    pixels : shape, dtype and slicing by integers and slices
    order : for each axis of the layer, that of the pixels
    """

    pixels: Any
    order: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the layer's axes."""
        return tuple(int(self.pixels.shape[axis]) for axis in self.order)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.order)

    @property
    def size(self) -> int:
        """Number of pixels, channels counted."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all pixels in memory."""
        return self.size * self.dtype.itemsize

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel as stored."""
        return np.dtype(self.pixels.dtype)

    def __getitem__(self, key: Any) -> Shaped[np.ndarray, "..."]:
        """Pixels of integers, slices and an ellipsis."""
        parts = full_key(key, self.ndim)
        wanted: list[Any] = [None] * self.ndim
        for axis, part in zip(self.order, parts, strict=True):
            wanted[axis] = part
        kept = [axis for axis, part in zip(self.order, parts, strict=True) if isinstance(part, slice)]
        found = np.asarray(self.pixels[tuple(wanted)])
        return found.transpose([sorted(kept).index(axis) for axis in kept])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Shaped[np.ndarray, "..."]:
        """All pixels, for code that wants a numpy array."""
        return np.asarray(self[...], dtype=dtype)
