"""The process that opens foreign images first, under limits: ``python -P -m napari_unet.worker.decoder``.

What hangs, crashes or eats memory while it is decoded does so here, and not in the window.
"""

import contextlib
import os
import sys
from pathlib import Path

from napari_unet.annotations.image_record import ImageRecord
from napari_unet.annotations.recorded_image import open_recorded
from napari_unet.errors import UserError
from napari_unet.images.image import PixelSize
from napari_unet.images.reading import MAX_DECODED_BYTES, open_image
from napari_unet.images.thumbnail import thumbnail
from napari_unet.worker.channel import Channel
from napari_unet.worker.messages import Message

_MEMORY = MAX_DECODED_BYTES + 2 * 2**30  # bytes of addresses: the largest image that is decoded at once, and ourselves


class Check(Message, frozen=True):
    """Open an image file and read some of its pixels."""

    path: str


class Draw(Message, frozen=True):
    """Make the thumbnail of an image that a project remembers."""

    path: str
    axes: str
    alpha: bool
    fingerprint: str
    found_axes: str
    side: int  # px


class Decoded(Message, frozen=True):
    """It went well; uint8 (height, width, 3) for a thumbnail, nothing for a check."""

    height: int = 0
    width: int = 0
    pixels: bytes = b""


class Refused(Message, frozen=True):
    """The parts of a UserError."""

    code: str
    what: str
    where: str
    fix: str


def main() -> int:
    """Serve until standard input ends."""
    _limit_memory()
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a stray print of a library must not land in the stream
    channel: Channel[Check | Draw] = Channel(sys.stdin.buffer, sink, Check | Draw)
    while True:
        try:
            channel.send(_answer(channel.receive()))
        except (EOFError, BrokenPipeError):
            return 0  # the window needs no more


def _answer(wish: Check | Draw) -> Decoded | Refused:
    try:
        if isinstance(wish, Check):
            open_image(Path(wish.path)).fingerprint()
            return Decoded()
        record = ImageRecord(
            0, "", Path(wish.path), False, (), "", wish.axes, wish.alpha, PixelSize(), wish.fingerprint, wish.found_axes
        )  # fmt: skip
        picture = thumbnail(open_recorded(record), wish.side)
        return Decoded(picture.shape[0], picture.shape[1], picture.tobytes())
    except UserError as error:
        return Refused(error.code, error.what, error.where, error.fix)


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
