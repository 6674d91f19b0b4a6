"""A real napari window with the panel and an image in it, painted on with simulated mouse events."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QEvent, QEventLoop, QPointF, Qt, QTimer
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication
from skimage import data

from benchmarks.sets import read_picture, set_named

_SIZE = (1300, 900)
_POLL_MS = 5
_STEP_MS = 12  # between two points of a drag; vispy drops what follows within 10 ms
_POINTS = 24  # of a drag
_SHOW_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Scene:
    """A square image with two classes.

    Attributes
    ----------
    pixels : (y, x), uint8
    truth : 0 or 1 per pixel
    origin : for the report
    """

    pixels: np.ndarray
    truth: np.ndarray
    origin: str


def scene(side: int) -> Scene:
    """Return a phase contrast image of that size, mirrored at its edges; drawn blobs where the sets are missing."""
    labelled_set = set_named("usiigaci-phc")
    if labelled_set.images.is_dir():
        path = min(labelled_set.images.iterdir())
        picture = read_picture(labelled_set, path)
        pixels, truth = np.asarray(picture.image.pixels), picture.truth
        origin = f"{labelled_set.name} {path.stem}, mirrored at the edges"
    else:
        truth = data.binary_blobs(1024, blob_size_fraction=0.05, volume_fraction=0.3, rng=0).astype(np.uint8)
        noise = np.random.default_rng(0).normal(0, 20, truth.shape)
        pixels = np.clip(80 + 60 * truth + noise, 0, 255).astype(np.uint8)
        origin = "drawn blobs"
    return Scene(_mirrored(pixels, side), _mirrored(truth, side), origin)


def _mirrored(values: np.ndarray, side: int) -> np.ndarray:
    missing = [(0, max(0, side - length)) for length in values.shape]
    return np.ascontiguousarray(np.pad(values, missing, mode="symmetric")[:side, :side])


class PaintingWindow:
    """The window of a user who paints.

    Parameters
    ----------
    image : pixels, or files that are added to a new project; None leaves the panel empty
    start_worker : replaces the worker process, for comparison; None leaves the panel as it is

    Attributes
    ----------
    viewer, panel, canvas : of the window
    opened, opening_s : when napari's window was there, and the seconds that the panel took to open in it
    """

    def __init__(
        self, image: np.ndarray | Path | Sequence[Path] | None, start_worker: Callable[[Any], Any] | None = None
    ) -> None:
        if not os.environ.get("NAPARI_CONFIG"):
            raise SystemExit("run it with 'python -m benchmarks', which gives napari settings of its own")
        self.viewer = napari.Viewer(show=True)
        self.viewer.window._qt_window.resize(*_SIZE)
        self.opened = time.monotonic()  # napari's empty window
        _, self.panel = self.viewer.window.add_plugin_dock_widget("napari-unet-live")
        self.opening_s = time.monotonic() - self.opened
        if start_worker is not None:
            self.panel.controller.worker.start_process = start_worker
        self.canvas = self.viewer.window._qt_viewer.canvas
        if image is None:
            return
        if isinstance(image, np.ndarray):
            self.viewer.add_image(image, name="benchmark")
        else:
            self.panel.added_files.add([image] if isinstance(image, Path) else list(image))
        if not self.wait(_SHOW_WITHIN_S, lambda: self.panel.canvas.annotation is not None):
            raise RuntimeError("the panel did not take up the image")
        self.wait(1.0)

    def wait(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Let the real event loop run; tell whether ``until`` came true in time."""
        loop, end = QEventLoop(), time.perf_counter() + seconds

        def look() -> None:
            if until() or time.perf_counter() >= end:
                loop.quit()

        timer = QTimer(interval=_POLL_MS)
        timer.timeout.connect(look)
        timer.start()
        loop.exec()
        timer.stop()
        return until()

    def paint_with(self, class_id: int) -> None:
        """Choose a class, as the keys 1 to 9 do."""
        self.panel.class_table.select(class_id)
        self.panel.painting.paint_with(class_id)

    def drag(self, path: np.ndarray, before_release: Callable[[], object] = lambda: None) -> None:
        """Paint along y, x points at the speed of a hand."""
        points = path[np.unique(np.linspace(0, len(path) - 1, _POINTS).astype(int))]
        self.press(points[0])
        for point in points[1:]:
            self.wait(_STEP_MS / 1000)
            self.move(point)
        self.wait(_STEP_MS / 1000)
        before_release()
        self.release(points[-1])

    def press(self, point: Sequence[float]) -> None:
        """Press the left button at y, x of the image."""
        self._send(QEvent.Type.MouseButtonPress, point, Qt.MouseButton.LeftButton, Qt.MouseButton.LeftButton)

    def move(self, point: Sequence[float]) -> None:
        """Move with the left button down."""
        self._send(QEvent.Type.MouseMove, point, Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton)

    def release(self, point: Sequence[float]) -> None:
        """Release the left button."""
        self._send(QEvent.Type.MouseButtonRelease, point, Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton)

    def on_draw(self, callback: Callable[[float], object]) -> None:
        """Call back with the time after every drawing of the canvas."""
        self.canvas._scene_canvas.events.draw.connect(lambda event: callback(time.perf_counter()), position="last")

    def warm_up(self, strokes: Sequence[Any], steps: int, seconds: float) -> None:
        """Paint, see the training start by itself, and wait until it has predicted and made some steps."""
        for stroke in strokes:
            self.paint_with(stroke.class_index + 1)
            self.drag(stroke.path)
        if not self.wait(seconds, lambda: self._is_warm(steps)):
            raise RuntimeError(f"not warm after {seconds:g} s: {self.panel.status_line.text()}")

    def close(self) -> None:
        """Close viewer and panel, which ends the worker."""
        self.viewer.close()
        self.wait(0.5)

    def _is_warm(self, steps: int) -> bool:
        progress, prediction = self.panel.training.progress, self.panel.canvas.prediction
        trained = progress is not None and progress.state == "training" and progress.step >= steps
        return trained and prediction is not None and bool(np.asarray(prediction.data).any())

    def _send(self, kind: Any, point: Sequence[float], button: Any, buttons: Any) -> None:
        y, x = (float(value) for value in point)
        place = QPointF(*(float(v) for v in self.canvas.view.scene.transform.map([x, y, 0, 1])[:2]))
        widget = self.canvas.native
        over_all = QPointF(widget.mapToGlobal(place.toPoint()))
        event = QMouseEvent(kind, place, over_all, button, buttons, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(widget, event)
