"""Keys while the annotation layer is active: Space shows the bare image while it is held, C toggles the contour."""

from collections.abc import Iterator
from inspect import unwrap
from types import MethodType
from typing import Any

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QApplication

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ImageShown
from napari_unet.gui.layers.canvas import Canvas
from napari_unet.gui.layers.own_layers import OwnLayers
from napari_unet.gui.sections.view_row import ViewRow


class OverlayKeys(QObject):  # type: ignore[misc]
    """Binds the keys to each annotation layer; hidden layers come back on release, or when the focus goes elsewhere.

    napari holds Space to pan. Both happen: the mouse pans over the bare image.

    Parameters
    ----------
    controller : tells of a new annotation layer
    canvas : has the annotation layer
    view_row : toggles the contour
    own_layers : what Space hides
    parent : ends this object with itself
    """

    def __init__(
        self,
        controller: Controller,
        canvas: Canvas,
        view_row: ViewRow,
        own_layers: OwnLayers,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        controller.subscribe(ImageShown, lambda _: self._bind())
        self._canvas = canvas
        self._own = own_layers
        self._view_row = view_row
        self._hidden: list[tuple[Any, float]] = []
        self._mode = ""
        # The release of a key does not come when the window or the canvas has lost the focus.
        QApplication.instance().focusChanged.connect(self._focus_changed)

    def _bind(self) -> None:
        """Give the keys to the annotation layer."""
        annotation = self._canvas.annotation
        if annotation is not None:
            # napari knows a key that is held by its generator function, which a wrapper for type checks would not be.
            annotation.bind_key("Space", MethodType(unwrap(OverlayKeys._hold), self), overwrite=True)
            annotation.bind_key("C", lambda _: self._view_row.toggle_contour(), overwrite=True)

    def hide(self) -> None:
        """Show the bare image, and let the mouse pan."""
        annotation = self._canvas.annotation
        if self._hidden or annotation is None:
            return
        # Not ``visible``: it would draw every layer anew, and leave the paint mode.
        self._hidden = [(layer, layer.opacity) for layer in self._own]
        self._view_row.follows = False
        for layer, _ in self._hidden:
            layer.opacity = 0
        self._mode, annotation.mode = str(annotation.mode), "pan_zoom"

    def restore(self) -> None:
        """Show what was hidden. Safe to call twice."""
        hidden, self._hidden = self._hidden, []
        for layer, opacity in hidden:
            layer.opacity = opacity
        self._view_row.follows = True
        annotation = self._canvas.annotation
        if hidden and annotation is not None:
            annotation.mode = self._mode

    def _hold(self, layer: Any) -> Iterator[None]:
        self.hide()
        yield
        self.restore()

    def _focus_changed(self, old: Any, new: Any) -> None:
        self.restore()
