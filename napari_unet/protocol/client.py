"""The window's side of the worker: starts the process, talks to it without ever waiting, sees it end."""

import os
import queue
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO

from napari_unet.errors import UserError
from napari_unet.protocol.channel import Channel
from napari_unet.protocol.message import Message
from napari_unet.protocol.messages import ToWindow

_DANGEROUS = (
    "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD",
    "NUMCODECS_ALLOW_UNSAFE_PICKLE_DECODE",
    "KMP_DUPLICATE_LIB_OK",
    "PYTHONPATH",
)
_PATIENCE_S = 5.0  # for a worker that was asked to end


class Client:
    """A running worker process.

    Not ``multiprocessing``: its spawn runs the user's script a second time and opens a second napari. The worker ends
    when its standard input does, so it cannot outlive this process.

    Raises
    ------
    UserError
        NU-W08 when the system starts no process.
    """

    def __init__(self, log: Path | None = None) -> None:
        self._log = _opened(log)
        below_normal = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0) | getattr(
            subprocess, "CREATE_NO_WINDOW", 0
        )
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "napari_unet.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                cwd=tempfile.gettempdir(),
                env=worker_environment(dict(os.environ)),
                creationflags=below_normal,
            )
        except OSError as error:
            self._close_log()
            what = f"the worker cannot be started ({error.strerror})"
            fix = "close other programs, then press Start; painting is saved"
            raise UserError("NU-W08", what, sys.executable, fix) from error
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("Popen gave no pipes")
        self._channel: Channel[ToWindow] = Channel(self._process.stdout, self._process.stdin, ToWindow)
        self._inbox: queue.SimpleQueue[ToWindow] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._read, self._write)]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """Process id of the worker."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def send(self, message: Message) -> None:
        """Queue a message; returns at once. A worker that is gone shows in ``exit_code``."""
        self._outbox.put(message)

    def poll(self) -> list[ToWindow]:
        """Everything that has arrived since the last call."""
        messages = []
        while True:
            try:
                messages.append(self._inbox.get_nowait())
            except queue.Empty:
                return messages

    def kill(self) -> None:
        """End it at once; nothing is saved."""
        self._process.kill()

    def close(self) -> None:
        """Ask the worker to save and end; end it if it does not. Safe to call twice."""
        self._outbox.put(None)
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join(_PATIENCE_S)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._close_log()

    def _close_log(self) -> None:
        if not isinstance(self._log, int):
            self._log.close()

    def _read(self) -> None:
        try:
            while True:
                self._inbox.put(self._channel.receive())
        except EOFError:
            return
        except UserError:
            # A garbled stream cannot be trusted again; the window sees the exit and starts a new worker.
            self._process.kill()

    def _write(self) -> None:
        pipe = self._process.stdin
        try:
            while (message := self._outbox.get()) is not None:
                self._channel.send(message)
        except OSError:
            return  # the worker is gone, which exit_code tells
        finally:
            if pipe is not None:
                close_quietly(pipe)


def worker_environment(environment: dict[str, str]) -> dict[str, str]:
    """The parent's environment less what makes loading unsafe, with threads that leave the window its core."""
    clean = {name: value for name, value in environment.items() if name not in _DANGEROUS}
    clean.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) - 1)))
    # Waiting threads that spin would take the window's core.
    clean.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    clean["PYTHONUNBUFFERED"] = "1"
    return clean


def _opened(log: Path | None) -> IO[bytes] | int:
    """The log; without one where the disk takes none, for it is not worth a training."""
    try:
        return open(log, "ab") if log else subprocess.DEVNULL
    except OSError:
        return subprocess.DEVNULL


def close_quietly(pipe: IO[bytes]) -> None:
    """Close a pipe whose other end may be gone."""
    try:
        pipe.close()
    except BrokenPipeError:
        return  # bytes for a worker that is gone
