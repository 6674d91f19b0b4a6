"""Pixels that stay in their file until they are sliced."""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from napari_unet.images.lazy_array import LazyArray, Sliceable
from napari_unet.images.readers.damage import changed, damage_told, refuse_bomb

_PROBED_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class FilePixels(LazyArray):
    """Read pixels of an image file, without the axes of length 1; a read that fails is a `UserError`.

    Attributes
    ----------
    array : the whole array in the file, with shape, dtype and slicing by a full key
    kept : the axes of ``array`` that are shown, in order; the others have length 1
    release : closes what the array opened for a read
    state : of the file when it was opened, as ``file_state``
    """

    path: Path
    array: Sliceable
    kept: tuple[int, ...]
    release: Callable[[], object] = lambda: None
    state: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", file_state(self.path))

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the sizes of the kept axes."""
        return tuple(int(self.array.shape[axis]) for axis in self.kept)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of a pixel as stored."""
        dtype: np.dtype[Any] = np.dtype(self.array.dtype)
        return dtype

    def read(self, key: tuple[Any, ...]) -> Shaped[np.ndarray, "..."]:
        """Read the pixels of a full key.

        Raises
        ------
        UserError
            NU-I10 to NU-I15 when they cannot be read, or when the file changed.
        MemoryError
            When there is no room for them: the sizes were found sound when the file was opened.
        """
        selection: list[Any] = [0] * len(self.array.shape)
        for axis, part in zip(self.kept, key, strict=True):
            selection[axis] = part
        with damage_told(self.path, lacks_memory=True):
            self._refuse_change()
            try:
                return np.asarray(self.array[tuple(selection)])
            finally:
                self.release()
                # The file may have changed during the read, whether that succeeded or failed.
                self._refuse_change()

    def with_axes(self, kept: tuple[int, ...]) -> "FilePixels":
        """Return the same pixels with these axes of the array in the file."""
        return FilePixels(self.path, self.array, kept, self.release)

    def _refuse_change(self) -> None:
        if file_state(self.path) != self.state:
            raise changed(self.path)


def file_state(path: Path) -> tuple[int, int]:
    """Return the size and the time of the last change, by which changed content is noticed; (0, 0) for a folder."""
    # The entry of a Zarr folder does not change when chunks in it come and go.
    if path.is_dir():
        return 0, 0
    state = os.stat(path)
    return state.st_size, state.st_mtime_ns


def lazy(path: Path, array: Sliceable, release: Callable[[], object] = lambda: None) -> FilePixels:
    """Wrap an array in a file, with all of its axes."""
    return FilePixels(path, array, tuple(range(len(array.shape))), release)


def refuse_first_chunk(path: Path, pixels: FilePixels, chunks: Sequence[int]) -> None:
    """Read one pixel, so that chunks that cannot be decoded are told at once rather than at the first stroke.

    Raises
    ------
    UserError
        NU-I11 to NU-I14 for a chunk that is damaged, packed with a missing codec, or too large.
    """
    itemsize = pixels.dtype.itemsize
    refuse_bomb(path, chunks, itemsize)
    if 0 not in pixels.shape and math.prod(chunks) * itemsize <= _PROBED_BYTES:
        pixels[(0,) * pixels.ndim]


def pyramid(levels: Sequence[FilePixels], names: Sequence[str]) -> list[FilePixels]:
    """Return the coarser levels, up to the first that is not a smaller picture of the same planes and channels."""
    spatial = [index for index, name in enumerate(names) if name.lower() in ("y", "x")]
    coarser: list[FilePixels] = []
    for level in levels[1:]:
        finer = coarser[-1] if coarser else levels[0]
        pairs = list(enumerate(zip(level.shape, finer.shape, strict=False)))
        smaller = all(0 < new < old if index in spatial else new == old for index, (new, old) in pairs)
        if level.ndim != finer.ndim or level.dtype != finer.dtype or not smaller:
            break
        coarser.append(level)
    return coarser
