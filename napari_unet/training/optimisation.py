"""The optimiser of a network and its learning rate."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from napari_unet.config import Settings
from napari_unet.network.checkpoint import Checkpoint
from napari_unet.network.device import Device
from napari_unet.network.presets import preset_named
from napari_unet.training.step_fate import StepFates

_SETTLE_STEPS = 300  # steps without a new stroke after which the learning rate has halved
_LOWEST_RATE = 0.1  # share of the learning rate that is left at last
_PREFIX = "optimiser."  # begins the names of the optimiser's tensors in a checkpoint


class Optimisation:
    """Warms the learning rate up, lowers it while no stroke comes, and halves it after a step that diverged.

    Parameters
    ----------
    parameters : gives those of the network; asked again after its head was rebuilt
    settings : preset, learning rate, warm-up and weight decay
    share : of the learning rate that this network learns with

    Attributes
    ----------
    fates : what came of the steps
    """

    def __init__(
        self, parameters: Callable[[], Iterable[nn.Parameter]], settings: Settings, share: float, device: Device
    ) -> None:
        self.fates = StepFates(device)
        self.steps_here = 0  # since the weights were last set from elsewhere
        self._parameters = parameters
        self._settings = settings
        self._share = share
        self._preset = preset_named(settings.preset)
        self._rate = settings.learning_rate
        self._since_stroke = 0
        # Made with the first step: torch imports its compiler for it, which would keep a reopened project waiting.
        self._optimiser: torch.optim.Optimizer | None = None
        self._first_state: dict[str, Tensor] = {}  # with which the optimiser begins

    @property
    def learning_rate(self) -> float:
        """Return the learning rate of the next step."""
        warm = min(1.0, (self.steps_here + 1) / max(1, self._settings.warm_up))
        settled = max(_LOWEST_RATE, 1 / (1 + self._since_stroke / _SETTLE_STEPS))
        return self._rate * warm * settled * self._share

    def begin_again(self) -> None:
        """Forget what the optimiser knew of other weights, and warm up again."""
        self._optimiser, self._first_state = None, {}
        self.steps_here = 0

    def note_strokes(self, settings: Settings) -> None:
        """Take note of new strokes or settings: the learning rate is high again."""
        if settings.learning_rate != self._settings.learning_rate:
            self._rate = settings.learning_rate
        self._settings = settings
        self._since_stroke = 0

    def ready(self) -> torch.optim.Optimizer:
        """Return the optimiser with learning rate and weight decay of the next step."""
        optimiser = self._made()
        for group in optimiser.param_groups:
            group["lr"] = self.learning_rate
            group["weight_decay"] = self._settings.weight_decay
        return optimiser

    def note_step(self) -> None:
        """Take note of a step that was done."""
        self._since_stroke += 1
        self.steps_here += 1

    def halve_rate(self) -> None:
        """Learn with half the rate from now on."""
        self._rate /= 2

    def resume(self, start: Checkpoint) -> None:
        """Go on where a checkpoint of the same network and classes ended."""
        self._first_state = {name: tensor for name, tensor in start.training.items() if name.startswith(_PREFIX)}
        if start.facts.get("learning_rate") == self._settings.learning_rate:  # else the user chose another since
            self._rate = float(start.facts.get("rate", self._rate))
        self._since_stroke = int(start.facts.get("since_stroke", 0))
        self.steps_here = int(start.facts.get("steps_here", 0))

    def tensors(self) -> dict[str, Tensor]:
        """Return the optimiser's tensors for a checkpoint."""
        if self._optimiser is None:
            return self._first_state
        return {
            f"{_PREFIX}{index}.{name}": torch.as_tensor(value)
            for index, state in self._optimiser.state_dict()["state"].items()
            for name, value in state.items()
        }

    def facts(self) -> dict[str, float]:
        """Return the learning rate and the steps since strokes, for a checkpoint."""
        return {
            "rate": self._rate,
            "learning_rate": self._settings.learning_rate,
            "since_stroke": self._since_stroke,
            "steps_here": self.steps_here,
        }

    def state(self) -> dict[str, Any] | None:
        """Return the optimiser's state dict, not copied; None before the first step."""
        return self._optimiser.state_dict() if self._optimiser else None

    def go_back(self, state: dict[str, Any] | None) -> None:
        """Set the optimiser to an earlier state."""
        self.fates.forget()
        if state is None:
            self._optimiser = None
        else:
            self._made().load_state_dict(state)

    def _made(self) -> torch.optim.Optimizer:
        if self._optimiser is None:
            self._optimiser = self._preset.optimiser_for(self._parameters(), self._settings.weight_decay)
            _load(self._optimiser, self._first_state)
        return self._optimiser


def _load(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        _, index, key = name.split(".")
        state.setdefault(int(index), {})[key] = _laid_out_as(parameters[int(index)], tensor)
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def _laid_out_as(parameter: Tensor, tensor: Tensor) -> Tensor:
    """Return a tensor in the memory order of its parameter: a fused optimiser goes through both without looking."""
    return torch.empty_like(parameter).copy_(tensor) if tensor.shape == parameter.shape else tensor
