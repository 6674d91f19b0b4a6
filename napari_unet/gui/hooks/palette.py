"""Commands for napari's palette, and the panel that they act on."""

from pathlib import Path
from typing import Any

import napari
from qtpy.QtWidgets import QAbstractButton

from napari_unet.errors import UserError
from napari_unet.gui.panel import Panel

_PLUGIN = "napari-unet-live"


def panel_of(viewer: Any) -> Panel:
    """Return the panel of a viewer; it is opened if it is not there."""
    panel: Panel
    _, panel = viewer.window.add_plugin_dock_widget(_PLUGIN)
    return panel


def open_in_panel(viewer: Any, folder: Path) -> None:
    """Open a project folder in the panel; what is wrong with it is told in one line."""
    panel = panel_of(viewer)
    panel.attempt(lambda: panel.open_project(folder))


def open_project() -> None:
    """Ask the user for a project folder."""
    _press(_present_panel().head.project_button)


def start() -> None:
    """Start training."""
    _learn(on=True)


def pause() -> None:
    """Stop learning for now."""
    _learn(on=False)


def where_next() -> None:
    """Go to where a stroke should teach most."""
    _press(_present_panel().where_next.button)


def use_as_annotation() -> None:
    """Take the selected Labels layer over as annotation of the image."""
    viewer = napari.current_viewer()
    layer = viewer.layers.selection.active if viewer is not None else None  # before the panel selects its own
    panel = _present_panel()
    panel.attempt(lambda: panel.labels_offer.use(layer))


def export() -> None:
    """Write the formats that are ticked into the folder of the results."""
    _press(_present_panel().export_row.button)


def _learn(*, on: bool) -> None:
    panel = _present_panel()
    if panel.controller.training.is_on != on:
        _press(panel.training.button)


def _press(button: QAbstractButton) -> None:
    button.click()  # does nothing where the panel has it disabled


def _present_panel() -> Panel:
    viewer = napari.current_viewer()
    if viewer is None:
        raise UserError("NU-W04", "there is no napari window", "command palette", "open napari first")
    return panel_of(viewer)
