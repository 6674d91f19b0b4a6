"""The OpenGL context in which napari draws, and in which alone its objects may be deleted."""

from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QMainWindow, QWidget


class DrawingContext:
    """Makes the context of napari's canvas the current one before a layer is removed.

    napari 0.9 deletes the OpenGL objects of a removed layer at once, in whatever context is current then. That is
    another one outside of a drawing, and one of the next drawings ends the whole process with a segmentation fault
    (seen with Mesa, when a layer of shapes with text was removed last).

    Parameters
    ----------
    widget : lies in napari's window, at least while layers are added
    """

    def __init__(self, widget: QWidget) -> None:
        self._widget = widget
        self._canvas: QOpenGLWidget | None = None

    def find(self) -> None:
        """Look for the canvas in the window; a dock that is closed has no window any more, but may remove layers."""
        window = self._widget.window()
        central = window.centralWidget() if self._canvas is None and isinstance(window, QMainWindow) else None
        if central is not None:
            self._canvas = central.findChild(QOpenGLWidget)

    def make_current(self) -> None:
        """Let OpenGL work in the context of the canvas, where that has been drawn."""
        if self._canvas is not None and self._canvas.isValid():
            self._canvas.makeCurrent()
