"""The keyboard goes to the image when the mouse does: keys of painting never depend on what was clicked last."""

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QApplication, QMainWindow, QWidget


class CanvasFocus(QObject):  # type: ignore[misc]
    """Gives napari's canvas the focus when the mouse enters it; a dialog in front of the window keeps it.

    Parameters
    ----------
    panel : lies in napari's window
    take_key : called with a digit, 1 to 9, that is pressed on the canvas; napari does not see those that it takes
    """

    def __init__(self, panel: QWidget, take_key: Callable[[int], bool]) -> None:
        super().__init__(panel)
        self._take_key = take_key
        self._canvas: QWidget | None = None

    def watch(self, window: QMainWindow) -> None:
        """Watch the canvas of a window."""
        central = window.centralWidget()
        canvas = central.findChild(QOpenGLWidget) if central is not None else None
        if canvas is not None and canvas is not self._canvas:
            self.stop()
            self._canvas = canvas
            canvas.installEventFilter(self)

    def stop(self) -> None:
        """Let go of the canvas, which outlives a panel that is closed."""
        if self._canvas is not None:
            self._canvas.removeEventFilter(self)
            self._canvas = None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the focus where the window, or nothing, is in front, and pass digits on."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return _is_digit(event) and self._take_key(event.key() - Qt.Key.Key_0)
        if event.type() == QEvent.Type.Enter and self._canvas is not None:
            front = QApplication.activeWindow()
            if front is None or front is self._canvas.window():
                self._canvas.setFocus()
        return False


def _is_digit(event: QKeyEvent) -> bool:
    """Tell whether a key is 1 to 9 alone, of either block of digits."""
    alone = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier == Qt.KeyboardModifier.NoModifier
    return bool(alone and Qt.Key.Key_1 <= event.key() <= Qt.Key.Key_9)
