"""Pixels of an image file that another process decodes when they are asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from napari_unet.decoder.messages import Inspected, Read
from napari_unet.images.lazy_array import LazyArray

Asked = Callable[[Read, tuple[int, ...], np.dtype[Any]], Shaped[np.ndarray, "..."]]


@dataclass(frozen=True, eq=False)
class DecodedPixels(LazyArray):
    """One resolution of an image file, sliced like the array that it stands for.

    Attributes
    ----------
    ask : gets the pixels of a wish, of this shape and type
    axes : as the file was inspected with
    found : what the file holds
    level : 0 for the finest resolution
    """

    path: Path
    axes: str | None
    found: Inspected = field(repr=False)
    ask: Asked = field(repr=False)
    level: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the sizes of the axes."""
        return self.found.shapes[self.level]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of a pixel as stored."""
        return np.dtype(self.found.dtype)

    def read(self, key: tuple[Any, ...]) -> Shaped[np.ndarray, "..."]:
        """Read the pixels of a full key of integers and forward slices.

        Raises
        ------
        UserError
            NU-I10 to NU-I15 when they cannot be read, NU-S10 to NU-S12 when the other process does not answer.
        """
        parts: list[int | tuple[int, int, int]] = []
        shape: list[int] = []
        for part, size in zip(key, self.shape, strict=True):
            if isinstance(part, slice):
                start, stop, step = part.indices(size)
                parts.append((start, stop, step))
                shape.append(len(range(start, stop, step)))
            else:
                parts.append(range(size)[int(part)])
        if 0 in shape:
            return np.empty(shape, self.dtype)
        wish = Read(str(self.path), self.axes, self.found.state, self.level, tuple(parts))
        return self.ask(wish, tuple(shape), self.dtype)
