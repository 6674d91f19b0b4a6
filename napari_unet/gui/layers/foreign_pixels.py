"""Pixels of a layer that another program reads when they are asked for, such as those of reader plugins."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Shaped

from napari_unet.errors import UserError, is_ours, program_error
from napari_unet.images.lazy_array import LazyArray, Sliceable


@dataclass(frozen=True, eq=False)
class ForeignPixels(LazyArray):
    """Reads pixels when they are asked for, and tells the user of every failure in one line.

    Attributes
    ----------
    pixels : Dask array or another with shape, dtype and slicing
    name : of the layer
    """

    pixels: Sliceable
    name: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the sizes of the axes."""
        return tuple(map(int, self.pixels.shape))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of a pixel."""
        return np.dtype(self.pixels.dtype)

    def read(self, key: tuple[Any, ...]) -> Shaped[np.ndarray, "..."]:
        """Read the pixels of a full key.

        Raises
        ------
        UserError
            NU-I61 when they cannot be read.
        """
        try:
            return np.asarray(self.pixels[key])
        except UserError:
            raise
        except Exception as error:  # a plugin's own kinds of errors cannot be known here
            if is_ours(error):
                raise program_error(error, self.name) from error
            told = " ".join(f"{type(error).__name__}: {error}".split())[:160]
            what = f"the pixels of the layer cannot be read ({told})"
            fix = "open the file again, or add the file itself in the panel"
            raise UserError("NU-I61", what, self.name, fix) from error
