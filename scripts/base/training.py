"""The loop of base training: networks of several widths, one stream of episodes."""

import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from napari_unet.network.checkpoint import Checkpoint
from napari_unet.network.device import Device
from napari_unet.network.unet import Architecture, UNet, build, fold
from scripts.base.batch import Batch, Stream, batches
from scripts.base.filters import Responses, responses
from scripts.base.losses import Losses, Terms
from scripts.base.recipe import Recipe
from scripts.base.sets import BaseSet

REPORTED = 200  # steps between two reports, and over which their losses are averaged
_RIDGE = "ridge"  # name of the fact
_LEARNED = ("log_penalty", "log_sharpness")  # of the ridge heads, kept for a round that goes on


class Log:
    """Steps and recent losses."""

    def __init__(self) -> None:
        self.steps = 0
        self._recent: deque[Tensor] = deque(maxlen=REPORTED)

    def take(self, terms: Terms) -> None:
        """Count a step."""
        self.steps += 1
        self._recent.append(torch.stack(terms).detach())  # numbers are asked for later: that makes a device wait

    def losses(self) -> dict[str, float]:
        """Return the mean of each loss over the last steps."""
        if not self._recent:
            return {}
        means = torch.stack(list(self._recent)).mean(0).tolist()
        return {name: round(mean, 4) for name, mean in zip(Terms._fields, means, strict=True)}


class BaseTrainer:
    """A network that learns, with its losses and its optimiser.

    Parameters
    ----------
    start : weights to go on from, or None to begin with random ones and batch norm
    """

    def __init__(
        self, recipe: Recipe, width: int, sets: Sequence[BaseSet], device: Device, start: Checkpoint | None = None
    ) -> None:
        self._recipe = recipe
        network = build(Architecture(channels=3, width=width, norm="batch", head="experts"), recipe.seed)
        torch.manual_seed(recipe.seed)
        losses = Losses(width, [each.fine_classes for each in sets], device)
        if start is not None:
            network = start.network()
            known = start.facts.get(_RIDGE, {})
            losses.load_state_dict({name: torch.tensor(float(known[name])) for name in known}, strict=False)
        self.network: UNet = network.to(device.torch_device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.losses = losses.to(device.torch_device)
        self.log = Log()
        # The network's own head is not used: every user's is fitted anew.
        body = [parameter for name, parameter in self.network.named_parameters() if not name.startswith("head.")]
        self._parameters = [*body, *self.losses.parameters()]
        self._optimiser = torch.optim.AdamW(
            self._parameters, recipe.learning_rate, weight_decay=recipe.weight_decay, fused=device.kind == "cuda"
        )

    @property
    def width(self) -> int:
        """Return the width of the network."""
        return self.network.architecture.width

    def step(self, batch: Batch, filtered: Responses, rate: float) -> None:
        """Take one step down the gradient, or none where it is not finite."""
        recipe = self._recipe
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        terms = self.losses(self.network, batch, filtered)
        loss = terms.episodic + recipe.dense * terms.dense + recipe.auxiliary * terms.auxiliary
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self._parameters, recipe.largest_gradient)
        if torch.isfinite(norm):
            self._optimiser.step()
            self.log.take(terms)

    def checkpoint(self, facts: dict[str, Any]) -> Checkpoint:
        """Return the network without batch norm, in half precision, with facts about its training."""
        evaluated = self.network.eval().cpu()
        folded = fold(evaluated) if evaluated.architecture.norm == "batch" else evaluated
        ridge = {name: float(getattr(self.losses, name).detach()) for name in _LEARNED}
        facts = {**facts, "width": self.width, "losses": self.log.losses(), _RIDGE: ridge}
        weights = {name: tensor.half() for name, tensor in folded.state_dict().items()}
        return Checkpoint(folded.architecture, (1, 2), ("background", "object"), self.log.steps, weights, facts=facts)


class Round(NamedTuple):
    """A round of training that has ended.

    Attributes
    ----------
    trainers : the networks
    steps : of the round, those included in which a network took none
    seconds : of training
    waiting : seconds of these in which nothing was done but wait for episodes
    """

    trainers: list[BaseTrainer]
    steps: int
    seconds: float
    waiting: float


def train(recipe: Recipe, sets: Sequence[BaseSet], device: Device, starts: Sequence[Checkpoint] = ()) -> Round:
    """Train a network of every width of the recipe on one stream of episodes.

    ``starts`` are the weights to go on from, one for each width; without any, networks begin at random.
    """
    # One shape of everything: worth a search for the fastest convolutions.
    torch.backends.cudnn.benchmark = device.kind == "cuda"
    begun = zip(recipe.widths, starts, strict=True) if starts else ((width, None) for width in recipe.widths)
    trainers = [BaseTrainer(recipe, width, sets, device, start) for width, start in begun]
    stream = Stream(sets, recipe.tasks, recipe.side, recipe.episodes, recipe.seed)
    drawn = batches(stream, recipe.workers, pinned=device.kind == "cuda")
    step, waiting, began = 0, 0.0, time.monotonic()
    while (share := recipe.done(step, time.monotonic() - began)) < 1:
        asked = time.monotonic()
        batch = next(drawn)
        waiting += time.monotonic() - asked
        batch = batch.to(device.torch_device)
        filtered = responses(batch.pixels.flatten(0, 1))
        for trainer in trainers:
            trainer.step(batch, filtered, recipe.rate(step, share))
        step += 1
        if step % REPORTED == 0:
            losses = {trainer.width: trainer.log.losses() for trainer in trainers}
            print(f"{step} steps, {time.monotonic() - began:.0f} s ({waiting:.0f} waiting): {losses}", flush=True)
    return Round(trainers, step, time.monotonic() - began, waiting)
