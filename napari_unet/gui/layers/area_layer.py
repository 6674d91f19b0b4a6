"""The napari layer in which test areas are drawn, moved and deleted, with the Dice of each at its rectangle."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Shapes
from qtpy.QtCore import QObject, QTimer

from napari_unet.evaluation.scores import AreaScore
from napari_unet.gui.layers.our_layers import corners, geometry
from napari_unet.gui.layers.own_layers import OwnLayers
from napari_unet.images.tiles import Region
from napari_unet.project.image_record import ImageRecord

TEST_AREAS = "test areas"
_COLOUR = "#F0E442"
_SMALLEST_PX = 8  # a smaller rectangle is a slip of the hand, and no score could stand on it


class AreaLayer(QObject):  # type: ignore[misc]
    """One layer over one image; made when it has areas or one is to be drawn.

    Rectangles snap to whole pixels inside the image, upright. Listeners only start a timer; reading and writing the
    layer wait for the next turn of the event loop.

    Parameters
    ----------
    viewer : napari's viewer
    own_layers : the list of our layers
    changed : gets the areas of the image by plane whenever they may be others; must not raise
    drawn : called once when the user has finished a rectangle
    parent : ends this object with itself
    """

    def __init__(
        self,
        viewer: Any,
        own_layers: OwnLayers,
        changed: Callable[[dict[int, tuple[Region, ...]]], None],
        drawn: Callable[[], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self.layer: Shapes | None = None
        self._viewer = viewer
        self._own = own_layers
        self._changed = changed
        self._drawn = drawn
        self._image: Image | None = None
        self._record: ImageRecord | None = None
        self._channels_first = False
        self._drawing = False
        self._writing = False
        self._areas: dict[int, tuple[Region, ...]] = {}
        self._said: tuple[AreaScore, ...] = ()  # of all images, kept for coming back to one
        self._scores: dict[tuple[int, Region], AreaScore] = {}
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._read)

    def show(
        self, image: Image, record: ImageRecord, channels_first: bool, areas: dict[int, tuple[Region, ...]]
    ) -> None:
        """Show the test areas of an image; the layer that was active stays so."""
        self._image, self._record, self._channels_first = image, record, channels_first
        self._areas = areas
        self.show_scores(self._said)
        if areas:
            active = self._viewer.layers.selection.active
            self._write(self._present(), areas)
            self._viewer.layers.selection.active = active

    def draw(self) -> None:
        """Let the user draw one rectangle; nothing happens without an image."""
        if self._image is None:
            return
        layer = self._present()
        self._drawing = True
        self._viewer.layers.selection.active = layer
        layer.visible = True
        layer.mode = "add_rectangle"

    def show_scores(self, scores: Sequence[AreaScore]) -> None:
        """Put the Dice of each area at its rectangle."""
        self._said = tuple(scores)
        if self._record is not None:
            mine = [score for score in scores if score.image_id == self._record.id]
            self._scores = {(s.plane, Region(s.y0, s.x0, s.y1, s.x1)): s for s in mine}
            self._tell_scores()

    def leave(self) -> None:
        """Take the layer away with the image that it lies over; before the others over it go."""
        layer, self.layer = self.layer, None
        self._image = self._record = None
        self._soon.stop()
        self._drawing = False
        if layer is not None:
            layer.events.data.disconnect(self._touched)
            # Removed as the active layer and in another mode, it crashed napari's next drawing.
            layer.mode = "pan_zoom"
            others = [one for one in self._viewer.layers if one != layer]
            self._viewer.layers.selection.active = others[-1] if others else None
            self._own.remove(layer)

    def _present(self) -> Shapes:
        if self.layer is None:
            if self._image is None or self._record is None:
                raise RuntimeError("test areas need an image to lie over")
            self.layer = _empty_layer(self._record, geometry(self._image, self._channels_first))
            self._own.add(self.layer)
            self.layer.events.data.connect(self._touched)
        return self.layer

    def _touched(self, event: Any = None) -> None:
        # Of a rectangle that is drawn or moved, "adding" and "changing" come first: it is left alone until the end.
        if not self._writing and getattr(event, "action", None) in {"added", "changed", "removed"}:
            self._soon.start()
        else:
            self._soon.stop()

    def _read(self) -> None:
        """Hear what the rectangles are now, and snap them."""
        layer = self.layer
        if layer is None or self._record is None:
            return
        before, areas = self._areas, _areas_in(layer, self._record)
        self._write(layer, areas)
        if self._drawing and areas != before:
            self._drawing = False
            layer.mode = "select"  # so that a rectangle can be moved or deleted when the layer is chosen again
            self._drawn()
        self._changed(areas)

    def _write(self, layer: Shapes, areas: dict[int, tuple[Region, ...]]) -> None:
        """Make the layer show exactly these areas."""
        if self._record is None:
            return
        self._areas = areas
        shape = self._record.plane_shape
        boxes = [corners(plane, area, shape) for plane in sorted(areas) for area in areas[plane]]
        same = len(boxes) == len(layer.data) and all(map(np.array_equal, boxes, layer.data))
        if not same:
            self._writing = True
            try:
                layer.selected_data = set()
                layer.data = []
                if boxes:
                    layer.feature_defaults = {"dice": ""}
                    layer.add_rectangles(boxes, edge_color=_COLOUR, face_color="transparent", edge_width=2)
            finally:
                self._writing = False
        self._tell_scores()

    def _tell_scores(self) -> None:
        layer, record = self.layer, self._record
        if layer is None or record is None:
            return
        places = [place for box in layer.data if (place := _area_of(box, record)) is not None]
        if len(places) == len(layer.data):  # else a rectangle is being drawn
            texts = [area_text(self._scores.get(place)) for place in places]
            layer.features = {"dice": np.array(texts, dtype=object)}  # an empty list would make it a column of numbers
            layer.refresh_text()


def area_text(score: AreaScore | None) -> str:
    """What stands at a test area."""
    return "test: n/a" if score is None or score.mean_dice is None else f"test: {score.mean_dice:.2f}"


def _empty_layer(record: ImageRecord, place: dict[str, Any]) -> Shapes:
    return Shapes(
        None,
        ndim=len(record.annotation_shape),
        name=TEST_AREAS,
        shape_type="rectangle",
        edge_width=2,
        face_color="transparent",
        edge_color=_COLOUR,
        text={
            "string": "{dice}",
            "color": _COLOUR,
            "size": 10,
            "anchor": "upper_left",
            "translation": [0] * len(record.annotation_shape),
        },
        features={"dice": np.array([], dtype=object)},
        **place,
    )


def _areas_in(layer: Shapes, record: ImageRecord) -> dict[int, tuple[Region, ...]]:
    """The rectangles of the layer by plane, each once."""
    found: dict[int, set[Region]] = {}
    for box in layer.data:
        place = _area_of(box, record)
        if place is not None:
            found.setdefault(place[0], set()).add(place[1])
    return {plane: tuple(sorted(areas)) for plane, areas in sorted(found.items())}


def _area_of(box: np.ndarray, record: ImageRecord) -> tuple[int, Region] | None:
    """Plane and pixels that a shape covers; None outside the image and below the smallest side."""
    shape = record.plane_shape
    height, width = record.annotation_shape[-2:]
    index = tuple(int(np.clip(round(float(p)), 0, n - 1)) for p, n in zip(box[0], shape, strict=False))
    (y0, x0), (y1, x1) = (np.rint(edge[-2:] + 0.5).astype(int) for edge in (box.min(axis=0), box.max(axis=0)))
    area = Region(int(y0), int(x0), int(y1), int(x1)).clipped(height, width)
    if min(area.shape) < _SMALLEST_PX:
        return None
    return int(np.ravel_multi_index(index, shape)) if shape else 0, area
