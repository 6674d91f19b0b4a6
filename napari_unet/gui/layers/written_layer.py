"""A layer of ours over one image, made when it is first wanted, then only shown, hidden and written in place."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Image
from superqt.utils import qthrottled

from napari_unet.gui.layers.our_layers import covering, geometry, place_over
from napari_unet.gui.layers.own_layers import OwnLayers
from napari_unet.images.tiles import Region
from napari_unet.project.image_record import ImageRecord

_REFRESH_MS = 100


class WrittenLayer(ABC):
    """Owns the layer; adding and removing layers again and again would leak memory.

    Parameters
    ----------
    viewer : napari's viewer
    own_layers : the list of our layers
    deleted : called when the user deletes the layer, which then stays away until it is shown again
    """

    def __init__(self, viewer: Any, own_layers: OwnLayers, deleted: Callable[[], None]) -> None:
        self.layer: Any = None
        self._viewer = viewer
        self._own = own_layers
        self._deleted = deleted
        self._image_id = 0
        self.cover = Region(0, 0, 0, 0)  # the part of a plane that the layer lies over
        self._refresh_soon = qthrottled(timeout=_REFRESH_MS)(self._refresh)

    @abstractmethod
    def _empty(self, shape: tuple[int, ...], place: dict[str, Any]) -> Any:
        """A new layer of that shape: all planes of an image, or a part of each."""

    def follow(self, image: Image, record: ImageRecord, channels_first: bool, cover: Region) -> None:
        """Lie over another image or part, empty, if there is a layer already and it does not lie below that image."""
        layer, layers = self.layer, self._viewer.layers
        if (
            layer is not None
            and layer.ndim == len(record.annotation_shape)
            and layers.index(layer) > layers.index(image)
        ):
            self._image_id, self.cover = record.id, cover
            nothing = np.zeros((*record.plane_shape, *cover.shape), layer.dtype)
            place_over(layer, nothing, covering(geometry(image, channels_first), cover))
        else:
            self.leave()

    def hide(self) -> None:
        """Hide it."""
        if self.layer is not None:
            self.layer.visible = False

    def leave(self) -> None:
        """Take the layer away with the image that it lies over."""
        layer, self.layer = self.layer, None
        self._own.remove(layer)

    def _add(self, image: Image, record: ImageRecord, channels_first: bool, cover: Region, below: Any = None) -> Any:
        """Put a new layer over the image, or over another layer of ours; the selected layer stays selected."""
        self._image_id, self.cover = record.id, cover
        place = covering(geometry(image, channels_first), cover)
        # Known before the viewer tells of it.
        self.layer = layer = self._empty((*record.plane_shape, *cover.shape), place)
        self._own.add(layer, above=below if below in self._viewer.layers else image, gone=self._forget)
        return layer

    def _forget(self) -> None:
        self.layer = None
        self._deleted()

    def _plane(self, plane: int) -> Any:
        """The pixels of a plane, for writing into them."""
        return self.layer.data.reshape(-1, *self.layer.data.shape[-2:])[plane]

    def _refresh(self) -> None:
        if self.layer is not None:
            self.layer.refresh(extent=False, thumbnail=False)
