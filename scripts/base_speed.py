"""Print how many episodes a second base training takes: ``python -m scripts.base_speed --data FOLDER``.

The losses of all episodes at once beside those of one episode after the other, on the same batches, in turn. Seconds
are those of the processor, so that others who use the computer do not count. The operations of a step are what a
graphics processor, which is done with each at once, would wait for.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from napari_unet.network.device import choose_device
from scripts.base.batch import Batch, Stream, batches
from scripts.base.filters import responses
from scripts.base.one_by_one import OneByOne
from scripts.base.recipe import Recipe
from scripts.base.sets import SOURCES, load_set
from scripts.base.training import BaseTrainer
from scripts.train_base import DATA


class Operations(TorchDispatchMode):
    """Counts what torch is asked to compute."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count an operation and let it happen."""
        self.count += 1
        return func(*args, **(kwargs or {}))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.base_speed", description="Measure base training.")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the labelled sets")
    parser.add_argument("--sets", nargs="+", default=list(SOURCES), choices=SOURCES, metavar="SET")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--episodes", type=int, nargs="+", default=[3, 12, 64], help="per step")
    parser.add_argument("--total", type=int, default=192, help="episodes that are measured each time")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    sets = [load_set(name, options.data) for name in options.sets]
    print("| episodes per step | drawing | one by one | at once | at once, with drawing | operations of a step |")
    print("|---|---|---|---|---|---|")
    device = choose_device("cpu")
    for episodes in options.episodes:
        recipe = Recipe(episodes=episodes)
        steps = max(1, options.total // episodes)
        stream = batches(Stream(sets, recipe.tasks, recipe.side, episodes, 0), 0, pinned=False)
        trainers = [BaseTrainer(recipe, options.width, sets, device) for _ in range(2)]
        # Its own layers do not learn, which takes no time worth telling.
        trainers[0].losses = OneByOne(options.width, [each.fine_classes for each in sets], device)
        next(stream)  # the first one draws its images, too
        spent = [0.0, 0.0, 0.0]
        for _ in range(steps):
            began = time.process_time()
            batch = next(stream)
            spent[2] += time.process_time() - began
            for at, trainer in enumerate(trainers):
                began = time.process_time()
                trainer.step(batch, responses(batch.pixels.flatten(0, 1)), 1e-3)
                spent[at] += time.process_time() - began
        operations = [count_operations(trainer, batch) for trainer in trainers]
        looped, batched, drawn = (steps * episodes / seconds for seconds in spent)
        both = steps * episodes / (spent[1] + spent[2])
        rates = " | ".join(f"{rate:.1f}/s" for rate in (drawn, looped, batched, both))
        print(f"| {episodes} | {rates} | {operations[0]} one by one, {operations[1]} at once |", flush=True)


def count_operations(trainer: BaseTrainer, batch: Batch) -> int:
    """Return how many operations a step on a batch has."""
    with Operations() as operations:
        trainer.step(batch, responses(batch.pixels.flatten(0, 1)), 1e-3)
    return operations.count


if __name__ == "__main__":
    main()
