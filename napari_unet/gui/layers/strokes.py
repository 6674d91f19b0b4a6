"""Watches the annotation layer for changes by any tool, and hands over the planes that may have changed.

napari's events cannot be trusted for this: ``paint`` comes before the pixels change for single edits and after it for
strokes, undo and redo send no ``paint``, a script that writes into ``layer.data`` sends nothing, and an exception in a
listener cancels the user's stroke. So events only say "look now"; comparing with the stored strokes decides.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.events import Event
from qtpy.QtCore import QObject, QTimer

from napari_unet.controller.annotation_clock import AnnotationClock

PAINTING = ("paint", "erase", "fill", "polygon")  # modes; a drag in another one moves the view or picks
_SCRIPT_CHECK_MS = 2000  # for writes that no event tells of


class StrokeWatcher(QObject):  # type: ignore[misc]
    """Watches one annotation layer, and calls ``settled(planes)`` when strokes may have changed.

    Planes that could not be saved are handed over again every two seconds, until they are.

    Parameters
    ----------
    layer : the annotation layer
    dims : the viewer's dims, for knowing which plane is shown
    settled : gets the plane numbers to compare; returns whether all of them are saved; must not raise
    clock : measures the strokes
    parent : ends timers with itself

    Attributes
    ----------
    unsaved : numbers of the planes that are not saved yet
    """

    def __init__(
        self, layer: Labels, dims: Any, settled: Callable[[list[int]], bool], clock: AnnotationClock, parent: QObject
    ) -> None:
        super().__init__(parent)
        self.layer = layer
        self._dims = dims
        self._settled = settled
        self._clock = clock
        self._plane = self.plane
        self.unsaved: set[int] = set()
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self.check)
        self._regular = QTimer(self, interval=_SCRIPT_CHECK_MS)
        self._regular.timeout.connect(self.check)
        self._regular.start()
        self._dragging = False
        layer.events.paint.connect(self._painted)
        layer.events.labels_update.connect(self._painted)
        layer.events.set_data.connect(self._redrawn)
        layer.events.data.connect(self._painted)
        layer.mouse_drag_callbacks.append(self._drag)

    @property
    def plane(self) -> int:
        """Return the number of the plane on screen."""
        shape = self.layer.data.shape[:-2]
        if not shape:
            return 0
        point = self.layer.world_to_data(self._dims.point)[: len(shape)]
        index = tuple(int(np.clip(round(float(p)), 0, n - 1)) for p, n in zip(point, shape, strict=True))
        return int(np.ravel_multi_index(index, shape))

    @property
    def is_painting(self) -> bool:
        """Tell whether the mouse is down, with half a stroke on the layer."""
        return self._dragging

    def check(self) -> None:
        """Compare the planes that can have changed with what is stored; half a stroke is left alone."""
        if self._dragging:
            return
        shown = self.plane
        planes = self._all() if self._paints_across else sorted({self._plane, shown} | self.unsaved)
        self._plane = shown
        self.unsaved = set(planes)  # until a check finds that nothing is unsaved
        if self._settled(planes):
            self.unsaved = set()

    def stop(self) -> None:
        """Let go of the layer."""
        self._soon.stop()
        self._regular.stop()
        for event, callback in (
            ("paint", self._painted),
            ("labels_update", self._painted),
            ("set_data", self._redrawn),
            ("data", self._painted),
        ):
            getattr(self.layer.events, event).disconnect(callback)
        if self._drag in self.layer.mouse_drag_callbacks:
            self.layer.mouse_drag_callbacks.remove(self._drag)

    @property
    def _paints_across(self) -> bool:
        ndim = self.layer.ndim
        displayed = tuple(self._dims.displayed)[-2:]
        last_two = (self._dims.ndim - 2, self._dims.ndim - 1)
        return ndim > 2 and (self.layer.n_edit_dimensions > 2 or self._dims.ndisplay > 2 or displayed != last_two)

    def _all(self) -> list[int]:
        return list(range(int(np.prod(self.layer.data.shape[:-2], dtype=int))))

    def _painted(self, event: Event | None = None) -> None:
        # During a drag the release commits; otherwise the pixels may not be there before the next turn of the loop.
        if not self._dragging:
            self._soon.start()

    def _redrawn(self, event: Event | None = None) -> None:
        # Undo and redo end here, with their pixels in place; so does every slice change, which is no edit.
        if not self._dragging and self.plane == self._plane:
            self.check()

    def _drag(self, layer: Labels, event: Any) -> Iterator[None]:
        # Our callback was added last: when it resumes on release, napari's own tool has finished writing.
        self._dragging = True
        is_stroke = layer.mode in PAINTING
        if is_stroke:
            self._clock.press()
        try:
            yield
            while event.type == "mouse_move":
                yield
        finally:
            self._dragging = False
        if is_stroke:
            self._clock.release()
        self.check()
        self._soon.start()  # a fill or polygon may write after its event
