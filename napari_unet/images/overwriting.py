"""Refusal of results that would take the place of the images they are made from."""

import os
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from napari_unet.errors import UserError

_DOUBLE_ENDINGS = (".ome.tif", ".ome.tiff", ".ome.zarr")


def image_stem(path: Path) -> str:
    """Return a file name without its ending; endings like ``.ome.tif`` count as one."""
    for ending in _DOUBLE_ENDINGS:
        if path.name.lower().endswith(ending):
            return path.name[: -len(ending)]
    return path.stem


def same_name(name: str) -> str:
    """Return what is equal for names that are one file on some system: Windows and macOS do not tell case apart."""
    return unicodedata.normalize("NFC", name).casefold()


def refuse_overwriting(sources: Iterable[Path], folder: Path, stems: Iterable[str]) -> None:
    """Refuse an export that would put a mask in the place of one of the user's images.

    Parameters
    ----------
    sources : files of the images, also of those that are not exported this time
    folder : of the results
    stems : beginnings of the file names of the results

    Raises
    ------
    UserError
        NU-E06 with the image.
    """
    where, wanted = folder.resolve(), {same_name(stem) for stem in stems}
    for source in sources:
        for path in _places(source):
            # An export named images by their last ending alone once, so "a.ome" may stand for "a.ome.tif".
            if path.parent.resolve() == where and not wanted.isdisjoint(map(same_name, (image_stem(path), path.stem))):
                what = "the mask would take the name of the image itself"
                raise UserError("NU-E06", what, str(source), "choose another folder")


def _places(source: Path) -> Iterator[Path]:
    """Give the file as it is named and, where that is a link, the file that it leads to."""
    if os.path.exists(source):  # whatever the system says of it
        yield source.absolute()
        yield source.resolve()
