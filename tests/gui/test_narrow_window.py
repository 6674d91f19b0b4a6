"""A window so narrow that docks take all of it: nothing is drawn, and nothing is lost or refused either."""

from pathlib import Path
from typing import Any

import numpy as np
from fake_worker import SilentClient
from window import User, drawn_image, messages, settle

from napari_unet.images.image import Image
from napari_unet.project.project import Project


def test_a_canvas_of_no_width(viewer: Any, tmp_path: Path) -> None:
    """Open, paint by a script, look from all sides, then make room: the stroke is saved and nobody complained."""
    with Project(tmp_path / "p.unet") as project:
        project.add_class()
        project.add_image(Image("cells", drawn_image(), "yx"))
    window, canvas = viewer.window._qt_window, viewer.window._qt_viewer.canvas.native
    user = User.of_project(viewer, tmp_path / "p.unet", SilentClient)
    assert settle(lambda: user.panel.canvas.annotation is not None, 10)
    window.resize(300, 500)
    assert settle(lambda: canvas.width() == 0, 5)
    user.panel.canvas.annotation.data[40:50, 20:60] = 1
    viewer.reset_view()
    for dimensions in (3, 2):
        viewer.dims.ndisplay = dimensions
        settle(seconds=0.3)
    assert settle(lambda: user.stored().any(), 10)
    window.resize(1400, 800)
    assert settle(lambda: canvas.width() > 100, 5)
    settle(seconds=0.3)
    assert messages() == []
    np.testing.assert_array_equal(user.stored(), user.painted)
