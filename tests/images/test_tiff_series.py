"""Laws of TIFF files that hold more than one image: the largest is opened, and what is left out is said."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Picture

from napari_unet.images.image import PixelSize
from napari_unet.images.reading import open_image

CHANCE = np.random.default_rng(3)
LARGE = CHANCE.integers(0, 60000, (64, 80)).astype(np.uint16)
SMALL = np.zeros((16, 20), np.uint16)
PAGES = CHANCE.integers(0, 60000, (5, 64, 80)).astype(np.uint16)


def write(path: Path, *pages: tuple[np.ndarray, dict[str, Any]], **options: Any) -> Path:
    with tifffile.TiffWriter(path, **options) as file:
        for pixels, facts in pages:
            file.write(pixels, **facts)
    return path


def test_the_largest_image_is_opened_and_the_other_pages_are_named(tmp_path: Path) -> None:
    """A page of another size before the stack is left out, and that is said in one line."""
    path = write(tmp_path / "a.tif", (SMALL, {"metadata": None}), *((page, {"metadata": None}) for page in PAGES))
    image = open_image(path)
    np.testing.assert_array_equal(image.pixels, PAGES)
    (notice,) = image.notices
    assert notice.startswith("NU-I20: 1 of 6 pages are left out (page 1; 16 x 20 px)")
    assert "\n" not in notice


def test_a_reduced_copy_is_neither_opened_nor_missed(tmp_path: Path) -> None:
    """A thumbnail that is marked as such comes after the image it was made of, even where it is first in the file."""
    pages = [(SMALL, {"subfiletype": 1, "metadata": None}), (LARGE, {"metadata": None})]
    image = open_image(write(tmp_path / "a.tif", *pages))
    np.testing.assert_array_equal(image.pixels, LARGE)
    assert image.notices == ()


@pytest.mark.parametrize("thumbnail_first", [True, False])
def test_an_ome_image_comes_with_its_own_pixel_size_and_channels(tmp_path: Path, thumbnail_first: bool) -> None:
    """Of two OME images the largest is opened, with what the XML says of that one."""
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}
    channels = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP", "RFP", "Cy5", "BF"]}, **sizes}
    whole = (PAGES, {"metadata": channels})
    thumbnail = (SMALL, {"metadata": {"axes": "YX", "PhysicalSizeX": 9.0, "PhysicalSizeY": 9.0}})
    pages = (thumbnail, whole) if thumbnail_first else (whole, thumbnail)
    image = open_image(write(tmp_path / "a.ome.tif", *pages, ome=True))
    np.testing.assert_array_equal(image.pixels, PAGES)
    assert (image.axes, image.pixel_size) == ("cyx", PixelSize(0.25, 0.5, "um"))
    assert image.channel_names == ("DAPI", "GFP", "RFP", "Cy5", "BF")
    assert "1 of 6 pages are left out" in image.notices[0]


def test_pages_beyond_those_that_imagej_promises_are_named(tmp_path: Path) -> None:
    """ImageJ's header says how many planes there are; what comes after them is left out, and that is said."""
    description = "ImageJ=1.52i\nimages=2\nslices=2\n"
    pages = [(page, {"metadata": None, "description": description if n == 0 else ""}) for n, page in enumerate(PAGES)]
    image = open_image(write(tmp_path / "a.tif", *pages))
    np.testing.assert_array_equal(image.pixels, PAGES[:2])
    assert image.notices[0].startswith("NU-I20: 3 of 5 pages are left out (page 3, 4, 5)")


def test_a_pyramid_and_a_stack_leave_nothing_out(tmp_path: Path) -> None:
    """Levels and planes are parts of the image: nothing is said of them."""
    pages = [(LARGE, {"subifds": 1, "tile": (16, 16)}), (LARGE[::2, ::2], {"subfiletype": 1, "tile": (16, 16)})]
    assert open_image(write(tmp_path / "pyramid.tif", *pages)).notices == ()
    for name, options in {"ome.ome.tif": {"ome": True}, "ij.tif": {"imagej": True}, "plain.tif": {}}.items():
        tifffile.imwrite(tmp_path / name, PAGES, metadata={"axes": "ZYX"}, **options)
        assert open_image(tmp_path / name).notices == ()


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_a_pyramid_is_whole_where_a_resolution_is_one_tile(tmp_path: Path, byteorder: str) -> None:
    """It lies in one piece and the others do not, and both are read in the same order of bytes."""
    finer, tile = LARGE.repeat(2, 0).repeat(2, 1), {"tile": (64, 80)}
    coarser = [LARGE, LARGE[::2, ::2]]
    pages = [(finer, {"subifds": 2} | tile), *((level, {"subfiletype": 1} | tile) for level in coarser)]
    image = open_image(write(tmp_path / "a.tif", *pages, byteorder=byteorder))
    for level, pixels in zip(image.coarser, coarser, strict=True):
        np.testing.assert_array_equal(level, pixels)
        assert level.dtype == image.pixels.dtype


def test_four_inks_are_read_as_red_green_and_blue(tmp_path: Path) -> None:
    """A CMYK TIFF becomes RGB as a picture viewer shows it, in both orders of its samples and in any slice."""
    inks = CHANCE.integers(0, 256, (37, 29, 4), dtype=np.uint8)
    shown = np.asarray(Picture.fromarray(inks, "CMYK").convert("RGB")).astype(int)
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated")
    planes = np.ascontiguousarray(np.moveaxis(inks, -1, 0))
    tifffile.imwrite(tmp_path / "b.tif", planes, photometric="separated", planarconfig="separate")
    for name in ("a.tif", "b.tif"):
        image = open_image(tmp_path / name)
        assert image.channels == 3
        np.testing.assert_allclose(image.read(0), shown, atol=1)
        np.testing.assert_array_equal(image.read(0, slice(3, 9), slice(5, 6)), image.read(0)[3:9, 5:6])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byteorder": ">"},
        {"imagej": True},
        {"bigtiff": True, "rowsperstrip": 7},
        {"photometric": "rgb", "planarconfig": "separate"},
        {"ome": True, "metadata": {"axes": "ZYX"}},
        {"tile": (16, 16)},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": True, "byteorder": ">"},
    ],
)
def test_a_part_is_that_of_the_whole(tmp_path: Path, options: dict[str, Any]) -> None:
    """Whether its pixels lie in one piece, as those of ImageJ do, or in strips and tiles."""
    stack = np.random.default_rng(0).integers(0, 2**16, (3, 41, 57)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stack, **({"photometric": "minisblack"} | options))
    pixels = open_image(tmp_path / "a.tif").pixels
    for key in (..., (1, slice(3, 40, 5), slice(50, 9, -2)), (slice(None, None, 2), -1), (slice(1, 3), slice(7), 4)):
        np.testing.assert_array_equal(pixels[key], stack[key])
