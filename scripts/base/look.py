"""Variation of the pixels of an episode."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_unet.images.normalisation import CLIP
from napari_unet.network.unet import gaussian_kernel, separable_blur


@dataclass(frozen=True, slots=True)
class Look:
    """The same for both tiles, but for the noise and a little gain and offset.

    Attributes
    ----------
    gain, offset : (3,), of every channel
    gamma : exponent of the brightness
    blur : sigma in pixels
    noise : standard deviation
    mix : (3, 3), new channels from old ones
    """

    gain: np.ndarray
    offset: np.ndarray
    gamma: float
    blur: float
    noise: float
    mix: np.ndarray

    @classmethod
    def draw(cls, random: np.random.Generator, *, grey: bool) -> "Look":
        """Draw a look for grey or for coloured tiles."""
        mix = np.eye(3) if grey else _mix(random)
        gain = np.full(3, math.exp(random.uniform(-0.7, 0.5)) * (-1 if random.random() < 0.3 else 1))
        offset = np.full(3, random.uniform(-0.4, 0.4))
        if random.random() < (0.2 if grey else 0.4):
            gain = gain * np.exp(random.uniform(-0.7, 0.3, 3))
            offset = offset + random.uniform(-0.3, 0.3, 3)
            if random.random() < 0.2:
                gain[random.integers(3)] = 0
        gamma = math.exp(random.uniform(-0.5, 0.5)) if random.random() < 0.4 else 1
        blur = random.uniform(0.4, 2) if random.random() < 0.3 else 0
        noise = random.uniform(0, 0.3) if random.random() < 0.5 else 0
        return cls(gain, offset, gamma, blur, noise, mix)

    def apply(self, pixels: Tensor, random: np.random.Generator) -> Tensor:
        """Vary normalised pixels (3, y, x)."""
        x = torch.einsum("dc,cyx->dyx", torch.from_numpy(self.mix).float(), pixels)
        if self.blur:
            x = separable_blur(x[None], gaussian_kernel(self.blur))[0]
        if self.gamma != 1:
            x = 2 * ((x.clamp(-1, 1) + 1) / 2) ** self.gamma - 1
        jitter = random.normal(0, 0.06, 2)
        gain = torch.from_numpy(self.gain * (1 + jitter[0])).float().view(3, 1, 1)
        offset = torch.from_numpy(self.offset + jitter[1]).float().view(3, 1, 1)
        x = x * gain + offset
        if self.noise:
            channels = 1 if (self.gain == self.gain[0]).all() else 3
            generator = torch.Generator().manual_seed(int(random.integers(2**31)))
            x = x + self.noise * torch.randn(channels, *x.shape[1:], generator=generator)
        return x.clamp(-CLIP, CLIP)


def _mix(random: np.random.Generator) -> np.ndarray:
    """Draw how to mix coloured channels (3, 3): to a grey image, to another order, or as they were."""
    if random.random() < 0.35:
        return np.repeat(random.dirichlet((1, 1, 1))[None], 3, 0)
    if random.random() < 0.5:
        return np.eye(3)[random.permutation(3)]
    return np.eye(3)
