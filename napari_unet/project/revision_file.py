"""The newest revision of a project in a file beside its database, which notices strokes that are not there any more."""

import contextlib
import os
from pathlib import Path

from napari_unet.errors import UserError

FILE = "project.revision"
_DIGITS = 20  # of the number; every write has the same length, so that it needs no room on a full disk


class RevisionFile:
    """Remember the newest revision outside of the database and its log.

    SQLite takes a log that ends early, or that is not there, for one that was never longer: strokes in it are missing
    without a word. This number is written after each commit, so it is never ahead of what was committed.

    Parameters
    ----------
    folder : of the project
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._handle: int | None = None
        self._written: int | None = None

    def read(self) -> int:
        """Return the number, 0 where there is none that can be read, as in a project of an older version."""
        try:
            if not self.path.is_file():
                return 0
            with open(self.path, "rb") as stream:
                return int(stream.read(_DIGITS))
        except (OSError, ValueError):
            return 0

    def write(self, revision: int) -> None:
        """Write the number where it is another one; a disk that refuses it costs no stroke, and so no word."""
        if revision == self._written:
            return
        with contextlib.suppress(OSError):
            if self._handle is None:
                if self.path.exists() and not self.path.is_file():
                    return  # a pipe of this name, in a project made by somebody else, would be waited for
                self._handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            os.lseek(self._handle, 0, os.SEEK_SET)
            os.write(self._handle, b"%0*d\n" % (_DIGITS, revision))
            self._written = revision

    def close(self) -> None:
        """Let go of the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def missing(remembered: int, found: int, folder: Path, aside: Path | None) -> UserError:
    """Return what to tell the user of commits that are not in the database.

    Parameters
    ----------
    remembered, found : newest revision in the file, and in the database
    aside : folder with a copy of the log, if there is one
    """
    count = remembered - found
    kept = f" (a copy of the log is in {aside})" if aside else ""
    what = f"the newest {count} saved changes of strokes and test areas are missing, the log is damaged or gone{kept}"
    return UserError("NU-P25", what, str(folder), "paint them again, or restore the project from a newer copy")
