"""The presets: networks of the family by name, each with the optimiser that belongs to it.

``napari_unet.config.preset_settings`` has the settings that go with each, docs/networks.md a paragraph on each.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from napari_unet.config import PresetName
from napari_unet.errors import UserError
from napari_unet.network.unet import Architecture

_LONGEST_NAME = 40  # characters of an unknown name that are repeated to the user


@dataclass(frozen=True, slots=True)
class Preset:
    """A network and how it is trained.

    Attributes
    ----------
    name : one of the names that ``napari_unet.config`` lists, and no other
    architecture : for one channel and two classes; ``architecture_for`` gives it for an image
    optimiser : "adamw" (Loshchilov and Hutter 2019) or "sgd", stochastic gradient descent with momentum
    learning_rate : per step
    momentum : share of the last update that goes on in the next; of "sgd" only
    based : whether it starts from base weights where there are some of its width
    """

    name: PresetName
    architecture: Architecture = field(default_factory=Architecture)
    optimiser: str = "adamw"
    learning_rate: float = 1e-3
    momentum: float = 0.0
    based: bool = False

    def architecture_for(self, channels: int, classes: int, context_planes: int = 0) -> Architecture:
        """Return the architecture for images with so many channels, classes and context planes on either side."""
        return replace(
            self.architecture,
            channels=channels * (2 * context_planes + 1),
            classes=classes,
            context_planes=context_planes,
        )

    def optimiser_for(self, parameters: Iterable[nn.Parameter], weight_decay: float = 0.0) -> torch.optim.Optimizer:
        """Make a fresh optimiser with the preset's learning rate and momentum."""
        learning = list(parameters)
        fused = learning[0].device.type != "mps"  # one call for all weights instead of one for each
        if self.optimiser == "sgd":
            rate, momentum = self.learning_rate, self.momentum
            return torch.optim.SGD(learning, rate, momentum, weight_decay=weight_decay, fused=fused)
        return torch.optim.AdamW(learning, self.learning_rate, weight_decay=weight_decay, fused=fused)


def preset_named(name: str) -> Preset:
    """Look up a preset.

    Raises
    ------
    UserError
        NU-C03 for an unknown name.
    """
    if name not in PRESETS:
        what = f"there is no preset {name[:_LONGEST_NAME]!r}"
        raise UserError("NU-C03", what, "preset", f"choose auto or one of {', '.join(PRESETS)}")
    return PRESETS[name]


def _of_2015(name: PresetName, architecture: Architecture) -> Preset:
    """Return a preset trained as in 2015: steepest descent with high momentum."""
    return Preset(name, architecture, optimiser="sgd", momentum=0.99)


_UNET_2015 = Architecture(width=64, norm="none", padding="valid", dropout_contracted=0.5, intensities=False)
_ELU = Architecture(norm="none", activation="elu", dropout_top=0.1, dropout_bottom=0.3, intensities=False)

PRESETS = {
    preset.name: preset
    for preset in (
        Preset("fast", based=True),
        Preset("accurate", Architecture(width=32), based=True),
        Preset("light", Architecture(convolution="separable", up="nearest")),
        _of_2015("unet-2015", _UNET_2015),
        _of_2015("unet-2015-batchnorm", replace(_UNET_2015, norm="batch", dropout_contracted=0.0)),
        Preset("elu-dropout", _ELU),
        Preset("up-nearest", Architecture(up="nearest")),
        Preset("up-bilinear", Architecture(up="bilinear")),
        Preset("up-bicubic", Architecture(up="bicubic")),
        Preset("up-transposed-bilinear", Architecture(up="transposed-bilinear")),
        Preset("up-unpooling", Architecture(up="unpooling")),
        Preset("up-nails", Architecture(up="nails")),
        Preset("skip-crop", Architecture(padding="valid")),
        Preset("skip-sum", Architecture(skip="sum")),
        Preset("skip-none", Architecture(skip="none")),
        Preset("dilated", Architecture(convolution="dilated", depth=3)),
    )
}
