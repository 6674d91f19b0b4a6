"""Do early, at the size of a handful of numbers, what takes time for the first time only, so that no stroke waits."""

import torch

from napari_unet.network.unet import DeepShallowHead
from napari_unet.training.instant_head import fit_head


def rehearse() -> None:
    """Fit a head, and make an optimiser: the first one imports torch's compiler, which took 1 to 2.5 s."""
    features = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    head = DeepShallowHead(1, 1, 2)
    fit_head(head, features, torch.tensor([0, 1]))
    torch.optim.AdamW(head.parameters())
