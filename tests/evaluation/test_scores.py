"""Laws of the scores."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics

from napari_unet.cli import main
from napari_unet.evaluation.scores import (
    bootstrap_interval,
    class_scores,
    confusion,
    dice,
    iou,
    mean_known,
    mean_of_all,
    precision,
    recall,
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


@pytest.mark.parametrize("seed", range(8))
def test_scikit_learn_agrees(seed: int) -> None:
    """On random masks of up to six classes, one of which is missing here or there, all five tables are the same."""
    random = np.random.default_rng(seed)
    classes = int(random.integers(2, 7))
    truth, found = (random.choice(classes, 3000, p=random.dirichlet(np.ones(classes))).astype(np.uint8) for _ in "xy")
    if seed % 2:
        truth[truth == seed % classes] = (seed + 1) % classes
    if seed % 3 == 0:
        found[found == 1] = 0
    matrix = confusion(truth, found, range(classes))
    judged = {"labels": range(classes), "average": None}
    np.testing.assert_array_equal(matrix, metrics.confusion_matrix(truth, found, labels=range(classes)))
    np.testing.assert_allclose(precision(matrix), metrics.precision_score(truth, found, zero_division=np.nan, **judged))
    np.testing.assert_allclose(recall(matrix), metrics.recall_score(truth, found, zero_division=np.nan, **judged))
    there = np.isin(range(classes), truth)  # elsewhere scikit-learn gives 0 and here there is no score
    for ours, theirs in ((dice, metrics.f1_score), (iou, metrics.jaccard_score)):
        values = theirs(truth, found, zero_division=0, **judged)
        np.testing.assert_allclose(ours(matrix), np.where(there, values, np.nan))


@given(arrays.arrays(np.int64, (3, 4, 4), elements=st.integers(0, 50)))
def test_precision_and_recall_make_dice(matrices: np.ndarray) -> None:
    """Dice = 2 P R / (P + R), IoU = Dice / (2 - Dice); one undefined part leaves Dice 0 or undefined."""
    for matrix in (*matrices, matrices.sum(axis=0)):
        found, true, both, overlap = precision(matrix), recall(matrix), dice(matrix), iou(matrix)
        for p, r, d, j in zip(found, true, both, overlap, strict=True):
            assert np.isnan(r) == np.isnan(d) == np.isnan(j)
            if np.isnan(r):
                assert np.isnan(p) or p == 0
                continue
            assert j == pytest.approx(d / (2 - d))
            assert d == pytest.approx(0 if np.isnan(p) or p + r == 0 else 2 * p * r / (p + r))


@given(arrays.arrays(np.int64, (5, 3, 3), elements=st.integers(0, 50)))
def test_pooled_scores_lie_between_those_of_the_parts(matrices: np.ndarray) -> None:
    """Over the sum of the parts precision and recall are weighted means of the parts, one stack or one by one."""
    total = matrices.sum(axis=0)
    for measure, axis in ((precision, -2), (recall, -1)):
        parts, wholes = measure(matrices), matrices.sum(axis)
        np.testing.assert_array_equal(parts, np.stack([measure(matrix) for matrix in matrices]))
        weighted = np.where(wholes > 0, parts, 0) * wholes
        np.testing.assert_allclose(np.nan_to_num(measure(total)) * wholes.sum(0), weighted.sum(0), atol=1e-9)


def test_half_found_is_precise_and_all_found_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Half of a square: precision 1, recall 1/2; told by Python, by JSON and by the table; undefined is n/a."""
    from napari_unet.api import score

    truth, found = np.zeros((2, 40, 40), np.uint8)
    truth[10:30, 10:30], found[10:30, 10:20] = 1, 1
    found[:2, :2] = 2
    result = score(found, truth)
    assert result["precision"] == pytest.approx({"0": 1196 / 1396, "1": 1, "2": 0})
    assert result["recall"] == {"0": pytest.approx(1196 / 1200), "1": 0.5, "2": None}
    assert score(np.where(found == 1, 0, found), truth)["precision"]["1"] is None
    np.save(tmp_path / "found.npy", found)
    np.save(tmp_path / "truth.npy", truth)
    command = ["score", "--prediction", str(tmp_path / "found.npy"), "--truth", str(tmp_path / "truth.npy")]
    assert main([*command, "--json"]) == 0
    named = {"prediction": str(tmp_path / "found.npy"), "truth": str(tmp_path / "truth.npy"), **result}
    assert json.loads(capsys.readouterr().out) == named | {"images": [named]}
    assert main(command) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.startswith(f"{tmp_path / 'found.npy'}: mean Dice 0.")
    assert rows[1:] == [
        "  class 1: Dice 0.6667, IoU 0.5000, precision 1.0000, recall 0.5000",
        "  class 2: Dice n/a, IoU n/a, precision 0.0000, recall n/a",
    ]


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
