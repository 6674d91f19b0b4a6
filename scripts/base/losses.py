"""Losses of base training, with the layers that are thrown away afterwards."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unet.network.device import choose_device
from napari_unet.network.unet import UNet, twice
from scripts.base.episodes import Episode
from scripts.base.filters import INTENSITIES, TARGETS, intensities, targets
from scripts.base.ridge import fit_ridge

_DEEP = 3  # decoded channels that the head reads, in widths of the network
_IMPOSSIBLE = -30.0  # logit of a class without strokes
_ASKED = 1.5  # weight of the tile without strokes
_EPISODE_BALANCE = -0.7  # exponent of a class's pixel count in its weight: -1 makes all classes equal, 0 all pixels
_DENSE_BALANCE = -0.5


class Terms(NamedTuple):
    """Parts of the loss, each a mean.

    Attributes
    ----------
    episodic : cross-entropy of the ridge head fitted to the strokes of an episode
    dense : cross-entropy of each set's own head on all its pixels; 0 where all episodes are drawn
    auxiliary : error of filter responses told from the finest decoder level
    """

    episodic: Tensor
    dense: Tensor
    auxiliary: Tensor


class Losses(nn.Module):
    """Three tasks for one network: answer strokes, know each set, keep what classical filters see."""

    def __init__(self, width: int, fine_classes: Mapping[str, int]) -> None:
        super().__init__()
        inputs = _DEEP * width + INTENSITIES
        self.dense = nn.ModuleDict({name: nn.Conv2d(inputs, count, 1) for name, count in fine_classes.items()})
        self.auxiliary = nn.Conv2d(width, TARGETS, 1)
        self.log_penalty = nn.Parameter(torch.tensor(-2.0))
        self.log_sharpness = nn.Parameter(torch.tensor(1.5))
        self._device = choose_device("cpu")  # bfloat16 only where the processor multiplies in it: 30 times slower else

    def forward(self, network: UNet, episodes: Sequence[Episode]) -> Terms:
        """Compute the losses of a network on some episodes."""
        x = torch.cat([episode.pixels for episode in episodes]).contiguous(memory_format=torch.channels_last)
        with self._device.autocast():
            levels = network.decoded(x)
        fine, coarse = (level.float() for level in levels)
        scales = intensities(x.mean(1, keepdim=True))
        features = torch.split(torch.cat([fine, twice(coarse), scales], 1), 2)
        pairs = list(zip(episodes, features, strict=True))
        dense = [self.of_set(episode, pair) for episode, pair in pairs if episode.set_name is not None]
        return Terms(
            torch.stack([self.of_episode(episode, pair) for episode, pair in pairs]).mean(),
            torch.stack(dense).mean() if dense else torch.zeros(()),
            functional.smooth_l1_loss(self.auxiliary(fine), targets(scales), beta=0.3),
        )

    def of_episode(self, episode: Episode, features: Tensor) -> Tensor:
        """Compute the cross-entropy of both tiles' features (2, f, y, x) under a head fitted to the strokes."""
        target = episode.labels[0].flatten()[episode.strokes]
        stroked = features[0].flatten(1)[:, episode.strokes].T
        weight, bias = fit_ridge(stroked, target, episode.classes, self.log_penalty.exp())
        logits = torch.einsum("kf,bfyx->bkyx", weight, features) + bias.view(1, -1, 1, 1)
        seen = torch.bincount(target, minlength=episode.classes) > 0
        logits = (logits * self.log_sharpness.exp()).masked_fill(~seen.view(1, -1, 1, 1), _IMPOSSIBLE)
        counted = seen[episode.labels]
        importance = balance(episode.labels[counted], episode.classes, _EPISODE_BALANCE)[episode.labels] * counted
        importance[1] *= _ASKED
        return weighted_cross_entropy(logits, episode.labels, importance)

    def of_set(self, episode: Episode, features: Tensor) -> Tensor:
        """Compute the cross-entropy of both tiles' features (2, f, y, x) under the head of their set."""
        logits = self.dense[str(episode.set_name)](features)
        fine = episode.fine.long()
        importance = balance(fine.flatten(), logits.shape[1], _DENSE_BALANCE)[fine]
        return weighted_cross_entropy(logits, fine, importance)


def balance(target: Tensor, classes: int, exponent: float) -> Tensor:
    """Compute the weight (classes,) of a pixel by its class: the number of pixels in ``target`` (n,) to some power."""
    return torch.bincount(target, minlength=classes).float().clamp_min(1) ** exponent


def weighted_cross_entropy(logits: Tensor, target: Tensor, importance: Tensor) -> Tensor:
    """Average over pixels of logits (b, k, y, x) against class indices (b, y, x), weighted by (b, y, x)."""
    loss = functional.cross_entropy(logits, target, reduction="none")
    return (loss * importance).sum() / importance.sum()
