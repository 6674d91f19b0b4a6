"""Laws of a copy at another pixel size: planes, channels, type and range stay, and the network sees what it learned."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.errors import UserError
from napari_unet.images import rescaled_copy as module
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.rescaled_copy import rescaled_copy
from napari_unet.images.rescaling import rescaled

TYPES = ("bool", "uint8", ">u2", "int16", "uint32", "int64", "float16", "float32", "float64")
AXES = ("yx", "yxc", "cyx", "zcyx", "tzyx", "xy", "yzx")


@given(
    axes=st.sampled_from(AXES), dtype=st.sampled_from(TYPES), seed=st.integers(0, 9), alpha=st.booleans(),
    factors=st.tuples(*[st.sampled_from([0.3, 0.5, 1.0, 1.7, 2.0])] * 2),
)  # fmt: skip
def test_planes_channels_type_and_range_stay(
    axes: str, dtype: str, seed: int, alpha: bool, factors: tuple[float, float]
) -> None:
    """Each plane is what prediction makes of it, rounded; pixels cover what they covered before."""
    sizes = {"y": 14, "x": 11, "c": 3, "z": 2, "t": 2}
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 2 if dtype == "bool" else 100, [sizes[axis] for axis in axes]).astype(dtype)
    alpha = alpha and "c" in axes
    image = Image("a", pixels, axes, PixelSize(0.5, 0.25, "um", 1.5), alpha)
    copy = rescaled_copy(image, factors, "b")
    assert (copy.name, copy.axes, copy.channels, copy.alpha) == ("b", axes, image.channels, False)
    assert copy.pixels.dtype == np.dtype(dtype).newbyteorder("=")
    assert (copy.height, copy.width) == (max(1, round(14 * factors[0])), max(1, round(11 * factors[1])))
    assert copy.pixel_size.y * copy.height == pytest.approx(0.5 * 14)
    assert copy.pixel_size.x * copy.width == pytest.approx(0.25 * 11)
    assert copy.pixel_size.z == 1.5
    assert copy.plane_shape == image.plane_shape
    for plane in range(image.planes):
        before, after = image.read(plane), copy.read(plane)
        assert before.min() <= after.min() <= after.max() <= before.max()
        wanted = np.asarray(rescaled(before.astype(np.float64), factors))
        np.testing.assert_allclose(after, wanted, atol=0.51 if pixels.dtype.kind != "f" else 0.1)


def test_what_is_no_number_stays_where_it_is() -> None:
    """And nothing around it is lost; a plane of nothing else stays so."""
    pixels = np.full((2, 12, 12), 7.0, np.float32)
    pixels[0, 3, 4], pixels[0, 8, 8], pixels[1] = np.nan, np.inf, np.nan
    copy = rescaled_copy(Image("a", pixels, "zyx"), (2.0, 2.0), "b").pixels
    assert np.isnan(copy[0, 6:8, 8:10]).all()
    assert np.isposinf(copy[0, 16:18, 16:18]).all()
    assert np.isfinite(copy[0]).sum() == 24 * 24 - 8
    np.testing.assert_allclose(copy[0][np.isfinite(copy[0])], 7.0, rtol=1e-6)
    assert np.isnan(copy[1]).all()


def test_all_channels_are_copied_with_their_names() -> None:
    """A choice of channels is the project's, not the copy's."""
    pixels = np.random.default_rng(0).integers(0, 99, (3, 8, 8), np.uint8)
    image = Image("a", pixels, "cyx", chosen=(2,), channel_names=("x", "y", "z"))
    copy = rescaled_copy(image, (1.0, 1.0), "b")
    np.testing.assert_array_equal(copy.pixels, pixels)
    assert (copy.chosen, copy.channel_names) == ((), ("x", "y", "z"))


def test_what_takes_too_much_memory_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy, or a plane while it is resampled, above the limit; and where the memory is full all the same."""

    class Unread:
        dtype = np.dtype(np.uint8)

        def __init__(self, *shape: int) -> None:
            self.shape = shape

        def __getitem__(self, key: object) -> np.ndarray:
            raise MemoryError

    stack = Image("a", Unread(300, 1000, 1000), "zyx")
    for image, factors in ((stack, (2.0, 2.0)), (Image("a", Unread(2**15, 2**15), "yx"), (0.1, 0.1))):
        with pytest.raises(UserError, match=r"^NU-I17: .*takes more than 512 MiB"):
            rescaled_copy(image, factors, "b")
    for image in (stack, replace(stack, pixels=Unread(3, 4, 5))):
        with pytest.raises(UserError, match=r"^NU-I17: there is not enough memory"):
            rescaled_copy(image, (1.0, 1.0), "b")
    monkeypatch.setattr(module, "MOST_BYTES", 3 * 16 * 4 * 5 - 1)
    small = Image("a", np.zeros((3, 4, 5), np.uint16), "zyx")
    with pytest.raises(UserError, match="NU-I17"):
        rescaled_copy(small, (4.0, 4.0), "b")
    assert rescaled_copy(small, (2.0, 2.0), "b").pixels.shape == (3, 8, 10)


@pytest.mark.parametrize("factors", [(0.5, 0.5), (2.0, 2.0), (0.7, 1.3)])
def test_nothing_mixes_into_pixels_beside_those_without_a_number(factors: tuple[float, float]) -> None:
    """Of a channel of one value with a hole; the other channel is a hundred times as bright."""
    pixels = np.zeros((40, 40, 2), np.float32)
    pixels[..., 0], pixels[..., 1] = 100, 10_000
    pixels[15:25, 15:25, 0] = np.nan
    copied = np.asarray(rescaled_copy(Image("a", pixels, "yxc"), factors, "b").pixels)[..., 0]
    assert np.isnan(copied).any()
    np.testing.assert_allclose(copied[np.isfinite(copied)], 100, rtol=1e-5)
