"""The network that a training starts from: one of the project, base weights, or a fresh one."""

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from napari_unet.config import Settings
from napari_unet.network.base import BaseWeights, from_base
from napari_unet.network.checkpoint import Checkpoint
from napari_unet.network.presets import preset_named
from napari_unet.network.unet import Architecture, DeepShallowHead, UNet, build
from napari_unet.training.device_settings import beginning_of
from napari_unet.training.network_tensors import copy_network

Base = BaseWeights | None  # where new networks start: at random without


@dataclass(frozen=True, slots=True)
class Start:
    """The start of a training: seed, earlier checkpoint and base weights.

    Attributes
    ----------
    seed : of everything that is drawn at random
    checkpoint : where an earlier training ended; None to begin anew
    base : base weights; None to begin at random
    """

    seed: int = 0
    checkpoint: Checkpoint | None = None
    base: Base = None

    def at(self, checkpoint: Checkpoint | None) -> "Start":
        """Return the same start from where an earlier training ended."""
        return replace(self, checkpoint=checkpoint)

    def base_for(self, settings: Settings) -> Checkpoint | None:
        """Return the base weights where the settings' network can start from them, else None."""
        return self.base.for_preset(preset_named(settings.preset), settings.width) if self.base else None

    def beginning(self, settings: Settings, *, is_new: bool) -> str:
        """Return what results say that the network began with; "" where an earlier version did not note it.

        Parameters
        ----------
        is_new : whether the network is not that of the checkpoint
        """
        if self.checkpoint is not None and not is_new:
            return beginning_of(self.checkpoint.facts)
        return self.base.name if self.base is not None and self.base_for(settings) else "random weights"


def starting_network(channels: int, class_ids: tuple[int, ...], settings: Settings, start: Start) -> UNet:
    """Return the checkpoint's network where it fits image and preset, else one from base weights, else a fresh one."""
    fresh = preset_named(settings.preset).architecture_for(channels, len(class_ids), settings.context_planes)
    if settings.width:
        fresh = replace(fresh, width=settings.width)
    base, checkpoint = start.base_for(settings), start.checkpoint
    if checkpoint is not None and _fits(checkpoint, fresh, base):
        network = checkpoint.network()
        adapt_head(network, checkpoint.class_ids, class_ids)
        return network
    return from_base(base, channels, len(class_ids), settings.context_planes) if base else build(fresh, start.seed)


def network_choice(settings: Settings) -> tuple[str, int, int]:
    """Return the settings that decide which network is trained: when one of them changes, another one begins."""
    return settings.preset, settings.width, settings.context_planes


@torch.no_grad()
def adapt_head(network: UNet, old: tuple[int, ...], new: tuple[int, ...]) -> None:
    """Rebuild the last layer for other classes; classes in both keep their weights, new ones start at zero."""
    if old == new:
        return
    head = network.fresh_head(len(new)).to(network.head_weight.device)
    head.load_state_dict(network.head.state_dict() | _other_outputs(network.head, old, new))
    if isinstance(head, DeepShallowHead) and isinstance(network.head, DeepShallowHead):
        head.prior = _for_classes(network.head.prior, old, new)
    head.requires_grad_(network.head_weight.requires_grad)
    network.head = head.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.architecture = replace(network.architecture, classes=len(new))


def take_over(network: UNet, class_ids: tuple[int, ...], kept: UNet, kept_class_ids: tuple[int, ...]) -> None:
    """Give a network with these classes all weights of another one, whose classes may differ."""
    adapted = copy.deepcopy(kept)
    adapt_head(adapted, kept_class_ids, class_ids)
    copy_network(adapted, network)


def _other_outputs(head: nn.Module, old: tuple[int, ...], new: tuple[int, ...]) -> dict[str, Tensor]:
    """Return the tensors of the head that have an output per class, for other classes."""
    outputs = ("deep", "shallow") if isinstance(head, DeepShallowHead) else ("",)
    names = [f"{name}.{kind}".lstrip(".") for name in outputs for kind in ("weight", "bias")]
    tensors = head.state_dict()
    return {name: _for_classes(tensors[name], old, new) for name in names}


def _for_classes(before: Tensor, old: tuple[int, ...], new: tuple[int, ...]) -> Tensor:
    """Return the rows of a tensor for other classes; those of new ones are zero."""
    after = before.new_zeros((len(new), *before.shape[1:]))
    for position, class_id in enumerate(new):
        if class_id in old:
            after[position] = before[old.index(class_id)]
    return after


def _fits(checkpoint: Checkpoint, fresh: Architecture, base: Checkpoint | None) -> bool:
    """Tell whether a checkpoint's network is of the kind that is wanted and reads the same channels."""

    def kind(architecture: Architecture) -> Architecture:
        return replace(
            architecture, channels=fresh.channels, context_planes=fresh.context_planes, classes=fresh.classes
        )

    kinds = {fresh} | ({kind(base.architecture)} if base else set())
    own = checkpoint.architecture
    reads_the_same = (own.channels, own.context_planes) == (fresh.channels, fresh.context_planes)
    return reads_the_same and kind(own) in kinds
