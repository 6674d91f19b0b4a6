"""Layer in which test areas are drawn, moved and deleted, with the Dice of each at its rectangle."""

from collections.abc import Callable, Sequence

import numpy as np
from napari.layers import Shapes
from napari.utils.events import Event
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer

from napari_unet.evaluation.scores import AreaScore
from napari_unet.gui.layers.flat_view import is_flat, require_flat_view, view_events
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
from napari_unet.project.image_record import ImageRecord

TEST_AREAS = "checked rectangles"
_COLOUR = "#F0E442"
_EDGE = 2.0  # px of the screen; of the image, close up, they would hide pixels that are to be corrected
_SMALLEST_PX = 8  # a smaller rectangle is a slip of the hand, and no score could stand on it

Areas = dict[int, tuple[Region, ...]]  # by plane


class AreaLayer(OwnLayer[Shapes]):
    """Owns the layer of the test areas of one image; it is made when the first area is shown or drawn.

    Rectangles snap to whole pixels inside the image, upright. Listeners only start a timer; reading and writing the
    layer wait for the next turn of the event loop.

    Parameters
    ----------
    viewer : napari's viewer
    own_layers : the list of our layers
    changed : gets the areas of the image by plane whenever they may be others; must not raise
    drawn : called once when the user has finished a rectangle, or has gone to a view in which none can be drawn
    parent : ends the timer with itself
    """

    def __init__(
        self,
        viewer: Viewer,
        own_layers: OwnLayers,
        changed: Callable[[Areas], None],
        drawn: Callable[[], None],
        parent: QObject,
    ) -> None:
        super().__init__(viewer, own_layers)
        self._changed = changed
        self._drawn = drawn
        self._drawing = False
        self._writing = False
        self._areas: Areas = {}
        self._said: tuple[AreaScore, ...] = ()  # of all images, kept for coming back to one
        self._scores: dict[tuple[int, Region], AreaScore] = {}
        self._held_back: tuple[int, Region] | None = None
        self._soon = QTimer(parent, singleShot=True, interval=0)
        self._soon.timeout.connect(self._read)
        self._look_soon = QTimer(parent, singleShot=True, interval=0)
        self._look_soon.timeout.connect(self._give_up_elsewhere)

    def show(self, placement: Placement, areas: Areas) -> None:
        """Show the test areas of an image; the selected layer stays selected."""
        self.placement = placement
        self._areas = areas
        self.show_scores(self._said)
        if areas:
            self._write(self._present(placement), areas)
        elif self.layer is not None:
            self._write(self.layer, areas)

    def draw(self) -> None:
        """Let the user draw one rectangle; nothing happens without an image.

        Raises
        ------
        UserError
            NU-A20 in a view in which nothing can be drawn.
        """
        if self.placement is None:
            return
        require_flat_view(self._viewer.dims)
        self._own.put_back()
        layer = self._present(self.placement)
        self._drawing = True
        self._viewer.layers.selection.active = layer
        layer.visible = True
        layer.current_edge_color = legible(self.placement.image, _COLOUR)
        layer.current_edge_width = self._edge(layer)
        layer.mode = "add_rectangle"

    def show_scores(self, scores: Sequence[AreaScore]) -> None:
        """Put the Dice of each area at its rectangle."""
        own_id = None if self.placement is None else self.placement.record.id
        self._said = tuple(s for s in scores if s.image_id != own_id or _place_of(s) != self._held_back)
        self._scores = {_place_of(score): score for score in self._said if score.image_id == own_id}
        self._tell_scores()

    def hold_back(self, area: tuple[int, Region] | None) -> None:
        """Tell no Dice of an area, given by plane and place, while the user corrects it; of none where None.

        It would compare the prediction with itself, and be high whatever is still wrong.
        """
        if area != self._held_back:
            self._held_back = area
            self.show_scores(self._said)

    def keep_edges(self) -> None:
        """Let edges be as wide on the screen as before, after the user has zoomed."""
        if self.layer is not None and not self._drawing:
            keep_edges(self.layer, self._edge(self.layer))

    def leave(self) -> None:
        """Take the layer out of the viewer, before the other layers over the same image go."""
        self._soon.stop()
        self._look_soon.stop()
        self._drawing = False
        layer, layers = self.layer, self._viewer.layers
        if layer is not None:
            layer.events.data.disconnect(self._touched)
            for changed in view_events(self._viewer.dims):
                changed.disconnect(self._look_later)
            # Removed as the active layer and in another mode, it crashed napari's next drawing.
            layer.mode = "pan_zoom"
            if layer in layers:
                others = [one for one in layers if one != layer]
                layers.selection.active = others[-1] if others else None
        super().leave()

    def _present(self, placement: Placement) -> Shapes:
        """Return the layer, made where there is none."""
        if self.layer is None:
            self.layer = self._make(placement)
            self._own.add(self.layer)
            self.layer.events.data.connect(self._touched)
            for changed in view_events(self._viewer.dims):
                changed.connect(self._look_later)
        return self.layer

    def _make(self, placement: Placement) -> Shapes:
        return boxes_layer(TEST_AREAS, 10, placement.whole, placement.ndim)

    def _content(self, placement: Placement) -> list[object]:
        return []

    def _geometry(self, placement: Placement) -> Geometry:
        return placement.whole

    def _edge(self, layer: Shapes) -> float:
        return _EDGE * screen_pixel(self._viewer, layer)

    def _touched(self, event: Event | None = None) -> None:
        # Of a rectangle that is drawn or moved, "adding" and "changing" come first: it is left alone until the end.
        if not self._writing and getattr(event, "action", None) in {"added", "changed", "removed"}:
            self._soon.start()
        else:
            self._soon.stop()

    def _look_later(self, event: Event) -> None:
        self._look_soon.start()

    def _give_up_elsewhere(self) -> None:
        """Wait for no rectangle any more in a view in which napari draws none."""
        if self._drawing and not is_flat(self._viewer.dims):
            self._drawing = False
            self._drawn()

    def _read(self) -> None:
        """Read the rectangles that the user drew, and snap them to pixels."""
        layer, placement = self.layer, self.placement
        if layer is None or placement is None:
            return
        before, areas = self._areas, _areas_in(layer, placement.record)
        self._write(layer, areas)
        if self._drawing and areas != before:
            self._drawing = False
            layer.mode = "select"  # so that a rectangle can be moved or deleted when the layer is chosen again
            self._drawn()
        self._changed(areas)

    def _write(self, layer: Shapes, areas: Areas) -> None:
        """Make the layer show exactly these areas."""
        if self.placement is None:
            return
        self._areas = areas
        shape = self.placement.record.plane_shape
        boxes = [corners(plane, area, shape) for plane in sorted(areas) for area in areas[plane]]
        if not same_boxes(layer, boxes):
            self._writing = True
            try:
                layer.selected_data = set()
                draw_boxes(layer, boxes, [legible(self.placement.image, _COLOUR)] * len(boxes), self._edge(layer))
            finally:
                self._writing = False
        self._tell_scores()

    def _tell_scores(self) -> None:
        layer, placement = self.layer, self.placement
        if layer is None or placement is None:
            return
        places = [place for box in layer.data if (place := _area_of(box, placement.record)) is not None]
        if len(places) == len(layer.data):  # else a rectangle is being drawn
            texts = ["being checked" if p == self._held_back else area_text(self._scores.get(p)) for p in places]
            show_texts(layer, texts, legible(placement.image, _COLOUR))


def area_text(score: AreaScore | None) -> str:
    """Return the text at a test area."""
    return "not scored yet" if score is None or score.mean_dice is None else f"{score.mean_dice:.2f}"


def _place_of(score: AreaScore) -> tuple[int, Region]:
    return score.plane, Region(score.y0, score.x0, score.y1, score.x1)


def _areas_in(layer: Shapes, record: ImageRecord) -> Areas:
    """Return the rectangles of the layer by plane, each once."""
    found: dict[int, set[Region]] = {}
    for box in layer.data:
        place = _area_of(box, record)
        if place is not None:
            found.setdefault(place[0], set()).add(place[1])
    return {plane: tuple(sorted(areas)) for plane, areas in sorted(found.items())}


def _area_of(box: np.ndarray, record: ImageRecord) -> tuple[int, Region] | None:
    """Return plane and pixels that a shape covers, or None outside the image and below the smallest side."""
    shape = record.plane_shape
    height, width = record.annotation_shape[-2:]
    index = tuple(int(np.clip(round(float(p)), 0, n - 1)) for p, n in zip(box[0], shape, strict=False))
    (y0, x0), (y1, x1) = (np.rint(edge[-2:] + 0.5).astype(int) for edge in (box.min(axis=0), box.max(axis=0)))
    area = Region(int(y0), int(x0), int(y1), int(x1)).clipped(height, width)
    if min(area.shape) < _SMALLEST_PX:
        return None
    return int(np.ravel_multi_index(index, shape)) if shape else 0, area
