"""Laws of what napari opens and saves with us: projects, and layers in our formats."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import yaml
from PIL import Image as PillowImage

pytest.importorskip("napari")
from napari.layers import Image as NapariImage
from napari.layers import Labels
from npe2 import PluginManager, PluginManifest
from skimage import data

from napari_unet.errors import UserError
from napari_unet.gui.hooks import layer_files, sample
from napari_unet.gui.hooks.project_reader import project_reader
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.reading import open_image
from napari_unet.project.project import Project

MANIFEST = Path(layer_files.__file__).parents[2] / "napari.yaml"


@pytest.fixture
def two_image_folder(tmp_path: Path) -> Path:
    """A project of two images, one of them colour."""
    with Project(tmp_path / "p.unet") as made:
        made.add_image(Image("grey", np.arange(30.0).reshape(5, 6), "yx", PixelSize(0.5, 0.25, "um")))
        made.add_image(Image("colour", np.arange(90, dtype=np.uint8).reshape(5, 6, 3), "yxc"))
    return tmp_path / "p.unet"


@pytest.fixture
def labels() -> Labels:
    """Two planes of numbers up to 14 with a pixel size."""
    values = np.arange(2 * 5 * 7).reshape(2, 5, 7) // 5
    return Labels(values, name="cells", scale=(1, 0.5, 0.25), units=("pixel", "um", "um"), axis_labels=("z", "y", "x"))


def test_every_command_exists_and_no_other_folder_is_read(two_image_folder: Path, tmp_path: Path) -> None:
    """All that the manifest names can be imported; folders that are no project, and lists, are left to others."""
    manifest = PluginManifest.from_file(MANIFEST)
    names = {command.id: command.python_name for command in manifest.contributions.commands}
    for name in names.values():
        module, _, function = str(name).partition(":")
        assert callable(getattr(__import__(module, fromlist=["_"]), function))
    contributed = yaml.safe_load(MANIFEST.read_text())["contributions"]
    used = [c["command"] for kind in ("readers", "writers", "widgets", "sample_data") for c in contributed[kind]]
    assert set(used) <= set(names)
    assert project_reader(str(tmp_path)) is None
    assert project_reader([str(two_image_folder)]) is None
    assert project_reader(str(two_image_folder)) is not None


def test_a_project_is_read_without_a_window(two_image_folder: Path) -> None:
    """Its images come as layers, with their names, colours and pixel sizes."""
    read = project_reader(str(two_image_folder))
    assert read is not None
    (grey, grey_meta, kind), (colour, colour_meta, _) = read(str(two_image_folder))
    assert kind == "image"
    np.testing.assert_array_equal(grey, np.arange(30.0).reshape(5, 6))
    assert (grey_meta["name"], grey_meta["scale"], grey_meta["units"]) == ("grey", (0.5, 0.25), ("um", "um"))
    assert colour.shape == (5, 6, 3)
    assert colour_meta["rgb"]


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["labels"], {"labels as TIFF (ImageJ)", "labels as PNG (up to 255)"}),
        (["image", "labels"], {"image and labels as OME-Zarr"}),
        (["image"], set()),
        (["points"], set()),
    ],
)
def test_napari_offers_our_formats_for_labels_only(kinds: list[str], expected: set[str]) -> None:
    """As Save Selected Layers asks for them."""
    manager = PluginManager()
    manager.register(PluginManifest.from_file(MANIFEST))
    found = manager.iter_compatible_writers(kinds)
    assert {writer.display_name for writer in found if writer.command.startswith("napari-unet-live.")} == expected


def test_labels_are_saved_as_they_are(labels: Labels, tmp_path: Path) -> None:
    """TIFF with planes, axes and pixel size; PNG for each plane; the endings are ours, whichever way they are asked."""
    layer_data, meta, _ = labels.as_layer_data_tuple()
    for name, ending in (("a", ""), ("b", ".tif"), ("c", ".tiff")):
        (path,) = layer_files.write_labels_tiff(str(tmp_path / f"{name}.b{ending}"), layer_data, meta)
        assert Path(path).name == f"{name}.b.tif"
        np.testing.assert_array_equal(tifffile.imread(path), labels.data)
        found = open_image(Path(path))
        assert found.axes == "zyx"
        assert (found.pixel_size.y, found.pixel_size.x) == pytest.approx((0.5, 0.25))
    paths = layer_files.write_labels_png(str(tmp_path / "c.png"), layer_data, meta)
    assert [Path(path).name for path in paths] == ["c_p000.png", "c_p001.png"]
    np.testing.assert_array_equal([np.asarray(PillowImage.open(path)) for path in paths], labels.data)


@pytest.mark.parametrize(
    ("write", "chosen", "kept"),
    [
        (layer_files.write_labels_tiff, "cells", "cells.tif"),
        (layer_files.write_labels_tiff, "cells.tiff", "cells.tif"),
        (layer_files.write_labels_tiff, "cells.ome.tif", "cells.tif"),
        (layer_files.write_labels_png, "cells", "cells_p001.png"),
        (layer_files.write_labels_png, "cells.png", "cells_p001.png"),
    ],
)
def test_a_file_that_napari_did_not_ask_about_is_kept(
    labels: Labels, tmp_path: Path, write: Callable[..., list[str]], chosen: str, kept: str
) -> None:
    """The ending and the number of the plane come behind the name that was chosen, and an image may be called so."""
    (tmp_path / kept).write_bytes(b"somebody's image")
    layer_data, meta, _ = labels.as_layer_data_tuple()
    with pytest.raises(UserError, match=r"^NU-E08: .*did not ask"):
        write(str(tmp_path / chosen), layer_data, meta)
    assert [path.name for path in tmp_path.iterdir()] == [kept]
    assert (tmp_path / kept).read_bytes() == b"somebody's image"


def test_a_file_that_napari_asked_about_is_replaced(labels: Labels, tmp_path: Path) -> None:
    """It has the very name that was chosen."""
    layer_data, meta, _ = labels.as_layer_data_tuple()
    (tmp_path / "cells.tif").write_bytes(b"earlier labels")
    (path,) = layer_files.write_labels_tiff(str(tmp_path / "cells.tif"), layer_data, meta)
    np.testing.assert_array_equal(tifffile.imread(path), labels.data)


def test_labels_on_every_channel_are_saved(tmp_path: Path) -> None:
    """A new labels layer over an image with channels has them too; with such an image, which has one plane, refused."""
    image = NapariImage(np.zeros((2, 30, 40)), axis_labels=("c", "y", "x"))
    painted = Labels(np.arange(2400).reshape(2, 30, 40) % 7, axis_labels=image.axis_labels)
    layer_data, meta, _ = painted.as_layer_data_tuple()
    (path,) = layer_files.write_labels_tiff(str(tmp_path / "a.tif"), layer_data, meta)
    np.testing.assert_array_equal(tifffile.imread(path), painted.data)
    paths = layer_files.write_labels_png(str(tmp_path / "a.png"), layer_data, meta)
    np.testing.assert_array_equal([np.asarray(PillowImage.open(path)) for path in paths], painted.data)
    layers: list[Any] = [image.as_layer_data_tuple(), painted.as_layer_data_tuple()]
    with pytest.raises(UserError, match=r"^NU-E04: the labels have 2 planes and the image 1"):
        layer_files.write_image_and_labels(str(tmp_path / "a.zarr"), layers)


def test_large_numbers_are_kept_or_refused(labels: Labels, tmp_path: Path) -> None:
    """16 bits in TIFF; what a format cannot hold is told, and nothing is written."""
    _, meta, _ = labels.as_layer_data_tuple()
    large = labels.data * 4000
    (path,) = layer_files.write_labels_tiff(str(tmp_path / "large.tif"), large, meta)
    np.testing.assert_array_equal(tifffile.imread(path), large)
    before = sorted(tmp_path.iterdir())
    for write, values in (
        (layer_files.write_labels_png, large),
        (layer_files.write_labels_tiff, labels.data * 70000),
        (layer_files.write_labels_tiff, labels.data - 1),
    ):
        with pytest.raises(UserError, match=r"^NU-E07: "):
            write(str(tmp_path / "no.tif"), values, meta)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("turned", [False, True])
def test_image_and_labels_become_one_ome_zarr(labels: Labels, tmp_path: Path, turned: bool) -> None:
    """Whichever layer comes first; the numbers are those of the layer."""
    pixels = np.random.default_rng(0).integers(0, 999, labels.data.shape).astype(np.uint16)
    image = NapariImage(pixels, name="pixels", scale=labels.scale, units=labels.units, axis_labels=("z", "y", "x"))
    layers: list[Any] = [image.as_layer_data_tuple(), labels.as_layer_data_tuple()]
    (path,) = layer_files.write_image_and_labels(str(tmp_path / "x.zarr"), layers[::-1] if turned else layers)
    assert Path(path).name == "x.ome.zarr"
    found = open_image(Path(path))
    np.testing.assert_array_equal(np.asarray(found.pixels), pixels)
    assert json.loads((Path(path) / "zarr.json").read_text())["attributes"]["ome"]["multiscales"][0]["name"] == "pixels"
    import zarr

    np.testing.assert_array_equal(zarr.open_array(path, path="labels/classes/0", mode="r")[:], labels.data)


def test_an_ome_zarr_that_napari_did_not_ask_about_stays(labels: Labels, tmp_path: Path) -> None:
    """The ending .zarr is chosen, .ome.zarr is written: saved again so, what lies there is somebody's."""
    image = NapariImage(np.zeros(labels.data.shape), axis_labels=("z", "y", "x"))
    layers: list[Any] = [image.as_layer_data_tuple(), labels.as_layer_data_tuple()]
    (path,) = layer_files.write_image_and_labels(str(tmp_path / "x.zarr"), layers)
    before = [(each, each.stat().st_mtime_ns) for each in sorted(Path(path).rglob("*"))]
    with pytest.raises(UserError, match=r"^NU-E08: .*did not ask"):
        layer_files.write_image_and_labels(str(tmp_path / "x.zarr"), layers)
    assert [(each, each.stat().st_mtime_ns) for each in sorted(Path(path).rglob("*"))] == before
    assert layer_files.write_image_and_labels(path, layers) == [path]


def test_a_sample_that_cannot_be_downloaded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line instead of a traceback; with a connection it is an image layer."""

    def no_network() -> None:
        raise OSError("name or service not known\nand more")

    monkeypatch.setattr(data, "human_mitosis", no_network)
    with pytest.raises(UserError, match=r"^NU-I18: .*not known and more\), "):
        sample.dividing_nuclei()
    monkeypatch.setattr(data, "human_mitosis", lambda: np.zeros((4, 5), np.uint8))
    ((pixels, meta, kind),) = sample.dividing_nuclei()
    assert (pixels.shape, meta["name"], kind) == ((4, 5), "dividing nuclei", "image")
