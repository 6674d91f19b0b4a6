"""Fit a head to a handful of numbers early, so that the first stroke does not wait for torch to load its optimisers."""

import torch

from napari_unet.network.unet import DeepShallowHead
from napari_unet.training.instant_head import fit_head


def rehearse() -> None:
    """Make torch load its optimisers; the first one made imports its compiler, which took 2 to 2.5 s."""
    features = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    fit_head(DeepShallowHead(1, 1, 2), features, torch.tensor([0, 1]))
