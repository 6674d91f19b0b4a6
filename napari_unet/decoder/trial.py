"""The trial of image files by the decoder, for processes that then read their pixels themselves."""

import threading
from pathlib import Path

from napari_unet.decoder.client import PATIENCE_S, DecoderClient
from napari_unet.images.reading import file_state

_IDLE_S = 20.0  # after which the process is ended; it takes half a second to start

Known = tuple[Path, str | None, tuple[int, int]]


class DecoderTrial:
    """Opens each file, and reads some rows of it, in a process with limits of time and memory; each file once.

    A network reads hundreds of megabytes a second, which is five times what comes through a pipe: what has passed is
    read without one.

    Parameters
    ----------
    client : asks the process
    patience_s : how long a trial may take
    """

    def __init__(self, client: DecoderClient | None = None, patience_s: float = PATIENCE_S) -> None:
        self._client = DecoderClient(patience_s=patience_s) if client is None else client
        self._turn = threading.Lock()
        self._passed: set[Known] = set()
        self._timer: threading.Timer | None = None

    def __call__(self, path: Path, axes: str | None) -> None:
        """Try a file unless it has passed already.

        Raises
        ------
        UserError
            As ``DecoderClient.open``.
        """
        try:
            known = path.absolute(), axes, file_state(path)
        except OSError:
            return  # it is told when it is opened
        with self._turn:
            if known in self._passed:
                return
            self._wait()
            try:
                self._client.open(path, axes, is_tried=True).result()
                self._passed.add(known)
            finally:
                self._rest_later()

    def start(self) -> None:
        """Start the process while something else is waited for."""
        with self._turn:
            self._wait()
            self._client.start()
            self._rest_later()

    def stop(self) -> None:
        """End the process at once; nothing can be tried any more."""
        with self._turn:
            self._wait()
            self._client.stop()

    def _wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _rest_later(self) -> None:
        self._timer = threading.Timer(_IDLE_S, self._rest)
        self._timer.daemon = True
        self._timer.start()

    def _rest(self) -> None:
        with self._turn:
            if self._timer is threading.current_thread():
                self._client.rest()
