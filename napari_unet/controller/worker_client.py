"""The running worker as the controller sees it."""

from typing import Protocol, runtime_checkable

from napari_unet.protocol.message import Message
from napari_unet.protocol.messages import ToWindow


@runtime_checkable
class WorkerClient(Protocol):
    """Sends messages to one worker process and collects its answers, without ever waiting for it."""

    @property
    def exit_code(self) -> int | None:
        """Return the exit code of the process, or None while it runs."""

    def send(self, message: Message) -> None:
        """Send a message; never waits."""

    def poll(self) -> list[ToWindow]:
        """Return the messages that have arrived since the last call."""

    def kill(self) -> None:
        """End the process at once."""

    def close(self) -> None:
        """Let the worker save and end."""
