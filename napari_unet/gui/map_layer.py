"""One map over the image, as grey values in colour: a probability, the uncertainty, or the weight map."""

from typing import Any

import numpy as np
from jaxtyping import Float16, UInt8
from napari.layers import Image
from superqt.utils import qthrottled

from napari_unet.annotations.image_record import ImageRecord
from napari_unet.gui.layers import covering, geometry, place_over
from napari_unet.images.tiles import Region
from napari_unet.prediction.maps import HIGHEST
from napari_unet.worker.messages import MapKind, Weights

NOTHING, PROBABILITY, UNCERTAINTY, WEIGHT_MAP = "nothing", "probability", "uncertainty", "weight map"
PREDICTED: dict[str, MapKind] = {PROBABILITY: "probability", UNCERTAINTY: "uncertainty"}  # come with the tiles
_REFRESH_MS = 100


class MapLayer:
    """One napari layer over one image, made when it is first wanted, then only shown, hidden and written in place.

    It shows one kind of map at a time; values of another kind or image are dropped.
    """

    def __init__(self, viewer: Any) -> None:
        self.layer: Image | None = None
        self.chosen = (NOTHING, 0)  # kind, and class id or 0
        self._viewer = viewer
        self._image_id = 0
        self.cover = Region(0, 0, 0, 0)
        self._refresh_soon = qthrottled(timeout=_REFRESH_MS)(self._refresh)

    def show(
        self,
        image: Image,
        record: ImageRecord,
        channels_first: bool,
        cover: Region,
        chosen: tuple[str, int],
        name: str,
    ) -> None:
        """Show a map over the covered part; empty until values are written. The selected layer stays selected."""
        if self.layer is None:
            self._image_id, self.cover = record.id, cover
            place = covering(geometry(image, channels_first), cover)
            self.layer = _empty(_nothing(record, cover), name, place)  # known before the viewer tells of it
            layers, active = self._viewer.layers, self._viewer.layers.selection.active
            layers.insert(layers.index(image) + 1, self.layer)  # below strokes and prediction
            layers.selection.active = active
        elif chosen != self.chosen:
            self.layer.data[...] = 0
            _limit(self.layer, 1.0)
            self._refresh_soon()
        self.chosen, self.layer.name = chosen, name
        self.layer.visible = True

    def follow(self, image: Image, record: ImageRecord, channels_first: bool, cover: Region) -> None:
        """Lie over another image or part, empty, if there is a layer already and it does not lie below that image."""
        layer, layers = self.layer, self._viewer.layers
        if (
            layer is not None
            and layer.ndim == len(record.annotation_shape)
            and layers.index(layer) > layers.index(image)
        ):
            self._image_id, self.cover = record.id, cover
            place_over(layer, _nothing(record, cover), covering(geometry(image, channels_first), cover))
        else:
            self.leave()

    def hide(self) -> None:
        """Hide it; adding and removing layers again and again would leak memory."""
        self.chosen = (NOTHING, 0)
        if self.layer is not None:
            self.layer.visible = False

    def write(self, image_id: int, plane: int, region: Region, values: UInt8[np.ndarray, "h w"]) -> None:
        """Put a tile of a predicted map, 0 to 255 for 0 to 1, into the layer."""
        if self.layer is not None and image_id == self._image_id and self.chosen[0] in PREDICTED:
            part, cover = region.within(self.cover), self.cover
            inside = values[part.moved(-region.y0, -region.x0).slices]
            _plane_of(self.layer, plane)[part.moved(-cover.y0, -cover.x0).slices] = inside / np.float16(HIGHEST)
            self._refresh_soon()

    def write_weights(self, weights: Weights) -> None:
        """Put the weights of a plane into the layer."""
        if self.layer is None or weights.image_id != self._image_id or self.chosen[0] != WEIGHT_MAP:
            return
        if (weights.y0, weights.x0) != (self.cover.y0, self.cover.x0):
            return  # the layers have moved on
        values, factor = weights.array(), weights.factor
        height, width = self.layer.data.shape[-2:]
        full = values.repeat(factor, axis=0).repeat(factor, axis=1)[:height, :width]
        _plane_of(self.layer, weights.plane)[...] = full
        _limit(self.layer, max(1.0, float(values.max())))
        self._refresh_soon()

    def leave(self) -> None:
        """Take the layer away with the image that it lies over."""
        layer, self.layer = self.layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def forget(self) -> None:
        """Let go of the layer that the user removed."""
        self.layer = None

    def _refresh(self) -> None:
        if self.layer is not None:
            self.layer.refresh(extent=False, thumbnail=False)


def _nothing(record: ImageRecord, cover: Region) -> Float16[np.ndarray, "*planes h w"]:
    return np.zeros((*record.plane_shape, *cover.shape), np.float16)


def _empty(values: Float16[np.ndarray, "*planes h w"], name: str, place: dict[str, Any]) -> Image:
    return Image(values, name=name, rgb=False, colormap="inferno", opacity=0.6, contrast_limits=(0, 1), **place)


def _plane_of(layer: Image, plane: int) -> Float16[np.ndarray, "y x"]:
    return layer.data.reshape(-1, *layer.data.shape[-2:])[plane]


def _limit(layer: Image, highest: float) -> None:
    if layer.contrast_limits[1] != highest:
        layer.contrast_limits_range = layer.contrast_limits = (0, highest)
