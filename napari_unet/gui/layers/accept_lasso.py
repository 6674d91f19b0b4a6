"""A circle drawn by hand around predicted pixels that the user takes over."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool
from napari.layers import Image, Shapes
from qtpy.QtCore import QObject, QTimer
from skimage.draw import polygon2mask

from napari_unet.gui.layers.our_layers import geometry, place_over
from napari_unet.gui.layers.own_layers import OwnLayers
from napari_unet.images.tiles import Region
from napari_unet.project.image_record import ImageRecord

ACCEPT = "accept here"


class AcceptLasso(QObject):  # type: ignore[misc]
    """One napari layer over one image, made when it is first wanted, and empty but while a circle is drawn.

    Parameters
    ----------
    viewer : napari's viewer
    own_layers : the list of our layers
    cover : the part of the plane in which pixels can be taken over
    circled : called with the pixels of that part that lie inside of the circle
    """

    def __init__(
        self,
        viewer: Any,
        own_layers: OwnLayers,
        cover: Callable[[], Region],
        circled: Callable[[Bool[np.ndarray, "h w"]], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._own = own_layers
        self._circled = circled
        self._layer: Shapes | None = None
        self._cover = cover
        self._back_to: Any = None
        self._finish_soon = QTimer(self, singleShot=True, interval=0)
        self._finish_soon.timeout.connect(self._finish)

    def begin(self, image: Image, record: ImageRecord, channels_first: bool) -> None:
        """Let the next drag draw a circle; the layer that was selected is so again after it."""
        if self._viewer.layers.selection.active is not self._layer:
            self._back_to = self._viewer.layers.selection.active
        if self._layer is None:
            shape = record.annotation_shape
            self._layer = Shapes(
                None,
                ndim=len(shape),
                name=ACCEPT,
                edge_color="white",
                face_color="#FFFFFF30",
                **geometry(image, channels_first),
            )
            self._own.add(self._layer, gone=self._forget)
            self._layer.events.data.connect(self._drawn)
            self._layer.bind_key("Escape", lambda _: self._return(), overwrite=True)
        pixel = 1 / max(self._viewer.scene.camera.zoom * float(self._layer.scale[-1]), 1e-9)
        self._layer.current_edge_width = 2 * pixel
        self._layer.visible = True
        self._viewer.layers.selection.active = self._layer
        self._layer.mode = "add_polygon_lasso"

    def follow(self, image: Image, record: ImageRecord, channels_first: bool) -> None:
        """Lie over another image, if there is a layer already."""
        if self._layer is not None and self._layer.ndim == len(record.annotation_shape):
            place_over(self._layer, [], geometry(image, channels_first))
            self._return()
        else:
            self.leave()

    def leave(self) -> None:
        """Take the layer away with the image that it lies over."""
        self._finish_soon.stop()
        layer, self._layer = self._layer, None
        if layer is not None:
            layer.mode = "pan_zoom"  # removed in another mode, a layer of shapes has crashed napari's next drawing
            self._own.remove(layer)

    def _forget(self) -> None:
        self._finish_soon.stop()
        self._layer = None

    def _drawn(self, event: Any) -> None:
        if str(getattr(event.action, "value", event.action)) == "added":
            self._finish_soon.start()  # napari is still at work on the circle

    def _finish(self) -> None:
        layer = self._layer
        if layer is None or not len(layer.data):
            return
        cover = self._cover()
        inside = polygon2mask(cover.shape, np.asarray(layer.data[-1])[:, -2:] - (cover.y0, cover.x0))
        self._return()
        self._circled(inside)

    def _return(self) -> None:
        if self._layer is not None:
            self._layer.mode = "pan_zoom"
            self._layer.data = []
            self._layer.visible = False
        if self._back_to in self._viewer.layers:
            self._viewer.layers.selection.active = self._back_to
