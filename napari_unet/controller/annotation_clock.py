"""Annotation time: strokes and the short pauses between them, without the time spent on other things."""

from collections.abc import Callable

PAUSE_S = 5.0  # a pause as long as this is no annotation


class AnnotationClock:
    """Add up annotation time from the mouse events of strokes.

    Parameters
    ----------
    clock : seconds, monotonic

    Attributes
    ----------
    clock : as given; it may be exchanged
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.set(0.0)

    @property
    def seconds(self) -> float:
        """Return the annotation time in seconds up to the newest press or release, to a tenth of a second."""
        return round(self._seconds, 1)

    def set(self, seconds: float) -> None:
        """Count on from a number of seconds; the next stroke follows no pause."""
        self._seconds = seconds
        self._last: float | None = None

    def press(self) -> None:
        """Begin a stroke; the pause before it counts if it was short."""
        now = self.clock()
        if self._last is not None and now - self._last < PAUSE_S:
            self._seconds += now - self._last
        self._last = now

    def release(self) -> None:
        """End a stroke, which counts however long it was."""
        now = self.clock()
        if self._last is not None:
            self._seconds += now - self._last
        self._last = now
