"""Laws of numbered objects as annotation: what touches is parted, nothing else is, and frames can stay unlabelled."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from napari_unet.errors import UserError
from napari_unet.images.object_labels import object_labels, ridge, without_rim

_EIGHT = np.ones((3, 3), bool)


def test_touching_objects_get_a_ridge_of_two_pixels() -> None:
    """One pixel of either object; sides that touch nothing stay, and so do objects that are alone."""
    objects = np.zeros((12, 20), np.uint16)
    objects[2:10, 2:8], objects[2:10, 8:14], objects[2:10, 16:19] = 7, 300, 9
    expected = np.where(objects > 0, 2, 1)
    expected[2:10, 7:9] = 1
    np.testing.assert_array_equal(object_labels(objects), expected)
    np.testing.assert_array_equal(object_labels(objects, 5, 3), np.where(expected == 2, 5, 3))


@given(arrays.arrays(np.int32, (9, 11), elements=st.integers(0, 4)))
def test_no_two_objects_touch_but_those_that_are_all_ridge(objects: np.ndarray) -> None:
    """Pieces of the annotation never hold pixels of two objects that both lost some; background stays background."""
    labels, found = object_labels(objects), ridge(objects)
    assert set(np.unique(labels)) <= {1, 2}
    assert (labels[objects == 0] == 1).all()
    assert ((labels == 1) & (objects > 0) == found).all()
    assert {*np.unique(objects[objects > 0])} == {*np.unique(objects[labels == 2])}
    pieces, count = ndimage.label(labels == 2, _EIGHT)
    whole = {number for number in np.unique(objects[objects > 0]) if not found[objects == number].any()}
    for piece in range(1, count + 1):
        parted = {*np.unique(objects[pieces == piece])} - whole
        assert len(parted) <= 1


def test_small_objects_stay() -> None:
    """A pixel between two others would be nothing but ridge: it keeps itself, and they make room."""
    objects = np.zeros((7, 9), np.int32)
    objects[1:6, 1:4], objects[3, 4], objects[1:6, 5:8] = 1, 2, 3
    labels = object_labels(objects)
    assert labels[3, 4] == 2
    assert (labels[2:5, 3] == 1).all()
    assert (labels[2:5, 5] == 1).all()


def test_without_objects_everything_is_background() -> None:
    """An image on which there is nothing teaches what background looks like."""
    assert (object_labels(np.zeros((4, 5), np.uint8)) == 1).all()
    assert (object_labels(np.full((4, 5), 3, np.uint8)) == 2).all()


@pytest.mark.parametrize("rim", [0, 1, 3])
def test_a_rim_stays_unlabelled(rim: int) -> None:
    """On every side of every plane, and nothing else."""
    labels = np.ones((2, 8, 9), np.uint8)
    kept = without_rim(labels, rim, "a.tif")
    assert kept[:, rim : 8 - rim, rim : 9 - rim].all()
    assert kept.sum() == 2 * (8 - 2 * rim) * (9 - 2 * rim)
    assert labels.all()


@pytest.mark.parametrize("rim", [-1, 4, 500])
def test_a_rim_that_leaves_nothing_is_refused(rim: int) -> None:
    """With the file and the largest rim that is possible."""
    with pytest.raises(UserError, match=r"^NU-A15: .*8 x 9 px, a\.tif, give an unlabelled rim of 0 to 3 px"):
        without_rim(np.ones((8, 9), np.uint8), rim, "a.tif")
