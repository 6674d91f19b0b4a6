"""One map over the image, as grey values in colour: a probability, the uncertainty, or the weight map."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import UInt8
from napari.layers import Image

from napari_unet.evaluation.predicted_maps import HIGHEST
from napari_unet.gui.layers.own_layers import OwnLayers
from napari_unet.gui.layers.written_layer import WrittenLayer
from napari_unet.images.tiles import Region
from napari_unet.project.image_record import ImageRecord
from napari_unet.protocol.messages import MapKind, Weights

NOTHING, PROBABILITY, UNCERTAINTY, WEIGHT_MAP = "nothing", "probability", "uncertainty", "weight map"
PREDICTED: dict[str, MapKind] = {PROBABILITY: "probability", UNCERTAINTY: "uncertainty"}  # come with the tiles


class MapLayer(WrittenLayer):
    """Shows one kind of map at a time; values of another kind or image are dropped."""

    def __init__(self, viewer: Any, own_layers: OwnLayers, deleted: Callable[[], None]) -> None:
        super().__init__(viewer, own_layers, deleted)
        self.chosen = (NOTHING, 0)  # kind, and class id or 0

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
            self._add(image, record, channels_first, cover)
        elif chosen != self.chosen:
            self.layer.data[...] = 0
            _limit(self.layer, 1.0)
            self._refresh_soon()
        self.chosen, self.layer.name = chosen, name
        self.layer.visible = True

    def hide(self) -> None:
        """Hide it, and take no values."""
        self.chosen = (NOTHING, 0)
        super().hide()

    def write(self, image_id: int, plane: int, region: Region, values: UInt8[np.ndarray, "h w"]) -> None:
        """Put a tile of a predicted map, 0 to 255 for 0 to 1, into the layer."""
        if self.layer is not None and image_id == self._image_id and self.chosen[0] in PREDICTED:
            part, cover = region.within(self.cover), self.cover
            inside = values[part.seen_from(region).slices]
            self._plane(plane)[part.seen_from(cover).slices] = inside / np.float16(HIGHEST)
            self._refresh_soon()

    def write_weights(self, weights: Weights) -> None:
        """Put the weights of a plane into the layer."""
        if self.layer is None or weights.image_id != self._image_id or self.chosen[0] != WEIGHT_MAP:
            return
        if (weights.region.y0, weights.region.x0) != (self.cover.y0, self.cover.x0):
            return  # the layers have moved on
        values, factor = weights.array(), weights.factor
        height, width = self.layer.data.shape[-2:]
        full = values.repeat(factor, axis=0).repeat(factor, axis=1)[:height, :width]
        self._plane(weights.plane)[...] = full
        _limit(self.layer, max(1.0, float(values.max())))
        self._refresh_soon()

    def _empty(self, shape: tuple[int, ...], place: dict[str, Any]) -> Image:
        values = np.zeros(shape, np.float16)
        return Image(values, name="map", rgb=False, colormap="inferno", opacity=0.6, contrast_limits=(0, 1), **place)


def _limit(layer: Image, highest: float) -> None:
    if layer.contrast_limits[1] != highest:
        layer.contrast_limits_range = layer.contrast_limits = (0, highest)
