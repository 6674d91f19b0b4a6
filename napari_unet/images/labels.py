"""Labels drawn elsewhere: integers over an image, 0 unlabelled, 1..K classes."""

from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8

from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.reading import open_image

MAX_CLASS = 255


def read_labels(path: Path, image: Image) -> UInt8[np.ndarray, "planes y x"]:
    """Labels of a file over all planes of ``image``, planes flattened in C order.

    Raises
    ------
    UserError
        NU-A01 to NU-A05 where the file does not hold labels of this image; NU-I.. where it cannot be read.
    """
    labels = open_image(path, expand_palette=False)
    shape = tuple(int(size) for size in labels.pixels.shape)
    wanted = (*(size for size in image.plane_shape if size != 1), image.height, image.width)
    if shape != wanted:
        raise _wrong_shape(path, labels, shape, wanted)
    values = np.asarray(labels.pixels)
    _refuse_values(path, values)
    return values.astype(np.uint8).reshape(image.planes, image.height, image.width)


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


def _refuse_values(path: Path, values: Shaped[np.ndarray, "..."]) -> None:
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
    if values.max() > MAX_CLASS:
        raise _error(
            "NU-A04",
            f"labels hold the value {values.max()}, at most {MAX_CLASS} is wanted",
            path,
            "give class numbers, not object numbers",
        )


def _error(code: str, what: str, path: Path, fix: str) -> UserError:
    return UserError(code, what, str(path), fix)
