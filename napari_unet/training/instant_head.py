"""The last layers, fitted to a frozen network's features in a fraction of a second, so that a stroke answers at once.

Both experts of the head are fitted by L-BFGS to the class-balanced cross-entropy of labelled pixels with an L2 penalty.
Pixels of strokes are many but alike, so the penalty is strong: without it the head learns the strokes by heart
(measured in docs/architecture.md).
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from napari_unet.network.unet import Experts

_PIXELS = 4000  # labelled pixels that the head is fitted to, as many of every class
_DECAY_DEEP = 0.03
_DECAY_SHALLOW = 0.003
_ITERATIONS = 40
_SMALLEST_DEVIATION = 1e-3


def fit_head(head: Experts, features: Float[Tensor, "n f"], target: Int64[Tensor, " n"], seed: int = 0) -> None:
    """Replace the head's weights by those that tell labelled pixels apart.

    Parameters
    ----------
    features : of labelled pixels, as ``UNet.features`` gives them
    target : output index of each
    seed : of the pixels that are drawn and of the hidden units
    """
    random = torch.Generator().manual_seed(seed)
    chosen = _balanced(target, head.classes, random)
    features, target = features[chosen], target[chosen]
    shares = _shares(target, head.classes)
    _standardise(head, features, shares)
    _blank(head, random)
    standard = ((features - head.mean) / head.deviation)[:, :, None, None]
    deep, shallow = standard[:, : head.split], standard[:, head.split :]
    _minimise([*head.deep.parameters()], lambda: head.deep_logits(deep), target, shares, _DECAY_DEEP)
    both = [*head.hidden.parameters(), *head.shallow.parameters()]
    _minimise(both, lambda: head.shallow_logits(shallow), target, shares, _DECAY_SHALLOW)


def _balanced(target: Int64[Tensor, " n"], classes: int, random: torch.Generator) -> Int64[Tensor, " m"]:
    """Indices of at most ``_PIXELS`` pixels, the same limit for every class."""
    found = [torch.nonzero(target == k)[:, 0] for k in range(classes)]
    limit = _PIXELS // classes
    return torch.cat([at[torch.randperm(len(at), generator=random)[:limit].to(at.device)] for at in found])


def _shares(target: Int64[Tensor, " n"], classes: int) -> Float[Tensor, " n"]:
    """Weights that sum to 1, the same total for every class that is there."""
    weights = (1 / torch.bincount(target, minlength=classes).clamp_min(1))[target]
    return weights / weights.sum()


@torch.no_grad()
def _standardise(head: Experts, features: Float[Tensor, "n f"], shares: Float[Tensor, " n"]) -> None:
    mean = shares @ features
    head.mean.copy_(mean)
    head.deviation.copy_((shares @ (features - mean) ** 2).sqrt() + _SMALLEST_DEVIATION)


@torch.no_grad()
def _blank(head: Experts, random: torch.Generator) -> None:
    """Zero weights but for the hidden units, which would all stay alike."""
    for parameter in head.parameters():
        parameter.zero_()
    hidden = head.hidden.weight
    hidden.copy_(torch.randn(hidden.shape, generator=random) * (2 / hidden.shape[1]) ** 0.5)


def _minimise(
    parameters: list[nn.Parameter],
    logits: Callable[[], Float[Tensor, "n k 1 1"]],
    target: Int64[Tensor, " n"],
    shares: Float[Tensor, " n"],
    decay: float,
) -> None:
    optimiser = torch.optim.LBFGS(parameters, max_iter=_ITERATIONS, history_size=10, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        each = functional.cross_entropy(logits()[:, :, 0, 0], target, reduction="none")
        weights = torch.stack([p.square().sum() for p in parameters if p.dim() > 1])
        loss = (each * shares).sum() + decay * weights.sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    optimiser.zero_grad()
