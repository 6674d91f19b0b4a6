"""Laws of the simulated strokes: what a brush covers, and that exact strokes stay in their class."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

if not (Path(__file__).parents[2] / "benchmarks").is_dir():
    pytest.skip("not a checkout", allow_module_level=True)

from benchmarks.simulated_strokes import Stroke, covered, painted, strokes_over
from benchmarks.sloppy_hand import sloppy_strokes, spilled

TRUTH = np.kron(np.random.default_rng(0).integers(0, 3, (6, 5)), np.ones((21, 19), int))


def everywhere_near(stroke: Stroke) -> np.ndarray:
    """Which pixels lie within the brush, by distances over the whole image."""
    away = np.ones(TRUTH.shape, bool)
    away[tuple(np.round(stroke.path).astype(int).T)] = False
    return np.asarray(ndimage.distance_transform_edt(away) <= stroke.radius)


def test_a_brush_covers_what_is_near_its_way() -> None:
    """The same as distances over the whole image say, at its rim and corners too."""
    corners = [Stroke(0, np.array([[row, column]]), 4) for row in (0, 125) for column in (0, 94)]
    for stroke in [*strokes_over(TRUTH, 3, 0), *sloppy_strokes(TRUTH, 3, 0), *corners]:
        assert np.array_equal(covered(stroke, TRUTH.shape), everywhere_near(stroke))


def test_exact_strokes_are_right_and_careless_ones_spill() -> None:
    """Every exact label is that of its pixel; of the careless ones some are not."""
    exact = painted(strokes_over(TRUTH, 3, 1), TRUTH)
    assert len(np.unique(exact)) == 4
    assert (exact == TRUTH + 1)[exact > 0].all()
    wrong = [
        (labels != TRUTH + 1)[labels > 0].mean()
        for labels in (spilled(sloppy_strokes(TRUTH, 3, seed), TRUTH.shape) for seed in range(10))
    ]
    assert 0 < np.mean(wrong) < 0.3
