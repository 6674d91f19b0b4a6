"""Write files so that a kill or a full disk leaves the old file or the new one, never half of either."""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from napari_unet.errors import UserError

TEMPORARY_PREFIX = ".writing-"
_TEMPORARY = re.compile(r"\.writing-([0-9a-f]{16}|salvaged)(\.|$)")  # nobody else's file is named like this
_ABANDONED_S = 3600.0  # a file that is being written is younger
# Virus scanners, indexers, cloud clients and viewers hold a file open for a moment on Windows.
_HELD_OPEN = (5, 32, 33)  # access denied, sharing violation, lock violation
_MOVE_WAITS = (0.05, 0.1, 0.2, 0.4, 0.75, 1.0)  # seconds, 2.5 in all
# A quota counts as a full disk: space has to be freed in both cases. Windows has no quota error of POSIX's name.
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


class Disk(Protocol):
    """Change files and folders, one operation at a time. Tests put a disk in its place that fails at any of them."""

    def make_folder(self, folder: Path) -> None:
        """Make a folder and those above it; one that is there stays."""

    def write(self, path: Path, write: Callable[[Path], object]) -> None:
        """Make a file and let ``write`` fill it."""

    def flush(self, path: Path) -> None:
        """Bring a file's bytes to the disk."""

    def move(self, source: Path, target: Path) -> None:
        """Give a file another name, and replace the file that had it."""

    def remove(self, path: Path) -> None:
        """Take a file away if it is there."""

    def flush_folder(self, folder: Path) -> None:
        """Bring the names in a folder to the disk."""


class SystemDisk:
    """Change files and folders as the operating system does it."""

    def make_folder(self, folder: Path) -> None:
        """Make a folder and those above it; one that is there stays."""
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, path: Path, write: Callable[[Path], object]) -> None:
        """Make a file and let ``write`` fill it."""
        # Mode "x" never opens what is already there and gives the file the user's own default permissions.
        with open(path, "xb"):
            pass
        write(path)

    def flush(self, path: Path) -> None:
        """Bring a file's bytes to the disk."""
        with open(path, "rb+") as stream:
            os.fsync(stream.fileno())

    def move(self, source: Path, target: Path) -> None:
        """Give a file another name; one that is held open for a moment is waited for."""
        for wait in _MOVE_WAITS:
            try:
                os.replace(source, target)
            except OSError as error:
                if getattr(error, "winerror", None) not in _HELD_OPEN:
                    raise
                time.sleep(wait)
            else:
                return
        os.replace(source, target)

    def remove(self, path: Path) -> None:
        """Take a file away if it is there."""
        path.unlink(missing_ok=True)

    def flush_folder(self, folder: Path) -> None:
        """Bring the names in a folder to the disk, where the system can."""
        # Windows cannot open a folder and some network drives cannot flush one; the new file is in place all the same.
        if os.name == "posix":
            with contextlib.suppress(OSError):
                handle = os.open(folder, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)


disk: Disk = SystemDisk()


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, flush it to the disk and move it into place.

    The temporary name ends like ``path`` does, so that writers choosing a format by suffix choose the right one.

    Raises
    ------
    UserError
        NU-E01 when the folder or the disk does not take the file; ``path`` is then as it was.
    """
    temporary = _beside(path)
    try:
        disk.make_folder(path.parent)
        disk.write(temporary, write)
        disk.flush(temporary)
        disk.move(temporary, path)
    except OSError as error:
        raise refusal(error, path) from error
    finally:
        # Where even the removal fails, the failure that led here is the one to tell.
        with contextlib.suppress(OSError):
            disk.remove(temporary)
    with contextlib.suppress(OSError):
        disk.flush_folder(path.parent)


def replace_bytes(path: Path, data: bytes) -> None:
    """Write these bytes in the place of a file, as ``replace_file`` does.

    Libraries that write a file themselves raise errors of their own on a full disk, or end the process; let them make
    bytes, and hand these over.

    Raises
    ------
    UserError
        NU-E01 when the folder or the disk does not take the file; ``path`` is then as it was.
    """
    replace_file(path, lambda temporary: temporary.write_bytes(data))


def refusal(error: OSError, path: Path) -> UserError:
    """Return what to tell the user of a file or folder that the system does not write.

    The line for a full disk names the folder and the disk, and is the same for every file of the folder: it tells one
    cause, which a caller tells once.
    """
    if error.errno in _FULL:
        fix = f"free some space on the disk {disk_of(path)}"
        return UserError("NU-E01", "the disk is full and takes no file", str(path.parent), fix)
    what = f"cannot write ({error.strerror or error})"
    return UserError("NU-E01", what, str(path), "check the folder, its permissions and free space")


def refuse_unwritable(folder: Path) -> None:
    """Refuse a folder that takes no file, before long work whose results it is to hold; it is made where it is missing.

    Raises
    ------
    UserError
        NU-E01
    """
    temporary = _beside(folder / "file")
    try:
        disk.make_folder(folder)
        disk.write(temporary, lambda path: None)
    except (FileExistsError, NotADirectoryError) as error:
        what, fix = "a file lies where a folder is needed", "choose another folder"
        raise UserError("NU-E01", what, str(folder), fix) from error
    except OSError as error:
        raise refusal(error, temporary if error.errno in _FULL else folder) from error
    finally:
        with contextlib.suppress(OSError):
            disk.remove(temporary)


def disk_of(path: Path) -> Path:
    """Return the folder at which the disk of a path is mounted, or its drive on Windows."""
    path = path.absolute()
    return next(folder for folder in (path, *path.parents) if os.path.ismount(folder) or folder == folder.parent)


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a folder in that for temporary files, which goes with all that is in it when the block ends.

    Raises
    ------
    UserError
        NU-E01 when the disk of the temporary files is full, or where no folder takes any.
    """
    try:
        # Libraries leave files open, which Windows then does not remove; the system will.
        made = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    except OSError as error:  # also where the folder was cleaned away since this process has begun
        raise refusal(error, Path(error.filename or "temporary files")) from error
    try:
        with made as folder:
            yield Path(folder)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise refusal(error, Path(tempfile.gettempdir()) / "temporary") from error


def remove_abandoned(folder: Path) -> None:
    """Remove files that processes left in a folder when they died while writing."""
    for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
        # Another process may do the same, and a folder that cannot be written keeps them.
        with contextlib.suppress(OSError):
            if _TEMPORARY.match(path.name) and time.time() - path.lstat().st_mtime > _ABANDONED_S:
                disk.remove(path)


def set_aside(*paths: Path, word: str = "damaged") -> Path | None:
    """Move files of one folder into a new folder ``damaged-TIME`` beside them, which is returned.

    Return None where they cannot be moved: then all of them are where they were. Nothing that was set aside before
    is overwritten.

    Parameters
    ----------
    word : that the name of the folder begins with
    """
    moved: list[tuple[Path, Path]] = []
    try:
        folder = new_folder_aside(paths[0].parent, word)
        for path in paths:
            disk.move(path, folder / path.name)
            moved.append((path, folder / path.name))
    except OSError:
        for path, aside in moved:
            with contextlib.suppress(OSError):
                disk.move(aside, path)
        return None
    return folder


def new_folder_aside(folder: Path, word: str = "damaged") -> Path:
    """Make a new folder ``damaged-TIME`` in this one and return it. Raise OSError when it cannot be made."""
    stamp = f"{word}-{datetime.now(UTC).strftime('%Y-%m-%dT%H%M%SZ')}"
    aside, number = folder / stamp, 1
    while aside.exists():
        number += 1
        aside = folder / f"{stamp}-{number}"
    disk.make_folder(aside)
    return aside


def _beside(path: Path) -> Path:
    """Return a free name in the same folder, with the same suffix: writers choose the format by it."""
    return path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}{path.suffix}")


def replace_folder(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary folder beside ``path``, flush it to the disk and move it into place.

    A folder cannot be replaced in one move: the old one is moved aside first, so that a kill between two moves leaves
    the old and the new one complete, under names that begin with ".writing-". Whatever folder lies at ``path`` goes.

    Raises
    ------
    UserError
        NU-E01 when the folder or the disk does not take the files; ``path`` is then as it was.
    """
    temporary = _beside(path)
    try:
        disk.make_folder(temporary)
        write(temporary)
        move_folder(temporary, path)
    except OSError as error:
        raise refusal(error, path) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def move_folder(new: Path, path: Path) -> None:
    """Flush a finished folder to the disk and put it in the place of another, which goes, as ``replace_folder`` does.

    Raises
    ------
    OSError
        When the system refuses; ``path`` is then as it was.
    """
    aside = _beside(path)
    for file in sorted(new.rglob("*")):
        if file.is_file():
            disk.flush(file)
    _swap(new, path, aside)
    shutil.rmtree(aside, ignore_errors=True)
    with contextlib.suppress(OSError):
        disk.flush_folder(path.parent)


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _swap(new: Path, path: Path, aside: Path) -> None:
    if not path.exists():
        disk.move(new, path)
        return
    disk.move(path, aside)
    try:
        disk.move(new, path)
    except OSError:
        disk.move(aside, path)
        raise
