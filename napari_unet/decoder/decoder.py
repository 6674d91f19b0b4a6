"""The process that opens foreign images first, under limits: ``python -P -m napari_unet.decoder.decoder``.

What hangs, crashes or eats memory while it is decoded does so here, and not in the window.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_unet.errors import UserError, program_errors_told
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.reading import MAX_DECODED_BYTES, changed, file_state, open_image
from napari_unet.images.thumbnail import thumbnail
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.recorded_image import open_recorded
from napari_unet.protocol.channel import Channel
from napari_unet.protocol.message import Message

_MEMORY = MAX_DECODED_BYTES + 2 * 2**30  # bytes of addresses: the largest image that is decoded at once, and ourselves
_PART = 2**20  # bytes of pixels in one message


class Inspect(Message, frozen=True):
    """Open an image file."""

    path: str
    axes: str | None  # as for ``open_image``; those of length 1 stay where all are named
    is_tried: bool  # read some of its pixels


class Read(Message, frozen=True):
    """Read a part of an image file that was inspected before, by this process or by one before it."""

    path: str
    axes: str | None
    state: tuple[int, int]
    level: int  # 0 for the finest
    key: tuple[int | tuple[int, int, int], ...]  # for each axis an index, or start, stop and step


class Draw(Message, frozen=True):
    """Make the thumbnail of an image that a project remembers."""

    path: str
    axes: str
    alpha: bool
    fingerprint: str
    found_axes: str
    side: int  # px


class Inspected(Message, frozen=True):
    """What an image file holds; the parts of an ``Image``."""

    name: str
    axes: str
    dtype: str
    shapes: tuple[tuple[int, ...], ...]  # of the pixels, the finest resolution first
    pixel_size: tuple[float, float, str, float | None]  # y, x, unit, z
    alpha: bool
    channel_names: tuple[str, ...]
    notices: tuple[str, ...]
    state: tuple[int, int]  # of the file


class Part(Message, frozen=True):
    """The next bytes of the pixels that were wished for."""

    pixels: bytes


class Drawn(Message, frozen=True):
    """A thumbnail: uint8 (height, width, 3)."""

    height: int
    width: int
    pixels: bytes


class Refused(Message, frozen=True):
    """The parts of a UserError."""

    code: str
    what: str
    where: str
    fix: str


Wish = Inspect | Read | Draw
Answer = Inspected | Part | Drawn | Refused


class Decoder:
    """Answers wishes; keeps the last image open, as parts of one are wished for one after the other."""

    def __init__(self) -> None:
        self._image: Image | None = None
        self._known: tuple[str, str | None, tuple[int, int]] | None = None

    def answers(self, wish: Wish) -> Iterator[Answer]:
        """The parts of what is wished for, or one refusal."""
        try:
            # Without this an error of ours would end the process, and look like one of the file.
            with program_errors_told(wish.path):
                if isinstance(wish, Inspect):
                    yield self._inspect(wish)
                elif isinstance(wish, Read):
                    yield from self._parts(wish)
                else:
                    yield _drawn(wish)
        except UserError as error:
            yield Refused(error.code, error.what, error.where, error.fix)

    def _inspect(self, wish: Inspect) -> Inspected:
        image, state = self._open(wish.path, wish.axes)
        if wish.is_tried:
            image.fingerprint()
        size = image.pixel_size
        levels = (image.pixels, *image.coarser)
        return Inspected(
            image.name,
            image.axes,
            np.dtype(image.pixels.dtype).str,
            tuple(tuple(map(int, level.shape)) for level in levels),
            (size.y, size.x, size.unit, size.z),
            image.alpha,
            image.channel_names,
            image.notices,
            state,
        )

    def _parts(self, wish: Read) -> Iterator[Part]:
        if self._image is None or self._known != (wish.path, wish.axes, wish.state):
            self._open(wish.path, wish.axes)
        image, path = self._image, Path(wish.path)
        if image is None or self._known != (wish.path, wish.axes, wish.state) or _state(path) != wish.state:
            raise changed(path)
        level = (image.pixels, *image.coarser)[wish.level]
        key = tuple(part if isinstance(part, int) else slice(*part) for part in wish.key)
        pixels = np.ascontiguousarray(level[key]).reshape(-1).view(np.uint8)
        for start in range(0, pixels.size, _PART):
            yield Part(pixels[start : start + _PART].tobytes())

    def _open(self, path: str, axes: str | None) -> tuple[Image, tuple[int, int]]:
        self._image = self._known = None  # not two of them in memory
        state = _state(Path(path))
        image = open_image(Path(path), axes, keep_named=True)
        self._image, self._known = image, (path, axes, state)
        return image, state


def main() -> int:
    """Serve until standard input ends."""
    _limit_memory()
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a stray print of a library must not land in the stream
    channel: Channel[Wish] = Channel(sys.stdin.buffer, sink, Wish)
    decoder = Decoder()
    while True:
        try:
            for answer in decoder.answers(channel.receive()):
                channel.send(answer)
        except (EOFError, BrokenPipeError):
            return 0  # the window needs no more


def _drawn(wish: Draw) -> Drawn:
    record = ImageRecord(
        0, "", Path(wish.path), False, (), "", wish.axes, wish.alpha, PixelSize(), wish.fingerprint, wish.found_axes
    )  # fmt: skip
    picture = thumbnail(open_recorded(record), wish.side)
    return Drawn(picture.shape[0], picture.shape[1], picture.tobytes())


def _state(path: Path) -> tuple[int, int]:
    """That of a file which is gone is none; opening it tells why."""
    try:
        return file_state(path)
    except OSError:
        return -1, -1


def _limit_memory() -> None:
    """As far as the system can: Windows cannot, macOS does not mind."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    # Where the computer has less than that, Linux ends this process before any other.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    sys.exit(main())
