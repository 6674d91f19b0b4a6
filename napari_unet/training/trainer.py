"""One training step after the other, on whatever is annotated at that moment."""

import copy
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_unet.config import Settings
from napari_unet.network.checkpoint import Checkpoint
from napari_unet.network.device import Device
from napari_unet.network.unet import Architecture, UNet, build
from napari_unet.training.annotated import Annotations
from napari_unet.training.augmentation import TrainingTile
from napari_unet.training.losses import weighted_cross_entropy
from napari_unet.training.sampler import Sampler

_SETTLE_STEPS = 300  # steps without a new stroke after which the learning rate has halved
_LOWEST_RATE = 0.1  # of the learning rate
_KEEP_EVERY = 25  # steps between the states to which a diverged training goes back
_GRADIENT_LIMIT = 1.0


class Trainer:
    """A network that learns, its moving average that predicts, and everything needed to go on later.

    Needs annotations with at least two classes; ``refresh`` after they change.
    """

    def __init__(
        self,
        annotations: Annotations,
        settings: Settings,
        device: Device,
        seed: int = 0,
        start: Checkpoint | None = None,
    ) -> None:
        self.annotations = annotations
        self.step_count = start.step if start else 0
        self.loss = math.nan
        self._settings = settings
        self._device = device
        self._seed = seed
        self._random = np.random.default_rng(seed)
        self.class_ids = annotations.class_ids()
        self._network = self._place(_starting_network(annotations, settings, seed, start))
        self._average = copy.deepcopy(self._network).eval().requires_grad_(False)
        self._rate = settings.learning_rate
        self._since_stroke = 0
        self._steps_here = 0
        self._optimiser = self._fresh_optimiser()
        self._sampler = Sampler(annotations, settings.tile, self._random)
        if start is not None:
            self._resume(start)
        self._good = self._snapshot()

    def refresh(self, settings: Settings) -> None:
        """Take note of new strokes and settings; a class painted for the first time gets an output."""
        if settings.learning_rate != self._settings.learning_rate:
            self._rate = settings.learning_rate
        self._settings = settings
        self._since_stroke = 0
        class_ids = self.annotations.class_ids()
        if class_ids != self.class_ids:
            for network in (self._network, self._average):
                adapt_head(network, self.class_ids, class_ids)
            self.class_ids = class_ids
            self._optimiser = self._fresh_optimiser()
            self._steps_here = 0
            self._good = self._snapshot()
        self._sampler.refresh(settings.tile)

    def step(self) -> float:
        """Learn from one batch; the loss, or NaN when the step diverged and was undone at a lower rate."""
        tiles = [self._sampler.draw() for _ in range(self._settings.batch)]
        pixels, target, weights = self._batch(tiles)
        for group in self._optimiser.param_groups:
            group["lr"] = self._learning_rate()
            group["weight_decay"] = self._settings.weight_decay
        self._network.train()
        with self._device.autocast():
            logits = self._network(pixels)
        loss = weighted_cross_entropy(logits, target, weights)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self._network.parameters(), _GRADIENT_LIMIT)
        # A finite loss can hide a gradient that is not; stepping on it would ruin every weight for good.
        if not (torch.isfinite(norm) and torch.isfinite(loss)):
            self._go_back()
            return math.nan
        self._optimiser.step()
        self._follow()
        self.step_count += 1
        self._since_stroke += 1
        self._steps_here += 1
        if self.step_count % _KEEP_EVERY == 0:
            self._good = self._snapshot()
        self.loss = float(loss.detach())
        return self.loss

    def candidate(self) -> UNet:
        """A copy of the moving average, for predicting while training goes on."""
        return copy.deepcopy(self._average)

    def checkpoint(self) -> Checkpoint:
        """All that training needs to go on as if it had not stopped."""
        names = {label.id: label.name for label in self.annotations.project.classes()}
        return Checkpoint(
            self._network.architecture,
            self.class_ids,
            tuple(names.get(k, "") for k in self.class_ids),
            self.step_count,
            _on_cpu(self._network.state_dict()),
            _training_tensors(self._average, self._optimiser),
            {
                "random": self._random.bit_generator.state,
                "rate": self._rate,
                "learning_rate": self._settings.learning_rate,
                "since_stroke": self._since_stroke,
                "steps_here": self._steps_here,
            },
        )

    def _resume(self, start: Checkpoint) -> None:
        average = {k.removeprefix("average."): v for k, v in start.training.items() if k.startswith("average.")}
        if start.class_ids != self.class_ids or not average:
            self._average.load_state_dict(self._network.state_dict())
            return
        self._average.load_state_dict(average)
        _restore_optimiser(self._optimiser, start.training)
        if start.facts.get("learning_rate") == self._settings.learning_rate:  # else the user chose another since
            self._rate = float(start.facts.get("rate", self._rate))
        self._since_stroke = int(start.facts.get("since_stroke", 0))
        self._steps_here = int(start.facts.get("steps_here", 0))
        if "random" in start.facts:
            self._random.bit_generator.state = start.facts["random"]

    def _place(self, network: UNet) -> UNet:
        return network.to(self._device.place, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _fresh_optimiser(self) -> torch.optim.AdamW:
        return torch.optim.AdamW(
            self._network.parameters(), self._settings.learning_rate, weight_decay=self._settings.weight_decay
        )

    def _learning_rate(self) -> float:
        warm = min(1.0, (self._steps_here + 1) / max(1, self._settings.warm_up))
        settled = max(_LOWEST_RATE, 1 / (1 + self._since_stroke / _SETTLE_STEPS))
        return self._rate * warm * settled

    def _batch(self, tiles: list[TrainingTile]) -> tuple[Tensor, Tensor, Tensor]:
        index = np.zeros(256, np.int64)
        index[list(self.class_ids)] = np.arange(len(self.class_ids))
        pixels = torch.from_numpy(np.stack([tile.pixels for tile in tiles])).permute(0, 3, 1, 2)  # is channels_last
        target = torch.from_numpy(index[np.stack([tile.labels for tile in tiles])])
        weights = torch.from_numpy(np.stack([tile.weights for tile in tiles]))
        place = self._device.place
        return pixels.to(place), target.to(place), weights.to(place)

    @torch.no_grad()
    def _follow(self) -> None:
        # A young average forgets faster: it would otherwise show the random start for a hundred steps.
        keep = min(self._settings.averaging, (1 + self._steps_here) / (10 + self._steps_here))
        mine: list[Tensor] = [*self._average.parameters()]
        theirs: list[Tensor] = [*self._network.parameters()]
        torch._foreach_lerp_(mine, theirs, 1 - keep)

    def _snapshot(self) -> dict[str, Any]:
        state = {
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }
        return copy.deepcopy(state)

    def _go_back(self) -> None:
        good = copy.deepcopy(self._good)
        self._network.load_state_dict(good["network"])
        self._average.load_state_dict(good["average"])
        self._optimiser.load_state_dict(good["optimiser"])
        self._rate /= 2


@torch.no_grad()
def adapt_head(network: UNet, old: tuple[int, ...], new: tuple[int, ...]) -> None:
    """Rebuild the last layer for other classes; classes in both keep their weights, new ones start at zero."""
    head = torch.nn.Conv2d(network.feature_channels, len(new), 1).to(network.head.weight)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)  # type: ignore[arg-type]
    for position, class_id in enumerate(new):
        if class_id in old:
            head.weight[position] = network.head.weight[old.index(class_id)]
            head.bias[position] = network.head.bias[old.index(class_id)]  # type: ignore[index]
    head.requires_grad_(network.head.weight.requires_grad)
    network.head = head.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    a = network.architecture
    network.architecture = Architecture(a.channels, len(new), a.width, a.depth)


def _starting_network(annotations: Annotations, settings: Settings, seed: int, start: Checkpoint | None) -> UNet:
    wanted = Architecture(annotations.channels(), len(annotations.class_ids()), settings.width)
    if start is None or start.architecture.channels != wanted.channels:
        return build(wanted, seed)
    network = start.network()
    if start.class_ids != annotations.class_ids():
        adapt_head(network, start.class_ids, annotations.class_ids())
    return network


def _on_cpu(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().float().cpu().contiguous().clone() for name, tensor in tensors.items()}


def _training_tensors(average: UNet, optimiser: torch.optim.AdamW) -> dict[str, Tensor]:
    tensors = {f"average.{name}": tensor for name, tensor in average.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": torch.as_tensor(value) for name, value in state.items()}
    return _on_cpu(tensors)


def _restore_optimiser(optimiser: torch.optim.AdamW, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimiser."):
            _, index, key = name.split(".")
            state.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
