"""Laws of the Dice to publish: areas add up, its interval is never of zero width, and too little has no number."""

import numpy as np
import pytest

from napari_unet.evaluation.checked_areas import LEAST_AREAS, checked_dice
from napari_unet.evaluation.estimated_dice import WIDEST
from napari_unet.evaluation.scores import CheckedDice, dice

NAMES = {1: "background", 2: "cell"}


def areas(count: int, wrong: int, cells: int = 400) -> np.ndarray:
    """Confusion matrices of areas of 1000 pixels with so many wrong ones of each kind."""
    return np.array([[[1000 - cells - wrong, wrong], [wrong, cells - wrong]]] * count)


def found_in(matrices: np.ndarray) -> CheckedDice:
    """The Dice of areas of which the first is in one image, and the others in another."""
    return checked_dice(matrices, [7, *[8] * (len(matrices) - 1)], (1, 2), NAMES)


def test_areas_add_up() -> None:
    """The Dice is that of all pixels together, not a mean of the areas."""
    matrices = np.concatenate([areas(3, 5), areas(2, 30, 100)])
    found = found_in(matrices)
    assert (found.areas, found.images, found.pixels) == (5, 2, 5000)
    np.testing.assert_allclose([each.value for each in found.classes], dice(matrices.sum(axis=0)))


@pytest.mark.parametrize("wrong", [0, 1, 20])
def test_an_interval_has_width_and_holds_its_value(wrong: int) -> None:
    """Also where everything agrees; more areas and fewer errors make it narrower."""
    few, many = (found_in(areas(count, wrong)).classes for count in (LEAST_AREAS, 40))
    for one, other in zip(few, many, strict=True):
        assert one.value is not None
        assert one.low is not None
        assert one.high is not None
        assert one.low <= one.value <= one.high
        assert WIDEST >= one.high - one.low > other.high - other.low > 0.01
        assert one.level == 0.9
    worse = found_in(areas(LEAST_AREAS, wrong + 20)).classes
    assert worse[1].high - worse[1].low > few[1].high - few[1].low


def test_too_little_has_a_reason_and_no_number() -> None:
    """A class in too few of the areas, in none, and one of which the areas say next to nothing."""
    there, none = areas(2, 2), areas(9, 0, 0)
    background, cell = found_in(np.concatenate([there, none])).classes
    assert background.value is not None
    assert (cell.value, cell.reason) == (
        None,
        "cell is in 2 of the checked rectangles, 4 are needed: check another one at random",
    )
    assert found_in(none).classes[1].reason.startswith("cell is in none of")
    unsure = found_in(areas(LEAST_AREAS, 300)).classes[1]
    assert (unsure.value, unsure.low) == (None, None)
    assert unsure.reason == "too unsure of cell: check another rectangle at random"
