"""The two branches of a head as the fit sees them: logits of many pixels at once, and gradients.

Pixels lie along the last axis: a softmax over a few classes along the last axis takes ten times as long.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from napari_unet.network.unet import DeepShallowHead

_DECAY_DEEP = 0.03
_DECAY_SHALLOW = 0.003


class DeepBranch:
    """The deep branch, which is linear.

    Parameters
    ----------
    head : has the weights
    inputs : standardised decoder levels of all pixels

    Attributes
    ----------
    tensors : the weights and biases of the head, which a fit changes in place
    decay : penalty of the squared weights
    prior : the part (k,) of the logits that says how often each class is expected
    """

    def __init__(self, head: DeepShallowHead, inputs: Float[Tensor, "d n"]) -> None:
        self.tensors = [parameter.detach() for parameter in head.deep.parameters()]
        self.decay = _DECAY_DEEP
        self.prior = head.prior
        self._inputs = inputs

    def logits(self, weights: list[Tensor]) -> Float[Tensor, "k n"]:
        """Compute the logits of all pixels from weights of the shapes of ``tensors``."""
        weight, bias = weights
        return torch.addmm(bias[:, None], weight.flatten(1), self._inputs)

    def gradients(self, weights: list[Tensor], by_logits: Float[Tensor, "k n"]) -> list[Tensor]:
        """Return the derivatives by the weights, given those by the logits."""
        return [by_logits @ self._inputs.T, by_logits.sum(dim=1)]


class ShallowBranch:
    """The shallow branch, which has a layer of hidden units.

    Parameters
    ----------
    head : has the weights
    inputs : standardised filter responses of all pixels

    Attributes
    ----------
    tensors, decay, prior : as those of the deep branch; no class is expected more often than others
    """

    def __init__(self, head: DeepShallowHead, inputs: Float[Tensor, "s n"]) -> None:
        both = [*head.hidden.parameters(), *head.shallow.parameters()]
        self.tensors = [parameter.detach() for parameter in both]
        self.decay = _DECAY_SHALLOW
        self.prior = torch.zeros_like(head.prior)
        self._inputs = inputs
        self._hidden = inputs  # the rectified hidden units of the newest logits

    def logits(self, weights: list[Tensor]) -> Float[Tensor, "k n"]:
        """Compute the logits of all pixels from weights of the shapes of ``tensors``, and remember the hidden units."""
        into, threshold, out_of, bias = weights
        self._hidden = torch.addmm(threshold[:, None], into.flatten(1), self._inputs).relu_()
        return torch.addmm(bias[:, None], out_of.flatten(1), self._hidden)

    def gradients(self, weights: list[Tensor], by_logits: Float[Tensor, "k n"]) -> list[Tensor]:
        """Return the derivatives by the weights, given those by the logits that were computed last."""
        by_hidden = (weights[2].flatten(1).T @ by_logits).mul_(self._hidden.sign())
        return [
            by_hidden @ self._inputs.T,
            by_hidden.sum(dim=1),
            by_logits @ self._hidden.T,
            by_logits.sum(dim=1),
        ]


Branch = DeepBranch | ShallowBranch
