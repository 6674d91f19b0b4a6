"""Laws of the scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_unet.training.scores import (
    bootstrap_interval,
    class_scores,
    confusion,
    dice,
    iou,
    mean_known,
    mean_of_all,
    segmentation_accuracy,
)

masks = arrays.arrays(np.uint8, (12, 9), elements=st.integers(0, 3))


def rectangle(x0: int, shape: tuple[int, int] = (40, 60)) -> np.ndarray:
    """A rectangle of 20 x 24 pixels that begins at column ``x0``; class 2 on class 1."""
    labels = np.ones(shape, np.uint8)
    labels[10:30, x0 : x0 + 24] = 2
    return labels


def disc(cx: float, radius: float, size: int = 400) -> np.ndarray:
    """A disc of class 2 on class 1."""
    y, x = np.mgrid[:size, :size]
    return np.where((y - size / 2) ** 2 + (x - cx) ** 2 <= radius**2, 2, 1).astype(np.uint8)


@given(masks, masks, st.integers(0, 9))
def test_parts_add_up(truth: np.ndarray, found: np.ndarray, cut: int) -> None:
    """The confusion of the parts adds up to the confusion of the whole."""
    whole = confusion(truth, found, (1, 2, 3))
    parts = [confusion(truth[:, part], found[:, part], (1, 2, 3)) for part in (slice(0, cut), slice(cut, None))]
    np.testing.assert_array_equal(sum(parts), whole)


@given(masks, masks)
def test_only_labelled_pixels_count(truth: np.ndarray, found: np.ndarray) -> None:
    """Every entry is a count by definition; unlabelled true pixels (0) appear nowhere."""
    matrix = confusion(truth, found, (1, 2, 3))
    for row in (1, 2, 3):
        for column in (1, 2, 3):
            assert matrix[row - 1, column - 1] == np.count_nonzero((truth == row) & (found == column))


@pytest.mark.parametrize("shift", [0, 1, 7, 24, 30])
def test_dice_of_shifted_rectangles(shift: int) -> None:
    """A rectangle 24 wide, shifted by s, has the Dice (24 - s) / 24 with itself."""
    value = dice(confusion(rectangle(4), rectangle(4 + shift), (1, 2)))[1]
    assert value == pytest.approx(max(0, 24 - shift) / 24)


@pytest.mark.parametrize("shift", [10, 60, 150])
def test_dice_of_shifted_discs(shift: int) -> None:
    """Two discs share a lens: its area over the disc's is the Dice, up to the rim's pixels."""
    radius = 90.0
    lens = 2 * radius**2 * np.arccos(shift / (2 * radius)) - shift / 2 * np.sqrt(4 * radius**2 - shift**2)
    value = dice(confusion(disc(150, radius), disc(150 + shift, radius), (1, 2)))[1]
    assert value == pytest.approx(lens / (np.pi * radius**2), abs=0.01)


@given(masks, masks)
def test_iou_follows_from_dice(truth: np.ndarray, found: np.ndarray) -> None:
    """IoU = Dice / (2 - Dice), and is the shared part of the union."""
    matrix = confusion(truth, found, (0, 1, 2, 3))
    overlaps, values = iou(matrix), dice(matrix)
    for class_id in range(4):
        if (truth == class_id).any():
            union = np.count_nonzero((truth == class_id) | (found == class_id))
            shared = np.count_nonzero((truth == class_id) & (found == class_id))
            assert overlaps[class_id] == pytest.approx(shared / union)
            assert overlaps[class_id] == pytest.approx(values[class_id] / (2 - values[class_id]))


def test_no_evidence_is_no_score() -> None:
    """A class that is not in the truth has no Dice, even where it is wrongly predicted; the mean of all says so."""
    truth, found = np.ones((4, 4), np.uint8), np.full((4, 4), 2, np.uint8)
    values = dice(confusion(truth, found, (1, 2)))
    assert values[0] == 0
    assert np.isnan(values[1])
    assert mean_of_all(values) is None
    assert mean_known(values) == 0
    scores = class_scores(confusion(truth, found, (1, 2))[None], (1, 2))
    assert [score.dice for score in scores] == [0, None]
    assert [score.pixels for score in scores] == [16, 0]
    assert mean_known(np.array([np.nan])) is None


def test_the_interval_of_equal_blocks_is_a_point() -> None:
    """Where every block says the same, drawing them again changes nothing."""
    block = confusion(rectangle(4), rectangle(9), (1, 2))
    low, high = bootstrap_interval(np.stack([block] * 6))
    np.testing.assert_allclose(low, dice(block))
    np.testing.assert_allclose(high, dice(block))


def test_the_interval_holds_the_pooled_value() -> None:
    """Blocks that differ a little give an interval of some width around the pooled Dice, and the same one each time."""
    random = np.random.default_rng(5)
    blocks = np.stack([confusion(rectangle(10), rectangle(10 + int(random.integers(5))), (1, 2)) for _ in range(12)])
    low, high = bootstrap_interval(blocks)
    pooled = dice(blocks.sum(axis=0))
    assert (low < pooled).all()
    assert (pooled < high).all()
    np.testing.assert_array_equal(bootstrap_interval(blocks), [low, high])


def test_one_block_has_no_interval() -> None:
    """One block says nothing about the spread; neither does a class that lies in one block only."""
    both = confusion(rectangle(4), rectangle(9), (1, 2))
    only_first = confusion(np.ones((8, 8), np.uint8), np.ones((8, 8), np.uint8), (1, 2))
    assert np.isnan(bootstrap_interval(both[None])).all()
    (one,) = {(score.low, score.high) for score in class_scores(both[None], (1, 2))}
    assert one == (None, None)
    first, second = class_scores(np.stack([both, only_first]), (1, 2))
    assert first.low is not None
    assert (second.low, second.high) == (None, None)
    assert second.dice is not None


def objects(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    """Numbered rectangles (y0, x0, y1, x1)."""
    found = np.zeros((20, 20), np.int32)
    for number, (y0, x0, y1, x1) in enumerate(boxes, start=1):
        found[y0:y1, x0:x1] = number
    return found


TEN, OTHER = (0, 0, 10, 10), (12, 12, 16, 16)


@pytest.mark.parametrize(
    ("truth", "found", "expected"),
    [
        ([TEN, OTHER], [TEN, OTHER], 1.0),
        ([TEN, OTHER], [OTHER, TEN], 1.0),  # numbers do not matter
        ([TEN], [(0, 0, 10, 5)], 0.0),  # exactly half is not more than half
        ([TEN], [(0, 0, 10, 6)], 0.6),
        ([TEN], [(0, 0, 10, 20)], 0.5),
        ([TEN, OTHER], [TEN], 0.5),
        ([TEN], [TEN, OTHER], 1.0),  # SEG does not punish what is found too much
        ([TEN, OTHER], [], 0.0),
        ([TEN], [(0, 0, 10, 5), (0, 5, 10, 10)], 0.0),
        ([(0, 0, 10, 5), (0, 5, 10, 10)], [TEN], 0.5),  # merged: half of the union each
        ([], [TEN], None),
    ],
)
def test_seg_closed_forms(
    truth: list[tuple[int, int, int, int]], found: list[tuple[int, int, int, int]], expected: float | None
) -> None:
    """SEG is the mean Jaccard index over true objects that are covered by more than half."""
    value = segmentation_accuracy(objects(*truth), objects(*found))
    assert value == (None if expected is None else pytest.approx(expected))
