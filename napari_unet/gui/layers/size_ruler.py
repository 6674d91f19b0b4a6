"""A line drawn across one object, which says how large a typical one is."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_unet.gui.layers.drawn_once import DrawnOnce
from napari_unet.gui.layers.own_layers import OwnLayers

RULER = "typical size"


class SizeRuler(DrawnOnce):
    """Lets the user draw a line.

    Parameters
    ----------
    viewer : napari's viewer
    own_layers : the list of our layers
    measured : called with the length of the line in pixels
    parent : ends the timer with itself
    """

    def __init__(
        self, viewer: Viewer, own_layers: OwnLayers, measured: Callable[[float], None], parent: QObject
    ) -> None:
        super().__init__(viewer, own_layers, RULER, "add_line", parent)
        self._measured = measured

    def _use(self, corners: Float[np.ndarray, "n 2"]) -> None:
        self._measured(float(np.hypot(*(corners[-1] - corners[0]))))
