"""The base weights that come with the package, of networks trained on many kinds of microscopy images."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from napari_unet.images.image import encodable
from napari_unet.network.checkpoint import Checkpoint
from napari_unet.network.presets import Preset
from napari_unet.network.reading import open_network
from napari_unet.network.unet import UNet, build

STEM = "down.0.0.weight"  # weights of the convolution that reads the image
MIDDLE = 0.5  # share of the weights that the plane itself gets beside its context planes
_FILES = {width: Path(__file__).with_name(f"base{width}.safetensors") for width in (16, 32)}


class BaseWeights:
    """The networks that a new one may start from: those of the package, or one that the user named.

    Parameters
    ----------
    named : a network in the place of all that come with the package
    name : what results call the start
    """

    def __init__(self, named: Checkpoint | None = None, name: str = "base weights") -> None:
        self._named = named
        self.name = name

    def for_preset(self, preset: Preset, width: int = 0) -> Checkpoint | None:
        """Return the network that a preset starts from, or None where it starts at random.

        A network that the user named is taken for every preset that starts from base weights, however wide it is,
        unless another ``width`` is wanted: that many channels of the first level, or 0 for the preset's own.
        """
        if not preset.based:
            return None
        if self._named is not None:
            return self._named if width in {0, self._named.architecture.width} else None
        return package_base(width) if (width := width or preset.architecture.width) in _FILES else None


@cache
def package_base(width: int = 16) -> Checkpoint:
    """Load the base weights of the package with 16 or 32 channels in the first level."""
    return open_network(_FILES[width])


def base_weights(choice: str = "auto") -> BaseWeights | None:
    """Load base weights: "auto" for those that come with this program, "none" for none, or the path of a network.

    Raises
    ------
    UserError
        NU-M01 to NU-M05 when the file is not there or cannot be used; see ``reading.open_network``.
    """
    if choice == "none":
        return None
    if choice == "auto":
        return BaseWeights()
    return BaseWeights(open_network(Path(choice)), f"network {encodable(Path(choice).absolute().name)}")


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
