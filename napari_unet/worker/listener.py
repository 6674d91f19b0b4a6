"""Whatever takes note of messages from the window."""

from collections.abc import Callable, Mapping
from typing import Any

from napari_unet.protocol.message import Message

Hears = Mapping[type[Message], Callable[[Any], None]]


class Listener:
    """Names the messages that it hears, each with the method that takes note of it."""

    def hears(self) -> Hears:
        """Return the method for each type of message; the methods return soon, because the window may say more."""
        return {}
