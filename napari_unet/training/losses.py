"""The losses of labelled pixels; all others count for nothing.

In every function ``target`` holds output indices 0..k-1, and anything in that range where the weight is 0. The weight
is the only mask: zeroing logits instead would make unlabelled pixels vote for p = 0.5 and hide the labelled ones. Only
ratios of weights matter. Without any weight a loss is 0 with zero gradient. Logits may be of any floating type; losses
are computed in float32.
"""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from napari_unet.config import LossKind

BRANCH_WEIGHT = 0.5  # weight of the loss of each branch of a head by itself, beside the loss of their sum
_LEAST = 1e-12  # instead of dividing by no weight at all
Total = Callable[[Tensor], Tensor]  # a sum over the pixels here to the sum over all pixels of the step


def here(part: Tensor) -> Tensor:
    """Return a sum unchanged: all pixels of the step are in this process."""
    return part


@dataclass(frozen=True, slots=True)
class Loss:
    """One loss with its parameters.

    Parameters
    ----------
    kind : which loss; "cross-entropy + dice" is the sum of the two with equal factors
    label_smoothing : share of the target spread over all classes; acts on cross-entropy alone, because a soft Dice or
        Tversky loss is least for certain answers whatever the target (Wang et al. 2023, arXiv:2303.16296)
    alpha, beta : Tversky's factors of false positives and false negatives; 0.3 and 0.7 after Salehi et al. 2017
    total : gives sums over all pixels of a step of which only a share is here
    """

    kind: LossKind = "cross-entropy"
    label_smoothing: float = 0.0
    alpha: float = 0.3
    beta: float = 0.7
    total: Total = here

    def __call__(
        self, logits: Float[Tensor, "b k y x"], target: Int64[Tensor, "b y x"], loss_weights: Float[Tensor, "b y x"]
    ) -> Float[Tensor, ""]:
        """Compute the loss, which is 0 or more."""
        match self.kind:
            case "cross-entropy":
                return weighted_cross_entropy(logits, target, loss_weights, self.label_smoothing, self.total)
            case "dice":
                return dice_loss(logits, target, loss_weights, self.total)
            case "tversky":
                return tversky_loss(logits, target, loss_weights, self.alpha, self.beta, self.total)
            case "cross-entropy + dice":
                entropy = weighted_cross_entropy(logits, target, loss_weights, self.label_smoothing, self.total)
                return entropy + dice_loss(logits, target, loss_weights, self.total)


def weighted_cross_entropy(
    logits: Float[Tensor, "b k y x"],
    target: Int64[Tensor, "b y x"],
    loss_weights: Float[Tensor, "b y x"],
    label_smoothing: float = 0.0,
    total: Total = here,
) -> Float[Tensor, ""]:
    """Compute the sum of weight times cross-entropy over the sum of weights.

    With label smoothing s the target is 1 - s + s / k for the true class and s / k for the others (Szegedy et al.
    2016), and the least loss is above 0.
    """
    each = functional.cross_entropy(logits.float(), target, reduction="none", label_smoothing=label_smoothing)
    return total((each * loss_weights).sum()) / total(loss_weights.sum()).clamp_min(_LEAST)


def dice_loss(
    logits: Float[Tensor, "b k y x"],
    target: Int64[Tensor, "b y x"],
    loss_weights: Float[Tensor, "b y x"],
    total: Total = here,
) -> Float[Tensor, ""]:
    """Compute the soft Dice loss (Milletari et al. 2016).

    It is 1 - the mean over the classes of 2 sum(w p t) / (sum(w p) + sum(w t)).
    """
    return tversky_loss(logits, target, loss_weights, 0.5, 0.5, total)


def tversky_loss(
    logits: Float[Tensor, "b k y x"],
    target: Int64[Tensor, "b y x"],
    loss_weights: Float[Tensor, "b y x"],
    alpha: float,
    beta: float,
    total: Total = here,
) -> Float[Tensor, ""]:
    """Compute the Tversky loss (Salehi et al. 2017, arXiv:1706.05721).

    It is 1 - the mean over the classes of TP / (TP + alpha FP + beta FN).

    TP, FP and FN are sums of weight times probability over the whole batch. A class that no weighted pixel has does
    not count: its TP is 0 whatever the network says.
    """
    p = logits.float().softmax(dim=1)
    truth = functional.one_hot(target, logits.shape[1]).movedim(-1, 1)
    share = (loss_weights / total(loss_weights.sum()).clamp_min(_LEAST))[:, None]
    hits = total((share * p * truth).sum(dim=(0, 2, 3)))
    false_positives = total((share * p * (1 - truth)).sum(dim=(0, 2, 3)))
    false_negatives = total((share * (1 - p) * truth).sum(dim=(0, 2, 3)))
    present = total((share * truth).sum(dim=(0, 2, 3))) > 0
    index = hits / (hits + alpha * false_positives + beta * false_negatives).clamp_min(_LEAST)
    return (present * (1 - index)).sum() / present.sum().clamp_min(1)
