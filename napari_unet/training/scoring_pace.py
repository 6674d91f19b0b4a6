"""The pace at which a network in training is scored."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SHARE = 0.15  # share of the time that may go into scoring
_PAUSE_S = 2.0  # the shortest pause between two scorings


class ScoringPace:
    """Leaves most of the time to training and predicting.

    Parameters
    ----------
    clock : seconds, monotonic
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = 0.0

    @property
    def is_due(self) -> bool:
        """Tell whether it is time for the next scoring."""
        return self._clock() >= self._next

    def wait(self) -> None:
        """Score no earlier than a pause from now."""
        self._next = max(self._next, self._clock() + _PAUSE_S)

    @contextmanager
    def scoring(self) -> Iterator[None]:
        """Measure how long a scoring takes, and leave as much more time to everything else."""
        began = self._clock()
        yield
        took = self._clock() - began
        self._next = began + max(_PAUSE_S, took / _SHARE)
