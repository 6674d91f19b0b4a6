"""The network that a training starts from: one of the project, base weights, or a fresh one."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from napari_unet.config import Settings
from napari_unet.network.base import from_base
from napari_unet.network.checkpoint import Checkpoint
from napari_unet.network.presets import DEFAULT, preset_named
from napari_unet.network.unet import Architecture, DeepShallowHead, UNet, build


def starting_network(
    channels: int,
    class_ids: tuple[int, ...],
    settings: Settings,
    seed: int = 0,
    start: Checkpoint | None = None,
    base: Checkpoint | None = None,
) -> UNet:
    """Go on with ``start`` where it fits image and preset; else base weights where the preset has some; else fresh."""
    fresh = preset_named(settings.preset).architecture_for(channels, len(class_ids), settings.context_planes)
    if settings.width:
        fresh = replace(fresh, width=settings.width)
    based = base_for(settings, base)
    if start is not None and _fits(start, fresh, based):
        network = start.network()
        adapt_head(network, start.class_ids, class_ids)
        return network
    return from_base(based, channels, len(class_ids), settings.context_planes) if based else build(fresh, seed)


def base_for(settings: Settings, base: Checkpoint | None) -> Checkpoint | None:
    """The base weights where the settings' network can start from them."""
    return base if base and settings.preset == DEFAULT and settings.width in {0, base.architecture.width} else None


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


def _other_outputs(head: nn.Module, old: tuple[int, ...], new: tuple[int, ...]) -> dict[str, Tensor]:
    """The tensors of the head that have an output per class, for other classes."""
    outputs = ("deep", "shallow") if isinstance(head, DeepShallowHead) else ("",)
    names = [f"{name}.{kind}".lstrip(".") for name in outputs for kind in ("weight", "bias")]
    tensors = head.state_dict()
    return {name: _for_classes(tensors[name], old, new) for name in names}


def _for_classes(before: Tensor, old: tuple[int, ...], new: tuple[int, ...]) -> Tensor:
    """Rows of a tensor for other classes; those of new ones are zero."""
    after = before.new_zeros((len(new), *before.shape[1:]))
    for position, class_id in enumerate(new):
        if class_id in old:
            after[position] = before[old.index(class_id)]
    return after


def _fits(start: Checkpoint, fresh: Architecture, base: Checkpoint | None) -> bool:
    def kind(architecture: Architecture) -> Architecture:
        return replace(
            architecture, channels=fresh.channels, context_planes=fresh.context_planes, classes=fresh.classes
        )

    kinds = {fresh} | ({kind(base.architecture)} if base else set())
    sees_as_much = (start.architecture.channels, start.architecture.context_planes) == (
        fresh.channels,
        fresh.context_planes,
    )
    return sees_as_much and kind(start.architecture) in kinds
