"""A hash of every byte of each image file: what changed between the rows that opening looks at is noticed by it."""

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from napari_unet import storage
from napari_unet.errors import UserError
from napari_unet.project.database import DATABASE
from napari_unet.project.image_record import ImageRecord

FILE = "content.json"
MOST_BYTES = 8 * 2**30  # a larger file is not read for this
MOST_FILES = 20_000  # nor a Zarr folder of more
_PIECE = 2**20  # bytes
_LONGEST_NOTE = 2**24


class Content(msgspec.Struct, frozen=True):
    """Hold what is known of the bytes of an image file.

    Attributes
    ----------
    digest : of all bytes when the file was first read for this
    state : bytes and time of the last change when it was last found to have them
    told : the same of a file that has others, when the user was told
    """

    digest: str
    state: tuple[int, int]
    told: tuple[int, int] | None = None


class ContentHashes:
    """Keeps ``content.json`` in the folder of a project. Needs no database, so any one thread may use it.

    Parameters
    ----------
    folder : of the project
    read_only : compare only
    """

    def __init__(self, folder: Path, *, read_only: bool) -> None:
        self._file = folder / FILE
        self._read_only = read_only

    def check(self, record: ImageRecord, goes_on: Callable[[], bool] = lambda: True) -> UserError | None:
        """Read an image file, unless its size and time are known, and compare it with what it was.

        Returns
        -------
        NU-P27 where it is another file; None where it is the same, where nothing was known and it is remembered now,
        and where it cannot be read, is too large, or ``goes_on`` said no.
        """
        known = self._known()
        before = known.get(str(record.id))
        try:
            state = _state(record.path)
            if state[0] > MOST_BYTES or self._is_settled(before, state):
                return None
            digest = _digest(record.path, goes_on)
            if digest is None or _state(record.path) != state:
                return None
        except (OSError, ValueError):
            return None  # opening tells of it
        if before is None or before.digest == digest:
            self._remember(known, record.id, Content(digest, state))
            return None
        self._remember(known, record.id, Content(before.digest, before.state, state))
        what = "the image file has changed since it was annotated, in places that opening does not look at"
        return UserError("NU-P27", what, str(record.path), "compare it with a copy; its strokes are kept")

    def count_unknown(self, records: Iterable[ImageRecord]) -> int:
        """Return of how many image files no content was noted, so that a change of them is not noticed."""
        known = self._known()
        return sum(str(record.id) not in known for record in records)

    def _is_settled(self, before: Content | None, state: tuple[int, int]) -> bool:
        """Tell whether a file in this state need not be read."""
        if before is None:
            return self._read_only
        return state == before.state or (state == before.told and not self._read_only)

    def _known(self) -> dict[str, Content]:
        try:
            with open(self._file, "rb") as stream:
                return msgspec.json.decode(stream.read(_LONGEST_NOTE), type=dict[str, Content])
        except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
            return {}  # it is made anew

    def _remember(self, known: dict[str, Content], image_id: int, content: Content) -> None:
        is_there = (self._file.parent / DATABASE).is_file()  # else writing would make the project's folder anew
        if is_there and not self._read_only:
            note = msgspec.json.encode({**known, str(image_id): content})
            storage.replace_bytes(self._file, note)


def _files(path: Path) -> Iterator[Path]:
    """Yield a file itself, or all files of a Zarr folder."""
    if not path.is_dir():
        yield path
        return
    yield from (inside for inside in path.rglob("*") if inside.is_file())


def _state(path: Path) -> tuple[int, int]:
    states = [file.stat() for file in itertools.islice(_files(path), MOST_FILES + 1)]
    if len(states) > MOST_FILES:
        return MOST_BYTES + 1, 0
    return sum(state.st_size for state in states), max((state.st_mtime_ns for state in states), default=0)


def _digest(path: Path, goes_on: Callable[[], bool]) -> str | None:
    digest = hashlib.sha256()
    for file in sorted(_files(path)):
        digest.update(f"{file.relative_to(path).as_posix()}\0{file.stat().st_size}\0".encode())
        with open(file, "rb") as stream:
            while piece := stream.read(_PIECE):
                digest.update(piece)
                if not goes_on():
                    return None
    return digest.hexdigest()
