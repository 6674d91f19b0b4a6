"""Laws of pixels that are normalised on the device: the same numbers, in the image's own type on the way up."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_unet.images.image import Image
from napari_unet.images.normalisation import Normalisation
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.network import raw_upload
from napari_unet.network.device import Device
from napari_unet.network.raw_upload import upload_normalised
from napari_unet.network.transfer import upload

CPU = Device("cpu", "", False)
TYPES = [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64, np.float16, np.float32,
         np.float64]  # fmt: skip
WITH_CUDA = [
    CPU,
    pytest.param(
        Device("cuda", "", False), marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
    ),
]
bounds = st.floats(-1e38 / 2, 1e38 / 2)


def normalisation_of(pixels: np.ndarray) -> Normalisation:
    """The normalisation that the program would measure."""
    return NormalisedPlanes(Image("any", pixels, "yxc")).normalisation


@pytest.mark.parametrize("device", WITH_CUDA)
@pytest.mark.parametrize("dtype", TYPES)
@given(data=st.data())
def test_numbers_are_those_of_the_host(dtype: Any, device: Device, data: st.DataObject) -> None:
    """Bit for bit, whatever the pixels of whatever type and whatever the range of each of the channels."""
    pixels = data.draw(arrays.arrays(dtype, (4, 5, 2)))
    ranges = data.draw(st.lists(st.tuples(bounds, bounds).map(sorted), min_size=2, max_size=2))
    drawn = Normalisation(*(tuple(each[side] for each in ranges) for side in (0, 1)))
    for normalisation in (drawn, normalisation_of(pixels)):
        with np.errstate(all="ignore"):
            expected = normalisation.apply(pixels)
        found = upload_normalised(pixels, normalisation, device).cpu().numpy()
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)


def test_a_device_without_float64_gets_wide_types_normalised(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes up to it is float32, or pixels of at most 16 bits; no tensor of float64 is ever made there."""
    sent: list[tuple[np.dtype[Any], torch.dtype]] = []

    def noted(array: np.ndarray, device: Device) -> torch.Tensor:
        sent.append((array.dtype, upload(array, CPU).dtype))
        return upload(array, CPU)

    monkeypatch.setattr(raw_upload, "upload", noted)
    monkeypatch.setattr(Device, "torch_device", torch.device("cpu"))
    monkeypatch.setattr(torch.Tensor, "double", None)
    for dtype in TYPES:
        pixels = np.random.default_rng(0).integers(0, 99, (7, 9, 1)).astype(dtype)
        normalisation = normalisation_of(pixels)
        found = upload_normalised(pixels, normalisation, Device("mps", "", False))
        np.testing.assert_array_equal(found.numpy(), normalisation.apply(pixels))
    narrow = [np.uint8, np.int8, np.uint16, np.int16, np.float16]
    assert [dtype for dtype, _ in sent] == [dtype if dtype in narrow else np.float32 for dtype in TYPES]
    assert torch.float64 not in {kind for _, kind in sent}
