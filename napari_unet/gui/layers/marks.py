"""The one layer of everything that the program points at: where to paint, doubted strokes, the selected object."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from napari.layers import Shapes
from napari.viewer import Viewer

from napari_unet.gui.layers.own_layer import OwnLayer
from napari_unet.gui.layers.own_layers import OwnLayers
from napari_unet.gui.layers.placement import Geometry, Placement
from napari_unet.gui.layers.rectangles import (
    boxes_layer,
    corners,
    draw_boxes,
    keep_edges,
    legible,
    same_boxes,
    screen_pixel,
    show_texts,
)
from napari_unet.images.tiles import Region

MARKS = "marks"
_TEXT_SIZE = 9
_EDGE_WIDTH = 2.0  # px of the screen


@dataclass(frozen=True, slots=True)
class Mark:
    """A rectangle on a plane of the image on screen.

    Attributes
    ----------
    plane, region : where it lies, in pixels
    text : at its upper left corner
    colour : on dark images; on bright ones a mark is black, but for a red one
    """

    plane: int
    region: Region
    text: str = ""
    colour: str = "white"


class Marks(OwnLayer[Shapes]):
    """Draws the marks of several kinds on one layer, which is made with the first of them.

    A layer for each kind would fill the user's list of layers.
    """

    def __init__(self, viewer: Viewer, own_layers: OwnLayers) -> None:
        super().__init__(viewer, own_layers)
        self._marks: dict[str, tuple[Mark, ...]] = {}
        self._drawn: list[str] = []  # the colours of what is drawn

    def draw(self, kind: str, marks: Sequence[Mark]) -> None:
        """Show these marks of a kind in the place of those before; nothing happens without an image."""
        if self.placement is not None and self.of(kind) != tuple(marks):
            self._marks[kind] = tuple(marks)
            self._draw(self.placement)

    def of(self, kind: str) -> tuple[Mark, ...]:
        """Return the marks of a kind that are shown."""
        return self._marks.get(kind, ())

    def keep_edges(self) -> None:
        """Let edges be as wide on the screen as before, after the user has zoomed."""
        if self.layer is not None:
            keep_edges(self.layer, _EDGE_WIDTH * screen_pixel(self._viewer, self.layer))

    def move(self, placement: Placement) -> None:
        """Lie over an image, without marks."""
        self._marks, self._drawn = {}, []
        super().move(placement)
        self.placement = placement

    def leave(self) -> None:
        """Take the layer out of the viewer, and forget the marks."""
        super().leave()
        self._marks, self._drawn = {}, []

    def can_follow(self, placement: Placement) -> bool:
        """Tell whether the layer can lie there; one that was not made yet can."""
        return self.layer is None or super().can_follow(placement)

    def _draw(self, placement: Placement) -> None:
        marks = [mark for kind in sorted(self._marks) for mark in self._marks[kind]]
        if self.layer is None:
            if not marks:
                return
            self.layer = self._make(placement)
            self._own.add(self.layer)
        layer, shape = self.layer, placement.record.plane_shape
        boxes = [corners(mark.plane, mark.region, shape) for mark in marks]
        colours = [mark.colour if mark.colour == "red" else legible(placement.image, mark.colour) for mark in marks]
        if colours != self._drawn or not same_boxes(layer, boxes):
            draw_boxes(layer, boxes, colours, _EDGE_WIDTH * screen_pixel(self._viewer, layer))
            self._drawn = colours
        show_texts(layer, [mark.text for mark in marks], legible(placement.image))

    def _make(self, placement: Placement) -> Shapes:
        layer = boxes_layer(MARKS, _TEXT_SIZE, placement.whole, placement.ndim)
        layer.editable = False
        return layer

    def _content(self, placement: Placement) -> list[np.ndarray]:
        return []

    def _geometry(self, placement: Placement) -> Geometry:
        return placement.whole
