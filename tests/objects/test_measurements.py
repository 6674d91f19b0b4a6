"""Laws of measuring objects."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_unet.images.image import PixelSize
from napari_unet.objects.measurements import measure_plane, measurement_columns
from napari_unet.objects.objects import AS_PAINTED, label_objects, objects_of_plane

NAMES = ["background", "cell", "nucleus", "debris"]
masks = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 3))
lengths = st.floats(0.01, 100)


def measured(mask: np.ndarray, pixels: np.ndarray, size: PixelSize, plane: int = 0) -> list[dict]:
    return measure_plane(*objects_of_plane(mask, AS_PAINTED), pixels, size, NAMES, plane, range(1, pixels.shape[2] + 1))


def pixels_like(mask: np.ndarray, seed: int = 0, channels: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 60000, (*mask.shape, channels)).astype(np.uint16)


@given(masks)
def test_areas_add_up_to_the_pixels_of_each_class(mask: np.ndarray) -> None:
    """The areas of a class's objects sum to the number of its pixels."""
    rows = measured(mask, pixels_like(mask), PixelSize())
    for value in range(1, len(NAMES)):
        assert sum(row["area_px"] for row in rows if row["class"] == value) == np.count_nonzero(mask == value)


@given(masks, lengths, lengths)
def test_rows_are_the_objects(mask: np.ndarray, y: float, x: float) -> None:
    """Row n speaks of object n: its class, and the columns announced, in that order."""
    objects = label_objects(mask)
    size = PixelSize(y, x, "um")
    rows = measured(mask, pixels_like(mask), size, 7)
    assert [row["object"] for row in rows] == list(range(1, objects.max() + 1))
    for row in rows:
        value = mask[objects == row["object"]][0]
        assert (row["plane"], row["class"], row["class_name"]) == (7, value, NAMES[value])
        assert list(row) == measurement_columns(size, [1, 2])
        assert row["area_um2"] == pytest.approx(row["area_px"] * y * x)


@given(masks, st.integers(0, 2**31))
def test_means_are_those_of_numpy(mask: np.ndarray, seed: int) -> None:
    """The mean intensity of each channel is numpy's mean over the object's pixels."""
    objects, pixels = label_objects(mask), pixels_like(mask, seed)
    for row in measured(mask, pixels, PixelSize()):
        means = pixels[objects == row["object"]].mean(axis=0)
        assert [row["mean_intensity_c1"], row["mean_intensity_c2"]] == pytest.approx(means)


@given(st.tuples(*[st.integers(0, 20)] * 2), st.tuples(*[st.integers(1, 9)] * 2), lengths, lengths)
def test_centroid_of_a_rectangle_is_its_middle(
    corner: tuple[int, int], edges: tuple[int, int], y: float, x: float
) -> None:
    """A rectangle's centroid is corner + (edge - 1) / 2, in pixels and times the pixel size in units."""
    mask = np.zeros((30, 30), np.uint8)
    mask[corner[0] : corner[0] + edges[0], corner[1] : corner[1] + edges[1]] = 1
    (row,) = measured(mask, pixels_like(mask), PixelSize(y, x, "um"))
    middle_y, middle_x = (corner[0] + (edges[0] - 1) / 2, corner[1] + (edges[1] - 1) / 2)
    assert (row["centroid_y_px"], row["centroid_x_px"]) == (middle_y, middle_x)
    assert (row["centroid_y_um"], row["centroid_x_um"]) == pytest.approx((middle_y * y, middle_x * x))
    assert row["area_um2"] == pytest.approx(edges[0] * edges[1] * y * x)


@given(masks, st.integers(0, 2**31))
def test_extremes_are_those_of_numpy(mask: np.ndarray, seed: int) -> None:
    """The smallest and largest intensity of each channel are numpy's over the object's pixels."""
    objects, pixels = label_objects(mask), pixels_like(mask, seed)
    for row in measured(mask, pixels, PixelSize()):
        inside = pixels[objects == row["object"]]
        assert [row["min_intensity_c1"], row["min_intensity_c2"]] == inside.min(axis=0).tolist()
        assert [row["max_intensity_c1"], row["max_intensity_c2"]] == inside.max(axis=0).tolist()


@given(masks)
def test_the_box_holds_the_object_and_tells_the_frame(mask: np.ndarray) -> None:
    """The box is the smallest around the object, and an object touches the frame exactly when its box does."""
    objects = label_objects(mask)
    for row in measured(mask, pixels_like(mask), PixelSize()):
        rows, columns = np.nonzero(objects == row["object"])
        box = (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
        assert tuple(row[f"{side}_px"] for side in ("top", "left", "bottom", "right")) == box
        at_frame = 0 in box[:2] or box[2] == mask.shape[0] or box[3] == mask.shape[1]
        assert row["touches_frame"] == int(at_frame)


def test_shape_of_a_disc_and_of_a_bar() -> None:
    """A disc of radius 20 has its circle's perimeter and equal axes; a bar is long, convex and eccentric."""
    y, x = np.mgrid[:80, :80]
    disc = ((y - 40) ** 2 + (x - 40) ** 2 <= 400).astype(np.uint8)
    (row,) = measured(disc, pixels_like(disc), PixelSize(0.5, 0.5, "um"))
    assert row["perimeter_px"] == pytest.approx(2 * np.pi * 20, rel=0.05)
    assert row["perimeter_um"] == pytest.approx(row["perimeter_px"] / 2)
    assert row["major_axis_um"] == pytest.approx(row["minor_axis_um"]) == pytest.approx(20, rel=0.02)
    bar = np.zeros((80, 80), np.uint8)
    bar[40:44, 10:70] = 1
    (row,) = measured(bar, pixels_like(bar), PixelSize(0.5, 0.25, "um"))
    assert row["eccentricity"] > 0.99
    assert row["solidity"] == 1
    assert "perimeter_um" not in row  # pixels that are not square have no one length


def test_nan_pixels_are_left_out_of_means() -> None:
    """A NaN pixel changes no mean; an object of NaN alone has the mean NaN."""
    mask = np.array([[1, 1, 0, 2]], np.uint8)
    pixels = np.array([[[3.0], [np.nan], [8.0], [np.nan]]], np.float32)
    first, second = measured(mask, pixels, PixelSize())
    assert first["mean_intensity_c1"] == 3.0
    assert np.isnan(second["mean_intensity_c1"])


def test_no_objects_is_an_empty_table() -> None:
    """A mask of background alone has no rows."""
    mask = np.zeros((4, 5), np.uint8)
    assert measured(mask, pixels_like(mask), PixelSize()) == []


def test_units_stand_in_the_header_only_where_known() -> None:
    """Calibrated columns carry the unit; without a pixel size there are none; all micrometre signs read "um"."""
    assert "area_nm2" in measurement_columns(PixelSize(2.0, 2.0, "nm"), [1])
    assert measurement_columns(PixelSize(), [1]) == [
        *("object", "plane", "class", "class_name", "area_px", "centroid_y_px", "centroid_x_px", "mean_intensity_c1"),
        *("min_intensity_c1", "max_intensity_c1", "perimeter_px", "major_axis_px", "minor_axis_px", "eccentricity"),
        *("solidity", "top_px", "left_px", "bottom_px", "right_px", "touches_frame"),
    ]
    columns = [measurement_columns(PixelSize(1.0, 1.0, unit), [1]) for unit in ("um", "\N{MICRO SIGN}m", "\u03bcm")]
    assert columns[0] == columns[1] == columns[2]
