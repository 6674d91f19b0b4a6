"""Laws of the loss: only labelled pixels speak."""

from typing import get_args

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from napari_unet.config import LossKind
from napari_unet.training.losses import Loss, dice_loss, tversky_loss, weighted_cross_entropy

CLASSES = 3
KINDS = get_args(LossKind)
LOSSES = [Loss(kind, smoothing) for kind in KINDS for smoothing in (0.0, 0.2)]
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: f"{loss.kind} {loss.label_smoothing}")


def sparse(side: int) -> tuple[Tensor, Tensor]:
    """A target and weights with one annotated square of 16 x 16 pixels in a tile of ``side``."""
    torch.manual_seed(0)
    target = torch.randint(CLASSES, (1, side, side))
    weights = torch.zeros(1, side, side)
    weights[:, 4:20, 8:24] = torch.rand(16, 16) + 0.5
    return target, weights


def gradient(loss: Loss, logits: Tensor, target: Tensor, weights: Tensor) -> tuple[float, Tensor]:
    """The loss and its gradient with respect to the logits."""
    logits = logits.detach().requires_grad_()
    value = loss(logits, target, weights)
    value.backward()
    assert logits.grad is not None
    return float(value.detach()), logits.grad


def certain(target: Tensor, height: float = 20.0) -> Tensor:
    """Logits that name the target, and nothing else, with certainty."""
    return height * functional.one_hot(target, CLASSES).movedim(-1, 1).float()


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_unlabelled_pixels_are_silent(loss: Loss, dtype: torch.dtype) -> None:
    """The gradient is exactly 0 at every unlabelled pixel, and at no labelled one."""
    target, weights = sparse(64)
    logits = torch.randn(1, CLASSES, 64, 64).to(dtype)
    value, slope = gradient(loss, logits, target, weights)
    silent = (slope == 0).all(dim=1)
    assert value == float(loss(logits.float(), target, weights)) > 0  # nothing is computed in 8 bits
    assert slope.dtype == dtype
    assert torch.equal(silent, weights == 0)


@every_loss
def test_more_unlabelled_pixels_change_nothing(loss: Loss) -> None:
    """Whatever is said and written around the labelled pixels, and however much of it: loss and gradient stay."""
    target, weights = sparse(32)
    logits = torch.randn(1, CLASSES, 32, 32)
    value, slope = gradient(loss, logits, target, weights)
    around = (7, 25, 40, 8)
    wide = functional.pad(logits, around, value=30.0)
    wide[:, 0] += (functional.pad(weights, around) == 0) * torch.randn(wide.shape[2:])
    more, wide_slope = gradient(loss, wide, functional.pad(target, around, value=2), functional.pad(weights, around))
    assert more == pytest.approx(value, rel=1e-6)
    torch.testing.assert_close(wide_slope[:, :, 40:-8, 7:-25], slope, rtol=1e-5, atol=1e-9)
    twice, _ = gradient(loss, torch.cat([logits, wide[:, :, :32, :32]]), torch.cat([target, target]),
                        torch.cat([weights, torch.zeros_like(weights)]))  # fmt: skip
    assert twice == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_certain_and_right_costs_nothing(kind: LossKind) -> None:
    """A certain right answer has a loss of 0, a certain wrong one the highest that there is."""
    target, weights = sparse(32)
    assert float(Loss(kind)(certain(target), target, weights)) == pytest.approx(0, abs=1e-6)
    wrong = float(Loss(kind)(certain((target + 1) % CLASSES), target, weights))
    assert wrong == pytest.approx({"cross-entropy": 20, "cross-entropy + dice": 21}.get(kind, 1), rel=1e-4)


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_extreme_logits_give_finite_numbers(loss: Loss, dtype: torch.dtype) -> None:
    """Logits of 10 000, right or wrong, leave loss and gradient finite."""
    target, weights = sparse(32)
    for logits in (certain(target, 1e4), certain(target, -1e4), 1e4 * torch.randn(1, CLASSES, 32, 32)):
        value, slope = gradient(loss, logits.to(dtype), target, weights)
        assert 0 <= value < float("inf")
        assert torch.isfinite(slope).all()


@every_loss
@pytest.mark.parametrize("classes", [1, 3])
def test_one_class_alone_is_no_accident(loss: Loss, classes: int) -> None:
    """One output, or one painted class of three, gives finite numbers; only an output with rivals can be wrong."""
    _, weights = sparse(32)
    target = torch.zeros(1, 32, 32, dtype=torch.long)
    value, slope = gradient(loss, torch.randn(1, classes, 32, 32), target, weights)
    assert torch.isfinite(slope).all()
    assert bool(slope.any()) == (classes > 1)
    assert (value > 1e-6) == (classes > 1)


@every_loss
def test_nothing_labelled_teaches_nothing(loss: Loss) -> None:
    """Without a labelled pixel loss and gradient are 0, not NaN."""
    target, _ = sparse(32)
    value, slope = gradient(loss, torch.randn(1, CLASSES, 32, 32), target, torch.zeros(1, 32, 32))
    assert value == 0
    assert not slope.any()


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.4])
def test_a_fully_labelled_tile_has_the_usual_cross_entropy(smoothing: float) -> None:
    """With equal weights everywhere it is torch's own, and the formula: -sum of (1 - s) t + s / k times log p."""
    target = torch.randint(CLASSES, (2, 16, 16), generator=torch.Generator().manual_seed(1))
    logits = 3 * torch.randn(2, CLASSES, 16, 16, generator=torch.Generator().manual_seed(2))
    found = float(Loss("cross-entropy", smoothing)(logits, target, torch.full((2, 16, 16), 0.7)))
    assert found == pytest.approx(float(functional.cross_entropy(logits, target, label_smoothing=smoothing)), rel=1e-5)
    wanted = (1 - smoothing) * certain(target, 1.0) + smoothing / CLASSES
    assert found == pytest.approx(float(-(wanted * logits.log_softmax(1)).sum(1).mean()), rel=1e-5)


def masked_dice(p: Tensor, target: Tensor, weights: Tensor) -> float:
    """1 - the mean of 2 sum(w p t) / (sum(w p) + sum(w t)) over the classes that some weighted pixel has."""
    values = []
    for k in range(p.shape[1]):
        truth = (target == k).double()
        if (weights * truth).any():
            both = (weights * p[:, k] * truth).sum()
            values.append(2 * both / ((weights * p[:, k]).sum() + (weights * truth).sum()))
    return 1 - float(torch.stack(values).mean())


@pytest.mark.parametrize("absent", [None, 0, 2])
def test_dice_is_its_formula_and_half_tversky(absent: int | None) -> None:
    """Soft Dice over the whole batch, which is Tversky with equal factors of a half; absent classes do not count."""
    target, weights = sparse(32)
    target, weights = torch.cat([target, target.flip(1)]), torch.cat([weights, weights.flip(2)])
    if absent is not None:
        weights[target == absent] = 0
    logits = 2 * torch.randn(2, CLASSES, 32, 32)
    expected = masked_dice(logits.double().softmax(1), target, weights.double())
    assert float(dice_loss(logits, target, weights)) == pytest.approx(expected, rel=1e-5)
    assert float(Loss("dice")(logits, target, weights)) == pytest.approx(expected, rel=1e-5)
    assert float(Loss("tversky", alpha=0.5, beta=0.5)(logits, target, weights)) == pytest.approx(expected, rel=1e-5)


def test_tversky_weighs_false_against_missed() -> None:
    """One of four pixels is missed and one is false: TP / (TP + a FP + b FN) for both classes."""
    target = torch.tensor([[[1, 1, 1, 0]]])
    logits = certain(torch.tensor([[[1, 1, 0, 0]]]))[:, :2]
    weights = torch.ones(1, 1, 4)
    expected = 1 - (2 / (2 + 0.7) + 1 / (1 + 0.3)) / 2
    assert float(tversky_loss(logits, target, weights, 0.3, 0.7)) == pytest.approx(expected, rel=1e-5)
    assert float(Loss("tversky")(logits, target, weights)) == pytest.approx(expected, rel=1e-5)


def test_the_sum_is_the_sum() -> None:
    """Cross-entropy + Dice is what it says, with the smoothing in the first part."""
    target, weights = sparse(32)
    logits = torch.randn(1, CLASSES, 32, 32)
    parts = [Loss(kind, 0.1)(logits, target, weights) for kind in ("cross-entropy", "dice")]
    assert float(Loss("cross-entropy + dice", 0.1)(logits, target, weights)) == pytest.approx(float(sum(parts)))
    assert float(parts[1]) == float(Loss("dice")(logits, target, weights))
    assert float(parts[0]) != float(Loss("cross-entropy")(logits, target, weights))


@pytest.mark.parametrize("side", [32, 64, 128, 256])
def test_a_perfect_prediction_has_no_loss(side: int) -> None:
    """Right answers at the labelled pixels cost nothing, whatever is said elsewhere and however large the tile."""
    target, weights = sparse(side)
    logits = torch.randn(1, CLASSES, side, side) * 5
    right = 20 * torch.nn.functional.one_hot(target, CLASSES).permute(0, 3, 1, 2).float()
    logits = torch.where(weights[:, None] > 0, right, logits)
    assert weighted_cross_entropy(logits, target, weights) < 1e-4


def test_the_tile_size_does_not_change_the_loss() -> None:
    """The same annotated square with the same answers has the same loss and gradient in a small and a large tile."""
    found = []
    for side in (32, 256):
        _, weights = sparse(side)
        target = torch.zeros(1, side, side, dtype=torch.long)
        logits = torch.zeros(1, CLASSES, side, side, requires_grad=True)
        loss = weighted_cross_entropy(logits, target, weights)
        loss.backward()
        assert logits.grad is not None
        found.append((float(loss.detach()), float(logits.grad.abs().sum())))
    assert found[0] == pytest.approx(found[1], rel=1e-5)


@every_loss
def test_only_ratios_of_weights_matter(loss: Loss) -> None:
    """Doubling all weights changes neither loss nor gradient."""
    target, weights = sparse(32)
    logits = torch.randn(1, CLASSES, 32, 32)
    (once, slope), (twice, same) = (gradient(loss, logits, target, factor * weights) for factor in (1, 2))
    assert once == twice
    assert torch.equal(slope, same)


def test_heavier_pixels_count_more() -> None:
    """A wrong pixel costs in proportion to its share of the weight."""
    target = torch.zeros(1, 1, 2, dtype=torch.long)
    logits = torch.tensor([[[[20.0, -20.0]], [[-20.0, 20.0]]]])  # right, wrong by 40
    weights = torch.tensor([[[3.0, 1.0]]])
    assert float(weighted_cross_entropy(logits, target, weights)) == pytest.approx(40 / 4)
    assert float(weighted_cross_entropy(logits, target, weights.flip(2))) == pytest.approx(40 * 3 / 4)
