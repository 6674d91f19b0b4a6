"""Laws of the loss: only labelled pixels speak."""

import pytest
import torch
from torch import Tensor

from napari_unet.training.losses import weighted_cross_entropy

CLASSES = 3


def sparse(side: int) -> tuple[Tensor, Tensor]:
    """A target and weights with one annotated square of 16 x 16 pixels in a tile of ``side``."""
    torch.manual_seed(0)
    target = torch.randint(CLASSES, (1, side, side))
    weights = torch.zeros(1, side, side)
    weights[:, 4:20, 8:24] = torch.rand(16, 16) + 0.5
    return target, weights


def test_unlabelled_pixels_are_silent() -> None:
    """The gradient is exactly 0 at every unlabelled pixel, and at no labelled one."""
    target, weights = sparse(64)
    logits = torch.randn(1, CLASSES, 64, 64, requires_grad=True)
    weighted_cross_entropy(logits, target, weights).backward()
    assert logits.grad is not None
    silent = (logits.grad == 0).all(dim=1)
    assert torch.equal(silent, weights == 0)


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


def test_only_ratios_of_weights_matter() -> None:
    """Doubling all weights changes neither loss nor gradient."""
    target, weights = sparse(32)
    logits = torch.randn(1, CLASSES, 32, 32, requires_grad=True)
    losses = [weighted_cross_entropy(logits, target, factor * weights) for factor in (1, 2)]
    gradients = [torch.autograd.grad(loss, logits)[0] for loss in losses]
    assert torch.equal(losses[0], losses[1])
    assert torch.equal(gradients[0], gradients[1])


def test_heavier_pixels_count_more() -> None:
    """A wrong pixel costs in proportion to its share of the weight."""
    target = torch.zeros(1, 1, 2, dtype=torch.long)
    logits = torch.tensor([[[[20.0, -20.0]], [[-20.0, 20.0]]]])  # right, wrong by 40
    weights = torch.tensor([[[3.0, 1.0]]])
    assert float(weighted_cross_entropy(logits, target, weights)) == pytest.approx(40 / 4)
    assert float(weighted_cross_entropy(logits, target, weights.flip(2))) == pytest.approx(40 * 3 / 4)


def test_nothing_labelled_teaches_nothing() -> None:
    """Without a labelled pixel loss and gradient are 0, not NaN."""
    logits = torch.randn(1, CLASSES, 8, 8, requires_grad=True)
    loss = weighted_cross_entropy(logits, torch.zeros(1, 8, 8, dtype=torch.long), torch.zeros(1, 8, 8))
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert not logits.grad.any()
