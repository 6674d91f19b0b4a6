"""A layer of ours into which values are written in place, redrawn ten times a second at most."""

import time
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from superqt.utils import qthrottled

from napari_unet.gui.layers.own_layer import LayerT, OwnLayer
from napari_unet.gui.layers.own_layers import OwnLayers
from napari_unet.gui.layers.placement import Geometry, Placement
from napari_unet.images.tiles import Region

_REFRESH_MS = 100
_PAUSE = 3  # times the time of a drawing are waited before the next one: it takes a quarter of the time at most


class WrittenLayer(OwnLayer[LayerT]):
    """Holds an array over the covered part of all planes.

    Adding layers or assigning data would leak memory or cost a whole upload, and ``data_setitem`` would fill undo.
    """

    def __init__(self, viewer: Viewer, own_layers: OwnLayers) -> None:
        super().__init__(viewer, own_layers)
        self._refresh_soon = qthrottled(timeout=_REFRESH_MS)(self.refresh)

    @abstractmethod
    def _over(self, content: Any, place: Geometry) -> LayerT:
        """Return a new layer with these values."""

    def refresh(self) -> None:
        """Draw the layer anew."""
        if self.layer is not None:
            began = time.perf_counter()
            self.layer.refresh(extent=False, thumbnail=False)
            took_ms = 1000 * (time.perf_counter() - began)
            self._refresh_soon.setTimeout(max(_REFRESH_MS, round(_PAUSE * took_ms)))

    def _make(self, placement: Placement) -> LayerT:
        return self._over(self._content(placement), placement.covered)

    def _content(self, placement: Placement) -> Any:
        return np.zeros(placement.shape, self._dtype)

    @property
    def _dtype(self) -> Any:
        return np.uint8

    def _lies_over(self, image_id: int) -> bool:
        """Tell whether there is a layer, and it lies over this image."""
        return self.layer is not None and self.placement is not None and self.placement.record.id == image_id

    def _write(self, plane: int, region: Region, values: Any) -> None:
        """Put the covered values of a region into the array; drawn a tenth of a second later, or later if large."""
        if self.placement is not None:
            cover = self.placement.cover
            part = region.within(cover)
            self._plane(plane)[part.seen_from(cover).slices] = values[part.seen_from(region).slices]
            self._refresh_soon()

    def _plane(self, plane: int) -> Any:
        """Return the values of a plane, for writing into them."""
        if self.layer is None:
            raise RuntimeError("there is no layer to write into")
        return self.layer.data.reshape(-1, *self.layer.data.shape[-2:])[plane]


class ChosenLayer(WrittenLayer[LayerT]):
    """Holds a layer that is shown when the user chooses it; deleting the layer ends that choice.

    Parameters
    ----------
    viewer : napari's viewer
    own_layers : the list of our layers
    deleted : called when the user deleted the layer, which stays away until it is shown again
    """

    def __init__(self, viewer: Viewer, own_layers: OwnLayers, deleted: Callable[[], None]) -> None:
        super().__init__(viewer, own_layers)
        self._deleted = deleted

    def _add(self, placement: Placement, above: Layer | None = None) -> LayerT:
        """Put a new layer over the image, or over another layer of ours; the selected layer stays selected."""
        self.placement = placement
        # Known before the viewer tells of it.
        self.layer = layer = self._make(placement)
        self._own.add(layer, above=above if above in self._viewer.layers else placement.image, gone=self._forget)
        return layer

    def _forget(self) -> None:
        self.layer = self.placement = None
        self._deleted()
