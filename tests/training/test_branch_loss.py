"""The loss of a head's branches: its gradient is that of automatic differentiation, and its minimum is reached."""

import itertools

import pytest
import torch
from torch.nn import functional

from napari_unet.network.unet import DeepShallowHead
from napari_unet.training.branch_loss import BranchLoss, Wanted, minimise
from napari_unet.training.head_branches import Branch, DeepBranch, ShallowBranch
from napari_unet.training.losses import BRANCH_WEIGHT

DEEP, SHALLOW, CLASSES, LABELLED, WHOLE, UNLABELLED = 5, 4, 3, 30, 20, 10
KEEP = 0.7


@pytest.fixture
def head() -> DeepShallowHead:
    """Make a head with weights at random, which expects the classes unequally."""
    torch.manual_seed(0)
    made = DeepShallowHead(DEEP, SHALLOW, CLASSES)
    made.expect(torch.tensor([0.5, -0.25, -0.25]))
    return made


@pytest.fixture
def inputs() -> torch.Tensor:
    """Draw the standardised features of all pixels."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(DEEP + SHALLOW, LABELLED + WHOLE + UNLABELLED, generator=generator)


@pytest.fixture
def wanted() -> Wanted:
    """Draw what labelled pixels should become, and their weights."""
    generator = torch.Generator().manual_seed(2)
    target, whole = (torch.randint(CLASSES, (count,), generator=generator) for count in (LABELLED, WHOLE))
    shares = torch.rand(LABELLED, generator=generator)
    return Wanted(target, shares / shares.sum(), whole, KEEP)


def _branches(head: DeepShallowHead, inputs: torch.Tensor) -> list[Branch]:
    return [DeepBranch(head, inputs[:DEEP]), ShallowBranch(head, inputs[DEEP:])]


def _penalty(head: DeepShallowHead) -> torch.Tensor:
    """Compute the penalty as docs/pipeline.md says it: 0.03 deep, 0.003 shallow, none for biases."""
    shallow = head.hidden.weight.square().sum() + head.shallow.weight.square().sum()
    return 0.03 * head.deep.weight.square().sum() + 0.003 * shallow


def _entropy(logits: torch.Tensor, kept: torch.Tensor, wanted: Wanted) -> torch.Tensor:
    """Compute the cross-entropies of logits (n, k), by PyTorch's own function."""
    labelled, whole, unlabelled = torch.split(logits, [LABELLED, WHOLE, UNLABELLED])
    return (
        (functional.cross_entropy(labelled, wanted.target, reduction="none") * wanted.shares).sum()
        + functional.cross_entropy(whole, wanted.whole)
        + KEEP * functional.cross_entropy(unlabelled, kept)
    )


def test_the_gradient_of_a_correction_is_right(head: DeepShallowHead, inputs: torch.Tensor, wanted: Wanted) -> None:
    """Loss and gradient of both branches are those that automatic differentiation finds."""
    branches = _branches(head, inputs)
    loss = BranchLoss(branches, wanted)

    def answers() -> list[torch.Tensor]:
        standard = inputs[None, :, None, :]
        deep, shallow = head.deep_logits(standard[:, :DEEP]), head.shallow_logits(standard[:, DEEP:])
        alone = deep - head.prior[None, :, None, None]
        return [logits[0, :, 0].T for logits in (deep + shallow, alone, shallow)]

    with torch.no_grad():
        kept = [functional.softmax(logits[LABELLED + WHOLE :], dim=1) for logits in answers()]
        for parameter in head.parameters():  # elsewhere, or nothing would be amiss where nobody has painted
            parameter.add_(0.1 * torch.randn(parameter.shape))
    weights = (1.0, BRANCH_WEIGHT, BRANCH_WEIGHT)
    expected = sum(w * _entropy(a, k, wanted) for w, a, k in zip(weights, answers(), kept, strict=True))
    expected = expected + _penalty(head)
    expected.backward()  # type: ignore[no-untyped-call]
    tensors = [tensor for branch in branches for tensor in branch.tensors]
    at = torch.cat([tensor.flatten() for tensor in tensors]).double().numpy()
    found, gradient = loss.with_gradient(at)
    assert found == pytest.approx(expected.item(), rel=1e-5)
    by_hand = torch.cat([parameter.grad.flatten() for parameter in head.parameters() if parameter.grad is not None])
    assert torch.allclose(torch.from_numpy(gradient).float(), by_hand, atol=1e-5)


def _now(loss: BranchLoss, branch: Branch) -> tuple[float, float]:
    """Return the loss where a branch is, and the steepest slope."""
    value, gradient = loss.with_gradient(torch.cat([tensor.flatten() for tensor in branch.tensors]).double().numpy())
    return value, float(abs(gradient).max())


def test_each_branch_is_fitted_alone(head: DeepShallowHead, inputs: torch.Tensor, wanted: Wanted) -> None:
    """The loss of the deep branch has one minimum, which is reached, and that of the shallow one falls by a third."""
    for branch, other in itertools.permutations(_branches(head, inputs)):
        before = [tensor.clone() for tensor in other.tensors]
        loss = BranchLoss([branch], wanted)
        (first, slope), _ = _now(loss, branch), minimise([branch], wanted)
        last, flat = _now(loss, branch)
        assert flat < slope / 100 if isinstance(branch, DeepBranch) else last < 2 / 3 * first
        assert all(torch.equal(a, b) for a, b in zip(before, other.tensors, strict=True))
