"""Laws of normalisation: any pixels in, tame numbers out, the same way for the whole image."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_unet.images.image import Image
from napari_unet.images.normalisation import CLIP
from napari_unet.images.planes import NormalisedPlanes

RNG = np.random.default_rng(3)
NOISE = RNG.normal(100, 20, (24, 31))
# Infinities times the empty range of a constant channel; the result is what the laws check.


def normalised(pixels: Any, axes: str = "yx", plane: int = 0) -> np.ndarray:
    """One plane as the network reads it."""
    return NormalisedPlanes(Image("drawn", pixels, axes))[plane]


def with_values(*values: float) -> np.ndarray:
    """Noise with some extreme pixels."""
    pixels = NOISE.copy()
    pixels.flat[: len(values)] = values
    return pixels


@pytest.mark.parametrize(
    "pixels",
    [
        with_values(np.nan, np.inf, -np.inf),
        with_values(1e38, -1e38).astype(np.float32),
        with_values(1e300, -1e300),
        np.where(NOISE > 100, 1e38, -1e38),
        np.full((5, 7), np.nan),
        np.full((5, 7), np.inf),
        np.full((5, 7), 9, np.uint8),
        np.zeros((1, 1), np.float32),
        NOISE.astype(np.uint16),
        NOISE.astype(">u2"),
        NOISE.astype(">f4"),
        NOISE,
        NOISE.astype(np.float16),
        NOISE > 100,
        np.array([[0, 2**64 - 1]], np.uint64),
    ],
    ids=lambda pixels: f"{pixels.dtype}",
)
def test_numbers_are_tame(pixels: np.ndarray) -> None:
    """Float32, finite and within the clip, whatever the pixels are."""
    found = normalised(pixels)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= CLIP


@example(np.eye(6, 7, dtype=np.float32) * np.float32(1e-45))
@given(arrays.arrays(np.float32, (6, 7), elements=st.floats(width=32)))
def test_any_float_is_tame(pixels: np.ndarray) -> None:
    """No pattern of floats gets out of the range."""
    found = normalised(pixels)
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= CLIP


def test_the_range_is_used() -> None:
    """Ordinary pixels span -1..1; a constant image is the middle of the range."""
    assert np.percentile(normalised(NOISE), [1, 99]) == pytest.approx([-1, 1], abs=0.35)
    assert not normalised(np.full((5, 7), 9, np.uint8)).any()


def test_pixels_without_a_value_are_as_most_are() -> None:
    """NaN becomes the median of its channel: the middle of the range would look like an object on a dark image."""
    dark = np.where(NOISE > 130, 1000.0, NOISE)
    pixels = np.stack([dark, -dark], axis=-1)
    pixels[:4] = np.nan
    found = normalised(pixels, "yxc")
    for channel in range(2):
        assert np.ptp(found[:4, :, channel]) == 0
        assert found[0, 0, channel] == pytest.approx(np.median(found[4:, :, channel]), abs=1e-5)


@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_units_do_not_matter(factor: float, offset: float) -> None:
    """Rescaling all raw values by a * x + b, a > 0, changes nothing beyond rounding."""
    expected = normalised(NOISE)
    rounding = 1e-6 * (abs(offset) + 200 * factor) / (40 * factor) + 1e-5
    np.testing.assert_allclose(normalised(factor * NOISE + offset), expected, atol=4 * rounding)


def test_byte_order_does_not_matter() -> None:
    """Big-endian and little-endian files of the same image give the same numbers, bit for bit."""
    np.testing.assert_array_equal(normalised(NOISE.astype(">u2")), normalised(NOISE.astype("<u2")))


def test_all_planes_are_treated_alike() -> None:
    """A raw value becomes the same number on every plane of a stack, however dark the plane."""
    stack = np.stack([NOISE, NOISE / 10, NOISE * 2])
    stack[:, 5, 5] = 77.0
    planes = NormalisedPlanes(Image("stack", stack, "zyx"))
    values = {float(planes[plane][5, 5, 0]) for plane in range(3)}
    assert len(values) == 1
    assert planes[1].mean() < planes[0].mean() < planes[2].mean()


def test_channels_are_treated_one_by_one() -> None:
    """Each channel of a colour image is normalised as if it were alone."""
    colour = np.stack([NOISE, NOISE * 3 + 5, NOISE[::-1]], axis=-1)
    found = normalised(colour, "yxc")
    for channel in range(3):
        np.testing.assert_array_equal(found[..., channel], normalised(colour[..., channel])[..., 0])
