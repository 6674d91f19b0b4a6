"""A process of ours that is started for some work, and the channel to it."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO, Any, Generic, TypeVar

from napari_unet.protocol.channel import Channel

M = TypeVar("M")
_DANGEROUS = (
    "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD",
    "NUMCODECS_ALLOW_UNSAFE_PICKLE_DECODE",
    "KMP_DUPLICATE_LIB_OK",
    "PYTHONPATH",
)


class ChildProcess(Generic[M]):
    """Starts a program and talks to it over its standard input and output.

    Not ``multiprocessing``: its spawn runs the user's script a second time and opens a second napari. The program ends
    when its standard input does, so it cannot outlive this process.

    Parameters
    ----------
    program : what is started, without a shell
    expected : the type of the messages that the program sends
    errors : where its standard error goes
    variables : of its environment, besides those of ``child_environment``
    is_background : on Windows, run it below the priority of the window; elsewhere it does that itself

    Attributes
    ----------
    channel : to the program; used by one thread for each direction

    Raises
    ------
    OSError
        The system starts no process.
    """

    def __init__(
        self,
        program: Sequence[str],
        expected: Any,
        *,
        errors: IO[bytes] | int = subprocess.DEVNULL,
        variables: Mapping[str, str] | None = None,
        is_background: bool = False,
    ) -> None:
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        if is_background:
            flags |= getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
        self._process = subprocess.Popen(
            list(program),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=_working_folder(),
            env=child_environment(dict(os.environ)) | dict(variables or {}),
            creationflags=flags,
            # Ctrl+C in a terminal, and the interrupt of a notebook, go to every process of a group, and would end this
            # one while the window, or a command that saves first, goes on.
            process_group=0,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("Popen gave no pipes")
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self.channel: Channel[M] = Channel(self._stdout, self._stdin, expected)

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self._process.poll()

    def kill(self) -> None:
        """End the program at once."""
        self._process.kill()

    def wait(self, patience_s: float) -> None:
        """Wait until the program has ended; end it when it does not."""
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.end()

    def end(self) -> None:
        """End the program at once and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def close_input(self) -> None:
        """Close its standard input, which tells it to end."""
        try:
            self._stdin.close()
        except BrokenPipeError:
            return  # bytes for a process that is gone

    def close_output(self) -> None:
        """Close its standard output, which nobody reads any more."""
        self._stdout.close()


def _working_folder() -> str:
    """Return the folder for temporary files, or the root where it was cleaned away meanwhile or every disk is full."""
    with contextlib.suppress(OSError):
        folder = tempfile.gettempdir()
        if os.path.isdir(folder):
            return folder
    return os.path.abspath(os.sep)


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the parent's environment less what makes loading unsafe, with threads that leave the window its core."""
    clean = {name: value for name, value in environment.items() if name not in _DANGEROUS}
    clean.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) - 1)))
    # Waiting threads that spin would take the window's core.
    clean.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    clean["PYTHONUNBUFFERED"] = "1"
    return clean
