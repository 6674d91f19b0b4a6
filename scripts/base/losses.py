"""Losses of base training, with the layers that are thrown away afterwards."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unet.network.device import Device
from napari_unet.network.unet import UNet, twice
from scripts.base.batch import Batch
from scripts.base.corrections import with_corrections
from scripts.base.filters import INTENSITIES, TARGETS, Responses
from scripts.base.ridge import Heads, fit_ridge

EPISODE_BALANCE = -0.7  # exponent of a class's pixel count in its weight: -1 makes all classes equal, 0 all pixels
DENSE_BALANCE = -0.5
IMPOSSIBLE = -30.0  # logit of a class without strokes
ASKED = 1.5  # weight of the tile without strokes
_DEEP = 3  # decoded channels that the head reads, in widths of the network


class Terms(NamedTuple):
    """Parts of the loss, each a mean.

    Attributes
    ----------
    episodic : cross-entropy of the ridge head fitted to the strokes of an episode
    dense : cross-entropy of each set's own head on all its pixels; 0 where no episode asks for the classes of a set
    auxiliary : error of filter responses told from the finest decoder level
    """

    episodic: Tensor
    dense: Tensor
    auxiliary: Tensor


class Losses(nn.Module):
    """Three tasks for one network: answer strokes, know each set, keep what classical filters see.

    Parameters
    ----------
    width : of the network
    fine_classes : of every set, in the order in which a batch numbers them
    device : whose number format the convolutions have; everything else is computed in that of the pixels
    """

    def __init__(self, width: int, fine_classes: Sequence[int], device: Device) -> None:
        super().__init__()
        self.inputs = _DEEP * width + INTENSITIES
        self.set_heads = nn.ModuleList(nn.Linear(self.inputs, count) for count in fine_classes)
        self.auxiliary = nn.Linear(width, TARGETS)
        self.log_penalty = nn.Parameter(torch.tensor(-2.0))
        self.log_sharpness = nn.Parameter(torch.tensor(1.5))
        self._device = device

    def forward(self, network: UNet, batch: Batch, responses: Responses) -> Terms:
        """Compute the losses of a network on a batch whose tiles have these filter responses."""
        tiles = batch.pixels.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        with self._device.autocast():
            levels = network.decoded(tiles)
        fine, coarse = (level.to(tiles.dtype) for level in levels)
        by_pixel = [x.permute(0, 2, 3, 1) for x in (fine, twice(coarse))]
        features = torch.cat([*by_pixel, responses.scales], 3).reshape(len(batch.pixels), -1, self.inputs)
        told = functional.smooth_l1_loss(self.auxiliary(by_pixel[0]), responses.targets, beta=0.3)
        return Terms(*self.of_features(batch, features), told)

    def of_features(self, batch: Batch, features: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the episodic and the dense loss from the features (b, pixels of both tiles, f) of a batch."""
        answering = self.episode_heads(batch, features)
        weight, bias = self.heads_of_sets(batch.sets)
        # One product reads the features once for both; with its pixels side by side, a softmax takes half of the time.
        weights, biases = torch.cat([answering.weight, weight], 2), torch.cat([answering.bias, bias], 1)
        logits = torch.baddbmm(biases[:, None], features, weights).transpose(1, 2).contiguous()
        answers, known = logits[:, : batch.classes], logits[:, batch.classes :]
        return episodic(batch, answers, answering.seen), dense(batch, known)

    def episode_heads(self, batch: Batch, features: Tensor) -> Heads:
        """Fit a head to the strokes of every episode, after its corrections; its logits are sharpened."""

        def fit(stroked: Tensor, painted: Tensor) -> Heads:
            return fit_ridge(stroked, painted, batch.classes, self.log_penalty.exp())

        places, painted = with_corrections(batch, features, fit)
        heads = fit(features.gather(1, places[..., None].expand(-1, -1, features.shape[2])), painted)
        sharpness = self.log_sharpness.exp()
        return Heads(heads.weight * sharpness, heads.bias * sharpness, heads.seen)

    def heads_of_sets(self, sets: Tensor) -> tuple[Tensor, Tensor]:
        """Return weights (b, f, classes) and biases (b, classes) of the sets' own heads, for sets (b,).

        Classes that a set lacks are impossible. Episodes without a set get those of the first one.
        """
        heads = [head for head in self.set_heads if isinstance(head, nn.Linear)]
        most = max(head.out_features for head in heads)
        weights = [functional.pad(head.weight, (0, 0, 0, most - head.out_features)) for head in heads]
        biases = [functional.pad(head.bias, (0, most - head.out_features), value=-torch.inf) for head in heads]
        index = sets.clamp_min(0)
        return torch.stack(weights)[index].transpose(1, 2), torch.stack(biases)[index]


def episodic(batch: Batch, logits: Tensor, seen: Tensor) -> Tensor:
    """Average over the episodes the cross-entropy of logits (b, classes, pixels), where ``seen`` (b, classes)."""
    labels = batch.labels.flatten(1).long()
    counted = seen.gather(1, labels)
    importance = balance(labels, seen.shape[1], EPISODE_BALANCE) * counted
    first, asked = importance.chunk(2, 1)
    importance = torch.cat([first, ASKED * asked], 1)
    return weighted_cross_entropy(logits.masked_fill(~seen[..., None], IMPOSSIBLE), labels, importance).mean()


def dense(batch: Batch, logits: Tensor) -> Tensor:
    """Average over the episodes of sets the cross-entropy of logits (b, classes, pixels) of the sets' own heads."""
    fine = batch.fine.flatten(1).long()
    has = (batch.sets >= 0).to(logits.dtype)
    each = weighted_cross_entropy(logits, fine, balance(fine, logits.shape[1], DENSE_BALANCE))
    return (each * has).sum() / has.sum().clamp_min(1)


def balance(target: Tensor, classes: int, exponent: float) -> Tensor:
    """Compute the weight (b, n) of pixels by their class ``target`` (b, n): the number of such pixels, to a power."""
    counts = torch.stack([(target == class_index).sum(1) for class_index in range(classes)], 1)
    return (counts.clamp_min(1).to(torch.get_default_dtype()) ** exponent).gather(1, target)


def weighted_cross_entropy(logits: Tensor, target: Tensor, importance: Tensor) -> Tensor:
    """Average over the pixels of logits (b, k, n) against class indices (b, n), weighted by (b, n); returns (b,)."""
    loss = functional.cross_entropy(logits, target, reduction="none")
    return (loss * importance).sum(1) / importance.sum(1)
