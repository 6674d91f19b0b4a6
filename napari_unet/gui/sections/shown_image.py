"""The image on screen with all of our layers over it: shown, followed, and left together."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ImageChanging, ImageRemoved, ImageShown, ProjectOpened, StrokesSaved
from napari_unet.gui.layers.area_layer import AreaLayer
from napari_unet.gui.layers.canvas import Canvas
from napari_unet.gui.layers.drawn_shapes import DrawnShapes
from napari_unet.gui.layers.map_layer import MapLayer
from napari_unet.gui.layers.object_layer import ObjectLayer
from napari_unet.gui.layers.own_layers import OwnLayers, tell_held, tell_returned
from napari_unet.gui.layers.placement import Placement
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.kept_areas import KeptAreas
from napari_unet.gui.sections.stroke_saving import StrokeSaving, stored_strokes
from napari_unet.images.tiles import Region
from napari_unet.project.image_record import ImageRecord
from napari_unet.protocol.messages import Progress, Tile

_OPAQUE = {"opaque", "translucent", "translucent_no_depth"}  # the blendings that hide what lies below


class ShownImage(QObject):  # type: ignore[misc]
    """Owns our layers over one image at a time.

    Parameters
    ----------
    viewer : napari's viewer
    controller : knows the project, and tells what is to be drawn
    parent : ends layers and timers with itself

    Attributes
    ----------
    own_layers : the list of our layers
    canvas, map_layer, object_layer, shapes, areas : the layers
    saving : brings strokes from the canvas to the controller
    kept_areas : brings test areas from their layer to the project, and back
    is_changing : layers come and go because of us, not of the user

    Signals
    -------
    circled : the pixels inside a circle that was drawn for taking the prediction over
    measured : the length in px of a line that was drawn across an object
    looked : what is on screen was told to the controller
    map_deleted : the user took the layer of the map, or of the objects, away
    """

    circled = Signal(object)
    measured = Signal(float)
    looked = Signal()
    map_deleted = Signal()

    def __init__(self, viewer: Any, controller: Controller, parent: QWidget) -> None:
        super().__init__(parent)
        self.is_changing = False
        self._viewer = viewer
        self._controller = controller
        self._attempt = Attempt(controller)
        self.own_layers = own = OwnLayers(viewer, parent)
        self.canvas = Canvas(
            viewer, own, lambda planes: self.saving.settled(planes), controller.annotation_clock, parent
        )
        self.saving = StrokeSaving(controller, self.canvas, self.leave)
        self.map_layer = MapLayer(viewer, own, self.map_deleted.emit)
        self.object_layer = ObjectLayer(viewer, own, self.canvas, self.map_deleted.emit)
        drawn = (self.circled.emit, self.measured.emit)
        self.shapes = DrawnShapes(viewer, own, lambda: self.canvas.cover, *drawn, parent)
        self.areas = AreaLayer(viewer, own, lambda areas: self.kept_areas.keep(areas), self._paint_again, parent)
        self.kept_areas = KeptAreas(controller, self.canvas, self.areas)
        self._leave_soon = QTimer(parent, singleShot=True, interval=0)
        # Removed in the same turn as the other layers, the map crashed napari's next drawing.
        self._map_leave_soon = QTimer(parent, singleShot=True, interval=100)
        self._connect()

    def show(self, layer: Image, record: ImageRecord) -> None:
        """Lay our layers over an image of the project, and tell everybody."""
        project = self._controller.project
        if project is None:
            return
        with self.changing():
            placement = Placement.over(layer, record)
            # Saved already: when the other layers go, napari may draw the strokes anew, which are another image's now.
            self.canvas.annotation_layer.stop_watching()
            self._controller.publish(ImageChanging())
            for ours in (self.shapes, self.map_layer, self.object_layer):
                ours.follow(placement)
            self.areas.leave()
            strokes = partial(stored_strokes, project, record)
            self.canvas.show(placement, strokes, project.classes, read_only=project.read_only)
            self.kept_areas.show()
        self._controller.publish(ImageShown(record))

    def leave(self) -> None:
        """Take all of our layers away; what was painted is in the project."""
        self._controller.publish(ImageChanging())
        for ours in (self.shapes, self.areas, self.canvas, self.object_layer, self.map_layer):
            ours.leave()
        self._controller.leave_image()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Mark layers that come and go meanwhile as not taken away by the user."""
        self.is_changing = True
        try:
            yield
        finally:
            self.is_changing = False

    def look(self) -> None:
        """Tell the controller what is on screen, and keep our layers of a large plane there."""
        watcher, visible = self.canvas.watcher, self.canvas.visible()
        if watcher is not None and visible is not None:
            placement = self._follow(visible)
            cover = None if placement is None or placement.covers_all else placement.cover
            self._controller.view.look(watcher.plane, visible, cover, small=self.canvas.is_small)
            self.canvas.marks.keep_edges()
            self.areas.keep_edges()
            self.looked.emit()

    @property
    def covering(self) -> list[Image]:
        """Return the images of the user that hide all that is painted: others, or the one on screen itself."""
        layers, annotation, ours = [*self._viewer.layers], self.canvas.annotation, [*self.own_layers]
        above = layers[layers.index(annotation) + 1 :] if annotation in layers else []
        images = [layer for layer in above if isinstance(layer, Image) and layer not in ours]
        return [layer for layer in images if layer.visible and layer.opacity == 1 and layer.blending in _OPAQUE]

    def layer_removed(self, layer: Any) -> None:
        """Take all of our layers away soon after the user took the image out of the viewer."""
        if layer is self.canvas.image and not self.is_changing:
            self.saving.save_last()
            self._attempt(self._controller.training.rest)
            self._leave_soon.start()  # napari is still busy removing; it crashes when more goes at once
            self.map_layer.hide()  # drawn as the only one that is left, it crashed as well
            self.object_layer.hide()
            self._controller.publish(ImageRemoved())

    def measure_in(self, units: tuple[str, ...], image_layer: Image | None) -> None:
        """Give all our layers, and the image's, units at once: drawn while they have several, napari warns of it.

        ``units`` are of the last axes of a layer; axes before them have none.
        """
        for layer in [*self.own_layers, *([] if image_layer is None else [image_layer])]:
            layer.units = (*["pixel"] * (layer.ndim - len(units)), *units)[-layer.ndim :]

    def begin_circle(self) -> None:
        """Let the next drag draw the circle of ``circled``, unless it would be in vain; not without an image."""
        placement, watcher = self.canvas.placement, self.canvas.watcher
        if placement is None or watcher is None:
            return

        def begin() -> None:
            self._controller.strokes.refuse_acceptance(watcher.plane, self.canvas.cover)
            self.shapes.begin_circle(placement)

        self._attempt(begin)

    def circle_all(self) -> None:
        """Emit ``circled`` as if all that the annotation layer covers were inside; not without an image."""
        if self.canvas.placement is not None:
            self.circled.emit(np.ones(self.canvas.cover.shape, bool))

    def begin_line(self) -> None:
        """Let the next drag draw the line of ``measured``; nothing happens without an image."""
        placement = self.canvas.placement
        if placement is not None:
            self._attempt(lambda: self.shapes.begin_line(placement))

    def stop(self) -> None:
        """Let nothing happen later by itself."""
        self._leave_soon.stop()
        self._map_leave_soon.stop()
        self.own_layers.stop()

    def _connect(self) -> None:
        self.own_layers.returned.connect(tell_returned)
        self.own_layers.held.connect(tell_held)
        self.own_layers.moved.connect(self._stay)
        for leave in (self.areas.leave, self.canvas.leave, self._map_leave_soon.start):
            self._leave_soon.timeout.connect(leave)
        self._leave_soon.timeout.connect(self._controller.leave_image)
        for leave in (self.map_layer.leave, self.object_layer.leave, self.shapes.leave):
            self._map_leave_soon.timeout.connect(leave)
        self._controller.subscribe(Tile, self._write_tile)
        self._controller.subscribe(Progress, self._show_progress)
        self._controller.subscribe(StrokesSaved, self._strokes_saved)
        self._controller.subscribe(ProjectOpened, lambda _: self.areas.show_scores(()))

    def _stay(self) -> None:
        """Let all of our layers go where the image went, and none go without it."""
        for ours in (self.canvas, self.map_layer, self.object_layer, self.shapes, self.areas):
            ours.stay()

    def _follow(self, visible: Region) -> Placement | None:
        """Keep our layers of a large plane where the user looks; return where they lie."""
        before = self.canvas.placement
        self.canvas.follow(visible)
        placement = self.canvas.placement
        if placement is not None and placement is not before:
            for ours in (self.map_layer, self.object_layer):
                ours.follow(placement)
        return placement

    def _write_tile(self, tile: Tile) -> None:
        region = tile.region
        self.canvas.prediction_layer.write(tile.image_id, tile.plane, region, tile.array())
        if tile.map:
            self.map_layer.write(tile.image_id, tile.plane, region, tile.map_array())

    def _show_progress(self, progress: Progress) -> None:
        self.canvas.prediction_layer.show_outdated(progress.behind and progress.state != "training")

    def _strokes_saved(self, saved: StrokesSaved) -> None:
        if not self._controller.worker.is_running:
            self.canvas.prediction_layer.show_outdated(True)

    def _paint_again(self) -> None:
        if self.canvas.annotation is not None and self.canvas.annotation in self._viewer.layers:
            self._viewer.layers.selection.active = self.canvas.annotation
            self.canvas.annotation.mode = "paint"
