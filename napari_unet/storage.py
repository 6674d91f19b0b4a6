"""Writing files so that a kill or a full disk leaves the old file or the new one, never half of either."""

import contextlib
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from napari_unet.errors import UserError

_TEMPORARY_PREFIX = ".writing-"
# Virus scanners, indexers, cloud clients and viewers hold a file open for a moment on Windows.
_HELD_OPEN = (5, 32, 33)  # access denied, sharing violation, lock violation
_MOVE_WAITS = (0.05, 0.1, 0.2, 0.4, 0.75, 1.0)  # seconds, 2.5 in all


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, flush it to the disk and move it into place.

    The temporary name ends like ``path`` does, so that writers choosing a format by suffix choose the right one.

    Raises
    ------
    UserError
        NU-E01 when the folder or the disk does not take the file; ``path`` is then as it was.
    """
    temporary = path.with_name(f"{_TEMPORARY_PREFIX}{secrets.token_hex(8)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Mode "x" never opens what is already there and gives the file the user's own default permissions.
        with open(temporary, "xb"):
            pass
        write(temporary)
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        _move(temporary, path)
    except OSError as error:
        what = f"cannot write the file ({error.strerror or error})"
        raise UserError("NU-E01", what, str(path), "check the folder, its permissions and free space") from error
    finally:
        # Where even the removal fails, the failure that led here is the one to tell.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    _flush_folder(path.parent)


def replace_folder(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary folder beside ``path``, flush it to the disk and move it into place.

    A folder cannot be replaced in one move: the old one is moved aside first, so that a kill between two moves leaves
    the old and the new one complete, under names that begin with ".writing-". Whatever folder lies at ``path`` goes.

    Raises
    ------
    UserError
        NU-E01 when the folder or the disk does not take the files; ``path`` is then as it was.
    """
    temporary = path.with_name(f"{_TEMPORARY_PREFIX}{secrets.token_hex(8)}{path.suffix}")
    try:
        temporary.mkdir(parents=True)
        write(temporary)
        move_folder(temporary, path)
    except OSError as error:
        what = f"cannot write the folder ({error.strerror or error})"
        raise UserError("NU-E01", what, str(path), "check the folder, its permissions and free space") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def move_folder(new: Path, path: Path) -> None:
    """Flush a finished folder to the disk and put it in the place of another, which goes, as ``replace_folder`` does.

    Raises
    ------
    OSError
        When the system refuses; ``path`` is then as it was.
    """
    aside = path.with_name(f"{_TEMPORARY_PREFIX}{secrets.token_hex(8)}{path.suffix}")
    for file in sorted(new.rglob("*")):
        if file.is_file():
            with open(file, "rb+") as stream:
                os.fsync(stream.fileno())
    _swap(new, path, aside)
    shutil.rmtree(aside, ignore_errors=True)
    _flush_folder(path.parent)


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _swap(new: Path, path: Path, aside: Path) -> None:
    if not path.exists():
        _move(new, path)
        return
    _move(path, aside)
    try:
        _move(new, path)
    except OSError:
        _move(aside, path)
        raise


def _move(source: Path, target: Path) -> None:
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


def _flush_folder(folder: Path) -> None:
    # Windows cannot open a folder and some network drives cannot flush one; the new file is in place all the same.
    if os.name == "posix":
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
