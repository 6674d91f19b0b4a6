"""The file that a napari layer was read from, compared with the pixels that the layer shows."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.errors import PROGRAM_ERROR, UserError
from napari_unet.gui.layers.layer_pixels import LayerPixels
from napari_unet.images.image import Image
from napari_unet.images.reading import open_image

FILE = "napari-unet file"  # key in the metadata of a layer: the path of its file, where napari does not know it


def path_of(layer: Any) -> Path | None:
    """Return the path of the file that a layer was read from; None where nobody knows it."""
    name = getattr(layer.source, "path", None) or layer.metadata.get(FILE)
    return Path(name) if name else None


def image_in_file(path: Path, pixels: Any, name: str) -> Image | None:
    """Return the image of a file as we read it, with its own axes, where its pixels are those of a layer.

    Parameters
    ----------
    path : the file
    pixels : of the layer: in the order of the file's axes, with or without axes of length 1, or with channels first
        and rows and columns last
    name : for the image that is returned

    Returns None where the file cannot be read, or holds other pixels: readers of other programs choose, split or
    convert what is in a file.
    """
    try:
        image = open_image(path)
        same = any(ours.fingerprint() == theirs.fingerprint() for ours, theirs in _pairs(image, pixels))
    except (UserError, OSError, ValueError) as error:
        _raise_own(error)
        return None
    return replace(image, name=name) if same else None


def holds_image(path: Path, image: Image) -> bool:
    """Tell whether the file, opened with the axes of the image, holds the image's pixels."""
    try:
        same = open_image(path, axes=image.axes, keep_named=True)
        found = Image(image.name, same.pixels, image.axes, image.pixel_size, image.alpha)
        return found.fingerprint() == image.fingerprint()
    except (UserError, OSError, ValueError) as error:
        _raise_own(error)
        return False  # a format of a reader plugin: its pixels are copied into the project instead


def holds_another(path: Path) -> bool:
    """Tell whether a file that does not hold the pixels of its layer is an image that we read all the same."""
    try:
        open_image(path)
    except (UserError, OSError, ValueError) as error:
        _raise_own(error)
        return False  # a format of a reader plugin, which nothing else here could read otherwise
    return True


def _raise_own(error: Exception) -> None:
    """Raise an error of this program, which says nothing of the file."""
    if isinstance(error, UserError) and error.code == PROGRAM_ERROR:
        raise error


def _pairs(image: Image, pixels: Any) -> Iterator[tuple[Image, Image]]:
    """Give the image and the layer's pixels under the same axes, for every order of axes in which the shapes agree."""
    for axes in dict.fromkeys((image.axes, _channels_first(image.axes))):
        order = tuple(image.axes.index(axis) for axis in axes)
        alpha = image.alpha and axes == image.axes
        ours = LayerPixels(image.pixels, order)
        theirs = _reshaped(pixels, ours.shape)
        if theirs is not None:
            yield Image(image.name, ours, axes, alpha=alpha), Image(image.name, theirs, axes, alpha=alpha)


def _reshaped(pixels: Any, shape: tuple[int, ...]) -> Any:
    """Return the pixels in this shape if only axes of length 1 come or go, else None."""
    if tuple(pixels.shape) == shape:
        return pixels
    longer = [tuple(size for size in each if size != 1) for each in (pixels.shape, shape)]
    return pixels.reshape(shape) if isinstance(pixels, np.ndarray) and longer[0] == longer[1] else None


def _channels_first(axes: str) -> str:
    planes = "".join(axis for axis in axes if axis not in "yxc")
    return ("c" if "c" in axes else "") + f"{planes}yx"
