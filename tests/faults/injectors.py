"""What makes things go wrong on purpose: disks that fail at any operation, deaths at any system call, power cuts."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from napari_unet import storage

WHOLE = os.environ.get("FAULTS") == "whole"  # `make faults`; a few of each kind otherwise


class Killed(BaseException):
    """The process died here; nothing after it happens any more."""


class QuickDisk(storage.SystemDisk):
    """Does everything but flush: nothing here outlives a power cut, and flushing takes most of the time."""

    def flush(self, path: Path) -> None:
        pass

    def flush_folder(self, folder: Path) -> None:
        pass


class FullDisk(QuickDisk):
    """Takes nothing new; what lies on it can get another name."""

    def write(self, path: Path, write: Callable[[Path], object]) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class FaultyDisk(QuickDisk):
    """Fails at its k-th operation, counted from 1.

    Parameters
    ----------
    at : the number of the operation
    fault : an error number, or "kill": then that operation is done halfway and no other is done at all
    lasting : every later operation fails too
    """

    def __init__(self, at: int, fault: int | str, *, lasting: bool = False) -> None:
        self.at = at
        self.fault = fault
        self.lasting = lasting or fault == "kill"
        self.count = 0

    @property
    def has_failed(self) -> bool:
        """Whether the operation was reached."""
        return self.count >= self.at

    def _fails(self) -> bool:
        self.count += 1
        return self.count == self.at or (self.lasting and self.count > self.at)

    def _fail(self) -> None:
        if self.fault == "kill":
            raise Killed
        assert isinstance(self.fault, int)
        raise OSError(self.fault, os.strerror(self.fault))

    def make_folder(self, folder: Path) -> None:
        if self._fails():
            self._fail()
        super().make_folder(folder)

    def write(self, path: Path, write: Callable[[Path], object]) -> None:
        if self._fails():
            if self.count == self.at:  # half of it arrives
                super().write(path, write)
                os.truncate(path, path.stat().st_size // 2)
            self._fail()
        super().write(path, write)

    def flush(self, path: Path) -> None:
        if self._fails():
            self._fail()
        super().flush(path)

    def move(self, source: Path, target: Path) -> None:
        if self._fails():
            self._fail()
        super().move(source, target)

    def remove(self, path: Path) -> None:
        if self._fails():
            self._fail()
        super().remove(path)

    def flush_folder(self, folder: Path) -> None:
        if self._fails():
            self._fail()
        super().flush_folder(folder)


_FAULTS = [
    pytest.param(errno.ENOSPC, False, id="disk full once"),
    pytest.param(errno.ENOSPC, True, id="disk full for good"),
    pytest.param(errno.EIO, False, id="disk error once"),
    pytest.param(errno.EIO, True, id="disk error for good"),
    pytest.param(errno.EACCES, True, id="no permission"),
    pytest.param("kill", True, id="killed"),
]
FAULTS = _FAULTS if WHOLE else [_FAULTS[3], _FAULTS[5]]


@contextmanager
def on(disk: storage.Disk) -> Iterator[None]:
    """Write through this disk."""
    before, storage.disk = storage.disk, disk
    try:
        yield
    finally:
        storage.disk = before


def content(folder: Path) -> dict[str, bytes]:
    """Every file in a folder but those that are being written, which the next start takes away."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(storage.TEMPORARY_PREFIX)
    }


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path]:
    """Mount a disk of this size; skip the test where that is not allowed."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
    if not sys.platform.startswith("linux") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def strace_works() -> bool:
    """Whether system calls can be made to fail here."""
    if not shutil.which("strace"):
        return False
    return (
        subprocess.run(["strace", "-qq", "-e", "trace=none", "true"], capture_output=True, check=False).returncode == 0
    )


def under_strace(script: str, arguments: list[str], inject: str) -> subprocess.CompletedProcess[str]:
    """Run Python code while strace injects a fault."""
    calls = inject.split(":")[0]
    command = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={calls}", "-e", f"inject={inject}"]
    return subprocess.run(
        [*command, sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False, timeout=120
    )
