"""The base of all arrays whose pixels are read when they are sliced."""

import math
from abc import ABC, abstractmethod
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Shaped


@runtime_checkable
class Sliceable(Protocol):
    """Describe what has a shape and a type and is sliced like an array: of NumPy, Zarr or Dask, or one of ours."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the sizes of the axes."""

    @property
    def dtype(self) -> Any:
        """Return the type of an element."""

    def __getitem__(self, key: Any) -> Any:
        """Return a part, or what stands for it until it is read."""


class LazyArray(ABC):
    """Present pixels that lie elsewhere as an array of a shape and a type, sliced by integers and slices."""

    __slots__ = ()

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Return the sizes of the axes."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """Return the type of a pixel as stored."""

    @abstractmethod
    def read(self, key: tuple[Any, ...]) -> Shaped[np.ndarray, "..."]:
        """Read the pixels of a full key: one integer or slice for each axis."""

    @property
    def ndim(self) -> int:
        """Return the number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Return the number of pixels, channels counted."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Return the bytes that all pixels take in memory."""
        return self.size * self.dtype.itemsize

    def __getitem__(self, key: Any) -> Shaped[np.ndarray, "..."]:
        """Read the pixels of integers, slices and an ellipsis."""
        return self.read(full_key(key, self.ndim))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Shaped[np.ndarray, "..."]:
        """Read all pixels, for code that wants a numpy array."""
        return np.asarray(self[...], dtype=dtype)


def full_key(key: Any, ndim: int) -> tuple[Any, ...]:
    """Return one integer or slice for each axis, from a key that may be shorter or have an ellipsis."""
    parts = key if isinstance(key, tuple) else (key,)
    if Ellipsis not in parts:
        parts = (*parts, Ellipsis)
    gap = parts.index(Ellipsis)
    fill = (slice(None),) * (ndim - len(parts) + 1)
    return (*parts[:gap], *fill, *parts[gap + 1 :])
