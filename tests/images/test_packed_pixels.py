"""Laws of packed pixels: they come back as they were, and bytes of another shape are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_unet.images.packed_pixels import pack, packed_size, unpack


@given(arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_pixels_come_back(pixels: np.ndarray) -> None:
    """Eight of them take a byte."""
    packed = pack(pixels)
    assert len(packed) == packed_size(pixels.shape)
    np.testing.assert_array_equal(unpack(packed, pixels.shape), pixels)


@pytest.mark.parametrize(("size", "shape"), [(1, (3, 3)), (3, (3, 3)), (0, (0, 5)), (0, (3, 3))])
def test_bytes_of_another_shape_are_refused(size: int, shape: tuple[int, int]) -> None:
    """A damaged database is told, and not read as a stroke elsewhere."""
    with pytest.raises(ValueError, match=r"a stroke of .* in \d bytes"):
        unpack(bytes(size), shape)
