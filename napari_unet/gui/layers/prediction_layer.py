"""The layer in which the network answers."""

import numpy as np
from jaxtyping import UInt8
from napari.layers import Labels
from napari.viewer import Viewer

from napari_unet.gui.layers.label_colours import ClassColours, colour_prediction
from napari_unet.gui.layers.own_layers import OwnLayers
from napari_unet.gui.layers.placement import Geometry, Placement
from napari_unet.gui.layers.quick_contour import draw_contours_quickly
from napari_unet.gui.layers.written_layer import WrittenLayer
from napari_unet.images.recently_used import RecentlyUsed
from napari_unet.images.tiles import Region

PREDICTION = "prediction"
PREDICTED = "napari-unet prediction"  # key in the metadata of a layer, of which napari's copies of it have one too
_KEPT_BYTES = 128 * 2**20

Kept = RecentlyUsed[tuple[int, Region], UInt8[np.ndarray, "*planes h w"]]


class PredictionLayer(WrittenLayer[Labels]):
    """Shows predicted classes, and keeps the newest of each image until the user comes back to it."""

    def __init__(self, viewer: Viewer, own_layers: OwnLayers) -> None:
        super().__init__(viewer, own_layers)
        self._colours = ClassColours()
        self._outdated = False
        self._kept = _nothing_kept()

    def show(self, placement: Placement, colours: ClassColours) -> None:
        """Make the layer over an image."""
        self._colours = colours
        self.placement = placement
        self.layer = self._make(placement)
        self._own.add(self.layer)

    def write(self, image_id: int, plane: int, region: Region, labels: UInt8[np.ndarray, "h w"]) -> None:
        """Put predicted classes over the image."""
        if self._lies_over(image_id):
            self._write(plane, region, labels)

    def colour(self, colours: ClassColours) -> None:
        """Give the classes their colours."""
        self._colours = colours
        if self.layer is not None:
            colour_prediction(self.layer, colours, outdated=self._outdated)

    def show_outdated(self, outdated: bool) -> None:
        """Grey the prediction while nothing learns the newest strokes."""
        if outdated != self._outdated:
            self._outdated = outdated
            self.colour(self._colours)

    def leave(self) -> None:
        """Take the layer out of the viewer, and forget all predictions."""
        super().leave()
        self._outdated = False
        self._kept = _nothing_kept()

    def forget_planes(self, image_id: int) -> None:
        """Forget the prediction of an image whose planes may have changed."""
        for key in self._kept:
            if key[0] == image_id:
                self._kept.drop(key)

    def _content(self, placement: Placement) -> UInt8[np.ndarray, "*planes h w"]:
        key = (placement.record.id, placement.cover)
        return self._kept.get(key, lambda: np.zeros(placement.shape, np.uint8))

    def _over(self, content: UInt8[np.ndarray, "*planes h w"], place: Geometry) -> Labels:
        layer = Labels(content, name=PREDICTION, opacity=0.45, metadata={PREDICTED: True}, **place)
        draw_contours_quickly(layer)
        colour_prediction(layer, self._colours)
        return layer


def _nothing_kept() -> Kept:
    return RecentlyUsed(_KEPT_BYTES, lambda labels: labels.nbytes)
