"""A simulated user in a real napari window, whose every click, key and stroke is written down with its second."""

import csv
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QPushButton

from benchmarks.annotator_hand import hand_for
from benchmarks.simulated_strokes import Stroke
from benchmarks.window import PaintingWindow

_LOOK_S = 3.0  # of looking before a correction
_PATIENCE_S = 120.0


class Protocol:
    """Counts what is done, and writes it down with its second.

    Parameters
    ----------
    began : when napari's empty window was there, of the monotonic clock

    Attributes
    ----------
    clicks, keys, strokes : how many there were
    lines : what was done, in seconds since then
    """

    def __init__(self, began: float) -> None:
        self.clicks = self.keys = self.strokes = 0
        self.lines: list[str] = []
        self._began = began

    @property
    def seconds(self) -> float:
        """Return the seconds since the empty window."""
        return time.monotonic() - self._began

    def note(self, what: str) -> None:
        """Write down what has happened."""
        self.lines.append(f"{self.seconds:6.1f} s  {what}")


class JobUser:
    """Does jobs, and counts what has to be done for them.

    Parameters
    ----------
    name : of the job, for the names of pictures
    files : image files; copied into the folder, for a project is made beside them
    folder : gets them
    pictures : gets a picture of the window at every sight; None for none

    Attributes
    ----------
    protocol : what was done, opening the panel and dropping the files included
    """

    def __init__(self, name: str, files: list[Path], folder: Path, pictures: Path | None) -> None:
        self._name = name
        self._pictures = pictures
        copied = [Path(shutil.copy(file, folder)) for file in files]
        self._window = PaintingWindow(copied)
        self.protocol = Protocol(self._window.opened)
        self.click("Plugins > U-Net", 2)
        self.click(f"{len(copied)} file{'s' * (len(copied) > 1)} dropped on the panel: project and layers are there")
        self.see("open")

    @property
    def shown(self) -> np.ndarray:
        """Return the predicted class index of each pixel of the plane on screen; 255 where nothing is predicted."""
        return np.asarray(self._plane_of(self._window.panel.canvas.prediction.data)) - np.uint8(1)

    @property
    def device(self) -> str:
        """Return what the worker computes on."""
        return str(self._window.panel.details.device.text())

    def see(self, sight: str) -> None:
        """Take a picture of the window."""
        if self._pictures is not None:
            self._window.viewer.window._qt_window.grab().save(str(self._pictures / f"{self._name}-{sight}.png"))

    def click(self, what: str, times: int = 1, button: QPushButton | None = None) -> None:
        """Click."""
        if button is not None:
            button.click()
        self.protocol.clicks += times
        self.protocol.note(f"{'click' if times == 1 else f'{times} clicks'}: {what}")

    def add_class(self, name: str) -> None:
        """Click into the last row, and type a name."""
        table = self._window.panel.class_table.table
        table.item(table.rowCount() - 1, 1).setText(name)
        self.protocol.clicks += 1
        self.protocol.keys += len(name) + 1
        self.protocol.note(f"click into the last row, {len(name) + 1} keys: the class {name}")

    def paint_first(self, truth: np.ndarray, classes: int, seed: int) -> None:
        """Paint two strokes of each class."""
        for stroke in hand_for(truth.shape).first_strokes(truth, classes, seed):
            self._paint(stroke)

    def correct(self, truth: np.ndarray, times: int, seed: int) -> None:
        """Paint strokes over the largest errors, after a look at the overlay before each."""
        hand, random = hand_for(truth.shape), np.random.default_rng(seed)
        for _ in range(times):
            self._window.wait(_LOOK_S)
            labels = self._plane_of(self._window.panel.canvas.annotation.data)
            stroke = hand.correction(truth, self.shown + np.uint8(1), labels, random)
            if stroke is None:
                return
            self._paint(stroke)
        self._window.wait(_LOOK_S)

    def wait_for_overlay(self) -> None:
        """Wait until the prediction covers the plane on screen."""
        self.wait("the overlay covers the image", lambda: bool((self.shown < 255).all()))

    def wait(self, what: str, until: Callable[[], bool]) -> None:
        """Wait for something, and write down when it came. Raises a RuntimeError when it does not come."""
        if not self._window.wait(_PATIENCE_S, until):
            raise RuntimeError(f"{self._name}: {what} did not come; {self._window.panel.status_line.text()}")
        self.protocol.note(what)

    def next_image(self) -> None:
        """Press Page Down, and wait for the next image."""
        controller = self._window.panel.controller
        before = controller.image.id
        self._press("PageDown", "Page Down")
        self.wait("the next image is there", lambda: controller.image.id != before)

    def go_to_plane(self, plane: int) -> None:
        """Drag the slider to a plane."""
        self._window.viewer.dims.set_point(0, plane)
        self._window.wait(0.5)
        self.click(f"slider to plane {plane}")

    def look_in_3d(self) -> None:
        """Press napari's button for 3-D."""
        self._window.viewer.dims.ndisplay = 3
        self._window.wait(1.0)
        self.click("3-D")
        self.see("3d")
        self._window.viewer.dims.ndisplay = 2

    def start(self) -> None:
        """Press Start, if learning is paused."""
        if not self._window.panel.controller.training.is_on:
            self.click("Start", button=self._window.panel.training.button)

    def export(self) -> list[dict[str, str]]:
        """Press Pause and Export, wait for the files, and return the rows of the newest table of objects."""
        panel = self._window.panel
        self.click("Pause", button=panel.training.button)
        self.wait("the last tile is repainted", lambda: not panel.training.progress.waiting_tiles)
        self.click(f"Export ({panel.export_row.plan.text()})", button=panel.export_row.button)
        self.wait("masks and tables are written", lambda: bool(panel.export_row.exported.text()))
        self._window.wait(0.3)
        self.see("exported")
        tables = [path for path in panel.export_row.folder.glob("*.csv") if not path.stem.endswith("-summary")]
        whole = max(tables, key=lambda path: (path.stat().st_size, path.name))
        return list(csv.DictReader(whole.open(encoding="utf-8")))

    def come_back(self) -> None:
        """Close the window, open napari and the panel again, and choose the project in the list."""
        self.see("evening")
        self._window.close()
        self.protocol.note("the window is closed")
        self._window = PaintingWindow(None)
        self.click("Plugins > U-Net", 2)
        self._window.wait(0.5)
        self.see("morning")
        offered = self._window.panel.opening.banner.buttons[0]
        self.click(f"{offered.text()}, of the recent projects", button=offered)
        self.wait("the image is there, with its strokes", lambda: self._window.panel.canvas.annotation is not None)

    def leave(self) -> None:
        """Close the window."""
        self._window.close()

    def _paint(self, stroke: Stroke) -> None:
        window = self._window
        window.paint_with(stroke.class_index + 1)
        window.panel.canvas.annotation.brush_size = 2 * stroke.radius + 1
        window.drag(stroke.path)
        self.protocol.keys += 1
        self.protocol.strokes += 1
        self.protocol.note(
            f"key {stroke.class_index + 1}, a stroke {len(stroke.path)} px long, {2 * stroke.radius + 1} px wide"
        )
        window.wait(0.5)

    def _press(self, key: str, name: str) -> None:
        QTest.keyClick(self._window.canvas.native, getattr(Qt.Key, f"Key_{key}"))
        QApplication.processEvents()
        self.protocol.keys += 1
        self.protocol.note(f"key {name}")

    def _plane_of(self, data: np.ndarray) -> np.ndarray:
        plane = self._window.panel.canvas.watcher.plane
        return np.asarray(data).reshape(-1, *data.shape[-2:])[plane]
