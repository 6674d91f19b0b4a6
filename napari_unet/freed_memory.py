"""Freed memory: the C library keeps it for the next large array, or returns it to the system."""

import ctypes
import platform
import time
from collections.abc import Callable

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # numbers of these settings in glibc's malloc.h
_KEPT = 512 * 2**20  # bytes


def keep_freed_memory() -> bool:
    """Let the next large array reuse the memory of the last one; return False without glibc.

    Use it in a process of our own only. By default every array over 32 MiB is asked for anew and cleared by the system
    page by page, which took half of the processor time of a network on a plane of 2048 x 2048 pixels.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    return bool(library.mallopt(_MMAP_MAX, 0)) and bool(library.mallopt(_TRIM_THRESHOLD, _KEPT))


class FreedMemory:
    """Returns memory that nobody uses to the system now and then; does nothing without glibc.

    glibc before 2.38 does not use all of what was freed again: a window without a graphics card held 2 MiB more after
    every stroke, painted with napari alone or with us, and all of it was free. Returning it takes 3 to 16 ms.

    Parameters
    ----------
    every_s : seconds between two times
    clock : seconds, monotonic
    """

    def __init__(self, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._clock = clock
        self._next = clock() + every_s
        self._trim = ctypes.CDLL(None).malloc_trim if platform.libc_ver()[0] == "glibc" else None

    def give_back(self) -> None:
        """Return it when it is time; cheap enough for every turn of a timer."""
        if self._trim is not None and self._clock() >= self._next:
            self._trim(0)
            self._next = self._clock() + self._every_s
