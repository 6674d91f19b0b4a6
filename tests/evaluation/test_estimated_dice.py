"""Laws of the estimated Dice: it is the Dice where probabilities are true, and says nothing where it knows nothing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, logit

from napari_unet.evaluation.dice_sums import DiceSums
from napari_unet.evaluation.estimated_dice import (
    FEWEST_ELSEWHERE,
    FEWEST_STROKES,
    WIDEST,
    Calibration,
    Correction,
    EstimatedDice,
    Evidence,
    area_bounds,
    as_record,
    estimated_dice,
    mistaken_share,
    raw_dice,
    shipped_calibration,
    unknown_dice,
)

AS_IT_IS = Calibration((0.0, 1.0, *[0.0] * 6), (-3.0, *[0.0] * 9), 1.0)  # half of an interval is exp(-3) = 0.05
MUCH = Evidence((1000, 1000), is_painted=True)
NAMES = {1: "background", 2: "cell"}


def sums(shown: tuple[float, float], sure: tuple[float, float], expected: tuple[float, float]) -> DiceSums:
    """Return sums to which the deep branch of the head agrees, all but exactly."""
    deep = (np.nextafter(part, 0) for part in (sure, expected))
    return DiceSums(*(np.array(part, float) for part in (shown, sure, expected, *deep)))


def test_true_probabilities_give_the_dice_that_comes_out() -> None:
    """Pixels that belong to a class as often as is said have, in the mean, the Dice that is estimated."""
    random = np.random.default_rng(0)
    cell = random.beta(0.4, 0.8, 200_000)  # probability of the second class at every pixel
    truth, shown = random.random(cell.size) < cell, cell > 0.5
    own = np.where(shown, cell, 1 - cell)
    found = sums(((~shown).sum(), shown.sum()), (own[~shown].sum(), own[shown].sum()), ((1 - cell).sum(), cell.sum()))
    dice = [2 * (truth == k)[shown == k].sum() / ((truth == k).sum() + (shown == k).sum()) for k in (0, 1)]
    np.testing.assert_allclose(raw_dice(found), dice, atol=0.005)


def test_networks_from_scratch_promise_nothing() -> None:
    """The calibration is of heads with two branches; that of such a network has one, which stands for both."""
    of_one = sums((900, 100), (899, 60), (930, 70))
    of_one = replace(of_one, deep_sure=of_one.sure, deep_expected=of_one.expected)
    assert [sums((900, 100), (899, 60), (930, 70)).branches, of_one.branches] == [2, 1]
    for estimate in estimated_dice(of_one, (1, 2), MUCH, NAMES, AS_IT_IS):
        assert estimate.value is None
        assert "from scratch" in estimate.reason


def test_the_interval_lies_around_the_value_within_0_and_1() -> None:
    """A sure class has a value near 1; the interval is cut off there, and is never of no width."""
    background, cell = estimated_dice(sums((900, 100), (899, 60), (930, 70)), (1, 2), MUCH, NAMES, AS_IT_IS)
    assert background.value == pytest.approx(2 * 899 / 1830)
    assert (background.low, background.high) == (pytest.approx(background.value - np.exp(-3)), 1.0)
    assert cell.value == pytest.approx(120 / 170)
    assert cell.high - cell.low == pytest.approx(2 * np.exp(-3))
    narrow = AS_IT_IS.__class__(AS_IT_IS.dice, (-30.0, *[0.0] * 9), 1.0)
    (_, cell) = estimated_dice(sums((900, 100), (899, 60), (930, 70)), (1, 2), MUCH, NAMES, narrow)
    assert cell.high > cell.value > cell.low


def test_an_interval_that_is_too_wide_has_no_value_but_a_way_out() -> None:
    """So has a class of which nothing is shown."""
    wide = AS_IT_IS.__class__(AS_IT_IS.dice, (np.log(0.16), *[0.0] * 9), 1.0)
    _, cell = estimated_dice(sums((500, 500), (400, 300), (550, 450)), (1, 2), MUCH, NAMES, wide)
    assert cell == EstimatedDice(2, None, reason="too unsure: paint a border of cell")
    _, cell = estimated_dice(sums((1000, 0), (900, 0), (900, 100)), (1, 2), MUCH, NAMES, AS_IT_IS)
    assert cell.value is None
    assert "nothing is shown as cell" in cell.reason


@pytest.mark.parametrize(("is_painted", "fewest"), [(True, FEWEST_STROKES), (False, FEWEST_ELSEWHERE)])
def test_from_a_few_strokes_there_is_no_value(is_painted: bool, fewest: int) -> None:
    """Unless rectangles were checked; of a network whose strokes nobody has counted every class has one."""
    found, here = sums((500, 500), (480, 480), (500, 500)), MUCH._replace(is_painted=is_painted)
    known = estimated_dice(found, (1, 2), here, NAMES, AS_IT_IS)
    assert estimated_dice(found, (1, 2), here._replace(strokes=fewest), NAMES, AS_IT_IS) == known
    few = here._replace(strokes=fewest - 1)
    reason = f"too few strokes ({fewest - 1} of {fewest}): paint where it errs"
    assert estimated_dice(found, (1, 2), few, NAMES, AS_IT_IS) == unknown_dice((1, 2), reason)
    checked = Correction(np.zeros(2), np.zeros(2), np.array([0, 1]))
    background, cell = estimated_dice(found, (1, 2), few._replace(correction=checked), NAMES, AS_IT_IS)
    assert background.value is None
    assert cell.value == known[1].value


def test_of_an_image_unlike_the_painted_ones_nothing_is_told() -> None:
    """Rectangles that were checked on others say nothing of it; what is not shown has its own reason."""
    found = sums((1000, 0), (960, 0), (1000, 0))
    checked = Correction(np.zeros(2), np.zeros(2), np.array([1, 1]))
    elsewhere = Evidence((1000, 1000), is_painted=False, correction=checked)
    known, unseen = estimated_dice(found, (1, 2), elsewhere, NAMES, AS_IT_IS)
    assert known.value is not None
    told = estimated_dice(found, (1, 2), elsewhere._replace(is_unlike=True), NAMES, AS_IT_IS)
    assert told == (*unknown_dice((1,), "unlike the painted images: paint strokes on this one"), unseen)


def test_strokes_on_errors_change_the_estimate_as_far_as_the_calibration_says() -> None:
    """By the share of the painted pixels that the answer had wrong; it is never above 1."""
    assert [mistaken_share(30, (100, 20)), mistaken_share(5, (2, 1)), mistaken_share(0, ())] == [0.25, 1.0, 0.0]
    found = sums((900, 100), (899, 60), (930, 70))
    cautious = Calibration((0.0, 1.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0), AS_IT_IS.spread, 1.0)
    before, after = (
        estimated_dice(found, (1, 2), MUCH._replace(mistaken=share), NAMES, cautious)[1].value for share in (0.0, 0.5)
    )
    assert before == pytest.approx(raw_dice(found)[1])
    assert after == pytest.approx(expit(logit(raw_dice(found)[1]) + 1))


@given(
    arrays(float, (3, 2), elements=st.floats(0, 1e6)),
    st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)),
    st.booleans(),
)
def test_whatever_is_shown_the_shipped_calibration_gives_a_value_in_its_interval_or_a_reason(
    drawn: np.ndarray, labelled: tuple[int, int], is_painted: bool
) -> None:
    """Never both, never neither, never beyond 0 and 1."""
    shown, sure, expected = drawn
    found = estimated_dice(
        sums(tuple(shown), tuple(np.minimum(sure, shown)), tuple(expected)),
        (1, 2),
        Evidence(labelled, is_painted),
        NAMES,
    )
    for estimate in found:
        if estimate.value is None:
            assert estimate.reason
            assert (estimate.low, estimate.high) == (None, None)
        else:
            assert not estimate.reason
            assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
            assert 0 < estimate.high - estimate.low <= WIDEST


def test_fewer_labels_never_make_the_shipped_interval_narrower() -> None:
    """What was painted counts: with less of it more is left open; so does an image that nothing was painted in."""
    fit = shipped_calibration()
    assert fit.spread[3] <= 0
    assert fit.spread[4] <= 0


def test_a_deep_branch_that_disagrees_lowers_the_value() -> None:
    """What it holds for another class counts less in the shipped calibration, everything else being the same."""
    agreed = sums((500, 500), (480, 480), (500, 500))
    doubted = replace(agreed, deep_sure=agreed.deep_sure * 0.8)
    for one, other in zip(*(estimated_dice(each, (1, 2), MUCH, NAMES) for each in (agreed, doubted)), strict=True):
        assert one.value > other.value


def test_parts_add_up() -> None:
    """The sums of two halves are those of the whole."""
    one, other = sums((1, 2), (0.5, 1), (1.5, 1.5)), sums((3, 4), (2, 3), (3, 4))
    both = one + other
    assert both.pixels == one.pixels + other.pixels == 10
    np.testing.assert_array_equal(both.sure, one.sure + other.sure)
    assert DiceSums.none(2).pixels == 0


def test_records_go_by_name() -> None:
    """As the command line prints them: value, interval and level, or nothing but the reason."""
    found = as_record([EstimatedDice(1, 0.75, 0.5, 0.875), *unknown_dice([7], "not seen")], NAMES)
    same = {"level": 0.9, "checked_areas": 0}
    assert found["background"] == {"value": 0.75, "low": 0.5, "high": 0.875, "reason": "", **same}
    assert found["class 7"] == {"value": None, "low": None, "high": None, "reason": "not seen", **same}


@given(st.integers(1, 5000), st.integers(1, 5000), st.floats(0, 1))
def test_an_area_lies_within_what_its_dice_allows(predicted: int, true: int, overlap: float) -> None:
    """Whatever the masks: while their Dice is not below the low end, the true area is within the bounds."""
    dice = 2 * overlap * min(predicted, true) / (predicted + true)
    bounds = area_bounds(float(predicted), EstimatedDice(1, dice, dice, 1.0))
    assert bounds is not None
    assert bounds[0] <= true * (1 + 1e-9)
    assert true <= bounds[1] * (1 + 1e-9)
    assert area_bounds(float(predicted), EstimatedDice(1, None, reason="why")) is None


@given(st.lists(st.tuples(*[st.integers(0, 2000)] * 3), min_size=1, max_size=5))
def test_the_area_of_a_part_lies_within_what_the_dice_of_all_allows(parts: list[tuple[int, int, int]]) -> None:
    """Whatever is right, wrong and missed in each plane, for the Dice of all of them together."""
    right, wrong, missed = np.sum(parts, axis=0)
    dice = 2 * right / max(1, 2 * right + wrong + missed)
    for part_right, part_wrong, part_missed in parts:
        predicted, true = float(part_right + part_wrong), part_right + part_missed
        bounds = area_bounds(predicted, EstimatedDice(1, float(dice), float(dice), 1.0), float(right + wrong))
        assert bounds is not None
        assert bounds[0] <= true + 1e-6
        assert true <= bounds[1] + 1e-6
