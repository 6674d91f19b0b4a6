"""The projects that hold an image: those beside its file, and one that was noted."""

from pathlib import Path

from napari_unet.errors import UserError
from napari_unet.project.database import DATABASE
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.project import Project

_MOST = 20  # projects that are looked into, the newest first


def projects_with(path: Path) -> list[tuple[Path, int]]:
    """Return the projects in the folder of an image file that have it, with its id in each, the newest first.

    Projects that cannot be read are passed over.
    """
    there = [folder for folder in path.parent.glob("*.unet") if (folder / DATABASE).is_file()]
    there.sort(key=lambda folder: (folder / DATABASE).stat().st_mtime, reverse=True)
    held = ((folder, _id_in(folder, path.resolve())) for folder in there[:_MOST])
    return [(folder, image_id) for folder, image_id in held if image_id is not None]


def has_image(folder: Path, image_id: int) -> bool:
    """Tell whether there is a project that can be read, with an image of this id."""
    return (folder / DATABASE).is_file() and any(record.id == image_id for record in _records_in(folder))


def _id_in(folder: Path, path: Path) -> int | None:
    return next((record.id for record in _records_in(folder) if record.path.resolve() == path), None)


def _records_in(folder: Path) -> list[ImageRecord]:
    """Return the images of a project; none where it cannot be read."""
    try:
        with Project(folder, read_only=True) as project:
            return project.images.all()
    except UserError:
        return []
