"""Fit the head to features of a frozen network in a fraction of a second, so that a stroke is answered at once.

Both branches of the head are fitted by L-BFGS to the class-balanced cross-entropy of labelled pixels, with an L2
penalty. Pixels of strokes are many but alike, so the penalty is strong: without it the head learns the strokes by heart
(measured in docs/architecture.md).
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional

from napari_unet.network.unet import DeepShallowHead
from napari_unet.training.branch_loss import Wanted, minimise
from napari_unet.training.head_branches import Branch, DeepBranch, ShallowBranch

_PIXELS = 4000  # labelled pixels that the head is fitted to, as many of every class
BRANCHES = 2
_RAREST = 0.1  # least share that a class is expected to have, over an equal one; with less it could not be painted back
_SMALLEST_DEVIATION = 1e-3


class LabelledPixels(NamedTuple):
    """Features of labelled pixels, and the output index of each."""

    features: Float[Tensor, "n f"]
    target: Int64[Tensor, " n"]


def fit_head(
    head: DeepShallowHead,
    features: Float[Tensor, "n f"],
    target: Int64[Tensor, " n"],
    new: Bool[Tensor, " n"] | None = None,
    unlabelled: Float[Tensor, "m f"] | None = None,
    seed: int = 0,
    whole: LabelledPixels | None = None,
    weights: Float[Tensor, " n"] | None = None,
    keep: float = 1.0,
) -> None:
    """Change the head's weights so that they tell labelled pixels apart.

    Parameters
    ----------
    head : changed in place
    features : of labelled pixels, as ``UNet.features`` gives them
    target : output index of each
    new : which of them a head that was fitted before has not seen; the fit then begins where that head is. Without,
        the head is fitted from nothing
    unlabelled : features of pixels whose answer such a head keeps as far as it can; used with ``new`` only
    seed : of the pixels that are drawn and of the hidden units
    whole : pixels of images that are labelled as a whole; some at random weigh as much as all the others, and show how
        frequent the classes are
    weights : of labelled pixels within their class; new ones weigh 1 each, and all do where None
    keep : how strongly the answers to unlabelled pixels are kept, beside the labelled ones
    """
    random = torch.Generator().manual_seed(seed)
    chosen = _balanced(target, head.classes, random, new)
    weights = torch.ones(len(target), device=target.device) if weights is None else weights
    features, target, weights = features[chosen], target[chosen], weights[chosen]
    if new is None:
        shares = _shares(target, head.classes, weights)
        _standardise(head, features, shares)
        _blank(head, random)
    else:
        shares = _shares(target, head.classes, weights, new[chosen])
    some = _some(LabelledPixels(features[:0], target[:0]) if whole is None else whole, random)
    kept = features[:0] if new is None or unlabelled is None or not keep else unlabelled
    features = torch.cat([features, some.features, kept])
    standard = ((features - head.mean) / head.deviation).T.contiguous()
    branches: list[Branch] = [DeepBranch(head, standard[: head.split]), ShallowBranch(head, standard[head.split :])]
    # A first fit takes each branch by itself, so that it has an opinion of its own; a correction takes them together,
    # for their sum is to follow it.
    for group in [[branch] for branch in branches] if new is None else [branches]:
        minimise(group, Wanted(target, shares, some.target, keep))


@torch.no_grad()
def expect_shares(head: DeepShallowHead, anywhere: Float[Tensor, "m f"]) -> None:
    """Let the head expect classes as often as it finds them on pixels at random, whose features these are.

    A head that is fitted to as many pixels of every class expects equal shares. Its mean answer on pixels at random is
    one step of expectation and maximisation towards the true ones (Saerens et al. 2002); going on to the end would let
    rare classes vanish. Both branches see the same pixel, so their sum is twice as sure as it should be.
    """
    logits = logits_of(head, anywhere).T - head.prior
    answers = functional.softmax(logits / BRANCHES, dim=1)
    head.expect(BRANCHES * torch.log((head.classes * answers.mean(dim=0)).clamp_min(_RAREST)))


@torch.no_grad()
def logits_of(head: DeepShallowHead, features: Float[Tensor, "n f"]) -> Float[Tensor, "k n"]:
    """Compute the logits of pixels from their features."""
    logits: Tensor = head(in_a_row(features))
    return logits[0, :, 0]


def in_a_row(features: Float[Tensor, "n f"]) -> Float[Tensor, "1 f 1 n"]:
    """Lay pixels side by side; convolving as many images of one pixel takes three to nine times as long."""
    return features.T.contiguous()[None, :, None, :]


def _balanced(
    target: Int64[Tensor, " n"], classes: int, random: torch.Generator, new: Bool[Tensor, " n"] | None = None
) -> Int64[Tensor, " m"]:
    """Draw the indices of at most ``_PIXELS`` pixels, with the same limit for every class.

    New pixels come first, up to half of it: among all those of an image that was accepted as a whole, a new stroke
    would be some ten pixels of thousands.
    """
    limit = _PIXELS // classes
    new = torch.zeros_like(target, dtype=torch.bool) if new is None else new
    drawn = []
    for k in range(classes):
        fresh, known = (_shuffled(torch.nonzero((target == k) & each)[:, 0], random) for each in (new, ~new))
        fresh = fresh[: max(limit // 2, limit - len(known))]
        drawn += [fresh, known[: limit - len(fresh)]]
    return torch.cat(drawn)


def _shuffled(at: Int64[Tensor, " n"], random: torch.Generator) -> Int64[Tensor, " n"]:
    return at[torch.randperm(len(at), generator=random).to(at.device)]


def _some(pixels: LabelledPixels, random: torch.Generator) -> LabelledPixels:
    """Draw at most ``_PIXELS`` of some pixels, each class as often as it is there."""
    at = _shuffled(torch.arange(len(pixels.target), device=pixels.target.device), random)[:_PIXELS]
    return LabelledPixels(pixels.features[at], pixels.target[at])


def _shares(
    target: Int64[Tensor, " n"], classes: int, within: Float[Tensor, " n"], new: Bool[Tensor, " n"] | None = None
) -> Float[Tensor, " n"]:
    """Return weights of pixels, the same total for every class that is there; new pixels have half of their class's.

    They sum to 1.

    Parameters
    ----------
    within : weights of the pixels that are not new, beside others of their class
    """
    kinds = target
    if new is not None:
        kinds, within = target + classes * new, torch.where(new, torch.ones_like(within), within)
    weights = within / torch.zeros(2 * classes, device=within.device).index_add(0, kinds, within)[kinds]
    totals = torch.zeros(classes, device=weights.device).index_add(0, target, weights)
    weights = weights / totals[target]
    return weights / weights.sum()


@torch.no_grad()
def _standardise(head: DeepShallowHead, features: Float[Tensor, "n f"], shares: Float[Tensor, " n"]) -> None:
    mean = shares @ features
    head.mean.copy_(mean)
    head.deviation.copy_((shares @ (features - mean) ** 2).sqrt() + _SMALLEST_DEVIATION)


@torch.no_grad()
def _blank(head: DeepShallowHead, random: torch.Generator) -> None:
    """Set all weights and the prior to zero, but draw the hidden units at random: they would all stay alike."""
    for tensor in (*head.parameters(), head.prior):
        tensor.zero_()
    hidden = head.hidden.weight
    hidden.copy_(torch.randn(hidden.shape, generator=random) * (2 / hidden.shape[1]) ** 0.5)
