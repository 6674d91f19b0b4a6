"""Sums over a predicted tile from which the Dice of the whole answer is estimated, computed on the device."""

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from napari_unet.evaluation.dice_sums import TEMPERATURE


@torch.inference_mode()
def dice_tally(branches: Float[Tensor, "n k h w"], shown: Int64[Tensor, "h w"]) -> Float32[Tensor, "5 k"]:
    """Sum probabilities and pixels of every output: the fields of ``DiceSums``, on the device, which is not waited for.

    Parameters
    ----------
    branches : logits of each branch of the head, the deep one first; the half of the logits of a head with one branch
        stands for the deep one
    shown : index of the output that each pixel is shown as
    """
    softened = torch.softmax(branches.sum(dim=0) / TEMPERATURE, dim=0)
    deep = softened if len(branches) == 1 else torch.softmax(branches[0], dim=0)
    # Not bincount: on CUDA it waits for the device, to know how many numbers come out.
    areas = [shown == k for k in range(len(softened))]
    sums = [torch.stack([area.sum() for area in areas]).float()]
    for probabilities in (softened, deep):
        sure = [(own * area).sum() for own, area in zip(probabilities, areas, strict=True)]
        sums += [torch.stack(sure), probabilities.sum(dim=(1, 2))]
    return torch.stack(sums)
