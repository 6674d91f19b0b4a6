"""Laws of a dropped project and of the palette, in a real napari window."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import Drawing
from qtpy.QtWidgets import QApplication
from window import messages, settle

from napari_unet.config import Settings
from napari_unet.gui.hooks.palette import panel_of
from napari_unet.images.image import Image
from napari_unet.images.object_labels import RIDGE, object_labels


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
    ids = {
        f"napari-unet-live.{name}"
        for name in ("open_project", "start", "pause", "where_next", "use_as_annotation", "export")
    }
    assert ids <= {str(name) for name, _ in app.commands}
    app.commands.execute_command("napari-unet-live.start").result()
    panel = panel_of(viewer)
    assert not panel.controller.training.is_on
    panel.open_project(folder)
    app.commands.execute_command("napari-unet-live.start").result()
    assert panel.controller.training.is_on
    app.commands.execute_command("napari-unet-live.pause").result()
    assert not panel.controller.training.is_on


def test_a_labels_layer_becomes_annotation(viewer: Any, folder: Path) -> None:
    """Objects of another program, with a ridge where they touch; strokes of before stay, and undo takes it back."""
    panel = panel_of(viewer)
    panel.open_project(folder)
    painted = panel.canvas.annotation.data.copy()
    objects = np.zeros((96, 128), np.int32)
    objects[40:60, 30:70], objects[40:60, 70:100] = 700, 3
    viewer.layers.selection.active = viewer.add_labels(objects, name="cellpose")
    _use_as_annotation()
    assert messages() == []
    expected = np.where(painted > 0, painted, object_labels(objects))
    np.testing.assert_array_equal(panel.canvas.annotation.data, expected)
    kept = panel.controller.project
    np.testing.assert_array_equal(kept.strokes.plane(1, 0), expected)
    assert panel.settings_form.settings.object_ridge == kept.settings.read().object_ridge == RIDGE
    panel.canvas.annotation.undo()
    settle(seconds=0.1)
    np.testing.assert_array_equal(panel.canvas.annotation.data, painted)


def test_what_is_no_layer_of_objects_is_told(viewer: Any, folder: Path) -> None:
    """Our own layer, an image, and labels of another image: a line each, and nothing is annotated."""
    panel = panel_of(viewer)
    panel.open_project(folder)
    before = panel.canvas.annotation.data.copy()
    others = panel.canvas.annotation, panel.canvas.image, viewer.add_labels(np.ones((20, 20), np.int32))
    for layer, code in zip(others, ("NU-A16", "NU-A16", "NU-A01"), strict=True):
        viewer.layers.selection.active = layer
        _use_as_annotation()
        assert messages()[-1].startswith(code)
    np.testing.assert_array_equal(panel.controller.project.strokes.plane(1, 0), before)


def _use_as_annotation() -> None:
    from napari._app_model import get_app_model

    get_app_model().commands.execute_command("napari-unet-live.use_as_annotation").result()
