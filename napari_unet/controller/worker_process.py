"""The worker's process: started, talked to without ever waiting, and seen to end."""

import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from napari_unet.errors import UserError
from napari_unet.protocol.child_process import ChildProcess
from napari_unet.protocol.message import Message
from napari_unet.protocol.messages import ToWindow

_PROGRAM = (sys.executable, "-P", "-m", "napari_unet.worker")
_PATIENCE_S = 5.0  # for a worker that was asked to end


class WorkerProcess:
    """Runs one worker process.

    Parameters
    ----------
    log : the file that its errors are appended to

    Raises
    ------
    UserError
        NU-W08 when the system starts no process.
    """

    def __init__(self, log: Path | None = None) -> None:
        self._log = _opened(log)
        try:
            self._child: ChildProcess[ToWindow] = ChildProcess(_PROGRAM, ToWindow, errors=self._log, is_background=True)
        except OSError as error:
            self._close_log()
            what = f"the worker cannot be started ({error.strerror})"
            fix = "close other programs, then press Start; painting is saved"
            raise UserError("NU-W08", what, sys.executable, fix) from error
        self._inbox: queue.SimpleQueue[ToWindow] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._read, self._write)]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """Return the process id of the worker."""
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """Return the exit code, or None while the worker runs."""
        return self._child.exit_code

    def send(self, message: Message) -> None:
        """Queue a message; returns at once. A worker that is gone shows in ``exit_code``."""
        self._outbox.put(message)

    def poll(self) -> list[ToWindow]:
        """Return everything that has arrived since the last call."""
        messages = []
        while True:
            try:
                messages.append(self._inbox.get_nowait())
            except queue.Empty:
                return messages

    def kill(self) -> None:
        """End the worker at once; nothing is saved."""
        self._child.kill()

    def close(self) -> None:
        """Ask the worker to save and end; end it if it does not. Safe to call twice."""
        self._outbox.put(None)
        self._child.wait(_PATIENCE_S)
        for thread in self._threads:
            thread.join(_PATIENCE_S)
        self._child.close_output()
        self._close_log()

    def _close_log(self) -> None:
        if not isinstance(self._log, int):
            self._log.close()

    def _read(self) -> None:
        try:
            while True:
                self._inbox.put(self._child.channel.receive())
        except EOFError:
            return
        except UserError:
            # A garbled stream cannot be trusted again; the window sees the exit and starts a new worker.
            self._child.kill()

    def _write(self) -> None:
        try:
            while (message := self._outbox.get()) is not None:
                self._child.channel.send(message)
        except OSError:
            return  # the worker is gone, which exit_code tells
        finally:
            self._child.close_input()


def _opened(log: Path | None) -> IO[bytes] | int:
    """Open the log, or do without one where the disk refuses it: a log is not worth a training."""
    try:
        return open(log, "ab") if log else subprocess.DEVNULL
    except OSError:
        return subprocess.DEVNULL
