"""Pair each label file with its image."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from napari_unet.errors import UserError
from napari_unet.images.folder import images_of, is_plain_folder
from napari_unet.images.labels import frame_and_plane
from napari_unet.images.overwriting import image_stem, same_name

_NUMBER = re.compile(r"\d+")
_LAST_NUMBER = "number"  # the kind of key that says least
_IN_ORDER = "give two lists of files in the same order"


def paired(images: Sequence[Path], labels: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Return each image file with its label file.

    Files are taken in the order given. Of two folders every label file is taken, with the image ``named_alike``.

    Raises
    ------
    UserError
        NU-C02 where images and labels are not as many, or a label file has no image or several, or a folder stands
        beside files; NU-I19 for a folder without an image.
    """
    folders = [path for path in (*images, *labels) if is_plain_folder(path)]
    if len(images) == len(labels) == 1 and len(folders) == 2:
        return named_alike(images_of(images), images_of(labels))
    if folders:
        fix = "give one folder of images and one of labels, or files alone"
        raise UserError("NU-C02", "a folder among images or labels", str(folders[0]), fix)
    if len(images) != len(labels):
        what, fix = f"{len(images)} images and {len(labels)} label files", "give one label file for each image"
        raise UserError("NU-C02", what, "train", fix)
    return list(zip(images, labels, strict=True))


def named_alike(images: Sequence[Path], labels: Sequence[Path], ending: str = "") -> list[tuple[Path, Path]]:
    """Return each label file with the image of the same name, or else of the same last number in its name.

    Of names that differ no more than in case, or in how a letter with an accent is spelled (macOS spells it as two
    characters), one counts for the other where no image has the very name.
    So "t049.tif" is the image of "man_seg049.tif", and of "man_seg_049_012.tif", which is of its plane 12; images
    without a label file are left out.

    Parameters
    ----------
    ending : of the names of images, which does not count

    Raises
    ------
    UserError
        NU-C02 where a label file has no image or several, or its last number may count something else.
    """
    candidates = _Candidates(images, ending)
    pairs = [(candidates.image_of(label), label) for label in labels]
    _refuse_doubtful(pairs, images, ending)
    return pairs


def _refuse_doubtful(pairs: Sequence[tuple[Path, Path]], images: Sequence[Path], ending: str) -> None:
    """Refuse what a last number alone says where it may count something else, as that of "a1_ch2" beside "a1" and "a2".

    It may where another label file has that image too, or where the name begins with that of another numbered image.
    Several files of one name are left to the caller, and several planes of one stack are meant.
    """
    whole = [(image, label) for image, label in pairs if frame_and_plane(label) is None]
    counts = Counter(image for image, _ in whole)
    names = {image: same_name(image_stem(image).removesuffix(ending)) for image in images}
    for image, label in whole:
        if _is_named_alike(image, label, ending):
            continue
        begins = [other for other, name in names.items() if _NUMBER.search(name) and _begins_with(label, name)]
        if counts[image] > 1 or (begins and image not in begins):
            what = f"its last number is that of {image.name}, and may count something else"
            raise UserError("NU-C02", what, str(label), _IN_ORDER)


class _Candidates:
    """Images by name and by the last number in it."""

    def __init__(self, images: Sequence[Path], ending: str) -> None:
        self._images: dict[tuple[str, str | int], list[Path]] = defaultdict(list)
        for image in images:
            for key in _keys(image, ending):
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
        raise UserError("NU-C02", what, str(label), _IN_ORDER)


def _keys(path: Path, ending: str = "") -> Iterator[tuple[str, str | int]]:
    """Yield by what an image and its label file are found alike, the surest first."""
    name = image_stem(path).removesuffix(ending)
    yield "stem", path.stem.removesuffix(ending)  # where "a.tif" lies beside "a.ome.tif"
    yield "name", name
    yield "alike", same_name(name)
    place, numbers = frame_and_plane(path), _NUMBER.findall(name)
    if numbers:
        yield _LAST_NUMBER, int(numbers[-1]) if place is None else place[0]


def _is_named_alike(image: Path, label: Path, ending: str) -> bool:
    """Tell whether an image and a label file have the same name, not the same number alone."""
    names = {key for key in _keys(image, ending) if key[0] != _LAST_NUMBER}
    return not names.isdisjoint(_keys(label))


def _begins_with(label: Path, name: str) -> bool:
    """Tell whether the name of a label file is that of an image and more, which is not the rest of a number."""
    rest = same_name(label.stem).removeprefix(name)
    return rest != same_name(label.stem) and not rest[:1].isalnum()
