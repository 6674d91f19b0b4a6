"""The layer on which the user paints."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from jaxtyping import Bool, Integer, UInt8
from napari.layers import Labels, Layer
from napari.utils.events import Event
from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_unet.controller.annotation_clock import AnnotationClock
from napari_unet.gui.layers.brush_circle import clear_brush_circle
from napari_unet.gui.layers.class_numbers import ANNOTATION
from napari_unet.gui.layers.label_colours import ClassColours, colour_annotation
from napari_unet.gui.layers.own_layer import OwnLayer
from napari_unet.gui.layers.own_layers import OwnLayers
from napari_unet.gui.layers.placement import Placement
from napari_unet.gui.layers.quick_contour import draw_contours_quickly
from napari_unet.gui.layers.strokes import PAINTING, Settled, StrokeWatcher
from napari_unet.images.tiles import Region

KEYS_HELP = (
    "press <1> to <9> for a class, <X> for the one before, <E> to erase, <F> to fill, hold <Space> for the bare image"
)
_BRUSH_PX = 9  # at first

Strokes = Callable[[Region], UInt8[np.ndarray, "*planes h w"]]  # what is painted in a region of all planes


class AnnotationLayer(OwnLayer[Labels]):
    """Shows the strokes of the project, and watches for new ones.

    Parameters
    ----------
    viewer : napari's viewer
    own_layers : the list of our layers
    settled : called with the numbers of planes whose strokes may have changed; returns those that are not saved
    clock : measures the strokes
    parent : ends the watcher with itself

    Attributes
    ----------
    watcher : sees the strokes, None while there is no image
    """

    def __init__(
        self,
        viewer: Viewer,
        own_layers: OwnLayers,
        settled: Settled,
        clock: AnnotationClock,
        parent: QObject,
    ) -> None:
        super().__init__(viewer, own_layers)
        self.watcher: StrokeWatcher | None = None
        self._settled = settled
        self._clock = clock
        self._parent = parent
        self._strokes: Strokes = lambda cover: np.zeros(cover.shape, np.uint8)
        self._colours = ClassColours()
        self._mode = ""  # to paint in again, once the user has zoomed in
        self._read_only = False
        self._brush_px = _BRUSH_PX  # as the user has it: on a layer that takes the place of this one, too
        own_layers.returned.connect(self._returned)
        clear_brush_circle(viewer)

    @property
    def is_painting(self) -> bool:
        """Tell whether the mouse is down on the layer."""
        return self.watcher is not None and self.watcher.is_painting

    @property
    def is_too_far_out(self) -> bool:
        """Tell whether nothing can be painted until the user zooms in."""
        return bool(self._mode)

    def show(self, placement: Placement, strokes: Strokes, colours: ClassColours, *, read_only: bool = False) -> None:
        """Lie over an image with its strokes, by a new layer where there is none, and let the user paint.

        On a ``read_only`` layer nothing can be painted.
        """
        self._strokes, self._colours, self._mode, self._read_only = strokes, colours, "", read_only
        if self.layer is None:
            self.placement = placement
            self.layer = self._make(placement)
            self._own.add(self.layer)
            self._watch()
        else:
            self.move(placement)
        self._viewer.layers.selection.active = self.layer
        if self.layer is not None:
            self.layer.editable = not read_only
            self.layer.mode = "paint"  # which napari refuses where it is not editable
            self._name_keys()

    def move(self, placement: Placement) -> None:
        """Lie over another image, or another part of one, with the strokes that the project holds there."""
        self.stop_watching()
        super().move(placement)
        self._watch()

    def leave(self) -> None:
        """Take the layer out of the viewer; what was painted is in the project."""
        self.stop_watching()
        if self.layer is not None:
            self._brush_px = self.layer.brush_size
        super().leave()

    def stop_watching(self) -> None:
        """Let nothing that happens on the layer be saved any more."""
        if self.watcher is not None:
            self.watcher.stop()
            self.watcher.deleteLater()
            self.watcher = None

    def colour(self, colours: ClassColours) -> None:
        """Give the classes their colours."""
        self._colours = colours
        if self.layer is not None:
            colour_annotation(self.layer, colours)

    def allow_painting(self, on: bool) -> None:
        """Let the brush go while more is visible than is covered: what it painted elsewhere would be lost."""
        if self.layer is None:
            return
        if on and self._mode:
            self._mode, self.layer.mode = "", self._mode
        elif not on and self.layer.mode in PAINTING:
            self._mode = str(self.layer.mode)
            self.layer.mode = "pan_zoom"

    def plane_labels(self, plane: int) -> Integer[np.ndarray, "h w"] | None:
        """Return what is on the covered part of a plane, or None when the layer has another shape by now.

        A script may have put other integers there than classes, see ``class_numbers``.
        """
        if self.layer is None or self.placement is None:
            return None
        data = np.asarray(self.layer.data)
        if data.shape != self.placement.shape:
            return None
        values: Integer[np.ndarray, "h w"] = data.reshape(-1, *data.shape[-2:])[plane]
        return values

    def is_painted(self, plane: int, region: Region) -> bool:
        """Tell whether anything is painted in a region; of what is not covered, suppose so."""
        labels = self.plane_labels(plane)
        if labels is None or self.placement is None or region.within(self.placement.cover) != region:
            return True
        return bool(labels[region.seen_from(self.placement.cover).slices].any())

    def paint(
        self, plane: int, labels: UInt8[np.ndarray, "h w"], region: Region, where: Bool[np.ndarray, "h w"]
    ) -> None:
        """Paint some of the labels of a region as one stroke that undo takes back; those that are covered."""
        if self.layer is None or self.placement is None:
            return
        cover, planes = self.placement.cover, self.placement.record.plane_shape
        part = region.within(cover)
        inside = part.seen_from(region).slices
        ys, xs = np.nonzero(where[inside])
        if ys.size:
            before = np.unravel_index(plane, planes) if planes else ()
            rows, columns = ys + part.y0 - cover.y0, xs + part.x0 - cover.x0
            index = (*(np.full(ys.shape, i) for i in before), rows, columns)
            self.layer.data_setitem(index, labels[inside][ys, xs])

    @contextmanager
    def one_stroke(self) -> Iterator[None]:
        """Let all that is painted meanwhile, on whatever planes, be one stroke to undo."""
        if self.layer is None:
            yield
        else:
            with self.layer.block_history():
                yield

    def forget_edits(self) -> None:
        """Let undo go back no further than this."""
        if self.layer is not None:
            mode = self.layer.mode
            self.layer.editable = False  # forgets the history of edits, and lets the brush go
            self.layer.editable = True
            self.layer.mode = mode

    def _make(self, placement: Placement) -> Labels:
        layer = Labels(self._content(placement), name=ANNOTATION, opacity=0.8, **placement.covered)
        draw_contours_quickly(layer)
        colour_annotation(layer, self._colours)
        layer.brush_size = self._brush_px
        # After napari's own, which names keys that mean something else here.
        layer.events.mode.connect(self._name_keys, position="last")
        layer.events.editable.connect(self._lock)
        return layer

    def _content(self, placement: Placement) -> UInt8[np.ndarray, "*planes h w"]:
        return self._strokes(placement.cover)

    def _watch(self) -> None:
        if self.layer is not None:
            self.watcher = StrokeWatcher(self.layer, self._viewer.dims, self._settled, self._clock, self._parent)

    def _lock(self, event: Event | None = None) -> None:
        """Keep a read-only layer so: napari makes it editable when it is shown in 2D again, and so do we."""
        if self.layer is not None and self._read_only and self.layer.editable:
            self.layer.editable = False

    def _name_keys(self, event: Event | None = None) -> None:
        """Let the status bar name the keys of painting as they are."""
        if self.layer is not None:
            self.layer.help = KEYS_HELP
            if self._viewer.layers.selection.active == self.layer:  # not "is": napari may hand out a proxy
                self._viewer.help = KEYS_HELP

    def _returned(self, layer: Layer) -> None:
        if layer is self.layer:  # paint on, in the mode of before
            self._viewer.layers.selection.active = layer
