"""One napari layer of ours over an image: made, laid over another image, hidden, taken away."""

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

import numpy as np
from napari.layers import Labels, Layer
from napari.viewer import Viewer

from napari_unet.gui.layers.own_layers import OwnLayers
from napari_unet.gui.layers.placement import Geometry, Placement

_MATRICES = ("scale", "translate", "rotate", "shear", "affine")  # what says where a layer lies

LayerT = TypeVar("LayerT", bound=Layer)


class OwnLayer(ABC, Generic[LayerT]):
    """Owns a layer that is made when it is first wanted, and then given other data.

    Making and removing layers again and again is slow and leaks memory.

    Parameters
    ----------
    viewer : napari's viewer
    own_layers : the list of our layers

    Attributes
    ----------
    layer : the napari layer, None while there is none
    placement : where it lies, None while it lies nowhere
    """

    def __init__(self, viewer: Viewer, own_layers: OwnLayers) -> None:
        self.layer: LayerT | None = None
        self.placement: Placement | None = None
        self._viewer = viewer
        self._own = own_layers

    @abstractmethod
    def _make(self, placement: Placement) -> LayerT:
        """Return a new layer with what belongs there."""

    @abstractmethod
    def _content(self, placement: Placement) -> Any:
        """Return the data of the layer over another image, or over another part of one."""

    def can_follow(self, placement: Placement) -> bool:
        """Tell whether there is a layer that can lie there: above the image, with its axes."""
        layers, layer, before = self._viewer.layers, self.layer, self.placement
        return (
            layer is not None
            and before is not None
            and layer in layers
            and layer.ndim == placement.ndim
            and layers.index(layer) > layers.index(placement.image)
            and before.channels_first == placement.channels_first
        )

    def follow(self, placement: Placement) -> None:
        """Lie over another image, or another part of one, or leave where that cannot be."""
        if self.layer is None or not self.can_follow(placement):
            self.leave()
        else:
            self.move(placement)

    def move(self, placement: Placement) -> None:
        """Lie over another image, or another part of one, where ``can_follow`` is sure."""
        if self.layer is not None:
            self.placement = placement
            place_over(self.layer, self._content(placement), self._geometry(placement))

    def stay(self) -> None:
        """Lie over the image again after one of both was moved, turned or stretched."""
        if self.layer is None or self.placement is None:
            return
        for name, value in self._geometry(self.placement).items():
            if name in _MATRICES and not np.allclose(_matrix(getattr(self.layer, name)), _matrix(value)):
                setattr(self.layer, name, value)

    def hide(self) -> None:
        """Make the layer invisible."""
        if self.layer is not None:
            self.layer.visible = False

    def leave(self) -> None:
        """Take the layer out of the viewer."""
        layer, self.layer, self.placement = self.layer, None, None
        self._own.remove(layer)

    def _geometry(self, placement: Placement) -> Geometry:
        return placement.covered


def _matrix(value: Any) -> Any:
    return np.asarray(getattr(value, "affine_matrix", value))


def place_over(layer: Layer, data: Any, place: Geometry) -> None:
    """Lay a layer of ours over another image; nothing of the image before can be undone into it.

    A layer is given other data because making and removing layers is slow and leaks memory.
    """
    layer.data = data
    for name, value in place.items():
        setattr(layer, name, value)
    if isinstance(layer, Labels):
        mode = layer.mode
        layer.editable = False  # forgets the history of edits
        layer.editable = True
        layer.mode = mode
