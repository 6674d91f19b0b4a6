"""Long work that can be interrupted and resumed: a generator that yields the fraction done."""

from collections.abc import Callable, Generator
from typing import TypeVar

R = TypeVar("R")
Resumable = Generator[float, None, R]  # yields the fraction done, 0 to 1, and returns the result


def run_to_end(work: Resumable[R], step_done: Callable[[], object] = lambda: None) -> R:
    """Do resumable work to its end and return the result; ``step_done`` is called whenever it yields."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value
        step_done()


def shares_of(steps: Resumable[R], number: int, parts: int) -> Resumable[R]:
    """Turn the progress of one of several equal parts, numbered from 0 on, into progress of the whole."""
    while True:
        try:
            share = next(steps)
        except StopIteration as end:
            return end.value
        yield (number + share) / parts
