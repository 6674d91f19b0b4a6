"""The window's side of the decoder: asks it about one image after the other, and ends it when it takes too long."""

import sys
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import msgspec
import numpy as np
from jaxtyping import Shaped, UInt8

from napari_unet.decoder.decoded_pixels import DecodedPixels
from napari_unet.decoder.messages import Answer, Draw, Drawn, Inspect, Inspected, Part, Read, Refused, Wish
from napari_unet.errors import UserError
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.reading import refuse_unencodable
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.recorded_image import open_recorded
from napari_unet.protocol.child_process import ChildProcess

A = TypeVar("A", Inspected, Part, Drawn)
P = ParamSpec("P")
R = TypeVar("R")
PATIENCE_S = 30.0  # seconds to wait for one answer; a network drive may be slow
_BROKEN = 1  # exit code of a Python that met an error nobody deals with, such as a module that cannot be imported
_LAST_WORDS_S = 1.0  # between the end of its answers and that of a process
_PROGRAM = (sys.executable, "-P", "-m", "napari_unet.decoder")


class DecoderClient:
    """Asks about one image after the other, from a thread of its own; starts the process when it is needed.

    Parameters
    ----------
    program : what is started
    patience_s : how long one answer may take
    """

    def __init__(self, program: Sequence[str] = _PROGRAM, patience_s: float = PATIENCE_S) -> None:
        self._program = list(program)
        self._patience_s = patience_s
        self._child: ChildProcess[Answer] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._turn = threading.Lock()  # a thread that rests may not have ended when the next one begins
        self._starting = threading.Lock()  # ``stop`` must not come between the question whether to start and the start
        self._is_stopped = False
        self._asked = 0  # how often
        self._has_answered = False  # the process that runs now, at least once
        self._end: Callable[[], object] = lambda: None

    def open(self, path: Path, axes: str | None = None, *, is_tried: bool = False) -> "Future[Image]":
        """Open an image file whose pixels the process decodes when they are asked for; to try it, some are read now.

        Until ``stop``: what is asked for later starts the process again. The future raises a UserError: what opening
        the file raises, NU-S10 when it takes too long, NU-S11 when it ends the process, NU-S12 when there is none.
        """
        return self._submit(self._open, path, axes, is_tried)

    def open_recorded(self, record: ImageRecord) -> Image:
        """Open an image of a project and wait for it; raise what ``open`` does, and NU-P04 and NU-P06."""
        return open_recorded(record, lambda path, axes: self.open(path, axes).result())

    def thumbnail(self, record: ImageRecord, side: int) -> "Future[UInt8[np.ndarray, 'h w 3']]":
        """Draw a small picture of an image of a project; the future raises as ``open`` does, and NU-P04 and NU-P06."""
        return self._submit(self._thumbnail, record, side)

    def start(self) -> None:
        """Start the process before anything is asked, for it takes half a second."""
        self._submit(self._running)

    def rest(self) -> None:
        """End process and thread when all that was asked is answered; they come again when more is asked for."""
        if self._thread is not None:
            self._asked += 1
            try:
                self._thread.submit(self._in_turn, partial(self._close_unless_asked, self._asked))
            except RuntimeError:  # Python ends, and with it every thread: what waits in this one is not asked any more
                if self._child is not None:
                    self._child.kill()
            self._thread.shutdown(wait=False)
            self._thread = None

    def stop(self) -> None:
        """End process and thread at once; nothing can be asked any more. Safe to call twice."""
        with self._starting:
            if self._is_stopped:
                return
            self._is_stopped = True
            if self._child is not None:
                self._child.kill()
        self.rest()

    def _submit(self, work: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> "Future[R]":
        if self._is_stopped:
            raise RuntimeError("stopped")
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="decoder")
        self._asked += 1
        return self._thread.submit(self._in_turn, partial(work, *arguments, **named))

    def _in_turn(self, work: Callable[[], R]) -> R:
        with self._turn:
            return work()

    def _open(self, path: Path, axes: str | None, is_tried: bool) -> Image:
        found = self._ask(Inspect(str(path), axes, is_tried), path, Inspected)
        levels = [DecodedPixels(path, axes, found, self._pixels, level) for level in range(len(found.shapes))]
        size, names = PixelSize(*found.pixel_size), found.channel_names
        try:
            image = Image(found.name, levels[0], found.axes, size, found.alpha, tuple(levels[1:]))
            return replace(image, channel_names=names, file_name=path.name, notices=found.notices)
        except (LookupError, TypeError, UserError) as error:  # no image was ever opened as such
            raise _ended(path) from error

    def _pixels(self, wish: Read, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Shaped[np.ndarray, "..."]:
        return self._submit(self._read, wish, shape, dtype).result()

    def _read(self, wish: Read, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Shaped[np.ndarray, "..."]:
        path, pixels = Path(wish.path), np.empty(shape, dtype)
        raw = pixels.reshape(-1).view(np.uint8)
        self._send(wish, path)
        filled = 0
        while filled < len(raw):
            part = self._receive(path, Part).pixels
            if not 0 < len(part) <= len(raw) - filled:
                self._close()
                raise _ended(path)
            raw[filled : filled + len(part)] = np.frombuffer(part, np.uint8)
            filled += len(part)
        return pixels

    def _thumbnail(self, record: ImageRecord, side: int) -> UInt8[np.ndarray, "h w 3"]:
        wish = Draw(str(record.path), record.axes, record.alpha, record.fingerprint, record.found_axes, side)
        found = self._ask(wish, record.path, Drawn)
        try:
            return np.frombuffer(found.pixels, np.uint8).reshape(found.height, found.width, 3)
        except ValueError as error:
            raise _ended(record.path) from error

    def _close_unless_asked(self, asked: int) -> None:
        """End the process, unless more was asked for since, whose thread may have had its turn first."""
        if self._asked == asked or self._is_stopped:
            self._close()

    def _close(self) -> None:
        self._child = None
        self._end()

    def _ask(self, wish: Wish, path: Path, expected: type[A]) -> A:
        self._send(wish, path)
        return self._receive(path, expected)

    def _send(self, wish: Wish, path: Path) -> None:
        absolute = Path(wish.path).absolute()  # the process works elsewhere
        refuse_unencodable(absolute)
        there = msgspec.structs.replace(wish, path=str(absolute))
        try:
            self._running().channel.send(there)
        except OSError as error:
            failed = self._ended(path)
            self._close()
            raise failed from error

    def _receive(self, path: Path, expected: type[A]) -> A:
        """Wait for the next answer; end the process when none comes in time."""
        child = self._child
        if child is None:
            raise RuntimeError("nothing was sent")
        too_long = threading.Event()

        def give_up() -> None:
            too_long.set()
            child.kill()

        timer = threading.Timer(self._patience_s, give_up)
        timer.start()
        try:
            answer = child.channel.receive()
        except (OSError, EOFError, UserError) as error:  # it ended, or speaks garbage
            failed = _too_slow(path, self._patience_s) if too_long.is_set() else self._ended(path)
            self._close()
            raise failed from error
        finally:
            timer.cancel()
        self._has_answered = True
        if isinstance(answer, Refused):
            raise UserError(answer.code, answer.what, answer.where, answer.fix)
        if not isinstance(answer, expected):
            self._close()
            raise _ended(path)
        return answer

    def _running(self) -> ChildProcess[Answer]:
        with self._starting:
            if self._is_stopped:
                raise ConnectionAbortedError("stopped")
            if self._child is None or self._child.exit_code is not None:
                self._close()
                self._child = _started(self._program)
                self._has_answered = False
                # Pixels of a layer may start the process again after ``rest``; nobody is left to end it then.
                self._end = weakref.finalize(self, _end, self._child)
            return self._child

    def _ended(self, path: Path) -> UserError:
        """Return what to tell of a process that ended: where it never came to look at a file, no file is blamed."""
        child = self._child
        if child is not None and not self._has_answered:
            patience = time.monotonic() + _LAST_WORDS_S
            while child.exit_code is None and time.monotonic() < patience:
                time.sleep(0.01)
            if child.exit_code == _BROKEN:
                what, fix = "the process that decodes images ends as it starts", "install napari-unet again"
                return UserError("NU-S12", what, sys.executable, fix)
        return _ended(path)


def _started(program: Sequence[str]) -> ChildProcess[Answer]:
    try:
        return ChildProcess(program, Answer, variables={"OPENBLAS_NUM_THREADS": "1"})  # each thread reserves addresses
    except OSError as error:
        what = f"the process that decodes images cannot be started ({error.strerror})"
        raise UserError("NU-S12", what, sys.executable, "close other programs, then try again") from error


def _end(child: ChildProcess[Answer]) -> None:
    child.end()
    child.close_input()
    child.close_output()


def _too_slow(path: Path, patience_s: float) -> UserError:
    what = f"the image was not decoded within {patience_s:g} s"
    return UserError("NU-S10", what, str(path), "copy it to a faster drive, or save it as tiled TIFF or OME-Zarr")


def _ended(path: Path) -> UserError:
    what = "decoding the image ended the process that did it, perhaps for lack of memory"
    return UserError("NU-S11", what, str(path), "copy or export the file again, as tiled TIFF or OME-Zarr")
