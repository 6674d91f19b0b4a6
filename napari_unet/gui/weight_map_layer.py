"""The weight map over the image: what training sees of the strokes."""

from typing import Any

import numpy as np
from napari.layers import Image

from napari_unet.annotations.image_record import ImageRecord
from napari_unet.gui.layers import geometry, place_over
from napari_unet.worker.messages import Weights

WEIGHT_MAP = "weight map"


class WeightMapLayer:
    """One napari layer over one image, made when it is first wanted, then only shown, hidden and written in place."""

    def __init__(self, viewer: Any) -> None:
        self.layer: Image | None = None
        self._viewer = viewer
        self._image_id = 0

    def show(self, image: Image, record: ImageRecord, channels_first: bool) -> None:
        """Show it over an image; empty until weights are written. The selected layer stays selected."""
        if self.layer is None:
            active = self._viewer.layers.selection.active
            self._image_id = record.id
            self.layer = Image(
                np.zeros(record.annotation_shape, np.float16),
                name=WEIGHT_MAP,
                rgb=False,
                colormap="inferno",
                blending="additive",
                opacity=0.6,
                contrast_limits=(0, 1),
                **geometry(image, channels_first),
            )
            self._viewer.add_layer(self.layer)
            self._viewer.layers.selection.active = active
        self.layer.visible = True

    def follow(self, image: Image, record: ImageRecord, channels_first: bool) -> None:
        """Lie over another image, empty, if there is a layer already."""
        if self.layer is not None and self.layer.data.ndim == len(record.annotation_shape):
            self._image_id = record.id
            place_over(self.layer, np.zeros(record.annotation_shape, np.float16), geometry(image, channels_first))
        else:
            self.leave()

    def hide(self) -> None:
        """Hide it; adding and removing layers again and again would leak memory."""
        if self.layer is not None:
            self.layer.visible = False

    def write(self, weights: Weights) -> None:
        """Put the weights of a plane into the layer; those of another image are dropped."""
        if self.layer is None or weights.image_id != self._image_id:
            return
        values, factor = weights.array(), weights.factor
        height, width = self.layer.data.shape[-2:]
        full = values.repeat(factor, axis=0).repeat(factor, axis=1)[:height, :width]
        self.layer.data.reshape(-1, height, width)[weights.plane] = full
        highest = max(1.0, float(values.max()))
        self.layer.contrast_limits_range = self.layer.contrast_limits = (0, highest)
        self.layer.refresh(extent=False, thumbnail=False)

    def leave(self) -> None:
        """Take the layer away with the image that it lies over."""
        layer, self.layer = self.layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def forget(self) -> None:
        """Let go of the layer that the user removed."""
        self.layer = None
