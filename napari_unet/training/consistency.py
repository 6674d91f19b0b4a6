"""Consistency: unlabelled pixels are held to what the network's EMA says (mean teacher, Tarvainen and Valpola 2017).

The losses know labelled pixels only. A few strokes are soon learned by heart, and whatever the network said elsewhere
is lost on the way; so the network, which is shown a disturbed tile, is asked to answer as its EMA answers to the
undisturbed one. No label is invented: the target is the network's own earlier opinion.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from napari_unet.network.transfer import on_device
from napari_unet.training.losses import Total, here
from napari_unet.training.noise import normal_noise

_GAIN = 0.3  # largest log of the factor of contrast
_OFFSET = 0.2  # largest offset of brightness, in units of the normalised range of 2
_NOISE = 0.1  # largest standard deviation, in the same units


def disturbed(pixels: Float[Tensor, "b c y x"], random: np.random.Generator) -> Float[Tensor, "b c y x"]:
    """Give every tile another contrast, brightness and noise."""
    tiles = (len(pixels), 1, 1, 1)
    gain = np.exp(random.uniform(-_GAIN, _GAIN, tiles)).astype(np.float32)
    offset = random.uniform(-_OFFSET, _OFFSET, tiles).astype(np.float32)
    deviation = random.uniform(0, _NOISE, tiles).astype(np.float32)
    device = pixels.device
    noise = normal_noise(tuple(pixels.shape), device, random) * on_device(deviation, device)
    return pixels * on_device(gain, device) + (noise + on_device(offset, device))


def consistency(
    logits: Float[Tensor, "b k y x"],
    teacher: Float[Tensor, "b k y x"],
    unlabelled: Bool[Tensor, "b y x"],
    total: Total = here,
) -> Float[Tensor, ""]:
    """Compute the mean cross-entropy against the teacher's probabilities over unlabelled pixels; 0 without any.

    Labelled pixels and the teacher get no gradient from it.
    """
    wanted = torch.softmax(teacher.detach().float(), dim=1)
    each = -(wanted * functional.log_softmax(logits.float(), dim=1)).sum(dim=1)
    return total((each * unlabelled).sum()) / total(unlabelled.sum()).clamp_min(1)
