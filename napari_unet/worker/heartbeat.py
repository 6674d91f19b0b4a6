"""Signs of life: the window may end a worker that neither waits for a message nor computes."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from napari_unet.protocol.message import Message
from napari_unet.protocol.messages import Alive

_EVERY_S = 1.0
_COMPUTING_S = 0.005  # seconds of processor time in all threads since the last look that mean work; the look takes less


class Heartbeat:
    """Says ``Alive`` every second from a thread of its own, as long as the worker is at work or has none.

    Processor time tells a long step from one that is stuck: no step, however long, goes without it. A loop that never
    ends is not told from work.

    Parameters
    ----------
    send : takes the message; OSError when the window is gone
    processor_time : seconds that this process has computed
    """

    def __init__(
        self, send: Callable[[Message], None], processor_time: Callable[[], float] = time.process_time
    ) -> None:
        self._send = send
        self._processor_time = processor_time
        self._computed = processor_time()
        self._is_waiting = False

    def start(self) -> None:
        """Begin; the thread ends with the process or with the pipe."""
        threading.Thread(target=self._run, daemon=True).start()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Mark a wait for the next message, which may last for ever."""
        self._is_waiting = True
        try:
            yield
        finally:
            self._is_waiting = False

    def beat(self) -> None:
        """Say that the worker lives if it waits or has computed since the last time."""
        computed = self._processor_time()
        if self._is_waiting or computed - self._computed >= _COMPUTING_S:
            self._send(Alive())
        self._computed = computed

    def _run(self) -> None:
        try:
            while True:
                time.sleep(_EVERY_S)
                self.beat()
        except OSError:
            return  # the window is gone
