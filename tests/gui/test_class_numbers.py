"""Integers on the annotation layer: classes are saved, all others are refused in one line and never wrapped."""

from typing import Any

import numpy as np
import pytest

from napari_unet.gui.layers.class_numbers import class_numbers

BEFORE = np.array([[0, 1, 2], [3, 3, 0]], np.uint8)  # class 3 is not known any more


def sound(values: np.ndarray) -> tuple[np.ndarray, Any]:
    return class_numbers(values, (1, 2), BEFORE.copy)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint16, np.int64, np.uint64])
def test_classes_of_any_integer_type_are_sound(dtype: type) -> None:
    """Also a number without a class where it is stored already."""
    values = np.array([[2, 1, 0], [3, 0, 1]], dtype)
    labels, error = sound(values)
    assert error is None
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, values)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (-1, "NU-A03"),
        (-255, "NU-A03"),
        (256, "NU-A04"),
        (257, "NU-A04"),
        (2**40, "NU-A04"),
        (3, "NU-A12"),
        (9, "NU-A12"),
    ],
)
def test_numbers_without_a_class_keep_what_is_stored(number: int, code: str) -> None:
    """The other pixels of the plane are saved; 257 is not class 1."""
    values = np.array([[2, number, 0], [3, 0, number]], np.int64)
    labels, error = sound(values)
    assert str(error).startswith(code)
    np.testing.assert_array_equal(labels, [[2, 1, 0], [3, 0, 0]])
