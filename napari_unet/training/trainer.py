"""One training step after the other, on whatever is annotated at that moment."""

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_unet.config import Settings
from napari_unet.dataset.annotated import REVISION, Annotations
from napari_unet.network.checkpoint import Checkpoint
from napari_unet.network.device import Device
from napari_unet.network.feature_cache import FeatureCache
from napari_unet.network.unet import Architecture, DeepShallowHead, UNet
from napari_unet.training.batch import Batches
from napari_unet.training.device_group import ALONE, Alone
from napari_unet.training.ema import Ema
from napari_unet.training.head_fit import HeadFit
from napari_unet.training.optimisation import Optimisation
from napari_unet.training.plateau import Plateau
from napari_unet.training.saved_network import saved_network
from napari_unet.training.starting import Start, adapt_head, starting_network, take_over
from napari_unet.training.step_loss import StepLoss

_KEEP_EVERY = 25  # steps between the states to which a diverged training goes back
_GRADIENT_LIMIT = 1.0
_FITTED_RATE = 0.3  # share of the learning rate for a network from base weights with a fitted head
_AVERAGE = "average."  # prefix of the EMA's tensors in a checkpoint
_SHARES_KNOWN = "shares_known"  # fact of a checkpoint, see ``HeadFit``


@dataclass(frozen=True, slots=True)
class _GoodState:
    """A state to which a training that diverged goes back, and the number of steps behind it."""

    step: int
    network: dict[str, Tensor]
    ema: dict[str, Tensor]
    optimiser: dict[str, Any] | None


class Trainer:
    """A network that learns, its EMA that predicts, and everything needed to go on later.

    Needs annotations with at least two classes; call ``refresh`` after they change. A training that begins anew has
    ``is_new`` set until ``fit_head``.

    Parameters
    ----------
    start : where training starts; its checkpoint is used where it fits image and settings
    group : the processes that train together

    Attributes
    ----------
    class_ids : the class of each output
    settings : the newest ones that ``refresh`` was given
    step_count : steps behind the network
    loss : of the newest step; NaN before the first
    batches : gives the tiles of each step
    plateau : watches the loss since the last stroke
    began_with : what the network started from; "" where an earlier version did not note it
    """

    def __init__(
        self,
        annotations: Annotations,
        settings: Settings,
        device: Device,
        start: Start = Start(),  # noqa: B008 - frozen
        group: Alone = ALONE,
    ) -> None:
        self.annotations = annotations
        self.class_ids = annotations.class_ids()
        self.loss = math.nan
        self.plateau = Plateau()
        self.settings = settings
        self._group = group
        self._random = np.random.default_rng(start.seed)
        network = starting_network(annotations.channels(), self.class_ids, settings, start)
        network = network.to(device.torch_device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network, self._ema = network, Ema(network)
        self._loss_of = StepLoss(network, self._ema.network, device, self._random, group)
        share = _FITTED_RATE if self.answers_at_once else 1.0
        self._optimisation = Optimisation(network.parameters, settings, share, device)
        self.batches = Batches(annotations, network.architecture, settings, device, self._random)
        self._head_fit = HeadFit(annotations, device, self._random, start.seed)
        earlier = start.checkpoint
        # The user may have chosen another kind of network since: what the checkpoint holds is of no use for it then.
        self.is_new = earlier is None or not earlier.architecture.is_like(network.architecture)
        self.began_with = start.beginning(settings, is_new=self.is_new)
        self.step_count = 0 if earlier is None or self.is_new else earlier.step
        if earlier is not None and not self.is_new:
            self._resume(earlier)
        self._agree()

    @property
    def architecture(self) -> Architecture:
        """Return the architecture of the network."""
        return self._network.architecture

    @property
    def answers_at_once(self) -> bool:
        """Tell whether the head can be fitted, so that a stroke is answered before any step."""
        return isinstance(self._network.head, DeepShallowHead)

    def fit_head(self, feature_cache: FeatureCache | None = None) -> None:
        """Fit the head of the EMA to the strokes, and train on from there; other heads are left as they are."""
        if self._head_fit.fit(self._ema.network, self._network, feature_cache):
            self._optimisation.begin_again()
        self.is_new = False
        self._agree()

    def restore(self, network: UNet, class_ids: tuple[int, ...]) -> None:
        """Go back to a network that was kept and train on from it."""
        self._optimisation.fates.forget()
        take_over(self._network, self.class_ids, network, class_ids)
        self._ema.begin_at(self._network)
        self._optimisation.begin_again()
        self.plateau = Plateau()
        self._good = self._state()

    def refresh(
        self, settings: Settings, *, new_strokes: bool = True, feature_cache: FeatureCache | None = None
    ) -> None:
        """Take note of new strokes and settings; a class painted for the first time gets an output."""
        self._settle()
        self.settings = settings
        self._optimisation.note_strokes(settings)
        self.plateau = Plateau()
        class_ids = self.annotations.class_ids()
        if class_ids != self.class_ids:
            for network in (self._network, self._ema.network):
                adapt_head(network, self.class_ids, class_ids)
            self.class_ids = class_ids
            self._optimisation.begin_again()
            new_strokes = True
        self.batches.refresh(settings)
        if new_strokes:
            self._head_fit.correct(self._ema.network, self._network, feature_cache)
        self._good = self._state()

    def step(self) -> float:
        """Learn from one batch; return the loss, or NaN when a step diverged and was undone at a lower rate.

        On a GPU it is the loss of the step before, so that the GPU has the next step at hand when it has done this one.
        """
        batch = self.batches.draw(self.settings, self.class_ids)
        optimiser = self._optimisation.ready()
        loss, total = self._loss_of(batch, self.settings)
        optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self._group.add_gradients(self._network.parameters())
        norm = torch.nn.utils.clip_grad_norm_(self._network.parameters(), _GRADIENT_LIMIT)
        found = self._optimisation.fates.next(loss, total, norm)
        if math.isnan(found):
            self._go_back()
            return math.nan
        # All steps behind these weights were finite: what they are now can be gone back to.
        if self.step_count >= self._good.step + _KEEP_EVERY:
            self._good = self._state()
        optimiser.step()
        self._note_step(found)
        return found

    def _note_step(self, loss: float) -> None:
        self._ema.follow(self._network, self._decay())
        self.step_count += 1
        self._optimisation.note_step()
        self.loss = loss
        self.plateau.take(loss)

    def _settle(self) -> None:
        """Wait for the last step, and undo it if it diverged: nobody is to see its weights then."""
        if not self._optimisation.fates.all_finite():
            self._go_back()

    def let_go(self) -> None:
        """Drop what a step that broke off has computed, and pixels that wait for the next; the weights stay."""
        self._network.zero_grad(set_to_none=True)
        self.batches.let_go()

    @property
    def is_settled(self) -> bool:
        """Tell whether the loss has stopped falling since the last stroke."""
        return self.plateau.reached

    def candidate(self) -> UNet:
        """Return a copy of the EMA, for predicting while training goes on."""
        self._settle()
        return self._ema.candidate()

    def newest(self) -> tuple[UNet, tuple[int, ...], int]:
        """Return a copy of the EMA, its class ids and the number of steps behind it."""
        return self.candidate(), self.class_ids, self.step_count

    def checkpoint(self, facts: dict[str, Any] | None = None) -> Checkpoint:
        """Return all that training needs to go on as if it had not stopped; ``facts`` are added to its own."""
        self._settle()
        averaged = {f"{_AVERAGE}{name}": tensor for name, tensor in self._ema.network.state_dict().items()}
        unforeseen = {name: torch.from_numpy(at) for name, at in self.annotations.unforeseen.positions().items()}
        return saved_network(
            self._network,
            self.class_ids,
            self.step_count,
            self.annotations,
            {
                "random": self._random.bit_generator.state,
                **self._optimisation.facts(),
                **self.annotations.unforeseen.facts(),
                REVISION: self.annotations.revision,
                _SHARES_KNOWN: self._head_fit.shares_known,
                **(facts or {}),
            },
            averaged | self._optimisation.tensors() | unforeseen,
        )

    def _resume(self, start: Checkpoint) -> None:
        positions = {name: tensor.numpy() for name, tensor in start.training.items() if tensor.dtype == torch.int64}
        self.annotations.resume(start.facts, positions)
        self._head_fit.shares_known = start.facts.get(_SHARES_KNOWN, 0)
        averaged = {k.removeprefix(_AVERAGE): v for k, v in start.training.items() if k.startswith(_AVERAGE)}
        if start.class_ids != self.class_ids or not averaged:
            self._ema.network.load_state_dict(self._network.state_dict())
            return
        self._ema.network.load_state_dict(averaged)
        self._optimisation.resume(start)
        if "random" in start.facts:
            self._random.bit_generator.state = start.facts["random"]

    def _decay(self) -> float:
        """Return the share of itself that the EMA keeps at the next step."""
        keep = self.settings.averaging
        if self.answers_at_once:
            return keep
        # A young average forgets faster: it would otherwise show the random start for a hundred steps.
        steps = self._optimisation.steps_here
        return min(keep, (1 + steps) / (10 + steps))

    def _agree(self) -> None:
        """Give every process of the group the network of the first."""
        self._group.agree([self._network, self._ema.network])
        self._good = self._state()

    def _state(self) -> _GoodState:
        networks = self._network.state_dict(), self._ema.network.state_dict()
        return copy.deepcopy(_GoodState(self.step_count, *networks, self._optimisation.state()))

    def _go_back(self) -> None:
        good = copy.deepcopy(self._good)
        self._network.load_state_dict(good.network)
        self._ema.network.load_state_dict(good.ema)
        self._optimisation.go_back(good.optimiser)
        self._optimisation.halve_rate()
