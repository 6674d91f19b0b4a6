"""Pair each label file with its image."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from napari_unet.errors import UserError
from napari_unet.images.folder import images_of
from napari_unet.images.overwriting import image_stem

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
        candidates = _Candidates(images_of(images))
        return [(candidates.image_of(label), label) for label in images_of(labels)]
    if len(images) != len(labels):
        what, fix = f"{len(images)} images and {len(labels)} label files", "give one label file for each image"
        raise UserError("NU-C02", what, "train", fix)
    return list(zip(images, labels, strict=True))


class _Candidates:
    """The images of a folder by name and by the last number in it."""

    def __init__(self, images: Sequence[Path]) -> None:
        self._images: dict[tuple[str, str | int], list[Path]] = defaultdict(list)
        for image in images:
            for key in _keys(image):
                self._images[key].append(image)

    def image_of(self, label: Path) -> Path:
        """Return the image of a label file.

        Raises
        ------
        UserError
            NU-C02 where it has no image or several.
        """
        found = [self._images[key] for key in _keys(label) if key in self._images]
        for images in found:
            if len(images) == 1:
                return images[0]
        count = len(found[0]) if found else "no"
        what = f"{count} images in the folder have its name or number"
        raise UserError("NU-C02", what, str(label), "give images and labels as two lists of files in the same order")


def _keys(path: Path) -> Iterator[tuple[str, str | int]]:
    """Yield by what an image and its label file are found alike, the surest first."""
    yield "stem", path.stem  # where "a.tif" lies beside "a.ome.tif"
    yield "name", image_stem(path)
    number = _last_number(path)
    if number is not None:
        yield "number", number


def _last_number(path: Path) -> int | None:
    found = _NUMBER.findall(image_stem(path))
    return int(found[-1]) if found else None
