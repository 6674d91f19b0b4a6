"""Watches the annotation layer for changes by any tool, and hands over the planes that may have changed.

napari's events cannot be trusted for this: ``paint`` comes before the pixels change for single edits and after it for
strokes, undo and redo send no ``paint``, a script that writes into ``layer.data`` sends nothing, and an exception in a
listener cancels the user's stroke. So events only say "look now"; comparing with the stored strokes decides.

Nor do they say which planes were changed: undo may lead back to a plane that was left long ago, a script may write on
any of them. Comparing all planes takes too long for every stroke, so it is done when no stroke can explain an event,
and of a large stack in portions, between which the window goes on.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.events import Event
from qtpy.QtCore import QObject, QTimer

from napari_unet.controller.annotation_clock import AnnotationClock

PAINTING = ("paint", "erase", "fill", "polygon")  # modes; a drag in another one moves the view or picks
_SCRIPT_CHECK_MS = 2000  # for writes that no event tells of
_EVERYWHERE_MS = 300  # after the last of several events, such as undo with the key held down
_PORTION_PX = 2**25  # of planes that are compared in one turn of the event loop: some 20 ms
_PORTION_MS = 10  # between two portions, for the mouse and for drawing
Settled = Callable[[list[int]], Collection[int]]  # gets numbers of planes, returns those that are not saved


class StrokeWatcher(QObject):  # type: ignore[misc]
    """Watches one annotation layer, and calls ``settled(planes)`` when strokes may have changed.

    Planes that could not be saved are handed over again every two seconds, until they are.

    Parameters
    ----------
    layer : the annotation layer
    dims : the viewer's dims, for knowing which plane is shown
    settled : gets the numbers of the planes to compare; returns those that are not saved; must not raise
    clock : measures the strokes
    parent : ends timers with itself

    Attributes
    ----------
    unsaved : numbers of the planes that are not saved yet
    """

    def __init__(self, layer: Labels, dims: Any, settled: Settled, clock: AnnotationClock, parent: QObject) -> None:
        super().__init__(parent)
        self.layer = layer
        self._dims = dims
        self._settled = settled
        self._clock = clock
        self._plane = self._drawn = self.plane  # on screen at the last check, and when the layer was drawn last
        self._touched: set[int] = set()  # planes that were painted on since the layer lies here: undo changes these
        self.unsaved: set[int] = set()
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self.check)
        self._regular = QTimer(self, interval=_SCRIPT_CHECK_MS)
        self._regular.timeout.connect(self.check)
        self._regular.start()
        self._everywhere = QTimer(self, singleShot=True, interval=_EVERYWHERE_MS)
        self._everywhere.timeout.connect(self._begin_everywhere)
        self._left: range = range(0)  # planes that are still to be compared, portion by portion
        self._next_portion = QTimer(self, singleShot=True, interval=_PORTION_MS)
        self._next_portion.timeout.connect(self._compare_portion)
        self._dragging = False
        self._comparing = False
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
        """Compare the planes that are, or were just now, on screen with what is stored; half a stroke is left alone.

        Where the brush paints across planes, these are all planes, and of a large stack the first portion of them.
        """
        if not self._paints_across:
            self._compare(())
        elif not self._left:
            self._begin_everywhere()

    def check_everywhere(self) -> None:
        """Compare all planes with what is stored, before the layer is left or its strokes are counted on."""
        self._compare(self._all())

    def stop(self) -> None:
        """Let go of the layer."""
        for timer in (self._soon, self._regular, self._everywhere, self._next_portion):
            timer.stop()
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

    def _all(self) -> range:
        return range(int(np.prod(self.layer.data.shape[:-2], dtype=int)))

    def _begin_everywhere(self) -> None:
        """Compare all planes, those that fit into one portion at once."""
        self._left = self._all()
        self._compare_portion()

    def _compare_portion(self) -> None:
        """Compare the next planes that are still to be compared; those that are left wait while a stroke is painted."""
        if not self._dragging:
            count = max(1, _PORTION_PX // int(np.prod(self.layer.data.shape[-2:], dtype=int)))
            portion, self._left = self._left[:count], self._left[count:]
            self._compare(portion)
        if self._left:
            self._next_portion.start()

    def _compare(self, more: Iterable[int]) -> None:
        """Compare the planes on screen, those that are not saved yet and ``more`` with what is stored."""
        if self._dragging:
            return
        shown = self.plane
        planes = {self._plane, shown, *more} | self.unsaved
        self._plane = shown
        self.unsaved |= planes  # until it is known that they are saved
        before, self._comparing = self._comparing, True
        try:
            self.unsaved -= planes - set(self._settled(sorted(planes)))
        finally:
            self._comparing = before

    def _painted(self, event: Event | None = None) -> None:
        # During a drag the release commits; otherwise the pixels may not be there before the next turn of the loop.
        if not self._dragging:
            self._touched.add(self.plane)
            if not self._soon.isActive():  # else it is the stroke that ended just now, whose planes are compared
                self._everywhere.start()
            self._soon.start()

    def _redrawn(self, event: Event | None = None) -> None:
        # Undo and redo end here, with their pixels in place. So does every slice change, which is no edit, and what our
        # own commits change of the layer, which are its colours.
        is_slice_change = self.plane != self._drawn
        self._drawn = self.plane
        if not (self._dragging or self._comparing or is_slice_change):
            self._compare(self._touched)
            self._everywhere.start()

    def _drag(self, layer: Labels, event: Any) -> Iterator[None]:
        # Our callback was added last: when it resumes on release, napari's own tool has finished writing.
        self._dragging = True
        seen = {self.plane}
        is_stroke = layer.mode in PAINTING
        if is_stroke:
            self._clock.press()
        try:
            yield
            seen.add(self.plane)
            while event.type == "mouse_move":
                yield
                seen.add(self.plane)
        finally:
            self._dragging = False
        # A brush that is moved while planes go by paints on all planes between two of its places.
        painted = self._all() if len(seen) > 1 or self._paints_across else seen
        if is_stroke:
            self._clock.release()
            self._touched.update(painted)
        self._compare(painted)
        self._soon.start()  # a fill or polygon may write after its event
