"""The judgement whether the worker lives, and how often it may be started again, from when it said something."""

import time
from collections.abc import Callable

from napari_unet.errors import UserError

_RESTARTS = 3  # restarts in a minute; a worker that dies more often is not started again
_RESTART_WINDOW_S = 60.0
PATIENCE_S = 15.0  # seconds without a sign; a worker that waits or computes gives one every second
FIRST_PATIENCE_S = 30.0  # until the first sign: Python is being started
_ASLEEP_S = 5.0  # seconds between two looks after which this process, and so perhaps the worker, was asleep


class Supervision:
    """Count the deaths of one worker after the other, and notice one that hangs.

    Parameters
    ----------
    clock : seconds, monotonic
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._deaths: list[float] = []
        self._last_sign = self._last_look = clock()
        self._has_spoken = False

    def start_over(self) -> None:
        """Forget the deaths so far: the user wants another try."""
        self._deaths.clear()

    def launched(self) -> None:
        """Note that a worker was started."""
        self._last_sign = self._last_look = self._clock()
        self._has_spoken = False

    def heard(self) -> None:
        """Note that the worker said something."""
        self._last_sign = self._clock()
        self._has_spoken = True

    def hangs(self) -> bool:
        """Tell whether the worker has given no sign for too long.

        Ask often: where this process slept between two askings, the worker may have slept too and is not blamed.
        """
        now = self._clock()
        if now - self._last_look > _ASLEEP_S:
            self._last_sign = now
        self._last_look = now
        return now - self._last_sign > self._patience

    @property
    def _patience(self) -> float:
        return PATIENCE_S if self._has_spoken else FIRST_PATIENCE_S

    @property
    def deaths(self) -> int:
        """Return the number of deaths in the last minute."""
        return len(self._deaths)

    def note_death(self, *, hung: bool) -> UserError | None:
        """Note that a worker ended by itself, or had to be ended; return what to tell the user.

        The user hears of the first death in a minute, and when it is given up; otherwise None is returned.
        """
        now = self._clock()
        self._deaths = [then for then in self._deaths if now - then < _RESTART_WINDOW_S] + [now]
        if self.is_given_up:
            return UserError(
                "NU-W05",
                f"training stopped {self.deaths} times in a minute",
                "worker.log in the project",
                "painting is saved; press Start to try again",
            )
        if self.deaths > 1:
            return None
        if hung:
            what = f"training gave no sign for {self._patience:.0f} s"
            code = "NU-W07"
        else:
            what, code = "training stopped unexpectedly", "NU-W06"
        return UserError(code, f"{what} and is being started again", "worker", "go on painting, every stroke is saved")

    @property
    def is_given_up(self) -> bool:
        """Tell whether the worker died too often to be started again by itself."""
        return self.deaths > _RESTARTS
