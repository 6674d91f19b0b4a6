"""Ctrl+C while a command has something to save."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from napari_unet.cli.output import print_line


@contextlib.contextmanager
def interruption_noted(then: str) -> Iterator[Callable[[], bool]]:
    """Give a function that tells whether Ctrl+C was pressed: the first one ends nothing by itself, the second one does.

    Where this process ignores Ctrl+C, or is not in its main thread, the function tells of none.

    Parameters
    ----------
    then : what is said when the function is asked after the first one
    """
    pressed, told = threading.Event(), threading.Event()
    usual = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, usual)
        pressed.set()

    def is_pressed() -> bool:
        if pressed.is_set() and not told.is_set():  # not said in the handler, which may interrupt another print
            told.set()
            print_line(then, is_error=True)
        return pressed.is_set()

    if usual is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield is_pressed
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield is_pressed
    finally:
        signal.signal(signal.SIGINT, usual)
