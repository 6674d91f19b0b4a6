"""The random share of labelled pixels that a step learns from."""

import numpy as np
from jaxtyping import Float32
from torch import Tensor

from napari_unet.training.noise import uniform_noise


def random_mask(
    weights: Float32[Tensor, "*shape"], share: float, random: np.random.Generator
) -> Float32[Tensor, "*shape"]:
    """Compute M(x) w(x): set the weights of all but a random share of the weighted pixels to 0.

    ``share`` is above 0 and at most 1. At least one weighted pixel stays if there is any, so that no step is empty.
    With a share of 1 nothing is drawn, and ``random`` stays where it was.
    """
    if share >= 1:
        return weights
    weighted = weights.flatten() > 0
    lots = uniform_noise((weighted.numel(),), weights.device, random).masked_fill(~weighted, 2)
    places = lots.argsort().argsort()  # the weighted pixels come first, in random order
    kept = (places < (share * weighted.sum()).round().clamp_min(1)) & weighted
    return weights * kept.view(weights.shape)
