"""Laws of numbering objects."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_unet.results.objects import label_objects

masks = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 3))


@given(masks)
def test_objects_cover_exactly_the_foreground(mask: np.ndarray) -> None:
    """A pixel has an object number exactly where its class is not background, and numbers run 1..N without gaps."""
    objects = label_objects(mask)
    assert np.array_equal(objects > 0, mask > 0)
    assert np.array_equal(np.unique(objects[objects > 0]), np.arange(1, objects.max() + 1))


@given(masks)
def test_neighbours_share_an_object_exactly_when_they_share_a_class(mask: np.ndarray) -> None:
    """Two foreground pixels touching at an edge or corner have equal numbers if and only if they have equal classes."""
    objects = label_objects(mask)
    height, width = mask.shape
    for dy, dx in [(0, 1), (1, 0), (1, 1), (1, -1)]:
        here = (slice(0, height - dy), slice(max(0, -dx), width - max(0, dx)))
        there = (slice(dy, height), slice(max(0, dx), width - max(0, -dx)))
        foreground = (mask[here] > 0) & (mask[there] > 0)
        same_class = (mask[here] == mask[there])[foreground]
        assert np.array_equal((objects[here] == objects[there])[foreground], same_class)


@given(masks)
def test_one_object_is_connected(mask: np.ndarray) -> None:
    """Growing one pixel of an object step by step inside its own number reaches all of it."""
    objects = label_objects(mask)
    for number in range(1, int(objects.max()) + 1):
        inside = np.pad(objects == number, 1)
        reached = np.zeros_like(inside)
        reached[tuple(np.argwhere(inside)[0])] = True
        for _ in range(inside.size):
            grown = np.array(reached)
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    grown |= np.roll(reached, (dy, dx), (0, 1))
            grown &= inside
            if np.array_equal(grown, reached):
                break
            reached = grown
        assert np.array_equal(reached, inside)


def test_diagonal_pixels_are_one_object() -> None:
    """Two pixels of a class that touch at a corner are one object."""
    assert label_objects(np.array([[1, 0], [0, 1]], np.uint8)).max() == 1


def test_touching_classes_are_two_objects() -> None:
    """Touching pixels of different classes are different objects."""
    assert np.array_equal(label_objects(np.array([[1, 2]], np.uint8)), [[1, 2]])


def test_255_classes_and_many_objects_fit() -> None:
    """More objects than 16 bits can count keep their own numbers."""
    mask = np.zeros((2 * 260, 2 * 260), np.uint8)
    mask[::2, ::2] = np.arange(260 * 260).reshape(260, 260) % 255 + 1
    assert label_objects(mask).max() == 260 * 260
