"""Long work that is done a step at a time, so that whoever does it can do other things in between."""

from collections.abc import Callable, Generator
from typing import TypeVar

R = TypeVar("R")
Steps = Generator[float, None, R]  # each step tells the share that is done; what the work makes is returned


def to_the_end(steps: Steps[R], step_done: Callable[[], object] = lambda: None) -> R:
    """Do all the steps at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
        step_done()
