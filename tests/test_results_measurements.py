"""Laws of measuring objects."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_unet.images.image import PixelSize
from napari_unet.results.measurements import measure_plane, measurement_columns
from napari_unet.results.objects import label_objects

NAMES = ["background", "cell", "nucleus", "debris"]
masks = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 3))
lengths = st.floats(0.01, 100)


def pixels_like(mask: np.ndarray, seed: int = 0, channels: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 60000, (*mask.shape, channels)).astype(np.uint16)


@given(masks)
def test_areas_add_up_to_the_pixels_of_each_class(mask: np.ndarray) -> None:
    """The areas of a class's objects sum to the number of its pixels."""
    rows = measure_plane(mask, pixels_like(mask), PixelSize(), NAMES, 0)
    for value in range(1, len(NAMES)):
        assert sum(row["area_px"] for row in rows if row["class"] == value) == np.count_nonzero(mask == value)


@given(masks, lengths, lengths)
def test_rows_are_the_objects(mask: np.ndarray, y: float, x: float) -> None:
    """Row n speaks of object n: its class, and the columns announced, in that order."""
    objects = label_objects(mask)
    size = PixelSize(y, x, "um")
    rows = measure_plane(mask, pixels_like(mask), size, NAMES, 7)
    assert [row["object"] for row in rows] == list(range(1, objects.max() + 1))
    for row in rows:
        value = mask[objects == row["object"]][0]
        assert (row["plane"], row["class"], row["class_name"]) == (7, value, NAMES[value])
        assert list(row) == measurement_columns(size, 2)
        assert row["area_um2"] == pytest.approx(row["area_px"] * y * x)


@given(masks, st.integers(0, 2**31))
def test_means_are_those_of_numpy(mask: np.ndarray, seed: int) -> None:
    """The mean intensity of each channel is numpy's mean over the object's pixels."""
    objects, pixels = label_objects(mask), pixels_like(mask, seed)
    for row in measure_plane(mask, pixels, PixelSize(), NAMES, 0):
        means = pixels[objects == row["object"]].mean(axis=0)
        assert [row["mean_intensity_c1"], row["mean_intensity_c2"]] == pytest.approx(means)


@given(st.tuples(*[st.integers(0, 20)] * 2), st.tuples(*[st.integers(1, 9)] * 2), lengths, lengths)
def test_centroid_of_a_rectangle_is_its_middle(
    corner: tuple[int, int], edges: tuple[int, int], y: float, x: float
) -> None:
    """A rectangle's centroid is corner + (edge - 1) / 2, in pixels and times the pixel size in units."""
    mask = np.zeros((30, 30), np.uint8)
    mask[corner[0] : corner[0] + edges[0], corner[1] : corner[1] + edges[1]] = 1
    (row,) = measure_plane(mask, pixels_like(mask), PixelSize(y, x, "um"), NAMES, 0)
    middle_y, middle_x = (corner[0] + (edges[0] - 1) / 2, corner[1] + (edges[1] - 1) / 2)
    assert (row["centroid_y_px"], row["centroid_x_px"]) == (middle_y, middle_x)
    assert (row["centroid_y_um"], row["centroid_x_um"]) == pytest.approx((middle_y * y, middle_x * x))
    assert row["area_um2"] == pytest.approx(edges[0] * edges[1] * y * x)


def test_nan_pixels_are_left_out_of_means() -> None:
    """A NaN pixel changes no mean; an object of NaN alone has the mean NaN."""
    mask = np.array([[1, 1, 0, 2]], np.uint8)
    pixels = np.array([[[3.0], [np.nan], [8.0], [np.nan]]], np.float32)
    first, second = measure_plane(mask, pixels, PixelSize(), NAMES, 0)
    assert first["mean_intensity_c1"] == 3.0
    assert np.isnan(second["mean_intensity_c1"])


def test_no_objects_is_an_empty_table() -> None:
    """A mask of background alone has no rows."""
    mask = np.zeros((4, 5), np.uint8)
    assert measure_plane(mask, pixels_like(mask), PixelSize(), NAMES, 0) == []


def test_units_stand_in_the_header_only_where_known() -> None:
    """Calibrated columns carry the unit; without a pixel size there are none; all micrometre signs read "um"."""
    assert "area_nm2" in measurement_columns(PixelSize(2.0, 2.0, "nm"), 1)
    assert measurement_columns(PixelSize(), 1) == [
        *("object", "plane", "class", "class_name", "area_px", "centroid_y_px", "centroid_x_px", "mean_intensity_c1")
    ]
    columns = [measurement_columns(PixelSize(1.0, 1.0, unit), 1) for unit in ("um", "\N{MICRO SIGN}m", "\u03bcm")]
    assert columns[0] == columns[1] == columns[2]
