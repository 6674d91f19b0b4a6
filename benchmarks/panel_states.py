"""Pictures of the whole window in every state of a day's work, with real images and the real worker, to be looked at.

``python -m benchmarks panel_states --pictures FOLDER --theme dark --size 1366 768``; the environment variable
``QT_SCALE_FACTOR=2`` draws them for a screen with twice the pixels.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from napari.settings import get_settings
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLineEdit, QWidget

from benchmarks.sets import DATA, read_picture, set_named
from benchmarks.simulated_strokes import Stroke, strokes_over
from benchmarks.window import PaintingWindow

_PATIENCE_S = 90.0
_STACK = DATA / "plantseg-3d" / "images" / "ovule_32x128x128.tif"
_NUCLEI = 4  # images of the project


class States:
    """Goes through the states; each is seen when its name is given.

    Parameters
    ----------
    folder : for images and projects
    size : width and height of the window, logical pixels
    """

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        self._folder = folder
        self._size = size
        labelled = set_named("bbbc039-u2os")
        files = sorted(labelled.images.iterdir())[:_NUCLEI]
        self._truth = read_picture(labelled, files[0]).truth
        self._files = [Path(shutil.copy(file, folder)) for file in files]
        self.window = self._open()

    @property
    def panel(self) -> Any:
        """Return the panel of the window that is open."""
        return self.window.panel

    def all(self) -> Iterator[str]:
        """Give the name of every state while it lasts."""
        yield "empty"
        self.window.viewer.open(str(self._files[0]), plugin="napari")
        self._until(lambda: self.panel.canvas.annotation is not None)
        yield "opened"
        yield from self._painting()
        yield from self._checking()
        yield from self._results()
        yield from self._errors()
        self.window.close()
        yield from self._coming_back()
        self.window.close()
        yield from self._stack()
        self.window.close()

    def _painting(self) -> Iterator[str]:
        strokes = strokes_over(self._truth, 2, 1, count=3)
        first, second = strokes[:3], strokes[3:]
        for stroke in first:
            self._paint(stroke)
        yield "painting"
        self._paint(second[0])
        yield "starting"
        for stroke in second[1:]:
            self._paint(stroke)
        self._until(lambda: self._covered)
        yield "learning"
        self.window.wait(8)
        yield "learned"
        self.panel.class_table.begin_name()
        self.window.wait(0.3)
        yield "naming a class"
        QTest.keyClick(self.panel.class_table.table.findChild(QLineEdit), Qt.Key.Key_Escape)
        self.panel.added_files.add(self._files[1:])
        self._until(lambda: self.panel.controller.project.images.count() == _NUCLEI)
        self.window.wait(2)
        yield "several images"

    def _checking(self) -> Iterator[str]:
        panel = self.panel
        panel.where_next.button.click()
        self.window.wait(3)
        yield "next place"
        panel.rectangle_check.choices["random"].trigger()
        self._until(lambda: panel.rectangle_check.is_open)
        self.window.wait(1)
        yield "a rectangle"
        panel.rectangle_check.give_up.click()
        self.window.wait(0.5)
        self.window.viewer.reset_view()

    def _results(self) -> Iterator[str]:
        panel = self.panel
        panel.results.knobs.outlines.click()
        self.window.wait(4)
        yield "outlines"
        panel.results.knobs.outlines.click()
        panel.training.button.click()
        self.window.wait(2)
        yield "paused"
        panel.export_row.button.click()
        self._until(lambda: bool(panel.export_row.exported.text()))
        self.window.wait(0.6)
        yield "exported"
        panel.details.open()
        self.window.wait(0.5)
        panel.scroll.ensureWidgetVisible(panel.details)
        yield "details"
        panel.details.open(False)
        panel.settings_form.bring_up()
        self.window.wait(0.5)
        yield "settings"
        panel.settings_form.close()

    def _errors(self) -> Iterator[str]:
        panel = self.panel
        panel.attempt(lambda: panel.project_images.relocate(1, self._files[1]))
        panel.attempt(lambda: panel.export_row.export(self._folder, ()))
        self.window.wait(1.5)
        yield "two errors"

    def _coming_back(self) -> Iterator[str]:
        self.window = self._open()
        self.window.wait(1)
        yield "recent projects"
        self.window.viewer.open(str(self._files[2]), plugin="napari")
        self.window.wait(2)
        yield "a project is asked for"

    def _stack(self) -> Iterator[str]:
        stack = Path(shutil.copy(_STACK, self._folder / _STACK.name))
        self.window = self._open()
        self.window.viewer.open(str(stack), plugin="napari")
        self._until(lambda: self.panel.canvas.annotation is not None)
        self.window.viewer.dims.set_point(0, 10)
        self.window.wait(3)
        yield "stack"

    def _open(self) -> PaintingWindow:
        window = PaintingWindow(None)
        window.viewer.window._qt_window.setGeometry(0, 0, *self._size)
        window.wait(1.0)
        return window

    def _paint(self, stroke: Stroke) -> None:
        self.window.paint_with(stroke.class_index + 1)
        self.window.drag(stroke.path)
        self.window.wait(0.2)

    def _until(self, holds: Any) -> None:
        if not self.window.wait(_PATIENCE_S, lambda: bool(holds())):
            raise RuntimeError(f"it did not come: {self.panel.status_line.text()}")

    @property
    def _covered(self) -> bool:
        prediction = self.panel.canvas.prediction
        return prediction is not None and bool((np.asarray(prediction.data) > 0).all())


def seen(window: QWidget) -> Any:
    """Return what the screen shows of a window, with dialogs over it."""
    place = window.geometry()
    return window.screen().grabWindow(0, place.x(), place.y(), place.width(), place.height())


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--theme", choices=("dark", "light"), default="dark", help="of napari")
    parser.add_argument("--size", type=int, nargs=2, default=(1366, 768), help="width and height of the window")
    options = parser.parse_args(arguments)
    options.pictures.mkdir(parents=True, exist_ok=True)
    get_settings().appearance.theme = options.theme
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        states = States(Path(folder), tuple(options.size))
        for number, name in enumerate(states.all()):
            QApplication.processEvents()
            shot = seen(states.window.viewer.window._qt_window)
            shot.save(str(options.pictures / f"{number:02d} {name}.png"))


if __name__ == "__main__":
    main()
