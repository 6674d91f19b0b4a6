"""Laws of the typical size: specks and clumps are left out, whatever the scale, unless the user says otherwise."""

import math

import numpy as np
import pytest

from napari_unet.config import Settings
from napari_unet.objects.objects import find_objects, objects_of_plane
from napari_unet.objects.sizes import typical_area

DISCS = [(60, 60 + 80 * k) for k in range(4)]


def discs_and_specks(radius: int = 20, specks: int = 150) -> np.ndarray:
    """Draw four discs and so many specks of 25 px, all apart."""
    y, x = np.mgrid[:240, :400]
    mask = np.zeros(y.shape, np.uint8)
    for row, column in DISCS:
        mask[(y - row) ** 2 + (x - column) ** 2 <= radius**2] = 1
    places = [(r, c) for r in range(120, 230, 8) for c in range(5, 390, 8)][:specks]
    for row, column in places:
        mask[row : row + 5, column : column + 5] = 1
    return mask


def test_specks_are_left_out_of_the_count_though_they_are_many() -> None:
    """Four discs among 150 specks are four objects; the specks are told as left out, and the mask keeps them."""
    found = find_objects(discs_and_specks()[np.newaxis], Settings())
    assert found.count == 4
    assert found.sizes[1].too_small == 150
    assert found.sizes[1].too_large == 0
    assert found.sizes[1].typical == pytest.approx(40, rel=0.05)


def test_every_size_counts_where_that_is_wanted() -> None:
    """A range of 0 leaves nothing out, and objects are numbered without gaps either way."""
    numbers, values = objects_of_plane(discs_and_specks(), Settings(object_range=0))
    assert len(values) == 155
    for settings in (Settings(), Settings(object_range=0)):
        numbers, values = objects_of_plane(discs_and_specks(), settings)
        assert np.array_equal(np.unique(numbers), np.arange(len(values)))


def test_the_size_that_the_user_measured_is_taken() -> None:
    """With the diameter of a speck the discs are too large; the largest that counts is three times as wide."""
    found = find_objects(discs_and_specks()[np.newaxis], Settings(object_size=6))
    assert (found.count, found.sizes[1].too_large, found.sizes[1].typical) == (150, 4, 6.0)
    assert find_objects(discs_and_specks()[np.newaxis], Settings(object_size=14)).count == 4 + 150


def test_each_class_has_a_size_of_its_own() -> None:
    """Small objects of one class are not specks of another."""
    mask = np.where(discs_and_specks() > 0, 1, 0).astype(np.uint8)
    mask[100:] *= 2
    found = find_objects(mask[np.newaxis], Settings())
    assert np.bincount(found.values).tolist() == [1, 4, 150]
    assert found.sizes[2].typical == pytest.approx(math.sqrt(25 * 4 / math.pi))


def test_the_typical_area_is_where_half_of_the_area_is_held() -> None:
    """Many specks do not move it; without objects it is 0."""
    assert typical_area(np.array([1] * 50 + [30, 40, 50])) == 40
    assert typical_area(np.zeros(0, np.int64)) == 0
