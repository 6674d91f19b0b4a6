"""Sums over a predicted tile from which the Dice of the whole answer is estimated, computed on the device."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from napari_unet.evaluation.dice_sums import TEMPERATURE, DiceSums


@torch.inference_mode()
def dice_sums(logits: Float[Tensor, "k h w"], shown: Int64[Tensor, "h w"]) -> DiceSums:
    """Sum probabilities and pixels of every output.

    Parameters
    ----------
    shown : index of the output that each pixel is shown as
    """
    classes = len(logits)
    softened = torch.softmax(logits / TEMPERATURE, dim=0)
    own = softened.amax(dim=0)  # the most probable class is the one that is shown
    index = shown.flatten()
    sums = torch.stack(
        [
            torch.bincount(index, minlength=classes).float(),
            torch.bincount(index, own.flatten(), classes),
            softened.sum(dim=(1, 2)),
        ]
    )
    return DiceSums(*sums.double().cpu().numpy())
