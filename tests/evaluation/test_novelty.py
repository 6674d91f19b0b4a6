"""Laws of the drop that is expected of a new image: only what is known of both is compared."""

import numpy as np
import pytest

from napari_unet.evaluation.estimated_dice import EstimatedDice
from napari_unet.evaluation.novelty import doubt_line, drop_from

LEARNED = (EstimatedDice(1, 0.9, 0.8, 1.0), EstimatedDice(2, 0.7, 0.6, 0.8), EstimatedDice(3, None, reason="why"))


def test_the_drop_is_the_mean_over_the_classes_that_both_know() -> None:
    """A class without an estimate, or that is not shown in the image, says nothing; with none, nothing is said."""
    assert drop_from(LEARNED, (1, 2, 3), np.array([0.8, 0.3, 0.1])) == pytest.approx(0.25)
    assert drop_from(LEARNED, (1, 2, 3), np.array([0.8, np.nan, 0.1])) == pytest.approx(0.1)
    assert drop_from(LEARNED, (3, 4), np.array([0.8, 0.3])) is None
    assert drop_from((), (1, 2), np.array([0.8, 0.3])) is None


def test_the_line_names_the_image() -> None:
    """With its code, and with what to do; not how much less is expected, for mostly it is more."""
    line = doubt_line("cells.tif")
    assert line.startswith("NU-I35")
    assert "expect more errors" in line
    assert "cells.tif" in line
