"""Ctrl+C, or the wish of a scheduler or of ``kill``, while a command has something to save."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from napari_unet.cli.output import print_line


class Interruption:
    """Tells whether this process was asked to end.

    Attributes
    ----------
    status : exit status of a command that ended for it, 128 and the number of the signal; 0 while nobody asked
    """

    def __init__(self, then: str) -> None:
        self.status = 0
        self._then = then
        self._is_told = False

    def is_noted(self) -> bool:
        """Tell whether somebody asked, and say once what comes then: no handler may interrupt another print."""
        if self.status and not self._is_told:
            self._is_told = True
            print_line(self._then, is_error=True)
        return bool(self.status)


@contextlib.contextmanager
def interruption_noted(then: str) -> Iterator[Interruption]:
    """Note the first Ctrl+C, which ends nothing by itself, and every SIGTERM; a further Ctrl+C ends this process.

    Further SIGTERM do not, for ``timeout`` sends two at once. What this process ignores is not noted; nothing is where
    this is not its main thread.

    Parameters
    ----------
    then : what is said when it is asked about after the first
    """
    noted = Interruption(then)
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    defaults = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}

    is_main = threading.current_thread() is threading.main_thread()
    taken = [number for number in usual if is_main and usual[number] == defaults[number]]

    def note(number: int, frame: FrameType | None) -> None:
        if signal.SIGINT in taken:
            signal.signal(signal.SIGINT, usual[signal.SIGINT])
        noted.status = noted.status or 128 + number

    for number in taken:
        signal.signal(number, note)
    try:
        yield noted
    finally:
        for number in taken:
            signal.signal(number, usual[number])
