"""The way into a project folder, new or not, from anywhere in the window."""

from pathlib import Path

from qtpy.QtWidgets import QWidget

from napari_unet.controller.controller import Controller
from napari_unet.gui.preferences import settings_of_new_projects
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.read_only_offer import open_or_read
from napari_unet.project.database import DATABASE


def enter_project(controller: Controller, folder: Path, parent: QWidget | None) -> None:
    """Open a project, or make a new one with the settings of the user's preferences.

    Raises
    ------
    UserError
        Those of ``Project`` when it can be neither written nor read; the present project stays open then.
    """
    is_new = not (folder / DATABASE).exists()
    open_or_read(controller, folder, parent)
    if is_new:
        Attempt(controller)(lambda: controller.change_settings(settings_of_new_projects()))
