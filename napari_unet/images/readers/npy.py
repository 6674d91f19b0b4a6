"""NPY files."""

from pathlib import Path

from napari_unet.images.readers.axis_letters import guessed_axes
from napari_unet.images.readers.content import Content
from napari_unet.images.readers.file_pixels import lazy
from napari_unet.images.readers.npy_pixels import npy_pixels


def open_npy(path: Path, expand_palette: bool) -> Content:
    """Open an NPY file; its pixels are read when they are sliced."""
    array = npy_pixels(path)
    return Content(lazy(path, array), guessed_axes(array.shape))
