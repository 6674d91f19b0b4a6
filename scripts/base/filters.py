"""Classical filter responses: what the head reads beside the network, and what the network learns to tell."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from napari_unet.network.unet import HEAD_BLURS, gaussian_kernel, separable_blur

INTENSITIES = 1 + len(HEAD_BLURS)
TARGETS = INTENSITIES + 2 + len(HEAD_BLURS)


class Responses(NamedTuple):
    """Filter responses of some tiles, channels last.

    Attributes
    ----------
    scales : (b, y, x, INTENSITIES), the pixels' grey value, then its blurs
    targets : (b, y, x, TARGETS), of a similar size each: scales, gradients of the two finest blurs, differences of
        neighbouring scales
    """

    scales: Tensor
    targets: Tensor


@torch.no_grad()
def responses(pixels: Tensor) -> Responses:
    """Filter the grey mean of pixels (b, c, y, x)."""
    scales = intensities(pixels.mean(1, keepdim=True))
    return Responses(*(x.permute(0, 2, 3, 1).contiguous() for x in (scales, targets(scales))))


def intensities(grey: Tensor) -> Tensor:
    """Map (b, 1, y, x) to (b, INTENSITIES, y, x): the pixels, then their blurs."""
    kernels = [gaussian_kernel(sigma).to(grey) for sigma in HEAD_BLURS]
    return torch.cat([grey, *(separable_blur(grey, kernel) for kernel in kernels)], 1)


def targets(scales: Tensor) -> Tensor:
    """Map intensities (b, INTENSITIES, y, x) to (b, TARGETS, y, x)."""
    gradients = [2 * _gradient(scales[:, 1:2]), 4 * _gradient(scales[:, 2:3])]
    return torch.cat([scales, *gradients, 3 * (scales[:, :-1] - scales[:, 1:])], 1)


def _gradient(x: Tensor) -> Tensor:
    """Compute the steepness of (b, 1, y, x) over two pixels, smooth at 0; the rim is replicated."""
    p = functional.pad(x, (1, 1, 1, 1), mode="replicate")
    down = p[..., 2:, 1:-1] - p[..., :-2, 1:-1]
    right = p[..., 1:-1, 2:] - p[..., 1:-1, :-2]
    return torch.sqrt(down * down + right * right + 1e-8)
