"""The projects beside an image file that hold it."""

from pathlib import Path

from napari_unet.errors import UserError
from napari_unet.project.database import DATABASE
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


def _id_in(folder: Path, path: Path) -> int | None:
    try:
        with Project(folder, read_only=True) as project:
            return next((record.id for record in project.images.all() if record.path.resolve() == path), None)
    except UserError:
        return None
