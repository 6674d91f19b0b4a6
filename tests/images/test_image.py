"""Laws of one opened image."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.errors import UserError
from napari_unet.images.image import Image, PixelSize


@st.composite
def images(draw: st.DrawFn) -> Callable[[], Image]:
    """Draw small arrays in any order of axes, any strides, type and byte order, some channels of them chosen.

    The image is made in the test: its types are checked by samples, and Hypothesis wants no other chance in a strategy.
    """
    others = draw(st.lists(st.sampled_from("ctzqp"), unique=True, max_size=3))
    axes = "".join(draw(st.permutations(["y", "x", *others])))
    shape = [draw(st.integers(1, 5)) for _ in axes]
    dtype = np.dtype(draw(st.sampled_from(["u1", ">u2", "<i4", ">f4", "f8", "f2", "?"])))
    pixels: Any = (np.arange(np.prod(shape)) % 251).astype(dtype).reshape(shape)
    flips = tuple(slice(None, None, draw(st.sampled_from([1, -1]))) for _ in axes)
    alpha = "c" in axes and shape[axes.index("c")] > 1 and draw(st.booleans())
    channels = shape[axes.index("c")] - alpha if "c" in axes else 1
    chosen = tuple(sorted(draw(st.sets(st.integers(0, channels - 1)))))
    return partial(Image, "drawn", pixels[flips], axes, alpha=alpha, chosen=chosen)


def whole(image: Image) -> np.ndarray:
    """All pixels as planes y x c, by numpy alone."""
    wanted = image.plane_axes + "yxc"
    pixels = np.asarray(image.pixels)
    if "c" not in image.axes:
        pixels = pixels[..., None]
    axes = image.axes if "c" in image.axes else image.axes + "c"
    return np.einsum(f"{axes}->{wanted}", pixels).reshape(-1, image.height, image.width, pixels.shape[axes.index("c")])


@given(images(), st.data())
def test_read_equals_slicing_of_the_whole(drawn: Callable[[], Image], data: st.DataObject) -> None:
    """A part of a plane is the same part of the whole image, native, contiguous, without alpha, of chosen channels."""
    image = drawn()
    plane = data.draw(st.integers(0, image.planes - 1))
    rows, columns = data.draw(st.slices(image.height)), data.draw(st.slices(image.width))
    part = image.read(plane, rows, columns)
    expected = whole(image)[plane, rows, columns]
    np.testing.assert_array_equal(part, expected[..., image.chosen or range(image.all_channels)])
    assert part.dtype.isnative
    assert part.flags.c_contiguous


def test_what_is_read_belongs_to_the_reader() -> None:
    """Writing into what was read never reaches the image."""
    pixels = np.zeros((3, 4), np.uint8)
    Image("zeros", pixels, "yx").read(0)[...] = 9
    assert not pixels.any()


@given(images())
def test_fingerprint_depends_on_content_only(drawn: Callable[[], Image]) -> None:
    """Byte order, strides and chosen channels do not change a fingerprint; a pixel of the first row does."""
    image = drawn()
    assert replace(image, chosen=()).fingerprint() == image.fingerprint()
    same = Image("other name", np.array(image.pixels, dtype=image.pixels.dtype.newbyteorder("=")), image.axes)
    changed = np.array(image.pixels)
    changed.flat[0] = changed.flat[0] == 0
    unmasked = Image("no alpha", image.pixels, image.axes)
    assert same.fingerprint() == unmasked.fingerprint()
    assert Image("changed", changed, image.axes).fingerprint() != unmasked.fingerprint()


@pytest.mark.parametrize(
    ("pixels", "axes", "code"),
    [
        (np.zeros(5), "x", "NU-I01"),
        (np.zeros((5, 5)), "yy", "NU-I01"),
        (np.zeros((5, 5, 5)), "yx", "NU-I01"),
        (np.zeros((0, 10)), "yx", "NU-I02"),
        (np.zeros((5, 5), np.complex64), "yx", "NU-I03"),
        (np.zeros((5, 5), object), "yx", "NU-I03"),
        (np.zeros((5, 5), "M8[s]"), "yx", "NU-I03"),
    ],
)
def test_impossible_images_are_refused(pixels: np.ndarray, axes: str, code: str) -> None:
    """Axes that do not fit, no pixels and types that are no numbers are told with their code."""
    with pytest.raises(UserError) as caught:
        Image("impossible", pixels, axes)
    assert caught.value.code == code


def test_pixel_size_is_known_with_a_unit() -> None:
    """Without a unit nothing is measured in micrometres."""
    assert not PixelSize().is_known
    assert PixelSize(0.5, 0.5, "um").is_known
