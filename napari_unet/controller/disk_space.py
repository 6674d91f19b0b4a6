"""A warning of a full disk, before anything fails for want of room."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from napari_unet.errors import UserError

LOW = 300 * 2**20  # bytes; some checkpoints, exports and thousands of strokes
_EVERY_S = 10.0


def low_space(folder: Path) -> UserError | None:
    """Return the warning when little room is left where a folder lies, else None, also where the system cannot tell."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return None
    if free >= LOW:
        return None
    what = f"only {free // 2**20} MB are free on the disk"
    return UserError("NU-E12", what, str(folder), "free some space; strokes, networks and exports need it")


class DiskSpace:
    """Look at the disk every ten seconds, and warn once until there is room again.

    Parameters
    ----------
    clock : seconds, monotonic
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_look = 0.0
        self._is_told = False

    def news(self, folder: Path) -> UserError | None:
        """Return a warning that the user has not seen yet, or None; cheap enough for every turn of a timer."""
        now = self._clock()
        if now < self._next_look:
            return None
        self._next_look = now + _EVERY_S
        low, was_told = low_space(folder), self._is_told
        self._is_told = low is not None
        return None if was_told else low
