"""Laws of a dropped project and of the palette, in a real napari window."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication
from window import settle

from napari_unet.config import Settings
from napari_unet.gui.hooks.palette import panel_of
from napari_unet.images.image import Image
from napari_unet.project.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one painted image, that waits for nobody."""
    pixels = np.random.default_rng(0).normal(100, 9, (96, 128)).astype(np.float32)
    labels = np.zeros((96, 128), np.uint8)
    labels[9:12, 20:60], labels[50:52, 20:60] = 1, 2
    with Project(tmp_path / "cells.unet") as made:
        made.settings.write(Settings(start_by_itself=False))
        for name in ("background", "cell"):
            made.add_class(name)
        made.commit(made.add_image(Image("cells", pixels, "yx")).id, 0, labels)
    return tmp_path / "cells.unet"


def test_a_dropped_project_opens_in_the_panel(viewer: Any, project: Path) -> None:
    """Its image and strokes come up; an image that lay in the viewer before gets no project and does not join."""
    viewer.add_image(np.zeros((20, 30)), name="other")
    viewer.open(str(project), plugin="napari-unet-live")
    assert settle(lambda: panel_of(viewer).canvas.annotation is not None)
    panel = panel_of(viewer)
    assert panel.controller.project.folder == project
    assert {"cells", "other", "annotation"} <= {layer.name for layer in viewer.layers}
    assert panel.canvas.annotation.data[51, 30] == 2
    for _ in range(50):
        QApplication.processEvents()
    assert [record.name for record in panel.controller.project.images.all()] == ["cells"]
    assert not (Path.home() / "napari-unet").exists()


def test_commands_are_in_the_palette_and_act_on_the_panel(viewer: Any, project: Path) -> None:
    """Start and pause do what the buttons do; without an image they do nothing."""
    from napari._app_model import get_app_model

    app = get_app_model()
    ids = {f"napari-unet-live.{name}" for name in ("open_project", "start", "pause", "where_next", "export")}
    assert ids <= {str(name) for name, _ in app.commands}
    app.commands.execute_command("napari-unet-live.start").result()
    panel = panel_of(viewer)
    assert not panel.controller.training.is_on
    panel.open_project(project)
    app.commands.execute_command("napari-unet-live.start").result()
    assert panel.controller.training.is_on
    app.commands.execute_command("napari-unet-live.pause").result()
    assert not panel.controller.training.is_on
