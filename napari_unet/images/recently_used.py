"""A cache within a limit of memory: values used last stay, the others are made again when they are asked for."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class RecentlyUsed(Generic[Key, Value]):
    """Keep values by key, at most ``budget_bytes`` in all; a value that is larger than that is kept alone.

    Parameters
    ----------
    budget_bytes : limit above which the least recently used values are dropped
    size : function that returns the bytes of a value
    """

    def __init__(self, budget_bytes: int, size: Callable[[Value], int]) -> None:
        self.held_bytes = 0
        self._budget = budget_bytes
        self._size = size
        self._kept: OrderedDict[Key, tuple[Value, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Key]:
        return iter([*self._kept])  # keys may be dropped meanwhile

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """Return the value of a key; make it when it is not there."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][0]
        value = make()
        size = self._size(value)
        while self._kept and self.held_bytes + size > self._budget:
            self.drop(next(iter(self._kept)))
        self._kept[key] = value, size
        self.held_bytes += size
        return value

    def drop(self, key: Key) -> None:
        """Drop the value of a key, if it is there."""
        _, size = self._kept.pop(key, (None, 0))
        self.held_bytes -= size
