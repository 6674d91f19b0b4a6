"""Our layers in the viewer: made over an image, written in place, refreshed ten times a second at most."""

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Integer, UInt8
from napari.layers import Image, Labels, Shapes
from qtpy.QtCore import QObject
from superqt.utils import qthrottled

from napari_unet.controller.annotation_clock import AnnotationClock
from napari_unet.controller.cover import can_cover, cover_around, first_cover
from napari_unet.evaluation.scores import Score
from napari_unet.gui.layers import our_layers as layers
from napari_unet.gui.layers.own_layers import OwnLayers
from napari_unet.gui.layers.strokes import PAINTING, StrokeWatcher
from napari_unet.images.recently_used import RecentlyUsed
from napari_unet.images.tiles import Region
from napari_unet.project.classes import ClassLabel
from napari_unet.project.image_record import ImageRecord

_REFRESH_MS = 100
_TEXT_SIZE = 11
_PREDICTED_BYTES = 128 * 2**20

Strokes = Callable[[Region], UInt8[np.ndarray, "*planes h w"]]  # what is painted in a region of all planes


class Canvas(QObject):  # type: ignore[misc]
    """What lies over one image at a time.

    Parameters
    ----------
    viewer : napari's viewer
    own_layers : the list of our layers
    settled : called with the plane numbers whose strokes may have changed; whether they are saved now
    clock : measures the strokes
    parent : ends this object with itself
    """

    def __init__(
        self,
        viewer: Any,
        own_layers: OwnLayers,
        settled: Callable[[list[int]], bool],
        clock: AnnotationClock,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._own = own_layers
        self._own.returned.connect(self._returned)
        self._settled = settled
        self._clock = clock
        self.image: Image | None = None
        self.annotation: Labels | None = None
        self.prediction: Labels | None = None
        self.held_out: Shapes | None = None
        self.watcher: StrokeWatcher | None = None
        self._image_id = 0
        self.cover = Region(0, 0, 0, 0)  # the part of a plane that annotation and prediction lie over
        self._strokes: Strokes = lambda cover: np.zeros(cover.shape, np.uint8)
        self._shape: tuple[int, ...] = ()  # of the image's planes
        self._mode = ""  # to paint in again, once the user has zoomed in
        self._place: dict[str, Any] = {}
        self._boxes: list[Any] = []
        self._score: Score | None = None
        self._outdated = False
        self._classes: Sequence[ClassLabel] = ()
        self._predicted = _predictions()
        self._further: list[Any] = []
        self._refresh_soon = qthrottled(timeout=_REFRESH_MS)(self._refresh)

    def show(
        self,
        image: Image,
        record: ImageRecord,
        strokes: Strokes,
        classes: Sequence[ClassLabel],
        channels_first: bool,
    ) -> None:
        """Put annotation and prediction over an image: the layers that lie over another one move, or new ones come.

        Of a large plane only a part is covered, see ``follow``.
        """
        place = layers.geometry(image, channels_first)
        if not self._can_move(image, place, record.annotation_shape):
            self.leave()
        self._stop_watching()
        self.image = self._own.image = image
        self._image_id, self._shape = record.id, record.annotation_shape
        self._classes = classes
        self.cover, self._strokes, self._mode = first_cover(record), strokes, ""
        self._place, above = place, layers.covering(place, self.cover)
        labels, predicted = strokes(self.cover), self._prediction_here()
        if self.annotation is None:
            self.prediction = self._add(layers.prediction_layer(predicted, above, classes))
            self.held_out = self._add(layers.held_out_layer(place, len(record.annotation_shape)))
            self.annotation = self._add(layers.annotation_layer(labels, above, classes))
        else:
            layers.place_over(self.prediction, predicted, above)
            layers.place_over(self.held_out, [], place)
            layers.place_over(self.annotation, labels, above)
            for further in self._further:
                layers.place_over(further, [], place)
            self._boxes = []
            self._show_boxes()
        self._viewer.layers.selection.active = self.annotation
        self.annotation.mode = "paint"
        self.watcher = StrokeWatcher(self.annotation, self._viewer.dims, self._settled, self._clock, self)

    def follow(self, visible: Region) -> None:
        """Cover what is visible of a large plane, and move the layers there when they do not.

        Strokes stay in the project, and undo does not go back beyond a move. Where more is visible than can be
        covered, nothing can be painted.
        """
        if self.annotation is None or self.watcher is None or self.covers_all:
            return
        self._allow_painting(can_cover(visible))
        if visible.within(self.cover) == visible or not can_cover(visible) or self.watcher.is_painting:
            return
        self.watcher.check()
        if self.watcher.unsaved:
            return  # they are nowhere else
        self._stop_watching()
        self.cover = cover_around(visible, Region(0, 0, *self._shape[-2:]))
        above = layers.covering(self._place, self.cover)
        if self.prediction is not None:
            layers.place_over(self.prediction, self._prediction_here(), above)
        layers.place_over(self.annotation, self._strokes(self.cover), above)
        self.watcher = StrokeWatcher(self.annotation, self._viewer.dims, self._settled, self._clock, self)

    @property
    def plane_shape(self) -> tuple[int, ...]:
        """Height and width of the image."""
        return self._shape[-2:]

    @property
    def covers_all(self) -> bool:
        """Whether the layers lie over whole planes."""
        return self.cover.shape == self._shape[-2:]

    @property
    def is_too_far_out(self) -> bool:
        """Whether nothing can be painted until the user zooms in."""
        return bool(self._mode)

    def leave(self) -> None:
        """Take our layers away; what was painted is in the project."""
        self._stop_watching()
        ours = self.overlays
        self.image = self._own.image = self.annotation = self.prediction = self.held_out = None
        self._boxes = []
        self._score = None
        self._outdated = False
        self._predicted = _predictions()
        self._further = []
        self._own.remove(*ours)
        self._overlay.visible = False
        # napari leaves an empty box where its brush circle was; drawn as the only thing after an image was removed, it
        # crashed (napari 0.9.2). Told of the background colour anew, it takes the box away.
        self._viewer.canvas.events.background_color()

    @property
    def overlays(self) -> list[Any]:
        """Our layers over the image that are there, the annotation first."""
        fixed = (self.annotation, self.prediction, self.held_out)
        return [layer for layer in fixed if layer is not None] + self._further

    def add_outlines(self, name: str, colour: str) -> Shapes | None:
        """One more layer for rectangles over the image, which goes when the others go; the selected one stays so."""
        if self.annotation is None:
            return None
        layer = layers.outlines_layer(name, colour, self._place, self.annotation.ndim)
        self._further.append(layer)
        self._own.add(layer, gone=partial(self._further.remove, layer))  # a new one is made when it is wanted
        return layer

    def forget_planes(self, image_id: int) -> None:
        """The planes of the image that is shown may be others now: nothing over it is saved or shown again."""
        self._stop_watching()
        for key in self._predicted:
            if key[0] == image_id:
                self._predicted.drop(key)

    def plane_labels(self, plane: int) -> Integer[np.ndarray, "h w"] | None:
        """Return what is on the covered part of a plane, or None when the layer has another shape by now.

        A script may have put other integers there than classes, see ``class_numbers``.
        """
        if self.annotation is None:
            return None
        data = np.asarray(self.annotation.data)
        if data.shape != (*self._shape[:-2], *self.cover.shape):
            return None
        values: Integer[np.ndarray, "h w"] = data.reshape(-1, *data.shape[-2:])[plane]
        return values

    def plane_prediction(self, plane: int) -> UInt8[np.ndarray, "h w"]:
        """What is predicted on the covered part of a plane, as it is shown; 0 where nothing is."""
        if self.prediction is None:
            return np.zeros(self.cover.shape, np.uint8)
        data: UInt8[np.ndarray, "*planes h w"] = self.prediction.data
        return data.reshape(-1, *self.cover.shape)[plane]

    def paint(
        self, plane: int, labels: UInt8[np.ndarray, "h w"], region: Region, where: Bool[np.ndarray, "h w"]
    ) -> None:
        """Paint some of the labels of a region as one stroke that undo takes back; those that are covered."""
        part, cover = region.within(self.cover), self.cover
        inside = part.seen_from(region).slices
        ys, xs = np.nonzero(where[inside])
        if self.annotation is not None and ys.size:
            before = np.unravel_index(plane, self._shape[:-2]) if len(self._shape) > 2 else ()
            rows, columns = ys + part.y0 - cover.y0, xs + part.x0 - cover.x0
            index = (*(np.full(ys.shape, i) for i in before), rows, columns)
            self.annotation.data_setitem(index, labels[inside][ys, xs])

    def visible(self) -> Region | None:
        """The part of the plane on screen, in pixels; None while nothing can be told."""
        layer = self.annotation
        if layer is None:
            return None
        height, width = self._shape[-2:]
        (y0, x0), (y1, x1) = np.asarray(layer.corner_pixels)[:, -2:] if self.covers_all else self._corners(layer)
        region = Region(int(y0), int(x0), int(y1) + 1, int(x1) + 1).clipped(height, width)
        if 0 in region.shape or self._viewer.dims.ndisplay > 2:
            return Region(0, 0, height, width)
        return region

    @property
    def is_small(self) -> bool:
        """Whether a pixel of the screen covers two pixels of the image or more, each way."""
        layer = self.annotation
        if layer is None or self._viewer.dims.ndisplay > 2:
            return False
        steps = np.zeros((3, layer.ndim))
        steps[1, -2] = steps[2, -1] = 1  # one pixel down, one to the right
        origin, *neighbours = (np.array(layer.data_to_world(step)) for step in steps)
        pixel = max(float(np.linalg.norm(neighbour - origin)) for neighbour in neighbours)
        return bool(self._viewer.scene.camera.zoom * pixel <= 1 / 2)

    def write(self, image_id: int, plane: int, region: Region, labels: UInt8[np.ndarray, "h w"]) -> None:
        """Put predicted classes over the image."""
        if self.prediction is not None and image_id == self._image_id:
            part = region.within(self.cover)
            inside = labels[part.seen_from(region).slices]
            layers.write_prediction(self.prediction, plane, part.seen_from(self.cover), inside)
            self._refresh_soon()

    def show_score(self, score: Score, text: str) -> None:
        """Dice on the image: the text in the corner and a box on every held-out block."""
        self._overlay.position = "top_left"
        self._overlay.font_size = _TEXT_SIZE
        self._overlay.text = text
        self._overlay.visible = True
        self._score = score
        self._show_boxes()

    def colour(self, classes: Sequence[ClassLabel]) -> None:
        """Classes or their colours changed."""
        self._classes = classes
        if self.annotation is not None:
            layers.colour_annotation(self.annotation, classes)
        if self.prediction is not None:
            layers.colour_prediction(self.prediction, classes, outdated=self._outdated)

    def show_outdated(self, outdated: bool) -> None:
        """Grey the prediction while nothing learns the newest strokes."""
        if outdated != self._outdated:
            self._outdated = outdated
            self.colour(self._classes)

    @property
    def is_painting(self) -> bool:
        """Whether the mouse is down in the annotation layer."""
        return self.watcher is not None and self.watcher.is_painting

    def _can_move(self, image: Image, place: dict[str, Any], shape: tuple[int, ...]) -> bool:
        """Whether our layers are all there, above the image, and of the same kind."""
        here = list(self._viewer.layers)
        ours = [self.prediction, self.held_out, self.annotation]
        return (
            all(layer is not None and layer in here for layer in ours)
            and here.index(image) < min(here.index(layer) for layer in ours)
            and len(shape) == len(self._shape)
            and place.keys() == self._place.keys()
        )

    def _corners(self, layer: Labels) -> tuple[tuple[float, float], tuple[float, float]]:
        """First and last row and column on screen, in pixels of the plane: a layer knows only what it covers."""
        dims, camera = self._viewer.dims, self._viewer.scene.camera
        half = np.asarray(self._viewer.canvas.size) / (2 * camera.zoom)
        places = []
        for signs in itertools.product((-1, 1), repeat=2):
            point = np.array(dims.point)
            point[list(dims.displayed[-2:])] = np.asarray(camera.center[-2:]) + half * signs
            places.append(np.asarray(layer.world_to_data(point))[-2:])
        lowest, highest = (edge(places, axis=0) for edge in (np.min, np.max))
        y, x = self.cover.y0, self.cover.x0
        return (lowest[0] + y, lowest[1] + x), (highest[0] + y, highest[1] + x)

    def _allow_painting(self, on: bool) -> None:
        """Let the brush go while more is visible than is covered: what it painted elsewhere would be lost."""
        if self.annotation is None:
            return
        if on and self._mode:
            self._mode, self.annotation.mode = "", self._mode
        elif not on and self.annotation.mode in PAINTING:
            self._mode = str(self.annotation.mode)
            self.annotation.mode = "pan_zoom"

    def _prediction_here(self) -> UInt8[np.ndarray, "*planes h w"]:
        shape = (*self._shape[:-2], *self.cover.shape)
        return self._predicted.get((self._image_id, self.cover), lambda: np.zeros(shape, np.uint8))

    def _stop_watching(self) -> None:
        if self.watcher is not None:
            self.watcher.stop()
            self.watcher.deleteLater()
            self.watcher = None

    def _show_boxes(self) -> None:
        if self.held_out is None or self.annotation is None or self._score is None:
            return
        boxes = [block for block in self._score.blocks if block.image_id == self._image_id]
        if boxes != self._boxes:
            self._boxes = boxes
            layers.show_held_out(self.held_out, boxes, self.annotation.data.shape[:-2])

    @property
    def _overlay(self) -> Any:
        return self._viewer.canvas.overlays.text

    def _add(self, layer: Any) -> Any:
        self._own.add(layer)
        return layer

    def _returned(self, layer: Any) -> None:
        if layer is self.annotation:  # paint on, in the mode of before
            self._viewer.layers.selection.active = layer

    def _refresh(self) -> None:
        if self.prediction is not None:
            self.prediction.refresh(extent=False, thumbnail=False)


def _predictions() -> RecentlyUsed[tuple[int, Region], UInt8[np.ndarray, "*planes h w"]]:
    """The newest overlay of each image, by id and cover: shown when the user comes back, until it is repainted."""
    return RecentlyUsed(_PREDICTED_BYTES, lambda labels: labels.nbytes)
