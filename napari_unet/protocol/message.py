"""The base of all messages."""

import msgspec


class Message(msgspec.Struct, frozen=True, tag=True):
    """The base of all messages that cross a pipe between two of our processes."""
