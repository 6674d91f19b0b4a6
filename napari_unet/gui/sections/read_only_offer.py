"""The offer to look at a project that cannot be opened for writing."""

from pathlib import Path

from qtpy.QtWidgets import QMessageBox, QWidget

from napari_unet.controller.controller import Controller
from napari_unet.errors import UserError
from napari_unet.gui.plain_text import untagged
from napari_unet.project.project import Project

_READABLE = {"NU-P02", "NU-P09", "NU-P10", "NU-P26"}  # newer, open elsewhere, not writable, no room


def open_or_read(controller: Controller, folder: Path, parent: QWidget | None) -> Project:
    """Open a project, read-only where the user takes the offer; raise a ``UserError`` where neither can be."""
    try:
        return controller.open_project(folder)
    except UserError as error:
        if error.code not in _READABLE or not _takes_offer(str(error), parent):
            raise
    return controller.open_project(folder, read_only=True)


def _takes_offer(line: str, parent: QWidget | None) -> bool:
    buttons = QMessageBox.StandardButton
    question = untagged(f"{line}\n\nOpen it read-only?")
    answer = QMessageBox.question(parent, "U-Net", question, buttons.Open | buttons.Cancel)
    return bool(answer == buttons.Open)
