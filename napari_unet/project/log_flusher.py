"""Bring committed strokes to the disk within a second, in a thread: a power cut loses no more than that."""

import contextlib
import os
import threading
from pathlib import Path

_DELAY_S = 1.0  # strokes of this time are flushed together


class LogFlusher:
    """Flush SQLite's write-ahead log, which a commit appends to without waiting for the disk.

    The log is consistent at every length, so a flush may come at any time; a kill of the process needs none.

    Parameters
    ----------
    files : ``project.sqlite-wal``, and then what is written after it
    """

    def __init__(self, *files: Path) -> None:
        self._files = files
        self._timer: threading.Timer | None = None
        self._is_pending = False  # a flush will begin after this, and take along what is committed until then
        self._turn = threading.Lock()

    def soon(self) -> None:
        """Flush within a second, because something was committed."""
        if not self._is_pending:
            self._is_pending = True
            self._timer = threading.Timer(_DELAY_S, self._flush)
            self._timer.daemon = True
            self._timer.start()

    def now(self) -> None:
        """Wait until all that was committed is on the disk."""
        # A rollback journal instead of a log is flushed with every commit, and there is nothing to do. SQLite keeps no
        # locks on its log, so that closing it here frees none.
        for file in self._files:
            with contextlib.suppress(OSError), open(file, "rb+") as stream:
                os.fsync(stream.fileno())

    def _flush(self) -> None:
        with self._turn:  # on a slow disk the next one waits for the one before, and no third one is started
            self._is_pending = False  # what is committed from now on may come too late for this one
            self.now()

    def stop(self) -> None:
        """Flush no more; closing the database does it."""
        if self._timer is not None:
            self._timer.cancel()
