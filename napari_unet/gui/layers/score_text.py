"""The estimated Dice in the corner of the view."""

from typing import Any

from napari.viewer import Viewer

_TEXT_SIZE = 11


class ScoreText:
    """Shows one text over the image while the user wants it.

    Parameters
    ----------
    viewer : napari's viewer, whose text overlay is used
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._wanted = False
        self._text = ""

    def write(self, text: str) -> None:
        """Change the text; an empty one is not shown."""
        self._text = text
        self._draw()

    def show(self, on: bool) -> None:
        """Show or hide the text."""
        self._wanted = on
        self._draw()

    def _draw(self) -> None:
        overlay = self._overlay
        wanted = self._wanted and bool(self._text)
        if wanted:
            overlay.position = "top_left"
            overlay.font_size = _TEXT_SIZE
            overlay.text = self._text
        if overlay.visible != wanted:
            overlay.visible = wanted

    @property
    def _overlay(self) -> Any:
        return self._viewer.canvas.overlays.text
