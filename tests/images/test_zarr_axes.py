"""Laws of the axes of Zarr images: of the oldest that name none, and of those that call them otherwise."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from image_files import write_zarr

from napari_unet.errors import UserError
from napari_unet.images.reading import open_image

STACK = np.random.default_rng(7).integers(0, 60000, (2, 3, 2, 17, 13)).astype(np.uint16)


def write(folder: Path, pixels: np.ndarray, axes: Any, version: str) -> Path:
    """Write an image of one level with these axes, or without any where None."""
    zarr.save_array(folder / "0", pixels, zarr_format=2)
    scale = {"version": version, "datasets": [{"path": "0"}]} | ({} if axes is None else {"axes": axes})
    (folder / ".zgroup").write_text('{"zarr_format": 2}')
    (folder / ".zattrs").write_text(json.dumps({"multiscales": [scale]}))
    return folder


@pytest.mark.parametrize("version", ["0.1", "0.2"])
def test_the_oldest_images_have_time_channel_and_z(tmp_path: Path, version: str) -> None:
    """OME-Zarr 0.1 and 0.2 name no axes, and always have five."""
    image = open_image(write(tmp_path / "a.zarr", STACK[:1], None, version))
    assert (image.axes, image.channels, image.planes) == ("czyx", 3, 2)
    assert open_image(write(tmp_path / "b.zarr", STACK, None, version)).axes == "tczyx"
    assert open_image(write(tmp_path / "c.zarr", STACK[0, 0], None, version)).axes == "zyx"


SPACE = {"type": "space"}
NAMED: list[tuple[Any, str]] = [
    (["Z", "Y", "X"], "zyx"),
    (["C", "Y", "X"], "cyx"),
    (["site", "Y", "X"], "syx"),
    (["S", "Y", "X"], "cyx"),
    ([{"name": "Channel", "type": "channel"}, {"name": "Y", **SPACE}, {"name": "X", **SPACE}], "cyx"),
    ([{"name": "frame", "type": "time"}, {"name": "height", **SPACE}, {"name": "width", **SPACE}], "tyx"),
    ([{"name": "depth", **SPACE}, {"name": "row", **SPACE}, {"name": "column", **SPACE}], "zyx"),
    ([{"name": "dim_2", **SPACE}, {"name": "dim_1", **SPACE}, {"name": "dim_0", **SPACE}], "dyx"),
    ([{"name": "Y", **SPACE}, {"name": "X", **SPACE}, {"name": "wavelength", "type": "channel"}], "yxc"),
]


@pytest.mark.parametrize(("axes", "expected"), NAMED)
def test_axes_are_known_by_their_words_and_types(tmp_path: Path, axes: Any, expected: str) -> None:
    """Capitals and other words do not matter, and the last two axes of space are rows and columns."""
    image = open_image(write(tmp_path / "a.zarr", STACK[0, :, 0], axes, "0.4"))
    assert image.axes == expected


def test_sites_are_planes_beside_channels(tmp_path: Path) -> None:
    """Only an axis that is called s and no more holds samples; a site or a series has planes of its own."""
    image = open_image(write(tmp_path / "a.zarr", STACK[0, :, :, :, :], ["site", "c", "y", "x"], "0.4"))
    assert (image.axes, image.channels, image.planes) == ("scyx", 2, 3)
    image = open_image(write(tmp_path / "b.zarr", STACK[0, :, :, :, :], ["series", "z", "y", "x"], "0.4"))
    assert (image.axes, image.channels, image.plane_shape) == ("szyx", 1, (3, 2))
    image = open_image(write(tmp_path / "c.zarr", STACK[0, :, :, :, :], ["cycle", "c", "y", "x"], "0.4"))
    assert (image.channels, image.plane_shape) == (2, (3,))


def test_capitals_keep_the_pixel_size(tmp_path: Path) -> None:
    """Axes in capitals have the scale and the unit of their own."""
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "YX"]
    write(tmp_path / "a.zarr", STACK[0, 0, 0], axes, "0.4")
    scale = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.5, 0.25]}]}
    text = json.dumps({"multiscales": [{"axes": axes, "datasets": [scale]}]})
    (tmp_path / "a.zarr" / ".zattrs").write_text(text)
    size = open_image(tmp_path / "a.zarr").pixel_size
    assert (size.y, size.x, size.unit) == (0.5, 0.25, "um")


def test_named_dimensions_of_a_plain_array(tmp_path: Path) -> None:
    """Zarr 3 names the dimensions of any array."""
    write_zarr(tmp_path / "a.zarr", STACK[0, 0], 3, dimension_names=["Frame", "Height", "Width"])
    assert open_image(tmp_path / "a.zarr").axes == "tyx"


def test_a_codec_hidden_behind_the_name_of_another_is_refused(tmp_path: Path) -> None:
    """Zarr 2 looks a codec up by its id: a harmless name beside it changes nothing."""
    write_zarr(tmp_path / "a.zarr", STACK[0, 0, 0], 2)
    file = tmp_path / "a.zarr" / ".zarray"
    metadata = json.loads(file.read_text()) | {"filters": [{"id": "pickle", "name": "zlib"}]}
    file.write_text(json.dumps(metadata))
    with pytest.raises(UserError, match=r"^NU-I13: .*pickle"):
        open_image(tmp_path / "a.zarr")
