"""A shape that the user draws once, with one drag, for the program to read and take away again."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from napari.layers import Layer, Shapes
from napari.utils.events import Event
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer

from napari_unet.gui.layers.flat_view import is_flat, require_flat_view, view_events
from napari_unet.gui.layers.own_layer import OwnLayer
from napari_unet.gui.layers.own_layers import OwnLayers
from napari_unet.gui.layers.placement import Geometry, Placement
from napari_unet.gui.layers.rectangles import legible, screen_pixel

DRAWING = "drawing"
_HARDLY_FILLED = {"white": "#FFFFFF30", "black": "#00000030"}


class DrawnShape(OwnLayer[Shapes]):
    """Owns the layer in which the shape is drawn; it is made when it is first wanted, and hidden between two shapes.

    Parameters
    ----------
    viewer : napari's viewer
    own_layers : the list of our layers
    parent : ends the timer with itself
    """

    def __init__(self, viewer: Viewer, own_layers: OwnLayers, parent: QObject) -> None:
        super().__init__(viewer, own_layers)
        self._use: Callable[[Float[np.ndarray, "n 2"]], None] = lambda corners: None
        self._back_to: Layer | None = None
        self._finish_soon = QTimer(parent, singleShot=True, interval=0)
        self._finish_soon.timeout.connect(self._finish)
        # Later, for a layer that is added is the active one for a moment.
        self._look_soon = QTimer(parent, singleShot=True, interval=0)
        self._look_soon.timeout.connect(self._give_up_elsewhere)

    @property
    def is_waited_for(self) -> bool:
        """Tell whether the user is to draw a shape now."""
        return self.layer is not None and bool(self.layer.visible) and self.layer.mode != "pan_zoom"

    def begin(self, placement: Placement, mode: str, use: Callable[[Float[np.ndarray, "n 2"]], None]) -> None:
        """Let the next drag draw the shape; select the layer that was selected before again after it.

        Parameters
        ----------
        placement : where the layer lies
        mode : a way in which napari adds a shape
        use : called with the corners of the shape, rows and columns of the plane in pixels

        Raises
        ------
        UserError
            NU-A20 in a view in which nothing can be drawn.
        """
        require_flat_view(self._viewer.dims)
        self._use = use
        if self._viewer.layers.selection.active is not self.layer:
            self._back_to = self._viewer.layers.selection.active
        layer = self.layer
        if layer is None:
            self.placement = placement
            self.layer = layer = self._make(placement)
            self._own.add(layer, gone=self._forget)
            layer.events.data.connect(self._drawn)
            self._viewer.layers.selection.events.active.connect(self._look_later)
            for changed in view_events(self._viewer.dims):
                changed.connect(self._look_later)
            layer.bind_key("Escape", lambda _: self._return(), overwrite=True)
        layer.current_edge_width = 2 * screen_pixel(self._viewer, layer)
        layer.current_edge_color = colour = legible(placement.image)
        layer.current_face_color = _HARDLY_FILLED[colour]
        layer.visible = True
        self._viewer.layers.selection.active = layer
        layer.mode = mode

    def move(self, placement: Placement) -> None:
        """Lie over another image; a shape that was begun is given up."""
        super().move(placement)
        self._return()

    def leave(self) -> None:
        """Take the layer out of the viewer."""
        self._stop()
        if self.layer is not None:
            self.layer.mode = "pan_zoom"  # removed in another mode, a layer of shapes has crashed the next drawing
        super().leave()

    def _make(self, placement: Placement) -> Shapes:
        return Shapes(None, ndim=placement.ndim, name=DRAWING, **placement.whole)

    def _content(self, placement: Placement) -> list[object]:
        return []

    def _geometry(self, placement: Placement) -> Geometry:
        return placement.whole

    def _forget(self) -> None:
        self._stop()
        self.layer = self.placement = None

    def _stop(self) -> None:
        """Listen to the viewer no more, and do nothing later."""
        self._finish_soon.stop()
        self._look_soon.stop()
        if self.layer is not None:
            self._viewer.layers.selection.events.active.disconnect(self._look_later)
            for changed in view_events(self._viewer.dims):
                changed.disconnect(self._look_later)

    def _look_later(self, event: Event) -> None:
        self._look_soon.start()

    def _give_up_elsewhere(self) -> None:
        """Wait for no shape any more in a view without drawing, where napari ends the mode by itself and says nothing.

        Nor once the user has gone to another layer, which stays the active one.
        """
        if self.layer is not None and self.layer.visible and not is_flat(self._viewer.dims):
            self._return()
        elif self.is_waited_for and self._viewer.layers.selection.active != self.layer:
            self._hide()

    def _drawn(self, event: Event) -> None:
        action: Any = event.action
        if str(getattr(action, "value", action)) == "added":
            self._finish_soon.start()  # napari is still at work on the shape

    def _finish(self) -> None:
        layer = self.layer
        if layer is None or not len(layer.data):
            return
        corners = np.asarray(layer.data[-1], float)[:, -2:]
        self._return()
        self._use(corners)

    def _hide(self) -> None:
        if self.layer is not None:
            self.layer.mode = "pan_zoom"
            self.layer.data = []
            self.layer.visible = False

    def _return(self) -> None:
        self._hide()
        if self._back_to in self._viewer.layers:
            self._viewer.layers.selection.active = self._back_to
