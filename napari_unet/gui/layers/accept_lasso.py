"""A circle drawn by hand around predicted pixels that the user takes over."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float
from napari.viewer import Viewer
from qtpy.QtCore import QObject
from skimage.draw import polygon2mask

from napari_unet.gui.layers.drawn_once import DrawnOnce
from napari_unet.gui.layers.own_layers import OwnLayers
from napari_unet.images.tiles import Region

ACCEPT = "accept here"


class AcceptLasso(DrawnOnce):
    """Lets the user draw a circle.

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
        super().__init__(viewer, own_layers, ACCEPT, "add_polygon_lasso", parent)
        self._circled = circled
        self._cover = cover

    def _use(self, corners: Float[np.ndarray, "n 2"]) -> None:
        cover = self._cover()
        self._circled(polygon2mask(cover.shape, corners - (cover.y0, cover.x0)))
