"""Laws of the loss of a training step."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_unet.config import Settings
from napari_unet.network.device import Device
from napari_unet.network.presets import preset_named
from napari_unet.network.unet import Architecture, DeepShallowHead, UNet, build
from napari_unet.training.batch import Batch
from napari_unet.training.device_group import Alone
from napari_unet.training.losses import BRANCH_WEIGHT
from napari_unet.training.step_loss import StepLoss

SETTINGS = Settings(consistency=0.0)
SECOND = Batch(torch.zeros(1, 1, 32, 32), torch.ones(1, 32, 32, dtype=torch.int64), torch.ones(1, 32, 32))
EXPERTS = Architecture(width=4, depth=2, head="experts", intensities=True)


def step_loss(network: UNet) -> StepLoss:
    """The loss of a network that teaches itself."""
    return StepLoss(network, network, Device("cpu", "test", bfloat16=False), np.random.default_rng(0), Alone())


def shouting(network: UNet) -> DeepShallowHead:
    """Let the deep branch say the first class everywhere, and the shallow one the second, louder."""
    head = network.head
    assert isinstance(head, DeepShallowHead)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.zero_()
        head.deep.bias.copy_(torch.tensor([3.0, -3.0]))
        head.shallow.bias.copy_(torch.tensor([-9.0, 9.0]))
    return head


def test_a_branch_that_is_shouted_down_is_told_that_it_is_wrong() -> None:
    """The sum is right, so its loss is nothing; the branch that says the opposite is corrected all the same."""
    network = build(EXPERTS)
    head = shouting(network)
    loss, total = step_loss(network)(SECOND, SETTINGS)
    total.backward()
    slope = head.deep.bias.grad
    assert slope is not None
    assert loss.item() < 1e-4
    assert total.item() == pytest.approx(BRANCH_WEIGHT * 6, rel=0.01)
    assert slope[0] > 0.4 * BRANCH_WEIGHT > -0.4 * BRANCH_WEIGHT > slope[1]


def test_what_a_branch_expects_is_not_held_against_it() -> None:
    """The prior is taken from the deep branch before its own loss too."""
    network = build(EXPERTS)
    head = shouting(network)
    before = step_loss(network)(SECOND, SETTINGS)[1].item()
    head.expect(torch.tensor([2.0, -5.0]))
    assert step_loss(network)(SECOND, SETTINGS)[1].item() == pytest.approx(before, rel=1e-4)


def test_a_head_without_branches_has_one_loss() -> None:
    """A network with a linear head is judged by its answer alone."""
    network = build(replace(EXPERTS, head="linear"))
    loss, total = step_loss(network)(SECOND, SETTINGS)
    assert total.item() == loss.item() > 0


def test_every_process_drops_other_numbers_of_its_tiles() -> None:
    """They draw from the same state, and each has tiles of its own; one alone is the first of them."""
    network = build(preset_named("elu-dropout").architecture)
    batch = SECOND._replace(pixels=torch.linspace(-1, 1, 32 * 32).reshape(1, 1, 32, 32))
    losses = []
    for rank in (0, 1, 0):
        group = Alone()
        group.rank = rank
        loss = replace(step_loss(network), group=group, random=np.random.default_rng(5))
        losses.append(loss(batch, SETTINGS)[0].item())
    assert losses[0] == losses[2] != losses[1]
