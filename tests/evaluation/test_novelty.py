"""Laws of the drop that is expected of a new image: only what is known of both is compared."""

import numpy as np
import pytest

from napari_unet.evaluation.dice_sums import DiceSums
from napari_unet.evaluation.novelty import (
    PAINTED,
    doubt_line,
    expected_drop,
    is_much_less,
    painted_fact,
    painted_in,
    shown_dice,
)

PAINTED_IMAGES = DiceSums(np.array([100.0, 50, 0]), np.array([90.0, 40, 0]), *(np.array([100.0, 60, 0]),) * 3)


def test_the_drop_is_the_mean_over_the_classes_that_both_know() -> None:
    """A class that either does not show says nothing; with none, nothing is said, and nothing is unlike."""
    painted = np.array([0.9, 0.7, np.nan])
    assert expected_drop(np.array([0.8, 0.3, 0.1]), painted) == pytest.approx(0.25)
    assert expected_drop(np.array([0.8, np.nan, 0.1]), painted) == pytest.approx(0.1)
    assert expected_drop(np.array([np.nan, np.nan, 0.1]), painted) is None
    assert not is_much_less(None)
    assert is_much_less(0.1)


def test_a_network_remembers_the_painted_images() -> None:
    """By class, those that they show; a network from before knows nothing."""
    fact = painted_fact(PAINTED_IMAGES, (1, 2, 4))
    assert fact == {"1": pytest.approx(0.9), "2": pytest.approx(80 / 110)}
    saved = painted_in({PAINTED: fact}, (2, 4, 1))
    np.testing.assert_allclose(saved, shown_dice(PAINTED_IMAGES)[[1, 2, 0]])
    assert np.isnan(painted_in({}, (1, 2))).all()


def test_the_line_names_the_image() -> None:
    """With its code, and with what to do; not how much less is expected, for mostly it is more."""
    line = doubt_line("cells.tif")
    assert line.startswith("NU-I35")
    assert "expect more errors" in line
    assert "cells.tif" in line
