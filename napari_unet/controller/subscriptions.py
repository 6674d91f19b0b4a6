"""The handlers of every kind of message."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

Said = TypeVar("Said", bound=msgspec.Struct)


class Subscriptions:
    """Hands every message to the handlers of its kind, in the order in which they subscribed."""

    def __init__(self) -> None:
        self._handlers: dict[type[msgspec.Struct], list[Callable[[Any], object]]] = {}

    def subscribe(self, kind: type[Said], handler: Callable[[Said], object]) -> None:
        """Call a handler with every message of exactly this kind from now on."""
        self._handlers.setdefault(kind, []).append(handler)

    def publish(self, message: msgspec.Struct) -> None:
        """Call the handlers of a message; what one of them raises reaches the caller, and later ones are not called."""
        for handler in tuple(self._handlers.get(type(message), ())):
            handler(message)
