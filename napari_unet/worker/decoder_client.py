"""The window's side of the decoder: asks it about one image after the other, and ends it when it takes too long."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from napari_unet.annotations.image_record import ImageRecord
from napari_unet.errors import UserError
from napari_unet.worker.channel import Channel
from napari_unet.worker.client import close_quietly, worker_environment
from napari_unet.worker.decoder import Check, Decoded, Draw, Refused

_PATIENCE_S = 30.0  # for one image; a network drive may be slow
_PROGRAM = (sys.executable, "-P", "-m", "napari_unet.worker.decoder")


class DecoderClient:
    """Asks about one image after the other, from a thread of its own; starts the process when it is needed.

    Parameters
    ----------
    program : what is started
    patience_s : how long one image may take
    """

    def __init__(self, program: Sequence[str] = _PROGRAM, patience_s: float = _PATIENCE_S) -> None:
        self._program = list(program)
        self._patience_s = patience_s
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="decoder")
        self._is_stopped = False

    def check(self, path: Path) -> "Future[None]":
        """Open an image file and read some of its pixels.

        The future raises a UserError: what opening it raises, NU-S10 when it takes too long, NU-S11 when it ends the
        process, NU-S12 when there is none.
        """
        return self._thread.submit(self._check, path)

    def thumbnail(self, record: ImageRecord, side: int) -> "Future[UInt8[np.ndarray, 'h w 3']]":
        """A small picture of an image of a project; the future raises what ``check`` does, and NU-P04 and NU-P06."""
        return self._thread.submit(self._thumbnail, record, side)

    def rest(self) -> None:
        """End the process when all that was asked is answered."""
        self._thread.submit(self._close)

    def stop(self) -> None:
        """End process and thread at once; nothing can be asked any more. Safe to call twice."""
        if self._is_stopped:
            return
        self._is_stopped = True
        if self._process is not None:
            self._process.kill()
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    def _check(self, path: Path) -> None:
        self._ask(Check(str(path)), path)

    def _thumbnail(self, record: ImageRecord, side: int) -> UInt8[np.ndarray, "h w 3"]:
        wish = Draw(str(record.path), record.axes, record.alpha, record.fingerprint, record.found_axes, side)
        found = self._ask(wish, record.path)
        try:
            return np.frombuffer(found.pixels, np.uint8).reshape(found.height, found.width, 3)
        except ValueError as error:
            raise _ended(record.path) from error

    def _close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    close_quietly(pipe)

    def _ask(self, wish: Check | Draw, path: Path) -> Decoded:
        process = self._running()
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("Popen gave no pipes")
        too_long = threading.Event()

        def give_up() -> None:
            too_long.set()
            process.kill()

        timer = threading.Timer(self._patience_s, give_up)
        timer.start()
        try:
            channel: Channel[Decoded | Refused] = Channel(process.stdout, process.stdin, Decoded | Refused)
            channel.send(wish)
            answer = channel.receive()
        except (OSError, EOFError, UserError) as error:  # it ended, or speaks garbage
            self._close()
            raise (self._took_too_long(path) if too_long.is_set() else _ended(path)) from error
        finally:
            timer.cancel()
        if isinstance(answer, Refused):
            raise UserError(answer.code, answer.what, answer.where, answer.fix)
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._close()
            try:
                self._process = subprocess.Popen(
                    self._program,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    cwd=tempfile.gettempdir(),
                    env=worker_environment(dict(os.environ)) | {"OPENBLAS_NUM_THREADS": "1"},  # each reserves addresses
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
            except OSError as error:
                what = f"the process that decodes images cannot be started ({error.strerror})"
                raise UserError("NU-S12", what, sys.executable, "close other programs, then try again") from error
        return self._process

    def _took_too_long(self, path: Path) -> UserError:
        what = f"the image was not decoded within {self._patience_s:g} s"
        return UserError("NU-S10", what, str(path), "copy it to a faster drive, or save it as tiled TIFF or OME-Zarr")


def _ended(path: Path) -> UserError:
    what = "decoding the image ended the process that did it, perhaps for lack of memory"
    return UserError("NU-S11", what, str(path), "copy or export the file again, as tiled TIFF or OME-Zarr")
