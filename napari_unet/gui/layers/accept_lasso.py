"""A circle drawn by hand around predicted pixels that the user takes over."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool
from napari.layers import Layer, Shapes
from napari.utils.events import Event
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer
from skimage.draw import polygon2mask

from napari_unet.gui.layers.own_layer import OwnLayer
from napari_unet.gui.layers.own_layers import OwnLayers
from napari_unet.gui.layers.placement import Geometry, Placement
from napari_unet.images.tiles import Region

ACCEPT = "accept here"


class AcceptLasso(OwnLayer[Shapes]):
    """Owns the layer in which the user draws a circle; it is made when it is first wanted.

    Parameters
    ----------
    viewer : napari's viewer
    own_layers : the list of our layers
    cover : returns the part of the plane in which pixels can be taken over
    circled : called with the pixels of that part that lie inside of the circle
    parent : ends the timer with itself
    """

    def __init__(
        self,
        viewer: Viewer,
        own_layers: OwnLayers,
        cover: Callable[[], Region],
        circled: Callable[[Bool[np.ndarray, "h w"]], None],
        parent: QObject,
    ) -> None:
        super().__init__(viewer, own_layers)
        self._circled = circled
        self._cover = cover
        self._back_to: Layer | None = None
        self._finish_soon = QTimer(parent, singleShot=True, interval=0)
        self._finish_soon.timeout.connect(self._finish)

    def begin(self, placement: Placement) -> None:
        """Let the next drag draw a circle; select the layer that was selected before again after it."""
        if self._viewer.layers.selection.active is not self.layer:
            self._back_to = self._viewer.layers.selection.active
        layer = self.layer
        if layer is None:
            self.placement = placement
            self.layer = layer = self._make(placement)
            self._own.add(layer, gone=self._forget)
            layer.events.data.connect(self._drawn)
            layer.bind_key("Escape", lambda _: self._return(), overwrite=True)
        pixel = 1 / max(self._viewer.scene.camera.zoom * float(layer.scale[-1]), 1e-9)
        layer.current_edge_width = 2 * pixel
        layer.visible = True
        self._viewer.layers.selection.active = layer
        layer.mode = "add_polygon_lasso"

    def move(self, placement: Placement) -> None:
        """Lie over another image; a circle that was begun is given up."""
        super().move(placement)
        self._return()

    def leave(self) -> None:
        """Take the layer out of the viewer."""
        self._finish_soon.stop()
        if self.layer is not None:
            self.layer.mode = "pan_zoom"  # removed in another mode, a layer of shapes has crashed the next drawing
        super().leave()

    def _make(self, placement: Placement) -> Shapes:
        place = placement.whole
        return Shapes(None, ndim=placement.ndim, name=ACCEPT, edge_color="white", face_color="#FFFFFF30", **place)

    def _content(self, placement: Placement) -> list[object]:
        return []

    def _geometry(self, placement: Placement) -> Geometry:
        return placement.whole

    def _forget(self) -> None:
        self._finish_soon.stop()
        self.layer = self.placement = None

    def _drawn(self, event: Event) -> None:
        if str(getattr(event.action, "value", event.action)) == "added":
            self._finish_soon.start()  # napari is still at work on the circle

    def _finish(self) -> None:
        layer = self.layer
        if layer is None or not len(layer.data):
            return
        cover = self._cover()
        inside = polygon2mask(cover.shape, np.asarray(layer.data[-1])[:, -2:] - (cover.y0, cover.x0))
        self._return()
        self._circled(inside)

    def _return(self) -> None:
        if self.layer is not None:
            self.layer.mode = "pan_zoom"
            self.layer.data = []
            self.layer.visible = False
        if self._back_to in self._viewer.layers:
            self._viewer.layers.selection.active = self._back_to
