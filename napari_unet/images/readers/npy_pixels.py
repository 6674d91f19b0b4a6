"""Pixels of an NPY file, by its header."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_unet.images.readers.contiguous_pixels import ContiguousPixels

_LONG = np.lib.format.read_array_header_2_0
# Version 3 differs from 2 in how it spells names of fields, which no image has.
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): _LONG, (3, 0): _LONG}


def npy_pixels(path: Path) -> ContiguousPixels:
    """Open an NPY file by its header alone.

    Raises
    ------
    OSError, ValueError
        For a file that is no NPY file, or that holds fewer pixels than its header says.
    """
    with open(path, "rb") as stream:
        version = np.lib.format.read_magic(stream)
        if version not in _HEADERS:
            raise ValueError(f"NPY version {version}")
        shape, fortran, dtype = _HEADERS[version](stream)
        start, end = stream.tell(), stream.seek(0, 2)
    # Objects lie in the file as a pickle, which is never read: their header alone tells nothing of its length.
    if not dtype.hasobject and _is_cut(shape, start, dtype.itemsize, end):
        raise ValueError("the file ends too early")
    return ContiguousPixels(path, shape[::-1] if fortran else shape, fortran, dtype, start)


def _is_cut(shape: Sequence[int], start: int, itemsize: int, end: int) -> bool:
    return min(shape, default=0) < 0 or start + math.prod(shape) * itemsize > end
