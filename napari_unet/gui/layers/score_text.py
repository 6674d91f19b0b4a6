"""The held-out Dice in the corner of the view."""

from typing import Any

from napari.viewer import Viewer

_TEXT_SIZE = 11


class ScoreText:
    """Shows and hides one text over the image.

    Parameters
    ----------
    viewer : napari's viewer, whose text overlay is used
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer

    def show(self, text: str) -> None:
        """Write the text into the upper left corner."""
        self._overlay.position = "top_left"
        self._overlay.font_size = _TEXT_SIZE
        self._overlay.text = text
        self._overlay.visible = True

    def hide(self) -> None:
        """Take the text away."""
        self._overlay.visible = False

    @property
    def _overlay(self) -> Any:
        return self._viewer.canvas.overlays.text
