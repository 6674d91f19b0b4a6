"""NPY files, read where they lie."""

from pathlib import Path

from napari_unet.errors import UserError
from napari_unet.images.readers.axis_letters import guessed_axes
from napari_unet.images.readers.content import Content
from napari_unet.images.readers.file_pixels import lazy
from napari_unet.images.readers.npy_pixels import npy_pixels


def open_npy(path: Path, expand_palette: bool) -> Content:
    """Open an NPY file; its pixels are read when they are sliced.

    Raises
    ------
    UserError
        NU-I03 for an array of objects.
    """
    array = npy_pixels(path)
    if array.dtype.hasobject:
        fix = "convert the image to uint8, uint16 or float32"
        raise UserError("NU-I03", f"pixels of type {array.dtype} cannot be used", str(path), fix)
    return Content(lazy(path, array), guessed_axes(array.shape), names_axes=False)
