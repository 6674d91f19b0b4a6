"""The losses of one episode after the other: the definition that the batched form is held to, and measured against."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from scripts.base.batch import NONE, Batch
from scripts.base.corrections import with_corrections
from scripts.base.losses import ASKED, DENSE_BALANCE, EPISODE_BALANCE, IMPOSSIBLE, Losses
from scripts.base.ridge import Heads, fit_ridge


class OneByOne(Losses):
    """The same losses in a loop over the episodes."""

    def of_features(self, batch: Batch, features: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the episodic and the dense loss from the features (b, pixels of both tiles, f) of a batch."""
        penalty, sharpness = self.log_penalty.exp(), self.log_sharpness.exp()

        def fit(stroked: Tensor, painted: Tensor) -> Heads:
            return fit_ridge(stroked, painted, batch.classes, penalty)

        places, painted = with_corrections(batch, features, fit)
        side = batch.labels.shape[-1]
        all_of_them = features.view(len(features), 2, side, side, -1).permute(0, 1, 4, 2, 3).unbind(0)
        answered, known = [], []
        for row, (own, index) in enumerate(zip(all_of_them, batch.sets.tolist(), strict=True)):
            valid = painted[row] != NONE
            labels = batch.labels[row].long()
            answered.append(of_episode(own, labels, places[row][valid], painted[row][valid], penalty, sharpness))
            if index != NONE:
                head = self.set_heads[index]
                assert isinstance(head, nn.Linear)
                known.append(of_set(own, batch.fine[row].long(), head))
        return torch.stack(answered).mean(), torch.stack(known).mean() if known else torch.zeros(())


def of_episode(
    features: Tensor, labels: Tensor, places: Tensor, painted: Tensor, penalty: Tensor, sharpness: Tensor
) -> Tensor:
    """Compute the episodic loss of one episode.

    Parameters
    ----------
    features : (2, f, y, x), of both tiles
    labels : int64 (2, y, x)
    places, painted : int64 (n,), flat indices into tile 0 of painted pixels and their classes
    penalty, sharpness : (), of the ridge head
    """
    classes = int(labels.max()) + 1
    weight, bias = ridge(features[0].flatten(1)[:, places].T, painted, classes, penalty)
    logits = sharpness * (torch.einsum("kf,bfyx->bkyx", weight, features) + bias.view(1, -1, 1, 1))
    seen = torch.bincount(painted, minlength=classes) > 0
    logits = logits.masked_fill(~seen.view(1, -1, 1, 1), IMPOSSIBLE)
    importance = rarity(labels, classes, EPISODE_BALANCE) * seen[labels]
    importance[1] *= ASKED
    return weighted(logits, labels, importance)


def of_set(features: Tensor, fine: Tensor, head: nn.Linear) -> Tensor:
    """Compute the dense loss of one episode from features (2, f, y, x), for classes (2, y, x) of a set."""
    logits = head(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    return weighted(logits, fine, rarity(fine, head.out_features, DENSE_BALANCE))


def ridge(features: Tensor, target: Tensor, classes: int, penalty: Tensor) -> tuple[Tensor, Tensor]:
    """Fit one-hot classes (n,) by ridge regression to features (n, f); return (classes, f) and (classes,)."""
    share = (1 / torch.bincount(target, minlength=classes).to(features.dtype).clamp_min(1))[target]
    share = (share / share.sum())[:, None]
    wanted = functional.one_hot(target, classes).to(features.dtype)
    mean, wanted_mean = (share * features).sum(0), (share * wanted).sum(0)
    centred = features - mean
    covariance = (centred * share).T @ centred + penalty * torch.eye(features.shape[1], dtype=features.dtype)
    weight = torch.linalg.solve(covariance, (centred * share).T @ (wanted - wanted_mean)).T
    return weight, wanted_mean - weight @ mean


def rarity(target: Tensor, classes: int, exponent: float) -> Tensor:
    """Compute how much each of some pixels weighs by the number of those of its class."""
    counts = torch.bincount(target.flatten(), minlength=classes).clamp_min(1)
    return (counts.to(torch.get_default_dtype()) ** exponent)[target]


def weighted(logits: Tensor, target: Tensor, importance: Tensor) -> Tensor:
    """Average the cross-entropy of logits (b, k, y, x) against class indices (b, y, x), weighted by (b, y, x)."""
    loss = functional.cross_entropy(logits, target, reduction="none")
    return (loss * importance).sum() / importance.sum()
