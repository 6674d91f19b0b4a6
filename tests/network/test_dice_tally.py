"""Sums for the estimated Dice, counted on the device as one would count them by hand."""

import numpy as np
import pytest
import torch

from napari_unet.evaluation.dice_sums import DiceSums
from napari_unet.images.tiles import Region, grid
from napari_unet.network.device import Device
from napari_unet.network.dice_tally import dice_tally
from napari_unet.network.inference import Predictor
from napari_unet.network.unet import Architecture, build

CPU = Device("cpu", "", False)


@pytest.mark.parametrize("branches", [1, 2])
def test_sums_are_those_of_the_softened_probabilities(branches: int) -> None:
    """Pixels, probabilities of what is shown and of everything; the deep branch is believed as it is."""
    logits = torch.from_numpy(np.random.default_rng(0).normal(0, 2, (branches, 3, 9, 7)).astype(np.float32))
    shown = logits.sum(0).argmax(0)
    found = DiceSums.of(dice_tally(logits, shown).numpy())
    probabilities = torch.softmax(logits.sum(0).double() / 2, 0).numpy()
    deep = probabilities if branches == 1 else torch.softmax(logits[0].double(), 0).numpy()
    index = shown.numpy()
    for k in range(3):
        assert found.shown[k] == (index == k).sum()
        assert found.sure[k] == pytest.approx(probabilities[k][index == k].sum(), rel=1e-5)
        assert found.expected[k] == pytest.approx(probabilities[k].sum(), rel=1e-5)
        assert found.deep_sure[k] == pytest.approx(deep[k][index == k].sum(), rel=1e-5)
        assert found.deep_expected[k] == pytest.approx(deep[k].sum(), rel=1e-5)


def test_a_predictor_sums_what_it_shows_and_nothing_else() -> None:
    """Tiles add up to the whole, classes are the same with and without, and nobody pays who did not ask."""
    predictor = Predictor(build(Architecture(1, 2, 4)), (1, 2), CPU)
    plane = np.random.default_rng(1).normal(0, 1, (70, 90, 1)).astype(np.float32)
    whole = Region(0, 0, 70, 90)
    before = predictor.classes(plane, whole)
    assert predictor.sums is None
    predictor.estimate_anew()
    np.testing.assert_array_equal(predictor.classes(plane, whole), before)
    at_once = predictor.sums
    predictor.estimate_anew()
    for tile in grid(70, 90, 32):
        predictor.classes_and_probabilities(plane, tile)
    in_parts = predictor.sums
    assert at_once is not None
    assert in_parts is not None
    assert at_once.pixels == in_parts.pixels == 70 * 90
    np.testing.assert_array_equal(at_once.shown, in_parts.shown)
    np.testing.assert_allclose(at_once.sure, in_parts.sure, rtol=1e-5)
    np.testing.assert_allclose(at_once.expected, in_parts.expected, rtol=1e-5)
