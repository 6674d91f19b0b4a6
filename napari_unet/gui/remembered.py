"""Choices that the panel remembers from one day to the next: formats, folders and projects."""

import hashlib
from pathlib import Path

import msgspec
import numpy as np
from jaxtyping import UInt8
from PIL import Image
from qtpy.QtCore import QStandardPaths

from napari_unet.errors import UserError
from napari_unet.storage import replace_file

_MOST_PROJECTS = 6
_FOR_TODAY: "list[Remembered]" = []  # the newest choices, while the disk does not take them


class Remembered(msgspec.Struct, frozen=True):
    """Hold choices that belong to no project.

    Attributes
    ----------
    formats : names of the export formats that were ticked; None before the first export
    all_images : whether all images of a project were exported, or the one on screen
    folders : the folder of the results that was chosen for a project, by the project's folder
    recent : folders of the projects that were opened, the newest first
    """

    formats: tuple[str, ...] | None = None
    all_images: bool = True
    folders: dict[str, str] = {}
    recent: tuple[str, ...] = ()


def remembered() -> Remembered:
    """Return what was remembered; nothing where the file is missing, damaged or of another kind."""
    if _FOR_TODAY:
        return _FOR_TODAY[0]
    try:
        return msgspec.json.decode(_file().read_bytes(), type=Remembered)
    except (OSError, ValueError):  # msgspec's errors are of the second kind
        return Remembered()


def remember(choices: Remembered) -> None:
    """Keep the choices in a file of the user's; on a disk that takes no file they hold until napari is closed."""
    _FOR_TODAY.clear()
    try:
        replace_file(_file(), lambda path: path.write_bytes(msgspec.json.encode(choices)))
    except UserError:
        _FOR_TODAY.append(choices)


def remember_project(folder: Path) -> None:
    """Put a project first in the list of those that were opened."""
    before = remembered()
    others = [each for each in before.recent if each != str(folder)]
    remember(msgspec.structs.replace(before, recent=(str(folder), *others)[:_MOST_PROJECTS]))


def recent_projects() -> list[Path]:
    """Return the projects that were opened and are still there, the newest first."""
    return [Path(folder) for folder in remembered().recent if Path(folder).is_dir()]


def picture_of(folder: Path) -> Path:
    """Return the file of the picture of a project; it is there once an image of the project was on screen."""
    return _place() / f"{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}.png"


def keep_picture(folder: Path, picture: UInt8[np.ndarray, "h w 4"]) -> None:
    """Keep a small picture (red, green, blue, opacity) of a project. Raises a ``UserError`` where it cannot be."""
    replace_file(picture_of(folder), lambda path: Image.fromarray(picture).save(path))


def _file() -> Path:
    return _place() / "panel.json"


def _place() -> Path:
    place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericConfigLocation)
    return Path(place) / "napari-unet"
