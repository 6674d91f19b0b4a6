"""Keep strokes that the project's disk refused in a small file elsewhere until the project takes them back."""

import contextlib
import os
import re
import secrets
import stat
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from jaxtyping import Int16, UInt8

from napari_unet import storage
from napari_unet.errors import UserError
from napari_unet.images.tiles import Region
from napari_unet.project.identity import Identity, lies_at

PREFIX, SUFFIX = "napari-unet-unsaved-", ".strokes"
_LARGEST = 256 * 2**20  # bytes of a file that are read
_UNCHANGED = -1
_NUMBERED = re.compile(re.escape(PREFIX) + r"(\d{6,18})-")


class UnsavedPlane(msgspec.Struct, frozen=True):
    """Hold what was painted on one plane since it was last saved."""

    fingerprint: str  # of the image
    plane: int
    y0: int  # of the part of the plane
    x0: int
    height: int
    width: int
    packed: bytes  # zlib of int16: the new label, or -1 where nothing was painted

    @property
    def region(self) -> Region:
        """Return the part of the plane."""
        return Region(self.y0, self.x0, self.y0 + self.height, self.x0 + self.width)

    def over(self, saved: UInt8[np.ndarray, "y x"]) -> UInt8[np.ndarray, "y x"]:
        """Return the saved labels with these painted over them. Raise ValueError when they do not fit."""
        if saved.shape != (self.height, self.width):
            raise ValueError(f"strokes of {self.height} x {self.width} pixels on {saved.shape}")
        raw = zlib.decompressobj().decompress(self.packed, 2 * saved.size)
        painted: Int16[np.ndarray, "y x"] = np.frombuffer(raw, "<i2").reshape(saved.shape)
        return np.where(painted == _UNCHANGED, saved, painted).astype(np.uint8)


class UnsavedStrokes(msgspec.Struct, frozen=True):
    """Hold the planes of one project, where that project lay, and which one it is."""

    folder: str
    planes: tuple[UnsavedPlane, ...]
    project: str = ""  # an id of the project; "" in a file of an earlier version


def unsaved_plane(
    fingerprint: str, plane: int, region: Region, saved: UInt8[np.ndarray, "h w"], labels: UInt8[np.ndarray, "h w"]
) -> UnsavedPlane:
    """Return those of the labels of a region that are not saved."""
    painted = np.where(labels == saved, _UNCHANGED, labels.astype(np.int16)).astype("<i2")
    return UnsavedPlane(fingerprint, plane, region.y0, region.x0, *region.shape, zlib.compress(painted.tobytes(), 1))


def keep(unsaved: UnsavedStrokes) -> Path:
    """Write a file into the home folder, or else into that for temporary files, and return its path.

    Raises
    ------
    UserError
        NU-P22 when neither takes it.
    """
    data = msgspec.msgpack.encode(unsaved)
    number = 1 + max((_number(path) for path in files()), default=0)
    for place in _places():
        path = place / f"{PREFIX}{number:06}-{secrets.token_hex(6)}{SUFFIX}"
        with contextlib.suppress(UserError):  # then the next place is tried; that none took it is told below
            storage.replace_bytes(path, data)
            return path
    places = " and ".join(str(place) for place in _places())
    raise UserError("NU-P22", "the newest strokes can be saved nowhere and are lost", places, "free some space")


def files() -> Iterator[Path]:
    """Return the files of ``keep`` that this user has written, the oldest first."""
    found = []
    for place in _places():
        with contextlib.suppress(OSError):
            paths = [Path(entry.path) for entry in os.scandir(place) if entry.name.startswith(PREFIX)]
            ours = [path for path in paths if path.suffix == SUFFIX and _is_ours(path)]
            found += [(_number(path), path.lstat().st_mtime_ns, path) for path in ours]
    return (path for *_, path in sorted(found))


def read(path: Path) -> UnsavedStrokes:
    """Read a file. Raise OSError or ValueError (msgspec's too) when it cannot be read."""
    with open(path, "rb") as stream:
        return msgspec.msgpack.decode(stream.read(_LARGEST), type=UnsavedStrokes)


def belongs(unsaved: UnsavedStrokes, identity: Identity) -> bool:
    """Tell whether the strokes are of this project, which may have been moved since.

    Another project may hold the same image, and a copy is the same project: strokes wait for the one that is still
    where they were painted.
    """
    folder = Path(unsaved.folder)
    if identity.is_at(folder):
        # A backup from before a project got its id is that project all the same.
        return not unsaved.project or unsaved.project in identity.ids or identity.is_older
    return unsaved.project in identity.ids and not lies_at(folder, unsaved.project)


def _number(path: Path) -> int:
    """Return the place of a file in the order of writing, which clocks do not tell; 0 for an earlier version's."""
    found = _NUMBERED.match(path.name)
    return int(found[1]) if found else 0


def _places() -> list[Path]:
    places = [os.path.expanduser("~")]
    with contextlib.suppress(OSError):  # there is no such folder where the disk of each candidate is full
        places.append(tempfile.gettempdir())
    return [Path(place) for place in dict.fromkeys(places)]


def _is_ours(path: Path) -> bool:
    """Tell whether this user wrote a file: anybody may put files into the folder for temporary ones."""
    status = path.lstat()
    return stat.S_ISREG(status.st_mode) and (os.name != "posix" or status.st_uid == os.getuid())
