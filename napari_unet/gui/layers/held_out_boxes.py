"""A box with a Dice at every held-out block of the image."""

from collections.abc import Callable

import msgspec
from napari.layers import Shapes
from napari.viewer import Viewer

from napari_unet.evaluation.scores import BlockScore, Score
from napari_unet.gui.layers.own_layer import OwnLayer
from napari_unet.gui.layers.own_layers import OwnLayers
from napari_unet.gui.layers.placement import Geometry, Placement
from napari_unet.gui.layers.rectangles import boxes_layer, corners, draw_boxes, same_boxes, show_texts
from napari_unet.images.tiles import Region

HELD_OUT = "held-out Dice"
_COLOUR = "white"
_EDGE = 1.5


class HeldOutBoxes(OwnLayer[Shapes]):
    """Draws the blocks of the newest score that lie in the image on screen."""

    def __init__(self, viewer: Viewer, own_layers: OwnLayers) -> None:
        super().__init__(viewer, own_layers)
        self._score: Score | None = None
        self._shown: list[BlockScore] = []
        self._wanted = False

    def want(self, on: bool) -> None:
        """Show or hide the boxes, now and over other images."""
        self._wanted = on
        if self.layer is not None:
            self.layer.visible = on

    def show(self, placement: Placement) -> None:
        """Make the layer over an image."""
        self.placement = placement
        self.layer = self._make(placement)
        self._own.add(self.layer)

    def show_score(self, score: Score) -> None:
        """Draw the blocks of a new score."""
        self._score = score
        self._draw()

    def drop_empty(self, is_painted: Callable[[int, Region], bool]) -> None:
        """Take boxes away in which nothing is painted any more; ``is_painted`` gets a plane number and a region."""
        if self._score is None or self.placement is None:
            return
        image_id = self.placement.record.id
        left = tuple(b for b in self._score.blocks if b.image_id != image_id or is_painted(b.plane, _region(b)))
        if len(left) < len(self._score.blocks):
            self.show_score(msgspec.structs.replace(self._score, blocks=left))

    def move(self, placement: Placement) -> None:
        """Lie over another image, with the blocks that the score has there."""
        super().move(placement)
        self._shown = []
        self._draw()

    def leave(self) -> None:
        """Take the layer out of the viewer, and forget the score."""
        super().leave()
        self._score = None
        self._shown = []

    def _make(self, placement: Placement) -> Shapes:
        layer = boxes_layer(HELD_OUT, _COLOUR, _EDGE, 9, placement.whole, placement.ndim)
        layer.editable = False
        layer.visible = self._wanted
        return layer

    def _content(self, placement: Placement) -> list[object]:
        return []

    def _geometry(self, placement: Placement) -> Geometry:
        return placement.whole

    def _draw(self) -> None:
        """Draw the boxes; those that stay only get a new number."""
        layer, placement = self.layer, self.placement
        if layer is None or placement is None or self._score is None:
            return
        blocks = [block for block in self._score.blocks if block.image_id == placement.record.id]
        if blocks == self._shown:
            return
        self._shown = blocks
        shape = placement.record.plane_shape
        boxes = [corners(block.plane, _region(block), shape) for block in blocks]
        if not same_boxes(layer, boxes):
            draw_boxes(layer, boxes, _COLOUR, _EDGE)
        if boxes:
            show_texts(layer, [f"{block.dice:.2f}" for block in blocks])


def _region(block: BlockScore) -> Region:
    return Region(block.y0, block.x0, block.y1, block.x1)
