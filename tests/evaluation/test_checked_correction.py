"""Laws of the correction by checked areas: it moves the estimate towards what is true there, the more the more is."""

import json

import numpy as np
import pytest
from scipy.special import logit

from napari_unet.evaluation.checked_correction import (
    CORRECTION,
    PRIOR_PIXELS,
    CheckedArea,
    as_fact,
    correction_by,
    correction_in,
)
from napari_unet.evaluation.dice_sums import DiceSums
from napari_unet.evaluation.estimated_dice import (
    Calibration,
    Correction,
    EstimatedDice,
    Evidence,
    as_record,
    estimated_dice,
)

# The raw estimate; half an interval is exp(-2) = 0.14.
RAW = Calibration((0.0, 1.0, *[0.0] * 6), (-2.0, *[0.0] * 9), 1.0)
MORE_WHERE_PAINTED = Calibration((0.0, 1.0, 0.0, 1.0, *[0.0] * 4), RAW.spread, 1.0)  # by 1 in the logit
HERE, ELSEWHERE = (Evidence((1000, 1000), is_painted=is_painted) for is_painted in (True, False))
NAMES = {1: "background", 2: "cell"}


def area(expected: float, hits: int, cells: int = 2000) -> CheckedArea:
    """Return an area of 4000 pixels, with so many cell pixels shown and true, of which so many agree."""
    missed, rest = cells - hits, 4000 - cells
    matrix = np.array([[rest - missed, missed], [missed, hits]])
    shown, sure = np.array([rest, cells], float), expected * np.array([rest, cells], float)
    return CheckedArea(1, matrix, DiceSums(shown, sure, shown, np.nextafter(sure, 0), shown))


def estimates(areas: list[CheckedArea], evidence: Evidence = HERE) -> tuple[EstimatedDice, ...]:
    """Estimate an image, of which 0.8 are expected of each class where nothing was checked, by areas with strokes."""
    found = correction_by([(each, HERE) for each in areas], RAW)
    image = DiceSums(*(np.array([half, half]) for half in (5e4, 4e4, 5e4, np.nextafter(4e4, 0), 5e4)))
    return estimated_dice(image, (1, 2), evidence._replace(correction=found), NAMES, RAW)


def cell_value(areas: list[CheckedArea]) -> float:
    """Return the estimate of the second class."""
    value = estimates(areas)[1].value
    assert value is not None
    return value


def test_no_area_corrects_nothing() -> None:
    """And areas that are as good as was expected do not either."""
    assert correction_by([], RAW) is None
    assert cell_value([]) == pytest.approx(0.8)
    assert cell_value([area(0.8, 1600)] * 3) == pytest.approx(0.8)
    assert [each.checked_areas for each in estimates([])] == [0, 0]


def test_more_areas_lead_nearer_to_the_truth() -> None:
    """Up from 0.8 towards 0.95, and down towards 0.6; very many lead there."""
    better, worse = (
        [cell_value([area(0.8, int(2000 * true))] * count) for count in (1, 3, 10, 1000)] for true in (0.95, 0.6)
    )
    assert 0.8 < better[0] < better[1] < better[2] < 0.945
    assert better[3] == pytest.approx(0.95, abs=0.002)
    assert 0.8 > worse[0] > worse[1] > worse[2] > 0.61
    assert worse[3] == pytest.approx(0.6, abs=0.002)


def test_the_expectation_weighs_as_much_as_its_pixels() -> None:
    """As many checked pixels of the class as that move the Dice half of the way."""
    half_way = area(0.8, int(PRIOR_PIXELS * 0.6), PRIOR_PIXELS)
    assert cell_value([half_way]) == pytest.approx(0.7, abs=1e-3)


def test_a_class_that_no_area_holds_stays() -> None:
    """Nothing is known of it, and nothing is said to be; the other class is corrected all the same."""
    background, cell = estimates([area(0.8, 0, 0)] * 3)
    assert (cell.value, cell.checked_areas) == (pytest.approx(0.8), 0)
    assert background.value is not None
    assert background.value > 0.85
    assert background.checked_areas == 3
    assert as_record([background], NAMES)["background"]["checked_areas"] == 3


def test_images_without_strokes_are_moved_by_half() -> None:
    """In the logit, and their interval narrows by half as much."""
    areas = [area(0.8, 1900)] * 5
    none, here, elsewhere = estimates([])[1], estimates(areas)[1], estimates(areas, ELSEWHERE)[1]
    moved = [logit(each.value) - logit(none.value) for each in (here, elsewhere)]
    assert moved[0] > 0.5
    assert moved[1] == pytest.approx(moved[0] / 2)


def test_less_is_expected_of_areas_on_images_without_strokes() -> None:
    """Areas of both kinds are compared with what was expected of each."""
    expected = 1 / (1 + np.exp(-np.log(0.8 / 0.2) - 1))  # of an image with strokes
    areas = [(area(0.8, round(2000 * expected)), HERE), (area(0.8, 1600), ELSEWHERE)]
    found = correction_by(areas, MORE_WHERE_PAINTED)
    assert found is not None
    np.testing.assert_allclose(found.shift[1], 0, atol=1e-3)


@pytest.mark.parametrize("evidence", [HERE, ELSEWHERE])
def test_areas_narrow_the_interval_a_little(evidence: Evidence) -> None:
    """By some of it, however many they are."""

    def width(count: int) -> float:
        cell = estimates([area(0.8, 1600)] * count, evidence)[1]
        assert cell.low is not None
        assert cell.high is not None
        return cell.high - cell.low

    assert width(0) > width(3) > width(300) > 0.75 * width(0)


def test_a_correction_is_the_same_when_it_is_read_again() -> None:
    """From the facts of a network; of a class that they do not name nothing is known, and of none without facts."""
    found = correction_by([(area(0.8, 1900), ELSEWHERE)] * 3, RAW)
    assert found is not None
    facts = json.loads(json.dumps({CORRECTION: as_fact(found, (1, 2))}))
    again = correction_in(facts, (1, 2, 3))
    assert again is not None
    for before, after in zip(found, again, strict=True):
        assert after.tolist() == [*before.tolist(), 0]
    assert correction_in({CORRECTION: {}}, (1, 2)) is None
    assert correction_in({}, (1, 2)) is None


def test_no_pixel_is_no_correction() -> None:
    """The correction by no area changes neither values nor intervals."""
    none = Correction.none(2)
    assert [part.tolist() for part in none] == [[0, 0]] * 3
