"""The base of all messages."""

import msgspec


class Message(msgspec.Struct, frozen=True, tag=True):
    """Crosses a pipe between two of our processes."""
