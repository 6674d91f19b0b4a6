"""Long work that is done a step at a time, so that whoever does it can do other things in between."""

from collections.abc import Callable, Generator
from typing import TypeVar

R = TypeVar("R")
Resumable = Generator[float, None, R]  # each step tells the share that is done; what the work makes is returned


def run_to_end(steps: Resumable[R], step_done: Callable[[], object] = lambda: None) -> R:
    """Do all the steps at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
        step_done()
