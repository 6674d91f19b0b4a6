"""Sums over a predicted tile from which the Dice of the whole answer is estimated, computed on the device."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from napari_unet.evaluation.dice_sums import TEMPERATURE, DiceSums


@torch.inference_mode()
def dice_sums(branches: Float[Tensor, "n k h w"], shown: Int64[Tensor, "h w"]) -> DiceSums:
    """Sum probabilities and pixels of every output.

    Parameters
    ----------
    branches : logits of each branch of the head, the deep one first; the half of the logits of a head with one branch
        stands for the deep one
    shown : index of the output that each pixel is shown as
    """
    softened = torch.softmax(branches.sum(dim=0) / TEMPERATURE, dim=0)
    deep = softened if len(branches) == 1 else torch.softmax(branches[0], dim=0)
    index = shown.flatten()
    sums = [torch.bincount(index, minlength=len(softened)).float()]
    for probabilities in (softened, deep):
        own = probabilities.flatten(1).gather(0, index[None])[0]
        sums += [torch.bincount(index, own, len(softened)), probabilities.sum(dim=(1, 2))]
    return DiceSums(*torch.stack(sums).double().cpu().numpy())
