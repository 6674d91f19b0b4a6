"""Files dropped on napari: a layer that says nothing of its axes is what its file says."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.layers import Image as NapariImage
from PIL import Image as Picture
from window import User, messages, settle

from napari_unet.cli import main
from napari_unet.gui.layers import source
from napari_unet.gui.layers.layer_file import FILE
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.reading import open_image
from napari_unet.project.project import Project

HYPERSTACK = (2, 3, 4, 64, 80)


def hyperstack(folder: Path) -> Path:
    """Two times, three slices, four channels, as ImageJ saves them, in micrometres."""
    path = folder / "hyperstack.tif"
    pixels = np.random.default_rng(0).integers(0, 999, HYPERSTACK).astype(np.uint16)
    calibration = {"resolution": (1 / 0.2, 1 / 0.25), "metadata": {"axes": "TZCYX", "unit": "um"}}
    tifffile.imwrite(path, pixels, imagej=True, **calibration)
    return path


def colours_in_planes(folder: Path) -> Path:
    """A colour picture whose red, green and blue are stored one after the other."""
    path = folder / "planes.tif"
    pixels = np.random.default_rng(1).integers(0, 255, (3, 64, 80), np.uint8)
    tifffile.imwrite(path, pixels, photometric="rgb", planarconfig="separate")
    return path


def layer_of(path: Path, pixels: Any = None, **given: Any) -> NapariImage:
    """A layer as napari's own reader makes it: bare pixels, and the name of the file."""
    data = tifffile.imread(path) if pixels is None else pixels
    return NapariImage(data, name=path.stem, metadata={FILE: str(path)}, **given)


def test_axes_channels_and_pixel_size_are_those_of_the_file(tmp_path: Path) -> None:
    """Channels in the middle are channels, and lengths are in micrometres."""
    path = hyperstack(tmp_path)
    image, file = source.image_of(layer_of(path))
    assert (image.name, file) == ("hyperstack", path)
    assert (image.axes, image.channels, image.planes) == ("tzcyx", 4, 6)
    assert (image.pixel_size.y, image.pixel_size.x) == (pytest.approx(0.25), pytest.approx(0.2))
    assert image.pixel_size.unit == "um"


def test_stored_planes_of_colours_are_colours(tmp_path: Path) -> None:
    """They are the channels that the command line finds in the same file."""
    path = colours_in_planes(tmp_path)
    image, file = source.image_of(layer_of(path))
    assert (image.channels, image.planes, file) == (3, 1, path)
    assert image.fingerprint() == open_image(path).fingerprint()


@pytest.mark.parametrize("axes", ["tzcyx", "ctzyx"])
@pytest.mark.parametrize("long", [True, False])
def test_the_order_of_axes_may_be_that_of_our_own_layers(tmp_path: Path, axes: str, long: bool) -> None:
    """Channels may have come first, and axes of length 1 may have stayed."""
    path = hyperstack(tmp_path)
    order = ["tzcyx".index(axis) for axis in axes]
    pixels = tifffile.imread(path).transpose(order)
    image, file = source.image_of(layer_of(path, pixels[np.newaxis] if long else pixels))
    assert (image.axes, image.channels, file) == ("tzcyx", 4, path)


def test_what_the_layer_says_itself_counts(tmp_path: Path) -> None:
    """Its names of axes, and its scale, are somebody's choice; so is the tick for channels where the file has none."""
    path = hyperstack(tmp_path)
    named, _ = source.image_of(layer_of(path, axis_labels=("a", "b", "t", "y", "x")))
    assert named.axes == "abtyx"
    scaled, _ = source.image_of(layer_of(path, scale=(1, 1, 1, 3, 3), units=("pixel",) * 3 + ("nm", "nm")))
    assert (scaled.axes, scaled.pixel_size) == ("tzcyx", PixelSize(3.0, 3.0, "nm"))
    stack = tmp_path / "stack.tif"
    tifffile.imwrite(stack, np.zeros((3, 64, 80), np.uint8), photometric="minisblack")
    assert source.image_of(layer_of(stack), channels_first=True)[0].axes == "cyx"


def test_other_pixels_are_not_the_files(tmp_path: Path) -> None:
    """A layer whose pixels were changed, or another file, has its own axes and no file."""
    path = hyperstack(tmp_path)
    image, file = source.image_of(layer_of(path, tifffile.imread(path) + np.uint16(1)))
    assert (image.axes, image.channels, file) == ("wtzyx", 1, None)
    path.write_bytes(b"no image")
    image, file = source.image_of(layer_of(path, np.zeros(HYPERSTACK, np.uint16)))
    assert (image.axes, image.pixel_size, file) == ("wtzyx", PixelSize(), None)


def test_an_image_that_joined_under_other_axes_is_known(tmp_path: Path) -> None:
    """Projects of before have the layer's axes: the image is found in them, and they are where it belongs."""
    path = hyperstack(tmp_path)
    layer = layer_of(path)
    with Project(tmp_path / "hyperstack.unet") as project:
        record = project.images.add(source.image_in(layer), path)
        assert record.axes == "wtzyx"
        assert source.known_image(layer, False, project.images.all()) == record
    image, file = source.image_of(layer)
    assert source.default_project(layer, image, file) == tmp_path / "hyperstack.unet"


def test_the_longest_name_of_a_file_leaves_room_for_project_and_results(tmp_path: Path) -> None:
    """File systems take 255 bytes, and both add some letters to it."""
    file = tmp_path / f"{'n' * 251}.tif"
    folder = source.default_project(None, Image("cells", np.eye(9), "yx"), file)
    for path in (folder, folder.with_name(f"{folder.stem}-results")):
        path.mkdir()
        assert len(os.fsencode(path.name)) <= 255


def dropped(viewer: Any, path: Path) -> User:
    """A user who dropped a file on napari and then opened the panel."""
    viewer.open(str(path), plugin="napari")
    return User(viewer)


def test_a_dropped_hyperstack_comes_up_with_its_channels(viewer: Any, tmp_path: Path) -> None:
    """Our layers cannot lie over channels in the middle, so the image comes up as a layer with channels first."""
    user = dropped(viewer, hyperstack(tmp_path))
    record = user.panel.controller.image
    assert (record.axes, record.channels, record.pixel_size.unit) == ("tzcyx", 4, "um")
    assert user.painted.shape == (2, 3, 64, 80)
    theirs, ours = [layer for layer in viewer.layers if isinstance(layer, NapariImage)]
    assert (theirs.visible, ours.visible) == (False, True)
    assert ours.data.shape == (4, 2, 3, 64, 80)
    np.testing.assert_allclose(ours.scale, (1, 1, 1, 0.25, 0.2))
    user.draw(1, (20, 20), (20, 60))
    assert user.stored(user.panel.canvas.watcher.plane)[20, 40] == 1


def test_the_sliders_of_a_dropped_hyperstack_are_those_of_its_image(viewer: Any, tmp_path: Path) -> None:
    """The user's own layer, hidden below ours, has its axes in another order: more channels, and other steps in z."""
    path = tmp_path / "hyper.tif"
    pixels = np.random.default_rng(0).integers(0, 99, (5, 2, 64, 80), np.uint16)
    metadata = {"axes": "ZCYX", "spacing": 1.5, "unit": "um"}
    tifffile.imwrite(path, pixels, imagej=True, resolution=(4, 4), metadata=metadata)
    user = dropped(viewer, path)
    assert user.panel.canvas.image.data.shape == (2, 5, 64, 80)
    assert viewer.dims.point[0] in (0, 1)
    assert viewer.dims.range[1].step == 1.5
    planes = []
    for step in range(viewer.dims.nsteps[1]):
        viewer.dims.set_current_step(1, step)
        settle(seconds=0.1)
        planes.append(user.panel.canvas.watcher.plane)
    assert planes == [0, 1, 2, 3, 4]


def test_a_dropped_picture_of_colour_planes_has_channels(viewer: Any, tmp_path: Path) -> None:
    """The layer stays where it is, its first axis is channels, and strokes are of the one plane."""
    path = colours_in_planes(tmp_path)
    user = dropped(viewer, path)
    record = user.panel.controller.image
    assert (record.channels, record.planes, record.path) == (3, 1, path)
    assert user.panel.head.channels_first.isChecked()
    assert user.painted.shape == (64, 80)
    user.draw(1, (20, 20), (20, 60))
    assert user.stored()[20, 40] == 1


@pytest.mark.parametrize(("orientation", "mode", "told"), [(1, "RGB", 0), (3, "RGB", 1), (1, "CMYK", 1)])
def test_a_picture_that_napari_reads_otherwise_is_told(
    viewer: Any, tmp_path: Path, orientation: int, mode: str, told: int
) -> None:
    """Masks of the command line, which reads the file, stood on their head beside what was painted on a photo."""
    path = tmp_path / "photo.jpg"
    exif = Picture.Exif()
    exif[0x0112] = orientation
    pixels = np.random.default_rng(1).integers(0, 255, (64, 80, 3), np.uint8)
    Picture.fromarray(pixels).convert(mode).save(path, exif=exif)
    user = dropped(viewer, path)
    assert user.panel.controller.image.inside == bool(told)
    assert [line.split(":")[0] for line in messages()] == ["NU-I22"] * told


@pytest.mark.torch
def test_what_is_learned_on_colour_planes_predicts_the_same_file(viewer: Any, tmp_path: Path) -> None:
    """The mask of the command line, which reads the file itself, is the prediction in the window."""
    path = tmp_path / "planes.tif"
    pixels = np.random.default_rng(1).integers(0, 90, (3, 64, 80), np.uint8)
    pixels[0, 32:] += 150  # red below
    tifffile.imwrite(path, pixels, photometric="rgb", planarconfig="separate")
    user = dropped(viewer, path)
    user.draw(1, (10, 20), (10, 60))
    user.draw(2, (50, 20), (50, 60))
    assert settle(lambda: (user.panel.canvas.prediction.data > 0).all())
    user.panel.training.button.click()
    assert settle(
        lambda: user.panel.training.progress.state == "paused" and not user.panel.training.progress.waiting_tiles
    )
    prediction = np.asarray(user.panel.canvas.prediction.data)
    assert (prediction[:28] == 1).mean() > 0.9
    assert (prediction[36:] == 2).mean() > 0.9
    project = user.panel.controller.project.folder
    assert main(["predict", str(path), "--model", str(project), "--out", str(tmp_path / "out"), "--device", "cpu"]) == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "planes.tif"), prediction - 1)
