"""Which image files a path stands for."""

from collections.abc import Sequence
from pathlib import Path

from napari_unet.errors import UserError
from napari_unet.images.readers.formats import SUFFIXES, ZARR_METADATA


def image_paths(path: Path) -> list[Path]:
    """A file or Zarr image itself; of any other folder the images in it by name, not those hidden or in subfolders."""
    if not path.is_dir() or _is_zarr(path):
        return [path]
    shown = (p for p in path.iterdir() if not p.name.startswith("."))
    return sorted(p for p in shown if _is_zarr(p) or (p.is_file() and p.suffix.lower() in SUFFIXES))


def images_of(paths: Sequence[Path]) -> list[Path]:
    """All image files that files and folders stand for, each once, in the order given.

    Raises
    ------
    UserError
        NU-I19 for a folder without an image.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        images = image_paths(path)
        if not images:
            fix = "choose the folder in which the images themselves lie"
            raise UserError("NU-I19", "there is no image in the folder", str(path), fix)
        for image in images:
            found.setdefault(image.resolve(), image)
    return list(found.values())


def _is_zarr(path: Path) -> bool:
    return any((path / name).is_file() for name in ZARR_METADATA)
