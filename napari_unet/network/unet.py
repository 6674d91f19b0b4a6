"""The U-Net (Ronneberger, Fischer and Brox 2015), made tile-exact and fed with the pixel's own intensity.

This file imports nothing but torch, so that it can travel inside a model package as the network's source.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

HEAD_BLURS = (1.0, 2.0, 4.0, 8.0)  # Gaussian sigmas in pixels


@dataclass(frozen=True, slots=True)
class Architecture:
    """Everything that is needed to build a network; travels in the checkpoint."""

    channels: int = 1
    classes: int = 2
    width: int = 16  # channels after the first convolution; doubles at every level
    depth: int = 4  # how often the image is halved

    @property
    def stride(self) -> int:
        """Tile origins and halos are multiples of this many pixels."""
        return int(2**self.depth)

    @property
    def halo(self) -> int:
        """Pixels around a region on which its logits depend, rounded up to a multiple of the stride."""
        convolutions = 2 * 2 * (2**self.depth - 1) + 2 * 2**self.depth
        pooling = 2**self.depth - 1
        return math.ceil((convolutions + pooling) / self.stride) * self.stride


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each pixel: stable with tiny batches, and blind to the rest of the tile."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, c, y, x) to the same shape; in channels_last memory both permutes are free."""
        y = functional.layer_norm(x.permute(0, 2, 3, 1), (x.shape[1],), self.weight, self.bias)
        return y.permute(0, 3, 1, 2)


def double_convolution(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3x3 convolutions, each normalised and rectified."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        ChannelNorm(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        ChannelNorm(outputs),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    """Contracting path, expanding path with skips, and a head that also sees the intensities and their blurs.

    The channel norm removes how bright a pixel is; on fluorescence that is most of the answer, so the normalised
    intensity and its Gaussian blurs join the features before the head.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        widths = [architecture.width * 2**level for level in range(architecture.depth + 1)]
        self.down = nn.ModuleList(
            double_convolution(i, o) for i, o in zip([architecture.channels, *widths[:-1]], widths, strict=True)
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in reversed(widths[:-1]))
        self.merge = nn.ModuleList(double_convolution(2 * w, w) for w in reversed(widths[:-1]))
        self.head = nn.Conv2d(self.feature_channels, architecture.classes, 1)
        for index, sigma in enumerate(HEAD_BLURS):
            self.register_buffer(f"gaussian_{index}", gaussian_kernel(sigma), persistent=False)
        self.apply(_initialise)

    @property
    def feature_channels(self) -> int:
        """Channels that the head reads: last decoder level, intensities, blurred intensities."""
        return self.architecture.width + (1 + len(HEAD_BLURS)) * self.architecture.channels

    def features(self, x: Tensor) -> Tensor:
        """Map normalised pixels (b, c, y, x), sides multiples of the stride, to (b, feature_channels, y, x)."""
        skips = []
        y = x
        for level, block in enumerate(self.down):
            y = block(functional.max_pool2d(y, 2) if level else y)
            skips.append(y)
        skips.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            y = merge(torch.cat([skips.pop(), up(y)], dim=1))
        return torch.cat([y.float(), x, *self.blurred(x)], dim=1)

    def blurred(self, x: Tensor) -> list[Tensor]:
        """Gaussian blurs of every channel, replicated at the rim, same shape as ``x`` each."""
        # In full precision: depthwise convolutions in bfloat16 took minutes instead of milliseconds on one CPU tried.
        with torch.autocast(x.device.type, enabled=False):
            return [separable_blur(x, getattr(self, f"gaussian_{index}")) for index in range(len(HEAD_BLURS))]

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised pixels (b, c, y, x) to logits (b, classes, y, x)."""
        features = self.features(x)
        # Eight bits of mantissa would blur the intensities that the head is given.
        with torch.autocast(x.device.type, enabled=False):
            logits: Tensor = self.head(features)
        return logits


def build(architecture: Architecture, seed: int = 0) -> UNet:
    """A fresh network in channels_last memory whose weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return UNet(architecture).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def gaussian_kernel(sigma: float) -> Tensor:
    """Sampled Gaussian out to three sigmas, summing to 1."""
    radius = math.ceil(3 * sigma)
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32)
    weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
    return weights / weights.sum()


def separable_blur(x: Tensor, kernel: Tensor) -> Tensor:
    """Convolve every channel of (b, c, y, x) with ``kernel`` along y and x; rims are replicated."""
    channels, radius = x.shape[1], len(kernel) // 2
    rows = kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    y = functional.conv2d(functional.pad(x, (0, 0, radius, radius), mode="replicate"), rows, groups=channels)
    columns = rows.transpose(2, 3)
    return functional.conv2d(functional.pad(y, (radius, radius, 0, 0), mode="replicate"), columns, groups=channels)


def _initialise(module: nn.Module) -> None:
    """He et al. 2015 for rectified layers."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
