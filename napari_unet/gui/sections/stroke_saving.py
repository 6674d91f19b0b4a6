"""Strokes on their way from the annotation layer to the controller, until the disk has them."""

import logging
from collections.abc import Callable

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ActionEnded, ErrorLine, Notice
from napari_unet.errors import UserError
from napari_unet.gui.layers.canvas import Canvas
from napari_unet.gui.layers.our_layers import ANNOTATION
from napari_unet.gui.layers.strokes import StrokeWatcher

_LOG = logging.getLogger(__name__)


class StrokeSaving:
    """Commits planes of the annotation layer, and keeps elsewhere what the project's disk refuses to the end.

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

    def settled(self, planes: list[int]) -> bool:
        """Commit planes that may have changed; return whether all of them are saved. Raises nothing."""
        # Called from napari's events, where an exception would cancel the stroke: none may come through.
        try:
            self.commit(planes)
        except UserError as error:
            if str(error) != self._unsaved:  # it is tried again every two seconds, and told once
                self._unsaved = str(error)
                self._controller.publish(ErrorLine(self._unsaved))
            return False
        if self._unsaved:
            self._unsaved = ""
            self._controller.publish(Notice("All strokes are saved again"))
        self._controller.publish(ActionEnded())
        return True

    def commit(self, planes: list[int]) -> None:
        """Commit planes of the annotation layer.

        Raises
        ------
        UserError
            NU-A10 when the layer was replaced by one of another shape, NU-P07 when the disk takes nothing, NU-P11 in a
            read-only project.
        """
        for plane in planes:
            labels = self._canvas.plane_labels(plane)
            if labels is None:
                self._leave()
                what = "the annotation layer was replaced by one of another shape"
                raise UserError(
                    "NU-A10", what, ANNOTATION, "choose the image again; the strokes before that are in the project"
                )
            self._controller.strokes.commit(plane, labels, self._canvas.cover)

    def check(self) -> None:
        """Commit what changed since the last look at the layer."""
        if self._canvas.watcher is not None:
            self._canvas.watcher.check()

    def save(self) -> None:
        """Commit what is painted; raises as ``commit``, so that the image stays when the disk does not take it."""
        watcher = self._canvas.watcher
        if watcher is not None:
            watcher.check()
            self.commit(sorted({watcher.plane} | watcher.unsaved))

    def save_last(self) -> None:
        """Commit what is painted on a layer that goes; what the disk still refuses is kept elsewhere."""
        self.check()
        watcher = self._canvas.watcher
        if watcher is None or not watcher.unsaved or watcher is self._given_up:  # napari closes in several steps
            return
        self._given_up = watcher
        planes = {plane: self._canvas.plane_labels(plane) for plane in sorted(watcher.unsaved)}
        kept = {plane: labels for plane, labels in planes.items() if labels is not None}
        told = self._controller.strokes.keep_elsewhere(kept, self._canvas.cover)
        if told is not None:
            # Not in the window, which may be closing; the next opening says it there.
            _LOG.warning("%s", told)
