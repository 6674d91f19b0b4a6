"""The worker process: ``python -P -m napari_unet.worker``, spoken to over its standard input and output."""

import contextlib
import os
import queue
import sqlite3
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unet.decoder.trial import DecoderTrial
from napari_unet.errors import UserError
from napari_unet.freed_memory import FreedMemory, keep_freed_memory
from napari_unet.images.trial import choose_trial
from napari_unet.protocol.channel import Channel
from napari_unet.protocol.exit_code import LOST_DEVICE
from napari_unet.protocol.message import Message
from napari_unet.protocol.messages import Failed, Ready, ToWorker
from napari_unet.worker.heartbeat import Heartbeat

if TYPE_CHECKING:
    from napari_unet.worker.engine import Engine

_NICE = 5  # where the system knows no batch jobs
_FREE_EVERY_S = 30.0  # what was returned is cleared by the system before it is used again
_LAST_WORDS_S = 4.0  # for scoring and saving; the window waits 5, and what is late leaves the older file

# A slice of work that ended in one of these is told, and the worker goes on.
_SURVIVED = (
    RuntimeError,
    MemoryError,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    NameError,
    ImportError,
    OSError,
    sqlite3.Error,
)


def main() -> int:
    """Serve until standard input ends."""
    # The messages get their own descriptor; a stray print of a library then lands in the log, not in the stream.
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    give_way_to_the_window()
    channel: Channel[ToWorker] = Channel(sys.stdin.buffer, sink, ToWorker)
    heartbeat = Heartbeat(channel.send)
    heartbeat.start()
    try:
        return _serve(channel, heartbeat)
    except BrokenPipeError:
        return 0  # the window is gone


def give_way_to_the_window() -> None:
    """Let the window run as soon as it wants to, without giving other programs more than their part.

    A batch job of Linux never takes the processor from what just woke up, and gets its part beside what computes on;
    a nice process would get a tenth of a processor there, and strokes would wait a minute for their overlay.
    """
    with contextlib.suppress(OSError):  # a container may forbid it; then the worker is a process like others
        if hasattr(os, "SCHED_BATCH"):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        elif hasattr(os, "nice"):
            os.nice(_NICE)


def _serve(channel: Channel[ToWorker], heartbeat: Heartbeat) -> int:
    """Listen, get ready to work, and work; return the exit status of the process."""
    inbox: queue.SimpleQueue[ToWorker | None] = queue.SimpleQueue()
    has_worked = threading.Event()  # since then something may be worth saving
    threading.Thread(target=_listen, args=(channel, inbox, has_worked), daemon=True).start()
    trial = DecoderTrial()
    trial.start()  # beside the import of torch

    def tried(path: Path, axes: str | None) -> None:
        with heartbeat.waiting():
            trial(path, axes)

    choose_trial(tried)
    # Heard from and listening before torch is there, which takes seconds.
    from napari_unet.network.device import choose_device, set_threads
    from napari_unet.worker.engine import Engine

    set_threads()
    keep_freed_memory()
    try:
        device = choose_device(os.environ.get("NAPARI_UNET_DEVICE", "auto"))
    except UserError as error:
        channel.send(Failed(str(error)))
        return 2
    channel.send(Ready(device.kind, device.reason))
    return _work(Engine(channel.send, device), channel, inbox, heartbeat, has_worked)


def _work(
    engine: "Engine",
    channel: Channel[ToWorker],
    inbox: "queue.SimpleQueue[ToWorker | None]",
    heartbeat: Heartbeat,
    has_worked: threading.Event,
) -> int:
    """Take turns until the window has gone; tell it of errors and go on. Return the exit status of the process."""
    from napari_unet.network.device import is_device_lost, is_out_of_memory

    lacks_memory = False
    freed_memory = FreedMemory(_FREE_EVERY_S)
    while True:
        try:
            freed_memory.give_back()
            if lacks_memory:  # here, where the error no longer holds what was computed
                lacks_memory = False
                engine.ask_for_less()
            if not turn(engine, inbox, heartbeat, has_worked):
                engine.save()
                return 0
        except UserError as error:
            engine.stop_after(error)
            channel.send(Failed(str(error)))
        except _SURVIVED as error:
            if isinstance(error, BrokenPipeError):
                raise
            with contextlib.suppress(OSError):  # standard error is the log file, and its disk may be full
                traceback.print_exc()
            if is_device_lost(error):
                return LOST_DEVICE
            lacks_memory = is_out_of_memory(error) and engine.learner is not None
            if not lacks_memory:
                engine.stop_after(error)
                channel.send(Failed(_line(error)))


def turn(
    engine: "Engine", inbox: "queue.SimpleQueue[ToWorker | None]", heartbeat: Heartbeat, has_worked: threading.Event
) -> bool:
    """Hear everything that was said, then do one slice of work and note it; False when the window has gone."""
    busy = engine.has_work
    while not busy and inbox.empty() and engine.rehearse():
        pass
    while True:
        try:
            with heartbeat.waiting():
                message = inbox.get(block=not busy)
        except queue.Empty:
            break
        if message is None:
            return False
        engine.receive(message)
        busy = True
    if not has_worked.is_set() and engine.has_work:
        has_worked.set()
    engine.work()
    return True


def _listen(
    channel: Channel[ToWorker], inbox: "queue.SimpleQueue[Message | None]", has_worked: threading.Event
) -> None:
    try:
        while True:
            inbox.put(channel.receive())
    except (EOFError, UserError):
        inbox.put(None)
        if has_worked.is_set():  # else nothing is to be saved, and the window would wait until torch is loaded
            time.sleep(_LAST_WORDS_S)
        os._exit(0)  # whatever still goes on, nobody waits for it


def _line(error: Exception) -> str:
    detail = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return str(
        UserError(
            "NU-W03",
            f"the worker met an error ({detail})",
            "worker.log has the details",
            "press Start to go on from the last checkpoint",
        )
    )


if __name__ == "__main__":
    status = main()
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(status)  # everything is saved; taking the interpreter apart would take seconds on a busy machine
