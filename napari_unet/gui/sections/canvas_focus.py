"""The keyboard goes to the image when the mouse does: keys of painting never depend on what was clicked last."""

from qtpy.QtCore import QEvent, QObject
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QApplication, QMainWindow, QWidget


class CanvasFocus(QObject):  # type: ignore[misc]
    """Gives napari's canvas the focus when the mouse enters it; a dialog in front of the window keeps it.

    Parameters
    ----------
    panel : lies in napari's window
    """

    def __init__(self, panel: QWidget) -> None:
        super().__init__(panel)
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
        """Take the focus where the window, or nothing, is in front."""
        if event.type() == QEvent.Type.Enter and self._canvas is not None:
            front = QApplication.activeWindow()
            if front is None or front is self._canvas.window():
                self._canvas.setFocus()
        return False
