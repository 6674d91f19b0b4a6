"""Every number of base training."""

import math
import os
from dataclasses import dataclass, field, replace
from typing import Any

from scripts.base.episodes import Tasks
from scripts.base.sets import SOURCES

_MOST_WORKERS = 16


@dataclass(frozen=True, slots=True)
class Recipe:
    """The numbers of one round of training; as they stand, those for one core of a processor.

    Attributes
    ----------
    minutes : of training, reading the sets not counted; the learning rate falls with the time that has passed
    steps : of training in the place of the minutes; 0 for as many as there is time for
    widths : of the networks, which all learn from the same episodes
    without : sets that are left out
    workers : processes that draw episodes; 0 for none but the one that trains
    episodes : per step, of two tiles each
    side : of a tile in pixels
    tasks : which kinds of episodes there are
    warm_up : steps in which the learning rate rises
    largest_gradient : norm to which gradients are clipped
    dense, auxiliary : weights of these losses beside the episodic one
    """

    minutes: float = 32.0
    steps: int = 0
    widths: tuple[int, ...] = (16,)
    without: tuple[str, ...] = ()
    seed: int = 0
    threads: int = 1
    workers: int = 0
    episodes: int = 3
    side: int = 128
    tasks: Tasks = field(default_factory=Tasks)
    learning_rate: float = 3e-3
    warm_up: int = 100
    weight_decay: float = 0.02
    largest_gradient: float = 1.0
    dense: float = 0.3
    auxiliary: float = 0.2

    @property
    def sources(self) -> list[str]:
        """Return the names of the sets that are learned from."""
        return [name for name in SOURCES if name not in self.without]

    def done(self, step: int, seconds: float) -> float:
        """Return the share of the training that lies behind after so many steps and seconds."""
        return step / self.steps if self.steps else seconds / (60 * self.minutes)

    def rate(self, step: int, share: float) -> float:
        """Return the learning rate after so many steps and this share of the training: a rise, then half a cosine."""
        rise = min(1, (step + 1) / self.warm_up)
        return self.learning_rate * rise * (1 + math.cos(math.pi * share)) / 2 + 1e-6


def recipe_for(kind: str, **given: Any) -> Recipe:
    """Return the recipe for a device, "cpu" or "cuda", with the numbers that are given."""
    if kind == "cpu":
        return Recipe(**given)
    workers = min(_MOST_WORKERS, os.cpu_count() or 1)
    return replace(Recipe(minutes=9.0, widths=(16, 32), episodes=64, workers=workers), **given)
