"""One training step after the other, on whatever is annotated at that moment."""

import copy
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.dataset.augmentation import TrainingTile
from napari_unet.dataset.sampler import Sampler
from napari_unet.dataset.training_image import as_fact
from napari_unet.dataset.weight_map import random_mask
from napari_unet.network.checkpoint import Checkpoint, prior_fact
from napari_unet.network.device import Device
from napari_unet.network.feature_cache import FeatureCache
from napari_unet.network.presets import preset_named
from napari_unet.network.unet import Architecture, DeepShallowHead, UNet
from napari_unet.training.consistency import consistency, disturbed
from napari_unet.training.device_group import ALONE, Alone
from napari_unet.training.instant_head import expect_shares, fit_head
from napari_unet.training.labelled_features import labelled_features
from napari_unet.training.losses import Loss
from napari_unet.training.starting import adapt_head, starting_network

_SETTLE_STEPS = 300  # steps without a new stroke after which the learning rate has halved
_LOWEST_RATE = 0.1  # of the learning rate
_KEEP_EVERY = 25  # steps between the states to which a diverged training goes back
_GRADIENT_LIMIT = 1.0
_PATIENCE = 400  # steps without a lower loss after which more of them bring nothing
_LOWER = 0.97  # of the lowest smoothed loss so far counts as lower
_SMOOTHING = 0.98  # of the loss, per step
_FITTED_RATE = 0.3  # of the learning rate, for a network that starts from base weights and a fitted head


@dataclass(slots=True)
class Plateau:
    """Notices when the loss stops falling."""

    steps: int = 0
    smooth: float = 0.0
    lowest: float = math.inf
    lowest_step: int = 0

    def take(self, loss: float) -> None:
        """Note the loss of one more step."""
        self.steps += 1
        self.smooth = _SMOOTHING * self.smooth + (1 - _SMOOTHING) * loss
        unbiased = self.smooth / (1 - _SMOOTHING**self.steps)
        if unbiased < _LOWER * self.lowest:
            self.lowest, self.lowest_step = unbiased, self.steps

    @property
    def reached(self) -> bool:
        """Whether the loss has not fallen for long."""
        return self.steps - self.lowest_step >= _PATIENCE


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
        base: Checkpoint | None = None,
        group: Alone = ALONE,
        feature_cache: FeatureCache | None = None,
    ) -> None:
        self._group = group
        self._feature_cache = feature_cache  # until the first step
        self.annotations = annotations
        self.loss = math.nan
        self._settings = settings
        self._device = device
        self._seed = seed
        self._random = np.random.default_rng(seed)
        self.class_ids = annotations.class_ids()
        self._preset = preset_named(settings.preset)
        self._network = self._place(
            starting_network(annotations.channels(), self.class_ids, settings, seed, start, base)
        )
        if start is not None and not _is_of(start, self._network.architecture):
            start = None  # another network was chosen since
        self.step_count = start.step if start else 0
        self._ema = copy.deepcopy(self._network).eval().requires_grad_(False)
        self._rate = settings.learning_rate
        self._since_stroke = 0
        self._steps_here = 0
        self._plateau = Plateau()
        # Made with the first step: torch imports its compiler for it, which would keep a reopened project waiting.
        self._optimiser: torch.optim.Optimizer | None = None
        self._optimiser_tensors: dict[str, Tensor] = {}  # that it begins with
        seen = self._network.architecture
        self._sampler = Sampler(
            annotations, self._input_side(), self._random, rim=seen.margin, context_planes=seen.context_planes
        )
        if start is not None:
            self._resume(start)
        else:
            self.fit_head()
        group.agree([*_tensors(self._network), *_tensors(self._ema)])
        self._good = self._snapshot()

    @property
    def answers_at_once(self) -> bool:
        """Whether the head can be fitted, so that a stroke is answered before any step."""
        return isinstance(self._network.head, DeepShallowHead)

    def fit_head(self) -> None:
        """Fit the head of the moving average to the strokes, and train on from there."""
        if self._fitted(from_nothing=True):
            _copy(self._ema, self._network)
            self._begin_steps()

    @torch.no_grad()
    def correct_head(self) -> None:
        """Correct the head of the moving average for new strokes; the trained network's head moves by as much.

        The rest of the network stays ahead of its average: going back to it with every stroke would undo what was
        learned between two strokes.
        """
        before = [parameter.clone() for parameter in self._ema.head.parameters()]
        if self._fitted(from_nothing=False):
            for own, old, new in zip(self._network.head.parameters(), before, self._ema.head.parameters(), strict=True):
                own.add_(new - old)
            _copy_all(self._ema.head.buffers(), self._network.head.buffers())

    @torch.enable_grad()
    def _fitted(self, *, from_nothing: bool) -> bool:
        head = self._ema.head
        if not isinstance(head, DeepShallowHead):
            return False
        known = labelled_features(
            self._ema,
            self.annotations,
            self._device,
            self._random,
            first=from_nothing,
            feature_cache=self._feature_cache,
        )
        head.requires_grad_(True)
        if from_nothing:
            fit_head(head, known.features, known.target, seed=self._seed)
            expect_shares(head, known.anywhere)
        else:
            # First the shares, or they would take back what the new strokes say.
            expect_shares(head, known.anywhere)
            fit_head(head, known.features, known.target, known.new, known.unlabelled, self._seed)
        head.requires_grad_(False)
        return True

    def restore(self, network: UNet, class_ids: tuple[int, ...]) -> None:
        """Go back to a network that was kept and train on from it."""
        kept = copy.deepcopy(network)
        adapt_head(kept, class_ids, self.class_ids)
        for mine in (self._network, self._ema):
            _copy(kept, mine)
        self._begin_steps()
        self._plateau = Plateau()
        self._good = self._snapshot()

    def refresh(self, settings: Settings, *, new_strokes: bool = True) -> None:
        """Take note of new strokes and settings; a class painted for the first time gets an output."""
        if settings.learning_rate != self._settings.learning_rate:
            self._rate = settings.learning_rate
        self._settings = settings
        self._since_stroke = 0
        self._plateau = Plateau()
        class_ids = self.annotations.class_ids()
        if class_ids != self.class_ids:
            for network in (self._network, self._ema):
                adapt_head(network, self.class_ids, class_ids)
            self.class_ids = class_ids
            self._begin_steps()
            new_strokes = True
        self._sampler.refresh(self._input_side())
        if new_strokes:
            self.correct_head()
        self._good = self._snapshot()

    def step(self) -> float:
        """Learn from one batch; the loss, or NaN when the step diverged and was undone at a lower rate."""
        tiles = [self._sampler.draw() for _ in range(self._settings.batch)]
        pixels, target, weights = self._batch(tiles)
        optimiser = self._ready_optimiser()
        for group in optimiser.param_groups:
            group["lr"] = self._learning_rate()
            group["weight_decay"] = self._settings.weight_decay
        own, total_of = self._group.own, self._group.total
        # Drawn for the whole batch: every process of a group then has the same random numbers as one alone.
        seen = own(disturbed(pixels, self._random) if self._has_teacher else pixels)
        pixels, target, weights = own(pixels), own(target), own(weights)
        teacher = self._teacher_logits(pixels)
        self._network.train()
        with self._device.autocast():
            logits = self._network(seen)
        head = self._network.head
        # The loss counts every class alike; what the head expects of an image is not for it to unlearn.
        even = logits - head.prior[:, None, None] if isinstance(head, DeepShallowHead) else logits
        loss = Loss(self._settings.loss, self._settings.label_smoothing, total=total_of)(even, target, weights)
        total = loss
        if teacher is not None:
            total = loss + self._settings.consistency * consistency(logits, teacher, weights == 0, total_of)
        optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self._group.add_gradients(self._network.parameters())
        norm = torch.nn.utils.clip_grad_norm_(self._network.parameters(), _GRADIENT_LIMIT)
        # A finite loss can hide a gradient that is not; stepping on it would ruin every weight for good.
        if not (torch.isfinite(norm) and torch.isfinite(total)):
            self._go_back()
            return math.nan
        optimiser.step()
        self._feature_cache = None
        self._follow()
        self.step_count += 1
        self._since_stroke += 1
        self._steps_here += 1
        if self.step_count % _KEEP_EVERY == 0:
            self._good = self._snapshot()
        self.loss = float(loss.detach())
        self._plateau.take(self.loss)
        return self.loss

    def let_go(self) -> None:
        """Drop what a step that broke off has computed, and what is kept for speed; the weights are those before it."""
        self._network.zero_grad(set_to_none=True)
        self._feature_cache = None

    @property
    def is_settled(self) -> bool:
        """Whether the loss has stopped falling since the last stroke."""
        return self._plateau.reached

    def candidate(self) -> UNet:
        """A copy of the moving average, for predicting while training goes on."""
        return copy.deepcopy(self._ema)

    def checkpoint(self) -> Checkpoint:
        """All that training needs to go on as if it had not stopped."""
        names = {label.id: label.name for label in self.annotations.project.classes()}
        return Checkpoint(
            self._network.architecture,
            self.class_ids,
            tuple(names.get(k, "") for k in self.class_ids),
            self.step_count,
            _on_cpu(self._network.state_dict()),
            _on_cpu(self._training_tensors()),
            {
                "random": self._random.bit_generator.state,
                "rate": self._rate,
                "learning_rate": self._settings.learning_rate,
                "since_stroke": self._since_stroke,
                "steps_here": self._steps_here,
                **prior_fact(self._network),
                **as_fact(self.annotations.training_images()),
            },
        )

    def _resume(self, start: Checkpoint) -> None:
        average = {k.removeprefix("average."): v for k, v in start.training.items() if k.startswith("average.")}
        if start.class_ids != self.class_ids or not average:
            self._ema.load_state_dict(self._network.state_dict())
            return
        self._ema.load_state_dict(average)
        self._optimiser_tensors = {k: v for k, v in start.training.items() if k.startswith("optimiser.")}
        if start.facts.get("learning_rate") == self._settings.learning_rate:  # else the user chose another since
            self._rate = float(start.facts.get("rate", self._rate))
        self._since_stroke = int(start.facts.get("since_stroke", 0))
        self._steps_here = int(start.facts.get("steps_here", 0))
        if "random" in start.facts:
            self._random.bit_generator.state = start.facts["random"]

    @property
    def _has_teacher(self) -> bool:
        """Whether the moving average has an opinion; it is worth nothing where it began at random."""
        return self._settings.consistency > 0 and self.answers_at_once

    @torch.no_grad()
    def _teacher_logits(self, pixels: Tensor) -> Tensor | None:
        """What the moving average says."""
        if not self._has_teacher:
            return None
        with self._device.autocast():
            logits: Tensor = self._ema(pixels)
        return logits

    def _place(self, network: UNet) -> UNet:
        return network.to(self._device.torch_device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _begin_steps(self) -> None:
        """Forget what the optimiser knew of other weights, and warm up again."""
        self._optimiser, self._optimiser_tensors = None, {}
        self._steps_here = 0

    def _ready_optimiser(self) -> torch.optim.Optimizer:
        if self._optimiser is None:
            self._optimiser = self._preset.optimiser_for(self._network.parameters(), self._settings.weight_decay)
            _restore_optimiser(self._optimiser, self._optimiser_tensors)
        return self._optimiser

    def _training_tensors(self) -> dict[str, Tensor]:
        tensors = {f"average.{name}": tensor for name, tensor in self._ema.state_dict().items()}
        if self._optimiser is None:
            return tensors | self._optimiser_tensors
        for index, state in self._optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": torch.as_tensor(value) for name, value in state.items()}
        return tensors

    def _input_side(self) -> int:
        return self._network.architecture.input_side(self._settings.tile)

    def _learning_rate(self) -> float:
        warm = min(1.0, (self._steps_here + 1) / max(1, self._settings.warm_up))
        settled = max(_LOWEST_RATE, 1 / (1 + self._since_stroke / _SETTLE_STEPS))
        return self._rate * warm * settled * (_FITTED_RATE if self.answers_at_once else 1)

    def _batch(self, tiles: list[TrainingTile]) -> tuple[Tensor, Tensor, Tensor]:
        index = np.zeros(256, np.int64)
        index[list(self.class_ids)] = np.arange(len(self.class_ids))
        pixels = torch.from_numpy(np.stack([tile.pixels for tile in tiles])).permute(0, 3, 1, 2)  # is channels_last
        target = torch.from_numpy(index[np.stack([tile.labels for tile in tiles])])
        shown = random_mask(np.stack([tile.weights for tile in tiles]), self._settings.pixel_share, self._random)
        margin, place = self._network.architecture.margin, self._device.torch_device
        answered = np.s_[:, margin : shown.shape[1] - margin, margin : shown.shape[2] - margin]
        return pixels.to(place), target[answered].to(place), torch.from_numpy(shown[answered]).to(place)

    @torch.no_grad()
    def _follow(self) -> None:
        keep = self._settings.averaging
        if not self.answers_at_once:
            # A young average forgets faster: it would otherwise show the random start for a hundred steps.
            keep = min(keep, (1 + self._steps_here) / (10 + self._steps_here))
        mine: list[Tensor] = [*self._ema.parameters()]
        theirs: list[Tensor] = [*self._network.parameters()]
        torch._foreach_lerp_(mine, theirs, 1 - keep)
        # Statistics of a batch norm are averages already.
        _copy_all(self._network.buffers(), self._ema.buffers())

    def _snapshot(self) -> dict[str, Any]:
        state = {
            "network": self._network.state_dict(),
            "average": self._ema.state_dict(),
            "optimiser": self._optimiser.state_dict() if self._optimiser else None,
        }
        return copy.deepcopy(state)

    def _go_back(self) -> None:
        good = copy.deepcopy(self._good)
        self._network.load_state_dict(good["network"])
        self._ema.load_state_dict(good["average"])
        if good["optimiser"] is None:
            self._optimiser = None
        else:
            self._ready_optimiser().load_state_dict(good["optimiser"])
        self._rate /= 2


def _is_of(start: Checkpoint, architecture: Architecture) -> bool:
    return replace(start.architecture, classes=architecture.classes) == architecture


def _tensors(network: UNet) -> list[Tensor]:
    """All that a network consists of, what its head expects of the classes included."""
    return [tensor.detach() for tensor in (*network.parameters(), *network.buffers())]


def _copy(source: UNet, target: UNet) -> None:
    _copy_all(_tensors(source), _tensors(target))


def _copy_all(sources: Iterable[Tensor], targets: Iterable[Tensor]) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.copy_(source)


def _on_cpu(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().float().cpu().contiguous().clone() for name, tensor in tensors.items()}


def _restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        _, index, key = name.split(".")
        state.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
