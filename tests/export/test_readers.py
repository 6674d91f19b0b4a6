"""Every format opened by a reader that its users have; docs/formats.md names these tests."""

import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile
import shapely
import tifffile
import yaozarrs
import zarr
from PIL import Image as PillowImage
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from skimage.draw import polygon2mask

from napari_unet.config import DEFAULT_SETTINGS, Settings
from napari_unet.errors import UserError
from napari_unet.export import formats
from napari_unet.export.formats import FORMATS
from napari_unet.export.segmentation import ClassStyle, Segmentation
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.reading import open_image
from napari_unet.objects.objects import AS_PAINTED, find_objects
from napari_unet.project.project import Project

NAME = "Zellen 3 \u00b5m \u7d30\u80de \U0001f52c"
CLASSES = [ClassStyle(f"class \u00b5 {value}", (value, 80, 200)) for value in range(4)]
SETTINGS = Settings(object_minimum=0)


def export(
    mask: np.ndarray, image: Image, folder: Path, names: list[str], settings: Settings = DEFAULT_SETTINGS
) -> list[Path]:
    """Export a mask of the classes above."""
    return formats.export(Segmentation(mask, image, CLASSES, settings), folder, names)


@pytest.fixture(params=["yx", "zyx", "tzyx", "pyx", "yxc", "qptzyx"])
def result(request: pytest.FixtureRequest) -> tuple[np.ndarray, Image]:
    """A mask of blobs, holes, diagonals and touching classes over an image of one or more planes."""
    axes = request.param
    shape = tuple({"y": 17, "x": 23, "c": 3}.get(axis, 2) for axis in axes)
    random = np.random.default_rng(len(axes))
    image = Image(NAME, random.integers(0, 60000, shape).astype(np.uint16), axes, PixelSize(0.5, 0.25, "um"))
    mask = random.integers(0, 4, (image.planes, 17, 23)).astype(np.uint8)
    mask[:, 4:12, 3:11] = 1
    mask[:, 6:8, 5:7] = 0
    return mask, image


def written(result: tuple[np.ndarray, Image], folder: Path, name: str) -> tuple[list[Path], np.ndarray, np.ndarray]:
    """The files of a format, and numbers and values of the objects."""
    mask, image = result
    objects = find_objects(mask, SETTINGS, image.plane_axes, image.plane_shape)
    return export(mask, image, folder, [name], SETTINGS), objects.numbers, objects.values


def test_ome_zarr_is_valid_and_read_back(result: tuple[np.ndarray, Image], tmp_path: Path) -> None:
    """Yaozarrs finds image and labels valid; zarr gives mask, objects, scale, unit, classes and colours back."""
    mask, image = result
    (path,), numbers, values = written(result, tmp_path, "ome-zarr")
    for group in ("", "labels", "labels/classes", "labels/objects"):
        yaozarrs.validate_zarr_store(str(path / group))
    for name, wanted in (("classes", mask), ("objects", numbers)):
        group = zarr.open_group(path / "labels" / name, mode="r")
        assert np.array_equal(group["0"][:].reshape(mask.shape), wanted)
        scales = group.attrs["ome"]["multiscales"][0]
        assert [axis.get("unit") for axis in scales["axes"]][-2:] == ["micrometer", "micrometer"]
        assert scales["datasets"][0]["coordinateTransformations"][0]["scale"][-2:] == [0.5, 0.25]
    labels = zarr.open_group(path / "labels" / "objects", mode="r").attrs["ome"]["image-label"]
    assert [entry["class"] for entry in labels["properties"]] == [CLASSES[value].name for value in values[1:]]
    reopened = open_image(path)
    assert (reopened.height, reopened.width, reopened.channels) == (17, 23, image.channels)
    assert (reopened.pixel_size, reopened.planes) == (image.pixel_size, image.planes)


@pytest.mark.parametrize(("axes", "chosen", "wanted"), [
    ("cyx", (), ["DAPI", "GFP", "\u03b1"]), ("zyxc", (2, 0), ["\u03b1", "DAPI"]), ("yxc", (1,), ["GFP"]),
])  # fmt: skip
def test_ome_zarr_names_its_channels(axes: str, chosen: tuple[int, ...], wanted: list[str], tmp_path: Path) -> None:
    """Those that are written, each with a colour and a range of its own, as yaozarrs and we read them back."""
    pixels = np.zeros([{"c": 3, "z": 2}.get(axis, 9) for axis in axes], np.uint16)
    pixels.flat[::7] = 5000
    image = Image("a", pixels, axes, chosen=chosen, channel_names=("DAPI", "GFP", "\u03b1"))
    (path,) = export(np.zeros((image.planes, 9, 9), np.uint8), image, tmp_path, ["ome-zarr"])
    yaozarrs.validate_zarr_store(str(path))
    omero = yaozarrs.open_group(str(path)).ome_metadata().omero
    assert [channel.label for channel in omero.channels] == wanted
    assert len({channel.color for channel in omero.channels}) == len(wanted)
    assert {(w.min, w.start, w.end, w.max) for w in (c.window for c in omero.channels)} == {(0, 0, 5000, 65535)}
    if len(wanted) > 1:  # one alone is no axis to us
        assert list(open_image(path).channel_names) == wanted
    properties = zarr.open_group(path / "labels" / "classes", mode="r").attrs["ome"]["image-label"]["properties"]
    assert [entry["class"] for entry in properties] == [style.name for style in CLASSES]


@pytest.mark.parametrize("names", [(), ("", "two"), ("one",)])
def test_ome_zarr_makes_up_no_channel_names(names: tuple[str, ...], tmp_path: Path) -> None:
    """Where the image has none, or not one for each channel; what has no range has one to show all the same."""
    image = Image("a", np.full((2, 9, 9), np.nan, np.float32), "cyx", channel_names=names)
    (path,) = export(np.zeros((1, 9, 9), np.uint8), image, tmp_path, ["ome-zarr"])
    assert "omero" not in zarr.open_group(path, mode="r").attrs["ome"]
    (path,) = export(np.zeros((1, 9, 9), np.uint8), replace(image, channel_names=("a", "b")), tmp_path, ["ome-zarr"])
    windows = [channel.window for channel in yaozarrs.open_group(str(path)).ome_metadata().omero.channels]
    assert {(window.min, window.start, window.end, window.max) for window in windows} == {(0, 0, 1, 1)}


def test_ome_zarr_replaces_only_its_own(tmp_path: Path) -> None:
    """An earlier export is replaced; a folder of that name that holds other data is refused and stays."""
    mask, image = np.zeros((1, 5, 6), np.uint8), Image("a", np.zeros((5, 6), np.uint8), "yx")
    for _ in range(2):
        (path,) = export(mask, image, tmp_path, ["ome-zarr"])
    assert list(tmp_path.iterdir()) == [path]
    other = tmp_path / "b.ome.zarr"
    for made in (
        lambda: zarr.create_group(other),
        lambda: zarr.create_group(other, zarr_format=2),
        lambda: zarr.create_array(other, shape=(2, 2), dtype="u1"),
        lambda: other.write_bytes(b"a file"),
        lambda: (other.mkdir(), (other / "zarr.json").write_text("{")),
        other.mkdir,
    ):
        made()
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(UserError, match="NU-E08"):
            export(mask, replace(image, name="b"), tmp_path, ["ome-zarr"])
        assert sorted(tmp_path.rglob("*")) == before
        shutil.rmtree(other) if other.is_dir() else other.unlink()


def test_ome_zarr_keeps_nan_and_negative_zero(tmp_path: Path) -> None:
    """The copied image is the same bit by bit."""
    pixels = np.array([[np.nan, -0.0, 0.0, np.inf]], np.float32)
    image = Image("a", pixels, "yx")
    (path,) = export(np.zeros((1, 1, 4), np.uint8), image, tmp_path, ["ome-zarr"])
    assert zarr.open_array(path / "0", mode="r")[:].tobytes() == pixels.tobytes()


@pytest.mark.parametrize("dtype", ["<i8", ">i8", "<u8", ">u8"])
def test_ome_zarr_holds_64_bits_of_a_tiff(tmp_path: Path, dtype: str) -> None:
    """The reader of TIFF files gives them as C's "long long", which Zarr does not know."""
    pixels = np.arange(12).reshape(3, 4).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels, byteorder=dtype[0], photometric="minisblack")
    (path,) = export(np.zeros((1, 3, 4), np.uint8), open_image(tmp_path / "a.tif"), tmp_path, ["ome-zarr"])
    np.testing.assert_array_equal(zarr.open_array(path / "0", mode="r")[:], pixels)


def test_imagej_rois_are_the_objects(result: tuple[np.ndarray, Image], tmp_path: Path) -> None:
    """Roifile finds one ROI per object, with its class's name and colour; filled, its rings are the object."""
    _, image = result
    (path,), numbers, values = written(result, tmp_path, "imagej-roi")
    rois = roifile.roiread(path)
    assert len(rois) == len(values) - 1
    assert len({roi.name for roi in rois}) == len(rois)
    for number, roi in enumerate(rois, start=1):
        (plane,) = np.unique(np.nonzero(numbers == number)[0])
        assert np.array_equal(filled(roi.coordinates(multi=True), (17, 23)), numbers[plane] == number)
        assert roi.name.startswith(CLASSES[values[number]].name)
        assert (roi.group, roi.hexcolor(roi.stroke_color)) == (values[number], f"#{values[number]:02x}50c8")
        if image.planes == 1:
            assert roi.position == 0
        elif len(image.plane_axes) == 1:
            assert roi.position == plane + 1
        elif image.plane_axes == "tz":
            assert (roi.t_position, roi.z_position) == (plane // 2 + 1, plane % 2 + 1)


def filled(rings: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Pixels whose centre lies inside an odd number of rings of x, y, by scikit-image's polygon."""
    inside = np.zeros(shape, bool)
    for ring in rings:
        inside ^= polygon2mask(shape, np.asarray(ring, float)[:, ::-1] - 0.5)
    return inside


def test_imagej_rois_refuse_what_they_cannot_hold(tmp_path: Path) -> None:
    """An image beyond 32767 px is refused before anything is written."""
    image = Image("wide", np.zeros((1, 40000), np.uint8), "yx")
    with pytest.raises(UserError, match="NU-E07"):
        export(np.zeros((1, 1, 40000), np.uint8), image, tmp_path, ["imagej-roi"])
    assert list(tmp_path.iterdir()) == []


def test_geojson_is_what_qupath_expects(result: tuple[np.ndarray, Image], tmp_path: Path) -> None:
    """Shapely (GEOS, as QuPath's JTS) finds valid polygons with holes whose pixels are the object's, in its plane."""
    _, image = result
    (path,), numbers, values = written(result, tmp_path, "geojson")
    features = json.loads(path.read_text("utf-8"))["features"]
    assert len(features) == len(values) - 1
    x, y = np.meshgrid(np.arange(23) + 0.5, np.arange(17) + 0.5)
    for feature in features:
        number = int(feature["properties"]["name"])
        geometry = dict(feature["geometry"])
        position = geometry.pop("plane", {"z": 0, "t": 0})
        shape = shapely.from_geojson(json.dumps(geometry))
        assert shape.is_valid
        (plane,) = np.unique(np.nonzero(numbers == number)[0])
        assert np.array_equal(shapely.contains_xy(shape, x, y), numbers[plane] == number)
        style = CLASSES[values[number]]
        assert feature["properties"]["classification"] == {"name": style.name, "color": list(style.colour)}
        if image.plane_axes == "tz":
            assert (position["t"], position["z"]) == (plane // 2, plane % 2)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools 2.0.11's own arrays
def test_coco_decodes_to_the_objects(result: tuple[np.ndarray, Image], tmp_path: Path) -> None:
    """Pycocotools gives every object back, pixel by pixel, with its area, box and category."""
    mask, image = result
    (path,), numbers, values = written(result, tmp_path, "coco")
    coco = COCO(path)
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == [style.name for style in CLASSES[1:]]
    found = np.zeros_like(numbers)
    for annotation in coco.loadAnns(coco.getAnnIds()):
        inside = coco.annToMask(annotation).astype(bool)
        found[annotation["image_id"] - 1][inside] = annotation["object"]
        rle = coco.annToRLE(annotation)
        assert annotation["area"] == inside.sum() == coco_mask.area(rle)
        assert annotation["bbox"] == coco_mask.toBbox(rle).tolist()
        assert annotation["category_id"] == values[annotation["object"]]
    assert np.array_equal(found, numbers)
    assert len(coco.getImgIds()) == image.planes == len(mask)


def test_coco_names_the_file_with_its_ending(tmp_path: Path) -> None:
    """The image of a COCO file is the file, as it is found on disk, also out of a project; pixels alone have a name."""
    path = tmp_path / "cells 1.png"
    PillowImage.fromarray(np.zeros((5, 6), np.uint8)).save(path)
    memory = Image("drawn", np.ones((5, 6), np.uint8), "yx")
    with Project(tmp_path / "p.unet") as project:
        added = project.add_image(open_image(path), path).id
        images = [open_image(path), project.images.open(added), project.images.open(project.add_image(memory).id)]
        assert [_file_named_by_coco(image, tmp_path) for image in images] == ["cells 1.png", "cells 1.png", "drawn"]


def _file_named_by_coco(image: Image, folder: Path) -> str:
    (path,) = export(np.zeros((1, 5, 6), np.uint8), image, folder, ["coco"])
    (described,) = json.loads(path.read_text("utf-8"))["images"]
    return str(described["file_name"])


def test_ome_tiff_is_read_with_its_axes_and_pixel_size(result: tuple[np.ndarray, Image], tmp_path: Path) -> None:
    """Tifffile finds an OME-TIFF with the mask's planes, and our own reader its pixel size."""
    mask, image = result
    (path,), _, _ = written(result, tmp_path, "ome-tiff")
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        assert file.series[0].axes.endswith("YX")
        assert np.array_equal(file.asarray().reshape(mask.shape), mask)
    assert open_image(path).pixel_size == image.pixel_size


def test_ome_tiff_names_the_classes(tmp_path: Path) -> None:
    """By mask value, in the structured annotations that the image refers to; what is no class is not there."""
    image = Image("cells", np.zeros((2, 6, 7), np.uint8), "zyx")
    names = ["back & <ground>", "gone", "cell \u00b5 \U0001f52c"]
    classes = [ClassStyle(name, (0, 0, 0), is_class=name != "gone") for name in names]
    mask = np.zeros((2, 6, 7), np.uint8)
    mask[:, 1:4, 1:4] = 2
    (path, *_) = formats.export(Segmentation(mask, image, classes, SETTINGS), tmp_path, ["ome-tiff"])
    with tifffile.TiffFile(path) as file:
        said = tifffile.xml2dict(file.ome_metadata)["OME"]
        assert np.array_equal(file.asarray(), mask)
    annotation = said["StructuredAnnotations"]["MapAnnotation"]
    assert [(each["K"], each["value"]) for each in annotation["Value"]["M"]] == [(0, names[0]), (2, names[2])]
    assert said["Image"]["AnnotationRef"]["ID"] == annotation["ID"]
    assert open_image(path).axes == "zyx"


SPACED = PixelSize(0.5, 0.25, "um", 1.5)


def sliced(axes: str, size: PixelSize = SPACED) -> tuple[np.ndarray, Image]:
    """A mask of one object in every plane, over an image of these axes."""
    shape = tuple({"y": 6, "x": 7}.get(axis, 2) for axis in axes)
    image = Image("cells", np.zeros(shape, np.uint8), axes, size)
    mask = np.zeros((image.planes, 6, 7), np.uint8)
    mask[:, 1:4, 1:4] = 1
    return mask, image


def distances(path: Path) -> list[tuple[float | None, str]]:
    """Distance and unit of the slices in a file or folder, as its format writes them; None where it says nothing."""
    if path.is_dir():
        groups = [zarr.open_group(path / name, mode="r") for name in ("", "labels/classes", "labels/objects")]
        return [_zarr_distance(group.attrs["ome"]["multiscales"][0]) for group in groups]
    with tifffile.TiffFile(path) as file:
        if file.is_imagej:
            return [(file.imagej_metadata.get("spacing"), file.imagej_metadata["unit"])]
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
        unit = pixels.get("PhysicalSizeZUnit", pixels["PhysicalSizeXUnit"])
        return [(pixels.get("PhysicalSizeZ"), {"\N{MICRO SIGN}m": "um"}[unit])]


def _zarr_distance(scales: dict[str, Any]) -> tuple[float | None, str]:
    names = [axis["name"] for axis in scales["axes"]]
    if "z" not in names or "unit" not in scales["axes"][names.index("z")]:
        return None, "um"
    z = names.index("z")
    unit = {"micrometer": "um"}[scales["axes"][z]["unit"]]
    return scales["datasets"][0]["coordinateTransformations"][0]["scale"][z], unit


SLICED_FORMATS = ["tiff", "objects", "ome-tiff", "ome-zarr"]


@pytest.mark.parametrize("name", SLICED_FORMATS)
@pytest.mark.parametrize("axes", ["zyx", "tzyx", "ztyx"])
def test_every_format_keeps_the_distance_of_slices(tmp_path: Path, axes: str, name: str) -> None:
    """Slices are as far apart in the file as in the image: ImageJ spacing, OME PhysicalSizeZ, scale of OME-Zarr."""
    (path,) = export(*sliced(axes), tmp_path, [name])
    assert set(distances(path)) == {(1.5, "um")}


def test_what_a_file_says_of_its_slices_is_read_back_from_every_export(tmp_path: Path) -> None:
    """From an ImageJ stack, by way of a project, to every format that has slices, and out of it again."""
    path = tmp_path / "stack.tif"
    calibration = {"resolution": (4, 2), "metadata": {"axes": "ZYX", "unit": "um", "spacing": 1.5}}
    tifffile.imwrite(path, np.zeros((3, 6, 7), np.uint8), imagej=True, **calibration)
    with Project(tmp_path / "p.unet") as project:
        added = project.images.add(open_image(path), path)
        image = project.images.open(added.id)
    assert (added.pixel_size, image.pixel_size) == (SPACED, SPACED)
    written = export(np.ones((3, 6, 7), np.uint8), image, tmp_path / "out", SLICED_FORMATS)
    assert len(written) == len(SLICED_FORMATS)
    for each in written:
        found = open_image(each).pixel_size
        assert (found.y, found.x, found.z, found.unit) == (*map(pytest.approx, (0.5, 0.25, 1.5)), "um")


@pytest.mark.parametrize("name", SLICED_FORMATS)
@pytest.mark.parametrize(
    ("axes", "size"), [("zyx", PixelSize(0.5, 0.25, "um")), ("tyx", SPACED), ("yx", SPACED), ("qptzyx", SPACED)]
)
def test_no_format_makes_up_a_distance(tmp_path: Path, axes: str, size: PixelSize, name: str) -> None:
    """What is not known, or not a distance of slices, is not written: times, and planes of many axes in one."""
    (path,) = export(*sliced(axes, size), tmp_path, [name])
    assert set(distances(path)) == {(None, "um")}


def dots(count: int) -> tuple[np.ndarray, Image]:
    """So many objects of one pixel."""
    side = 2 * int(np.ceil(np.sqrt(count)))
    mask = np.zeros((1, side, side), np.uint8)
    mask[0, ::2, ::2] = (np.arange(side**2 // 4) < count).reshape(side // 2, side // 2)
    return mask, Image("dots", mask[0], "yx")


@pytest.mark.parametrize("count", [3, 65535, 65536, 70000])
def test_object_numbers_of_any_count(tmp_path: Path, count: int) -> None:
    """The label TIFF keeps every number, in 16 bits where that is enough, else in 32."""
    mask, image = dots(count)
    numbers = find_objects(mask, AS_PAINTED).numbers
    assert numbers.max() == count
    (tiff,) = export(mask, image, tmp_path, ["objects"], AS_PAINTED)
    stored = tifffile.imread(tiff)
    assert stored.dtype == (np.uint16 if count <= 65535 else np.uint32)
    assert np.array_equal(stored, numbers[0])


def test_every_object_file_holds_70000(tmp_path: Path) -> None:
    """NPY, OME-Zarr, GeoJSON and COCO keep 70,000 objects apart."""
    count = 70000
    mask, image = dots(count)
    numbers = find_objects(mask, AS_PAINTED).numbers
    names = ["npy", "ome-zarr", "coco", "geojson"]
    _, array, group, coco, geo = export(mask, image, tmp_path, names, AS_PAINTED)
    for found in (np.load(array), zarr.open_array(group / "labels" / "objects" / "0", mode="r")[:]):
        assert np.array_equal(found, numbers[0])
    assert len(json.loads(coco.read_text())["annotations"]) == len(json.loads(geo.read_text())["features"]) == count


def test_object_tiff_opens_elsewhere(tmp_path: Path) -> None:
    """Pillow reads the label image that tifffile wrote."""
    mask = np.kron(np.eye(4, dtype=np.uint8), np.ones((3, 3), np.uint8))[np.newaxis]
    image = Image("cells", mask[0], "yx")
    (path,) = export(mask, image, tmp_path, ["objects"], AS_PAINTED)
    with PillowImage.open(path) as file:
        assert np.array_equal(np.asarray(file), find_objects(mask, AS_PAINTED).numbers[0])


def test_npy_holds_mask_and_objects(result: tuple[np.ndarray, Image], tmp_path: Path) -> None:
    """NumPy opens both with the image's own plane axes."""
    mask, image = result
    (classes, objects), numbers, _ = written(result, tmp_path, "npy")
    assert np.array_equal(np.load(classes), mask.reshape(image.annotation_shape))
    assert np.array_equal(np.load(objects), numbers.reshape(image.annotation_shape))


def test_summary_adds_up(result: tuple[np.ndarray, Image], tmp_path: Path) -> None:
    """Objects, areas and densities of the summary are those of the objects, in pixels and in units."""
    pandas = pytest.importorskip("pandas")
    mask, image = result
    (table, path), numbers, values = written(result, tmp_path, "csv")
    rows, summary = pandas.read_csv(table), pandas.read_csv(path)
    assert len(summary) == image.planes * 3
    for row in summary.itertuples():
        mine = rows[(rows["plane"] == row.plane) & (rows["class"] == row[3])]
        assert row.objects == len(mine)
        assert row.object_area_px == mine["area_px"].sum() == (values[numbers[row.plane]] == row[3]).sum()
        assert row.object_area_fraction == pytest.approx(row.object_area_px / (17 * 23))
        assert row.mask_area_px == (mask[row.plane] == row[3]).sum()
        assert row.mask_area_fraction == pytest.approx(row.mask_area_px / (17 * 23))
        assert row.mask_area_um2 == pytest.approx(row.mask_area_px * 0.125)
        assert row.objects_per_um2 == pytest.approx(row.objects / (17 * 23 * 0.125))


def test_the_areas_of_the_summary_are_those_of_the_files(tmp_path: Path) -> None:
    """The sum of mask areas is that of the mask file, the sum of object areas that of the objects file and table.

    With a hole, specks that are left out, and a border class whose pixels go to the objects.
    """
    mask = np.zeros((2, 40, 60), np.uint8)
    mask[:, 5:25, 5:25] = 1
    mask[:, 10:12, 10:12] = 0
    mask[:, 5:25, 25:27] = 2
    mask[:, 5:25, 27:45] = 1
    mask[0, 32, 3:50:3] = 1
    image = Image("cells", np.zeros((2, 40, 60), np.uint8), "zyx", PixelSize())
    settings = Settings(object_minimum=20, object_border=3)
    table, path, classes, objects = export(mask, image, tmp_path, ["csv", "tiff", "objects"], settings)
    in_mask, in_objects = tifffile.imread(classes), tifffile.imread(objects)
    with open(path, encoding="utf-8") as file:
        summary = list(csv.DictReader(file))
    with open(table, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for value in (1, 2, 3):
        mine = [row for row in summary if row["class"] == str(value)]
        assert sum(int(row["mask_area_px"]) for row in mine) == np.count_nonzero(in_mask == value)
        listed = sum(int(row["area_px"]) for row in rows if row["class"] == str(value))
        assert sum(int(row["object_area_px"]) for row in mine) == listed
    assert sum(int(row["object_area_px"]) for row in summary) == np.count_nonzero(in_objects)
    border = [row for row in summary if row["class"] == "2"]
    assert [int(row["mask_area_px"]) for row in border] == [40, 40]
    assert [int(row["object_area_px"]) for row in border] == [0, 0]


def test_montage_shows_image_and_outlines(tmp_path: Path) -> None:
    """The right half has the class's colour on the rim of an object and the image everywhere else."""
    mask = np.zeros((1, 20, 30), np.uint8)
    mask[0, 5:15, 5:15] = 2
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30)).astype(np.uint8)
    (path,) = export(mask, Image("a", pixels, "yx"), tmp_path, ["montage"], SETTINGS)
    with PillowImage.open(path) as file:
        picture = np.asarray(file)
    assert picture.shape == (20, 64, 3)
    changed = (picture[:, 34:] != picture[:, :30]).any(axis=2)
    rim = np.zeros((20, 30), bool)
    rim[5:15, 5:15] = True
    rim[6:14, 6:14] = False
    assert np.array_equal(changed, rim)
    assert (picture[:, 34:][rim] == CLASSES[2].colour).all()


@pytest.mark.parametrize("side", [1536, 2048, 2101])
def test_montage_of_a_pyramid_is_that_of_its_pixels(tmp_path: Path, side: int) -> None:
    """Whatever the sizes of its coarser resolutions are: objects have none, so outlines would not lie on them."""
    mask = np.zeros((1, 40, side), np.uint8)
    mask[0, 10:20, 100:700] = 2
    image = Image("a", np.random.default_rng(0).integers(0, 255, mask.shape[1:]).astype(np.uint8), "yx")
    pyramid = replace(image, coarser=(image.pixels[::2, ::2], image.pixels[::4, ::4]))
    pictures = [export(mask, each, tmp_path, ["montage"], SETTINGS)[0].read_bytes() for each in (image, pyramid)]
    assert pictures[0] == pictures[1]


def test_every_format_has_a_reader_here() -> None:
    """docs/formats.md has a line for every format, and names tests that exist."""
    book = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
    source = "".join(path.read_text("utf-8") for path in Path(__file__).parents[1].rglob("test_*.py"))
    for name in FORMATS:
        assert f"`{name}`" in book
    named = re.findall(r"`(test_\w+)`", book)
    assert len(named) > 10
    assert [name for name in named if f"def {name}(" not in source] == []
