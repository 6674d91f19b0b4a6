"""The EMA of a network: a copy whose weights are an exponential moving average of the trained ones, and predict."""

import copy

import torch
from torch import Tensor

from napari_unet.network.unet import UNet
from napari_unet.training.network_tensors import copy_network, copy_tensors


class Ema:
    """Follows a network in training.

    Attributes
    ----------
    network : the copy, in evaluation mode, whose weights no gradient changes
    """

    def __init__(self, network: UNet) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)

    def begin_at(self, network: UNet) -> None:
        """Make the EMA equal to a network."""
        copy_network(network, self.network)

    @torch.no_grad()
    def follow(self, network: UNet, decay: float) -> None:
        """Keep the share ``decay`` (0 to 1) of the average, and take the rest from the network."""
        averages: list[Tensor] = [*self.network.parameters()]
        trained: list[Tensor] = [*network.parameters()]
        # One call for all tensors; PyTorch has no public name for it.
        torch._foreach_lerp_(averages, trained, 1 - decay)
        # Statistics of a batch norm are averages already.
        copy_tensors(network.buffers(), self.network.buffers())

    def candidate(self) -> UNet:
        """Return a copy for predicting while training goes on."""
        return copy.deepcopy(self.network)
