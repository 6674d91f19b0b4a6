"""The shapes that the user draws for the program to read: the circle around what is accepted, the line of a size."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool
from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_unet.gui.layers.accept_lasso import AcceptLasso
from napari_unet.gui.layers.own_layers import OwnLayers
from napari_unet.gui.layers.placement import Placement
from napari_unet.gui.layers.size_ruler import SizeRuler
from napari_unet.images.tiles import Region


class DrawnShapes:
    """Moves and takes away the layers of both shapes together.

    Parameters
    ----------
    viewer : napari's viewer
    own_layers : the list of our layers
    cover : returns the part of the plane in which pixels can be taken over
    circled, measured : called with the pixels inside a circle, and with the length of a line in pixels
    parent : ends the timers with itself

    Attributes
    ----------
    lasso, ruler : the two layers
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
        self.lasso = AcceptLasso(viewer, own_layers, cover, circled, parent)
        self.ruler = SizeRuler(viewer, own_layers, measured, parent)

    def follow(self, placement: Placement) -> None:
        """Lie over another image, or leave where that cannot be."""
        self.lasso.follow(placement)
        self.ruler.follow(placement)

    def leave(self) -> None:
        """Take the layers out of the viewer."""
        self.lasso.leave()
        self.ruler.leave()
