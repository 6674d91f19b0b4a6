"""What was used last stays in memory; the rest is made again when it is asked for."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class RecentlyUsed(Generic[Key, Value]):
    """Values by key, at most ``budget_bytes`` in all; one that is larger than that is kept alone.

    Parameters
    ----------
    budget_bytes : the least recently used are dropped above it
    size : bytes of a value
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
        """The value of a key, made when it is not there."""
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
        """Forget a key, if it is there."""
        _, size = self._kept.pop(key, (None, 0))
        self.held_bytes -= size
