"""Strokes on their way from the annotation layer to the controller, until the disk has them."""

import logging
from collections.abc import Callable, Collection

import numpy as np
from jaxtyping import Integer, UInt8

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ActionEnded, ErrorLine, Notice
from napari_unet.errors import UserError
from napari_unet.gui.layers.canvas import Canvas
from napari_unet.gui.layers.class_numbers import ANNOTATION, class_numbers
from napari_unet.gui.layers.strokes import StrokeWatcher
from napari_unet.images.tiles import Region
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.project import Project

_LOG = logging.getLogger(__name__)


class StrokeSaving:
    """Commits planes of the annotation layer, and keeps elsewhere the strokes that the project's disk refuses.

    Parameters
    ----------
    controller : takes the strokes
    canvas : holds the annotation layer
    leave : takes our layers away, when the annotation layer holds something else by now
    """

    def __init__(self, controller: Controller, canvas: Canvas, leave: Callable[[], None]) -> None:
        self._controller = controller
        self._canvas = canvas
        self._leave = leave
        self._given_up: StrokeWatcher | None = None  # of a layer whose strokes are kept elsewhere
        self._unsaved = ""  # why strokes could not be saved, as it was told

    def settled(self, planes: list[int]) -> Collection[int]:
        """Commit planes that may have changed; return those that are not saved. Raises nothing.

        A read-only project takes none, and none waits to be saved: the user would not get away from the image.
        """
        if self._is_read_only:
            return ()
        # Called from napari's events, where an exception would cancel the stroke: none may come through.
        try:
            failed = self._try(planes)
        except UserError as error:
            failed = dict.fromkeys(planes, error)
        if failed:
            line = str(next(iter(failed.values())))
            if line != self._unsaved:  # it is tried again every two seconds, and told once
                self._unsaved = line
                self._controller.publish(ErrorLine(line))
            return failed
        if self._unsaved:
            self._unsaved = ""
            self._controller.publish(Notice("All strokes are saved again"))
        self._controller.publish(ActionEnded())
        return ()

    def check(self) -> None:
        """Commit what changed since the last look at the layer, on whatever plane."""
        if self._canvas.watcher is not None:
            self._canvas.watcher.check_everywhere()

    def save(self) -> None:
        """Commit what is painted, so that an image stays on screen when the disk does not take its strokes.

        Raises
        ------
        UserError
            NU-A03, NU-A04 or NU-A12 when there are numbers without a class on the layer, NU-A10 when it was replaced
            by one of another shape, NU-P07 when the disk takes nothing, NU-W04 when another image is worked on than
            the one that the layer lies over. What is sound is saved all the same.
        """
        watcher = self._canvas.watcher
        if watcher is not None and not self._is_read_only:
            watcher.check_everywhere()
            failed = self._try(sorted({watcher.plane} | watcher.unsaved))
            if failed:
                raise next(iter(failed.values()))

    def save_last(self) -> None:
        """Commit what is painted on a layer that goes, and keep elsewhere what the disk refuses. Raises nothing."""
        self.check()
        watcher = self._canvas.watcher
        if watcher is None or not watcher.unsaved or watcher is self._given_up:  # napari closes in several steps
            return
        if self._unsaved.startswith("NU-A"):  # numbers without a class: all other strokes are in the project
            return
        self._given_up = watcher
        try:
            told = self._keep_elsewhere(sorted(watcher.unsaved))
        except UserError as error:
            told = error
        if told is not None:
            # Not in the window, which may be closing; the next opening says it there.
            _LOG.warning("%s", told)

    @property
    def _is_read_only(self) -> bool:
        project = self._controller.project
        return project is not None and project.read_only

    def _keep_elsewhere(self, planes: list[int]) -> UserError | None:
        """Keep the strokes of planes outside of the project; return what to tell the user of it."""
        placement = self._canvas.placement
        if placement is None:
            return None
        labels = {plane: self._canvas.annotation_layer.plane_labels(plane) for plane in planes}
        kept = {plane: self._sound(plane, values)[0] for plane, values in labels.items() if values is not None}
        return self._controller.strokes.keep_elsewhere(placement.record, kept, placement.cover)

    def _try(self, planes: list[int]) -> dict[int, UserError]:
        """Commit planes of the annotation layer; return why some cannot be saved, as far as they cannot.

        Raises
        ------
        UserError
            NU-A10 and NU-W04 as ``save``, where no plane can be.
        """
        self._refuse_other_image()
        failed: dict[int, UserError] = {}
        for plane in planes:
            values = self._canvas.annotation_layer.plane_labels(plane)
            if values is None:
                self._leave()
                what = "the annotation layer was replaced by one of another shape"
                raise UserError(
                    "NU-A10", what, ANNOTATION, "choose the image again; the strokes before that are in the project"
                )
            labels, error = self._sound(plane, values)
            if error is not None:
                failed[plane] = error
            try:
                self._controller.strokes.commit(plane, labels, self._canvas.cover)
            except UserError as refusal:
                failed[plane] = refusal
        return failed

    def _refuse_other_image(self) -> None:
        """Raise where the layer lies over another image than the one that its strokes would be saved for."""
        placement, image = self._canvas.placement, self._controller.image
        if placement is None or image is None or placement.record.id != image.id:
            name = "no image" if placement is None else placement.record.name
            what = f"the annotation layer lies over {name}, which is not the image that is worked on"
            raise UserError("NU-W04", what, ANNOTATION, "choose the image again; its strokes stay on the layer")

    def _sound(
        self, plane: int, values: Integer[np.ndarray, "h w"]
    ) -> tuple[UInt8[np.ndarray, "h w"], UserError | None]:
        """Return the strokes of a plane that can be saved, and why others cannot."""
        project, placement = self._controller.present_project(), self._canvas.placement
        image_id, cover = 0 if placement is None else placement.record.id, self._canvas.cover
        classes = sorted(project.classes.ids_ever())  # undo may bring back strokes of a class that was removed
        return class_numbers(values, classes, lambda: project.strokes.plane(image_id, plane, cover))


def stored_strokes(project: Project, record: ImageRecord, cover: Region) -> UInt8[np.ndarray, "*planes h w"]:
    """Return what is painted in a part of all planes of an image."""
    labels = np.zeros((record.planes, *cover.shape), np.uint8)
    for plane in project.strokes.painted_planes(record.id):
        labels[plane] = project.strokes.plane(record.id, plane, cover)
    return labels.reshape(*record.plane_shape, *cover.shape)
