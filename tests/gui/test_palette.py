"""Laws of a dropped project and of the palette, in a real napari window."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import Drawing
from qtpy.QtWidgets import QApplication
from window import settle

from napari_unet.config import Settings
from napari_unet.gui.hooks.palette import panel_of
from napari_unet.images.image import Image


@pytest.fixture
def drawing() -> Drawing:
    """Draw strokes of two classes; the project waits for nobody."""
    pixels = np.random.default_rng(0).normal(100, 9, (96, 128)).astype(np.float32)
    labels = np.zeros(pixels.shape, np.uint8)
    labels[9:12, 20:60], labels[50:52, 20:60] = 1, 2
    return Drawing(Image("cells", pixels, "yx"), labels, ("background", "cell"), Settings(start_by_itself=False))


def test_a_dropped_project_opens_in_the_panel(viewer: Any, folder: Path) -> None:
    """Its image and strokes come up; an image that lay in the viewer before gets no project and does not join."""
    viewer.add_image(np.zeros((20, 30)), name="other")
    viewer.open(str(folder), plugin="napari-unet-live")
    assert settle(lambda: panel_of(viewer).canvas.annotation is not None)
    panel = panel_of(viewer)
    assert panel.controller.project.folder == folder
    assert {"cells", "other", "annotation"} <= {layer.name for layer in viewer.layers}
    assert panel.canvas.annotation.data[51, 30] == 2
    for _ in range(50):
        QApplication.processEvents()
    assert [record.name for record in panel.controller.project.images.all()] == ["cells"]
    assert not (Path.home() / "napari-unet").exists()


def test_commands_are_in_the_palette_and_act_on_the_panel(viewer: Any, folder: Path) -> None:
    """Start and pause do what the buttons do; without an image they do nothing."""
    from napari._app_model import get_app_model

    app = get_app_model()
    ids = {f"napari-unet-live.{name}" for name in ("open_project", "start", "pause", "where_next", "export")}
    assert ids <= {str(name) for name, _ in app.commands}
    app.commands.execute_command("napari-unet-live.start").result()
    panel = panel_of(viewer)
    assert not panel.controller.training.is_on
    panel.open_project(folder)
    app.commands.execute_command("napari-unet-live.start").result()
    assert panel.controller.training.is_on
    app.commands.execute_command("napari-unet-live.pause").result()
    assert not panel.controller.training.is_on
