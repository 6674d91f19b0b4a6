"""The pictures of the docs, from the real window: ``python -m scripts.pictures``, on Linux under ``xvfb-run``.

A simulated hand paints the strokes of the demo on the bundled image of stained tissue; ``docs/images`` gets a picture
of every step of the tutorial and an animation of the first minute.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

_HOME = tempfile.mkdtemp(prefix="pictures-")
os.environ["NAPARI_CONFIG"] = str(Path(_HOME) / "settings.yaml")  # before napari is imported

import napari
import numpy as np
from PIL import Image
from qtpy.QtCore import QPoint, QRect, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_unet.gui.hooks.sample import stained_tissue

IMAGES = Path(__file__).parent.parent / "docs" / "images"
_FIRST = 6  # strokes before the first look at the overlay
_FRAME_S = 0.4
_FRAME_WIDTH = 860
_FRAMES = 70
_COLOURS = 128  # of the animation
_PATIENCE_S = 120.0


class Stage:
    """A napari window with the panel, a hand on the mouse, and a camera."""

    def __init__(self) -> None:
        self.viewer = napari.Viewer()
        self.viewer.window.resize(1380, 860)
        self.frames: list[Image.Image] = []
        self._next_frame = float("inf")

    def open(self) -> None:
        """Take up the sample; the panel makes its project."""
        (pixels, place, _), *_ = stained_tissue()
        self.viewer.add_image(pixels, **place)
        _, self.panel = self.viewer.window.add_plugin_dock_widget("napari-unet-live")
        self.panel.open_project(Path(_HOME) / "stained tissue.unet")
        self.panel.choose_image(self.viewer.layers[0])
        self.run(0.5)
        self.viewer.reset_view()
        self.run(1.0)

    def film(self) -> None:
        """Take a frame now and then from here on."""
        self._next_frame = time.monotonic()

    def run(self, seconds: float = _PATIENCE_S, until: Callable[[], object] = lambda: False) -> None:
        """Let the window live until something holds, or for some seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            QApplication.processEvents()
            if time.monotonic() >= self._next_frame and len(self.frames) < _FRAMES:
                self._next_frame = time.monotonic() + _FRAME_S
                self.frames.append(self._frame())
            time.sleep(0.005)

    def paint(self, class_id: int, points: Sequence[Sequence[float]], brush: int) -> None:
        """Paint one stroke with the left mouse button, at the speed of a hand."""
        self.panel.class_table.select(class_id)
        self.panel.canvas.annotation.brush_size = brush
        canvas = self.viewer.window._qt_viewer.canvas.native
        QTest.mousePress(canvas, Qt.LeftButton, Qt.NoModifier, self._pixel(*points[0]))
        for (y0, x0), (y1, x1) in pairwise(points):
            for t in np.linspace(0, 1, 12)[1:]:
                QTest.mouseMove(canvas, self._pixel(y0 + t * (y1 - y0), x0 + t * (x1 - x0)))
                self.run(0.02)
        QTest.mouseRelease(canvas, Qt.LeftButton, Qt.NoModifier, self._pixel(*points[-1]))
        self.run(0.2)

    def picture(self, name: str, widget: QWidget | None = None) -> None:
        """Save the window, or one widget of it."""
        self.run(0.3)
        shown = widget if widget is not None else self.viewer.window._qt_window
        shown.grab().save(str(IMAGES / f"{name}.png"))

    def write_animation(self, name: str) -> None:
        """Save the frames."""
        palette = self.frames[-1].quantize(_COLOURS)
        indexed = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in self.frames]
        milliseconds = int(1000 * _FRAME_S)
        indexed[0].save(IMAGES / f"{name}.gif", save_all=True, append_images=indexed[1:], duration=milliseconds, loop=0)

    def _frame(self) -> Image.Image:
        """Return the window without the docks on the left, in the width of the animation."""
        window = self.viewer.window._qt_window
        left = self.viewer.window._qt_viewer.canvas.native.mapTo(window, QPoint(0, 0)).x()
        grabbed = window.grab(QRect(left, 0, window.width() - left, window.height())).toImage()
        shown = Image.fromqimage(grabbed).convert("RGB")
        return shown.resize((_FRAME_WIDTH, shown.height * _FRAME_WIDTH // shown.width), Image.Resampling.LANCZOS)

    def _pixel(self, y: float, x: float) -> QPoint:
        qt = self.viewer.window._qt_viewer.canvas
        scale = self.panel.canvas.annotation.scale
        px, py = qt.view.scene.transform.map([x * scale[-1], y * scale[-2], 0, 1])[:2]
        return QPoint(round(px), round(py))


def main() -> None:
    """Play the tutorial."""
    given = json.loads(files("napari_unet").joinpath("demo_strokes.json").read_text(encoding="utf-8"))
    stage = Stage()
    stage.open()
    panel = stage.panel
    panel.class_table.added.emit()
    for label, name in zip(panel.controller.project.classes.all(), given["classes"], strict=True):
        panel.class_table.renamed.emit(label.id, name)
    stage.picture("start")
    stage.film()
    for number, (class_id, points) in enumerate(given["strokes"]):
        stage.paint(class_id, points, given["brush"][class_id - 1])
        if number == _FIRST:
            stage.run(until=lambda: (panel.canvas.prediction.data > 0).all())
            stage.run(2.0)
            stage.picture("first-overlay")
    stage.run(20.0)
    stage.picture("training")
    panel.training.button.click()
    stage.run(until=lambda: panel.training.progress.state == "paused" and panel.training.progress.waiting_tiles == 0)
    panel.details.open()
    stage.run(0.5)
    stage.picture("score-card", panel.score_card)
    panel.details.open(False)
    out = Path(_HOME) / "results"
    panel.export_row.export(out, ("tiff", "png", "csv"))
    stage.run(until=lambda: bool(panel.export_row.exported.text()))
    Image.open(out / "stained tissue.png").convert("RGB").save(IMAGES / "mask.png")
    stage.write_animation("learning")
    stage.viewer.close()


if __name__ == "__main__":
    main()
