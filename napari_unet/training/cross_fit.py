"""Find the labels that the other strokes do not foretell, and how many pixels are like them."""

import copy
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from scipy import ndimage
from torch import Tensor

from napari_unet.network.unet import DeepShallowHead
from napari_unet.training.instant_head import BRANCHES, expect_shares, fit_head, logits_of
from napari_unet.training.labelled_features import LabelledFeatures

_FOLDS = 5
_SPARSE = 0.2  # share of the pixels; where more is labelled, labels are a fair sample


class CrossFit(NamedTuple):
    """Hold what heads say of labels that they were not fitted to.

    Attributes
    ----------
    unforeseen : the labels that they have wrong
    shares : of the pixels of each output that they have wrong in whole images
    """

    unforeseen: Bool[Tensor, " n"]
    shares: Float[Tensor, " k"]


def cross_fit(head: DeepShallowHead, known: LabelledFeatures, seed: int) -> CrossFit | None:
    """Fit copies of a head to four fifths of the strokes each, and let them foretell the fifth that is left.

    None where a class has fewer strokes than there are parts, or where so much is labelled that nothing was chosen.

    Parameters
    ----------
    head : its weights do not matter
    known : features of labels
    seed : of the parts and of the fits
    """
    labelled = sum(tile.trained.sum() for tile in known.tiles) / sum(tile.trained.size for tile in known.tiles)
    parts = _parts(known, head.classes, seed) if labelled <= _SPARSE else None
    if parts is None:
        return None
    everything = logits_of(_fitted(head, known, torch.ones_like(known.new), seed), known.anywhere)
    # Both branches see the same pixel, so their sum is twice as sure as it should be.
    expected = torch.softmax(everything / BRANCHES, dim=0)
    unforeseen, shares = torch.zeros_like(known.new), torch.zeros_like(expected[:, 0])
    outputs = torch.arange(head.classes, device=expected.device)[:, None]
    for part in range(_FOLDS):
        fitted, own = _fitted(head, known, parts != part, seed), parts == part
        unforeseen[own] = logits_of(fitted, known.features[own]).argmax(dim=0) != known.target[own]
        wrong = logits_of(fitted, known.anywhere).argmax(dim=0) != outputs
        shares += (expected * wrong).sum(dim=1) / expected.sum(dim=1).clamp_min(1e-9) / _FOLDS
    return CrossFit(unforeseen, shares)


def _parts(known: LabelledFeatures, classes: int, seed: int) -> Int64[Tensor, " n"] | None:
    """Deal the strokes of each class to the parts; None where they are too few."""
    strokes = _strokes(known)
    random = torch.Generator().manual_seed(seed)
    part_of = torch.zeros(int(strokes.max()) + 1, dtype=torch.int64)
    for k in range(classes):
        own = torch.unique(strokes[known.target.cpu() == k])
        if len(own) < _FOLDS:
            return None
        part_of[own[torch.randperm(len(own), generator=random)]] = torch.arange(len(own)) % _FOLDS
    return part_of[strokes].to(known.target.device)


def _strokes(known: LabelledFeatures) -> Int64[Tensor, " n"]:
    """Number the connected pieces of each class in each tile, on the CPU."""
    numbers, count = [], 0
    for tile, target in known.by_tile(known.target):
        own = torch.zeros_like(target)
        for k in torch.unique(target):
            of_class = tile.trained.copy()
            of_class[tile.trained] = (target == k).numpy()
            pieces, found = ndimage.label(of_class, [[1] * 3] * 3)
            numbered = torch.from_numpy(pieces[tile.trained].astype("int64"))
            own = torch.where(numbered > 0, numbered + count, own)
            count += found
        numbers.append(own)
    return torch.cat(numbers)


def _fitted(head: DeepShallowHead, known: LabelledFeatures, chosen: Bool[Tensor, " n"], seed: int) -> DeepShallowHead:
    fitted = copy.deepcopy(head)
    fit_head(fitted, known.features[chosen], known.target[chosen], seed=seed)
    expect_shares(fitted, known.anywhere)
    return fitted
