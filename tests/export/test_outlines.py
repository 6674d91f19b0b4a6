"""Laws of outlines: nothing of an object is lost, and every polygon is valid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from shapely.geometry import Polygon

from napari_unet.export.outlines import Outline, fill_outlines, outline_difference, outline_objects, trace_outlines

numbers_of = arrays.arrays(
    np.int32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 3)
)


@given(numbers_of)
def test_filling_an_outline_gives_the_object_back(numbers: np.ndarray) -> None:
    """Objects inside the outlines of objects are the objects, whatever touches, encloses or crosses what."""
    outlines = outline_objects(numbers[np.newaxis])
    assert [outline.number for outline in outlines] == np.unique(numbers[numbers > 0]).tolist()
    assert outline_difference(outlines, numbers[np.newaxis]) == ""


@given(numbers_of)
def test_polygons_are_valid_and_have_the_objects_area(numbers: np.ndarray) -> None:
    """GEOS finds every polygon valid, its outside counter-clockwise, and their areas add up to the pixels."""
    for number, polygons in trace_outlines(numbers).items():
        shapes = [Polygon(rings[0], rings[1:]) for rings in polygons]
        assert all(shape.is_valid and shape.exterior.is_ccw for shape in shapes)
        assert sum(shape.area for shape in shapes) == np.count_nonzero(numbers == number)


@given(numbers_of.filter(lambda numbers: numbers.any()), st.integers(0, 2**31))
def test_one_pixel_more_or_less_is_told(numbers: np.ndarray, seed: int) -> None:
    """Outlines of objects with another pixel changed do not pass for them."""
    changed = numbers.copy()
    changed.flat[seed % changed.size] = (changed.flat[seed % changed.size] + 1) % 4
    assert outline_difference(outline_objects(changed[np.newaxis]), numbers[np.newaxis]) != ""


@pytest.mark.parametrize(
    "ring", [[[0, 0], [1, 1], [0, 1]], [[0, 0], [9, 0], [9, 1], [0, 1]], [[-1, 0], [0, 0], [0, 1], [-1, 1]]]
)
def test_rings_off_the_grid_are_refused(ring: list[list[int]]) -> None:
    """A slanted edge or a corner outside of the image is no outline of pixels."""
    with pytest.raises(ValueError, match="outline leaves"):
        fill_outlines([np.array(ring, np.int64)], [1], (3, 3))


def test_corners_touching_pixels_are_two_polygons() -> None:
    """Pixels that meet in a point are pieces of their own, and so are the holes beside that point."""
    (outline,) = outline_objects(np.array([[[1, 0], [0, 1]]], np.int32))
    assert isinstance(outline, Outline)
    assert [len(polygon) for polygon in outline.polygons] == [1, 1]
    ring = np.ones((1, 4, 4), np.int32)
    ring[0, 1, 1] = ring[0, 2, 2] = 0
    (outline,) = outline_objects(ring)
    assert [len(polygon) for polygon in outline.polygons] == [3]
