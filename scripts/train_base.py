"""Train the base weights that come with the package: ``python -m scripts.train_base --out FILE``.

Everything about them, where the labelled sets come from included, is in docs/base-weights.md.
"""

import argparse
import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from napari_unet.network.checkpoint import Checkpoint, save_checkpoint
from napari_unet.network.unet import Architecture, UNet, build, fold
from scripts.base.episodes import Episodes
from scripts.base.losses import Losses, Terms
from scripts.base.sets import SOURCES, BaseSet, load_set

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_REPORTED = 200  # steps between two reports, and over which their losses are averaged


@dataclass(frozen=True, slots=True)
class Recipe:
    """Every number of the training.

    Attributes
    ----------
    minutes : of training, reading the sets not counted; the learning rate falls with the time that has passed
    width : of the network
    without : sets that are left out
    drawn : share of the episodes on drawn images
    episodes : per step, of two tiles each
    side : of a tile in pixels
    warm_up : steps in which the learning rate rises
    largest_gradient : norm to which gradients are clipped
    dense, auxiliary : weights of these losses beside the episodic one
    """

    minutes: float = 32.0
    width: int = 16
    without: tuple[str, ...] = ()
    seed: int = 0
    threads: int = 1
    drawn: float = 0.3
    episodes: int = 3
    side: int = 128
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

    def rate(self, step: int, share: float) -> float:
        """Return the learning rate after so many steps and this share of the time: a short rise, then half a cosine."""
        rise = min(1, (step + 1) / self.warm_up)
        return self.learning_rate * rise * (1 + math.cos(math.pi * share)) / 2 + 1e-6


class Log:
    """Steps and recent losses."""

    def __init__(self) -> None:
        self.steps = 0
        self._recent: deque[list[float]] = deque(maxlen=_REPORTED)

    def take(self, terms: Terms) -> None:
        """Count a step."""
        self.steps += 1
        self._recent.append([float(term.detach()) for term in terms])

    def losses(self) -> dict[str, float]:
        """Return the mean of each loss over the last steps."""
        columns = zip(*self._recent, strict=True)
        return {name: round(sum(c) / len(c), 4) for name, c in zip(Terms._fields, columns, strict=False)}


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    recipe = Recipe(
        options.minutes, options.width, tuple(options.without), options.seed, options.threads, options.drawn
    )
    torch.set_num_threads(recipe.threads)
    network, log = train(recipe, [load_set(name, options.data) for name in recipe.sources])
    save_checkpoint(checkpoint(network, recipe, log), options.out)
    print(f"{options.out}: {log.steps} steps, {log.losses()}")


def train(recipe: Recipe, sets: Sequence[BaseSet]) -> tuple[UNet, Log]:
    """Train for the recipe's time; how many steps that is depends on the machine."""
    torch.manual_seed(recipe.seed)
    network = build(Architecture(channels=3, width=recipe.width, norm="batch", head="experts"), recipe.seed).train()
    losses = Losses(recipe.width, {each.name: each.fine_classes for each in sets})
    episodes = Episodes(sets, recipe.drawn, recipe.side, recipe.seed)
    # The network's own head is not used: every user's is fitted anew.
    body = [parameter for name, parameter in network.named_parameters() if not name.startswith("head.")]
    parameters = [*body, *losses.parameters()]
    optimiser = torch.optim.AdamW(parameters, recipe.learning_rate, weight_decay=recipe.weight_decay)
    log, start = Log(), time.monotonic()
    while (share := (time.monotonic() - start) / (60 * recipe.minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate(log.steps, share)
        terms = losses(network, [episodes.draw() for _ in range(recipe.episodes)])
        if _update(terms, recipe, optimiser, parameters):
            log.take(terms)
            if log.steps % _REPORTED == 0:
                print(f"{log.steps} steps, {time.monotonic() - start:.0f} s: {log.losses()}", flush=True)
    return network, log


def checkpoint(network: UNet, recipe: Recipe, log: Log) -> Checkpoint:
    """Return the network without batch norm, in half precision, with the facts about its training."""
    folded = fold(network)
    facts: dict[str, Any] = {
        "recipe": asdict(recipe),
        "sources": recipe.sources,
        "steps": log.steps,
        "minutes": recipe.minutes,
        "losses": log.losses(),
    }
    weights = {name: tensor.half() for name, tensor in folded.state_dict().items()}
    return Checkpoint(folded.architecture, (1, 2), ("background", "object"), log.steps, weights, facts=facts)


def _update(terms: Terms, recipe: Recipe, optimiser: torch.optim.Optimizer, parameters: Sequence[nn.Parameter]) -> bool:
    """Take one step down the gradient; return False, and take none, where the gradient is not finite."""
    loss = terms.episodic + recipe.dense * terms.dense + recipe.auxiliary * terms.auxiliary
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = nn.utils.clip_grad_norm_(parameters, recipe.largest_gradient)
    finite = bool(torch.isfinite(norm))
    if finite:
        optimiser.step()
    return finite


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    standard = Recipe()
    parser = argparse.ArgumentParser(prog="python -m scripts.train_base", description="Train base weights.")
    parser.add_argument("--out", type=Path, required=True, help="file to write, NAME.safetensors")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the labelled sets")
    parser.add_argument("--minutes", type=float, default=standard.minutes, help="of training")
    parser.add_argument("--width", type=int, default=standard.width, help="of the network")
    parser.add_argument("--without", nargs="+", default=[], choices=SOURCES, metavar="SET", help="sets to leave out")
    parser.add_argument("--seed", type=int, default=standard.seed)
    parser.add_argument("--threads", type=int, default=standard.threads)
    parser.add_argument("--drawn", type=float, default=standard.drawn, help="share of drawn images")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
