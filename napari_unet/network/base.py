"""The base weights that come with the package, of a network trained on many kinds of microscopy images."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from napari_unet.network.checkpoint import Checkpoint
from napari_unet.network.reading import open_network
from napari_unet.network.unet import UNet, build

BASE = Path(__file__).with_name("base.safetensors")
STEM = "down.0.0.weight"  # weights of the convolution that reads the image
MIDDLE = 0.5  # share of the weights that the plane itself gets beside its context planes


def base_checkpoint(choice: str = "auto") -> Checkpoint | None:
    """Load base weights: "auto" for those that come with this program, "none" for none, or the path of a network.

    Raises
    ------
    UserError
        NU-M01 to NU-M05 when the file is not there or cannot be used; see ``reading.open_network``.
    """
    return None if choice == "none" else open_network(BASE if choice == "auto" else Path(choice))


def from_base(base: Checkpoint, channels: int, classes: int, context_planes: int = 0) -> UNet:
    """Build a network for images of any number of channels from base weights; its head knows no class yet.

    With as many channels as the base has, every channel meets the weights that it was trained with. Otherwise the
    channels share the sum of the weights, as if the image were the grey mean of its channels. With
    ``context_planes`` on either side of the one that is predicted, half of the weights are its own and the context
    planes share the rest.
    """
    inputs = channels * (2 * context_planes + 1)
    architecture = replace(base.architecture, channels=inputs, classes=classes, context_planes=context_planes)
    network = build(architecture)
    kept = {name: tensor for name, tensor in base.network_weights.items() if not name.startswith("head.")}
    kept[STEM] = _over_planes(_stem(kept[STEM], channels), context_planes)
    network.load_state_dict(kept, strict=False)
    return network


def _stem(weights: Tensor, channels: int) -> Tensor:
    if weights.shape[1] == channels:
        return weights
    total = weights.to(torch.float32).sum(dim=1, keepdim=True)
    return (total / channels).expand(-1, channels, -1, -1).contiguous()


def _over_planes(weights: Tensor, context_planes: int) -> Tensor:
    """Share the weights of one plane among a plane and its context planes: planes that are alike look like one."""
    if context_planes == 0:
        return weights
    neighbours = [(1 - MIDDLE) / (2 * context_planes) * weights] * context_planes
    return torch.cat([*neighbours, MIDDLE * weights, *neighbours], dim=1)
