"""What every message is."""

import msgspec


class Message(msgspec.Struct, frozen=True, tag=True):
    """Anything that crosses a pipe."""
