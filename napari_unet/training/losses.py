"""The loss: what the network is told about labelled pixels, and nothing about the others."""

from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional


def weighted_cross_entropy(
    logits: Float[Tensor, "b k y x"], target: Int64[Tensor, "b y x"], weights: Float[Tensor, "b y x"]
) -> Float[Tensor, ""]:
    """Sum of weight times cross-entropy over the sum of weights; 0, with zero gradient, where no weight is.

    ``target`` holds output indices 0..k-1 and anything in that range where the weight is 0. The weight is the only
    mask: zeroing logits instead would make unlabelled pixels vote for p = 0.5 and hide the labelled ones.
    """
    each = functional.cross_entropy(logits.float(), target, reduction="none")
    return (each * weights).sum() / weights.sum().clamp_min(1e-12)
