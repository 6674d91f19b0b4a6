"""Linear heads in closed form, through which the network learns what such a head needs."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Heads(NamedTuple):
    """A linear head for each of b episodes.

    Attributes
    ----------
    weight : (b, f, classes)
    bias : (b, classes)
    seen : bool (b, classes), whether an episode has pixels of the class
    """

    weight: Tensor
    bias: Tensor
    seen: Tensor


def fit_ridge(features: Tensor, target: Tensor, classes: int, penalty: Tensor) -> Heads:
    """Fit one-hot classes by ridge regression, every class with the same total weight; gradients pass through.

    The heads are those of each episode alone. An episode whose features are not finite gets a head of NaN.

    Parameters
    ----------
    features : (b, n, f)
    target : int64 (b, n), class indices; negative for what only fills up an episode with fewer pixels
    penalty : (), of the squared weights; that of the intercept is none
    """
    valid = target >= 0
    wanted = functional.one_hot(target.clamp_min(0), classes).to(features.dtype) * valid[..., None]
    counts = wanted.sum(1)
    seen = counts > 0
    share = (wanted / counts.clamp_min(1)[:, None]).sum(2, keepdim=True)
    share = share / share.sum(1, keepdim=True)
    mean, wanted_mean = (share * features).sum(1, keepdim=True), (share * wanted).sum(1, keepdim=True)
    centred = features - mean
    weighted = (centred * share).transpose(1, 2)
    ridge = penalty * torch.eye(features.shape[2], dtype=features.dtype, device=features.device)
    # Without the check, which would make a graphics processor wait.
    factor, _ = torch.linalg.cholesky_ex(weighted @ centred + ridge)
    weight = torch.cholesky_solve(weighted @ (wanted - wanted_mean), factor)
    return Heads(weight, (wanted_mean - mean @ weight)[:, 0], seen)
