"""A napari window and the user in front of it, who clicks and paints."""

import importlib.util
import itertools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
    pytest.skip("needs a display: run under xvfb-run", allow_module_level=True)

pytest.importorskip("napari")
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_unet.project.project import Project

# Where there is no torch no worker answers, and waiting for one is in vain.
PATIENCE_S = 60.0 if importlib.util.find_spec("torch") else 5.0

_MOVES = (
    6  # of the mouse from one point of a stroke to the next; each is drawn, and napari paints the line between them
)


def drawn_image(seed: int = 0) -> np.ndarray:
    """Return bright discs on noise, 192 x 160, uint16."""
    rng = np.random.default_rng(seed)
    image = rng.normal(300, 40, (192, 160))
    ys, xs = np.mgrid[:192, :160]
    for y, x in ((40, 40), (40, 120), (110, 80), (160, 30), (150, 130)):
        image[(ys - y) ** 2 + (xs - x) ** 2 < 18**2] += 700
    return image.clip(0).astype(np.uint16)


def settle(until: Callable[[], Any] = lambda: False, seconds: float = PATIENCE_S) -> bool:
    """Let the event loop run until something holds; return whether it does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        if until():
            return True
        time.sleep(0.005)
    return False


def messages() -> list[str]:
    """Return the warnings and errors that napari showed since the window was opened."""
    return [str(n.message) for n in notification_manager.records if n.severity >= "warning"]


class User:
    """Move the mouse in a viewer with the panel open."""

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        _, self.panel = viewer.window.add_plugin_dock_widget("napari-unet-live")
        settle(lambda: self.panel.canvas.annotation is not None, 5)

    @classmethod
    def of_project(cls, viewer: Any, folder: Path, client: Callable[[Path], Any] | None = None) -> Self:
        """Open a project in the panel, with a client in the place of the worker process if one is given."""
        user = cls.__new__(cls)
        user.viewer = viewer
        _, user.panel = viewer.window.add_plugin_dock_widget("napari-unet-live")
        if client is not None:
            user.panel.controller.worker.start_process = client
        user.panel.open_project(folder)
        settle(seconds=0.1)
        return user

    @property
    def painted(self) -> np.ndarray:
        """Return the pixels of the annotation layer."""
        return np.asarray(self.panel.canvas.annotation.data)

    def stored(self, plane: int = 0) -> np.ndarray:
        """Return the labels of a plane as the project has them."""
        controller = self.panel.controller
        with Project(controller.project.folder, read_only=True) as project:
            return project.strokes.plane(controller.image.id, plane)

    def draw(self, class_id: int, *points: tuple[float, float]) -> None:
        """Draw a line through the points (y, x) with the brush of a class."""
        self.panel.class_table.select(class_id)
        self.drag(*points)

    def drag(self, *points: tuple[float, float]) -> None:
        """Press the mouse at the first point, move it through the others and release it at the last."""
        qt = self.viewer.window._qt_viewer.canvas
        QTest.mousePress(qt.native, Qt.LeftButton, Qt.NoModifier, self.pixel(*points[0]))
        QApplication.processEvents()
        for (y0, x0), (y1, x1) in itertools.pairwise(points):
            for t in np.linspace(0, 1, _MOVES + 1)[1:]:
                QTest.mouseMove(qt.native, self.pixel(y0 + t * (y1 - y0), x0 + t * (x1 - x0)))
                QApplication.processEvents()
        QTest.mouseRelease(qt.native, Qt.LeftButton, Qt.NoModifier, self.pixel(*points[-1]))

    def switch(self, name: str) -> None:
        """Go to the image of a name."""
        images = self.panel.controller.project.images.all()
        self.panel.project_images.switch({record.name: record.id for record in images}[name])

    def draw_two_classes(self) -> None:
        """Draw background and cells on the drawn image."""
        self.draw(1, (15, 75), (90, 75))
        self.draw(1, (180, 70), (180, 100))
        self.draw(2, (32, 32), (48, 48))
        self.draw(2, (105, 75), (115, 85))

    @property
    def seen(self) -> np.ndarray:
        """Return the upper left and the lower right corner of what the canvas shows, of the world; (2, 2)."""
        camera, size = self.viewer.scene.camera, np.asarray(self.viewer.canvas.size)
        centre, half = np.asarray(camera.center[-2:]), size / camera.zoom / 2
        return np.array([centre - half, centre + half])

    def pixel(self, y: float, x: float) -> QPoint:
        """Return where on the canvas a pixel of the image lies."""
        qt = self.viewer.window._qt_viewer.canvas
        scale = self.panel.canvas.annotation.scale
        px, py = qt.view.scene.transform.map([x * scale[-1], y * scale[-2], 0, 1])[:2]
        return QPoint(round(px), round(py))
