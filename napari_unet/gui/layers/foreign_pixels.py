"""Pixels of a layer that another program reads when they are asked for, such as those of reader plugins."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Shaped

from napari_unet.errors import UserError


@dataclass(frozen=True, eq=False)
class ForeignPixels:
    """A lazy array whose failures are one line, whatever they are.

    Attributes
    ----------
    pixels : Dask array or another with shape, dtype and slicing
    name : of the layer
    """

    pixels: Any
    name: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return tuple(map(int, self.pixels.shape))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel."""
        return np.dtype(self.pixels.dtype)

    def __getitem__(self, key: Any) -> Shaped[np.ndarray, "..."]:
        """Pixels, read now.

        Raises
        ------
        UserError
            NU-I61 when they cannot be read.
        """
        return self._read(lambda: self.pixels[key])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Shaped[np.ndarray, "..."]:
        """All pixels, for code that wants a numpy array."""
        return np.asarray(self._read(lambda: self.pixels), dtype=dtype)

    def _read(self, part: Callable[[], Any]) -> Shaped[np.ndarray, "..."]:
        try:
            return np.asarray(part())
        except UserError:
            raise
        except Exception as error:  # a plugin's own kinds of errors cannot be known here
            told = " ".join(f"{type(error).__name__}: {error}".split())[:160]
            what = f"the pixels of the layer cannot be read ({told})"
            fix = "open the file again, or add the file itself in the panel"
            raise UserError("NU-I61", what, self.name, fix) from error
