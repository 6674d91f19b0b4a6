"""The shapes that the user draws for the program to read: the circle around what is accepted, the line of a size."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float
from napari.viewer import Viewer
from qtpy.QtCore import QObject
from skimage.draw import polygon2mask

from napari_unet.gui.layers.drawn_shape import DrawnShape
from napari_unet.gui.layers.own_layers import OwnLayers
from napari_unet.gui.layers.placement import Placement
from napari_unet.images.tiles import Region


class DrawnShapes:
    """Lets the user draw either shape, on one layer for both.

    Parameters
    ----------
    viewer : napari's viewer
    own_layers : the list of our layers
    cover : returns the part of the plane in which pixels can be taken over
    circled : called with the pixels of that part that lie inside of a circle
    measured : called with the length of a line in pixels
    parent : ends the timer with itself
    """

    def __init__(
        self,
        viewer: Viewer,
        own_layers: OwnLayers,
        cover: Callable[[], Region],
        circled: Callable[[Bool[np.ndarray, "h w"]], None],
        measured: Callable[[float], None],
        parent: QObject,
    ) -> None:
        self._shape = DrawnShape(viewer, own_layers, parent)
        self._cover = cover
        self._circled = circled
        self._measured = measured
        self._wish = ""

    @property
    def wish(self) -> str:
        """Return what the user is to draw now, or ""."""
        return self._wish if self._shape.is_waited_for else ""

    def begin_circle(self, placement: Placement) -> None:
        """Let the next drag draw a circle around predicted pixels; raises as ``DrawnShape.begin``."""
        self._shape.begin(placement, "add_polygon_lasso", self._circle)
        self._wish = "Draw a circle around what is predicted right; Escape ends it"

    def begin_line(self, placement: Placement) -> None:
        """Let the next drag draw a line across one object; raises as ``DrawnShape.begin``."""
        self._shape.begin(placement, "add_line", self._measure)
        self._wish = "Drag a line across one typical object; Escape ends it"

    def follow(self, placement: Placement) -> None:
        """Lie over another image, or leave where that cannot be."""
        self._shape.follow(placement)

    def stay(self) -> None:
        """Lie over the image again after a layer was moved."""
        self._shape.stay()

    def leave(self) -> None:
        """Take the layer out of the viewer."""
        self._shape.leave()

    def _circle(self, corners: Float[np.ndarray, "n 2"]) -> None:
        cover = self._cover()
        self._circled(polygon2mask(cover.shape, corners - (cover.y0, cover.x0)))

    def _measure(self, corners: Float[np.ndarray, "n 2"]) -> None:
        self._measured(float(np.hypot(*(corners[-1] - corners[0]))))
