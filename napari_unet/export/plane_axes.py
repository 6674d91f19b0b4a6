"""Names of the planes of a stack in other programs: time, slice and channel."""

import numpy as np
from jaxtyping import Shaped

from napari_unet.images.image import Image

_LETTERS = "TZC"  # the order in which ImageJ stores them
_PREFERRED = "ZTC"  # the order in which unknown axes take what is left


def imagej_axes(plane_axes: str) -> str:
    """Name an image's plane axes in ImageJ's letters: t and z keep theirs, others take Z, T, C as far as free.

    More than three plane axes do not fit into ImageJ: they become one long "Z".
    """
    if len(plane_axes) > len(_LETTERS):
        return "Z"
    free = [axis for axis in _PREFERRED if axis.lower() not in plane_axes]
    return "".join(axis.upper() if axis in "zt" else free.pop(0) for axis in plane_axes)


def plane_positions(image: Image) -> list[dict[str, int]]:
    """Return where ImageJ has each plane: its letters, each with an index from 0; {} for a single plane."""
    axes = imagej_axes(image.plane_axes)
    shape = image.plane_shape if len(axes) == len(image.plane_shape) else (image.planes,)
    if not image.plane_axes:
        return [{}]
    return [dict(zip(axes, map(int, index), strict=True)) for index in np.ndindex(*shape)]


def slice_distance(image: Image, letters: str = _LETTERS) -> float | None:
    """Return how far slices are apart, in the unit of the pixel size, where ``hyperstack`` keeps z as an axis.

    None where the image has no axis z, its distance is not known, or all planes become one long "Z".
    """
    axes = imagej_axes(image.plane_axes)
    is_kept = "z" in image.plane_axes and len(axes) == len(image.plane_axes) and set(axes) <= set(letters)
    return image.pixel_size.z if is_kept and image.pixel_size.is_known else None


def hyperstack(
    values: Shaped[np.ndarray, "planes y x"], image: Image, letters: str = _LETTERS
) -> tuple[Shaped[np.ndarray, "... y x"], str]:
    """Return the planes of an image as one array with ImageJ's axes in the order of ``letters``, and the axes.

    Where the image has an axis that ``letters`` lacks, its planes become one long "Z".
    """
    axes = imagej_axes(image.plane_axes)
    if not set(axes) <= set(letters):
        axes = "Z"
    if len(axes) == len(image.plane_axes):
        values = values.reshape(*image.plane_shape, *values.shape[1:])
    order = sorted(range(len(axes)), key=lambda axis: letters.index(axes[axis]))
    stack = values.transpose(*order, values.ndim - 2, values.ndim - 1)
    return stack, "".join(axes[axis] for axis in order) + "YX"
