"""Pixels in one piece of a file, read where they lie: a mapped file that is cut short would end the process."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import Shaped

from napari_unet.images.lazy_array import LazyArray

SPAN_BYTES = 4 * 2**20  # unwanted bytes between wanted pixels are read with them up to here


@dataclass(frozen=True, slots=True)
class ContiguousPixels(LazyArray):
    """Read an array that a file holds in one piece, uncompressed, by integers and forward slices.

    The bytes of its numbers come in the order of this machine, as other readers give them: resolutions of one image may
    be read by both.

    Attributes
    ----------
    sizes : sizes of the axes as they lie in the file, the fastest last
    fortran : the axes of the array are those of the file in reverse order
    stored : type of a pixel in the file
    start : bytes before the first pixel
    """

    path: Path
    sizes: tuple[int, ...]
    fortran: bool
    stored: np.dtype[Any]
    start: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the sizes of the axes."""
        return self.sizes[::-1] if self.fortran else self.sizes

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of a pixel."""
        return self.stored.newbyteorder("=")

    def read(self, key: tuple[int | slice, ...]) -> Shaped[np.ndarray, "..."]:
        """Read the pixels of a full key as a copy.

        Raises
        ------
        EOFError
            When the file ends before them.
        """
        if self.fortran:
            return self._read(key[::-1]).transpose()
        return self._read(key)

    def _read(self, key: Sequence[int | slice]) -> Shaped[np.ndarray, "..."]:
        parts: list[int | range] = [range(size)[part] for part, size in zip(key, self.sizes, strict=True)]
        wanted = [range(part, part + 1) if isinstance(part, int) else part for part in parts]
        found = np.empty([len(indices) for indices in wanted], self.stored)
        if found.size:
            axis = self._axis_of_spans(wanted)
            inner = (slice(None, None, wanted[axis].step), *(_as_slice(indices) for indices in wanted[axis + 1 :]))
            span = np.empty((_extent(wanted[axis]), *self.sizes[axis + 1 :]), self.stored)
            with open(self.path, "rb") as stream:
                for places in itertools.product(*(enumerate(indices) for indices in wanted[:axis])):
                    target = found[tuple(place for place, _ in places)]
                    is_whole = target.shape == span.shape
                    self._fill(target if is_whole else span, stream, [*(i for _, i in places), wanted[axis][0]])
                    if not is_whole:
                        target[...] = span[inner]
        native = found if self.stored.isnative else found.byteswap(inplace=True).view(self.dtype)
        return native.reshape([len(part) for part in parts if isinstance(part, range)])

    def _axis_of_spans(self, wanted: Sequence[range]) -> int:
        """Return the axis along which one piece of the file is read at once, with all of the axes after it.

        This is the last axis that is not wanted whole (the next one, where it is wanted in steps), or one before it
        where the pixels between the wanted ones cost little.
        """
        whole = [indices == range(size) for indices, size in zip(wanted, self.sizes, strict=True)]
        axis = max((n for n, is_whole in enumerate(whole) if not is_whole), default=0)
        if wanted[axis].step > 1 and axis + 1 < len(wanted):
            axis += 1
        while axis > 0 and _extent(wanted[axis - 1]) * self._bytes_of(axis - 1) <= SPAN_BYTES:
            axis -= 1
        return axis

    def _bytes_of(self, axis: int) -> int:
        """Return the bytes from one index of an axis to the next."""
        return math.prod(self.sizes[axis + 1 :]) * self.dtype.itemsize

    def _fill(self, span: Shaped[np.ndarray, "..."], stream: IO[bytes], first: Sequence[int]) -> None:
        """Fill ``span`` with what lies in the file from one place on, named by its index along the first axes."""
        stream.seek(self.start + sum(index * self._bytes_of(axis) for axis, index in enumerate(first)))
        if stream.readinto(span.reshape(-1).view(np.uint8)) < span.nbytes:  # type: ignore[attr-defined]
            raise EOFError("the file ends too early")


def _extent(indices: range) -> int:
    """Return the number of indices from the first to the last."""
    return indices[-1] + 1 - indices[0]


def _as_slice(indices: range) -> slice:
    return slice(indices.start, indices.stop, indices.step)
