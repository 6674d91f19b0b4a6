"""Clients that stand in the place of the worker process and start none."""

from pathlib import Path
from typing import Any

from napari_unet.protocol.message import Message
from napari_unet.protocol.messages import Alive


class FakeClient:
    """Remember what the worker is told and say what the test lets it say."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.sent: list[Message] = []
        self.inbox: list[Any] = []
        self.exit_code: int | None = None
        self.closed = False
        self.killed = False

    def send(self, message: Message) -> None:
        """Remember."""
        self.sent.append(message)

    def poll(self) -> list[Any]:
        """Hand over once."""
        said, self.inbox = self.inbox, []
        return said

    def kill(self) -> None:
        """Remember."""
        self.killed = True

    def close(self) -> None:
        """Remember."""
        self.closed = True


class SilentClient:
    """Stand for a worker that lives and never answers."""

    exit_code = None

    def __init__(self, log: Path) -> None:
        self.sent: list[Any] = []

    def send(self, message: Any) -> None:
        """Remember."""
        self.sent.append(message)

    def kill(self) -> None:
        """End nothing."""

    def poll(self) -> list[Any]:
        """Say that the worker lives."""
        return [Alive()]

    def close(self) -> None:
        """End nothing."""
