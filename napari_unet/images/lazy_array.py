"""The base of all arrays whose pixels are read when they are sliced."""

import math
import operator
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
        """Read the pixels of a full key: one integer from 0 on, or one forward slice, for each axis."""

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
        """Read the pixels of integers, slices and an ellipsis.

        Raises
        ------
        IndexError
            For an integer outside of its axis, with which a loop over the first axis ends, and for too many of them.
        TypeError
            For anything else.
        """
        parts = full_key(key, self.ndim)
        if len(parts) > self.ndim:
            raise IndexError(f"{len(parts)} indices for {self.ndim} axes")
        found = self.read(tuple(_forward(part, size) for part, size in zip(parts, self.shape, strict=True)))
        backward = [part.step is not None and part.step < 0 for part in parts if isinstance(part, slice)]
        return found[tuple(slice(None, None, -1 if is_so else 1) for is_so in backward)] if any(backward) else found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Shaped[np.ndarray, "..."]:
        """Read all pixels, for code that wants a numpy array."""
        return np.asarray(self[...], dtype=dtype)


def full_key(key: Any, ndim: int) -> tuple[Any, ...]:
    """Return one integer or slice for each axis, from a key that may be shorter or have an ellipsis."""
    parts = key if isinstance(key, tuple) else (key,)
    gap = next((place for place, part in enumerate(parts) if part is Ellipsis), len(parts))
    after = parts[gap + 1 :]
    fill = (slice(None),) * (ndim - gap - len(after))
    return (*parts[:gap], *fill, *after)


def _forward(part: Any, size: int) -> int | slice:
    """Return an integer from 0 on, or a slice of the same pixels whose step is not below 0."""
    if not isinstance(part, slice):
        return range(size)[operator.index(part)]
    if part.step is None or part.step > 0:
        return part
    indices = range(size)[part]
    return slice(indices[-1], indices[0] + 1, -indices.step) if indices else slice(0, 0)
