"""Laws of the summary: how far a share of the area can be trusted stands beside it."""

import math

import numpy as np
import pytest

from napari_unet.config import Settings
from napari_unet.evaluation.estimated_dice import EstimatedDice
from napari_unet.export.segmentation import ClassStyle, Segmentation
from napari_unet.export.summary_table import summarise, summary_columns
from napari_unet.images.image import Image

STYLES = [ClassStyle(name, (0, 0, 0)) for name in ("background", "cell", "large", "unknown")]


def test_a_share_of_the_area_has_an_interval() -> None:
    """From the low end of the Dice; never above 1, and nothing where the Dice has no value."""
    mask = np.zeros((1, 10, 10), np.uint8)
    mask[0, :1], mask[0, 1:9], mask[0, 9:] = 1, 2, 3
    estimates = {1: EstimatedDice(2, 0.9, 0.8, 0.95), 2: EstimatedDice(3, 0.9, 0.5, 1.0), 3: EstimatedDice(4, None)}
    image = Image("image", mask[0], "yx")
    cell, large, unknown = summarise(Segmentation(mask, image, STYLES, Settings(), estimates))
    assert set(cell) == set(summary_columns(image.pixel_size))
    assert (cell["estimated_dice"], cell["estimated_dice_low"], cell["estimated_dice_high"]) == (0.9, 0.8, 0.95)
    assert cell["mask_area_fraction_low"] == pytest.approx(0.1 * 0.8 / 1.2)
    assert cell["mask_area_fraction_high"] == pytest.approx(0.1 * 1.2 / 0.8)
    assert large["mask_area_fraction_high"] == 1
    names = [name for name in unknown if name.startswith(("estimated", "mask_area_fraction_"))]
    assert len(names) == 5
    assert all(math.isnan(unknown[name]) for name in names)
    (nobody, *_) = summarise(Segmentation(mask, image, STYLES, Settings()))
    assert math.isnan(nobody["estimated_dice"])


def test_the_dice_of_a_stack_says_little_of_a_plane() -> None:
    """All of its errors may lie in the plane that holds least: the true share is inside, as wide as that may be."""
    truth = np.zeros((3, 100, 100), np.uint8)
    truth[0, :50], truth[1, :5], truth[2, :2] = 1, 1, 1
    mask = np.zeros_like(truth)
    mask[0, :50], mask[1, :1] = 1, 1
    found = 2 * int((mask & truth).sum()) / int(mask.sum() + truth.sum())
    estimates = {1: EstimatedDice(2, found, found - 0.02, 1.0)}
    rows = summarise(Segmentation(mask, Image("image", mask, "zyx"), STYLES[:2], Settings(), estimates))
    for row, of_plane in zip(rows, truth, strict=True):
        assert row["mask_area_fraction_low"] <= of_plane.mean() <= row["mask_area_fraction_high"]
