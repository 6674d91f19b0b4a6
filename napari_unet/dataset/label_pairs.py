"""Pair each label file with its image."""

import re
from collections.abc import Sequence
from pathlib import Path

from napari_unet.errors import UserError
from napari_unet.images.folder import images_of

_NUMBER = re.compile(r"\d+")


def paired(images: Sequence[Path], labels: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Return each image file with its label file.

    Files are taken in the order given. Of two folders every label file is taken, with the image of the same name or
    else of the same last number in its name, as "t049.tif" is that of "man_seg049.tif"; other images are left out.

    Raises
    ------
    UserError
        NU-C02 where images and labels are not as many, or a label file has no image or several; NU-I19 for a folder
        without an image.
    """
    if len(images) == len(labels) == 1 and images[0].is_dir() and labels[0].is_dir():
        candidates = images_of(images)
        return [(_image_of(label, candidates), label) for label in images_of(labels)]
    if len(images) != len(labels):
        what, fix = f"{len(images)} images and {len(labels)} label files", "give one label file for each image"
        raise UserError("NU-C02", what, "train", fix)
    return list(zip(images, labels, strict=True))


def _image_of(label: Path, images: Sequence[Path]) -> Path:
    number = _last_number(label)
    same_name = [image for image in images if image.stem == label.stem]
    same_number = [image for image in images if number is not None and _last_number(image) == number]
    for found in (same_name, same_number):
        if len(found) == 1:
            return found[0]
    count = len(same_name or same_number)
    what = f"{count or 'no'} images in the folder have its name or number"
    raise UserError("NU-C02", what, str(label), "give images and labels as two lists of files in the same order")


def _last_number(path: Path) -> int | None:
    found = _NUMBER.findall(path.stem)
    return int(found[-1]) if found else None
