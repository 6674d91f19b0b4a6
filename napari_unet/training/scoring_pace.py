"""The pace at which a network in training is scored."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

_SHARE = 0.15  # share of the time that may go into scoring
_PAUSE_S = 2.0  # the shortest pause between two scorings


class ScoringPace:
    """Leaves most of the time to training and predicting."""

    def __init__(self) -> None:
        self._next = 0.0

    @property
    def is_due(self) -> bool:
        """Tell whether it is time for the next scoring."""
        return time.monotonic() >= self._next

    def wait(self) -> None:
        """Score no earlier than a pause from now."""
        self._next = max(self._next, time.monotonic() + _PAUSE_S)

    @contextmanager
    def scoring(self) -> Iterator[None]:
        """Measure how long a scoring takes, and leave as much more time to everything else."""
        began = time.monotonic()
        yield
        took = time.monotonic() - began
        self._next = began + max(_PAUSE_S, took / _SHARE)
