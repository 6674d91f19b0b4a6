"""The reader of project folders: one that is dropped on napari opens in the panel."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import napari
from qtpy.QtCore import QTimer

from napari_unet.gui.layers.source import layer_content
from napari_unet.project.database import DATABASE
from napari_unet.project.project import Project
from napari_unet.project.recorded_image import open_recorded

LayerData = tuple[Any, ...]
_NO_LAYERS: list[LayerData] = [(None,)]  # napari's sign for: read, and nothing to add


def project_reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]] | None:
    """Return the reader of a project folder, or None for anything else, as napari asks about every folder."""
    is_project = isinstance(path, str) and (Path(path) / DATABASE).is_file()
    return _read if is_project else None


def _read(path: str | list[str]) -> list[LayerData]:
    """Open the project in the panel of the present window; without a window, return its images as layers.

    Raises
    ------
    UserError
        NU-P01 to NU-P06 and NU-I10 to NU-I14 when it cannot be read; in the panel they are told in one line.
    """
    folder = Path(str(path))
    viewer = napari.current_viewer()
    if viewer is None:
        return _image_layers(folder)
    from napari_unet.gui.hooks.palette import open_in_panel  # brings the panel, which no other folder needs

    QTimer.singleShot(0, partial(open_in_panel, viewer, folder))  # once napari is done with reading
    return _NO_LAYERS


def _image_layers(folder: Path) -> list[LayerData]:
    with Project(folder, read_only=True) as project:
        records = project.images.all()
    contents = [layer_content(open_recorded(record), record) for record in records]
    return [(content.pop("data"), content, "image") for content in contents]
