"""The image files that a path stands for."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from napari_unet.errors import UserError, system_error
from napari_unet.images.readers.formats import SUFFIXES
from napari_unet.images.readers.ome_set import files_of_set
from napari_unet.images.readers.zarr_metadata import METADATA_FILES

_NAMED = 3  # of the files that are skipped


class Listing(NamedTuple):
    """Hold the images that a path stands for, and one coded line on what of a folder is skipped; "" for nothing."""

    images: list[Path]
    notice: str


def list_images(path: Path) -> Listing:
    """Return a file or Zarr image itself, or the images in any other folder, by name.

    Hidden files and images in subfolders are left out. Of an OME image in several files the first one is returned.

    Raises
    ------
    UserError
        NU-I10 for a folder that the system does not open.
    """
    if not is_plain_folder(path):
        return Listing([path], "")
    try:
        shown = sorted(inside for inside in path.iterdir() if not inside.name.startswith("."))
    except OSError as error:
        raise system_error(error, str(path)) from error
    images = [inside for inside in shown if is_zarr(inside) or (os.path.isfile(inside) and _has_known_ending(inside))]
    taken = set(images)
    return Listing(list(_first_of_each_set(images)), _notice(path, len(shown), [p for p in shown if p not in taken]))


def images_of(paths: Sequence[Path], warn: Callable[[str], object] = lambda line: None) -> list[Path]:
    """Return all image files that files and folders stand for, each once, in the order given.

    Parameters
    ----------
    warn : told what of each folder is skipped

    Raises
    ------
    UserError
        NU-I19 for a folder without an image, NU-I10 for one that the system does not open.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        images, notice = list_images(path)
        if not images:
            raise no_image_in(path)
        if notice:
            warn(notice)
        for image in images:
            found.setdefault(image.resolve(), image)
    return list(found.values())


def no_image_in(folder: Path) -> UserError:
    """Return the error for a folder without an image."""
    fix = "choose the folder in which the images themselves lie"
    return UserError("NU-I19", "there is no image in the folder", str(folder), fix)


def is_plain_folder(path: Path) -> bool:
    """Tell whether a path is a folder that holds images, rather than a Zarr image itself."""
    return os.path.isdir(path) and not is_zarr(path)


def _first_of_each_set(images: Sequence[Path]) -> Iterator[Path]:
    parts: set[Path] = set()
    for image in images:
        if image not in parts:
            parts |= files_of_set(image)
            yield image


def _notice(folder: Path, count: int, skipped: Sequence[Path]) -> str:
    if not skipped:
        return ""
    names = [f"{path.name}/" if os.path.isdir(path) else path.name for path in skipped]
    told = ", ".join(names[:_NAMED]) + (" ..." if len(names) > _NAMED else "")
    what = f"{len(skipped)} of {count} files and folders in it are skipped ({told})"
    fix = "nothing is to be done if they are no images; else convert them, or choose their folder"
    return str(UserError("NU-I21", what, str(folder), fix))


def _has_known_ending(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def is_zarr(path: Path) -> bool:
    """Tell whether a path is a folder with the metadata of a Zarr group or array."""
    # Where the system tells nothing of a path, as in a folder of somebody else, this says no and pathlib raises.
    return any(os.path.isfile(path / name) for name in METADATA_FILES)
