"""One map over the image, as grey values in colour: a probability, the uncertainty, or the weight map."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float16, UInt8
from napari.layers import Image
from napari.viewer import Viewer

from napari_unet.evaluation.predicted_maps import HIGHEST
from napari_unet.gui.layers.own_layers import OwnLayers
from napari_unet.gui.layers.placement import Geometry, Placement
from napari_unet.gui.layers.written_layer import ChosenLayer
from napari_unet.images.tiles import Region
from napari_unet.protocol.messages import MapKind, Weights

NOTHING, PROBABILITY, UNCERTAINTY, WEIGHT_MAP = "nothing", "probability", "uncertainty", "weight map"
PREDICTED: dict[str, MapKind] = {PROBABILITY: "probability", UNCERTAINTY: "uncertainty"}  # come with the tiles


class MapLayer(ChosenLayer[Image]):
    """Shows one kind of map at a time; values of another kind or image are dropped."""

    def __init__(self, viewer: Viewer, own_layers: OwnLayers, deleted: Callable[[], None]) -> None:
        super().__init__(viewer, own_layers, deleted)
        self.chosen = (NOTHING, 0)  # kind, and class id or 0
        self._written: set[int] = set()  # planes with values; the others of a stack take no memory yet

    def show(self, placement: Placement, chosen: tuple[str, int], name: str) -> None:
        """Show a map over the covered part; empty until values are written. The selected layer stays selected.

        Parameters
        ----------
        placement : where the map lies
        chosen : its kind, and a class id or 0
        name : of the layer
        """
        layer = self.layer
        if layer is None:
            layer = self._add(placement)
        elif chosen != self.chosen:
            for plane in self._written:
                self._plane(plane)[...] = 0
            self._written.clear()
            _limit(layer, 1.0)
            self._refresh_soon()
        self.chosen, layer.name = chosen, name
        layer.visible = True

    def hide(self) -> None:
        """Make the layer invisible, and take no values."""
        self.chosen = (NOTHING, 0)
        super().hide()

    def write(self, image_id: int, plane: int, region: Region, values: UInt8[np.ndarray, "h w"]) -> None:
        """Put a tile of a predicted map, 0 to 255 for 0 to 1, into the layer."""
        if self._lies_over(image_id) and self.chosen[0] in PREDICTED:
            self._written.add(plane)
            self._write(plane, region, values / np.float16(HIGHEST))

    def write_weights(self, weights: Weights) -> None:
        """Put the weights of a plane into the layer."""
        layer, placement = self.layer, self.placement
        if layer is None or placement is None or self.chosen[0] != WEIGHT_MAP:
            return
        cover, origin = placement.cover, weights.region
        if not self._lies_over(weights.image_id) or (origin.y0, origin.x0) != (cover.y0, cover.x0):
            return  # the layers have moved on
        values, factor = weights.array(), weights.factor
        height, width = layer.data.shape[-2:]
        full = values.repeat(factor, axis=0).repeat(factor, axis=1)[:height, :width]
        self._written.add(weights.plane)
        self._plane(weights.plane)[...] = full
        _limit(layer, max(1.0, float(values.max())))
        self._refresh_soon()

    def _content(self, placement: Placement) -> Float16[np.ndarray, "*planes h w"]:
        self._written.clear()
        values: Float16[np.ndarray, "*planes h w"] = super()._content(placement)
        return values

    @property
    def _dtype(self) -> Any:
        return np.float16

    def _over(self, content: Float16[np.ndarray, "*planes h w"], place: Geometry) -> Image:
        return Image(content, name="map", rgb=False, colormap="inferno", opacity=0.6, contrast_limits=(0, 1), **place)


def _limit(layer: Image, highest: float) -> None:
    if layer.contrast_limits[1] != highest:
        layer.contrast_limits_range = layer.contrast_limits = (0, highest)
