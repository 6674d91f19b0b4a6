"""Laws of the size of a pixel: every spelling of a unit, and edges in units of their own."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from napari_unet.images.image import PixelSize
from napari_unet.images.readers.length_units import pixel_size_of, unit_of
from napari_unet.images.reading import open_image

GREY = np.arange(12 * 10, dtype=np.uint16).reshape(12, 10)
WORDS = {
    "um": ["um", "\u00b5m", "\u03bcm", "\\u00B5m", "\\u00b5m", "\\u03BCm", "micron", "microns", "Micrometers"],
    "nm": ["nm", "nanometer", "nanometres"],
    "mm": ["mm", "millimetres"],
    "cm": ["cm", "centimeters"],
    "m": ["m", "metres"],
    "inch": ["inch", "inches", "in"],
    "angstrom": ["\u00c5", "\u212b", "angstroms"],
}


@pytest.mark.parametrize(("unit", "word"), [(unit, word) for unit, words in WORDS.items() for word in words])
def test_every_spelling_of_a_unit_is_known(unit: str, word: str) -> None:
    """Escapes as ImageJ writes them, both letters mu, plurals and British spelling stand for one unit."""
    assert unit_of(word) == unit


@pytest.mark.parametrize("word", ["", "pixel", "pixels", "parsec", "s"])
def test_other_words_are_no_unit(word: str) -> None:
    """Nothing is guessed from a word that is no length."""
    assert unit_of(word) is None
    assert pixel_size_of((1.0, word), (1.0, "um")) == PixelSize()


@pytest.mark.parametrize(
    ("y", "x", "expected"),
    [
        ((0.25, "nm"), (0.25, "um"), PixelSize(0.00025, 0.25, "um")),
        ((0.5, "um"), (250.0, "nm"), PixelSize(500.0, 250.0, "nm")),
        ((1.0, "mm"), (1.0, "inch"), PixelSize(1 / 25.4, 1.0, "inch")),
    ],
)
def test_edges_in_two_units_are_brought_to_one(y: tuple[float, str], x: tuple[float, str], expected: PixelSize) -> None:
    """The unit of x is kept, and y is the same length in it."""
    found = pixel_size_of(y, x)
    assert (found.x, found.unit) == (expected.x, expected.unit)
    assert found.y == pytest.approx(expected.y)


def test_imagej_gives_y_a_unit_of_its_own(tmp_path: Path) -> None:
    """ImageJ writes "yunit" where it differs from the unit of x."""
    metadata = {"unit": "um", "yunit": "nm"}
    tifffile.imwrite(tmp_path / "a.tif", GREY, imagej=True, resolution=(4, 4), metadata=metadata)
    found = open_image(tmp_path / "a.tif").pixel_size
    assert (found.y, found.x, found.unit) == (pytest.approx(0.00025), 0.25, "um")


def test_ome_xml_in_two_units(tmp_path: Path) -> None:
    """Both edges of an OME image are brought to one unit."""
    sizes = {"PhysicalSizeX": 250.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "\u00b5m"}
    tifffile.imwrite(tmp_path / "a.ome.tif", GREY, metadata={"axes": "YX", **sizes})
    found = open_image(tmp_path / "a.ome.tif").pixel_size
    assert (found.y, found.x, found.unit) == (pytest.approx(500.0), 250.0, "nm")


def test_ome_zarr_in_two_units(tmp_path: Path) -> None:
    """So are those of an OME-Zarr image."""
    zarr.save_array(tmp_path / "a.zarr" / "0", GREY, zarr_format=2)
    axes = [{"name": "y", "type": "space", "unit": "micrometer"}, {"name": "x", "type": "space", "unit": "nanometer"}]
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.5, 250]}]}]
    (tmp_path / "a.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
    (tmp_path / "a.zarr" / ".zattrs").write_text(json.dumps({"multiscales": [{"axes": axes, "datasets": datasets}]}))
    found = open_image(tmp_path / "a.zarr").pixel_size
    assert (found.y, found.x, found.unit) == (pytest.approx(500.0), 250.0, "nm")


@pytest.mark.parametrize(
    ("z", "expected"),
    [((1.5, "um"), 1.5), ((1500.0, "nm"), 1.5), ((0.0, "um"), None), ((1.5, "parsec"), None), ((1.5, ""), None)],
)
def test_slices_are_measured_in_the_unit_of_x(z: tuple[float, str], expected: float | None) -> None:
    """A distance that cannot be, or has no unit, is not known; the edges are all the same."""
    found = pixel_size_of((0.5, "um"), (0.25, "um"), z)
    assert (found.y, found.x, found.unit) == (0.5, 0.25, "um")
    assert found.z == (None if expected is None else pytest.approx(expected))


SLICES = np.zeros((3, 12, 10), np.uint16)


def test_imagej_spaces_its_slices(tmp_path: Path) -> None:
    """By "spacing", in the unit of x or in one of its own; a stack without it has no distance."""
    for metadata, expected in (
        ({"unit": "um", "spacing": 1.5}, 1.5),
        ({"unit": "um", "spacing": 1500, "zunit": "nm"}, 1.5),
        ({"unit": "um", "spacing": "wide"}, None),
        ({"unit": "um"}, None),
    ):
        written = {"axes": "ZYX", **metadata}
        tifffile.imwrite(tmp_path / "a.tif", SLICES, imagej=True, resolution=(4, 2), metadata=written)
        assert open_image(tmp_path / "a.tif").pixel_size.z == (None if expected is None else pytest.approx(expected))


def test_ome_xml_spaces_its_slices(tmp_path: Path) -> None:
    """By PhysicalSizeZ, micrometres where no unit is given."""
    edges = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5}
    for sizes, expected in (
        ({"PhysicalSizeZ": 1.5}, 1.5),
        ({"PhysicalSizeZ": 1500.0, "PhysicalSizeZUnit": "nm"}, 1.5),
        ({}, None),
    ):
        tifffile.imwrite(tmp_path / "a.ome.tif", SLICES, metadata={"axes": "ZYX", **edges, **sizes})
        assert open_image(tmp_path / "a.ome.tif").pixel_size.z == (
            None if expected is None else pytest.approx(expected)
        )


@pytest.mark.parametrize(
    ("axis", "expected"), [({"unit": "nanometer"}, 1.5), ({"unit": "micrometer"}, 1500.0), ({}, None)]
)
def test_ome_zarr_spaces_its_slices(tmp_path: Path, axis: dict[str, str], expected: float | None) -> None:
    """By the scale of z in the unit of z."""
    zarr.save_array(tmp_path / "a.zarr" / "0", SLICES, zarr_format=2)
    axes = [{"name": "z", "type": "space", **axis}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1500, 0.5, 0.25]}]}]
    (tmp_path / "a.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
    (tmp_path / "a.zarr" / ".zattrs").write_text(json.dumps({"multiscales": [{"axes": axes, "datasets": datasets}]}))
    assert open_image(tmp_path / "a.zarr").pixel_size.z == (None if expected is None else pytest.approx(expected))


def test_a_slide_of_aperio_says_its_micrometres(tmp_path: Path) -> None:
    """The description of an SVS file has "MPP", micrometres per pixel, and no resolution that could be used."""
    text = "Aperio Image Library v10.0.51\r\n12x10 |AppMag = 20|StripeWidth = 2040|MPP = 0.4990|Left = 25.69"
    tifffile.imwrite(tmp_path / "a.svs", GREY.astype(np.uint8), tile=(16, 16), description=text, metadata=None)
    assert open_image(tmp_path / "a.svs").pixel_size == PixelSize(0.499, 0.499, "um")


@pytest.mark.parametrize("text", ["0,325", "", "unknown"])
def test_an_edge_that_is_no_number_is_not_known(tmp_path: Path, text: str) -> None:
    """The pixels of the file are sound, so it opens, without a pixel size."""
    tifffile.imwrite(
        tmp_path / "a.ome.tif", np.eye(9, dtype=np.uint8), metadata={"PhysicalSizeX": 9.125, "PhysicalSizeY": 0.5}
    )
    path = tmp_path / "b.ome.tif"
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        xml = file.ome_metadata or ""
    assert xml.count('"9.125"') == 1
    xml = xml.replace('"9.125"', f'"{text}"')
    tifffile.imwrite(path, np.eye(9, dtype=np.uint8), description=xml.encode(), metadata=None)
    image = open_image(path)
    assert image.pixel_size == PixelSize()
    assert image.read(0).sum() == 9
