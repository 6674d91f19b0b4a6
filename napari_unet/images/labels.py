"""Labels drawn elsewhere: integers over an image, read as annotation: 0 unlabelled, 1..K classes."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8

from napari_unet.errors import UserError
from napari_unet.images.axis_order import axis_order, mask_axes
from napari_unet.images.image import Image
from napari_unet.images.label_file import open_labels
from napari_unet.images.label_meaning import LABEL_MEANINGS
from napari_unet.images.labels_inside import mask_path
from napari_unet.images.lossy import is_lossy
from napari_unet.images.object_labels import object_labels, without_rim

MAX_CLASS = 255
BACKGROUND, FOREGROUND = 1, 2  # the classes of a mask and of numbered objects
_ONE_PLANE = re.compile(r"man_seg_(\d+)_(\d+)")  # as the Cell Tracking Challenge names truth of one plane of a stack


def frame_and_plane(path: Path) -> tuple[int, int] | None:
    """Return of which frame and plane, counted from 0, a file ``man_seg_TTT_ZZZ`` is; None of other names."""
    numbers = _ONE_PLANE.fullmatch(path.stem)
    return None if numbers is None else (int(numbers[1]), int(numbers[2]))


def read_labels(
    path: Path,
    image: Image,
    labels_are: str = "classes",
    rim: int = 0,
    warn: Callable[[str], object] = lambda line: None,
) -> UInt8[np.ndarray, "planes y x"]:
    """Read a label file as annotation of all planes of ``image``, planes flattened in C order.

    Planes are matched by the names of their axes where both files have names, else by their order, see ``axis_order``.
    Of an OME-Zarr that an export wrote the labels inside are read, see ``mask_path``.
    One that has the plane in its name, see ``frame_and_plane``, may hold that plane alone; the others are unlabelled.

    Parameters
    ----------
    labels_are : "classes" where 0 is unlabelled and 1..K are classes; "mask" where 0 is background, class 1, and
        everything else class 2; "objects" where 0 is background and every object has a number, all of class 2, with a
        ridge of background between those that touch
    rim : px along the frame of every plane that stay unlabelled
    warn : told what should be known of the file, such as pages that are left out

    Raises
    ------
    UserError
        NU-A01 to NU-A05, NU-A13 and NU-I36 where the file holds no labels of this image, NU-A15 where the rim leaves
        nothing; NU-C14 for another meaning; NU-I.. where the file cannot be read.
    """
    labels = _opened(path, labels_are)
    for notice in labels.notices:
        warn(notice)
    order = axis_order(labels, image)
    if order is None:
        raise _unlike_axes(path, labels, image)
    shape = tuple(int(labels.pixels.shape[axis]) for axis in order)
    wanted = (*(size for size in image.plane_shape if size != 1), image.height, image.width)
    place = frame_and_plane(path)
    is_one_plane = place is not None and len(wanted) == 3 and shape == wanted[1:] and place[1] < image.planes
    if shape != wanted and not is_one_plane:
        raise _wrong_shape(path, labels, shape, wanted)
    values = np.asarray(labels.pixels).transpose(order)
    _refuse_fractions_and_negatives(path, values)
    if labels_are == "objects" and values.max() > np.iinfo(np.int64).max:
        raise _error("NU-A04", f"objects have the number {values.max()}", path, "number them anew, from 1 on")
    if labels_are == "classes":
        _refuse_large_values(path, values)
    elif labels_are == "mask":
        values = np.where(values != 0, FOREGROUND, BACKGROUND)
    planes = values.reshape(-1, image.height, image.width)
    if labels_are == "objects":
        planes = np.stack([object_labels(plane.astype(np.int64), FOREGROUND, BACKGROUND) for plane in planes])
    found = without_rim(planes.astype(np.uint8), rim, str(path))
    if place is None or not is_one_plane:
        return found
    whole = np.zeros((image.planes, image.height, image.width), np.uint8)
    whole[place[1]] = found[0]
    return whole


def _opened(path: Path, labels_are: str) -> Image:
    """Open a label file as numbers, unless its compression has changed them."""
    if labels_are not in LABEL_MEANINGS:
        what, fix = f"labels cannot be '{labels_are}'", f"choose one of {', '.join(LABEL_MEANINGS)}"
        raise UserError("NU-C14", what, str(path), fix)
    inside = mask_path(path, objects=labels_are == "objects", zero_is_unlabelled=labels_are == "classes")
    labels = open_labels(inside)
    if is_lossy(path):
        what = "labels were saved as JPEG, which changes numbers"
        raise _error("NU-A13", what, path, "save the labels again as PNG or TIFF, from where they were drawn")
    return labels


def _wrong_shape(path: Path, labels: Image, shape: tuple[int, ...], wanted: tuple[int, ...]) -> UserError:
    if "c" in labels.axes:
        return _error(
            "NU-A05",
            f"labels are a colour picture of shape {shape}, one integer per pixel is wanted",
            path,
            "save class numbers as grey values",
        )
    return _error(
        "NU-A01", f"labels have the shape {shape}, the image wants {wanted}", path, "use labels of this very image"
    )


def _unlike_axes(path: Path, labels: Image, image: Image) -> UserError:
    what = f"labels have the axes {labels.axes}, the image has {mask_axes(image)}"
    return _error("NU-A01", what, path, "name them alike, or save the labels as NPY in the order of the image")


def _refuse_fractions_and_negatives(path: Path, values: Shaped[np.ndarray, "..."]) -> None:
    if values.dtype.kind == "f":
        broken = values[~np.isfinite(values) | (values != np.floor(values))]
        if broken.size:
            raise _error(
                "NU-A02", f"labels hold the value {broken[0]}, integers are wanted", path, "save class numbers as uint8"
            )
    if values.min() < 0:
        raise _error(
            "NU-A03",
            f"labels hold the value {values.min()}, 0 (unlabelled) or more is wanted",
            path,
            "renumber the classes from 1",
        )


def _refuse_large_values(path: Path, values: Shaped[np.ndarray, "..."]) -> None:
    if values.max() > MAX_CLASS:
        raise _error(
            "NU-A04",
            f"labels hold the value {values.max()}, at most {MAX_CLASS} is wanted",
            path,
            "give class numbers, or say that the labels are objects (each with its number) or a mask (0 is background)",
        )


def _error(code: str, what: str, path: Path, fix: str) -> UserError:
    return UserError(code, what, str(path), fix)
