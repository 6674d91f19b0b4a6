"""Let one process at a time write a project, by a lock that the system frees when the process ends in any way."""

import contextlib
import json
import os
import socket
import sys
import weakref
from pathlib import Path

from napari_unet.errors import UserError

FILE = "writer.lock"
_LONGEST = 4096  # bytes of the holder's note that are believed
_READ_ONLY = "or open it read-only"


class WriterLock:
    """Hold the lock from construction to ``release``, or to the end of the process.

    The lock is the system's, on a file beside the database, so one that a dead process held is free at once. The file
    says who holds it and stays behind: taking it away would let two writers lock two files of one name.

    Raises
    ------
    UserError
        NU-P09 when another process or another window of this one writes, NU-P10 when the folder takes no file.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / FILE
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            what = f"the project cannot be written ({error.strerror})"
            raise UserError("NU-P10", what, str(folder), f"change the folder's permissions, {_READ_ONLY}") from error
        try:
            _lock(handle)
        except BlockingIOError as error:
            os.close(handle)
            fix = f"close it there, {_READ_ONLY}"
            raise UserError("NU-P09", f"the project is open in {_holder(path)}", str(folder), fix) from error
        self._close = weakref.finalize(self, os.close, handle)
        # Only for people; the lock holds without it.
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
            os.write(handle, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())

    def release(self) -> None:
        """Let another writer in. Safe to call twice."""
        self._close()


def _holder(path: Path) -> str:
    """Return who holds the lock, in words for people."""
    try:
        with open(path, "rb") as stream:
            note = json.loads(stream.read(_LONGEST))
        pid, host = int(note["pid"]), str(note["host"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return "another program"
    if (pid, host) == (os.getpid(), socket.gethostname()):
        return "another window of this napari"
    return f"another program (process {pid} on {host})"


def _lock(handle: int) -> None:
    """Lock an open file. Raise BlockingIOError when another holds it; a drive without locks has none for SQLite too."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, _LONGEST, os.SEEK_SET)  # behind the note, which others must be able to read
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
    else:
        import fcntl

        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            return
